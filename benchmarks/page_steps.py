"""The part of the page that tells each step on each engine, and how it grows."""

from __future__ import annotations

from math import log

from benchmarks.tables import Result, Results, cpu_of, in_group, judged, markdown, result, rows_per_cpu_s

ENGINES = {"duckdb": "DuckDB", "postgres": "PostgreSQL", "spark": "Spark"}
RUNS = {f"steps-{engine}": name for engine, name in ENGINES.items()} | {"first-night": "DuckDB, a first night"}


def one_customer(results: Results) -> str:
    """Tell what building costs if all orders are one customer's, beside the same orders of many customers."""
    rows = []
    for one in in_group(results, "one-customer"):
        engine = one["name"].removeprefix("one-customer-")
        many = result(results, f"steps-{engine}", one["orders"])
        for step in one["figures"]["steps"]:
            usual = many and step_of(many, step["step"])
            rows.append(
                (ENGINES[engine], step["step"], f"{one['orders']:,}", f"{cpu_of(step):.1f}",
                 f"{cpu_of(usual):.1f}" if usual else "", f"{step['peak_mb']:,.0f}",
                 f"{usual['peak_mb']:,.0f}" if usual else "")
            )  # fmt: skip
    head = ("", "step", "orders", "CPU s", "of many customers", "peak MB", "of many customers")
    return f"## All orders of one customer\n\n{markdown(head, rows)}" if rows else ""


def section(results: Results) -> str:
    """Tell each step on each engine: its figures by size, and the exponent of its growth."""
    rows = [row for name in RUNS for row in _rows(results, name)]
    if not rows:
        return ""
    head = (
        "",
        "step",
        "orders",
        "rows",
        "wall s",
        "CPU s",
        "of it the server's",
        "peak MB",
        "rows per CPU s",
        "exponent",
    )
    return f"## Every step on every engine\n\n{markdown(head, rows)}\n{_targets(results)}"


def _rows(results: Results, run: str) -> list[tuple[str, ...]]:
    measured = by_size(results, run)
    rows = []
    for name in [step["step"] for step in measured[0]["figures"]["steps"]] if measured else ():
        for at, one in enumerate(measured):
            step = step_of(one, name)
            grown = exponent(measured[at - 1], one, name) if at else None
            rows.append(
                (RUNS[run], name, f"{one['orders']:,}", f"{step['rows']:,}", f"{step['wall_s']:.1f}",
                 f"{cpu_of(step):.2f}", f"{step['server_cpu_s']:.2f}" if step["server_cpu_s"] else "",
                 f"{step['peak_mb']:,.0f}", f"{rows_per_cpu_s(step):,.0f}", "" if grown is None else f"{grown:.2f}")
            )  # fmt: skip
    return rows


def by_size(results: Results, name: str) -> list[Result]:
    """Return the runs of one measurement, the smallest portfolio first."""
    return sorted((one for one in results.values() if one["name"] == name), key=lambda one: int(one["orders"]))


def exponent(smaller: Result, larger: Result, name: str) -> float:
    """Return by what power of the number of orders the CPU seconds of a step grew; 1 is linear."""
    return log(cpu_of(step_of(larger, name)) / cpu_of(step_of(smaller, name)), larger["orders"] / smaller["orders"])


def step_of(one: Result, name: str) -> Result:
    """Return the figures of one step."""
    measured: Result = next(step for step in one["figures"]["steps"] if step["step"] == name)
    return measured


def _targets(results: Results) -> str:
    small, large = (result(results, "steps-duckdb", orders) for orders in (100_000, 1_000_000))
    usual, huge = (result(results, "first-night", orders) for orders in (1_000_000, 10_000_000))
    spark_small, spark = (result(results, "steps-spark", orders) for orders in (100_000, 1_000_000))
    nightly = ("build to score", "score")

    def cost(one: Result | None, steps: tuple[str, ...]) -> float | None:
        return one and sum(cpu_of(step_of(one, name)) for name in steps)

    def times(above: float | None, below: float | None) -> float | None:
        return above / below if above is not None and below else None

    layers = ("build to train", *nightly)
    memory = huge and max(step_of(huge, name)["peak_mb"] for name in (*nightly, "publish")) / 1024
    return judged(
        [
            ("DuckDB, a first night from 1 to 10 million orders: build to score, and scores, at most 12 times",
             times(cost(huge, nightly), cost(usual, nightly)), lambda v: v <= 12, "{:.1f}"),
            ("… and at most 4 GB", memory, lambda v: v <= 4, "{:.2f}"),
            ("Spark at 1 million orders, building and scoring: at most 5 times DuckDB's CPU s",
             times(cost(spark, layers), cost(large, layers)), lambda v: v <= 5, "{:.1f}"),
            ("Spark from 100 thousand to 1 million orders: at most 6 times",
             times(cost(spark, layers), cost(spark_small, layers)), lambda v: v <= 6, "{:.1f}"),
            ("for comparison, DuckDB from 100 thousand to 1 million orders, times",
             times(cost(large, layers), cost(small, layers)), lambda v: v <= 12, "{:.1f}"),
        ]
    )  # fmt: skip

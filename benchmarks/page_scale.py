"""Results → docs/scale.md: what was measured, and what is calculated from it."""

from __future__ import annotations

from pathlib import Path
from string import Template

from benchmarks.page_steps import ENGINES, by_size, exponent, one_customer, step_of
from benchmarks.tables import Result, Results, cpu_of, markdown, result
from payrec.simulate.customer_behaviour import USUAL
from payrec.worklist import rank

TEMPLATE = Path(__file__).with_name("scale.md")
NIGHTLY = ("build to score", "score", "publish")
SNAPSHOTS = (10_000_000, 1_000_000_000, 100_000_000_000)
CORES = (2, 64, 1_000)
MILLION = 1_000_000
GB = 1e9


def write(results: Results, path: Path) -> None:
    """Fill the page in from the measured steps; nothing is written before they were measured."""
    runs = {engine: _sizes(results, f"steps-{engine}") for engine in ENGINES}
    first_nights = _sizes(results, "first-night")
    if not all(len(sizes) > 1 for sizes in (*runs.values(), first_nights)):
        return
    parts = {
        "portfolio": _portfolio(runs["duckdb"][-1]),
        "many_orders": f"of some {SNAPSHOTS[0] / _open_share(runs['duckdb'][-1]) / MILLION:.0f} million orders like these",
        "costs": _costs(runs),
        "disk": _disk(runs),
        "kept_columns": str(len(rank.SCHEMA)),
        "rank_memory": _rank_memory(first_nights[-1]),
        "one_customer": one_customer(results).replace("## ", "### "),
        "first_night": _first_night(first_nights),
        "nights": _nights({**runs, "duckdb": first_nights}),
        "incremental": _incremental(results),
    }
    path.write_text(Template(TEMPLATE.read_text(encoding="utf-8")).substitute(parts), encoding="utf-8")


def _sizes(results: Results, name: str) -> list[Result]:
    return [one for one in by_size(results, name) if one["orders"] >= 100_000]


def _open_share(run: Result) -> float:
    return float(step_of(run, "score")["rows"]) / run["orders"]


def _portfolio(run: Result) -> str:
    events = step_of(run, "load")["rows"] / run["orders"] - 1
    return (
        f"Of the made orders {USUAL.failed_share:.0%} fail at first; there are {events:.1f} events an order, and "
        f"{_open_share(run):.0%} of the orders are open when the data end."
    )


def _costs(runs: dict[str, list[Result]]) -> str:
    names = [step["step"] for step in runs["duckdb"][-1]["figures"]["steps"]]
    rows = []
    for name in names:
        cells = [name]
        for sizes in runs.values():
            last = sizes[-1]
            each = cpu_of(step_of(last, name)) / last["orders"] * MILLION
            cells.append(f"{each:.1f} ({exponent(*sizes[-2:], name):.2f})")
        rows.append(cells)
    head = ["step", *(f"{ENGINES[engine]}, at {sizes[-1]['orders']:,}" for engine, sizes in runs.items())]
    return markdown(head, rows)


def _first_night(runs: list[Result]) -> str:
    rows = [
        (step["step"], f"{one['orders']:,}", f"{step['rows']:,}", f"{step['wall_s']:.1f}", f"{step['cpu_s']:.1f}", f"{step['peak_mb']:,.0f}")
        for name in (step["step"] for step in runs[0]["figures"]["steps"])
        for one in runs
        for step in (step_of(one, name),)
    ]  # fmt: skip
    return markdown(("step", "orders", "rows", "wall s", "CPU s", "peak MB"), rows)


def _disk(runs: dict[str, list[Result]]) -> str:
    last = {engine: sizes[-1] for engine, sizes in runs.items()}
    parts = (
        f"{ENGINES[engine]} {one['figures']['kept_bytes'] / one['orders'] * MILLION / GB:.2f} GB"
        for engine, one in last.items()
    )
    files = last["duckdb"]["figures"]["file_bytes"] / last["duckdb"]["orders"] * MILLION / GB
    return f"{files:.2f} GB of Parquet for each million orders become, with every layer, " + ", ".join(parts) + "."


def _rank_memory(largest: Result) -> str:
    scored, published = step_of(largest, "score"), step_of(largest, "publish")
    peak = max(scored["peak_mb"], published["peak_mb"]) / 1024
    return f"Measured: {peak:.1f} GB at {scored['rows']:,} open orders, DuckDB's own memory included"


def _nights(runs: dict[str, list[Result]]) -> str:
    rows = []
    for wanted, cores in zip(SNAPSHOTS, CORES, strict=True):
        for engine, sizes in runs.items():
            cost = sum(_carried(sizes, name, wanted) for name in NIGHTLY) / 3600
            rows.append(
                (f"{wanted:,}", ENGINES[engine], _hours(cost), str(cores), _hours(cost / cores))
            )  # fmt: skip
    return markdown(("snapshots", "engine", "CPU hours", "cores", "hours if all were busy"), rows)


def _carried(sizes: list[Result], name: str, wanted: int) -> float:
    step = step_of(sizes[-1], name)
    return cpu_of(step) * (wanted / step["rows"]) ** max(1.0, exponent(*sizes[-2:], name))


def _hours(hours: float) -> str:
    return f"{hours:,.2f}" if hours < 10 else f"{hours:,.0f}"


def _incremental(results: Results) -> str:
    first, after = (result(results, name, MILLION) for name in ("night", "night-next"))
    if first is None or after is None:
        return "Not measured yet."
    events = after["figures"]["events_of_the_day"]
    return (
        f"A night at a million orders on DuckDB: {cpu_of(first):.1f} CPU s when everything is built, "
        f"{cpu_of(after):.1f} CPU s the night after, with {events:,} new events."
    )

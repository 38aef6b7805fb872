"""Results → the lines and tables of a page, with what was aimed at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Result = dict[str, Any]
Results = dict[str, Result]


def line(one: Result) -> str:
    """One result as a line of text."""
    text = f"{one['title']:<36} {one['orders']:>9,} orders  {one['cpu_s']:8.2f} CPU s  {one['wall_s']:8.2f} s"
    figures = one.get("figures", {})
    if "pr_auc" in figures:
        return f"{text}  PR AUC {figures['pr_auc']:.4f}  value {figures['value_expected']:.4f}"
    return f"{text}  {one['peak_mb']:7.0f} MB  {rows_per_cpu_s(one):>12,.0f} rows/CPU s"


def rows_per_cpu_s(one: Result) -> float:
    return float(one["rows"]) / max(cpu_of(one), 1e-9)


def cpu_of(one: Result) -> float:
    return float(one["cpu_s"]) + float(one.get("server_cpu_s", 0.0))


def result(results: Results, name: str, orders: int) -> Result | None:
    return results.get(f"{name}@{orders}")


def in_group(results: Results, group: str) -> list[Result]:
    rows = [one for one in results.values() if one["group"] == group]
    return sorted(rows, key=lambda one: (one["orders"], one["name"]))


def cpu_ratio(above: Result | None, below: Result | None) -> float | None:
    return None if above is None or below is None else cpu_of(above) / max(cpu_of(below), 1e-9)


def markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = list(head)
    lines = [columns, ["---", *["--:"] * (len(columns) - 1)], *map(list, rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def group_table(results: Results, group: str, title: str) -> str:
    measured = in_group(results, group)
    if not measured:
        return ""
    rows = (
        (one["title"], f"{one['orders']:,}", f"{one['rows']:,}", f"{one['wall_s']:.1f}", f"{one['cpu_s']:.2f}",
         f"{one['server_cpu_s']:.2f}" if one.get("server_cpu_s") else "", f"{one['peak_mb']:,.0f}", f"{rows_per_cpu_s(one):,.0f}")
        for one in measured
    )  # fmt: skip
    head = ("", "orders", "rows", "wall s", "CPU s", "server CPU s", "peak MB", "rows per CPU s")
    return f"## {title}\n\n{markdown(head, rows)}"


def judged(lines: Iterable[tuple[str, float | None, Callable[[float], bool], str]]) -> str:
    text = [
        f"- {what}: **{shown.format(value)}**, {'reached' if reached(value) else 'MISSED'}"
        for what, value, reached, shown in lines
        if value is not None
    ]
    return "\n".join(text) + "\n" if text else ""

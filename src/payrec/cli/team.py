"""Figures of a collections team on the terminal: report --team."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from payrec.cli import output

if TYPE_CHECKING:
    import pyarrow as pa

    from payrec.commands.team import TeamReport


class Group(StrEnum):
    """What a row of the team's figures is about."""

    owner = "owner"
    team = "team"
    week = "week"


WORK = {
    "contacts": "contacts", "customers": "customers", "reached_share": "reached", "promises": "promises",
    "kept_rate": "kept", "worked_share": "list worked",
}  # fmt: skip
MONEY = {
    "contacts_7d": "contacts", "paid_7d": "came in 7 days", "expected_7d": "expected", "contacts_30d": "contacts",
    "paid_30d": "came in 30 days", "expected_30d": "expected",
}  # fmt: skip
AGING = {
    "current": "current", "days_1_30": "1-30", "days_31_60": "31-60", "days_61_90": "61-90",
    "days_over_90": "over 90", "outstanding": "outstanding",
}  # fmt: skip
RATIOS = {
    "dso_days": "DSO", "best_dso_days": "best DSO", "average_days_delinquent": "ADD",
    "collection_effectiveness": "CEI", "days_beyond_terms": "days beyond terms",
}  # fmt: skip


def show_team(report: TeamReport, out: Path | None, as_json: Any) -> None:
    """Print the figures, or one JSON document of them."""
    document = {
        "run_id": report.run.run_id, "as_of": report.run.as_of, "per": report.per, "work": report.work.to_pylist(),
        "money": report.money.to_pylist(), "receivables": report.receivables.to_pylist(),
        "oldest_unworked_days": report.oldest_unworked_days, "file": out,
    }  # fmt: skip

    def render() -> None:
        output.say(f"13 weeks up to {report.run.as_of:%Y-%m-%d %H:%M} UTC; docs/team.md has the formulas")
        oldest = report.oldest_unworked_days
        output.say("" if oldest is None else f"longest on the list without being worked: {oldest} days")
        for title, table, columns in (
            ("contacts and promises", report.work, WORK), ("after first contacts", report.money, MONEY),
            ("outstanding by days past due", report.receivables, AGING),
            ("days, and collection effectiveness", report.receivables, RATIOS),
        ):  # fmt: skip
            _show(title, table, report.per, columns)

    output.emit(document, as_json, render, kept=f"the figures are in {out}" if out else "")


def _show(title: str, table: pa.Table, per: tuple[str, ...], columns: dict[str, str]) -> None:
    listed = [row for row in table.to_pylist() if any(row[name] for name in columns)]
    if not listed:
        output.say(f"{title}: none")
        return
    keys = [name for name in (*per, "currency") if name in table.column_names]
    rows = [
        (*(_key(row[name]) for name in keys), *(_cell(name, row[name]) for name in columns))
        for row in listed
    ]  # fmt: skip
    output.say(f"{title}:")
    output.table([*keys, *columns.values()], rows)


def _key(value: Any) -> str:
    return "–" if value is None else value if isinstance(value, str) else f"{value:%Y-%m-%d}"


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, Decimal):
        return f"{value:,.2f}"
    if isinstance(value, float):
        is_share = name.endswith(("_share", "_rate")) or name == "collection_effectiveness"
        return f"{value:.1%}" if is_share else f"{value:.1f}"
    return f"{value:,}"

"""Team: what the people who work the list did, what came of it, and how old the receivables are."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from payrec.app import formatting, list_source, parts, state
from payrec.commands.team import TeamReport, team
from payrec.monitor.team_figures import PER, Per

PERIODS = "13 weeks up to the list; contacts and promises also since then. Formulas: docs/team.md."
WORK = {
    "contacts": "Contacts", "customers": "Customers", "reached_share": "Reached", "promises": "Promises",
    "kept_rate": "Kept", "listed": "On the list", "worked_share": "List worked",
}  # fmt: skip
MONEY = {
    "contacts_7d": "Contacts, 7 days ago", "paid_7d": "Came in 7 days", "expected_7d": "Expected in 7 days",
    "contacts_30d": "Contacts, 30 days ago", "paid_30d": "Came in 30 days", "expected_30d": "Expected in 30 days",
}  # fmt: skip
AGING = {
    "current": "Not due", "days_1_30": "1 to 30 days", "days_31_60": "31 to 60 days",
    "days_61_90": "61 to 90 days", "days_over_90": "Over 90 days", "outstanding": "Outstanding",
}  # fmt: skip
RATIOS = {
    "dso_days": "DSO, days", "best_dso_days": "Best DSO, days", "average_days_delinquent": "ADD, days",
    "collection_effectiveness": "CEI", "days_beyond_terms": "Days beyond terms",
}  # fmt: skip
HELP = {
    "reached_share": "Of the contacts with an outcome, those that reached somebody.",
    "kept_rate": "Kept promises over kept and broken ones.",
    "contacts_7d": "First contacts of customers on a list that are at least 7 days old.",
    "contacts_30d": "First contacts of customers on a list that are at least 30 days old.",
    "dso_days": "Days sales outstanding: receivables × days / sales.",
    "best_dso_days": "Days sales outstanding if everybody paid when due.",
    "average_days_delinquent": "Average days delinquent: DSO − best DSO.",
    "collection_effectiveness": "Collection effectiveness index: what came in, over what could have come in.",
    "days_beyond_terms": "Days from due date to payment, weighted by amount.",
}


def show() -> None:
    """Draw the page."""
    current = state.served().current
    parts.heading("Team", current.run.stamp if current else None)
    if current is None:
        st.info("There is no published list yet, so there are no figures. Make one with `payrec run`.")
        return
    st.caption(PERIODS)
    group = st.segmented_control(
        "Rows", ["Total", *(f"By {name}" for name in PER)], default="Total", required=True, key="per",
        bind="query-params", label_visibility="collapsed",
    )  # fmt: skip
    per = tuple(name for name in PER if group == f"By {name}")
    key = state.chosen_source().key, current.run.run_id, state.actions(), per
    report = state.of_session("team_report", key, lambda: _report(per))
    _figures(report)
    for title, table, columns in (
        ("Contacts and promises", report.work, WORK), ("After first contacts", report.money, MONEY),
        ("Outstanding by days past due", report.receivables, AGING),
        ("How fast money comes", report.receivables, RATIOS),
    ):  # fmt: skip
        st.subheader(title, anchor=False)
        _table(title, table, per, columns)


def _report(per: tuple[Per, ...]) -> TeamReport:
    with list_source.store_of(state.chosen_source()) as store:
        return team(store, per)


def _figures(report: TeamReport) -> None:
    rows = report.work.to_pylist()
    contacts, promises = (sum(row[name] for row in rows) for name in ("contacts", "promises"))
    kept, broken, listed, worked = (sum(row[name] for row in rows) for name in ("kept", "broken", "listed", "worked"))
    oldest = report.oldest_unworked_days
    parts.figures(
        [
            ("Contacts", f"{contacts:,}", "in 13 weeks", ""),
            ("Promises", f"{promises:,}", f"{kept:,} kept, {broken:,} broken", "The others are live."),
            ("List worked", formatting.share(worked / listed if listed else None), f"{worked:,} of {listed:,}",
             "Customers on the lists to contact who were contacted, or otherwise dealt with, before the next list."),
            ("Longest unworked", "–" if oldest is None else formatting.days(oldest), "on the list without a break", ""),
        ]
    )  # fmt: skip


def _table(title: str, table: pa.Table, per: tuple[Per, ...], columns: dict[str, str]) -> None:
    if not table.num_rows or (columns is MONEY and not pc.sum(table["contacts_7d"]).as_py()):
        st.info("No first contact is 7 days old yet." if table.num_rows else "Nothing is recorded yet.")
        return
    config = st.column_config
    named: dict[str, Any] = {"week": config.DateColumn("Week of", format="D MMM YYYY")}
    named |= {name: config.TextColumn(name.capitalize()) for name in ("owner", "team", "currency")}
    keys = [name for name in (*per, "currency") if name in table.column_names]
    formats: dict[str, Any] = {name: named[name] for name in keys}
    for name, label in columns.items():
        kind = table.schema.field(name).type
        is_share = name.endswith(("_share", "_rate")) or name == "collection_effectiveness"
        shape = "accounting" if pa.types.is_decimal(kind) else "localized"
        shape = "%.1f%%" if is_share else "%.1f" if pa.types.is_floating(kind) else shape
        if is_share:
            table = table.set_column(table.column_names.index(name), name, pc.multiply(table[name], 100.0))
        formats[name] = config.NumberColumn(label, format=shape, help=HELP.get(name))
    parts.table(table.select(list(formats)), formats, f"team_{title}", title)

"""Worklist: whom to contact first, from the list that is published now."""

from __future__ import annotations

from typing import Any

import streamlit as st

from payrec.app import listing, lists, parts, shown, state
from payrec.charts import portfolio


def show() -> None:
    """Draw the page."""
    current, file = state.served().current, state.list_file()
    if current is None or file is None:
        _nothing_yet()
        return
    told = state.chosen_source().told
    parts.heading("Worklist", current.run.stamp, told)
    shown_list = lists.Shown(file, current.run)
    view, found = lists.ask(shown_list)
    lists.show(shown_list, view, found)
    _months()


def _nothing_yet() -> None:
    parts.heading("Worklist", None)
    st.info(
        f"There is no published list in the {shown.literal(state.chosen_source().told)} yet. "
        "Make one with `payrec run`, try it on made data with `payrec demo`, or score a file of your own here."
    )
    from payrec.app.views import connect, score_file

    st.page_link(
        st.Page(score_file.show, title="Score a file", url_path="score"),
        label="Score a file",
        icon=":material/upload_file:",
    )
    st.page_link(
        st.Page(connect.show, title="Connect", url_path="connect"),
        label="Connect to a database",
        icon=":material/database:",
    )


def _months() -> None:
    path = state.detail_file("months")
    if path is None:
        return
    with st.expander("Failed volume and recovery, by month of billing", expanded=True):
        months = listing.months(path, None).to_pandas()
        currencies = listing.query("SELECT DISTINCT currency FROM read_parquet($file) ORDER BY 1", {"file": str(path)})
        left, right = st.columns([3, 2], gap="large")
        with left:
            parts.chart(portfolio.recovery(months), portfolio.recovery_text(months), "months")
        with right:
            names: list[Any] = currencies["currency"].to_pylist()
            unit = st.selectbox("Money in", names, key="months_currency", index=_largest(names))
            rows = listing.months(path, unit)
            config = st.column_config
            columns = {
                "billing_month": config.DateColumn("Month", format="MMM YYYY"),
                "failed_orders": config.NumberColumn("Failed", format="localized"),
                "failed": config.NumberColumn(f"Failed, {unit}", format="accounting"),
                "recovered": config.NumberColumn(f"Recovered, {unit}", format="accounting"),
            }
            parts.table(rows.slice(max(rows.num_rows - 12, 0)), columns, "months_table", f"Months of billing, {unit}")


def _largest(names: list[str]) -> int:
    return names.index("EUR") if "EUR" in names else 0

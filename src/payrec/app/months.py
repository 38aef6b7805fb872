"""Failed volume and recovery by month of billing."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from payrec.app import formatting, month_query, parts, state
from payrec.charts import portfolio

MONTHS_IN_TABLE = 12


def figure(path: Path) -> tuple[str, str, str, str] | None:
    """Return the recovery rate of the newest month whose failed payments are all decided, as a key figure."""
    month = state.remembered(month_query.decided_month, path)
    if month is None:
        return None
    rate = formatting.share(month["recovered_orders"] / month["decided_orders"])
    below = f"of {month['decided_orders']:,} that failed in {month['billing_month']:%B %Y}"
    meaning = "Share of failed payments recovered, all currencies, in the newest month whose outcomes are all known."
    return "Recovery rate", rate, below, meaning


def show(path: Path, *, is_filtered: bool) -> None:
    """Draw the months: volume and rate as a chart, money as a table, one currency at a time."""
    if is_filtered:
        st.caption("All orders of each month: filters do not apply here.")
    months = month_query.months(path, None).to_pandas()
    left, right = st.columns([3, 2], gap="large")
    with left:
        parts.chart(portfolio.failed(months), portfolio.failed_text(months), "months_failed")
        parts.chart(portfolio.recovery(months), portfolio.recovery_text(months), "months")
    with right:
        unit: str = st.selectbox("Money in", month_query.month_currencies(path), key="months_currency", width=160)
        rows = month_query.months(path, unit)
        config = st.column_config
        columns = {
            "billing_month": config.DateColumn("Month", format="MMM YYYY"),
            "failed_orders": config.NumberColumn("Failed", format="localized"),
            "failed": config.NumberColumn(f"Failed, {unit}", format=formatting.number_format(unit)),
            "recovered": config.NumberColumn(f"Recovered, {unit}", format=formatting.number_format(unit)),
        }
        newest = rows.slice(max(rows.num_rows - MONTHS_IN_TABLE, 0))
        parts.table(newest, columns, "months_table", f"Months of billing, {unit}")

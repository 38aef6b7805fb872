"""Failed volume and recovery by month of billing, drawn where someone asks for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from payrec.app import formatting, list_query, parts, state
from payrec.charts import portfolio

MONTHS_IN_TABLE = 12


def figure(path: Path) -> tuple[str, str, str, str] | None:
    """Return the recovery rate of the newest month whose failed payments are all decided, as a key figure."""
    month = state.decided_month(path, path.stat().st_mtime_ns)
    if month is None:
        return None
    rate = formatting.share(month["recovered_orders"] / month["decided_orders"])
    below = f"of {month['decided_orders']:,} that failed in {month['billing_month']:%B %Y}"
    meaning = "By month of billing, of all currencies; the newest month whose failed payments are all decided."
    return "Recovered in time", rate, below, meaning


def show(path: Path) -> None:
    """Draw the months: volume and rate as a chart, money as a table, one currency at a time."""
    months = list_query.months(path, None).to_pandas()
    names: list[Any] = list_query.month_currencies(path)
    left, right = st.columns([3, 2], gap="large")
    with left:
        parts.chart(portfolio.failed(months), portfolio.failed_text(months), "months_failed")
        parts.chart(portfolio.recovery(months), portfolio.recovery_text(months), "months")
    with right:
        unit = st.selectbox("Money in", names, key="months_currency", width=160)
        rows = list_query.months(path, unit)
        newest = rows.slice(max(rows.num_rows - MONTHS_IN_TABLE, 0))
        parts.table(newest, _columns(unit), "months_table", f"Months of billing, {unit}")


def _columns(unit: str) -> dict[str, Any]:
    config = st.column_config
    return {
        "billing_month": config.DateColumn("Month", format="MMM YYYY"),
        "failed_orders": config.NumberColumn("Failed", format="localized"),
        "failed": config.NumberColumn(f"Failed, {unit}", format="accounting"),
        "recovered": config.NumberColumn(f"Recovered, {unit}", format="accounting"),
    }

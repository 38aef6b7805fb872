"""Forecast: what the open orders of the served list bring in, week by week, with intervals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from payrec.app import formatting, parts, state
from payrec.charts import portfolio
from payrec.commands import forecast
from payrec.commands.forecast import Forecast
from payrec.model.evaluate.expected_sum import ExpectedSum
from payrec.publish.folder_store import FolderStore


def show() -> None:
    """Draw the page."""
    current = state.served().current
    parts.heading("Forecast", current.run.stamp if current else None)
    if current is None:
        st.info("There is no published list yet, so there is nothing to forecast. Make one with `payrec run`.")
        return
    of = _forecast(str(state.chosen_source().folder), str(state.settings().models_dir), current.run.run_id)
    if not of.totals:
        st.info("No open order has a probability, so no payment can be forecast.")
        return
    unit = max(of.totals, key=lambda name: of.totals[name].rows)
    if len(of.totals) > 1:
        unit = st.selectbox("Currency", sorted(of.totals), sorted(of.totals).index(unit), key="unit", width=160)
    rows = _rows(of, unit)
    _figures(of.totals[unit], rows, unit)
    parts.chart(portfolio.forecast(rows, unit), portfolio.forecast_text(rows, unit), "forecast")
    _table(rows, unit)
    notes = ["Orders that fail later are not in it, so the later weeks are not all that will come in."]
    if of.left_out:
        notes.append(f"{of.left_out:,} open orders have no probability or no exchange rate and are in no sum.")
    if carried := of.totals[unit].carriers_sentence:
        notes.append(f"{carried[:1].upper()}{carried[1:]}: the sum depends on them.")
    st.caption(" ".join(notes))


@st.cache_data(max_entries=8, show_spinner="Forecasting")  # type: ignore[untyped-decorator]
def _forecast(folder: str, models: str, run_id: str) -> Any:
    return forecast.forecast(FolderStore(Path(folder)), models, weeks=None)


def _rows(of: Forecast, unit: str) -> pd.DataFrame:
    table = of.table.to_pandas()
    rows = table[table["currency"] == unit].reset_index(drop=True)
    return rows.assign(from_day=rows["from_at"].dt.strftime("%-d %b"))


def _figures(total: ExpectedSum, rows: pd.DataFrame, unit: str) -> None:
    first = rows.iloc[0]
    parts.figures(
        [
            (f"Next {len(rows)} weeks", formatting.money(total.expected / 100, unit),
             formatting.between(total.low_95 / 100, total.high_95 / 100, unit),
             "Expected money of the open orders. Below it the 95% interval."),
            ("Next 7 days", formatting.money(float(first["expected"]), unit),
             formatting.between(first["low_95"], first["high_95"], unit), ""),
            ("Orders", f"{total.rows:,}", f"open, in {unit}, with a probability", ""),
        ]
    )  # fmt: skip


def _table(rows: pd.DataFrame, unit: str) -> None:
    config = st.column_config
    money = {
        name: config.NumberColumn(f"{title}, {unit}", format=formatting.number_format(unit))
        for name, title in (
            ("expected", "Expected"), ("low_80", "80% from"), ("high_80", "to"), ("low_95", "95% from"),
            ("high_95", "up to"),
        )
    }  # fmt: skip
    days = {
        name: config.DateColumn(title, format="D MMM YYYY") for name, title in (("from_at", "From"), ("until_at", "To"))
    }
    columns = {"week": "Week", **days, **money}
    st.dataframe(
        rows[list(columns)], hide_index=True, column_config=columns, key="weeks", height="content",
        alt=f"Expected money by week, {unit}",
    )  # fmt: skip

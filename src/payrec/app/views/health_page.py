"""Health: state of the service, freshness, outcomes of past lists, drift, runs, downloads."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import streamlit as st

from payrec.app import export_log, formatting, parts, state, verdict_frames
from payrec.app.list_source import Served
from payrec.charts import service as charts
from payrec.commands.list_summary import headline
from payrec.common.text import markdown_text
from payrec.monitor import silence
from payrec.monitor.limits import limits_of
from payrec.monitor.verdicts import to_table


def show() -> None:
    """Draw the page."""
    served = state.served()
    current = served.current
    reach = headline(current.run) if current else ""
    parts.heading("Health", current.run.stamp if current else None, reach)
    if current is None:
        st.info("No run has been published yet, so there is nothing to monitor. Make one with `payrec run`.")
        return
    verdicts = verdict_frames.of_run(served.history, current.run.run_id)
    silent = silence.verdict(current.run.summary, served.runs, state.now(), limits_of(state.rules()))
    if silent:  # of now, instead of that of the run
        row = to_table([silent], current.run.run_id, current.run.as_of).to_pandas()
        verdicts = pd.concat([verdicts[verdicts["metric"] != silence.METRIC], row], ignore_index=True)
    _state(served, verdicts, state.now())
    _findings(verdicts)
    left, right = st.columns(2, gap="large")
    with left:
        _cohorts(verdicts)
    with right:
        _money(verdicts)
    _drift(verdicts)
    _runs(served)
    _exports()


def _state(served: Served, verdicts: pd.DataFrame, now: datetime) -> None:
    current = served.runs[0]
    scored_at, until = current.run.scored_at, current.run.summary.data_until
    alarms, watches = (int((verdicts["level"] == level).sum()) for level in ("alarm", "watch"))
    word = "Alarm" if alarms else "Worth a look" if watches else "All well"
    suppressed = formatting.share(current.run.summary.suppressed_share)
    parts.figures(
        [
            ("State", word, f"{alarms} alarms, {watches} to watch", "The most serious verdict of the newest run."),
            ("Scored", formatting.ago(scored_at, now), formatting.moment(scored_at), ""),
            ("Data until", formatting.moment(until).split(",")[0], formatting.ago(until, now) if until else "", ""),
            ("Not contacted", suppressed, f"of {current.orders:,} open orders", "Orders that a rule suppresses."),
        ]
    )


def _findings(verdicts: pd.DataFrame) -> None:
    serious = verdicts[verdicts["level"] != "ok"]
    if serious.empty:
        st.success("All figures of the newest run are within their limits.", icon=":material/task_alt:")
        return
    for level, title, draw, icon in (
        ("alarm", "Alarm", st.error, ":material/error:"),
        ("watch", "Worth a look", st.warning, ":material/visibility:"),
    ):
        lines = serious[serious["level"] == level]["sentence"].tolist()
        if lines:
            draw(f"**{title}**\n" + "\n".join(f"- {markdown_text(line)}" for line in lines[:12]), icon=icon)
        if len(lines) > 12:
            st.caption(f"and {len(lines) - 12} more of this kind: `payrec monitor` lists all")


def _cohorts(verdicts: pd.DataFrame) -> None:
    st.subheader("Predicted and recovered, by list", anchor=False)
    frame = verdict_frames.cohorts(verdicts)
    if frame.empty:
        st.info("No list has matured yet: its outcome is known when its horizon is over.")
        return
    parts.chart(charts.cohorts(frame), charts.cohorts_text(frame), "cohorts")


def _money(verdicts: pd.DataFrame) -> None:
    st.subheader("Expected and recovered money, by week", anchor=False)
    frame = verdict_frames.money(verdicts)
    if frame.empty:
        st.info("No week's outcome is known yet. It appears when a list has matured.")
        return
    units = sorted(frame["unit"].unique(), key=lambda unit: (unit != "EUR", unit))
    unit = st.selectbox("Currency", units, key="money_unit", width=160)
    part = frame[frame["unit"] == unit]
    parts.chart(charts.money(part, unit), charts.money_text(part, unit), "money")


def _drift(verdicts: pd.DataFrame) -> None:
    st.subheader("Drift", anchor=False)
    frame = verdict_frames.drift(verdicts)
    if frame.empty:
        st.info("Drift is measured against an earlier run of the same model; this is the first.")
        return
    limits = limits_of(state.rules())
    sentence = charts.drift_text(frame, limits.psi_watch, limits.psi_alarm)
    parts.chart(charts.drift(frame.head(15), limits.psi_watch, limits.psi_alarm), sentence, "drift")


def _runs(served: Served) -> None:
    st.subheader("Runs", anchor=False)
    levels = verdict_frames.levels(served.history)
    rows = [
        {
            "As of": one.run.as_of,
            "Scored": one.run.scored_at,
            "Run": one.run.run_id,
            "Model": one.run.model_id,
            "Open orders": one.orders,
            "Ranked": one.ranked,
            "To work": one.prioritised,
            "Monitoring": levels.get(one.run.run_id, "not monitored"),
        }
        for one in sorted(served.runs, key=lambda one: one.run.as_of, reverse=True)
    ]
    at = st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm")
    count = st.column_config.NumberColumn(format="localized")
    columns = {"As of": at, "Scored": at, "Open orders": count, "Ranked": count, "To work": count}
    st.dataframe(rows, hide_index=True, column_config=columns, key="runs", alt="Published runs, newest first")


def _exports() -> None:
    with st.expander("Downloads from this app"):
        rows = export_log.read(state.chosen_source().folder)
        if rows:
            st.dataframe(rows, hide_index=True, key="exports", alt="Downloads, newest first")
        else:
            st.caption("No downloads yet. Each is recorded here: who, when, which rows, its hash.")

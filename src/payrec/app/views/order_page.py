"""Order: the history of one order, and what its probability of recovery depends on."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from payrec.app import formatting, list_source, order_query, parts, state
from payrec.charts import order_story as charts
from payrec.common.errors import PayrecError
from payrec.common.text import markdown_text
from payrec.publish.details import CUSTOMERS
from payrec.publish.run_info import Published

PAST_RUNS = 12
SMALLEST_STEP = 0.0005
"""Smaller steps of a waterfall are drawn as one."""


def show() -> None:
    """Draw the page."""
    current, file = state.served().current, state.list_file()
    name = st.session_state.get("id") or st.query_params.get("id", "")
    parts.heading(f"Order {markdown_text(name)}" if name else "Order", current.run.stamp if current else None)
    if current is None or file is None:
        st.info("There is no published list yet, so there are no orders to look at. Make one with `payrec run`.")
        return
    name = st.text_input("Order", key="id", bind="query-params", placeholder="Exact order id", max_chars=200)
    if not name:
        st.info("Enter the id of an order, or tick an order in the worklist. The first of the list:")
        with st.container(horizontal=True):
            for first in order_query.first_orders(file):
                st.button(markdown_text(first), key=f"begin_{first}", on_click=_choose, args=(first,))
        return
    row = order_query.row(file, name.strip())
    if row is None:
        st.warning(
            f"Order {markdown_text(name)} is not on the list as of {formatting.moment(current.run.as_of)}: "
            "it was paid, it never failed, or it does not exist. Check the id, or open an order from the worklist."
        )
        return
    with st.container(horizontal=True):
        owner = row["customer_id"] if state.detail_file(CUSTOMERS) else None
        if owner and st.button(f"Customer {markdown_text(owner)}", icon=":material/person:"):
            parts.go_to("customer", id=owner)
        if st.button("Back to the list", icon=":material/format_list_numbered:"):
            parts.go_to("")
    _figures(row)
    left, right = st.columns(2, gap="large")
    with left:
        _why(row, current)
    with right:
        _curve(row)
        _past(row)
        _events(row)
    _similar(row)


def _choose(name: str) -> None:
    st.session_state["id"] = name


def _figures(row: dict[str, Any]) -> None:
    amount = formatting.money(float(row["amount"]), row["currency"])
    of_amount = "the whole amount" if row["outstanding"] == row["amount"] else f"of {amount}"
    expected, rank = row["ev_recovered"], f"rank {row['rank']:,}" if row["rank"] else "not ranked"
    value = "–" if expected is None else formatting.money(float(expected), row["ev_currency"])
    parts.figures(
        [
            ("Outstanding", formatting.money(float(row["outstanding"]), row["currency"]), of_amount, ""),
            ("Chance", formatting.share(row["p_recover_30d"], 1), f"to recover within {row['horizon_days']} days", ""),
            ("Expected recovery", value, rank, "Outstanding balance times chance."),
            ("Age", formatting.days(row["age_days"]), f"customer {markdown_text(row['customer_id'])}", ""),
        ]
    )
    if row["suppressed_reason"]:
        lifted_by = markdown_text(row["lifted_by"] or "nothing")
        reason = formatting.words(row["suppressed_reason"])
        st.warning(f"Not contacted: {reason}. What would lift it: {lifted_by}.", icon=":material/block:")
        return
    reason = (
        f" · reason of failure: {markdown_text(formatting.words(row['reason_code']))}" if row["reason_code"] else ""
    )
    action = formatting.words(row["suggested_action"])
    st.success(f"Suggested action: **{action}**{reason}", icon=":material/task_alt:")


def _why(row: dict[str, Any], current: Published) -> None:
    st.subheader("Why this chance", anchor=False)
    path = state.detail_file("features")
    try:
        chance = path and order_query.waterfall(path, row["order_id"], state.bundle(current.run.model_id).model)
    except PayrecError as error:
        parts.refusal(error)
        return
    if not chance:
        _reasons(row)
        return
    columns = ["title", "points", "fact"]
    steps = pd.DataFrame([(step.title, step.points, step.fact) for step in chance.steps], columns=columns)
    drawn = large = steps[steps["points"].abs() >= SMALLEST_STEP]
    rest = float(steps["points"].sum() - large["points"].sum())
    if abs(rest) >= SMALLEST_STEP:
        drawn = pd.concat([large, pd.DataFrame([("all else", rest, "")], columns=columns)])
    sentence = charts.waterfall_text(chance.base, large, chance.probability)
    parts.chart(charts.waterfall(chance.base, drawn, chance.probability), sentence, "waterfall")
    with st.expander("Facts behind it"):
        for title, fact in zip(large["title"], large["fact"], strict=True):
            st.markdown(f"- **{markdown_text(title)}**: {markdown_text(fact)}")


def _reasons(row: dict[str, Any]) -> None:
    reasons = [row[f"reason_{at}"] for at in (1, 2, 3) if row[f"reason_{at}"]]
    if row["p_recover_30d"] is None:
        st.info("The order is older than any the model was trained on, so it gets no probability.")
    for reason in reasons:
        st.markdown(f"- {markdown_text(reason)}")
    if row["p_recover_30d"] is not None and not reasons:
        st.info("Reasons are stored for the first 2,000 of a list; `payrec explain ORDER_ID` gives those of any order.")


def _curve(row: dict[str, Any]) -> None:
    known = order_query.curve_of(row)
    if len(known) < 2:
        return
    st.subheader("Chance by day", anchor=False)
    frame = pd.DataFrame([(days, p, formatting.share(p, 1)) for days, p in known], columns=["days", "value", "text"])
    parts.chart(charts.by_horizon(frame, "probability"), charts.by_horizon_text(frame, "Chance"), "curve")


def _past(row: dict[str, Any]) -> None:
    st.subheader("Chance at each run", anchor=False)
    served = state.served()
    times = {one.run.run_id: one.run.as_of for one in served.runs}
    past = list_source.past(state.chosen_source(), served, row["order_id"], PAST_RUNS)
    points = sorted((times[run_id], p) for run_id, p, _ in past if p is not None)
    if not points:
        st.info("No run has scored this order so far.")
        return
    frame = pd.DataFrame(points, columns=["as_of", "p"])
    parts.chart(charts.history(frame), charts.history_text(frame), "history")


def _events(row: dict[str, Any]) -> None:
    st.subheader("What happened", anchor=False)
    path = state.detail_file("events")
    rows = order_query.events(path, row["order_id"]) if path else None
    if rows is None:
        st.info("No event log is published with this list. Load events (`payrec load events FILE`) and run again.")
        return
    if rows.num_rows == 0:
        st.info("No event of this order is recorded.")
        return
    frame = rows.to_pandas().assign(kind=[formatting.words(kind) for kind in rows["event_type"].to_pylist()])
    parts.chart(charts.timeline(frame), charts.timeline_text(frame), "timeline")
    config = st.column_config
    columns = {
        "known_at": config.DatetimeColumn("Known at (UTC)", format="D MMM YYYY, HH:mm"),
        "event_type": config.TextColumn("Event"),
        "amount": config.NumberColumn("Amount", format=formatting.number_format(row["currency"])),
        "channel": config.TextColumn("Channel"),
        "last_reason_code": config.TextColumn("Last reason"),
    }
    with st.expander("As a table"):
        parts.table(rows, columns, "events", "Events of the order, in order of time")


def _similar(row: dict[str, Any]) -> None:
    st.subheader("Similar past orders", anchor=False)
    path = state.detail_file("examples")
    similar = path and order_query.similar_orders(path, row)
    if not similar or similar.orders == 0:
        st.info("No similar orders with a known outcome are published with this list.")
        return
    st.markdown(
        f"Of **{similar.orders:,}** past order{'s' * (similar.orders != 1)} of {similar.words}, still open at "
        f"{formatting.days(row['age_days'])}, "
        f"**{similar.recovered:,}** ({formatting.share(similar.recovered / similar.orders)}) "
        f"{'was' if similar.recovered == 1 else 'were'} recovered "
        f"within the next {row['horizon_days']} days. The nearest in amount:"
    )
    config = st.column_config
    columns = {
        "order_id": config.TextColumn("Order"),
        "amount": config.NumberColumn("Amount", format=formatting.number_format(row["currency"])),
        "currency": config.TextColumn("Currency", width=75),
        "ending": config.TextColumn("Outcome"),
        "provider": config.TextColumn("Provider"),
        "reason_code": config.TextColumn("Reason of failure"),
        "country": config.TextColumn("Country", width=75),
        "known_at": config.DateColumn("Known since", format="D MMM YYYY"),
    }
    parts.table(similar.rows, columns, "likes", "Similar past orders and their outcomes")

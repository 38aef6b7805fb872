"""Customer: what one customer owes, why, everything that happened in one timeline, and who is next."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from payrec.app import customer_query, customer_view, formatting, list_source, order_query, parts, state, work_table
from payrec.charts import order_story as charts
from payrec.common.text import markdown_text
from payrec.publish.actions import Action
from payrec.publish.details import CUSTOMERS
from payrec.worklist.customer_list import AGED

AGES = ("not due", "1 to 30 days", "31 to 60 days", "61 to 90 days", "over 90 days")
EVERY_TIME = datetime(1970, 1, 1)


def show() -> None:
    """Draw the page."""
    seen = state.actions()
    current, file, customers = state.served().current, state.list_file(), state.detail_file(CUSTOMERS)
    name = st.session_state.get("id") or st.query_params.get("id", "")
    parts.heading(f"Customer {markdown_text(name)}" if name else "Customer", current.run.stamp if current else None)
    if current is None or file is None or customers is None:
        st.info("There is no published list by customer yet. Make one with `payrec run`.")
        return
    name = st.text_input("Customer", key="id", bind="query-params", placeholder="Exact customer id", max_chars=200)
    rows = customer_query.customer(customers, name.strip()) if name else []
    if not rows:
        st.info("Enter the id of a customer, or open one from the worklist: nobody of this id has an open order.")
        return
    _neighbours(*customer_query.neighbours(customers, name))
    orders = customer_query.orders_of(file, [name])
    events_file = state.detail_file("events")
    known = order_query.events(events_file, *(one["order_id"] for one in orders)) if events_file else None
    events = known.to_pylist() if known else []
    last_contact = max((one["known_at"] for one in events if one["event_type"] == "contact"), default=None)
    for row in rows:
        row["orders"] = [one for one in orders if one["ev_currency"] == row["ev_currency"]]
        _figures(row, row["last_contact_at"] or last_contact)
    customer_view.problems()
    people = customer_view.people_of([name])
    clicked = work_table.show(work_table.rows_of(rows, state.customer_states(), people), "", unfolded=True)
    if clicked.open_order:
        parts.go_to("order", id=clicked.open_order)
    for row in rows:
        _curve(row)
    _timeline(events, name, {one["order_id"]: one["currency"] for one in orders})
    customer_view.watch(seen)


def _neighbours(before: str | None, after: str | None) -> None:
    with st.container(horizontal=True):
        for label, name, icon in (("Previous", before, "arrow_back"), ("Next", after, "arrow_forward")):
            st.button(label, disabled=name is None, on_click=_go, args=(name,), icon=f":material/{icon}:")
        if st.button("Back to the list", icon=":material/format_list_numbered:"):
            parts.go_to("")


def _go(name: str) -> None:
    st.session_state["id"] = name


def _figures(row: dict[str, Any], last_contact: datetime | None) -> None:
    unit, count = row["ev_currency"], row["orders_open"]
    aged = [
        f"{formatting.exact_money(row[column], unit)} {words}"
        for column, words in zip(AGED, AGES, strict=True) if row[column]
    ]  # fmt: skip
    rank = f"rank {row['rank']:,}" if row["rank"] else "not ranked"
    expected = formatting.exact_money(row["ev_recovered"], unit) if row["rank"] else "–"
    contacts = row["contacts_in_window"]
    last = formatting.ago(last_contact, row["as_of"]) if last_contact else "none known"
    parts.figures(
        [
            ("Outstanding", formatting.exact_money(row["outstanding_value"], unit), f"in {count:,} open orders", ""),
            ("Past due", formatting.exact_money(row["overdue_value"], unit), " · ".join(aged), "By days past due."),
            ("Expected recovery", expected, rank, "Outstanding balance times chance, of the ranked orders."),
            ("Last contact", last, f"{contacts:,} in the window of the policy" if contacts else "", ""),
        ]
    )


def _curve(row: dict[str, Any]) -> None:
    """Draw how much of the ranked orders is expected within 7 to 90 days."""
    expected: dict[int, float] = {}
    ranked = [one for one in row["orders"] if one["rank"]]
    for one in ranked:
        for days, p in order_query.curve_of(one):
            expected[days] = expected.get(days, 0.0) + p * float(one["outstanding_value"])
    if not expected:
        return
    unit = row["ev_currency"]
    points = [(days, value, formatting.money(value, unit)) for days, value in sorted(expected.items())]
    frame = pd.DataFrame(points, columns=["days", "value", "text"])
    owed = formatting.money(sum(float(one["outstanding_value"]) for one in ranked), unit)
    st.subheader("Expected by day", anchor=False)
    sentence = charts.by_horizon_text(frame, f"Of {owed} in ranked orders are expected")
    parts.chart(charts.by_horizon(frame, f"expected, {unit}", "~s"), sentence, f"curve_{unit}")


def _timeline(events: list[dict[str, Any]], name: str, currencies: dict[str, str]) -> None:
    st.subheader("What happened", anchor=False)
    rows = [
        {
            "At (UTC)": one["known_at"],
            "What": formatting.words(one["event_type"]),
            "Order": one["order_id"],
            "Details": _details(one, currencies.get(one["order_id"])),
        }
        for one in events
    ]
    actions = list_source.actions_since(state.chosen_source(), EVERY_TIME, name)
    undone = {one.outcome for one in actions if one.kind == "undone"}
    rows += [_acted(one, is_undone=one.action_id in undone) for one in actions]
    if not rows:
        st.info("Nothing is recorded of this customer's open orders.")
        return
    rows.sort(key=lambda row: row["At (UTC)"], reverse=True)
    at = st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm")
    st.dataframe(
        rows, hide_index=True, key="timeline", placeholder="–", alt="All events and actions, newest first",
        column_config={"At (UTC)": at, "Details": st.column_config.TextColumn(width="large")},
    )  # fmt: skip


def _details(event: dict[str, Any], currency: str | None) -> str:
    amount = formatting.exact_money(float(event["amount"]), currency) if event["amount"] is not None else None
    until = f"until {event['promised_until']:%Y-%m-%d}" if event["promised_until"] else None
    reason = event["last_reason_code"] and formatting.words(event["last_reason_code"])
    return " · ".join(filter(None, [amount, event["channel"], until, reason]))


def _acted(action: Action, *, is_undone: bool) -> dict[str, Any]:
    outcome = action.outcome if action.kind != "undone" else None
    amount = formatting.exact_money(float(action.amount), action.currency) if action.amount else None
    until = f"until {action.until}" if action.until else None
    words = [outcome and formatting.words(outcome), amount, until, action.note, f"by {action.by}"]
    return {
        "At (UTC)": action.at,
        "What": formatting.words(action.kind) + " (undone)" * is_undone,
        "Order": ", ".join(action.order_ids) or None,
        "Details": " · ".join(filter(None, words)),
    }

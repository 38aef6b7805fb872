"""The list to work as a component of our own: rows of customers with buttons and keys, and what it sends back.

Streamlit's table is a canvas: no buttons in rows, no wrapped text, no rows that unfold (see DECISIONS.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import streamlit as st

from payrec.app import formatting, list_source, state
from payrec.charts.order_story import DOWN, UP
from payrec.commands.customer_states import CustomerState
from payrec.commands.log import log
from payrec.common.errors import PayrecError, UsageError
from payrec.publish.actions import KINDS, NOTE_CHARACTERS
from payrec.publish.database_store import DatabaseStore
from payrec.publish.folder_store import FolderStore

KEY, MARKS = "work", "work_marks"
ACKNOWLEDGED, PROBLEMS, WARNINGS = "work_acknowledged", "work_problems", "work_warnings"
REMEMBERED = 500
MOST_AT_ONCE = 500
STATIC = Path(__file__).parent / "static"


@cache
def _component(name: str) -> Any:
    js, css = ((STATIC / f"{name}.{kind}").read_text(encoding="utf-8") for kind in ("js", "css"))
    return st.components.v2.component(f"payrec_{name}", css=css, js=js)


def show(rows: list[dict[str, Any]], empty: str, *, unfolded: bool = False) -> Any:
    """Draw the customers; ``rows`` as :func:`rows_of` returns them. What is clicked is in the result's ``open``."""
    data = {
        "rows": rows,
        "acknowledged": list(st.session_state.get(ACKNOWLEDGED, ())),
        "today": f"{state.now():%Y-%m-%d}",
        "me": state.me(),
        "empty": empty,
        "unfolded": unfolded,
    }
    return _component("work_table")(
        key=KEY, data=data, on_act_change=_record, on_open_change=lambda: None, on_open_order_change=lambda: None
    )


def send_marks(customers: Sequence[str], states: Mapping[str, CustomerState]) -> None:
    """Send to the rows of the table where the team stands with their customers by now; the table itself stays."""
    known = {name: status for name in customers if (status := states.get(name))}
    marks = {name: [in_words(one, state.now()), one.last.action_id] for name, one in known.items()}
    newest = max(states.values(), key=lambda one: one.last.recorded_at or one.last.at, default=None)
    words = f"Newest entry: {newest.last.customer_id} · {in_words(newest, state.now())}" if newest else ""
    data = {"marks": marks, "customers": list(customers), "newest": words}
    _component("work_marks")(key=MARKS, data=data)


def _record() -> None:
    """Record what was done, before the page is drawn again. Every id is acknowledged, recorded or refused."""
    sent = (st.session_state[KEY].get("act") or {}).get("actions", ())[:MOST_AT_ONCE]
    acknowledged: list[str] = list(st.session_state.get(ACKNOWLEDGED, ()))
    problems: list[PayrecError] = []
    warnings: list[str] = []
    try:
        with list_source.store_of(state.chosen_source()) as store:
            for one in (one for one in sent if one.get("action_id") not in acknowledged):
                warnings += _recorded(one, store, problems)
                acknowledged.append(str(one.get("action_id")))
    except PayrecError as error:  # the store as a whole: what is not acknowledged stays in the browser and comes again
        problems.append(error)
    st.session_state[ACKNOWLEDGED] = acknowledged[-REMEMBERED:]
    st.session_state[PROBLEMS], st.session_state[WARNINGS] = problems, warnings


def _recorded(
    sent: Mapping[str, Any], store: FolderStore | DatabaseStore, problems: list[PayrecError]
) -> tuple[str, ...]:
    """Record one action; return its warnings. A refusal is added to the problems."""
    try:
        return log(now=state.now(), by=state.me(), published=store, **_arguments(sent)).warnings
    except UsageError as error:
        problems.append(error)
        return ()


def _arguments(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the browser sent as arguments of ``log``; its texts are validated there.

    Raises
    ------
    UsageError
        A field is no text, amount or day; nothing is recorded.
    """
    texts = {name: sent.get(name) for name in ("action_id", "customer_id", "kind", "outcome", "currency", "action")}
    if any(value is not None and not isinstance(value, str) for value in texts.values()) or texts["kind"] not in KINDS:
        raise UsageError("found an action that this page does not send, nothing was recorded\nload the page again")
    note, amount, until = (sent.get(name) for name in ("note", "amount", "until"))
    try:
        return {
            **{name: texts[name] for name in ("action_id", "customer_id", "kind", "currency", "action")},
            "customer_id": texts["customer_id"] or "",
            "owner" if texts["kind"] == "assigned" else "outcome": texts["outcome"],
            "note": str(note)[: NOTE_CHARACTERS + 1] if note else None,  # a longer one is refused
            "amount": Decimal(str(amount)) if amount else None,
            "until": date.fromisoformat(str(until)) if until else None,
        }
    except (InvalidOperation, ValueError) as error:
        raise UsageError(f"found the amount {amount} until {until}, expected a number and a day") from error


def rows_of(
    customers: Iterable[dict[str, Any]], states: Mapping[str, CustomerState], people: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the customers of a page as the component draws them: all figures and codes in words.

    ``people``: customer -> ``name, email, phone``, as far as they are known.
    """
    return [_row(one, states.get(one["customer_id"]), people.get(one["customer_id"], {})) for one in customers]


def reach(person: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the ways to reach a person: words and the address that a click opens."""
    ways = []
    if phone := person.get("phone"):
        ways.append({"text": phone, "href": "tel:" + "".join(sign for sign in phone if sign in "+0123456789")})
    if email := person.get("email"):
        ways.append({"text": email, "href": f"mailto:{quote(email, safe='@')}"})
    return ways


def _row(of: dict[str, Any], status: CustomerState | None, person: Mapping[str, Any]) -> dict[str, Any]:
    unit, alone = of["ev_currency"], of["orders_left_alone"]
    count = of["orders_open"]
    orders_text = f"{count:,} order{'s' * (count != 1)}"
    orders_text += f", {alone:,}\u00a0not\u00a0contacted" if alone and of["rank"] else ""
    flags = [f"{formatting.exact_money(of['disputed_value'], unit)} disputed"] if of["disputed_value"] else []
    if group := of.get("contact_group"):
        flags.append(f"one contact with the other customers of {group}")
    why = reasons(of, "reason_1", "reason_2", "reason_3") if of["rank"] else suppression(of)
    owner = status.owner if status and status.owner else of["owner"]
    return {
        "key": f"{of['customer_id']}\0{unit}",
        "customer": of["customer_id"],
        "href": f"customer?id={quote(of['customer_id'], safe='')}",
        "rank": f"{of['rank']:,}" if of["rank"] else "–",
        "outstanding": formatting.exact_money(of["outstanding_value"], unit),
        "owed": str(of["outstanding_value"]),
        "currency": unit,
        "orders_text": orders_text,
        "expected": formatting.exact_money(of["ev_recovered"], unit) if of["rank"] else "–",
        "oldest": formatting.days(of["oldest_age_days"]) if of["oldest_age_days"] >= 0 else "not due",
        "action": formatting.words(of["suggested_action"]) if of["rank"] else "",
        "name": person.get("name"),
        "reach": reach(person),
        "contact": " · ".join(
            filter(None, [person.get("name") and of["customer_id"], of["channel"], owner and f"owner {owner}"])
        ),
        "flags": flags,
        "why": why,
        "state": in_words(status, state.now()) if status else None,
        "last": status.last.action_id if status else None,
        "orders": [_order(one) for one in of["orders"]],
        "more": max(count - len(of["orders"]), 0),
    }


def reasons(of: Mapping[str, Any], *names: str) -> str:
    """Join the reasons of a chance, each with an arrow that says whether it raises or lowers it."""
    texts = [of[name] for name in names if of[name]]
    for words, sign in ((UP, "↑"), (DOWN, "↓")):
        texts = [f"{sign} {one.removesuffix(end)}" if one.endswith(end := f" ({words})") else one for one in texts]
    return " · ".join(texts)


def suppression(of: Mapping[str, Any]) -> str:
    """Say why an order or a customer is not contacted, and what lifts it."""
    reason = formatting.words(of["suppressed_reason"])
    also = f" (also {formatting.words(of['suppressed_also'])})" if of["suppressed_also"] else ""
    return f"Not contacted: {reason}{also}. What would lift it: {of['lifted_by'] or 'nothing'}."


def _order(of: dict[str, Any]) -> dict[str, Any]:
    is_left_alone, p = of["suppressed_reason"] is not None, of["p_recover_30d"]
    return {
        "id": of["order_id"],
        "href": f"order?id={quote(of['order_id'], safe='')}",
        "outstanding": formatting.exact_money(of["outstanding"], of["currency"]),
        "chance": "" if p is None or is_left_alone else f"{formatting.share(p, 1)} chance",
        "age": formatting.days(of["age_days"]) if of["age_days"] >= 0 else "not due",
        "why": suppression(of) if is_left_alone else reasons(of, "reason_1", "reason_2"),
        "left_alone": is_left_alone,
    }


def in_words(status: CustomerState, now: datetime) -> str:
    """Say where the team stands with a customer: what was done, by whom, when."""
    action = status.step or status.last
    what = formatting.words(action.outcome if action.kind == "contacted" else action.kind)
    amount = f" {formatting.exact_money(float(action.amount), action.currency)}" if action.amount else ""
    until = f" until {action.until.day} {action.until:%b}" if action.until else ""
    return f"{what}{amount}{until} · {action.by} · {formatting.ago(action.recorded_at or action.at, now)}"

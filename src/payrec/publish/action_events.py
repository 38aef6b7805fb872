"""Actions → raw events, so that they are features, caps and suppressions of later lists; ids follow from the action.

One event per action and covered order: those that the action names, else the customer's orders that were billed and had
no payment date when it was recorded. An action that was undone has no events: those written before are deleted.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Any

import pyarrow as pa

from payrec.common.arrow import TIME
from payrec.common.errors import UsageError
from payrec.common.text import sql_literals
from payrec.data import layers
from payrec.data.engines import Engine
from payrec.publish.actions import Action, in_force, read
from payrec.publish.store import ListStore

PREFIX = "action:"
"""Of the event ids. These events do not move the end of the observed data: nobody's payments are known any longer."""
EVENT_TYPE = {
    "contacted": "contact",
    "promised": "promise",
    "disputed": "dispute_opened",
    "dispute_solved": "dispute_closed",
    "snoozed": "snooze",
    "do_not_contact": "opt_out",
}
_ID_CHARACTERS = 200
_IN_A_QUERY = 1_000
_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("event_id", pa.string()), ("order_id", pa.string()), ("event_ts", TIME), ("recorded_ts", TIME),
    ("event_type", pa.string()), ("channel", pa.string()), ("detail", pa.string()),
]  # fmt: skip
_EVENTS = pa.schema(_COLUMNS)


def record(engine: Engine, store: ListStore) -> int:
    """Bring the raw events in step with the actions, in one transaction; return the rows written or deleted.

    Done again it changes nothing. Orders that are named by an action but are not the customer's are left out.

    Raises
    ------
    UsageError
        The role of the run may not write them (PostgreSQL).
    """
    known = read(store)
    if not known:
        return 0
    layers.prepare(engine)
    wanted = {row["event_id"]: row for row in _events(engine, in_force(known))}
    ids = tuple(f"{PREFIX}{action.action_id}:" for action in known)
    rows = engine.read(f"SELECT event_id FROM raw_events WHERE event_id LIKE '{PREFIX}%'")["event_id"].to_pylist()
    present = {str(name) for name in rows if str(name).startswith(ids)}
    new = [row for name, row in wanted.items() if name not in present]
    gone = sorted(present - set(wanted))

    def change() -> int:
        for some in _portions(gone):
            engine.run(f"DELETE FROM raw_events WHERE event_id IN ({sql_literals(some)})")
        if new:
            engine.write("raw_events", pa.Table.from_pylist(new, schema=_EVENTS), key=())  # none of them is there
        return len(new) + len(gone)

    try:
        return layers.change(engine, change) if new or gone else 0
    except UsageError as error:
        if "permission denied" not in str(error):
            raise
        msg = "the sign-in of this run may not write raw_events, where what people did becomes events"
        raise UsageError(
            f"{msg}\nthe owner of the data allows it: psql -f src/payrec/data/sql/postgres/roles.sql"
        ) from error


def _events(engine: Engine, actions: Iterable[Action]) -> list[dict[str, Any]]:
    turned = [action for action in actions if action.kind in EVENT_TYPE]
    orders = orders_of(engine, {action.customer_id for action in turned})
    return [_event(action, order) for action in turned for order in covered(action, orders[action.customer_id])]


def orders_of(engine: Engine, customers: Iterable[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the raw orders of customers: customer id -> order id -> row; an empty dict for others."""
    by_customer: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for some in _portions(sorted(set(customers))):
        select = "SELECT order_id, customer_id, currency, invoice_date, payment_date FROM raw_transactions"
        for row in engine.read(f"{select} WHERE customer_id IN ({sql_literals(some)}) ORDER BY order_id").to_pylist():
            by_customer[row["customer_id"]][row["order_id"]] = row
    return by_customer


def covered(action: Action, orders: dict[str, dict[str, Any]]) -> list[str]:
    """Return the orders that an action is about; ``orders`` are those of its customer."""
    if action.order_ids:
        return [order for order in action.order_ids if order in orders]
    day: date = (action.recorded_at or action.at).date()
    return [
        order for order, row in orders.items()
        if row["invoice_date"] <= day and (row["payment_date"] is None or row["payment_date"] >= day)
    ]  # fmt: skip


def _event(action: Action, order_id: str) -> dict[str, Any]:
    event_id = f"{PREFIX}{action.action_id}:{order_id}"
    if len(event_id) > _ID_CHARACTERS:
        event_id = f"{PREFIX}{action.action_id}:{hashlib.sha256(order_id.encode()).hexdigest()}"
    return {
        "event_id": event_id,
        "order_id": order_id,
        "event_ts": action.at,
        "recorded_ts": max(action.recorded_at or action.at, action.at),
        "event_type": EVENT_TYPE[action.kind],
        "channel": action.channel,
        "detail": action.until.isoformat() if action.until else action.outcome,  # notes are nobody's features
    }


def _portions(ids: list[str]) -> list[list[str]]:
    return [ids[start : start + _IN_A_QUERY] for start in range(0, len(ids), _IN_A_QUERY)]

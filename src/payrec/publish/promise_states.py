"""States that follow from actions and payments: promises live, kept or broken, and the marks of a list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import pyarrow as pa

from payrec.common.arrow import TIME
from payrec.common.text import sql_literals
from payrec.data.engines import Engine
from payrec.publish.action_events import covered, orders_of
from payrec.publish.actions import Action
from payrec.worklist.action_marks import SCHEMA, day

KEPT_SHARE = Decimal("0.95")
DAY = timedelta(days=1)
_AT_ONCE = {"disputed": "disputed", "dispute_solved": "dispute_solved", "do_not_contact": "opted_out"} | {
    kind: kind for kind in ("snoozed", "promised")
}
_DEALS_WITH = ("contacted", "promised", "snoozed", "disputed", "do_not_contact")
CONTACTS = pa.schema(
    [(name, pa.string()) for name in ("customer_id", "order_id", "event_type", "channel")] + [("known_at", TIME)]
)


@dataclass(frozen=True)
class Promise:
    """A promise and what came of it: money paid on its orders from its record to the end of its grace, in its currency.

    ``ends_at``: the end of the promised day and of the grace (UTC, without zone).
    """

    action: Action
    ends_at: datetime
    paid: Decimal
    state: Literal["live", "kept", "broken"]

    @property
    def sentence(self) -> str:
        """What was promised, and what came."""
        one = self.action
        came = f"{self.paid:,.2f} came" if self.paid > 0 else "nothing came"
        until = day(datetime.combine(one.until, datetime.min.time())) if one.until else ""
        return f"promised {one.amount:,.2f} {one.currency} by {until}, {came}"


def promises(engine: Engine, actions: Iterable[Action], as_of: datetime, grace_days: int) -> tuple[Promise, ...]:
    """Return the promises among actions in force, as of a time at which the layers know the payments.

    Kept: at least 95 % of the amount was paid by the end of the grace. Broken: it was not, and that end has passed.
    """
    made_by_customer = [one for one in actions if one.kind == "promised"]
    if not made_by_customer:
        return ()
    orders = orders_of(engine, {one.customer_id for one in made_by_customer})
    paid = _payments(engine, [order for of_customer in orders.values() for order in of_customer])
    judged = []
    for one in made_by_customer:
        assert one.until is not None and one.amount is not None  # noqa: S101, PT018 - required of a promise
        ends_at = datetime.combine(one.until, datetime.min.time()) + (1 + grace_days) * DAY
        of_customer = orders[one.customer_id]
        in_currency = [order for order in covered(one, of_customer) if of_customer[order]["currency"] == one.currency]
        begin, end = one.recorded_at or one.at, min(ends_at, as_of)
        minor = sum(
            amount for order in in_currency for known_at, amount in paid.get(order, []) if begin < known_at <= end
        )
        came = Decimal(minor) / 100
        is_kept = came >= KEPT_SHARE * one.amount
        judged.append(Promise(one, ends_at, came, "kept" if is_kept else "live" if as_of < ends_at else "broken"))
    return tuple(judged)


def _payments(engine: Engine, order_ids: list[str]) -> dict[str, list[tuple[datetime, int]]]:
    """Return what was paid on orders, less what the bank took back: order id -> (known at, hundredths)."""
    paid: dict[str, list[tuple[datetime, int]]] = {}
    for start in range(0, len(order_ids), 1_000):
        some = sql_literals(order_ids[start : start + 1_000])
        rows = engine.read(
            "SELECT o.order_id, b.from_at, b.paid_minor FROM stg_balances AS b "
            f"JOIN stg_orders AS o ON o.order_no = b.order_no WHERE b.paid_minor <> 0 AND o.order_id IN ({some})"
        )
        for row in rows.to_pylist():
            paid.setdefault(row["order_id"], []).append((row["from_at"], row["paid_minor"]))
    return paid


def marks_of(actions: Iterable[Action], judged: Iterable[Promise], as_of: datetime) -> pa.Table:
    """Return what actions in force mean for the list at ``as_of``, in the columns of ``action_marks.SCHEMA``.

    What was recorded after ``as_of`` suppresses at once: no fact of the layers knows it yet. A broken promise stands
    until its customer was acted on after its end.
    """
    rows: list[dict[str, Any]] = []
    actions = tuple(actions)
    for one in actions:
        if one.kind == "assigned":
            rows += _rows(one, "assigned", text=one.outcome)
        elif one.kind in _AT_ONCE and (one.recorded_at or one.at) > as_of:
            rows += _rows(one, _AT_ONCE[one.kind])
        elif one.kind == "promised":
            rows += _rows(one, "known_promise")
    for promise in judged:
        one = promise.action
        later = [
            other for other in actions
            if other.customer_id == one.customer_id and other.kind in _DEALS_WITH
            and (other.recorded_at or other.at) >= promise.ends_at
        ]  # fmt: skip
        if promise.state == "broken" and not later:
            rows += _rows(one, "broken", text=promise.sentence)[:1]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _rows(action: Action, mark: str, text: str | None = None) -> list[dict[str, Any]]:
    until = datetime.combine(action.until, datetime.min.time()) if action.until else None
    row = {
        "customer_id": action.customer_id, "mark": mark, "until": until, "amount": action.amount,
        "currency": action.currency, "text": text,
    }  # fmt: skip
    return [row | {"order_id": order} for order in (action.order_ids or (None,))]


def of_customers(engine: Engine) -> pa.Table:
    """Return marks of ``do_not_contact``, ``owner`` and ``parent_id`` as customers were loaded, as ``marks_of``."""
    rows = engine.read("""
        SELECT customer_id, 'opted_out' AS mark, CAST(NULL AS VARCHAR(200)) AS owner
        FROM raw_customers WHERE do_not_contact = 1
        UNION ALL
        SELECT customer_id, 'loaded_owner', owner FROM raw_customers WHERE owner IS NOT NULL
        UNION ALL
        SELECT customer_id, 'parent', parent_id FROM raw_customers WHERE parent_id <> customer_id
        ORDER BY customer_id, mark""")
    given = {"customer_id": rows["customer_id"], "mark": rows["mark"], "text": rows["owner"]}
    columns = [given.get(column.name, pa.nulls(rows.num_rows, column.type)) for column in SCHEMA]
    return pa.table(columns, names=SCHEMA.names).cast(SCHEMA)


def contacts(actions: Iterable[Action], as_of: datetime) -> pa.Table:
    """Return the contacts recorded after ``as_of``, as of just before it, so that the caps of the list count them."""
    later = [one for one in actions if one.kind == "contacted" and (one.recorded_at or one.at) > as_of]
    rows = [
        {
            "customer_id": one.customer_id, "order_id": order, "event_type": "contact", "channel": one.channel,
            "known_at": as_of - number * timedelta(microseconds=1),  # two moments are two contacts
        }
        for number, one in enumerate(later)
        for order in (one.order_ids or (None,))
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=CONTACTS)

"""Why an order is not open at a time, and what would open it again; docs/policy.md has the same table."""

from __future__ import annotations

from datetime import datetime

from payrec.common.text import sql_literal, sql_timestamp
from payrec.data.engines import Engine

ENDINGS = {
    "paid": "a return or chargeback of the payment",
    "credited": "a correction of the credit note in the source",
    "void": "a correction of the void in the source",
    "written_off": "a correction of the write-off in the source",
    "settled_at_unknown_time": "a newer export by which it is owed, or a return or chargeback",
    "never_open": "a return or chargeback",
    "no_debt": "nothing: its amount is not above 0",
}
_CLOSED_BY = {"payment": "paid", "credit": "credited", "write_off": "written_off", "stated": "settled_at_unknown_time"}


def ending(engine: Engine, order_id: str, as_of: datetime) -> str | None:
    """Return what ended an order by ``as_of``, one of ``ENDINGS``; None: it is open, or was not known by then."""
    at = sql_timestamp(as_of)
    rows = engine.read(
        "SELECT o.amount_minor, b.is_open, b.closed_by FROM stg_orders AS o LEFT JOIN stg_balances AS b "
        f"ON b.order_no = o.order_no AND b.from_at <= {at} AND (b.until_at IS NULL OR b.until_at > {at}) "
        f"WHERE o.order_id = {sql_literal(order_id)} AND o.known_at <= {at}"
    ).to_pylist()
    if not rows or rows[0]["is_open"]:
        return None
    if rows[0]["amount_minor"] <= 0:
        return "no_debt"
    closed_by: str = rows[0]["closed_by"] or "never_open"  # such orders have no balances
    return _CLOSED_BY.get(closed_by, closed_by)

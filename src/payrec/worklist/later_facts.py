"""What became known after the time of a list that is worked later: it takes orders off, and counts for the caps.

A list is made as of the end of the payments when their feed stopped (``--payments-until``). Its probabilities know
nothing later, but nobody is contacted whom a later fact says to leave alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.common.arrow import make, times
from payrec.common.text import sql_timestamp
from payrec.data.engines import Engine
from payrec.data.layers import VIEW
from payrec.worklist import contact_caps
from payrec.worklist.action_marks import SCHEMA

_FLAGS = {"is_opted_out": "opted_out", "has_chargeback": "chargeback", "is_covered_by_cash": "unapplied_cash"}
_TIMES = {"pending_since": "in_flight", "promised_until": "promised", "snoozed_until": "snoozed"}


def marks(engine: Engine, as_of: datetime, until: datetime) -> pa.Table:
    """Return a mark for each order of the list at ``as_of`` that is settled, or held for another reason, at ``until``.

    Columns as ``action_marks.SCHEMA``. The layers must have been built for both times (UTC, without zone).
    """
    names = ("is_disputed", *_FLAGS, *_TIMES)
    pairs = ", ".join(f"f.{name} AS {name}, u.{name} AS later_{name}" for name in names)
    changed = " OR ".join(f"f.{name} IS DISTINCT FROM u.{name}" for name in names)
    rows = engine.read(
        f"SELECT f.order_id, f.customer_id, CASE WHEN u.order_id IS NULL THEN 1 ELSE 0 END AS is_settled, {pairs} "
        f"FROM {VIEW} AS f "
        f"LEFT JOIN {VIEW} AS u ON u.order_id = f.order_id AND u.as_of = {sql_timestamp(until)} "
        f"WHERE f.as_of = {sql_timestamp(as_of)} AND (u.order_id IS NULL OR {changed}) ORDER BY f.order_id"
    )
    empty = dict.fromkeys(SCHEMA.names)
    changes = (
        empty | {"customer_id": row["customer_id"], "order_id": row["order_id"], "mark": mark, "until": end}
        for row in rows.to_pylist()
        for mark, end in _marks_of(row)
    )
    return pa.Table.from_pylist(list(changes), schema=SCHEMA)


def _marks_of(row: dict[str, Any]) -> Iterator[tuple[str, datetime | None]]:
    """Yield what changed for an order between the two times."""
    if row["is_settled"]:
        yield "settled", None
        return
    for name, mark in _FLAGS.items():
        if row[f"later_{name}"] and not row[name]:
            yield mark, None
    if row["later_is_disputed"] != row["is_disputed"]:
        yield ("disputed" if row["later_is_disputed"] else "dispute_solved"), None
    for name, mark in _TIMES.items():
        if row[f"later_{name}"] != row[name]:
            yield mark, row[f"later_{name}"]


def contacts(engine: Engine, as_of: datetime, until: datetime) -> pa.Table:
    """Return contacts and attempts known after ``as_of`` and by ``until``, as of just before ``as_of`` for the caps.

    Columns ``customer_id, order_id, event_type, channel, known_at``. What people did in payrec itself is left out: it
    is counted by its actions.
    """
    rows = contact_caps.contacts_between(engine, as_of, until, recorded_in_payrec=False)
    _, number = np.unique(times(rows, "known_at"), return_inverse=True)  # two moments are two contacts
    before = np.datetime64(as_of, "us") - number.astype("timedelta64[us]")
    return rows.set_column(rows.column_names.index("known_at"), "known_at", make.array(before))

"""What people's actions mean for a list, beyond what its features know: one row per customer, or order, and meaning.

``opted_out``, ``disputed``, ``dispute_solved``, ``snoozed`` and ``promised`` were recorded after the list's ``as_of``:
they suppress at once. So do the marks of :mod:`payrec.worklist.later_facts`: these, ``settled``, ``chargeback``,
``in_flight`` and ``unapplied_cash``. ``known_promise`` states the amount of an earlier promise, ``assigned`` the owner,
``loaded_owner`` the one that was loaded with the customer, ``parent`` its ``parent_id``. ``broken`` is a promise that
the payments did not keep: its customer comes first, with the sentence in ``text``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.common.arrow import MONEY, TIME, make, pc, text, times, whole

_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("customer_id", pa.string()),
    ("order_id", pa.string()),  # NULL: all orders of the customer
    ("mark", pa.string()),
    ("until", TIME),
    ("amount", MONEY),
    ("currency", pa.string()),
    ("text", pa.string()),  # the owner, or the sentence
]
SCHEMA = pa.schema(_COLUMNS)
_FLAGS = {
    "opted_out": ("is_opted_out", 1),
    "chargeback": ("has_chargeback", 1),
    "disputed": ("is_disputed", 1),
    "dispute_solved": ("is_disputed", 0),
    "unapplied_cash": ("is_covered_by_cash", 1),
    "settled": ("is_settled_since", 1),
}
_TIMES = {"snoozed": "snoozed_until", "promised": "promised_until", "in_flight": "pending_since"}


def applied(rows: pa.Table, marks: pa.Table | None) -> pa.Table:
    """Return the rows of the feature view with what was recorded since; the last mark of a kind holds."""
    recorded = _rows(marks, *_FLAGS, *_TIMES)
    if not recorded:
        return rows
    flags = {name: _flags(rows, name) for name, _ in _FLAGS.values()}
    moments = {name: times(rows, name).astype("datetime64[us]") for name in _TIMES.values()}
    for mark, hit in _hits(rows, recorded):
        if mark["mark"] in _TIMES:
            moments[_TIMES[mark["mark"]]][hit] = np.datetime64(mark["until"], "us")
        else:
            name, value = _FLAGS[mark["mark"]]
            flags[name][hit] = value
    for name, values in {**flags, **moments}.items():
        at = rows.column_names.index(name) if name in rows.column_names else None
        column = make.array(values)
        rows = rows.append_column(name, column) if at is None else rows.set_column(at, name, column)
    return rows


def _flags(rows: pa.Table, name: str) -> Any:
    is_there = name in rows.column_names
    return whole(rows, name).astype(np.int16) if is_there else np.zeros(rows.num_rows, np.int16)


def owners(rows: pa.Table, marks: pa.Table | None, owner: Any) -> Any:
    """Return the owner of each row (n,): the one assigned last, else that of the customer, else that of the policy."""
    if marks is not None:
        loaded = marks.filter(pc.equal(marks["mark"], "loaded_owner"))
        at = pc.index_in(text(rows, "customer_id"), value_set=text(loaded, "customer_id"))
        owner = pc.coalesce(text(loaded, "text").take(at), owner)
    assigned = _rows(marks, "assigned")
    if not assigned:
        return owner
    names = np.array(owner.to_pylist(), dtype=object)
    for mark, hit in _hits(rows, assigned):
        names[hit] = mark["text"]
    return make.array(names, pa.string())


def sentences(customer_id: Any, currency: Any, marks: pa.Table | None) -> list[str | None]:
    """Return for each customer and currency (n,) the sentence of a broken promise, None without one.

    Where the list converts to another currency than was promised, it is that of the customer.
    """
    broken = {(one["customer_id"], one["currency"]): one["text"] for one in _rows(marks, "broken")}
    if not broken:
        return [None] * len(customer_id)
    keys = list(zip(customer_id.to_pylist(), currency.to_pylist(), strict=True))
    listed = set(keys)
    converted = {name: text for (name, unit), text in broken.items() if (name, unit) not in listed}
    return [broken.get(key, converted.get(key[0])) for key in keys]


def promised_amounts(customer_id: Any, currency: Any, until: Any, marks: pa.Table | None) -> Any:
    """Return for each customer and currency (n,) the amount of the promise that ends on ``until``; NULL if unknown."""
    named = {
        (one["customer_id"], one["currency"], one["until"]): one["amount"]
        for one in _rows(marks, "promised", "known_promise", "broken")
        if one["amount"] is not None
    }
    keys = zip(customer_id.to_pylist(), currency.to_pylist(), until.to_pylist(), strict=True)
    return make.array([named.get(key) for key in keys], MONEY)


def _rows(marks: pa.Table | None, *kinds: str) -> list[dict[str, Any]]:
    """Return the marks of some kinds, in their order."""
    if marks is None:
        return []
    return marks.filter(pc.is_in(marks["mark"], value_set=pa.array(kinds, pa.string()))).to_pylist()


def _hits(rows: pa.Table, marks: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], list[int]]]:
    """Yield each mark with the rows that it is about."""
    named = pa.array(sorted({mark["customer_id"] for mark in marks}), pa.string())
    among = pc.is_in(text(rows, "customer_id"), value_set=named)
    positions = np.flatnonzero(among.to_numpy(zero_copy_only=False))
    some = rows.take(make.array(positions))
    by_customer: dict[str, list[tuple[int, str]]] = {}
    ids = zip(
        text(some, "customer_id").to_pylist(), positions.tolist(), text(some, "order_id").to_pylist(), strict=True
    )
    for customer_id, position, order_id in ids:
        by_customer.setdefault(customer_id, []).append((position, order_id))
    for mark in marks:
        of_customer = by_customer.get(mark["customer_id"], [])
        yield mark, [position for position, order_id in of_customer if mark["order_id"] in (None, order_id)]


def day(value: datetime) -> str:
    """Return a day as a person writes it.

    >>> day(datetime(2026, 5, 3))
    '3 May'
    """
    return f"{value.day} {value:%b}"

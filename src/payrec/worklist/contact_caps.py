"""How much of a policy's caps is used up: contacts and attempts so far, by customer or order.

One contact is one (customer, moment, channel), however many orders it is logged on: a call about three invoices is one
call. Attempts are counted one by one, since each is a charge of its own.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.common.arrow import TIME, Times, Whole, column, make, one_chunk, pc, text, times
from payrec.common.errors import DataRefused
from payrec.common.text import sql_timestamp
from payrec.data.engines import Engine
from payrec.worklist.contact_groups import COLUMN
from payrec.worklist.policy import Cap, Policy

DAY = np.timedelta64(1, "D")
_EVENT = {"contact": "contact", "retry": "attempt"}


def in_force(policy: Policy, as_of: datetime) -> list[Cap]:
    """Caps of the policy that hold at ``as_of`` for the list's action."""
    if not policy.applies("contact_cap", as_of):
        return []
    return [cap for cap in policy.cap if cap.of == _EVENT[policy.action] and cap.holds(as_of.date())]


def contacts_between(engine: Engine, since: datetime, until: datetime, *, recorded_in_payrec: bool = True) -> pa.Table:
    """Return contacts and attempts that became known after ``since`` and by ``until``, in that order.

    Columns ``customer_id, order_id, event_type, channel, known_at``. ``recorded_in_payrec`` False leaves out what was
    loaded from the actions of people.
    """
    actions = (
        ""
        if recorded_in_payrec
        else """
          AND NOT EXISTS (
              SELECT 1 FROM raw_events AS r
              WHERE r.order_id = o.order_id AND r.event_ts = e.event_ts AND r.event_id LIKE 'action:%'
          )"""
    )
    return engine.read(
        f"""
        SELECT a.customer_id, o.order_id, t.event_type, c.channel, e.known_at
        FROM stg_events AS e
        JOIN event_types AS t ON t.kind = e.kind
        LEFT JOIN channel_numbers AS c ON c.channel_no = e.channel_no
        JOIN stg_orders AS o ON o.order_no = e.order_no
        JOIN accounts AS a ON a.account_no = o.account_no
        WHERE t.event_type IN ('contact', 'attempt')
          AND e.known_at > {sql_timestamp(since)} AND e.known_at <= {sql_timestamp(until)}{actions}
        ORDER BY e.known_at, o.order_id, e.position
        """
    )


def used(cap: Cap, rows: pa.Table, recent: pa.Table | None, as_of: datetime) -> tuple[Whole, Times]:
    """Contacts used up in the cap's window and when the next one is free, for each row: whole numbers (n,), times (n,).

    ``recent`` has ``customer_id, order_id, event_type, channel, known_at``; without ``channel`` all are of one channel.
    Customers of one ``contact_group`` share the contacts.

    Raises
    ------
    DataRefused
        The contacts so far are not known.
    """
    if recent is None:
        msg = f"the policy caps {cap.of}s per {cap.per}, but there is no record of {cap.of}s so far"
        raise DataRefused(f"{msg}\nload the events (payrec load events FILE), or take the cap out of the policy")
    until = np.datetime64(as_of, "us")
    moments = times(recent, "known_at")
    inside = (moments > until - cap.window_days * DAY) & (moments <= until)
    inside &= pc.equal(text(recent, "event_type"), cap.of).to_numpy(zero_copy_only=False)
    key = key_of(cap, rows)
    inside &= pc.is_valid(text(recent, key)).to_numpy(zero_copy_only=False)
    counted, moments = recent.filter(pa.array(inside)), moments[inside]
    who = one_chunk(text(counted, key).dictionary_encode())
    codes = who.indices.to_numpy()
    if cap.of == "contact":
        channel = one_chunk(text(counted, "channel").dictionary_encode(null_encoding="encode")).indices.to_numpy()
        keys = np.stack([codes, moments.astype(np.int64), channel], axis=1)
        once = np.unique(keys, axis=0, return_index=True)[1]
        codes, moments = codes[once], moments[once]
    counts = np.append(np.bincount(codes, minlength=len(who.dictionary)), 0)  # the last entry: nobody
    newest_first = np.lexsort((-moments.astype(np.int64), codes))
    begins = np.concatenate(([0], np.cumsum(counts[:-1])))
    free = np.full(counts.size, np.datetime64("NaT", "us"))
    if cap.count:
        full = np.flatnonzero(counts >= cap.count)
        # a contact becomes free when the count-th newest contact leaves the window
        free[full] = moments[newest_first[begins[full] + cap.count - 1]] + cap.window_days * DAY
    positions = pc.index_in(text(rows, key), value_set=who.dictionary)
    positions = pc.fill_null(positions, len(who.dictionary)).to_numpy(zero_copy_only=False)
    return counts[positions], free[positions]


def key_of(cap: Cap, rows: pa.Table) -> str:
    """Return the column of ``rows`` whose values share a cap."""
    return COLUMN if cap.per == "customer" and COLUMN in rows.column_names else f"{cap.per}_id"


def latest(customer_id: Any, recent: pa.Table | None) -> dict[str, Any]:
    """Return the contacts in the longest window of the policy's caps, and the time of the last; NULL if unknown."""
    n = len(customer_id)
    if recent is None:
        return {"contacts_in_window": make.nulls(n, pa.int64()), "last_contact_at": make.nulls(n, TIME)}
    calls = recent.filter(pc.equal(text(recent, "event_type"), "contact"))
    once = pa.table({name: column(calls, name, kind) for name, kind in _CALL}).group_by([name for name, _ in _CALL])
    by_customer = once.aggregate([]).group_by("customer_id").aggregate([([], "count_all"), ("known_at", "max")])
    at = pc.index_in(customer_id, value_set=one_chunk(by_customer["customer_id"]))
    counts = pc.fill_null(one_chunk(by_customer["count_all"]).take(at), 0)
    last = one_chunk(by_customer["known_at_max"]).take(at)
    return {"contacts_in_window": counts.cast(pa.int64()), "last_contact_at": last}


_CALL: list[tuple[str, pa.DataType]] = [("customer_id", pa.string()), ("known_at", TIME), ("channel", pa.string())]

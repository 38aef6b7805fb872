"""How every order really stands at a time: what is owed, and whether it may be chased; reckoned from the events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.simulate.events import NONE, Log
from payrec.simulate.orders import DAY_SECONDS, Orders, Span
from payrec.simulate.raw_tables import identifiers, names
from payrec.simulate.world import CURRENCIES, EVENT, Bools, Ints

PROMISE_GRACE_DAYS, PENDING_BUSINESS_DAYS = 3, 5  # as in the default policy
STATES = (
    "owed", "unapplied_cash", "not_due", "snoozed", "promised", "in_flight", "disputed", "chargeback", "opted_out",
    "paid", "written_off", "credited", "void",
)  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """What really happened: the orders, the whole event log, and the terms in days (NONE without a due date)."""

    orders: Orders
    log: Log
    span: Span
    due_days: Ints

    def second(self, moment: datetime) -> int:
        """Return a UTC time as seconds since the first day."""
        seconds: np.int64 = (np.datetime64(moment, "s") - self.span.first.astype("datetime64[s]")).astype(np.int64)
        return int(seconds)


@dataclass(frozen=True)
class Standing:
    """One entry an order: ``owed_minor`` in hundredths, ``state`` as a number into STATES, ``refunded_minor``."""

    owed_minor: Ints
    state: Ints
    refunded_minor: Ints

    def has(self, *states: str) -> Bools:
        """Return where the orders are in one of these states."""
        return np.isin(self.state, [STATES.index(state) for state in states])


def standing(facts: Facts, log: Log, second: int) -> Standing:
    """Return how the orders stand by the events of ``log`` that were recorded by ``second``."""
    rows, n = facts.orders, len(facts.orders.day)
    known = log.take(log.recorded_at <= second)

    def total(*kinds: str) -> Ints:
        chosen = known.take(known.of(*kinds))
        whole = rows.amount_minor[chosen.order]
        minor = np.where(chosen.amount_minor == NONE, whole, chosen.amount_minor)
        return np.bincount(chosen.order, weights=minor, minlength=n).astype(np.int64)

    amount, cash = rows.amount_minor, total("payment") - total("return", "chargeback")
    credit, written_off, refunded = (total(kind) for kind in ("credit", "write_off", "refund"))
    is_void = total("void") > 0
    left = np.where(is_void, 0, (amount - credit - written_off - cash).clip(0, amount))
    unapplied = (cash - refunded - np.where(is_void, 0, (amount - credit).clip(0))).clip(0)
    is_open = (left * 20 > amount) & ((rows.day + 1) * DAY_SECONDS <= second)
    ending = known.kind[last_known(known, ("payment", "credit", "write_off"), n)]
    state = np.select(
        [is_open, is_void, ending == EVENT["credit"], ending == EVENT["write_off"]],
        [held(facts, known, second, np.where(is_open, left, 0), unapplied)]
        + [STATES.index(word) for word in ("void", "credited", "written_off")],
        STATES.index("paid"),
    )
    return Standing(left, state, refunded)


def last_known(log: Log, kinds: tuple[str, ...], n: int) -> Ints:
    """Return the row of each order's newest event of these types, in the order of knowledge; NONE without one."""
    rows = np.flatnonzero(log.of(*kinds))
    rows = rows[np.lexsort((rows, log.recorded_at[rows]))]
    newest = np.full(n, NONE)
    newest[log.order[rows]] = rows
    return newest


def held(facts: Facts, known: Log, second: int, owed_minor: Ints, unapplied_minor: Ints) -> Ints:
    """Return the state of every order if it is open: what keeps it from being chased, else ``owed``."""
    rows, n = facts.orders, len(facts.orders.day)

    def newest(*kinds: str) -> tuple[Bools, Ints]:
        row = last_known(known, kinds, n)
        return row != NONE, row

    promised, promise = newest("promise")
    snoozed, snooze = newest("snooze")
    disputed, dispute = newest("dispute_opened", "dispute_closed")
    moved, move = newest("pending", "payment", "attempt", "return", "chargeback", "void")
    since = facts.span.first + known.recorded_at[move] // DAY_SECONDS
    settles = np.busday_offset(since, PENDING_BUSINESS_DAYS, roll="backward") + np.timedelta64(1, "D")
    settles_at = (settles - facts.span.first).astype(np.int64) * DAY_SECONDS
    opted_out = np.unique(rows.customer[known.order[known.of("opt_out")]])
    holds = {
        "opted_out": np.isin(rows.customer, opted_out),
        "chargeback": newest("chargeback")[0],
        "disputed": disputed & (known.kind[dispute] == EVENT["dispute_opened"]),
        "in_flight": moved & (known.kind[move] == EVENT["pending"]) & (second < settles_at),
        "promised": promised & (second < (known.promised_day[promise] + 1 + PROMISE_GRACE_DAYS) * DAY_SECONDS),
        "snoozed": snoozed & (second < known.promised_day[snooze] * DAY_SECONDS),
        "not_due": (facts.due_days != NONE) & (second < (rows.day + facts.due_days + 1) * DAY_SECONDS),
        "unapplied_cash": covered(rows, owed_minor, unapplied_minor),
    }
    return np.select(list(holds.values()), [STATES.index(word) for word in holds], STATES.index("owed"))


def covered(rows: Orders, owed_minor: Ints, unapplied_minor: Ints) -> Bools:
    """Return which open orders the unapplied cash of their customer and currency would close.

    An order that owes exactly the sum comes first, then from the smallest balance up.
    """
    account = rows.customer * len(CURRENCIES) + rows.currency
    is_covered = np.zeros(len(account), dtype=np.bool_)
    accounts = np.unique(account[unapplied_minor > 0])
    cash = np.bincount(np.searchsorted(accounts, account), weights=unapplied_minor, minlength=len(accounts) + 1)
    owing = np.flatnonzero((owed_minor > 0) & np.isin(account, accounts))
    available = cash[np.searchsorted(accounts, account[owing])].astype(np.int64)
    owed = owed_minor[owing]
    used: dict[int, int] = {}
    for number in np.lexsort((owing, rows.day[owing], owed, owed != available)).tolist():
        order = int(owing[number])
        used[int(account[order])] = used.get(int(account[order]), 0) + int(owed[number])
        is_covered[order] = (used[int(account[order])] - available[number]) * 20 <= rows.amount_minor[order]
    return is_covered


def standing_at(facts: Facts, moments: Sequence[datetime]) -> pa.Table:
    """Return how each order that existed stands at each time.

    Returns
    -------
    pa.Table
        Key (order_id, as_of); ``owed_minor``, ``state`` (one of STATES) and ``is_chaseable``: state is owed.
    """
    tables = []
    for moment in moments:
        second = facts.second(moment)
        now = standing(facts, facts.log, second)
        exists = np.flatnonzero((facts.orders.day + 1) * DAY_SECONDS <= second)
        columns: dict[str, pa.Array[Any]] = {
            "order_id": identifiers("o", exists + 1, 8),
            "as_of": pa.array([moment] * len(exists), pa.timestamp("us")),
            "owed_minor": pa.array(now.owed_minor[exists]),
            "state": names(STATES, now.state[exists]),
            "is_chaseable": pa.array(now.has("owed")[exists]),
        }
        tables.append(pa.table(columns))
    return pa.concat_tables(tables)

"""What each complication does to the events of an order: it replaces or extends those of its course.

A failed order has at most one complication, so that the truth stays plain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from payrec.simulate.complications import EXCLUSIVE, Complications
from payrec.simulate.course import NEVER_SECOND, Course
from payrec.simulate.events import NOT_DATED, Part
from payrec.simulate.hazard import LAST_DAY
from payrec.simulate.orders import DAY_SECONDS, Orders, Span
from payrec.simulate.payments import Settlement, portion
from payrec.simulate.world import CURRENCIES, DIRECT_DEBIT, RETURN_REASON, WHOLE_UNITS_ONLY, Bools, Ints

SMALLEST_MINOR = 4000  # smaller amounts are not split or converted: a rounding could be more than 5 % of them
PAYS_AGAIN_SHARE = 0.5  # of the returned payments
RATE_SCALE = 100_000_000  # rates have eight decimals
PART_COLUMNS = tuple(field.name for field in fields(Part) if field.name != "kind")


@dataclass(frozen=True)
class Draft:
    """A portfolio before its events are put into one log."""

    orders: Orders
    course: Course
    settlement: Settlement
    span: Span
    parts: Sequence[Part]


@dataclass(frozen=True)
class _Failed:
    """The failed orders while their complications are drawn; seconds since the first day, hundredths."""

    rng: np.random.Generator
    course: Course
    settlement: Settlement
    span: Span
    event_at: Ints
    paid_at: Ints
    last_minor: Ints

    def unpaid_minor(self, at: Ints) -> Ints:
        """Return what is left of the amount at a time before the last payment."""
        early = np.where(self.settlement.part_at < at, self.settlement.part_minor, 0)
        unpaid: Ints = self.course.orders.amount_minor - early
        return unpaid

    def part(self, kind: str, which: Ints, at: Ints, **more: Ints) -> Part:
        """Return events of some failed orders, numbered among all orders."""
        return Part(kind, self.course.at[which], at, **more)

    def payment(self, which: Ints, amount_minor: Ints) -> Part:
        """Return payments at the time of the recovery."""
        return self.part("payment", which, self.paid_at[which], amount_minor=amount_minor)


@dataclass(frozen=True)
class _Change:
    """Events of some failed orders, which replace: nothing, all from ``cut_at`` on, or the last payment as well."""

    which: Ints
    cut_at: Ints
    parts: tuple[Part, ...]


def _credit_notes(f: _Failed, which: Ints) -> _Change:
    at = f.event_at[which]
    credit = f.part("credit", which, at, amount_minor=f.unpaid_minor(f.event_at)[which])
    return _Change(which, at, (credit,))


def _voids(f: _Failed, which: Ints) -> _Change:
    which = which[f.settlement.part_minor[which] == 0]  # a payment of a void order would be unapplied cash
    return _Change(which, f.event_at[which], (f.part("void", which, f.event_at[which]),))


def _part_write_offs(f: _Failed, which: Ints) -> _Change:
    rows = f.course.orders
    share = f.rng.uniform(0.06, 0.3, len(which))
    minor = portion(rows.amount_minor[which], share, rows.currency[which])
    fits = (minor > 0) & (minor < f.last_minor[which]) & (f.event_at[which] < f.paid_at[which] - 60)
    which, minor = which[fits], minor[fits]
    written_off = f.part("write_off", which, f.event_at[which], amount_minor=minor)
    paid = f.paid_at[which] < NEVER_SECOND
    rest = f.payment(which[paid], (f.last_minor[which] - minor)[paid])
    credit = f.settlement.credit_minor[which] * paid
    granted = credit > 0
    credited = f.part("credit", which[granted], f.paid_at[which[granted]] - 60, amount_minor=credit[granted])
    return _Change(which, np.minimum(f.paid_at[which] - 60, NEVER_SECOND), (written_off, rest, credited))


def _snoozes(f: _Failed, which: Ints) -> _Change:
    until = f.event_at[which] // DAY_SECONDS + f.rng.integers(3, 21, len(which))
    return _unchanged(which, f.part("snooze", which, f.event_at[which], promised_day=until))


def _reopened_disputes(f: _Failed, which: Ints) -> _Change:
    kinds = ("dispute_opened", "dispute_closed", "dispute_closed", "dispute_opened", "dispute_closed")
    days = (0, 5, 6, 8, 20)
    at = f.event_at[which]
    return _unchanged(
        which, *(f.part(kind, which, at + day * DAY_SECONDS) for kind, day in zip(kinds, days, strict=True))
    )


def _failed_debits(f: _Failed, which: Ints) -> _Change:
    failed_at = f.event_at[which] + 3 * DAY_SECONDS
    which, failed_at = which[failed_at < f.paid_at[which]], failed_at[failed_at < f.paid_at[which]]
    attempt = f.part("attempt", which, failed_at, reason=f.course.orders.reason[which])
    return _unchanged(which, f.part("pending", which, f.event_at[which]), attempt)


def _lost_debits(f: _Failed, which: Ints) -> _Change:
    return _unchanged(which, f.part("pending", which, f.event_at[which]))


def _pending_debits(f: _Failed, which: Ints) -> _Change:
    announced = f.paid_at[which] - f.rng.integers(DAY_SECONDS // 2, 4 * DAY_SECONDS, len(which))
    after_failure = announced > f.course.second(1, 0)[which]
    which, announced = which[after_failure], announced[after_failure]
    return _unchanged(which, f.part("pending", which, announced, amount_minor=f.last_minor[which]))


def _returns(f: _Failed, which: Ints) -> _Change:
    at, minor = f.paid_at[which], f.last_minor[which]
    parts = _taken_back_by_bank(f.rng, f.course.at[which], at, minor)
    return _Change(which, at, (f.payment(which, minor), *parts))


def _refunds(f: _Failed, which: Ints) -> _Change:
    at, minor = f.paid_at[which], f.last_minor[which]
    some = np.maximum(portion(minor, f.rng.uniform(0.2, 1.0, len(which)), f.course.orders.currency[which]), 1)
    later = at + f.rng.integers(DAY_SECONDS, 60 * DAY_SECONDS, len(which))
    return _Change(which, at, (f.payment(which, minor), f.part("refund", which, later, amount_minor=some)))


def _overpayments(f: _Failed, which: Ints) -> _Change:
    extra = portion(f.last_minor[which], f.rng.uniform(0.05, 0.4, len(which)), f.course.orders.currency[which])
    return _Change(which, f.paid_at[which], (f.payment(which, f.last_minor[which] + extra),))


def _instalments(f: _Failed, which: Ints) -> _Change:
    which = which[f.last_minor[which] >= SMALLEST_MINOR]
    half = portion(f.last_minor[which], np.full(len(which), 0.5), f.course.orders.currency[which])
    at = f.paid_at[which]
    return _Change(which, at, (f.payment(which, half), f.part("payment", which, at, amount_minor=half)))


def _other_currencies(f: _Failed, which: Ints) -> _Change:
    day = f.paid_at[which] // DAY_SECONDS
    fits = (f.last_minor[which] >= SMALLEST_MINOR) & (day < f.span.days)
    which, day = which[fits], day[fits]
    own = f.course.orders.currency[which]
    other = (own + f.rng.integers(1, len(CURRENCIES), len(which))) % len(CURRENCIES)
    scaled = np.rint(f.span.rates * RATE_SCALE).astype(np.int64)
    own_rate, other_rate = scaled[own, day], scaled[other, day]
    step = np.where(np.array(WHOLE_UNITS_ONLY)[other], 100, 1)
    paid = (f.last_minor[which] * (own_rate / other_rate) / step).astype(np.int64) * step
    paid -= step * (paid * (other_rate / own_rate) > f.last_minor[which])  # never more than is owed
    worth = np.array([_half_up(*row) for row in zip(paid, other_rate, own_rate, strict=True)], dtype=np.int64)
    payment = replace(f.payment(which, worth), currency=other, currency_minor=paid)
    return _Change(which, f.paid_at[which], (payment,))


def _half_up(amount_minor: int, from_rate: int, to_rate: int) -> int:
    return (2 * int(amount_minor) * int(from_rate) + int(to_rate)) // (2 * int(to_rate))


def _undated_payments(f: _Failed, which: Ints) -> _Change:
    payment = replace(f.payment(which, f.last_minor[which]), visibility=np.full(len(which), NOT_DATED))
    return _Change(which, f.paid_at[which], (payment,))


def _unchanged(which: Ints, *parts: Part) -> _Change:
    return _Change(which, np.full(len(which), NEVER_SECOND), parts)


NEEDS_PAYMENT = frozenset(
    (
        "pending_debits",
        "returns",
        "refunds",
        "overpayments",
        "instalments",
        "other_currencies",
        "undated_payments",
        "transfers",
    )
)
CHANGES: dict[str, Callable[[_Failed, Ints], _Change]] = {
    "credit_notes": _credit_notes,
    "voids": _voids,
    "part_write_offs": _part_write_offs,
    "snoozes": _snoozes,
    "reopened_disputes": _reopened_disputes,
    "failed_debits": _failed_debits,
    "lost_debits": _lost_debits,
    "pending_debits": _pending_debits,
    "returns": _returns,
    "refunds": _refunds,
    "overpayments": _overpayments,
    "instalments": _instalments,
    "other_currencies": _other_currencies,
    "undated_payments": _undated_payments,
}


def _transfers(f: _Failed, candidates: Ints, free: Bools, overpaying: Bools) -> tuple[_Change, _Change]:
    """Return one payment for two orders of a customer, and what it replaces of both; one pair an account at most."""
    rows, open_from = f.course.orders, f.course.second(1, 0)
    account = rows.customer * len(CURRENCIES) + rows.currency
    by_account: dict[int, list[int]] = {}
    for order in np.flatnonzero(free & (f.settlement.part_minor == 0)).tolist():
        by_account.setdefault(int(account[order]), []).append(order)
    spoilt = set(account[overpaying].tolist())
    payer, covered = [], []
    for order in candidates.tolist():
        at = f.paid_at[order]
        others = (
            other
            for other in by_account.get(int(account[order]), [])
            if other != order and open_from[other] < at < min(f.paid_at[other], open_from[other] + 20 * DAY_SECONDS)
        )
        other = next(others, None)
        if other is not None and int(account[order]) not in spoilt:
            spoilt.add(int(account[order]))
            payer.append(order)
            covered.append(other)
    first, second = np.array(payer, dtype=np.int64), np.array(covered, dtype=np.int64)
    at = f.paid_at[first]
    whole = f.last_minor[first] + f.settlement.short_minor[first]
    payment = f.payment(first, whole + rows.amount_minor[second])
    return _Change(first, at, (payment,)), _Change(second, at, ())


def _taken_back_by_bank(rng: np.random.Generator, order: Ints, paid_at: Ints, minor: Ints) -> tuple[Part, Part]:
    """Return the bank's return of each payment some days later, and for a share of them a second payment."""
    n = len(order)
    returned_at = paid_at + rng.integers(2 * DAY_SECONDS, 9 * DAY_SECONDS, n)
    reason = RETURN_REASON + rng.integers(0, 2, n)
    again = rng.random(n) < PAYS_AGAIN_SHARE
    again_at = returned_at + rng.integers(5 * DAY_SECONDS, 26 * DAY_SECONDS, n)
    return (
        Part("return", order, returned_at, amount_minor=minor, reason=reason),
        Part("payment", order[again], again_at[again], amount_minor=minor[again]),
    )


def _first_returns(rng: np.random.Generator, rows: Orders, share: float) -> tuple[Ints, tuple[Part, ...]]:
    """Return the orders whose first charge worked until the bank returned it, and the events of that."""
    worked = (rows.reason < 0) & (rows.method == DIRECT_DEBIT) & (rng.random(len(rows.day)) < share)
    order = np.flatnonzero(worked)
    paid_at = rows.day[order] * DAY_SECONDS + rows.charge_second[order] + 2
    return order, _taken_back_by_bank(rng, order, paid_at, rows.amount_minor[order])


def complicated(rng: np.random.Generator, options: Complications, draft: Draft) -> list[Part]:
    """Return the events with complications: some orders' events are cut from a time on, others are added."""
    course, settlement, rows = draft.course, draft.settlement, draft.orders
    n, paid_at = len(course.at), course.paid_at()
    event_at = course.second(1 + rng.integers(0, 45, n), rng.integers(8 * 3600, 20 * 3600, n))
    granted = np.where(paid_at < NEVER_SECOND, settlement.credit_minor, 0)
    last_minor = course.orders.amount_minor - settlement.part_minor - granted - settlement.short_minor
    failed = _Failed(rng, course, settlement, draft.span, event_at, paid_at, last_minor)
    drawn = np.searchsorted(np.cumsum([getattr(options, name) for name in EXCLUSIVE]), rng.random(n), side="right")
    pays, is_open = course.paid_day <= LAST_DAY, event_at < paid_at
    chosen = {
        name: np.flatnonzero((drawn == number) & (pays if name in NEEDS_PAYMENT else is_open))
        for number, name in enumerate(EXCLUSIVE)
    }
    changes = [change(failed, chosen[name]) for name, change in CHANGES.items()]
    overpaying = np.isin(np.arange(n), chosen["overpayments"])
    changes += _transfers(failed, chosen["transfers"], drawn == len(EXCLUSIVE), overpaying)
    cut_at = np.full(len(rows.day), NEVER_SECOND)
    for change in changes:
        cut_at[course.at[change.which]] = change.cut_at
    returned, return_parts = _first_returns(rng, rows, options.first_returns)
    cut_at[returned] = rows.day[returned] * DAY_SECONDS + rows.charge_second[returned] + 3
    kept = [_before(part, cut_at) for part in draft.parts]
    return [*kept, *(part for change in changes for part in change.parts), *return_parts]


def _before(part: Part, cut_at: Ints) -> Part:
    """Return the events before the cut of their order."""
    rows = part.at < cut_at[part.order]
    columns: dict[str, Any] = {
        name: None if (column := getattr(part, name)) is None else column[rows] for name in PART_COLUMNS
    }
    return replace(part, **columns)

"""Money that moves after the first charge: parts, recoveries, credits, and what is taken back later."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from payrec.data.simulate import hazard as hz
from payrec.data.simulate.course import Course
from payrec.data.simulate.events import Part
from payrec.data.simulate.orders import DAY_SECONDS, Orders
from payrec.data.simulate.vocabulary import WHOLE_UNITS_ONLY, Bools, Floats, Ints

PART_SHARE, PART_SHARE_LARGE, LARGE_VALUE = 0.05, 0.16, 200.0
SHORT_SHARE = 0.03  # of the recoveries leave up to 4 % unpaid (bank fees): recovered all the same
CREDIT_SHARE = 0.3  # of the disputes that end in a recovery
REFUND_SHARE, CHARGEBACK_SHARE = 0.012, 0.006
# Taken back only after the longest horizon, so that no label of a landmark is undone and truth stays exact.
TAKEN_BACK_AFTER_DAYS = 91


def portion(amount_minor: Ints, share: Floats, currency: Ints) -> Ints:
    """Return a share of an amount, rounded down to what the currency can pay."""
    step = np.where(np.array(WHOLE_UNITS_ONLY)[currency], 100, 1)
    return (amount_minor * share / step).astype(np.int64) * step


def recoveries(rng: np.random.Generator, course: Course) -> Iterator[Part]:
    """Yield part payments, credits granted in a dispute, and the payment that recovers the order."""
    rows, paid_at, n = course.orders, course.paid_at(), len(course.at)
    pays_part = rng.random(n) < np.where(rows.value > LARGE_VALUE, PART_SHARE_LARGE, PART_SHARE)
    part_day = 1 + np.minimum(rng.exponential(12.0, n), 80.0).astype(np.int64)
    part_at = course.second(part_day, rng.integers(8 * 3600, 22 * 3600, n))
    part = portion(rows.amount_minor, rng.uniform(0.2, 0.7, n), rows.currency)
    pays_part &= (part_at < paid_at) & (part > 0)
    yield Part("payment", course.at[pays_part], part_at[pays_part], amount_minor=part[pays_part])

    paid = course.paid_day <= hz.LAST_DAY
    short = portion(rows.amount_minor, rng.uniform(0.005, 0.04, n), rows.currency) * (rng.random(n) < SHORT_SHARE)
    rest = rows.amount_minor - part * pays_part
    credit = portion(rest, rng.uniform(0.1, 0.4, n), rows.currency)
    credit *= course.is_disputing & (rng.random(n) < CREDIT_SHARE)
    granted = paid & (credit > 0)
    yield Part("credit", course.at[granted], paid_at[granted] - 60, amount_minor=credit[granted])
    yield Part("payment", course.at[paid], paid_at[paid], amount_minor=(rest - short - credit)[paid])


def taken_back(rng: np.random.Generator, rows: Orders, course: Course) -> Iterator[Part]:
    """Yield refunds and chargebacks, each chargeback after its dispute: of first charges soon, of recoveries late."""
    worked = np.flatnonzero(rows.reason < 0)
    soon = 2 + np.minimum(rng.exponential(20.0, len(worked)), 120.0).astype(np.int64)
    yield from _taken_back(rng, rows, worked, rows.day[worked] + soon)
    paid = course.paid_day <= hz.LAST_DAY
    recovered = course.at[paid]
    late = course.paid_day[paid] + TAKEN_BACK_AFTER_DAYS + rng.integers(0, 90, len(recovered))
    yield from _taken_back(rng, rows, recovered, rows.day[recovered] + late)


def _taken_back(rng: np.random.Generator, rows: Orders, order: Ints, day: Ints) -> Iterator[Part]:
    fate, n = rng.random(len(order)), len(order)
    at = day * DAY_SECONDS + rng.integers(8 * 3600, 20 * 3600, n)
    full = rows.amount_minor[order]
    some = portion(full, np.where(rng.random(n) < 0.7, 0.95, rng.uniform(0.2, 0.8, n)), rows.currency[order])

    def part(kind: str, chosen: Bools, days_later: int, amount: Ints | None) -> Part:
        at_later = at[chosen] + days_later * DAY_SECONDS
        return Part(kind, order[chosen], at_later, amount_minor=None if amount is None else amount[chosen])

    refunded, disputed = fate < REFUND_SHARE, fate > 1 - CHARGEBACK_SHARE
    yield part("refund", refunded & (some > 0), 0, some)
    yield part("dispute_opened", disputed, 0, None)
    yield part("chargeback", disputed, 9, portion(full, np.full(n, 0.95), rows.currency[order]))
    yield part("dispute_closed", disputed, 30, None)

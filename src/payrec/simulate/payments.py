"""Money that moves after the first charge: parts, recoveries, credits, and what is taken back later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from payrec.simulate import hazard as hz
from payrec.simulate.course import Course
from payrec.simulate.events import Part
from payrec.simulate.orders import DAY_SECONDS, Orders
from payrec.simulate.world import WHOLE_UNITS_ONLY, Floats, Ints

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


@dataclass(frozen=True)
class Settlement:
    """Payments of each failed order that recovers: an early part, a credit, a short payment, and the rest."""

    part_at: Ints
    part_minor: Ints
    credit_minor: Ints
    short_minor: Ints


def settle(rng: np.random.Generator, course: Course) -> Settlement:
    """Draw parts paid while the order is open, credits to end a dispute, and small sums that banks keep."""
    rows, n = course.orders, len(course.at)
    pays_part = rng.random(n) < np.where(rows.value > LARGE_VALUE, PART_SHARE_LARGE, PART_SHARE)
    part_day = 1 + np.minimum(rng.exponential(12.0, n), 80.0).astype(np.int64)
    part_at = course.second(part_day, rng.integers(8 * 3600, 22 * 3600, n))
    part = portion(rows.amount_minor, rng.uniform(0.2, 0.7, n), rows.currency) * (
        pays_part & (part_at < course.paid_at())
    )
    short = portion(rows.amount_minor, rng.uniform(0.005, 0.04, n), rows.currency) * (rng.random(n) < SHORT_SHARE)
    credit = portion(rows.amount_minor - part, rng.uniform(0.1, 0.4, n), rows.currency)
    return Settlement(part_at, part, credit * (course.is_disputing & (rng.random(n) < CREDIT_SHARE)), short)


def recoveries(course: Course, settlement: Settlement) -> Iterator[Part]:
    """Yield part payments, credits, and the payment that recovers the order."""
    paid_at, paid = course.paid_at(), course.paid_day <= hz.LAST_DAY
    parts, granted = settlement.part_minor > 0, paid & (settlement.credit_minor > 0)
    rest = course.orders.amount_minor - settlement.part_minor - settlement.credit_minor - settlement.short_minor
    yield Part("payment", course.at[parts], settlement.part_at[parts], amount_minor=settlement.part_minor[parts])
    yield Part("credit", course.at[granted], paid_at[granted] - 60, amount_minor=settlement.credit_minor[granted])
    yield Part("payment", course.at[paid], paid_at[paid], amount_minor=rest[paid])


def taken_back(rng: np.random.Generator, rows: Orders, course: Course, settlement: Settlement) -> Iterator[Part]:
    """Yield refunds and chargebacks, each chargeback after its dispute: of first charges soon, of recoveries late."""
    worked = np.flatnonzero(rows.reason < 0)
    soon = 2 + np.minimum(rng.exponential(20.0, len(worked)), 120.0).astype(np.int64)
    yield from _taken_back(rng, rows, worked, rows.day[worked] + soon, rows.amount_minor[worked])
    paid = course.paid_day <= hz.LAST_DAY
    recovered = course.at[paid]
    late = course.paid_day[paid] + TAKEN_BACK_AFTER_DAYS + rng.integers(0, 90, len(recovered))
    paid_minor = (course.orders.amount_minor - settlement.credit_minor - settlement.short_minor)[paid]
    yield from _taken_back(rng, rows, recovered, rows.day[recovered] + late, paid_minor)


def _taken_back(rng: np.random.Generator, rows: Orders, order: Ints, day: Ints, paid_minor: Ints) -> Iterator[Part]:
    fate, n = rng.random(len(order)), len(order)
    at = day * DAY_SECONDS + rng.integers(8 * 3600, 20 * 3600, n)
    some = portion(paid_minor, np.where(rng.random(n) < 0.7, 1.0, rng.uniform(0.2, 0.8, n)), rows.currency[order])
    refunded, disputed = (fate < REFUND_SHARE) & (some > 0), fate > 1 - CHARGEBACK_SHARE
    yield Part("refund", order[refunded], at[refunded], amount_minor=some[refunded])
    contested, opened_at = order[disputed], at[disputed]
    yield Part("dispute_opened", contested, opened_at)
    yield Part("chargeback", contested, opened_at + 9 * DAY_SECONDS, amount_minor=paid_minor[disputed])
    yield Part("dispute_closed", contested, opened_at + 30 * DAY_SECONDS)

"""Observed against expected payments by calendar day, from landmark snapshots: each order-day counts once.

A snapshot of age a at time s stands for its order until the order's next landmark, its end or the night. Its
cumulated hazard over the horizon, H = −ln(1 − p), is spread over the days since s by the usual timing φ of its age:
between u₁ and u₂ days after s it expects H · (φ(u₂) − φ(u₁)) payments. Payments of yesterday count: nothing waits for
the horizon. Times are those at which facts became known, so late recordings delay both sides alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from payrec.common.arrow import Flags, Floats, Whole, pc, text, times, whole
from payrec.common.short_repr import short_repr
from payrec.model.features.view_columns import ENDED_AT, ENDED_BY, MICROSECONDS_A_DAY

UNITS = 1_000_000_000  # of an expected payment: whole numbers, so that no order of rows or batches changes a sum


@short_repr
@dataclass(frozen=True)
class Timing:
    """When payments come within the horizon: by landmark age, the share of each day since the snapshot (sum 1)."""

    ages: tuple[int, ...]
    shares: tuple[tuple[float, ...], ...]

    @property
    def horizon_days(self) -> int:
        """Days over which the shares reach."""
        return len(self.shares[0])

    @property
    def stand_days(self) -> Whole:
        """Days for which a snapshot of each age stands: until the next landmark, the last for the whole horizon."""
        gaps = np.diff(np.array([*self.ages, self.ages[-1] + self.horizon_days]))
        return np.minimum(gaps, self.horizon_days).astype(np.int64)


@short_repr
@dataclass(frozen=True)
class DailyPayments:
    """Payments by calendar day (UTC) from ``first_day`` (days since 1970): observed, expected in billionths."""

    first_day: int
    observed: tuple[int, ...]
    expected: tuple[int, ...]

    @property
    def days(self) -> Whole:
        """Days since 1970-01-01, (d,)."""
        return np.arange(self.first_day, self.first_day + len(self.observed))


@short_repr
@dataclass(frozen=True)
class Exposures:
    """Snapshots as days since 1970: position of the age, start and end of what was seen, paid at the end, hazard."""

    age_at: npt.NDArray[np.intp]
    start: Floats
    end: Floats
    paid: Flags
    hazard: Floats


def has_endings(rows: pa.Table) -> bool:
    """Whether rows of the feature view say when and by what their orders ended."""
    return {ENDED_AT, ENDED_BY} <= set(rows.column_names)


def exposures(rows: pa.Table, p: Floats, ages: tuple[int, ...], until: float) -> Exposures:
    """Return what each landmark snapshot saw up to ``until`` (days since 1970), given its probability p, (n,).

    Left out are ages that are no landmark of ``ages``, snapshots after ``until``, and orders that ended at an unknown
    time: nobody knows whether they paid.
    """
    age, start = whole(rows, "age_days"), _days(times(rows, "as_of"))
    ended = times(rows, ENDED_AT)
    ended_at = np.where(np.isnat(ended), np.inf, _days(ended))
    by = text(rows, ENDED_BY)
    unseen, payment = (pc.fill_null(pc.equal(by, kind), False).to_numpy(zero_copy_only=False) for kind in _KINDS)
    at = np.minimum(np.searchsorted(np.array(ages), age), len(ages) - 1)
    kept = (np.array(ages)[at] == age) & (start < until) & ~unseen & ~np.isnan(p)
    hazard = -np.log1p(-np.minimum(p[kept], 1 - 1e-9))
    end = np.minimum(ended_at, until)[kept]
    return Exposures(at[kept].astype(np.intp), start[kept], end, (payment & (ended_at <= until))[kept], hazard)


_KINDS = ("unseen", "payment")


def learn_timing(seen: Exposures, ages: tuple[int, ...], horizon_days: int) -> Timing:
    """Learn the usual timing of payments within the horizon, by age."""
    increments, _ = hazard_by_day(seen, len(ages), horizon_days)
    return Timing(ages, tuple(tuple(row) for row in (increments / increments.sum(1, keepdims=True)).tolist()))


def hazard_by_day(seen: Exposures, ages: int, days: int) -> tuple[Floats, Whole]:
    """Return the hazard of each day since the snapshot by age, and the orders open and seen on it, (ages, days) each.

    The hazard is (payments + ½ / days) / (model's hazard of the open orders, by the share of the day that was seen);
    where none was seen it is that of the day before.
    """
    since_end = seen.end - seen.start
    pay_day = np.where(seen.paid, np.ceil(since_end) - 1, -1)
    increments, orders = np.full((ages, days), 1.0 / days), np.zeros((ages, days), np.int64)
    for day in range(days):
        at_risk = np.bincount(seen.age_at, seen.hazard * np.clip(since_end - day, 0, 1), ages)
        paid = np.bincount(seen.age_at[pay_day == day], minlength=ages)
        orders[:, day] = np.bincount(seen.age_at[since_end > day], minlength=ages)
        before = increments[:, max(day - 1, 0)]
        increments[:, day] = np.where(at_risk > 0, (paid + 0.5 / days) / np.where(at_risk > 0, at_risk, 1), before)
    return increments, orders


def daily(seen: Exposures, timing: Timing, first_day: int, days: int) -> DailyPayments:
    """Sum observed and expected payments by calendar day over ``days`` days from ``first_day``."""
    shares = np.array(timing.shares)
    before = np.concatenate([np.zeros((len(shares), 1)), np.cumsum(shares, 1)], 1)
    stand = seen.start + timing.stand_days[seen.age_at]
    last = np.minimum(seen.end, stand)
    expected = np.zeros(days)
    begun = np.floor(seen.start).astype(np.int64)
    for step in range(int(timing.stand_days.max()) + 1):
        low = np.maximum(seen.start, begun + step)
        open_ = np.flatnonzero(last > low)
        high = np.minimum(last, begun + step + 1)[open_]
        age = seen.age_at[open_]
        share = _cumulated(before, age, high - seen.start[open_]) - _cumulated(before, age, (low - seen.start)[open_])
        units = np.rint(seen.hazard[open_] * share * UNITS)
        expected += _by_day(begun[open_] + step - first_day, units, days)
    paid = seen.paid & (seen.end <= stand) & (seen.end > seen.start)
    observed = _by_day(np.ceil(seen.end[paid]).astype(np.int64) - 1 - first_day, np.ones(int(paid.sum())), days)
    return DailyPayments(first_day, _plain(observed), _plain(expected))


def _cumulated(before: Floats, age: npt.NDArray[np.intp], since: Floats) -> Floats:
    """φ at ``since`` days after the snapshot, linear within a day."""
    most = before.shape[1] - 1
    day = np.clip(since, 0, most)
    floor = np.minimum(day.astype(np.int64), most - 1)
    cumulated: Floats = before[age, floor] + (day - floor) * (before[age, floor + 1] - before[age, floor])
    return cumulated


def _by_day(day: Whole, amount: Floats, days: int) -> Floats:
    within = (day >= 0) & (day < days)
    sums: Floats = np.bincount(day[within], amount[within], days).astype(np.float64)
    return sums  # of whole numbers below 2^53: exact


def _plain(values: npt.NDArray[np.generic]) -> tuple[int, ...]:
    return tuple(int(value) for value in np.rint(values.astype(np.float64)))


def _days(moments: npt.NDArray[np.datetime64]) -> Floats:
    return moments.astype("datetime64[us]").astype(np.int64) / MICROSECONDS_A_DAY

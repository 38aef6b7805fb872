"""The level of the last weeks: one shift δ of the log hazard a night, from observed against expected payments.

``p' = 1 − (1 − p)^exp(δ)``, one δ for all orders, so their order stays. Weeks that end at the night give
``y = ln((observed + ½) / (expected + ½))`` with variance c / (observed + ½). The level is a random walk, sd q a week,
that may have jumped once in the last 12 weeks. δ is the mean over 260 such Kalman filters (5 q, 4 c, 13 times of the
jump), weighted by likelihood and prior. It follows from the bundle and the payments of the days alone: no state is
carried from night to night.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product

import numpy as np

from payrec.common.arrow import Floats, Whole
from payrec.common.short_repr import short_repr
from payrec.model.recipes.payment_book import UNITS, DailyPayments, Exposures, Timing, daily, learn_timing

EPOCH = datetime(1970, 1, 1)  # times are UTC without zone
HISTORY_DAYS = 400
SKIPPED_DAYS = 60  # the first of the data, in which orders of all ages are not there yet
START_SD = 0.10
WALKS = ((0.0, 0.5), (0.01, 0.125), (0.02, 0.125), (0.04, 0.125), (0.08, 0.125))  # sd a week, prior
DISPERSIONS = (1.0, 1.5, 2.2, 3.5)
JUMP_WEEKS, JUMP_CHANCE, JUMP_SD = 12, 0.01, 0.4
LARGEST_SHIFT = 1.5
RECENT_DAYS, FEWEST_EXPECTED = 28, 50.0
CALENDAR_WEIGHT = 100.0  # payments that a day of the month or week needs to count by half


@short_repr
@dataclass(frozen=True)
class Level:
    """What following the level needs of the training rows.

    Attributes
    ----------
    timing
        When payments come, by landmark age.
    day_of_month, weekday
        Factors on the expected payments of a day, (31,) from the 1st and (7,) from Monday.
    offset
        ln(observed / expected) of the training rows, so that their level is 0.
    history
        Their payments by day: the last 400 days.
    dispersion
        Variance of a week's payments over that of independent ones, at least 1.
    """

    timing: Timing
    day_of_month: tuple[float, ...]
    weekday: tuple[float, ...]
    offset: float
    history: DailyPayments
    dispersion: float

    @property
    def next_day(self) -> int:
        """First day (since 1970) that the training rows do not cover in full."""
        return self.history.first_day + len(self.history.observed)

    @property
    def rows_since(self) -> datetime:
        """Time of the oldest snapshots that stand for an order on that day."""
        return EPOCH + timedelta(days=self.next_day - int(self.timing.stand_days.max()))


@short_repr
@dataclass(frozen=True)
class LevelState:
    """The level of one night.

    Attributes
    ----------
    shift, sd
        δ and its standard deviation; the shift is 0 where too few payments were expected.
    jump
        Probability that the level jumped in the last 12 weeks.
    observed, expected
        Payments of the last 28 days.
    until
        The newest outcome that counts (UTC).
    """

    shift: float
    sd: float
    jump: float
    observed: float
    expected: float
    until: datetime

    @property
    def sentence(self) -> str:
        """What the level did, in words."""
        seen = f"{self.observed:,.0f} payments in the last {RECENT_DAYS} days, {self.expected:,.0f} expected"
        if self.expected < FEWEST_EXPECTED:
            return f"level as in training: {seen}, too few to follow (at least {FEWEST_EXPECTED:.0f})"
        return f"level of the last weeks ×{np.exp(self.shift):.2f}: {seen}"


@short_repr
@dataclass(frozen=True)
class NightLevel:
    """The payments by day since the training rows end, and the level that follows from them."""

    payments: DailyPayments
    state: LevelState


def shifted(z: Floats, shift: float | Floats) -> Floats:
    """Return 1 − (1 − σ(z))^exp(shift), shape of ``z``: probabilities at another level of the hazard.

    >>> shifted(np.array([0.0]), np.log(2.0)).tolist()  # 1 − ½²
    [0.75]
    """
    p: Floats = -np.expm1(-np.exp(shift) * np.logaddexp(0.0, z))
    return p


def moved(p: Floats, shift: float | Floats) -> Floats:
    """Return 1 − (1 − p)^exp(shift), shape of ``p``, as :func:`shifted` for probabilities."""
    result: Floats = -np.expm1(np.exp(shift) * np.log1p(-p))
    return result


def learn(seen: Exposures, ages: tuple[int, ...], horizon_days: int) -> Level | None:
    """Learn what following the level needs from snapshots whose horizon is over; None from less than 90 days."""
    first, end = int(np.floor(seen.start.min())), int(np.floor(seen.start.max()))
    if end - first < SKIPPED_DAYS + 30:
        return None
    timing = learn_timing(seen, ages, horizon_days)
    days = daily(seen, timing, first, end - first)
    dates = days.days.astype("datetime64[D]")
    month_day = (dates - dates.astype("datetime64[M]")).astype(np.int64)
    weekday = _weekdays(days.days)
    observed, expected = np.array(days.observed, np.float64), np.array(days.expected) / UNITS
    by_month_day = _factors(month_day, observed, expected, 31)
    expected = expected * by_month_day[month_day]
    by_weekday = _factors(weekday, observed, expected, 7)
    expected = expected * by_weekday[weekday]
    offset = float(np.log(max(observed.sum(), 0.5) / max(expected.sum(), 0.5)))
    kept = DailyPayments(max(first, end - HISTORY_DAYS), days.observed[-HISTORY_DAYS:], days.expected[-HISTORY_DAYS:])
    learnt = Level(timing, tuple(by_month_day.tolist()), tuple(by_weekday.tolist()), offset, kept, 1.0)
    return Level(timing, learnt.day_of_month, learnt.weekday, offset, kept, _dispersion(learnt))


def usual(level: Level, days: DailyPayments) -> Floats:
    """Return the payments expected on each day at the level of the training, (d,)."""
    dates = days.days.astype("datetime64[D]")
    month_day = (dates - dates.astype("datetime64[M]")).astype(np.int64)
    factor = np.array(level.day_of_month)[month_day] * np.array(level.weekday)[_weekdays(days.days)]
    expected: Floats = np.array(days.expected, np.float64) / UNITS * factor * np.exp(level.offset)
    return expected


def of_night(level: Level, newer: DailyPayments, until: datetime) -> NightLevel:
    """Return the level of a night from the payments of the days since the training rows end."""
    return NightLevel(newer, _state(*_joined(level, newer), until))


def follow(level: Level, newer: DailyPayments, nights: Whole) -> Floats:
    """Return δ at the start of each of the days ``nights`` (since 1970), each from the days before it, (n,) -> (n,)."""
    observed, expected = _joined(level, newer)
    first = newer.first_day + len(newer.observed) - len(observed)
    unique, at = np.unique(nights, return_inverse=True)
    shifts = []
    for night in unique.tolist():
        known = max(night - first, 0)
        shifts.append(_state(observed[:known], expected[:known], EPOCH + timedelta(days=night)).shift)
    return np.array(shifts)[at]


def _joined(level: Level, newer: DailyPayments) -> tuple[Floats, Floats]:
    """Observed and expected payments of the days from the history to the last of ``newer``; days between have none."""
    gap = newer.first_day - level.next_day
    between, overlap = np.zeros(max(gap, 0)), max(-gap, 0)
    parts = [np.array(level.history.observed, np.float64), between, np.array(newer.observed, np.float64)[overlap:]]
    usual_days = [usual(level, level.history), between, usual(level, newer)[overlap:]]
    skipped = 0 if len(level.history.observed) == HISTORY_DAYS else SKIPPED_DAYS
    return np.concatenate(parts)[skipped:], np.concatenate(usual_days)[skipped:]


def _state(observed: Floats, expected: Floats, until: datetime) -> LevelState:
    recent = float(observed[-RECENT_DAYS:].sum()), float(expected[-RECENT_DAYS:].sum())
    mean, variance, jump = _filtered(*(_weeks(daily_sums) for daily_sums in (observed, expected)))
    shift = float(np.clip(mean, -LARGEST_SHIFT, LARGEST_SHIFT)) if recent[1] >= FEWEST_EXPECTED else 0.0
    sd = float(np.sqrt(max(variance, 0.0)))
    return LevelState(round(shift, 6), round(sd, 6), round(jump, 6), round(recent[0], 6), round(recent[1], 6), until)


def _filtered(observed: Floats, expected: Floats) -> tuple[float, float, float]:
    """Mean and variance of the level after the last week, and the weight of a jump in the last weeks."""
    jumps: tuple[int | None, ...] = (None, *range(max(len(observed) - JUMP_WEEKS, 0), len(observed)))
    grid = list(product(WALKS, DISPERSIONS, jumps))
    walk = np.array([sd for (sd, _), _, _ in grid])
    dispersion = np.array([c for _, c, _ in grid])
    jump_at = np.array([-1 if week is None else week for _, _, week in grid])
    no_jump = 1 - JUMP_CHANCE * JUMP_WEEKS
    weight = np.log([prior * (no_jump if week is None else JUMP_CHANCE) for (_, prior), _, week in grid])
    mean, variance = np.zeros(len(grid)), np.full(len(grid), START_SD**2)
    for week, (came, hoped) in enumerate(zip(observed.tolist(), expected.tolist(), strict=True)):
        variance = variance + walk**2 + np.where(jump_at == week, JUMP_SD**2, 0.0)
        if hoped < 0.5:
            continue
        error = np.log((came + 0.5) / (hoped + 0.5)) - mean
        total = variance + dispersion / (came + 0.5)
        weight = weight - 0.5 * (np.log(total) + error**2 / total)
        gain = variance / total
        mean, variance = mean + gain * error, variance * (1 - gain)
    share = np.exp(weight - weight.max())
    share /= share.sum()
    level = float(share @ mean)
    return level, float(share @ (variance + mean**2)) - level**2, float(share[jump_at >= 0].sum())


def _weeks(daily_sums: Floats) -> Floats:
    """Sum whole weeks that end with the last day, oldest first."""
    weeks = len(daily_sums) // 7
    sums: Floats = daily_sums[len(daily_sums) - 7 * weeks :].reshape(weeks, 7).sum(1)
    return sums


def _weekdays(days: Whole) -> Whole:
    return (days + 3) % 7  # 1970-01-01 was a Thursday


def _factors(code: Whole, observed: Floats, expected: Floats, size: int) -> Floats:
    """(100 + observed) / (100 + expected) of each day of the month or week, (size,)."""
    came, hoped = (np.bincount(code, sums, size) for sums in (observed, expected))
    factors: Floats = (CALENDAR_WEIGHT + came) / (CALENDAR_WEIGHT + hoped)
    return factors


def _dispersion(level: Level) -> float:
    """Half the mean square of the first differences of (observed − expected) / √expected, weekly: no slow change in."""
    observed, expected = (_weeks(sums[-365:]) for sums in _joined(level, DailyPayments(level.next_day, (), ())))
    used = expected >= 1
    z = (observed[used] - expected[used]) / np.sqrt(expected[used])
    return max(1.0, float((np.diff(z) ** 2).mean() / 2)) if len(z) > 2 else 1.0

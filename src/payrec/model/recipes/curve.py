"""One curve for all horizons: the probabilities within 7, 14, 60 and 90 days that belong to the model's.

By landmark age, the hazard cumulated to each day is a multiple R of that over the model's horizon, learnt from payments
by day, censored rows included: every young order counts for the days it has seen. ``p_d = 1 − (1 − p)^R_d``: the curve
never falls, and at the horizon it is the model's probability itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from payrec.common.arrow import Floats
from payrec.common.short_repr import short_repr
from payrec.model.recipes.payment_book import Exposures, hazard_by_day

DAYS = (7, 14, 60, 90)
LONGEST_DAYS = 91  # 13 weeks
COLUMNS = tuple(f"p_{days}d" for days in DAYS)
FEWEST_SEEN = 50  # orders of an age that were seen on the last day


@short_repr
@dataclass(frozen=True)
class HorizonCurve:
    """Hazard cumulated to each day from 1 on over that of the horizon, by landmark age; None: too few were seen."""

    ages: tuple[int, ...]
    ratios: tuple[tuple[float | None, ...], ...]


def learn(seen: Exposures, ages: tuple[int, ...], horizon_days: int) -> HorizonCurve:
    """Learn the curve of each age from snapshots that were seen until different days.

    An age of which too few were seen for so long takes the curve of the ages next to it that were.
    """
    longest = max(LONGEST_DAYS, horizon_days)
    hazards, orders = hazard_by_day(seen, len(ages), longest)
    cumulated = np.cumsum(hazards, 1)
    ratios = cumulated / cumulated[:, horizon_days - 1 : horizon_days]
    ratios[orders < FEWEST_SEEN] = np.nan
    whole = ~np.isnan(ratios).any(1)
    for at in np.flatnonzero(~whole) if whole.any() else ():
        ratios[at] = [np.interp(ages[at], np.array(ages)[whole], day) for day in ratios[whole].T]
    rows = [tuple(None if np.isnan(r) else round(r, 9) for r in row) for row in ratios.tolist()]
    return HorizonCurve(ages, tuple(rows))


def probabilities(curve: HorizonCurve, p: Floats, age_days: Floats, days: tuple[int, ...] = DAYS) -> Floats:
    """Return the probability within each of ``days``, (n,) and (n,) -> (n, len(days)); NaN where it is not known.

    Ages between landmarks are interpolated.

    >>> steps = HorizonCurve((0, 10), ((0.5, 0.75, 1.5, None), (0.25, 0.5, 2.0, None)))
    >>> probabilities(steps, np.array([0.75]), np.array([0.0]), (1, 2, 3, 4)).round(3).tolist()
    [[0.5, 0.646, 0.875, nan]]
    """
    ratios = np.array(curve.ratios, np.float64)[:, np.array(days) - 1]  # None becomes NaN
    of_rows = np.column_stack([np.interp(age_days, curve.ages, column) for column in ratios.T])
    with np.errstate(divide="ignore", invalid="ignore"):  # a chance of 1 on days when nobody pays: 0 × −∞
        within = -np.expm1(of_rows * np.log1p(-p)[:, None])
    return np.where(of_rows == 0, 0.0, within)


def by_day(curve: HorizonCurve | None, p: float, age_days: int) -> dict[int, float]:
    """Return the known probabilities of one order by number of days; none without a curve."""
    if curve is None:
        return {}
    within = probabilities(curve, np.array([p]), np.array([float(age_days)]))[0].tolist()
    return {days: chance for days, chance in zip(DAYS, within, strict=True) if not np.isnan(chance)}

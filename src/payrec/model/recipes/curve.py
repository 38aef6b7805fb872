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
COLUMNS = tuple(f"p_{days}d" for days in DAYS)
FEWEST_SEEN = 50  # orders of an age that were seen on the last day


@short_repr
@dataclass(frozen=True)
class HorizonCurve:
    """Cumulated hazard to each of ``DAYS`` over that of the horizon, by landmark age; None where too few were seen."""

    ages: tuple[int, ...]
    ratios: tuple[tuple[float | None, ...], ...]


def learn(seen: Exposures, ages: tuple[int, ...], horizon_days: int) -> HorizonCurve:
    """Learn the curve of each age from snapshots that were seen until different days."""
    longest = max(*DAYS, horizon_days)
    hazards, orders = hazard_by_day(seen, len(ages), longest)
    cumulated = np.cumsum(hazards, 1)
    ratios = [
        tuple(
            round(float(row[day - 1] / row[horizon_days - 1]), 9) if count[day - 1] >= FEWEST_SEEN else None
            for day in DAYS
        )
        for row, count in zip(cumulated, orders, strict=True)
    ]
    return HorizonCurve(ages, tuple(ratios))


def probabilities(curve: HorizonCurve, p: Floats, age_days: Floats) -> Floats:
    """Return the probability within each of ``DAYS``, (n,) and (n,) -> (n, len(DAYS)); NaN where it is not known.

    Ages between landmarks are interpolated.

    >>> half = HorizonCurve((0, 10), ((0.5, 0.75, 1.5, None), (0.25, 0.5, 2.0, None)))
    >>> probabilities(half, np.array([0.75]), np.array([0.0])).round(3).tolist()
    [[0.5, 0.646, 0.875, nan]]
    """
    ratios = np.array(curve.ratios, np.float64)  # None becomes NaN
    of_rows = np.column_stack([np.interp(age_days, curve.ages, column) for column in ratios.T])
    with np.errstate(divide="ignore"):
        result: Floats = -np.expm1(of_rows * np.log1p(-p)[:, None])
    return result


def by_day(curve: HorizonCurve | None, p: float, age_days: int) -> dict[int, float]:
    """Return the known probabilities of one order by number of days; none without a curve."""
    if curve is None:
        return {}
    within = probabilities(curve, np.array([p]), np.array([float(age_days)]))[0].tolist()
    return {days: chance for days, chance in zip(DAYS, within, strict=True) if not np.isnan(chance)}

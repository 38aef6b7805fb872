r"""What contacts brought beyond what would have come anyway, from random assignment; it may be looked at every week.

Of each assigned customer i count the residuals :math:`r_i = \sum a\,(y - \hat p)` of its orders: amount a, outcome y
(1: recovered within the horizon), probability :math:`\hat p` stored before the arm was drawn. With arm :math:`D_i`
and its propensity :math:`e_i`,

.. math::
    f_i = (r_i - m)\,\frac{D_i - e_i}{1 - e_i}, \qquad m = (1 - e)\,\bar r_{contact} + e\,\bar r_{hold}

has the mean :math:`e_i \tau_i`: what contacting this customer adds, times its chance to be contacted. So the sum of f
estimates what the contacts brought, whatever :math:`\hat p` is; a good one only makes it less uneven. The interval is
an asymptotic confidence sequence (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2024, Theorem 2.2): with probability
95 % it covers the truth at all looks together. Epochs of one customer count as one in the standard error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from payrec.common.arrow import Flags, Floats, Whole

ALPHA = 0.05
LEAST_RECOVERED = 50  # in the smaller arm, for a figure of money
LARGEST = 3
CAP_QUANTILE = 0.95
LEAST_SRM_P = 0.001
EARLIER = 0.3  # standard errors by which the best of many looks is ahead of the last, in the median; simulated
_Z = NormalDist().inv_cdf(1 - ALPHA / 2)
_POWER_Z = _Z + NormalDist().inv_cdf(0.8)


@dataclass(frozen=True)
class Units:
    """n assigned customers whose outcome is known, one entry each customer and epoch.

    ``customer`` and ``stratum`` are numbers; ``propensity`` is that of a contact, between 0 and 1.
    """

    customer: Whole
    stratum: Whole
    contact: Flags
    propensity: Floats


@dataclass(frozen=True)
class Estimate:
    """A sum that contacts brought: estimate, its always-valid interval, and the plain one for the declared end."""

    total: float
    low: float
    high: float
    plain_low: float
    plain_high: float
    largest_share: float  # of the variance, that of the three largest customers

    @property
    def is_known(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


def contributions(units: Units, residual: Floats) -> Floats:
    """Return f of the module for each unit, (n,)."""
    centred = np.array(residual, dtype=np.float64)
    for stratum in np.unique(units.stratum):
        inside = units.stratum == stratum
        e = float(units.propensity[inside][0])
        by_arm = [centred[inside & (units.contact == arm)] for arm in (True, False)]
        contact, hold = (float(values.mean()) if values.size else 0.0 for values in by_arm)
        centred[inside] -= (1 - e) * contact + e * hold
    weighted: Floats = centred * (units.contact - units.propensity) / (1 - units.propensity)
    return weighted


def estimate(units: Units, residual: Floats, planned: int) -> Estimate:
    """Estimate what the contacts brought, in the unit of ``residual`` (n,); ``planned``: customers at the end.

    NaN without a unit in both arms.
    """
    n = units.contact.size
    if not units.contact.any() or units.contact.all():
        return Estimate(*[math.nan] * 6)
    f = contributions(units, residual)
    for stratum in np.unique(units.stratum):
        inside = units.stratum == stratum
        f = np.where(inside, f - f[inside].mean(), f)
    total = float(contributions(units, residual).sum())
    by_customer = np.zeros(int(units.customer.max()) + 1)
    np.add.at(by_customer, units.customer, f)
    squares = by_customer**2
    variance = float(squares.sum()) / n
    half = n * math.sqrt(variance) * width(n, planned)
    plain = _Z * math.sqrt(variance * n)
    largest = float(np.sort(squares)[-LARGEST:].sum() / squares.sum()) if squares.any() else 0.0
    return Estimate(total, total - half, total + half, total - plain, total + plain, largest)


def width(n: int, planned: int, alpha: float = ALPHA) -> float:
    """Return the half-width of the confidence sequence of a mean after n units, in standard deviations.

    ``planned``: the number at which it is narrowest, compared with other numbers.

    >>> round(width(5_000, 5_000) * 5_000**0.5, 2), round(width(500, 5_000) * 500**0.5, 2)
    (2.87, 3.83)
    """
    log_alpha = math.log(alpha)
    rho2 = (-2 * log_alpha + math.log(1 - 2 * log_alpha)) / planned
    grown = n * rho2 + 1
    return math.sqrt(2 * grown / (n * n * rho2) * math.log(math.sqrt(grown) / alpha))


def sample_ratio_p(units: Units) -> float:
    """Return the smallest exact p of any stratum that so many are in the arm contact; 1 without units."""
    from scipy.stats import binomtest  # on use: it takes long to import

    ps = [1.0]
    for stratum in np.unique(units.stratum):
        inside = units.stratum == stratum
        e = float(units.propensity[inside][0])
        ps.append(float(binomtest(int(units.contact[inside].sum()), int(inside.sum()), e).pvalue))
    return min(ps)


def cap(amounts: Floats) -> float:
    """Return the amount up to which each order counts in the capped figure: the 95th percentile, inf without any."""
    return float(np.quantile(amounts, CAP_QUANTILE)) if amounts.size else math.inf


@dataclass(frozen=True)
class Forecast:
    """How long an experiment takes that holds out ``share``: customers until an effect is probably known, and weeks.

    ``given_up``: what the customers held out do not bring until then, in the unit of the effect.
    """

    share: float
    customers: int
    weeks: float
    given_up: float


def forecast(
    residual: Floats, effect: float, share: float, customers_per_week: float, maturity_weeks: float
) -> Forecast:
    """Forecast the week in which the sequence leaves out 0, in the median.

    Parameters
    ----------
    residual
        :math:`r_i` of past customers, (n,), in the unit of ``effect``.
    effect
        What a contact adds to a customer.
    customers_per_week
        Customers whose turn comes for the first time in an epoch.
    """
    e = 1 - share
    planned = planned_customers(residual, effect, share)
    spread = float(np.std(residual)) * math.sqrt(e / share)
    low, high = 1, 2

    def is_known(n: int) -> bool:
        return (width(n, planned) - EARLIER / math.sqrt(n)) * spread <= e * effect

    while not is_known(high):
        high *= 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_known(middle) else (middle, high)
    return Forecast(share, high, high / customers_per_week + maturity_weeks, share * high * effect)


def planned_customers(residual: Floats, effect: float, share: float) -> int:
    """Return the customers with which a plain interval leaves out 0 with probability 0.8."""
    return max(math.ceil((_POWER_Z / effect) ** 2 * float(np.var(residual)) / (share * (1 - share))), 1)


def placebo_coverage(residual: Floats, share: float, seed: int, draws: int = 200) -> float:
    """Return how often a plain 95 % interval covers 0 when past residuals get arms at random, without any effect."""
    rng = np.random.default_rng(seed)
    n = residual.size
    covered = 0
    for _ in range(draws):
        units = Units(np.arange(n), np.zeros(n, dtype=np.int64), rng.random(n) >= share, np.full(n, 1 - share))
        one = estimate(units, residual, n)
        covered += one.plain_low <= 0 <= one.plain_high
    return covered / draws

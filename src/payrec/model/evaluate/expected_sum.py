"""Expected sums of money with intervals that hold on real weeks, where a bad month hits all orders at once.

``Σ value · X``, with X = 1 with probability p, is drawn 4,000 times: the rows that add most to the variance one by one,
because a few large amounts make the sum uneven, the rest as normal; then each draw is moved by a log-normal shock of
size φ on the hazard that all rows share. φ is learnt from past lists: by how much more than independent orders the
money that came back differed from what was expected (as for overdispersed counts: Menssen & Schaarschmidt 2022).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from payrec.common.arrow import Floats, Whole
from payrec.common.short_repr import short_repr

PRIOR_PHI = 0.10  # before any list has matured
PRIOR_WINDOWS = 3  # windows that the prior counts for
LARGEST_DRAWN = 200
DRAWS = 4_000
SEED = 20_260_101
CARRIERS = 3  # a sum that so few orders carry ...
CARRIED_SHARE = 0.5  # ... to this share is a bet on them


@short_repr
@dataclass(frozen=True)
class Overdispersion:
    """Size φ of the shocks on the hazard that all orders of a list share, and the past windows it was learnt from."""

    phi: float = PRIOR_PHI
    windows: int = 0


UNTRIED = Overdispersion()
"""The prior, while nothing has matured."""


@short_repr
@dataclass(frozen=True)
class ExpectedSum:
    """An expected sum with its 80 % and 95 % intervals, in the unit of the values.

    Attributes
    ----------
    rows
        Rows with a value.
    spread
        What the intervals rest on.
    carriers
        Positions of the fewest rows that carry half of the sum, largest first; empty if more than three are needed.
    carried_share
        Share of the sum that they carry, 0 without carriers.
    """

    rows: int
    expected: float
    low_80: float
    high_80: float
    low_95: float
    high_95: float
    spread: Overdispersion
    carriers: tuple[int, ...] = ()
    carried_share: float = 0.0

    @property
    def carriers_sentence(self) -> str:
        """How few orders carry the sum, empty where no few do."""
        count = len(self.carriers)
        orders = "one order carries" if count == 1 else f"{count} orders carry"
        return f"{orders} {self.carried_share:.0%} of it" if count else ""


def expected_sum(value: Whole, p: Floats, spread: Overdispersion = UNTRIED) -> ExpectedSum:
    """Return ``Σ value · p`` with its intervals, of values (hundredths) and probabilities of rows, (n,) each.

    The 80 % interval takes the shock as normal; the 95 % interval takes it as Student t with as many degrees of freedom
    as windows (and those of the prior, less one), since φ of few windows is itself uncertain. The same rows in the same
    order give the same numbers.

    >>> two = expected_sum(np.array([100, 200]), np.array([1.0, 0.5]), Overdispersion(0.0))
    >>> two.expected, two.low_80, two.high_80
    (200.0, 100.0, 300.0)
    """
    parts = value * p
    total = float(parts.sum())
    carriers = _carriers(parts, total)
    share = float(parts[list(carriers)].sum()) / total if carriers else 0.0
    if total <= 0:
        return ExpectedSum(value.size, total, total, total, total, total, spread)
    rng = np.random.default_rng(SEED)
    drawn = _independent(value, p, rng)
    most = float(value.sum())

    reacting = response(value, p) / total

    def between(shock: Floats, level: float) -> tuple[float, float]:
        # capped, because a t of few degrees of freedom has draws that overflow; no quantile used here is beyond it
        hazards = np.exp(np.clip(spread.phi * shock, -20, 20) - spread.phi**2 / 2)
        sums = np.maximum(drawn * (1 + reacting * (hazards - 1)), 0.0)
        low, high = np.quantile(sums, [(1 - level) / 2, (1 + level) / 2])
        return max(float(low), 0.0), min(float(high), most)

    low_80, high_80 = between(rng.standard_normal(DRAWS), 0.80)
    low_95, high_95 = between(rng.standard_t(spread.windows + PRIOR_WINDOWS - 1, DRAWS), 0.95)
    return ExpectedSum(value.size, total, low_80, high_80, low_95, high_95, spread, carriers, share)


def independent_variance(value: Whole, p: Floats) -> float:
    """Variance of the sum if every order paid on its own: ``Σ value² p (1 − p)``, of (n,) and (n,)."""
    return float((value.astype(np.float64) ** 2 * p * (1 - p)).sum())


def response(value: Whole, p: Floats) -> float:
    """Change of the sum for a change of the log hazard by 1: ``−Σ value (1 − p) ln(1 − p)``, of (n,) and (n,).

    Close to the sum itself where p is small, 0 where every order is sure.
    """
    left = 1 - p
    return float((value * left * -np.log(np.maximum(left, 1e-300))).sum())


def learn(expected: Floats, came: Floats, variance: Floats, responses: Floats) -> Overdispersion:
    """Learn φ from past windows of lists: sums expected, sums that came, independent variances, responses, (w,) each.

    φ is the likeliest if a window differs from its expected sum by a normal of ``variance + φ² · response²``, under a
    prior that counts as three windows at 0.10. Windows in which independent orders vary much say little about φ.

    >>> round(learn(*np.array([[100.0], [120.0], [0.0], [100.0]])).phi, 2)  # √((0.2² + 3 · 0.1²) / 4)
    0.13
    """
    used = expected > 0
    if not used.any():
        return UNTRIED
    phi = np.geomspace(0.01, 2.0, 400)
    total = variance[used, None] + (phi * responses[used, None]) ** 2
    misfit = (np.log(total) + (came[used] - expected[used])[:, None] ** 2 / total).sum(0)
    misfit += PRIOR_WINDOWS * (np.log(phi**2) + PRIOR_PHI**2 / phi**2)
    return Overdispersion(float(phi[np.argmin(misfit)]), int(used.sum()))


def _independent(value: Whole, p: Floats, rng: np.random.Generator) -> Floats:
    """Draw the sum of independent rows, (DRAWS,)."""
    variance = value.astype(np.float64) ** 2 * p * (1 - p)
    large = np.argsort(-variance, kind="stable")[:LARGEST_DRAWN]
    rest = np.ones(value.size, dtype=np.bool_)
    rest[large] = False
    paid: Floats = (rng.random((DRAWS, large.size)) < p[large]).astype(np.float64)
    around = float(value[rest] @ p[rest]) + math.sqrt(float(variance[rest].sum())) * rng.standard_normal(DRAWS)
    drawn: Floats = np.maximum(paid @ value[large].astype(np.float64) + around, 0.0)
    return drawn


def _carriers(parts: Floats, total: float) -> tuple[int, ...]:
    first = np.argsort(-parts, kind="stable")[:CARRIERS]
    reached = np.cumsum(parts[first]) >= CARRIED_SHARE * total
    if total <= 0 or not reached.any() or parts.size <= 2 * CARRIERS:
        return ()  # of a handful of orders everyone sees that few carry the sum
    return tuple(int(at) for at in first[: int(np.argmax(reached)) + 1])

r"""What a contact changes: the champion's chance as a fixed offset, one push by a contact, few interactions, shrunk.

.. math::
    \text{logit}\,P(y = 1 \mid z, w) = \text{logit}\,\hat p + a + z'\gamma + w\,(b + z'\beta)

with w = 1 for the customers contacted by random assignment. The penalty on :math:`\beta` is the one with the greatest
Laplace evidence (MacKay 1992), so that without evidence every contact has the same push. Whether the differences are
real is tested by itself: :func:`judge`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import linalg
from scipy.special import expit, logit

from payrec.common.arrow import Flags, Floats, Whole
from payrec.common.short_repr import short_repr

PENALTIES = (3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0, 10_000.0)  # on beta
NUISANCE_PENALTY = 30.0  # on gamma
LEAST_Z = 2.24  # one-sided 5 % over four looks
FOLDS, SPLITS = 5, 3
LEAST_ORDERS, LEAST_IN_ARM = 1_250, 200
CAP_QUANTILE = 0.9
_STEPS = 25


@short_repr
@dataclass(frozen=True)
class AssignedOrders:
    """n orders with known outcome, assigned at random.

    ``p``: chance before the assignment. ``z``: standardised features (n, k). ``contact``, ``propensity``: arm, and
    its probability. ``recovered``: 0 or 1. ``customer``: a number. ``amount``: outstanding, in one currency.
    """

    p: Floats
    z: Floats
    contact: Flags
    propensity: Floats
    recovered: Floats
    customer: Whole
    amount: Floats

    def take(self, rows: Whole | Flags) -> AssignedOrders:
        """Return some of the orders."""
        return AssignedOrders(*(values[rows] for values in vars(self).values()))


@short_repr
@dataclass(frozen=True)
class EffectModel:
    """Coefficients: level a, push b, gamma and beta (k,), and the penalty that evidence chose."""

    level: float
    push: float
    gamma: Floats
    beta: Floats
    penalty: float

    def effect(self, p: Floats, z: Floats) -> Floats:
        """Return what a contact adds to the chance of recovery, (n,), (n, k) -> (n,)."""
        alone = logit(_inside(p)) + self.level + z @ self.gamma
        added: Floats = expit(alone + self.push + z @ self.beta) - expit(alone)
        return added


@short_repr
@dataclass(frozen=True)
class EffectVerdict:
    """Whether the differences between the effects of a contact are real.

    Attributes
    ----------
    is_on
        A list by effect may replace the list by chance.
    z
        Slope of what a contact did on its estimated effect, beside the chance, in standard errors.
    gain
        Money that the list by effect brings more than that by chance, amounts capped, as a share; NaN if not tested.
    mean_effect
        What a contact adds on average, in points.
    reason
        One sentence.
    """

    is_on: bool
    z: float
    gain: float
    mean_effect: float
    reason: str


def _inside(p: Floats) -> Floats:
    return np.clip(p, 1e-6, 1 - 1e-6)


def fit(orders: AssignedOrders) -> EffectModel:
    """Fit the model, with the penalty of the greatest evidence."""
    z, w = orders.z, orders.contact.astype(np.float64)
    k = z.shape[1]
    design = np.column_stack([np.ones_like(w), z, w, z * w[:, None]])
    offset, theta = logit(_inside(orders.p)), np.zeros(2 * k + 2)
    fits: list[tuple[float, float, Floats]] = []
    for penalty in reversed(PENALTIES):
        ridge = np.concatenate(([1e-6], np.full(k, NUISANCE_PENALTY), [1e-6], np.full(k, penalty)))
        theta, evidence = _newton(design, offset, orders.recovered, ridge, theta)
        fits.append((evidence, penalty, theta))
    _, penalty, theta = max(fits, key=lambda one: one[0])
    return EffectModel(float(theta[0]), float(theta[k + 1]), theta[1 : k + 1], theta[k + 2 :], penalty)


def _newton(design: Floats, offset: Floats, y: Floats, ridge: Floats, theta: Floats) -> tuple[Floats, float]:
    """Return the penalised maximum and its Laplace evidence, from a start."""
    for _ in range(_STEPS):
        p = expit(offset + design @ theta)
        curvature = (design * (p * (1 - p))[:, None]).T @ design + np.diag(ridge)
        factor = linalg.cho_factor(curvature)
        step = np.clip(linalg.cho_solve(factor, design.T @ (y - p) - ridge * theta), -3, 3)
        theta = theta + step
        if np.abs(step).max() < 1e-6:
            break
    eta = offset + design @ theta
    likelihood = float(y @ eta - np.logaddexp(0, eta).sum())
    log_determinant = 2 * float(np.log(np.diag(factor[0])).sum())
    return theta, likelihood - 0.5 * float(ridge @ theta**2 + log_determinant - np.log(ridge).sum())


def judge(orders: AssignedOrders, share_listed: float, seed: int) -> EffectVerdict:
    """Test whether estimated effects say more of what a contact did than the chance does.

    Each effect is estimated without the customer's own fold; the regression of
    ``(y − p)(w − e) / (e (1 − e))`` on 1, p and the estimate is that of Chernozhukov, Demirer, Duflo and
    Fernández-Val (2018) with the chance beside it. Standard errors are by customer; z is the median of three splits.

    Parameters
    ----------
    share_listed
        Share of the orders that fit into the capacity, to compare the two lists.
    """
    arms = (int(orders.contact.sum()), int((~orders.contact).sum()))
    if orders.p.size < LEAST_ORDERS or min(arms) < LEAST_IN_ARM:
        enough = f"{LEAST_ORDERS:,} and {LEAST_IN_ARM} in the smaller arm are needed"
        reason = f"{orders.p.size:,} assigned orders with a known outcome, {min(arms):,} in the smaller arm; {enough}"
        return EffectVerdict(False, math.nan, math.nan, math.nan, reason)
    rng = np.random.default_rng(seed)
    e = orders.propensity
    pseudo = (orders.recovered - orders.p) * (orders.contact - e) / (e * (1 - e))
    estimates = [_cross_fitted(orders, rng) for _ in range(SPLITS)]
    zs = [_slope_z(pseudo, orders.p, tau, orders.customer) for tau in estimates]
    middle = int(np.argsort(zs)[SPLITS // 2])
    gain = _gain(pseudo, orders, estimates[middle], share_listed)
    is_on = zs[middle] >= LEAST_Z and gain > 0
    words = f"the effect differs between orders beyond what the chance says (z {zs[middle]:.1f})"
    if zs[middle] < LEAST_Z:
        words = f"the effect does not differ beyond what the chance says (z {zs[middle]:.1f}, {LEAST_Z} is needed)"
    elif gain <= 0:
        words += ", but a list by it would not bring more money"
    return EffectVerdict(is_on, zs[middle], gain, 100 * float(pseudo.mean()), words)


def _cross_fitted(orders: AssignedOrders, rng: np.random.Generator) -> Floats:
    fold = rng.integers(0, FOLDS, int(orders.customer.max()) + 1)[orders.customer]
    tau = np.zeros(orders.p.size)
    for number in range(FOLDS):
        inside = fold == number
        tau[inside] = fit(orders.take(~inside)).effect(orders.p[inside], orders.z[inside])
    return tau


def _slope_z(pseudo: Floats, p: Floats, tau: Floats, customer: Whole) -> float:
    """Return the coefficient of tau in standard errors by customer; 0 if all estimates are one."""
    spread = float(tau.std())
    if spread < 1e-9:
        return 0.0
    x = np.column_stack([np.ones_like(p), p, (tau - tau.mean()) / spread])
    inverse = np.linalg.pinv(x.T @ x)
    coefficients = inverse @ (x.T @ pseudo)
    scores = np.zeros((int(customer.max()) + 1, 3))
    np.add.at(scores, customer, x * (pseudo - x @ coefficients)[:, None])
    variance = inverse @ (scores.T @ scores) @ inverse
    return float(coefficients[2] / math.sqrt(max(variance[2, 2], 1e-300)))


def _gain(pseudo: Floats, orders: AssignedOrders, tau: Floats, share_listed: float) -> float:
    """Return how much more extra money the list by effect brings, amounts capped, as a share of the other's."""
    amount = np.minimum(orders.amount, np.quantile(orders.amount, CAP_QUANTILE))
    k = max(round(share_listed * amount.size), 1)
    brought = [
        float((amount * pseudo)[np.argsort(-orders.amount * score, kind="stable")[:k]].sum())
        for score in (tau, orders.p)
    ]
    return (brought[0] - brought[1]) / max(abs(brought[1]), 1e-9)

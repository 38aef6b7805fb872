r"""What a contact changes: the champion's chance as a fixed offset, one push by a contact, few interactions, shrunk.

.. math::
    \text{logit}\,P(y = 1 \mid z, w) = \text{logit}\,\hat p + a + z'\gamma + w\,(b + z'\beta)

with w = 1 for the customers contacted by random assignment. The penalty on :math:`\beta` is the one with the greatest
Laplace evidence (MacKay 1992), so that without evidence every contact has the same push. Whether the differences are
real is tested by itself, at declared looks: :func:`judge`.
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
NUISANCE_PENALTY, FREE = 30.0, 1e-6  # on gamma; on the level and the push
LOOKS = (1_250, 2_500, 5_000, 10_000)  # orders with a known outcome at which the rule may switch on
LEAST_Z = 2.24  # one-sided 5 % over four looks
KEPT_Z = 1.645  # below it the 90 % interval of the slope reaches 0, and the rule switches off again
FOLDS, SPLITS = 5, 3
LEAST_ORDERS, LEAST_IN_ARM = LOOKS[0], 200
CAP_QUANTILE = 0.9
_STEPS, _SMALL_STEP = 25, 1e-3


@short_repr
@dataclass(frozen=True)
class AssignedOrders:
    """n orders with known outcome, assigned at random, in the order of their assignments.

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

    def take(self, rows: Whole | Flags | slice) -> AssignedOrders:
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

    def chances(self, p: Floats, z: Floats) -> tuple[Floats, Floats]:
        """Return the chance of recovery without and with a contact, (n,), (n, k) -> (n,), (n,)."""
        alone = logit(_inside(p)) + self.level + z @ self.gamma
        return expit(alone), expit(alone + self.push + z @ self.beta)

    def effect(self, p: Floats, z: Floats) -> Floats:
        """Return what a contact adds to the chance of recovery, (n,), (n, k) -> (n,)."""
        alone, contacted = self.chances(p, z)
        return contacted - alone


@short_repr
@dataclass(frozen=True)
class Look:
    """One test on the first ``orders``: z of the slope beside the chance, and the gain of the list by effect."""

    orders: int
    z: float
    gain: float

    @property
    def passes(self) -> bool:
        """Whether the rule switches on at this look."""
        return self.z >= LEAST_Z and self.gain > 0


@short_repr
@dataclass(frozen=True)
class EffectVerdict:
    """Whether the differences between the effects of a contact are real.

    Attributes
    ----------
    is_on
        A list by effect may replace the list by chance.
    z
        Slope of what a contact did on its estimated effect, beside the chance, in standard errors; all orders.
    gain
        Money that the list by effect brings more than that by chance, amounts capped, as a share; NaN if not tested.
    mean_effect
        What a contact adds on average, in points.
    reason
        One sentence.
    looks
        The declared looks so far.
    """

    is_on: bool
    z: float
    gain: float
    mean_effect: float
    reason: str
    looks: tuple[Look, ...] = ()


def untested(reason: str) -> EffectVerdict:
    """Return the verdict of data that cannot be tested."""
    return EffectVerdict(False, math.nan, math.nan, math.nan, reason)


def _inside(p: Floats) -> Floats:
    return np.clip(p, 1e-6, 1 - 1e-6)


@short_repr
@dataclass(frozen=True)
class _Expansion:
    """A log likelihood around coefficients: its value there, gradient (m,) and negative curvature (m, m)."""

    theta: Floats
    value: float
    gradient: Floats
    curvature: Floats

    def without(self, part: _Expansion) -> _Expansion:
        """Return the expansion of the other rows, around the same coefficients."""
        return _Expansion(
            self.theta, self.value - part.value, self.gradient - part.gradient, self.curvature - part.curvature
        )

    def step(self, ridge: Floats) -> Floats:
        """Return the Newton step to the penalised maximum."""
        step: Floats = linalg.solve(
            self.curvature + np.diag(ridge), self.gradient - ridge * self.theta, assume_a="pos"
        )
        return step

    def penalty(self) -> float:
        """Return the penalty of the greatest Laplace evidence."""
        return max(PENALTIES, key=self._evidence)

    def _evidence(self, penalty: float) -> float:
        ridge = _ridge(self.theta.size // 2 - 1, penalty)
        step = self.step(ridge)
        log_likelihood = self.value + float(self.gradient @ step - 0.5 * step @ self.curvature @ step)
        log_determinant = float(np.linalg.slogdet(self.curvature + np.diag(ridge))[1])
        return log_likelihood - 0.5 * float(ridge @ (self.theta + step) ** 2 + log_determinant - np.log(ridge).sum())


def _ridge(k: int, penalty: float) -> Floats:
    return np.concatenate(([FREE], np.full(k, NUISANCE_PENALTY), [FREE], np.full(k, penalty)))


def _expanded(design: Floats, offset: Floats, y: Floats, theta: Floats) -> _Expansion:
    eta = offset + design @ theta
    p = expit(eta)
    weighted = design * np.sqrt(p * (1 - p))[:, None]
    value = float(y @ eta - np.logaddexp(0, eta).sum())
    return _Expansion(theta, value, design.T @ (y - p), weighted.T @ weighted)


def _design(orders: AssignedOrders) -> Floats:
    w = orders.contact.astype(np.float64)
    return np.column_stack([np.ones_like(w), orders.z, w, orders.z * w[:, None]])


def _model(theta: Floats, penalty: float) -> EffectModel:
    k = theta.size // 2 - 1
    return EffectModel(float(theta[0]), float(theta[k + 1]), theta[1 : k + 1], theta[k + 2 :], penalty)


def fit(orders: AssignedOrders) -> EffectModel:
    """Fit the model, with the penalty of the greatest evidence."""
    at_maximum = _maximum(_design(orders), logit(_inside(orders.p)), orders.recovered)
    return _model(at_maximum.theta, at_maximum.penalty())


def _maximum(design: Floats, offset: Floats, y: Floats) -> _Expansion:
    """Return the expansion around the penalised maximum, the penalty chosen on the way."""
    theta, k = np.zeros(design.shape[1]), design.shape[1] // 2 - 1
    expanded = _expanded(design, offset, y, theta)
    for _ in range(_STEPS):
        step = np.clip(expanded.step(_ridge(k, expanded.penalty())), -3, 3)
        expanded = _expanded(design, offset, y, expanded.theta + step)
        if np.abs(step).max() < _SMALL_STEP:
            break
    return expanded


def judge(orders: AssignedOrders, share_listed: float, seed: int) -> EffectVerdict:
    """Decide whether estimated effects say more of what a contact did than the chance does.

    It switches on at one of four declared looks, at the first 1,250, 2,500, 5,000 and 10,000 orders: z of at least 2.24
    and a list by effect that brings more money, amounts capped. It stays on while all orders so far keep the 90 %
    interval of the slope above 0 and the gain positive.

    Parameters
    ----------
    share_listed
        Share of the orders that fit into the capacity, to compare the two lists.
    """
    n, smaller = orders.p.size, min(int(orders.contact.sum()), int((~orders.contact).sum()))
    if n < LEAST_ORDERS or smaller < LEAST_IN_ARM:
        enough = f"{LEAST_ORDERS:,} and {LEAST_IN_ARM} in the smaller arm are needed"
        return untested(f"{n:,} assigned orders with a known outcome, {smaller:,} in the smaller arm; {enough}")
    looks: list[Look] = []
    for count in (look for look in LOOKS if look <= n):
        first = orders.take(slice(count))
        if min(int(first.contact.sum()), int((~first.contact).sum())) >= LEAST_IN_ARM:
            looks.append(_look(first, share_listed, seed))
    now = looks[-1] if looks and looks[-1].orders == n else _look(orders, share_listed, seed)
    switched = next((look for look in looks if look.passes), None)
    is_on = switched is not None and now.z >= KEPT_Z and now.gain > 0
    if is_on:
        words = f"the effect differs between orders beyond what the chance says (z {now.z:.1f})"
    elif switched is not None:
        words = f"the effect differed at {switched.orders:,} orders (z {switched.z:.1f}), but does no longer"
        words += f" (z {now.z:.1f}, {KEPT_Z} is needed)" if now.z < KEPT_Z else ": a list by it would bring less money"
    elif any(look.z >= LEAST_Z for look in looks):
        words = f"the effect differs (z {now.z:.1f}), but a list by it would not bring more money"
    else:
        best = max(looks, key=lambda look: look.z) if looks else now
        words = f"the effect does not differ beyond what the chance says (z {best.z:.1f}, {LEAST_Z} is needed)"
    return EffectVerdict(is_on, now.z, now.gain, 100 * float(_pseudo(orders).mean()), words, tuple(looks))


def _pseudo(orders: AssignedOrders) -> Floats:
    e = orders.propensity
    pseudo: Floats = (orders.recovered - orders.p) * (orders.contact - e) / (e * (1 - e))
    return pseudo


def _look(orders: AssignedOrders, share_listed: float, seed: int) -> Look:
    """Test these orders.

    Each effect is estimated without the customer's own fold; the regression of ``(y − p)(w − e) / (e (1 − e))`` on 1,
    p and the estimate is that of Chernozhukov, Demirer, Duflo and Fernández-Val (2018) with the chance added. Standard
    errors are by customer; z is the median of three splits.
    """
    rng, pseudo, design = np.random.default_rng(seed), _pseudo(orders), _design(orders)
    at_maximum = _maximum(design, logit(_inside(orders.p)), orders.recovered)
    estimates = [_cross_fitted(orders, design, at_maximum, rng) for _ in range(SPLITS)]
    zs = [_slope_z(pseudo, orders.p, tau, orders.customer) for tau in estimates]
    middle = int(np.argsort(zs)[SPLITS // 2])
    return Look(orders.p.size, zs[middle], _gain(pseudo, orders, estimates[middle], share_listed))


def _cross_fitted(
    orders: AssignedOrders, design: Floats, at_maximum: _Expansion, rng: np.random.Generator
) -> Floats:
    """Return effects, each from customers of other folds: one Newton step from the maximum of all, without the fold."""
    fold = rng.integers(0, FOLDS, int(orders.customer.max()) + 1)[orders.customer]
    offset, tau = logit(_inside(orders.p)), np.zeros(orders.p.size)
    k = design.shape[1] // 2 - 1
    for number in range(FOLDS):
        inside = fold == number
        others = at_maximum.without(
            _expanded(design[inside], offset[inside], orders.recovered[inside], at_maximum.theta)
        )
        penalty = others.penalty()
        fitted = _model(at_maximum.theta + others.step(_ridge(k, penalty)), penalty)
        tau[inside] = fitted.effect(orders.p[inside], orders.z[inside])
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

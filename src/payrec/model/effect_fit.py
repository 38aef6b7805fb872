r"""What a contact changes: the champion's chance as a fixed offset, one push by a contact, few interactions, shrunk.

.. math::
    \text{logit}\,P(y = 1 \mid z, w) = \text{logit}\,\hat p + a + z'\gamma + w\,(b + z'\beta)

with w = 1 for the customers contacted by random assignment. The penalty on :math:`\beta` is the one with the greatest
Laplace evidence (MacKay 1992), so that without evidence every contact has the same push. Whether the differences are
real is tested by itself: :mod:`payrec.model.effect`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg
from scipy.special import expit, logit

from payrec.common.arrow import Flags, Floats, Whole
from payrec.common.short_repr import short_repr
from payrec.model.recipes.contact_effect import EffectModel, bounded

PENALTIES = (3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0, 10_000.0)  # on beta
NUISANCE_PENALTY, FREE = 30.0, 1e-6  # on gamma; on the level and the push
FOLDS, SPLITS = 5, 3
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
        step: Floats = linalg.solve(self.curvature + np.diag(ridge), self.gradient - ridge * self.theta, assume_a="pos")
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
    at_maximum = _maximum(_design(orders), logit(bounded(orders.p)), orders.recovered)
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


def cross_fitted(orders: AssignedOrders, seed: int) -> Floats:
    """Return the effect of each order as customers of other folds have it, the mean of three splits into five, (n,).

    Each fold has the mean of all: the mean of a fold's estimates comes from the others, so it is lower where the fold's
    own outcomes are higher, and would hide differences between orders.
    """
    rng, design = np.random.default_rng(seed), _design(orders)
    at_maximum = _maximum(design, logit(bounded(orders.p)), orders.recovered)
    splits = [_of_other_folds(orders, design, at_maximum, rng) for _ in range(SPLITS)]
    estimates: Floats = np.mean(splits, axis=0)
    return estimates


def _of_other_folds(orders: AssignedOrders, design: Floats, at_maximum: _Expansion, rng: np.random.Generator) -> Floats:
    """Return effects, each from customers of other folds: one Newton step from the maximum of all, without the fold."""
    fold = rng.integers(0, FOLDS, int(orders.customer.max()) + 1)[orders.customer]
    offset, tau, means = logit(bounded(orders.p)), np.zeros(orders.p.size), np.zeros(orders.p.size)
    k = design.shape[1] // 2 - 1
    for number in range(FOLDS):
        inside = fold == number
        if not inside.any():
            continue
        others = at_maximum.without(
            _expanded(design[inside], offset[inside], orders.recovered[inside], at_maximum.theta)
        )
        penalty = others.penalty()
        fitted = _model(at_maximum.theta + others.step(_ridge(k, penalty)), penalty)
        tau[inside] = fitted.effect(orders.p[inside], orders.z[inside])
        means[inside] = tau[inside].mean()
    centred: Floats = tau - means + means.mean()
    return centred

"""Minimising the penalised log loss of a wide sparse logistic regression, fast and the same on any number of cores.

Plain L-BFGS needs hundreds of passes over overlapping columns. Here a few Newton steps on a small sample give a start
and the curvature; in coordinates in which that curvature is a sphere, L-BFGS over all rows needs about ten passes. The
curvature only steers: it is summed in single precision, and serves every fit on the same columns. The minimum itself
is found in double precision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize
from scipy.special import expit
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from payrec.common.arrow import Floats
from payrec.common.short_repr import short_repr

Sparse = Any  # scipy has no types

SAMPLE_ROWS = 8_000
NEWTON_STEPS = 10


@short_repr
@dataclass(frozen=True)
class PenalisedLoss:
    """Σ weight · log loss(label, design · w) + ½ wᵀ · penalty · w; the last column of the design is the constant."""

    design: Sparse
    label: Floats
    weight: Floats
    penalty: Sparse


@short_repr
@dataclass(frozen=True)
class StartingPoint:
    """Where to start: coefficients, shape (columns,), and the second derivative of the mean log loss near there."""

    coefficients: Floats
    curvature: Floats


def minimise(problem: PenalisedLoss, start: StartingPoint) -> Floats:
    """Return the coefficients, shape (columns,), by L-BFGS over all rows from ``start``.

    The coordinates are u with coefficients = start + L⁻ᵀ u and curvature = L Lᵀ. It stops where no slope in u exceeds
    1e-8. The curvature at the minimum is about L Lᵀ ≥ λ, the least penalty, so each coefficient is within about
    1e-8 · √(columns / λ) of the minimum. One thread, so that sums are added up in one order everywhere.
    """
    with threadpool_limits(limits=1):
        lower = np.linalg.cholesky(start.curvature * problem.weight.sum() + problem.penalty.toarray())

        def loss(u: Floats) -> tuple[float, Floats]:
            value, slope = _loss(start.coefficients + solve_triangular(lower, u, trans="T", lower=True), problem)
            return value, solve_triangular(lower, slope, lower=True)

        options = {"maxiter": 200, "maxcor": 20, "ftol": 1e-15, "gtol": 1e-8}  # in standard errors
        best = minimize(loss, np.zeros(len(lower)), jac=True, method="L-BFGS-B", options=options)
        return np.asarray(start.coefficients + solve_triangular(lower, best.x, trans="T", lower=True))


def starting_point(problem: PenalisedLoss) -> StartingPoint:
    """Minimise roughly over evenly spaced rows by Newton's method, halving steps that do not improve."""
    sample = _sample(problem)
    at = np.zeros(problem.design.shape[1])
    base = np.clip(np.average(sample.label, weights=sample.weight), 1e-6, 1 - 1e-6)
    at[-1] = np.log(base / (1 - base))
    with threadpool_limits(limits=1):
        penalty = sample.penalty.toarray()
        loss, slope = _loss(at, sample)
        for _ in range(NEWTON_STEPS):
            step = cho_solve(cho_factor(_curvature(sample, at) + penalty, lower=True), slope)
            decrease = float(slope @ step)
            size = 1.0
            while size > 1e-4 and _loss(at - size * step, sample)[0] > loss - 1e-4 * size * decrease:
                size /= 2
            at = at - size * step
            loss, slope = _loss(at, sample)
            if decrease < 0.01 * len(at):  # nearer than the sample's minimum is to that of all rows
                break
        return StartingPoint(at, _curvature(sample, at) / sample.weight.sum())


def _sample(problem: PenalisedLoss) -> PenalisedLoss:
    """Evenly spaced rows, with the penalty scaled to their share of the weight."""
    n = problem.design.shape[0]
    if n <= SAMPLE_ROWS:
        return problem
    at = np.linspace(0, n - 1, SAMPLE_ROWS).astype(np.intp)
    share = float(problem.weight[at].sum() / problem.weight.sum())
    return PenalisedLoss(problem.design[at], problem.label[at], problem.weight[at], problem.penalty * share)


def _curvature(problem: PenalisedLoss, at: Floats) -> Floats:
    """Second derivative of the loss without its penalty."""
    chance = expit(problem.design @ at)
    dense = problem.design.astype(np.float32).toarray()
    dense *= np.sqrt(problem.weight * chance * (1 - chance)).astype(np.float32)[:, None]
    curvature: Floats = (dense.T @ dense).astype(np.float64)
    return curvature


def _loss(at: Floats, problem: PenalisedLoss) -> tuple[float, Floats]:
    odds = problem.design @ at
    pull = problem.penalty @ at
    loss = problem.weight @ (np.logaddexp(0.0, odds) - problem.label * odds) + 0.5 * at @ pull
    residual = problem.weight * (expit(odds) - problem.label)
    return float(loss), problem.design.T @ residual + pull

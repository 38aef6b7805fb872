"""Minimising the penalised log loss of a wide sparse logistic regression, fast and the same on any number of cores.

Plain L-BFGS needs hundreds of passes over overlapping columns. Here a few Newton steps on a sample give a start and the
curvature; in coordinates in which that curvature is a sphere, L-BFGS over all rows needs about ten passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize
from scipy.special import expit
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

Array = npt.NDArray[np.float64]
Sparse = Any  # scipy has no types

SAMPLE_ROWS = 30_000
DENSE_ROWS = 4_000
NEWTON_STEPS = 30
RIDGE_OF_INTERCEPT = 1e-6


@dataclass(frozen=True)
class Problem:
    """Σ weight · log loss(label, design · w) + ½ Σ penalty · w²; the last column of the design is the constant."""

    design: Sparse
    label: Array
    weight: Array
    penalty: Array


def minimise(problem: Problem) -> Array:
    """Return the coefficients, shape (columns,). One thread, so that sums are added up in one order everywhere."""
    with threadpool_limits(limits=1):
        sample, share = _sample(problem)
        start, curvature = _newton(sample)
        if share == 1.0:
            return start
        return _polish(problem, start, curvature / share)


def _sample(problem: Problem) -> tuple[Problem, float]:
    """Evenly spaced rows, with the penalty scaled to their share of the weight."""
    n = problem.design.shape[0]
    if n <= SAMPLE_ROWS:
        return problem, 1.0
    at = np.linspace(0, n - 1, SAMPLE_ROWS).astype(np.intp)
    share = float(problem.weight[at].sum() / problem.weight.sum())
    return Problem(problem.design[at], problem.label[at], problem.weight[at], problem.penalty * share), share


def _newton(problem: Problem) -> tuple[Array, Array]:
    """Newton's method, halving steps that do not improve; returns coefficients and the curvature there."""
    at = np.zeros(problem.design.shape[1])
    base = np.clip(np.average(problem.label, weights=problem.weight), 1e-6, 1 - 1e-6)
    at[-1] = np.log(base / (1 - base))
    loss, slope = _loss(at, problem)
    curvature = _curvature(problem, at)
    for _ in range(NEWTON_STEPS):
        step = cho_solve(cho_factor(curvature, lower=True), slope)
        decrease = float(slope @ step)
        if decrease < 1e-9 * max(loss, 1.0):
            break
        size = 1.0
        while size > 1e-4 and _loss(at - size * step, problem)[0] > loss - 1e-4 * size * decrease:
            size /= 2
        at = at - size * step
        loss, slope = _loss(at, problem)
        curvature = _curvature(problem, at)
    return at, curvature


def _curvature(problem: Problem, at: Array) -> Array:
    """Second derivative of the loss, dense, added up in slabs of rows."""
    chance = expit(problem.design @ at)
    weight = problem.weight * chance * (1 - chance)
    total = np.diag(np.asarray(problem.penalty, np.float64))
    for start in range(0, len(weight), DENSE_ROWS):
        slab = problem.design[start : start + DENSE_ROWS].toarray()
        slab *= np.sqrt(weight[start : start + DENSE_ROWS])[:, None]
        total += slab.T @ slab
    return total


def _loss(at: Array, problem: Problem) -> tuple[float, Array]:
    odds = problem.design @ at
    loss = problem.weight @ (np.logaddexp(0.0, odds) - problem.label * odds) + 0.5 * problem.penalty @ at**2
    residual = problem.weight * (expit(odds) - problem.label)
    return float(loss), problem.design.T @ residual + problem.penalty * at


def _polish(problem: Problem, start: Array, curvature: Array) -> Array:
    """L-BFGS over all rows from ``start``, in coordinates u with at = start + L⁻ᵀ u and curvature = L Lᵀ."""
    lower = np.linalg.cholesky(curvature)

    def loss(u: Array) -> tuple[float, Array]:
        value, slope = _loss(start + solve_triangular(lower, u, trans="T", lower=True), problem)
        return value, solve_triangular(lower, slope, lower=True)

    options = {"maxiter": 100, "ftol": 1e-10, "gtol": 1e-6}
    best = minimize(loss, np.zeros(len(start)), jac=True, method="L-BFGS-B", options=options)
    return np.asarray(start + solve_triangular(lower, best.x, trans="T", lower=True))

"""Explain a probability: contributions of feature groups that add up exactly, and a sentence for each.

Log-odds contributions of a row (terms of the additive model, SHAP values of the trees) sum to z − z₀, with z₀ the
mean of the training rows. On the scale of the calibrated probability P each is multiplied by (P(z) − P(z₀)) / (z − z₀),
so that they sum to P(z) − P(z₀).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from payrec.common.arrow import Floats
from payrec.common.short_repr import short_repr
from payrec.model import sentences
from payrec.model.features import matrix
from payrec.model.features.declarations import BY_NAME, GROUPS
from payrec.model.features.view_columns import ViewRows
from payrec.model.recipes import additive, boosting
from payrec.model.recipes.additive import AdditiveModel
from payrec.model.recipes.boosting import Trees
from payrec.model.recipes.model import Model

LEAST_POINTS = 0.0005  # a smaller contribution (0.05 percentage points) is no reason
NEAR = 1e-6


@short_repr
@dataclass(frozen=True)
class Contributions:
    """Contribution of each feature group to the probability of each row.

    Attributes
    ----------
    groups
        Names of the groups, as in ``features.GROUPS``.
    values
        Shape (n, len(groups)); base + values.sum(axis=1) = probability, to rounding.
    base
        Probability of the mean log-odds of the training rows.
    probability
        As by ``recipes.predict``, shape (n,).
    """

    groups: tuple[str, ...]
    values: Floats
    base: float
    probability: Floats


@short_repr
@dataclass(frozen=True)
class ModelReason:
    """One reason in words; ``reason_id`` stays the same over versions, e.g. ``history.up``."""

    reason_id: str
    points: float
    text: str


@short_repr
@dataclass(frozen=True)
class Step:
    """One bar of a waterfall: what the group adds, and the probability after it."""

    group: str
    title: str
    fact: str
    points: float
    after: float


@short_repr
@dataclass(frozen=True)
class Waterfall:
    """From the base to the probability of one row, the largest step first."""

    base: float
    steps: tuple[Step, ...]
    probability: float


def contributions(model: Model, rows: ViewRows) -> Contributions:
    """Return the contribution of each group to each row's probability; trees take about a millisecond a row."""
    inputs = matrix.matrix(rows, model.vocabulary)
    groups = tuple(GROUPS)
    if isinstance(model.scorer, Trees):
        parts, z = _of_trees(model.scorer, inputs, groups)
    else:
        parts, z = _of_tables(model.scorer, inputs, groups)
    probability = model.calibration.probability(z)
    base = float(model.calibration.probability(np.array([model.base_log_odds]))[0])
    scale = _scale(model, z, probability, base)
    return Contributions(groups, parts * scale[:, None], base, probability)


def reasons(model: Model, rows: ViewRows, top: int = 3) -> list[tuple[ModelReason, ...]]:
    """Return up to ``top`` reasons for each row, strongest first, each a sentence with its direction."""
    parts = contributions(model, rows)
    clauses = sentences.sentences(rows)
    order = np.argsort(-np.abs(parts.values), axis=1, kind="stable")[:, :top]
    return [
        tuple(
            _reason(parts.groups[at], float(parts.values[row, at]), clauses[row][parts.groups[at]])
            for at in order[row]
            if abs(parts.values[row, at]) >= LEAST_POINTS
        )
        for row in range(len(clauses))
    ]


def waterfall(model: Model, row: ViewRows) -> Waterfall:
    """Return the steps from the base to the probability of the first row; groups that add nothing are left out."""
    parts = contributions(model, row.slice(0, 1))
    clauses = sentences.sentences(row.slice(0, 1))[0]
    after, steps = parts.base, []
    for at in np.argsort(-np.abs(parts.values[0]), kind="stable"):
        points, group = float(parts.values[0, at]), parts.groups[at]
        if points:
            after += points
            steps.append(Step(group, GROUPS[group], clauses[group], points, after))
    return Waterfall(parts.base, tuple(steps), float(parts.probability[0]))


def _reason(group: str, points: float, fact: str) -> ModelReason:
    direction, words = ("up", "raises the chance") if points > 0 else ("down", "lowers the chance")
    return ModelReason(f"{group}.{direction}", points, f"{fact} ({words})")


def _of_tables(scorer: AdditiveModel, inputs: matrix.Matrix, groups: tuple[str, ...]) -> tuple[Floats, Floats]:
    terms, values = additive.contributions(scorer, inputs)
    parts = np.zeros((len(inputs), len(groups)))
    for term, names in enumerate(terms):
        for name in names:  # an interaction is split evenly between its features
            parts[:, groups.index(BY_NAME[name].group)] += values[:, term] / len(names)
    return parts, additive.log_odds(scorer, inputs)


def _of_trees(scorer: Trees, inputs: matrix.Matrix, groups: tuple[str, ...]) -> tuple[Floats, Floats]:
    values, z = boosting.contributions(scorer, inputs)
    parts = np.zeros((len(inputs), len(groups)))
    for at, feature in enumerate(boosting.INPUTS):
        parts[:, groups.index(feature.group)] += values[:, at]
    return parts, z


def _scale(model: Model, z: Floats, probability: Floats, base: float) -> Floats:
    """(P(z) − P(z₀)) / (z − z₀), or the slope of P at z₀ where z is too close to it to divide."""
    gap = z - model.base_log_odds
    around = model.calibration.probability(np.array([model.base_log_odds - 1e-3, model.base_log_odds + 1e-3]))
    slope = float(around[1] - around[0]) / 2e-3
    near = np.abs(gap) < NEAR
    return np.where(near, slope, (probability - base) / np.where(near, 1.0, gap))

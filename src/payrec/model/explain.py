"""Explain a probability: contributions of feature groups that add up exactly, and a sentence for each.

The sentence of a group is the fact of the feature that contributed most in the group's direction. A fact that lets
expect the opposite is passed over; a group without a fact that agrees is no reason.

Log-odds contributions of a row (terms of the additive model, SHAP values of the trees) sum to z − z₀, with z₀ the
mean of the training rows. On the scale of the probability P (calibrated, at the level of the night) each is multiplied
by (P(z) − P(z₀)) / (z − z₀), so that they sum to P(z) − P(z₀).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from payrec.common.arrow import Floats
from payrec.common.short_repr import short_repr
from payrec.model import sentences
from payrec.model.features import matrix
from payrec.model.features.declarations import FEATURES, GROUPS
from payrec.model.features.view_columns import ViewRows
from payrec.model.recipes import additive, boosting
from payrec.model.recipes.additive import AdditiveModel
from payrec.model.recipes.boosting import Trees
from payrec.model.recipes.model import Average, Model, Scorer
from payrec.model.recipes.model import probability as of_log_odds

LEAST_POINTS = 0.0005  # a smaller contribution (0.05 percentage points) is no reason
NEAR = 1e-6
POSITION = {feature.name: at for at, feature in enumerate(FEATURES)}
MEMBERS = {group: [at for at, feature in enumerate(FEATURES) if feature.group == group] for group in GROUPS}


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
    by_feature
        Shape (n, len(FEATURES)); summed by group they are ``values``.
    """

    groups: tuple[str, ...]
    values: Floats
    base: float
    probability: Floats
    by_feature: Floats


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
    parts, z = _of_scorer(model.scorer, inputs)
    probability = of_log_odds(model, z)
    base = float(of_log_odds(model, np.array([model.base_log_odds]))[0])
    parts *= _scale(model, z, probability, base)[:, None]
    values = np.zeros((len(inputs), len(GROUPS)))
    for column, members in enumerate(MEMBERS.values()):
        for at in members:  # in one order, so that a row alone gives the same bits
            values[:, column] += parts[:, at]
    return Contributions(tuple(GROUPS), values, base, probability, parts)


def reasons(model: Model, rows: ViewRows, top: int = 3) -> list[tuple[ModelReason, ...]]:
    """Return up to ``top`` reasons for each row, strongest first, each a sentence with its direction."""
    parts = contributions(model, rows)
    result = []
    for row, facts in enumerate(sentences.facts(rows, usual_values(model))):
        chosen: list[ModelReason] = []
        said: set[str] = set()
        for at in np.argsort(-np.abs(parts.values[row]), kind="stable"):
            points, group = float(parts.values[row, at]), parts.groups[at]
            if len(chosen) == top or abs(points) < LEAST_POINTS:
                break
            fact = _agreeing_fact(facts, group, points, parts.by_feature[row], said)
            if fact:
                said.add(fact)
                direction, words = ("up", "raises the chance") if points > 0 else ("down", "lowers the chance")
                chosen.append(ModelReason(f"{group}.{direction}", points, f"{fact} ({words})"))
        result.append(tuple(chosen))
    return result


def waterfall(model: Model, row: ViewRows) -> Waterfall:
    """Return the steps from the base to the probability of the first row; groups that add nothing are left out."""
    parts = contributions(model, row.slice(0, 1))
    facts = sentences.facts(row.slice(0, 1), usual_values(model))[0]
    after, steps, said = parts.base, [], set[str]()
    for at in np.argsort(-np.abs(parts.values[0]), kind="stable"):
        points, group = float(parts.values[0, at]), parts.groups[at]
        if points:
            after += points
            known = any(facts.of(FEATURES[feature].name) for feature in MEMBERS[group])
            fact = _agreeing_fact(facts, group, points, parts.by_feature[0], said)
            said.add(fact)
            fact = fact or f"{GROUPS[group]}: {'several facts together' if known else 'not in these data'}"
            steps.append(Step(group, GROUPS[group], fact, points, after))
    return Waterfall(parts.base, tuple(steps), float(parts.probability[0]))


def usual_values(model: Model) -> dict[str, float]:
    """Return the median of each numeric feature over the training rows."""
    medians = {}
    for spread in model.spreads:
        known = np.array(spread.shares[1:])
        if spread.edges and known.sum():
            at = int(np.searchsorted(np.cumsum(known), known.sum() / 2))
            medians[spread.feature] = spread.edges[min(at, len(spread.edges) - 1)]
    return medians


def _agreeing_fact(facts: sentences.Facts, group: str, points: float, by_feature: Floats, said: set[str]) -> str:
    """Return the fact of the strongest feature of a group that pulls as the group does and whose fact says no other.

    What was ``said`` of another group is left out: one sentence does not both raise and lower the chance.
    """
    sign = 1 if points > 0 else -1
    for feature in sorted(MEMBERS[group], key=lambda at: -sign * by_feature[at]):
        if sign * by_feature[feature] <= 0:
            break
        fact = facts.of(FEATURES[feature].name)
        if fact and fact.favours * sign >= 0 and fact.text not in said:
            return fact.text
    return ""


def _of_scorer(scorer: Scorer, inputs: matrix.Matrix) -> tuple[Floats, Floats]:
    """Return what each feature adds to the log-odds, shape (n, len(FEATURES)), and the log-odds, shape (n,)."""
    if isinstance(scorer, Average):
        (parts, z), (of_trees, z_trees) = _of_tables(scorer.tables, inputs), _of_trees(scorer.trees, inputs)
        return (parts + of_trees) / 2, (z + z_trees) / 2
    return _of_trees(scorer, inputs) if isinstance(scorer, Trees) else _of_tables(scorer, inputs)


def _of_tables(scorer: AdditiveModel, inputs: matrix.Matrix) -> tuple[Floats, Floats]:
    terms, values = additive.contributions(scorer, inputs)
    parts = np.zeros((len(inputs), len(FEATURES)))
    for term, names in enumerate(terms):
        for name in names:  # an interaction is split evenly between its features
            parts[:, POSITION[name]] += values[:, term] / len(names)
    return parts, additive.log_odds(scorer, inputs)


def _of_trees(scorer: Trees, inputs: matrix.Matrix) -> tuple[Floats, Floats]:
    values, z = boosting.contributions(scorer, inputs)
    parts = np.zeros((len(inputs), len(FEATURES)))
    parts[:, [POSITION[feature.name] for feature in boosting.INPUTS]] = values
    return parts, z


def _scale(model: Model, z: Floats, probability: Floats, base: float) -> Floats:
    """(P(z) − P(z₀)) / (z − z₀), or the slope of P at z₀ where z is too close to it to divide."""
    gap = z - model.base_log_odds
    around = of_log_odds(model, np.array([model.base_log_odds - 1e-3, model.base_log_odds + 1e-3]))
    slope = float(around[1] - around[0]) / 2e-3
    near = np.abs(gap) < NEAR
    return np.where(near, slope, (probability - base) / np.where(near, 1.0, gap))

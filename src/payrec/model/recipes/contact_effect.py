"""The effect of a contact as a part of the bundle: chances with and without one, and kinds of orders in words.

Its coefficients come from customers assigned at random (:mod:`payrec.model.effect_fit`), and stand in the bundle only
while the rule of :mod:`payrec.model.effect` is on. They belong to standardised columns: the champion's chance, the
amount, and the features with the role ``moves``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.common.arrow import Floats, column, one_chunk, text
from payrec.common.short_repr import short_repr
from payrec.model.features.declarations import BY_NAME, FEATURES

CHANCE, AMOUNT, REASON = "chance", "amount", "reason_category"
NUMBERS_MOVING = tuple(f.name for f in FEATURES if f.moves and f.kind == "number")
TEXTS_MOVING = (REASON, *(f.name for f in FEATURES if f.moves and f.kind == "category"))
MOVES = (*NUMBERS_MOVING, *TEXTS_MOVING)
LEVEL_SHARE = 0.05  # of the orders: rarer levels of a category count as the others
BETTER_LEFT_ALONE, CAN_BE_MOVED, PAYS_ANYWAY, UNLIKELY = KINDS = (
    "better left alone", "can be moved", "pays anyway", "unlikely",
)  # fmt: skip
ANY_ORDER = "any order"  # the push that every order gets
LIKELY = 0.5  # chance without a contact from which an order pays anyway

Values = Mapping[str, Any]
"""By name: numbers as float64 (NaN: unknown), texts as objects (None: unknown), (n,) each."""


def bounded(p: Floats) -> Floats:
    """Return chances whose log odds are finite."""
    return np.clip(p, 1e-6, 1 - 1e-6)


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
        from scipy.special import expit, logit  # on use: it takes long to import

        alone = logit(bounded(p)) + self.level + z @ self.gamma
        return expit(alone), expit(alone + self.push + z @ self.beta)

    def effect(self, p: Floats, z: Floats) -> Floats:
        """Return what a contact adds to the chance of recovery, (n,), (n, k) -> (n,)."""
        alone, contacted = self.chances(p, z)
        return contacted - alone


@short_repr
@dataclass(frozen=True)
class EffectColumn:
    """One column that moves the effect: a number, or a level of a category; standardised by mean and sd."""

    name: str
    level: str | None
    mean: float
    sd: float
    gamma: float
    beta: float

    @property
    def title(self) -> str:
        """How the column is called in tables."""
        return self.name if self.level is None else f"{self.name} {self.level}"


@short_repr
@dataclass(frozen=True)
class ContactEffect:
    """What a contact changes.

    Attributes
    ----------
    level, push
        Added to the log-odds of every order, and of a contacted one.
    columns
        What moves them, with the coefficients gamma (without) and beta (with a contact).
    mean_effect
        What a contact adds on average, as a share of 1.
    reach
        Customers up to this rank by expected money were assigned at random; beyond it the effect is unknown.
    """

    level: float
    push: float
    columns: tuple[EffectColumn, ...]
    mean_effect: float
    reach: int


def values_of(rows: pa.Table, p: Floats, amount: Floats) -> Values:
    """Return what may move the effect, from rows of the feature view with ``reason_category``; missing is unknown."""
    numbers: dict[str, Any] = {
        name: np.asarray(column(rows, name, pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
        for name in NUMBERS_MOVING
    }
    texts = {name: text(rows, name).to_numpy(zero_copy_only=False) for name in TEXTS_MOVING}
    return numbers | texts | {CHANCE: p, AMOUNT: amount}


def stored(rows: pa.Table) -> list[dict[str, Any]]:
    """Return the moving features of each row, to be kept as JSON with an assigned order."""
    known = {name: one_chunk(rows[name]).to_pylist() for name in MOVES if name in rows.column_names}
    return [dict(zip(known, values, strict=True)) for values in zip(*known.values(), strict=True)]


def restored(kept: list[dict[str, Any]], p: Floats, amount: Floats) -> Values:
    """Return what :func:`stored` kept; names that it does not hold are unknown."""
    numbers = {name: np.array([one.get(name) for one in kept], dtype=np.float64) for name in NUMBERS_MOVING}
    texts = {name: np.array([one.get(name) for one in kept], dtype=object) for name in TEXTS_MOVING}
    return numbers | texts | {CHANCE: p, AMOUNT: amount}


def _column(values: Values, name: str, level: str | None) -> Floats:
    numbers: Floats = values[name]
    if level is not None:
        numbers = (values[name] == level).astype(np.float64)
    elif name == CHANCE:
        from scipy.special import logit  # on use: it takes long to import

        numbers = logit(bounded(numbers))
    elif name == AMOUNT:
        numbers = np.log(np.maximum(numbers, 0.01))
    elif BY_NAME[name].scale == "log":
        numbers = np.log1p(np.maximum(numbers, 0))
    return numbers


def design(values: Values) -> tuple[list[EffectColumn], Floats]:
    """Choose columns from known orders; return them without coefficients, and standardised, (n, k)."""
    wanted: list[tuple[str, str | None]] = [(name, None) for name in (CHANCE, AMOUNT, *NUMBERS_MOVING)]
    for name in TEXTS_MOVING:
        named = [value for value in values[name].tolist() if value is not None]
        levels, counts = np.unique(np.array(named, dtype=str), return_counts=True)
        wanted += [(name, str(level)) for level in levels[counts >= LEVEL_SHARE * values[name].size]]
    columns, z = [], []
    for name, level in wanted:
        numbers = _column(values, name, level)
        known = numbers[~np.isnan(numbers)]
        if known.size and known.std() > 1e-9:
            columns.append(EffectColumn(name, level, float(known.mean()), float(known.std()), 0.0, 0.0))
            z.append(_standardised(numbers, columns[-1]))
    return columns, np.column_stack(z)


def _standardised(numbers: Floats, of: EffectColumn) -> Floats:
    return np.nan_to_num((numbers - of.mean) / of.sd, nan=0.0)


def part(columns: list[EffectColumn], fitted: EffectModel, mean_effect: float, reach: int) -> ContactEffect:
    """Return a fitted model as a part of the bundle."""
    coefficients = zip(columns, fitted.gamma.tolist(), fitted.beta.tolist(), strict=True)
    filled = tuple(EffectColumn(c.name, c.level, c.mean, c.sd, gamma, beta) for c, gamma, beta in coefficients)
    return ContactEffect(fitted.level, fitted.push, filled, mean_effect, reach)


def chances(effect: ContactEffect, values: Values) -> tuple[Floats, Floats]:
    """Return the chance of recovery without and with a contact, (n,) each; NaN where the champion's is.

    >>> one = ContactEffect(0.0, 1.0, (), 0.1, 100)
    >>> [round(float(p[0]), 3) for p in chances(one, {"chance": np.array([0.5])})]
    [0.5, 0.731]
    """
    z, beta, gamma = _standing(effect, values)
    p: Floats = values[CHANCE]
    alone, contacted = EffectModel(effect.level, effect.push, gamma, beta, 0.0).chances(p, z)
    unknown = np.isnan(p)
    return np.where(unknown, np.nan, alone), np.where(unknown, np.nan, contacted)


def _standing(effect: ContactEffect, values: Values) -> tuple[Floats, Floats, Floats]:
    """Return the standardised columns (n, k) of the effect, with beta and gamma (k,)."""
    z = [_standardised(_column(values, one.name, one.level), one) for one in effect.columns]
    beta, gamma = (np.array([getattr(one, name) for one in effect.columns]) for name in ("beta", "gamma"))
    return np.column_stack(z) if z else np.zeros((values[CHANCE].size, 0)), beta, gamma


@short_repr
@dataclass(frozen=True)
class EffectSteps:
    """What a contact adds to the chance of one order: ``points`` by column (``any order``: the push), shares of 1.

    They sum to ``p_if_contacted`` − ``p_if_not``.
    """

    p_if_contacted: float
    p_if_not: float
    kind: str
    points: Mapping[str, float]


def effect_steps(effect: ContactEffect, values: Values) -> EffectSteps:
    """Explain the effect on the first row; its log odds are split as they add up, at one scale, the largest first.

    >>> column = EffectColumn("age_days", None, 2.0, 1.0, 0.0, -0.5)
    >>> row = {"chance": np.array([0.5]), "age_days": np.array([0.0])}
    >>> steps = effect_steps(ContactEffect(0.0, 1.0, (column,), 0.1, 100), row)
    >>> steps.kind, {name: round(points, 3) for name, points in steps.points.items()}
    ('can be moved', {'any order': 0.191, 'age_days': 0.191})
    """
    alone, contacted = chances(effect, values)
    z, beta, _ = _standing(effect, values)
    names = (ANY_ORDER, *(one.title for one in effect.columns))
    parts = np.array([effect.push, *(z[0] * beta)])
    added = float(contacted[0] - alone[0])
    points = parts * (added / parts.sum() if abs(parts.sum()) > 1e-9 else alone[0] * (1 - alone[0]))
    largest = np.argsort(-np.abs(points), kind="stable")
    return EffectSteps(
        float(contacted[0]), float(alone[0]), str(kinds(effect, alone, contacted)[0]),
        {names[at]: float(points[at]) for at in largest if points[at]},
    )  # fmt: skip


def kinds(effect: ContactEffect, alone: Floats, contacted: Floats) -> Any:
    """Return each order's kind in words, (n,), None where its chances are unknown."""
    added = contacted - alone
    named = np.where(alone >= LIKELY, PAYS_ANYWAY, UNLIKELY).astype(object)
    named[added >= effect.mean_effect] = CAN_BE_MOVED
    named[added < 0] = BETTER_LEFT_ALONE
    named[np.isnan(added)] = None
    return named

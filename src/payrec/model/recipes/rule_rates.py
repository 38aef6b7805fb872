"""A ranking by rule, for as long as a company has too little history for a model of its own.

log-odds of recovery = level + age band + reason class. ``prior_rates.json`` has the values of simulated portfolios,
made by ``python -m benchmarks.prior_rates``. The company's own matured rows move them, shrunk towards the table:

    minimise  Σ weight · log loss(label, log-odds)  +  ½ Σ (value - prior)² / spread²

An order counts once, however many ages it was observed at, so that ten orders move little and a thousand decide.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from payrec.common.arrow import Floats
from payrec.common.short_repr import short_repr
from payrec.model.features import matrix, spreads
from payrec.model.features.declarations import AGE_BANDS, LABEL, schema_hash
from payrec.model.features.matrix import Matrix
from payrec.model.features.vocabulary import FIRST_LEVEL, RESERVED, Vocabulary
from payrec.model.recipes.additive import CATEGORY_AT, AdditiveModel, CategoryTerm
from payrec.model.recipes.calibrate import Calibration
from payrec.model.recipes.model import Model
from payrec.model.recipes.training_summary import TrainingSummary

Names = npt.NDArray[np.str_]

HORIZON_DAYS = 30
AGES_DAYS = (-366, 366)  # older and younger ones get the rate of the outermost band
LEVEL_SPREAD, VALUE_SPREAD = 1.0, 0.5  # how far a company's rates lie from the table, in log-odds
USED = ("age_band", "reason_code")
NO_REASON, UNKNOWN_REASON = "none", "unknown"
_STEPS, _ENOUGH = 50, 1e-10


@short_repr
@dataclass(frozen=True)
class Rates:
    """Log-odds of recovery within 30 days: a level, and what each age band and each reason class adds to it."""

    level: float
    ages: Mapping[str, float]
    reasons: Mapping[str, float]


@cache
def prior() -> Rates:
    """Return the published table: the values of simulated portfolios."""
    text = files("payrec.model.recipes").joinpath("prior_rates.json").read_text(encoding="utf-8")
    return Rates(**json.loads(text))


def fit(
    age: Names,
    reason: Names,
    label: Floats,
    weight: Floats,
    prior: Rates,
    spreads: tuple[float, float] = (LEVEL_SPREAD, VALUE_SPREAD),
) -> Rates:
    """Return the rates of rows, shrunk towards ``prior``; ``age`` and ``reason`` name a band and a class, shape (n,).

    ``spreads``: of the level, and of each value, in log-odds.
    """
    names = [*prior.ages, *prior.reasons]
    start = np.array([prior.level, *prior.ages.values(), *prior.reasons.values()])
    design = np.zeros((len(label), len(start)))
    design[:, 0] = 1.0
    for column, name in enumerate(prior.ages, 1):
        design[:, column] = age == name
    for column, name in enumerate(prior.reasons, 1 + len(prior.ages)):
        design[:, column] = reason == name
    penalty = np.array([spreads[0] ** -2, *[spreads[1] ** -2] * len(names)])
    values = start.copy()
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-design @ values))
        slope = design.T @ (weight * (p - label)) + penalty * (values - start)
        curvature = (design * (weight * p * (1 - p))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(curvature, slope)
        values -= step * min(1.0, 1.0 / np.abs(step).max(initial=1e-300))  # a full step overshoots where all have paid
        if np.abs(step).max() < _ENOUGH:
            break
    ages = dict(zip(prior.ages, values[1:].tolist(), strict=False))
    reasons = dict(zip(prior.reasons, values[1 + len(ages) :].tolist(), strict=True))
    return Rates(float(values[0]), ages, reasons)


def model(rows: pa.Table, reason: Names, *, learns: bool) -> Model:
    """Return the ranking by rule of a company.

    Parameters
    ----------
    rows
        Rows of the feature view, at least one; those with a label move the rates.
    reason
        Class of the reason of each row, shape (n,): a key of the table's ``reasons``; others count as ``unknown``.
    learns
        Whether the labels may be trusted; if not, the table alone decides.
    """
    reason = np.where(np.isin(reason, list(prior().reasons)), reason, UNKNOWN_REASON)
    is_matured = np.asarray(rows[LABEL].is_valid()) & learns
    matured = rows.filter(pa.array(is_matured))
    labels = matured[LABEL].to_numpy().astype(np.float64)
    vocabulary = _vocabulary(rows)
    inputs = matrix.matrix(rows, vocabulary)
    age = age_bands(inputs)
    rates = fit(age[is_matured], reason[is_matured], labels, _once_per_order(matured), prior())
    codes: list[str | None] = rows["reason_code"].to_pylist()
    scorer = _tables(rates, vocabulary, dict(zip(codes, reason, strict=True)))
    return Model(
        recipe="rule",
        horizon_days=HORIZON_DAYS,
        max_age_days=AGES_DAYS[1],
        min_age_days=AGES_DAYS[0],
        vocabulary=vocabulary,
        scorer=scorer,
        calibration=Calibration(),
        base_log_odds=scorer.intercept,
        training=_summary(rows, matured, labels, scorer.intercept),
        schema=schema_hash(),
        spreads=tuple(one for one in spreads.spreads(inputs, vocabulary) if one.feature in USED),
    )


def age_bands(inputs: Matrix) -> Names:
    """Return the name of the age band of each row, shape (n,)."""
    names: Names = np.array([*RESERVED, *AGE_BANDS])[inputs.codes[:, CATEGORY_AT["age_band"]]]
    return names


def _once_per_order(matured: pa.Table) -> Floats:
    """Weight of each row: its share of the rows of its order."""
    _, order, count = np.unique(np.array(matured["order_id"].to_pylist(), str), return_inverse=True, return_counts=True)
    return np.asarray(1.0 / count[order])


def _vocabulary(rows: pa.Table) -> Vocabulary:
    """Return what the rows teach about features, with every reason code a level of its own."""
    learnt = matrix.learn(rows)
    codes = tuple(sorted(str(code) for code in rows["reason_code"].unique().to_pylist() if code is not None))
    levels = {**learnt.levels, "reason_code": codes}
    cells = (FIRST_LEVEL + len(levels["provider"])) * (FIRST_LEVEL + len(codes))
    return replace(learnt, levels=levels, segment_means=(learnt.shrinkage["cust_in_time_rate"].mean,) * cells)


def _tables(rates: Rates, vocabulary: Vocabulary, class_of: Mapping[str | None, str]) -> AdditiveModel:
    """Return the rates as an additive model, whose terms are centred over the table's classes and bands."""
    ages = [rates.ages[band] for band in AGE_BANDS]
    names = [NO_REASON, UNKNOWN_REASON, *(class_of[code] for code in vocabulary.levels["reason_code"])]
    mean_age, mean_reason = float(np.mean(ages)), float(np.mean(list(rates.reasons.values())))
    terms = (
        CategoryTerm("age_band", (0.0,) * FIRST_LEVEL + tuple(value - mean_age for value in ages)),
        CategoryTerm("reason_code", tuple(rates.reasons[name] - mean_reason for name in names)),
    )
    return AdditiveModel(rates.level + mean_age + mean_reason, (), terms, (), ())


def _summary(rows: pa.Table, matured: pa.Table, labels: Floats, intercept: float) -> TrainingSummary:
    times: list[Any] = rows["as_of"].to_pylist()
    return TrainingSummary(
        first_as_of=min(times),
        last_as_of=max(times),
        rows=len(labels),
        positives=int(labels.sum()),
        orders=len(matured["order_id"].unique()),
        customers=len(matured["customer_id"].unique()),
        base_rate=float(labels.mean()) if len(labels) else float(1 / (1 + np.exp(-intercept))),
        seed=0,
        left_out={},
        left_out_features=(),
        slices={},
        calibrated_from=None,
        losses={},
    )

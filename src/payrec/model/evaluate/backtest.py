"""Backtest: refit in the past, test on later snapshots, with intervals for every figure.

Only landmark snapshots count, each observed at an age fixed beforehand; a scoring snapshot exists only because somebody
scored that day. Labels are missing only because their time has not come (checked), so leaving those rows out does not
favour payers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.common.arrow import Floats, Whole
from payrec.common.errors import DataRefused, UsageError
from payrec.common.json import json_values
from payrec.common.short_repr import short_repr
from payrec.model.evaluate import figures, importance, landmarks, worth
from payrec.model.evaluate.baselines import history_rate
from payrec.model.evaluate.figures import TestedRows
from payrec.model.evaluate.folds import Fold, rolling, split_at
from payrec.model.evaluate.landmarks import Landmarks
from payrec.model.evaluate.metrics import ECE_BINS
from payrec.model.recipes import level, payment_book, training
from payrec.model.recipes.model import Model, predict

Predict = Callable[[pa.Table], Floats]
"""Rows of the feature view, n of them -> probabilities, (n,)."""


@short_repr
@dataclass(frozen=True)
class BacktestSpec:
    """What to test and how.

    Attributes
    ----------
    recipe, horizon_days, seed, max_rows
        As for training.
    folds
        Windows of a rolling-origin backtest; not used with ``split``.
    split, until
        One temporal split instead: train on what had matured by ``split``, test from there to before ``until``.
    ages
        Ages in days of the snapshots to train and test on; None = all.
    k_share
        Share of the test rows that can be contacted.
    bootstrap
        Resamples for the intervals; 0 = none.
    importance_rows
        Rows of the last fold used for the feature importance; 0 = none.
    capacity
        At which the list is compared with simple rules, besides fixed shares.
    """

    recipe: str = "logistic"
    horizon_days: int = 30
    folds: int = 5
    split: date | None = None
    until: date | None = None
    ages: tuple[int, ...] | None = None
    k_share: float = 0.10
    bootstrap: int = 200
    seed: int = 20_260_101
    max_rows: int = 2_000_000
    importance_rows: int = 10_000
    capacity: figures.Capacity | None = None


@short_repr
@dataclass(frozen=True)
class Backtest:
    """What a backtest found; ``document`` is fit for JSON, ``predictions`` has one row per test row."""

    spec: BacktestSpec
    document: dict[str, Any]
    predictions: pa.Table

    def to_dict(self) -> dict[str, Any]:
        """Everything but the predictions, fit for JSON; the keys of ``backtest --json``."""
        return self.document


@dataclass(frozen=True)
class _Outcome:
    """One fold: its test rows, the model's probabilities, and the fold's own figures."""

    rows: pa.Table
    tested: TestedRows
    figures: dict[str, Any]
    predict: Predict


Fit = Callable[[pa.Table, BacktestSpec], Predict]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Trained:
    """A model of ours as a predictor; ``recipe`` is what it came to, where the choice was left open."""

    model: Model

    @property
    def recipe(self) -> str:
        return self.model.recipe

    def __call__(self, rows: pa.Table) -> Floats:
        return predict(self.model, rows)


def with_recipe(rows: pa.Table, spec: BacktestSpec) -> Predict:
    """Train the recipe of ``spec`` on ``rows``."""
    return _Trained(training.train(rows, training.TrainSpec(spec.recipe, spec.horizon_days, spec.seed, spec.max_rows)))


def run(
    rows: pa.Table, spec: BacktestSpec, fit: Fit = with_recipe, progress: Progress = lambda _done, _steps: None
) -> Backtest:
    """Backtest a recipe on rows of the feature view.

    Parameters
    ----------
    rows
        Columns of ``v_feature_view``, in any order of rows.
    spec
        What to test.
    fit
        Makes a predictor from training rows; pass another to test any other method.
    progress
        Called with (steps done, steps in all): one step for each fold, one for the figures.

    Raises
    ------
    DataRefused
        If the labels are over another horizon or missing for other reasons than time, or a fold has nothing to
        learn from or to test on.
    UsageError
        If options contradict each other.
    """
    if not 0.0 < spec.k_share <= 1.0:
        raise UsageError(f"A share of {spec.k_share} cannot be contacted: expected more than 0 and at most 1.")
    snapshots = landmarks.select(rows, spec.ages, spec.horizon_days)
    folds = _folds(snapshots, spec)
    outcomes = []
    for fold in folds:
        progress(fold.number, len(folds) + 1)
        outcomes.append(_one_fold(snapshots, fold, spec, fit))
    progress(len(folds), len(folds) + 1)
    judged = _judged(outcomes, spec, landmarks.excluded(snapshots, folds, spec.horizon_days, spec.until))
    progress(len(folds) + 1, len(folds) + 1)
    return judged


def _folds(snapshots: Landmarks, spec: BacktestSpec) -> tuple[Fold, ...]:
    if spec.split is not None:
        return split_at(spec.split, spec.until)
    if spec.until is not None:
        raise UsageError("--until belongs to --split: give both, or --folds alone.")
    return rolling(snapshots.as_of[snapshots.known], spec.horizon_days, spec.folds)


def _one_fold(snapshots: Landmarks, fold: Fold, spec: BacktestSpec, fit: Fit) -> _Outcome:
    learnt_from = snapshots.rows.filter(pa.array(fold.train(snapshots.as_of, spec.horizon_days) & snapshots.known))
    rows = snapshots.rows.filter(pa.array(fold.test(snapshots.as_of) & snapshots.known))
    _refuse_empty(learnt_from, rows, fold)
    predict = fit(learnt_from, spec)
    p = at_level(predict.model, snapshots.rows, rows) if isinstance(predict, _Trained) else predict(rows)
    ages = [landmarks.integers(table, "age_days").astype(np.float64) for table in (learnt_from, rows)]
    age_rate = worth.rate_of_age(ages[0], landmarks.labels(learnt_from), ages[1])
    tested = TestedRows(
        rows, landmarks.labels(rows), np.asarray(p, dtype=np.float64), history_rate(rows, learnt_from), age_rate
    )
    fold_figures = {
        "fold": fold.number,
        "recipe": getattr(predict, "recipe", spec.recipe),
        "test_from": str(fold.test_from.date()),
        "test_until": None if fold.test_until is None else str(fold.test_until.date()),
        "train_rows": learnt_from.num_rows,
        "train_base_rate": float(landmarks.labels(learnt_from).mean()),
        **figures.figures(tested, spec.k_share),
        "history_rate": figures.of_baselines(tested, spec.k_share)["history_rate"],
    }
    return _Outcome(rows, tested, fold_figures, predict)


def at_level(model: Model, every: pa.Table, rows: pa.Table) -> Floats:
    """Return the probabilities of ``rows``, each at the level of its night, which the payments of ``every`` tell.

    ``every`` holds the landmark snapshots since the model's training rows, (m,); the result is (n,).
    """
    p = predict(replace(model, shift=0.0), rows)
    if model.level is None or not payment_book.has_endings(every):
        return p
    nights = _day_numbers(rows)
    newer = every.filter(pa.array(landmarks.times(every) >= np.datetime64(model.level.rows_since)))
    p_newer = predict(replace(model, shift=0.0), newer)
    seen = payment_book.exposures(newer, p_newer, model.level.timing.ages, np.inf)
    days = max(int(nights.max()) - model.level.next_day, 0)
    payments = payment_book.daily(seen, model.level.timing, model.level.next_day, days)
    return level.moved(p, level.follow(model.level, payments, nights))


def _day_numbers(rows: pa.Table) -> Whole:
    return landmarks.times(rows).astype("datetime64[D]").astype(np.int64)


def _refuse_empty(learnt_from: pa.Table, rows: pa.Table, fold: Fold) -> None:
    if rows.num_rows == 0:
        until = "" if fold.test_until is None else f" and before {fold.test_until:%Y-%m-%d}"
        raise DataRefused(
            f"No snapshot with a known outcome lies on or after {fold.test_from:%Y-%m-%d}{until}: nothing to test on.\n"
            "Choose an earlier split or load newer data."
        )
    paid = int(landmarks.labels(learnt_from).sum())
    if paid in (0, learnt_from.num_rows):
        raise DataRefused(
            f"By {fold.test_from:%Y-%m-%d} {learnt_from.num_rows} snapshots had matured, {paid} of them recovered.\n"
            "Both outcomes are needed to learn from: choose a later split or load older data."
        )


def _judged(outcomes: list[_Outcome], spec: BacktestSpec, excluded: Mapping[str, int]) -> Backtest:
    last = outcomes[-1]
    whole = TestedRows(
        pa.concat_tables([outcome.rows for outcome in outcomes]),
        *(np.concatenate([getattr(o.tested, name) for o in outcomes]) for name in ("y", "p", "history", "age_rate")),
    )
    leans_on = (
        importance.by_permutation(last.predict, last.rows, last.tested.y, spec.importance_rows, spec.seed)
        if spec.importance_rows
        else []
    )
    document = {
        "recipe": spec.recipe,
        "horizon_days": spec.horizon_days,
        "embargo_days": spec.horizon_days,
        "design": "rolling origin" if spec.split is None else "one split",
        "k_share": spec.k_share,
        "ece_bins": ECE_BINS,
        "ages": np.unique(landmarks.integers(whole.rows, "age_days")).tolist(),
        "seed": spec.seed,
        "customers": int(whole.customer.max()) + 1,
        "window": {"from": str(landmarks.times(whole.rows).min()), "to": str(landmarks.times(whole.rows).max())},
        **figures.all_figures(whole, spec.k_share, spec.bootstrap, spec.seed, spec.capacity),
        "folds": [outcome.figures for outcome in outcomes],
        "importance": leans_on,
        "excluded": dict(excluded),
    }
    plain: dict[str, Any] = json_values(document)
    return Backtest(spec, plain, _predictions(whole, [o.rows.num_rows for o in outcomes]))


def _predictions(whole: TestedRows, sizes: list[int]) -> pa.Table:
    """One row per test row: ids, age, fold, amount in the currency's units, probability and label."""
    rows = whole.rows
    columns: dict[str, Any] = {name: rows[name] for name in ("order_id", "customer_id", "as_of", "age_days")}
    columns["fold"] = np.repeat(np.arange(len(sizes)), sizes).astype(np.int32)
    columns["amount"] = landmarks.integers(rows, "amount_minor") / 100.0
    columns["currency"] = rows["currency"]
    columns["p_recover"] = whole.p
    columns["label"] = whole.y.astype(np.int8)
    return pa.table(columns)

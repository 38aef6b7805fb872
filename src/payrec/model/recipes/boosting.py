"""Gradient-boosted trees by XGBoost: fitted with early stopping, scored, explained by its own SHAP values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from payrec.common.arrow import Floats
from payrec.common.short_repr import short_repr
from payrec.model.features.declarations import CATEGORIES, NUMBERS, Feature
from payrec.model.features.matrix import Matrix
from payrec.model.features.vocabulary import UNKNOWN
from payrec.model.recipes import booster_check

if TYPE_CHECKING:
    import xgboost


THREADS = 1  # sums over threads depend on their count, and the same data must give the same bytes on any machine
SMALL_ROWS = 20_000
MAX_ROUNDS = 2_000
PATIENCE = 40
BLOCK = 65_536  # rows handed to the trees at once

NUMBERS_AT = [at for at, feature in enumerate(NUMBERS) if feature.trees != "no"]
CODES_AT = [at for at, feature in enumerate(CATEGORIES) if feature.trees != "no"]
INPUTS: tuple[Feature, ...] = (*(NUMBERS[at] for at in NUMBERS_AT), *(CATEGORIES[at] for at in CODES_AT))


@short_repr
@dataclass(frozen=True)
class Trees:
    """A fitted booster in XGBoost's JSON form."""

    content: bytes

    @cached_property
    def booster(self) -> xgboost.Booster:
        """The booster, read once; :func:`problem` has checked bytes from outside."""
        import xgboost

        booster = xgboost.Booster({"nthread": THREADS})
        booster.load_model(bytearray(self.content))
        return booster


def parameters(rows: int, seed: int) -> dict[str, Any]:
    """Return sizes by the count of training rows: below 20,000 small trees beat large ones."""
    small = rows < SMALL_ROWS
    return {
        "objective": "binary:logistic",
        "tree_method": "hist",
        "max_depth": 3 if small else 5,
        "learning_rate": 0.05 if small else 0.08,
        "min_child_weight": 5.0 if small else 20.0,
        "subsample": 0.8,
        "colsample_bytree": 0.5,
        "reg_lambda": 5.0,
        "max_bin": 128,
        "monotone_constraints": "(" + ",".join(str(feature.trend) for feature in INPUTS) + ")",
        "nthread": THREADS,
        "seed": seed,
        "verbosity": 0,
    }


def fit(inputs: Matrix, label: Floats, rounds: int, seed: int) -> Trees:
    """Fit ``rounds`` trees to labels 0 and 1, shape (n,)."""
    import xgboost

    data = _data(inputs, label)
    return _kept(xgboost.train(parameters(len(inputs), seed), data, rounds))


def fit_stopping(inputs: Matrix, label: Floats, later: Matrix, later_label: Floats, seed: int) -> tuple[Trees, int]:
    """Fit until the log loss of the later rows has not fallen for 40 trees; return the trees and their best count."""
    import xgboost

    data, watch = _data(inputs, label), _plain(later, later_label)
    booster = xgboost.train(
        parameters(len(inputs), seed) | {"eval_metric": "logloss"},
        data,
        MAX_ROUNDS,
        evals=[(watch, "later")],
        early_stopping_rounds=PATIENCE,
        verbose_eval=False,
    )
    rounds = int(booster.best_iteration) + 1
    return _kept(booster[:rounds]), rounds


def log_odds(trees: Trees, inputs: Matrix) -> Floats:
    """Return the log-odds of each row, shape (n,). A row's result does not depend on other rows."""
    result = np.empty(len(inputs))
    for start in range(0, len(inputs), BLOCK):
        rows = slice(start, start + BLOCK)
        data = _plain(inputs.take(rows))
        result[rows] = trees.booster.predict(data, output_margin=True)
    return result


def base(trees: Trees) -> float:
    """Mean log-odds of the rows the trees were fitted on, as SHAP values count it."""
    nothing = Matrix(np.full((1, len(NUMBERS)), np.nan, np.float32), np.zeros((1, len(CATEGORIES)), np.int16))
    return float(trees.booster.predict(_plain(nothing), pred_contribs=True)[0, -1])


def contributions(trees: Trees, inputs: Matrix) -> tuple[Floats, Floats]:
    """Return SHAP values, shape (n, len(INPUTS)), and each row's log-odds, shape (n,); values sum to log-odds - base.

    XGBoost adds them up in single precision; the rounding error is spread over the features.
    """
    odds = log_odds(trees, inputs)
    if not len(inputs):
        return np.zeros((0, len(INPUTS))), odds
    raw = trees.booster.predict(_plain(inputs), pred_contribs=True).astype(np.float64)
    values = raw[:, :-1]
    lost = odds - raw[:, -1] - values.sum(axis=1)
    return values + (lost / len(INPUTS))[:, None], odds


def _kept(booster: xgboost.Booster) -> Trees:
    booster.set_attr(best_iteration=None, best_score=None)
    return Trees(bytes(booster.save_raw("json")))


def problem(content: bytes) -> str:
    """Return why ``content`` is no booster over our inputs, or nothing if it is one; XGBoost does not read it."""
    return booster_check.problem(content, _types())


def _types() -> list[str]:
    return ["c" if feature.kind == "category" and feature.trees == "yes" else "q" for feature in INPUTS]


def _data(inputs: Matrix, label: Floats) -> xgboost.DMatrix:
    import xgboost

    return xgboost.QuantileDMatrix(
        _table(inputs), label, feature_types=_types(), nthread=THREADS, max_bin=128, enable_categorical=True
    )


def _plain(inputs: Matrix, label: Floats | None = None) -> xgboost.DMatrix:
    import xgboost

    return xgboost.DMatrix(_table(inputs), label, feature_types=_types(), nthread=THREADS, enable_categorical=True)


def _table(inputs: Matrix) -> npt.NDArray[np.float32]:
    """Numbers and codes in one array, unknown as NaN."""
    chosen = inputs.codes[:, CODES_AT]
    codes = np.where(chosen == UNKNOWN, np.float32(np.nan), chosen)
    return np.hstack([inputs.numbers[:, NUMBERS_AT], codes], dtype=np.float32)

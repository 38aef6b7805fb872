"""Training and predicting: from rows of the feature view to a calibrated :class:`Model` and its probabilities.

1. The newest 15 % of the rows are set aside; what is older, less one horizon, is fitted (its newest fifth tunes it).
2. The rows set aside choose between recipes, and calibrate; a calibration stays only if it lowers the log loss of rows
   it has not seen, and then belongs to the model it was fitted for.
3. Where none is needed the model is fitted again on all rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from payrec.errors import UsageError
from payrec.model import boosting, calibrate, matrix, profile, sample, tables
from payrec.model.boosting import Trees
from payrec.model.calibrate import Calibration
from payrec.model.columns import Rows
from payrec.model.features import schema_hash
from payrec.model.matrix import Matrix
from payrec.model.sample import Sample, Slices
from payrec.model.tables import Tables
from payrec.model.training import Training, describe
from payrec.model.vocabulary import Vocabulary

Array = npt.NDArray[np.float64]
Recipe = Literal["logistic", "xgboost", "original"]

RECIPES = ("logistic", "xgboost", "auto", "original")
LOGISTIC_ROWS = 300_000  # a few hundred coefficients gain nothing from more
TUNING_ROWS = 300_000
PENALTIES = (1.0, 10.0, 100.0)
DEFAULT_ROUNDS = 150


@dataclass(frozen=True)
class TrainSpec:
    """What to train: the recipe, the days in which a payment counts, the seed, the largest number of rows."""

    recipe: str = "auto"
    horizon_days: int = 30
    seed: int = 20_260_101
    max_rows: int = 2_000_000


@dataclass(frozen=True)
class Model:
    """A trained model: everything that scoring needs, and what it was made from.

    Attributes
    ----------
    recipe, horizon_days, max_age_days
        Which; over how many days; the oldest age it has seen.
    vocabulary, scorer, calibration
        rows → features → log-odds → probability.
    base_log_odds
        Mean log-odds of the training rows before calibration: where explanations start.
    training
        Window, rows, base rate, seed, what was left out, how recipes compared.
    schema
        Hash of the features it was made for.
    spreads
        How each feature was spread at training.
    """

    recipe: Recipe
    horizon_days: int
    max_age_days: int
    vocabulary: Vocabulary
    scorer: Tables | Trees
    calibration: Calibration
    base_log_odds: float
    training: Training
    schema: str
    spreads: tuple[profile.Spread, ...]

    @property
    def base_rate(self) -> float:
        """Share of the training rows that were recovered."""
        return self.training.base_rate


@dataclass(frozen=True)
class _Data:
    """A sample with its features."""

    sample: Sample
    inputs: Matrix
    vocabulary: Vocabulary
    spec: TrainSpec

    def part(self, at: npt.NDArray[np.intp]) -> tuple[Matrix, Array]:
        return self.inputs.take(at), self.sample.label[at]


@dataclass(frozen=True)
class _Candidate:
    """A recipe with what was tuned, fitted on the rows older than the calibration slice, and its loss there."""

    recipe: Recipe
    tuned: float
    scorer: Tables | Trees
    calibration: Calibration
    log_loss: float


def train(rows: Rows, spec: TrainSpec) -> Model:
    """Train a model on rows of the feature view; rows without a label are left out and counted.

    The same rows in any order, with the same spec, give the same model.

    Raises
    ------
    UsageError
        An unknown recipe.
    DataRefused
        Too few rows of either class, or rows labelled over another horizon.
    """
    if spec.recipe not in RECIPES:
        msg = f"found the recipe {spec.recipe!r}, expected one of {', '.join(RECIPES)}"
        raise UsageError(msg)
    drawn = sample.draw(rows, spec.horizon_days, spec.max_rows, spec.seed)
    vocabulary = matrix.learn(drawn.rows)
    data = _Data(drawn, matrix.matrix(drawn.rows, vocabulary), vocabulary, spec)
    slices = sample.cut(drawn, spec.horizon_days)
    chosen, losses = _without_slices(data) if slices is None else _with_slices(data, slices)
    if slices is not None and chosen.calibration.kind == "none":
        everything = np.arange(len(drawn.label))
        chosen = replace(chosen, scorer=_fit(chosen.recipe, data, everything, chosen.tuned))
    return _model(data, slices, chosen, losses)


def predict(model: Model, rows: Rows) -> Array:
    """Return the probability of each row to be recovered within the horizon, shape (n,), in the order of ``rows``.

    Independent of how rows are cut into batches, to the last bit.
    """
    return model.calibration.probability(log_odds(model, matrix.matrix(rows, model.vocabulary)))


def log_odds(model: Model, inputs: Matrix) -> Array:
    """Return the log-odds before calibration, shape (n,)."""
    return _score(model.scorer, inputs)


def _score(scorer: Tables | Trees, inputs: Matrix) -> Array:
    return tables.log_odds(scorer, inputs) if isinstance(scorer, Tables) else boosting.log_odds(scorer, inputs)


def _with_slices(data: _Data, slices: Slices) -> tuple[_Candidate, dict[str, float]]:
    names: tuple[Recipe, ...] = ("logistic", "xgboost") if data.spec.recipe == "auto" else (_single(data.spec.recipe),)
    candidates = [_candidate(name, data, slices) for name in names]
    best = min(candidates, key=lambda candidate: candidate.log_loss)
    return best, {candidate.recipe: candidate.log_loss for candidate in candidates}


def _candidate(recipe: Recipe, data: _Data, slices: Slices) -> _Candidate:
    tuned = _tune(recipe, data, slices)
    scorer = _fit(recipe, data, slices.older, tuned)
    newest, label = data.part(slices.calibrate)
    z = _score(scorer, newest)
    customer = np.unique(data.sample.customer[slices.calibrate], return_inverse=True)[1]
    calibration = calibrate.choose(z, label, customer)
    if recipe == "original" and calibration.kind == "none":
        calibration = calibrate.fit("sigmoid", z, label)  # balanced weights move the level: it has to be put back
    fold = customer % calibrate.FOLDS
    unseen = z if calibration.kind == "none" else calibrate.crossfit(calibration.kind, z, label, fold)
    return _Candidate(recipe, tuned, scorer, calibration, float(calibrate.log_losses(unseen, label).mean()))


def _without_slices(data: _Data) -> tuple[_Candidate, dict[str, float]]:
    """Too short a window to hold anything back: defaults, on all rows, uncalibrated but for the original's level."""
    recipe = "logistic" if data.spec.recipe == "auto" else _single(data.spec.recipe)
    tuned = float(DEFAULT_ROUNDS) if recipe == "xgboost" else PENALTIES[1]
    scorer = _fit(recipe, data, np.arange(len(data.sample.label)), tuned)
    share = float(data.sample.label.mean())
    shift = float(np.log(share / (1 - share)))
    calibration = Calibration("level", shift=shift) if recipe == "original" else Calibration()
    return _Candidate(recipe, tuned, scorer, calibration, float("nan")), {}


def _single(recipe: str) -> Recipe:
    return "original" if recipe == "original" else "xgboost" if recipe == "xgboost" else "logistic"


def _tune(recipe: Recipe, data: _Data, slices: Slices) -> float:
    """Return the count of trees, or the penalty, with the lowest log loss on the selection slice."""
    if recipe == "original":
        return 1.0
    if not len(slices.fit):
        return float(DEFAULT_ROUNDS) if recipe == "xgboost" else PENALTIES[1]
    older, older_label = data.part(_thinned(slices.fit, TUNING_ROWS))
    later, later_label = data.part(_thinned(slices.select, TUNING_ROWS))
    if recipe == "xgboost":
        return float(boosting.fit_stopping(older, older_label, later, later_label, data.spec.seed)[1])
    from payrec.model import logistic

    losses = {}
    for penalty in PENALTIES:
        options = logistic.Options(penalty=penalty)
        fitted = logistic.fit(older, older_label, None, data.vocabulary, options)
        losses[penalty] = calibrate.log_losses(tables.log_odds(fitted, later), later_label).mean()
    return min(losses, key=lambda penalty: losses[penalty])


def _fit(recipe: Recipe, data: _Data, at: npt.NDArray[np.intp], tuned: float) -> Tables | Trees:
    if recipe == "xgboost":
        inputs, label = data.part(at)
        return boosting.fit(inputs, label, int(tuned), data.spec.seed)
    from payrec.model import logistic  # on use: SciPy takes long to import, and only fitting needs it

    inputs, label = data.part(_thinned(at, LOGISTIC_ROWS))
    options = logistic.ORIGINAL if recipe == "original" else logistic.Options(penalty=tuned)
    return logistic.fit(inputs, label, None, data.vocabulary, options)


def _thinned(at: npt.NDArray[np.intp], most: int) -> npt.NDArray[np.intp]:
    """At most ``most`` positions, evenly spaced, so that every time and age keeps its share."""
    return at if len(at) <= most else at[np.linspace(0, len(at) - 1, most).astype(np.intp)]


def _model(data: _Data, slices: Slices | None, chosen: _Candidate, losses: dict[str, float]) -> Model:
    seen = data.inputs.take(_thinned(np.arange(len(data.inputs)), LOGISTIC_ROWS))
    base = boosting.base(chosen.scorer) if isinstance(chosen.scorer, Trees) else chosen.scorer.intercept
    ages = data.inputs.numbers[:, tables.NUMBER_AT["age_days"]]
    return Model(
        recipe=chosen.recipe,
        horizon_days=data.spec.horizon_days,
        max_age_days=int(np.nanmax(ages)) if not np.isnan(ages).all() else 0,
        vocabulary=data.vocabulary,
        scorer=chosen.scorer,
        calibration=chosen.calibration,
        base_log_odds=base,
        training=describe(data.sample, data.inputs, data.spec.seed, slices, losses),
        schema=schema_hash(),
        spreads=profile.spreads(seen, data.vocabulary),
    )

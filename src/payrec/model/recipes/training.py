"""Training: from rows of the feature view to a calibrated :class:`Model`.

1. The newest 15 % of the rows are set aside. What is older, less one horizon, is cut once more: its newest fifth tunes
   the recipes that are fitted on the rest.
2. On the rows set aside, which no recipe has seen, the one with the lowest log loss is chosen; the average of both
   recipes' log-odds, which costs both to score, only if it lowers the log loss by 0.2 %. Fitted on all older rows, it
   is held against them once more: a significant error there becomes its calibration.
3. It is refitted on all rows. The calibration stays: it corrects what the recipe gets wrong on newer rows.
   (The original's recipe ends with its calibration, as it did.)
4. Where the rows tell when orders ended, the level of the last weeks is followed instead (:mod:`level`), and the
   regression keeps no calibration: its level would count twice, and its shape brings nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from payrec.common.arrow import Floats, whole
from payrec.common.errors import UsageError
from payrec.common.short_repr import short_repr
from payrec.model.features import matrix, spreads
from payrec.model.features.declarations import schema_hash
from payrec.model.features.matrix import Matrix
from payrec.model.features.view_columns import ViewRows
from payrec.model.features.vocabulary import Vocabulary
from payrec.model.recipes import additive, boosting, calibrate, curve, level, payment_book, sample
from payrec.model.recipes.additive import AdditiveModel
from payrec.model.recipes.boosting import Trees
from payrec.model.recipes.calibrate import Calibration
from payrec.model.recipes.model import Average, Model, Recipe, Scorer, base_log_odds, probability, score
from payrec.model.recipes.sample import Positions, Sample, Slices
from payrec.model.recipes.training_summary import best_of, describe

if TYPE_CHECKING:
    from payrec.model.recipes.logistic import Regression


RECIPES = ("logistic", "xgboost", "average", "auto", "original")
AVERAGED: tuple[Recipe, ...] = ("logistic", "xgboost")
LOGISTIC_ROWS = 300_000  # a few hundred coefficients gain nothing from more
TUNING_ROWS = 300_000
PENALTIES = (10.0, 30.0, 100.0)
DEFAULTS: dict[Recipe, float] = {"logistic": 30.0, "xgboost": 150.0, "original": 1.0}


@short_repr
@dataclass(frozen=True)
class TrainSpec:
    """What to train: recipe, horizon in days, seed, maximum number of rows."""

    recipe: str = "auto"
    horizon_days: int = 30
    seed: int = 20_260_101
    max_rows: int = 2_000_000


@dataclass(frozen=True)
class _Data:
    """A sample with its features."""

    sample: Sample
    inputs: Matrix
    vocabulary: Vocabulary
    spec: TrainSpec

    def part(self, at: Positions) -> tuple[Matrix, Floats]:
        return self.inputs.take(at), self.sample.label[at]

    @cached_property
    def kept(self) -> Positions:
        """Rows that a regression may be fitted to: all, or so many evenly spaced ones."""
        return _thinned(np.arange(len(self.inputs)), LOGISTIC_ROWS)

    @cached_property
    def regression(self) -> Regression:
        """The columns of the regression, made once for all its fits."""
        from payrec.model.recipes import logistic  # on use: SciPy takes long to import, and only fitting needs it

        options = logistic.ORIGINAL if self.spec.recipe == "original" else logistic.LogisticOptions()
        return logistic.prepare(*self.part(self.kept), self.vocabulary, options)


@dataclass(frozen=True)
class _Candidate:
    """A recipe with its tuned parameter (of an average, one of each recipe in it), and a scorer fitted with it."""

    recipe: Recipe
    tuned: tuple[float, ...]
    scorer: Scorer


def train(rows: ViewRows, spec: TrainSpec) -> Model:
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
        raise UsageError(f"found the recipe {spec.recipe!r}, expected one of {', '.join(RECIPES)}")
    drawn = sample.draw(rows, spec.horizon_days, spec.max_rows, spec.seed)
    vocabulary = matrix.learn(drawn.rows)
    data = _Data(drawn, matrix.matrix(drawn.rows, vocabulary), vocabulary, spec)
    slices = sample.cut(drawn, spec.horizon_days)
    if slices is None:
        return _model(data, None, *_untuned(data), {})
    best, losses = _best(data, slices)
    follows = best.recipe != "original" and payment_book.has_endings(drawn.rows)
    calibration = Calibration()
    if not (follows and best.recipe == "logistic"):
        older = replace(best, scorer=_fit(best.recipe, data, slices.older, best.tuned))
        calibration = _calibration(older, data, slices)
        if best.recipe == "original":
            return _model(data, slices, older, calibration, losses)
    everything = replace(best, scorer=_fit(best.recipe, data, np.arange(len(drawn.label)), best.tuned))
    model = _model(data, slices, everything, calibration, losses)
    return _with_level(model, data) if follows else model


def _with_level(model: Model, data: _Data) -> Model:
    """Learn when payments come, and how many came by day, from the rows that the model was fitted to."""
    rows, horizon_days = data.sample.rows, data.spec.horizon_days
    ages = tuple(np.unique(whole(rows, "age_days")).tolist())
    p = probability(model, score(model.scorer, data.inputs))
    until = float(data.sample.day[-1]) + horizon_days  # labels were known then, so payments were
    seen = payment_book.exposures(rows, p, ages, until)
    follows = level.learn(seen, ages, horizon_days)
    return replace(model, level=follows, curve=curve.learn(seen, ages, horizon_days) if follows else None)


def _best(data: _Data, slices: Slices) -> tuple[_Candidate, dict[str, float]]:
    """Tune the recipes on older rows, and take the one with the lowest log loss on the newest, which none has seen."""
    if data.spec.recipe not in ("auto", "average"):
        return _tuned(_single(data.spec.recipe), data, slices), {}
    single = [_tuned(name, data, slices) for name in AVERAGED]
    tables, trees = (candidate.scorer for candidate in single)
    average = _Candidate("average", single[0].tuned + single[1].tuned, _average(tables, trees))
    if data.spec.recipe == "average":
        return average, {}
    candidates: dict[str, _Candidate] = {candidate.recipe: candidate for candidate in (*single, average)}
    losses = {recipe: _loss(candidate, data, slices) for recipe, candidate in candidates.items()}
    return candidates[best_of(losses)], losses


def _loss(candidate: _Candidate, data: _Data, slices: Slices) -> float:
    """Log loss on the newest rows, each calibrated by other customers' rows."""
    newest, label = data.part(slices.calibrate)
    z, customer = score(candidate.scorer, newest), _customers(data, slices)
    kind = calibrate.choose(z, label, customer).kind
    unseen = z if kind == "none" else calibrate.crossfit(kind, z, label, customer % calibrate.FOLDS)
    return float(calibrate.log_losses(unseen, label).mean())


def _calibration(older: _Candidate, data: _Data, slices: Slices) -> Calibration:
    """Calibrate a recipe, fitted on all older rows, on the newest."""
    newest, label = data.part(slices.calibrate)
    z = score(older.scorer, newest)
    calibration = calibrate.choose(z, label, _customers(data, slices))
    if older.recipe == "original" and calibration.kind == "none":
        return calibrate.fit("sigmoid", z, label)  # balanced weights shift the level
    return calibration


def _customers(data: _Data, slices: Slices) -> Positions:
    """Code of the customer of each of the newest rows."""
    return np.unique(data.sample.customer[slices.calibrate], return_inverse=True)[1]


def _untuned(data: _Data) -> tuple[_Candidate, Calibration]:
    """Window too short for a held-out slice: defaults, on all rows, uncalibrated except the original's level."""
    recipe = "logistic" if data.spec.recipe == "auto" else _single(data.spec.recipe)
    tuned = DEFAULTS[recipe]
    scorer = _fit(recipe, data, np.arange(len(data.sample.label)), (tuned,))
    share = float(data.sample.label.mean())
    shift = float(np.log(share / (1 - share)))
    calibration = Calibration("level", shift=shift) if recipe == "original" else Calibration()
    return _Candidate(recipe, (tuned,), scorer), calibration


def _single(recipe: str) -> Recipe:
    return "original" if recipe == "original" else "xgboost" if recipe == "xgboost" else "logistic"


def _tuned(recipe: Recipe, data: _Data, slices: Slices) -> _Candidate:
    """Find the count of trees, or the penalty, with the lowest log loss on the selection slice."""
    if recipe == "original" or not len(slices.fit):
        tuned = (DEFAULTS[recipe],)
        return _Candidate(recipe, tuned, _fit(recipe, data, slices.older, tuned))
    later, later_label = data.part(_thinned(slices.select, TUNING_ROWS))
    if recipe == "xgboost":
        older = data.part(_thinned(slices.fit, TUNING_ROWS))
        trees, rounds = boosting.fit_stopping(*older, later, later_label, data.spec.seed)
        return _Candidate(recipe, (float(rounds),), trees)
    fitted = {penalty: _fit(recipe, data, slices.fit, (penalty,)) for penalty in PENALTIES}
    losses = {
        penalty: calibrate.log_losses(score(scorer, later), later_label).mean() for penalty, scorer in fitted.items()
    }
    best = min(losses, key=lambda penalty: losses[penalty])
    return _Candidate(recipe, (best,), fitted[best])


def _fit(recipe: Recipe, data: _Data, at: Positions, tuned: tuple[float, ...]) -> Scorer:
    """Fit on the rows ``at``, which are the oldest ones in every slice but the newest."""
    if recipe == "average":
        return _average(*(_fit(name, data, at, (own,)) for name, own in zip(AVERAGED, tuned, strict=True)))
    if recipe == "xgboost":
        inputs, label = data.part(at)
        return boosting.fit(inputs, label, int(tuned[0]), data.spec.seed)
    from payrec.model.recipes import logistic

    return logistic.fit(data.regression, int(np.searchsorted(data.kept, at[-1], side="right")), tuned[0])


def _average(tables: Scorer, trees: Scorer) -> Average:
    assert isinstance(tables, AdditiveModel)  # noqa: S101 - in the order of AVERAGED
    assert isinstance(trees, Trees)  # noqa: S101
    return Average(tables, trees)


def _thinned(at: Positions, most: int) -> Positions:
    """At most ``most`` positions, evenly spaced, so that every time and age keeps its share."""
    return at if len(at) <= most else at[np.linspace(0, len(at) - 1, most).astype(np.intp)]


def _model(
    data: _Data, slices: Slices | None, chosen: _Candidate, calibration: Calibration, losses: dict[str, float]
) -> Model:
    seen = data.inputs.take(data.kept)
    ages = data.inputs.numbers[:, additive.NUMBER_AT["age_days"]]
    return Model(
        recipe=chosen.recipe,
        horizon_days=data.spec.horizon_days,
        max_age_days=int(np.nanmax(ages, initial=0)),
        min_age_days=int(np.nanmin(ages, initial=0)),
        vocabulary=data.vocabulary,
        scorer=chosen.scorer,
        calibration=calibration,
        base_log_odds=base_log_odds(chosen.scorer),
        training=describe(data.sample, data.inputs, data.spec.seed, slices, losses),
        schema=schema_hash(),
        spreads=spreads.spreads(seen, data.vocabulary),
    )

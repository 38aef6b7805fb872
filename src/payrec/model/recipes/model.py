"""A trained model, and the probabilities it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from payrec.common.errors import DataRefused
from payrec.common.short_repr import short_repr
from payrec.model.features import matrix
from payrec.model.features.matrix import Matrix
from payrec.model.features.spreads import Spread
from payrec.model.features.view_columns import ViewColumns, ViewRows
from payrec.model.features.vocabulary import Vocabulary
from payrec.model.recipes import additive, boosting, level
from payrec.model.recipes.additive import AdditiveModel
from payrec.model.recipes.boosting import Trees
from payrec.model.recipes.calibrate import Calibration
from payrec.model.recipes.contact_effect import ContactEffect
from payrec.model.recipes.curve import HorizonCurve
from payrec.model.recipes.level import Level
from payrec.model.recipes.training_summary import TrainingSummary

if TYPE_CHECKING:
    import pandas as pd

Recipe = Literal["logistic", "xgboost", "average", "original", "rule"]


@short_repr
@dataclass(frozen=True)
class Average:
    """The mean of the log-odds of a regression and of trees."""

    tables: AdditiveModel
    trees: Trees


Scorer = AdditiveModel | Trees | Average


@dataclass(frozen=True, repr=False)
class Model:
    """A trained model: everything that scoring needs, and a summary of its training.

    Attributes
    ----------
    recipe, horizon_days, max_age_days
        Name of the recipe; horizon of the labels; oldest age among the training rows.
    vocabulary, scorer, calibration
        rows → features → log-odds → probability.
    base_log_odds
        Mean log-odds of the training rows before calibration, from which explanations start.
    training
        Window, rows, base rate, seed, rows left out, comparison of the recipes.
    schema
        Hash of the features the model expects.
    spreads
        Distribution of each feature over the training rows.
    level
        What following the level of the last weeks needs; None where the training rows did not tell when orders ended.
    curve
        Probabilities within other horizons; None where the level is.
    shift
        The level: added to the log hazard of every order. In the bundle that of the end of the training data; a run
        replaces it by that of its night.
    shift_day
        Day (since 1970) up to which the payments of the training data tell that level.
    effect
        What a contact changes; None unless experiments show that it differs beyond what the chance says.
    """

    recipe: Recipe
    horizon_days: int
    max_age_days: int
    min_age_days: int
    vocabulary: Vocabulary
    scorer: Scorer
    calibration: Calibration
    base_log_odds: float
    training: TrainingSummary
    schema: str
    spreads: tuple[Spread, ...]
    level: Level | None = None
    curve: HorizonCurve | None = None
    shift: float = 0.0
    shift_day: int = 0
    effect: ContactEffect | None = None

    @property
    def base_rate(self) -> float:
        """Share of the training rows that were recovered."""
        return self.training.base_rate

    def predict_proba(self, frame: ViewRows | pd.DataFrame) -> npt.NDArray[np.float64]:
        """Return the probability that each order is recovered within the horizon, as ``payrec score`` gives it.

        Parameters
        ----------
        frame
            Columns of ``v_feature_view``, n rows, as an Arrow table or batch or a pandas frame; NULL, NaN and missing
            columns are unknown.

        Returns
        -------
        numpy.ndarray
            Shape (n,), in the order of ``frame``; NaN where the model does not cover the age.

        Raises
        ------
        DataRefused
            A column holds text where numbers or times are expected.
        """
        try:
            rows = (
                frame
                if isinstance(frame, pa.Table | pa.RecordBatch)
                else pa.Table.from_pandas(frame, preserve_index=False)
            )
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            msg = f"found a column of mixed types, expected columns as in v_feature_view: {error}"
            raise DataRefused(msg) from error
        outside = ~self.covers(ViewColumns(rows).number("age_days"))
        return np.where(outside, np.nan, predict(self, rows))

    def covers(self, age_days: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Mark the ages, shape (n,), that the model may score: not older, and before the due date not younger.

        An unknown age is covered.
        """
        outside: npt.NDArray[np.bool_] = (age_days > self.max_age_days) | (age_days < self.min_age_days)
        return ~outside

    def __repr__(self) -> str:
        """Name the recipe, the horizon and the training rows."""
        about = self.training
        return (
            f"<Model {self.recipe}, {self.horizon_days} days: {about.rows:,} snapshots of {about.orders:,} orders "
            f"from {about.first_as_of:%Y-%m-%d} to {about.last_as_of:%Y-%m-%d}, {about.base_rate:.1%} recovered>"
        )


def predict(model: Model, rows: ViewRows) -> npt.NDArray[np.float64]:
    """Return the probability of each row, whatever its age, shape (n,), in the order of ``rows``.

    How rows are cut into batches does not change the last bit.
    """
    return probability(model, log_odds(model, matrix.matrix(rows, model.vocabulary)))


def probability(model: Model, z: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the probability, calibrated and at the model's level, of log-odds ``z``, shape of ``z``."""
    if not model.shift:
        return model.calibration.probability(z)
    return level.shifted(np.asarray(model.calibration.log_odds(z)), model.shift)


def log_odds(model: Model, inputs: Matrix) -> npt.NDArray[np.float64]:
    """Return the log-odds before calibration, shape (n,)."""
    return score(model.scorer, inputs)


def score(scorer: Scorer, inputs: Matrix) -> npt.NDArray[np.float64]:
    """Return the log-odds that a fitted scorer gives, shape (n,)."""
    if isinstance(scorer, Average):
        return (additive.log_odds(scorer.tables, inputs) + boosting.log_odds(scorer.trees, inputs)) / 2
    return additive.log_odds(scorer, inputs) if isinstance(scorer, AdditiveModel) else boosting.log_odds(scorer, inputs)


def base_log_odds(scorer: Scorer) -> float:
    """Return the mean log-odds of the rows that a scorer was fitted to."""
    if isinstance(scorer, Average):
        return (scorer.tables.intercept + boosting.base(scorer.trees)) / 2
    return scorer.intercept if isinstance(scorer, AdditiveModel) else boosting.base(scorer)

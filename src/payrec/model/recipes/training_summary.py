"""Summary of a training for the model card: window, counts, rows left out, comparison of the recipes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow.compute as pc

from payrec.common.short_repr import short_repr
from payrec.model.features.declarations import CATEGORIES, NUMBERS
from payrec.model.features.matrix import Matrix
from payrec.model.recipes.sample import Sample, Slices

AVERAGE = "average"
LEAST_GAIN = 0.002  # of log loss by the average, for which two recipes are stored and scored
EPOCH = datetime(1970, 1, 1)  # times are UTC without zone


@short_repr
@dataclass(frozen=True)
class TrainingSummary:
    """The training rows in numbers.

    Attributes
    ----------
    first_as_of, last_as_of
        The window of the rows used.
    rows, positives, orders, customers, base_rate
        Counts, and positives / rows.
    seed
        Seed of everything random.
    left_out
        Rows not used, by reason.
    left_out_features
        Features that are the same in all rows, so that the model cannot use them.
    slices
        Rows that were fitted, that selected and that calibrated; empty where the window was too short for it.
    calibrated_from
        First day of the calibration slice, or None.
    losses
        Log loss of each recipe tried, on the newest slice, by a model and a calibration that had not seen the row;
        empty where there was no choice.
    """

    first_as_of: datetime
    last_as_of: datetime
    rows: int
    positives: int
    orders: int
    customers: int
    base_rate: float
    seed: int
    left_out: dict[str, int]
    left_out_features: tuple[str, ...]
    slices: dict[str, int]
    calibrated_from: datetime | None
    losses: dict[str, float]


def describe(
    drawn: Sample, inputs: Matrix, seed: int, slices: Slices | None, losses: dict[str, float]
) -> TrainingSummary:
    """Describe the rows a model was trained on."""
    window: Any = pc.min_max(drawn.rows["as_of"]).as_py()
    counts = {} if slices is None else {"fit": slices.fit, "select": slices.select, "calibrate": slices.calibrate}
    start = None if slices is None else EPOCH + timedelta(days=int(drawn.day[slices.calibrate[0]]))
    positives = int(drawn.label.sum())
    return TrainingSummary(
        first_as_of=window["min"],
        last_as_of=window["max"],
        rows=len(drawn.label),
        positives=positives,
        orders=len(pc.unique(drawn.rows["order_id"])),
        customers=len(np.unique(drawn.customer)),
        base_rate=positives / len(drawn.label),
        seed=seed,
        left_out=dict(drawn.left_out),
        left_out_features=_same_in_all(inputs),
        slices={name: len(at) for name, at in counts.items()},
        calibrated_from=start,
        losses={name: round(loss, 9) for name, loss in losses.items()},
    )


def best_of(losses: dict[str, float]) -> str:
    """Return the recipe with the lowest log loss; the average of two only if it is lower by 0.2 %."""
    single = min((recipe for recipe in losses if recipe != AVERAGE), key=lambda recipe: losses[recipe])
    return AVERAGE if losses.get(AVERAGE, np.inf) < (1 - LEAST_GAIN) * losses[single] else single


def choice(training: TrainingSummary) -> str:
    """One sentence on how the recipes compared; empty where only one was tried."""
    losses = training.losses
    if len(losses) < 2:
        return ""
    best = best_of(losses)
    other = min((recipe for recipe in losses if recipe not in (best, AVERAGE)), key=lambda recipe: losses[recipe])
    low, high = losses[best], losses[other]
    gain = f", {(high - low) / high:.1%} less" if high else ""  # a column that gives all away leaves no loss
    return f"{best} was chosen: log loss {low:.4f} on the newest rows, against {high:.4f} with {other}{gain}"


def _same_in_all(inputs: Matrix) -> tuple[str, ...]:
    numbers = [feature.name for at, feature in enumerate(NUMBERS) if _constant(inputs.numbers[:, at])]
    codes = [feature.name for at, feature in enumerate(CATEGORIES) if np.ptp(inputs.codes[:, at]) == 0]
    return tuple(numbers + codes)


def _constant(numbers: np.ndarray[tuple[int], np.dtype[np.float32]]) -> bool:
    unknown = np.isnan(numbers)
    return bool(unknown.all() or (not unknown.any() and np.ptp(numbers) == 0))

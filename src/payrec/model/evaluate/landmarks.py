"""Snapshots that a backtest may use, and why the others are left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.common.arrow import Flags, Floats, Times
from payrec.common.errors import DataRefused, UsageError
from payrec.common.short_repr import short_repr
from payrec.model.evaluate.folds import Fold
from payrec.model.evaluate.metrics import GroupCodes
from payrec.model.features.declarations import LABEL
from payrec.model.features.view_columns import ENDED_BY

DAY = np.timedelta64(1, "D")


@short_repr
@dataclass(frozen=True)
class Landmarks:
    """Landmark snapshots of the chosen ages.

    Attributes
    ----------
    rows, as_of, known
        Rows of the feature view, n of them; their times, (n,); whether they have a label, (n,).
    every
        Landmark snapshots of all ages.
    scoring_rows
        Count of snapshots that were made for scoring only.
    """

    rows: pa.Table
    as_of: Times
    known: Flags
    every: pa.Table
    scoring_rows: int


def select(rows: pa.Table, ages: Sequence[int] | None, horizon_days: int) -> Landmarks:
    """Select the landmark snapshots of ``ages`` (None: all).

    Raises
    ------
    UsageError
        If no snapshot has one of the ages.
    DataRefused
        If there is no landmark snapshot, the labels are over another horizon, or one is missing although a later
        snapshot has its own: leaving such rows out would favour those whose outcome is known.
    """
    every = rows.filter(pa.array(integers(rows, "is_landmark") == 1))
    if every.num_rows == 0:
        raise DataRefused(
            f"None of {rows.num_rows} snapshots is a landmark (is_landmark = 1).\n"
            "A backtest needs orders observed at ages fixed beforehand: build the feature view with landmarks."
        )
    chosen = every
    if ages is not None:
        there = integers(every, "age_days")
        chosen = every.filter(pa.array(np.isin(there, ages)))
        if chosen.num_rows == 0:
            raise UsageError(
                f"No snapshot has an age of {', '.join(map(str, ages))} days.\n"
                f"Expected one of the ages built: {', '.join(map(str, np.unique(there)))}."
            )
    known = ~np.asarray(chosen[LABEL].is_null())
    landmarks = Landmarks(chosen, times(chosen), known, every, rows.num_rows - every.num_rows)
    horizons = np.unique(integers(chosen, "horizon_days"))
    if horizons.tolist() != [horizon_days]:
        raise DataRefused(
            f"The labels are over {', '.join(map(str, horizons))} days, expected {horizon_days}.\n"
            f"Build the feature view with a horizon of {horizon_days} days."
        )
    if ENDED_BY not in rows.column_names:  # else the layers made the labels, and say why one is missing
        _refuse_missing_for_other_reasons(landmarks)
    return landmarks


def _refuse_missing_for_other_reasons(landmarks: Landmarks) -> None:
    if landmarks.known.all() or not landmarks.known.any():
        return
    newest = landmarks.as_of[landmarks.known].max()
    odd = int((~landmarks.known & (landmarks.as_of <= newest)).sum())
    if odd:
        raise DataRefused(
            f"{odd} snapshots have no label although others as late as {newest} have one.\n"
            "A label may be missing only because its time has not come; other gaps favour payers.\n"
            "Build the feature view again, or export all of it."
        )


def excluded(landmarks: Landmarks, folds: Sequence[Fold], horizon_days: int, until: date | None) -> dict[str, int]:
    """Count what was not tested, by reason.

    ``immature``: no label yet. ``no_outcome``: ended without money, or at an unknown time. ``embargo``: matured too
    late to learn from, too early to test on. ``train_only``: learnt from, never tested. ``after_until``,
    ``other_ages``, ``not_landmark``: as they say. These and the tested
    rows are all rows there were. ``already_recovered`` are no rows at all: snapshots that an order seen at another
    age would have had in a test window, had it still been open.
    """
    known = landmarks.known
    learnt, tested = np.zeros(known.size, dtype=bool), np.zeros(known.size, dtype=bool)
    for fold in folds:
        learnt |= fold.train(landmarks.as_of, horizon_days) & known
        tested |= fold.test(landmarks.as_of) & known
    late = np.zeros(known.size, dtype=bool) if until is None else landmarks.as_of >= np.datetime64(until)
    gap = ~known & (landmarks.as_of <= landmarks.as_of[known].max()) if known.any() else np.zeros_like(known)
    return {
        "immature": int((~known & ~gap & ~late).sum()),
        "no_outcome": int((gap & ~late).sum()),
        "already_recovered": _closed_by_then(landmarks, folds),
        "embargo": int((known & ~learnt & ~tested & ~late).sum()),
        "train_only": int((learnt & ~tested).sum()),
        "after_until": int((late & ~learnt).sum()),
        "other_ages": landmarks.every.num_rows - landmarks.rows.num_rows,
        "not_landmark": landmarks.scoring_rows,
    }


def _closed_by_then(landmarks: Landmarks, folds: Sequence[Fold]) -> int:
    orders: Any = landmarks.every["order_id"].combine_chunks()
    _, first, codes = np.unique(np.asarray(orders.dictionary_encode().indices), return_index=True, return_inverse=True)
    seen, ages = times(landmarks.every), integers(landmarks.every, "age_days")
    born, newest = (seen - ages * DAY)[first], seen.max()
    youngest = ages[first]
    np.minimum.at(youngest, codes, ages)
    expected, observed = 0, 0
    for fold in folds:
        observed += int(fold.test(landmarks.as_of).sum())
        for age in np.unique(integers(landmarks.rows, "age_days")):
            # only orders with a due date are seen before it
            would_be = (born if age >= 0 else born[youngest <= age]) + age * DAY
            expected += int((fold.test(would_be) & (would_be <= newest)).sum())
    return expected - observed


def times(rows: pa.Table) -> Times:
    """``as_of`` of the rows, UTC without zone, (n,)."""
    return rows["as_of"].to_numpy().astype("datetime64[us]")


def integers(rows: pa.Table, column: str) -> GroupCodes:
    """Whole numbers of a column without NULL, (n,)."""
    return rows[column].to_numpy().astype(np.int64)


def labels(rows: pa.Table) -> Floats:
    """Labels of rows that have one, 0 or 1, (n,)."""
    return rows[LABEL].to_numpy().astype(np.float64)

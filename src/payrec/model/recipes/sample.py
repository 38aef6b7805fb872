"""Selection of the training rows and their temporal slices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from payrec.common.arrow import Floats
from payrec.common.errors import DataRefused
from payrec.common.short_repr import short_repr
from payrec.model.features.declarations import LABEL
from payrec.model.features.view_columns import NO_DAY, ViewColumns, ViewRows, day_numbers

Positions = npt.NDArray[np.intp]

MIN_ROWS = 200
MIN_OF_EACH_CLASS = 20
MIN_SLICE_ROWS = 200
MIN_SLICE_OF_EACH_CLASS = 20
CALIBRATION_SHARE = 0.15
SELECTION_SHARE = 0.2


@short_repr
@dataclass(frozen=True)
class Sample:
    """The rows of a training, by (as_of, order_id).

    Attributes
    ----------
    rows, label
        The feature view's rows and their labels 0 and 1, shape (n,).
    day
        Days from 1970-01-01 to each row's as_of, shape (n,), rising.
    customer
        Code of each row's customer, shape (n,).
    left_out
        Count of unused rows, by reason.
    """

    rows: pa.Table
    label: Floats
    day: npt.NDArray[np.int32]
    customer: Positions
    left_out: dict[str, int]


@short_repr
@dataclass(frozen=True)
class Slices:
    """Positions of rows: ``fit`` is older than ``select``, both are ``older`` than ``calibrate``, with an embargo.

    No label of an older slice looks into a newer one. ``fit`` and ``select`` are empty where there are too few rows.
    """

    fit: Positions
    select: Positions
    older: Positions
    calibrate: Positions


def draw(rows: ViewRows, horizon_days: int, max_rows: int, seed: int) -> Sample:
    """Return the rows to train on: at landmark ages, mature, at most ``max_rows`` (drawn evenly by ``seed``).

    Raises
    ------
    DataRefused
        No label, another horizon, no as_of, or too few rows of either class.
    """
    table = pa.Table.from_batches([rows]) if isinstance(rows, pa.RecordBatch) else rows
    _refuse_other_horizon(table, horizon_days)
    landmark = np.ones(table.num_rows, bool)
    if "is_landmark" in table.schema.names:
        landmark = np.asarray(ViewColumns(table).number("is_landmark") != 0)
    labelled = pc.is_valid(table[LABEL]).to_numpy()
    left_out = {"not_at_a_landmark": int((~landmark).sum()), "immature": int((landmark & ~labelled).sum())}
    table = table.filter(pa.array(landmark & labelled))
    left_out["over_max_rows"] = max(0, table.num_rows - max_rows)
    table = table.take(pc.sort_indices(table, sort_keys=[("as_of", "ascending"), ("order_id", "ascending")]))
    if table.num_rows > max_rows:
        table = table.take(np.sort(np.random.default_rng(seed).choice(table.num_rows, max_rows, replace=False)))
    table = table.combine_chunks()
    label = ViewColumns(table).number(LABEL).astype(np.float64)
    _refuse_too_few(label, left_out)
    day = day_numbers(ViewColumns(table), "as_of")
    if (day == NO_DAY).any():
        raise DataRefused("found rows without as_of, expected the time of each snapshot")
    return Sample(table, label, day, customers(table), left_out)


def customers(table: pa.Table) -> Positions:
    """Return a code for each row's customer, shape (n,), by the order of their ids; a row's own without ids."""
    if "customer_id" not in table.schema.names:
        return np.arange(table.num_rows)
    coded = table["customer_id"].combine_chunks().cast(pa.string()).dictionary_encode()
    rank = np.empty(len(coded.dictionary) + 1, np.intp)
    rank[pc.sort_indices(coded.dictionary).to_numpy()] = np.arange(len(coded.dictionary))
    rank[-1] = len(coded.dictionary)
    return np.asarray(rank[coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)])


def cut(sample: Sample, horizon_days: int) -> Slices | None:
    """Cut by time: the newest 15 % of the rows calibrate, the newest fifth of the older selects, the rest is fitted.

    Returns None where a calibration slice or what is older than it would be too small.
    """
    newest = _newest(sample.day, CALIBRATION_SHARE)
    older = np.nonzero(sample.day + horizon_days <= sample.day[newest[0]])[0]
    if not (_enough(sample.label[newest]) and _enough(sample.label[older])):
        return None
    select = _newest(sample.day[older], SELECTION_SHARE)
    fit = np.nonzero(sample.day[older] + horizon_days <= sample.day[select[0]])[0]
    if not (_enough(sample.label[select]) and _enough(sample.label[fit])):
        fit = select = np.array([], np.intp)
    return Slices(fit, select, older, newest)


def _newest(day: npt.NDArray[np.int32], share: float) -> Positions:
    """Positions of about the newest ``share`` of the rows: whole days."""
    start = day[int(len(day) * (1 - share))]
    return np.nonzero(day >= start)[0]


def _enough(label: Floats) -> bool:
    positive = int(label.sum())
    return len(label) >= MIN_SLICE_ROWS and min(positive, len(label) - positive) >= MIN_SLICE_OF_EACH_CLASS


def _refuse_other_horizon(table: pa.Table, horizon_days: int) -> None:
    for name in (LABEL, "as_of", "order_id"):
        if name not in table.schema.names:
            msg = f"found no column {name}, expected the columns of the feature view with labels: run payrec build"
            raise DataRefused(msg)
    if "horizon_days" not in table.schema.names:
        return
    others = sorted(
        int(days) for days in pc.unique(table["horizon_days"]).to_pylist() if days not in (horizon_days, None)
    )
    if others:
        days = ", ".join(str(days) for days in others)
        msg = f"found labels over {days} days, expected {horizon_days}: build again with --horizon {horizon_days}"
        raise DataRefused(msg)


def _refuse_too_few(label: Floats, left_out: dict[str, int]) -> None:
    positive = int(label.sum())
    negative = len(label) - positive
    if len(label) >= MIN_ROWS and min(positive, negative) >= MIN_OF_EACH_CLASS:
        return
    reasons = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in left_out.items() if count)
    raise DataRefused(
        f"found {len(label)} rows with a known outcome, {positive} recovered and {negative} not"
        + (f" (left out: {reasons})" if reasons else "")
        + f"\nexpected at least {MIN_ROWS} rows and {MIN_OF_EACH_CLASS} of each outcome: load a longer history"
    )

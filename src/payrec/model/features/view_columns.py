"""Reading the columns of the feature view out of Arrow: a column that is not there is unknown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from payrec.common.arrow import one_chunk
from payrec.common.errors import DataRefused
from payrec.common.short_repr import short_repr

Float32s = npt.NDArray[np.float32]
LevelCodes = npt.NDArray[np.int16]
DayNumbers = npt.NDArray[np.int32]
ViewRows = pa.Table | pa.RecordBatch

MICROSECONDS_A_DAY = 86_400_000_000
ENDED_AT, ENDED_BY = "ended_at", "ended_by"
"""Columns of training rows besides the feature view, never inputs: when and by what the order ended afterwards."""
NO_DAY = np.int32(-(2**31))


@short_repr
@dataclass(frozen=True)
class ViewColumns:
    """The rows of one matrix; each column is converted once."""

    rows: ViewRows
    numbers: dict[str, Float32s] = field(default_factory=dict)
    codes: dict[str, LevelCodes] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Count of rows."""
        return int(self.rows.num_rows)

    def array(self, name: str) -> pa.Array[Any] | None:
        """Return the column as one Arrow array, or None where it is missing."""
        if name not in self.rows.schema.names:
            return None
        array: pa.Array[Any] = one_chunk(self.rows.column(name))
        return array

    def number(self, name: str) -> Float32s:
        """Return the column as float32, shape (n,); NaN where it is NULL. Do not write into it."""
        if name not in self.numbers:
            array = self.array(name)
            if array is None or pa.types.is_null(array.type):
                self.numbers[name] = np.full(self.n, np.nan, np.float32)
            else:
                self.numbers[name] = _floats(name, array)
        return self.numbers[name]

    def days_until(self, name: str, start: str) -> Float32s:
        """Return days from time ``start`` to time ``name``, shape (n,), NaN where either is NULL."""
        end, begin = self.array(name), self.array(start)
        if end is None or begin is None or end.null_count == len(end):
            return np.full(self.n, np.nan, np.float32)
        micros = pc.subtract(_timestamps(name, end).cast(pa.int64()), _timestamps(start, begin).cast(pa.int64()))
        days = pc.divide(micros.cast(pa.float64(), safe=False), float(MICROSECONDS_A_DAY))
        return days.cast(pa.float32()).to_numpy(zero_copy_only=False)


def day_numbers(columns: ViewColumns, name: str) -> DayNumbers:
    """Return days since 1970-01-01 of a timestamp column, shape (n,); ``NO_DAY`` where it is NULL or missing."""
    array = columns.array(name)
    if array is None or array.null_count == len(array):
        return np.full(columns.n, NO_DAY, np.int32)
    whole: Any = _timestamps(name, array).cast(pa.int64())
    days = (whole.fill_null(0).to_numpy(zero_copy_only=False) // MICROSECONDS_A_DAY).astype(np.int32)
    return np.where(array.is_valid().to_numpy(zero_copy_only=False), days, NO_DAY) if array.null_count else days


def _floats(name: str, array: pa.Array[Any]) -> Float32s:
    try:
        if pa.types.is_string(array.type) or pa.types.is_decimal(array.type):
            array = array.cast(pa.float64())
        return array.cast(pa.float32(), safe=False).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid as error:
        raise DataRefused(f"found text in the column {name} of the feature view, expected numbers: {error}") from error
    except pa.ArrowNotImplementedError as error:
        raise DataRefused(f"found {array.type} in the column {name} of the feature view, expected numbers") from error


def _timestamps(name: str, array: pa.Array[Any]) -> pa.Array[Any]:
    try:
        return array.cast(pa.timestamp("us"), safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        msg = f"found {array.type} in the column {name} of the feature view, expected times such as 2026-01-31 00:00:00"
        raise DataRefused(msg) from error

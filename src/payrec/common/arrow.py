"""Between Arrow columns and numpy arrays; money stays in whole hundredths on the way, so nothing is rounded unseen."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from payrec.common.errors import DataRefused

Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64]

MONEY = pa.decimal128(18, 2)
TIME = pa.timestamp("us")

# the type stubs know only a part of what these take
pc: Any = pyarrow.compute
make: Any = pa


def one_chunk(column: Any) -> Any:  # an Array of the column's own type
    """Return the column as one contiguous Arrow array."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def column(rows: pa.Table, name: str, kind: pa.DataType) -> Any:
    """Return column ``name`` as one Arrow array of type ``kind``; all NULL where the column is missing.

    Raises
    ------
    DataRefused
        The values cannot be read as ``kind``.
    """
    if name not in rows.column_names:
        return make.nulls(rows.num_rows, kind)
    try:
        return one_chunk(rows[name]).cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataRefused(f"column {name} holds {rows[name].type}, expected {kind}: {error}") from error


def text(rows: pa.Table, name: str) -> Any:
    """Return a text column, NULL where unknown."""
    return column(rows, name, pa.string())


def whole(rows: pa.Table, name: str, unknown: int = 0) -> Whole:
    """Return whole numbers, shape (n,), with ``unknown`` in place of NULL."""
    values: Whole = pc.fill_null(column(rows, name, pa.int64()), unknown).to_numpy()
    return values


def known(rows: pa.Table, name: str) -> Flags:
    """Return True where the column holds a value, shape (n,)."""
    if name not in rows.column_names:
        return np.zeros(rows.num_rows, dtype=np.bool_)
    values: Flags = pc.is_valid(one_chunk(rows[name])).to_numpy(zero_copy_only=False)
    return values


def floats(rows: pa.Table, name: str) -> Floats:
    """Return floats, shape (n,), NaN where NULL."""
    values: Floats = column(rows, name, pa.float64()).to_numpy(zero_copy_only=False)
    return values


def times(rows: pa.Table, name: str) -> Times:
    """Return UTC times in microseconds, shape (n,), NaT where NULL."""
    values: Times = column(rows, name, TIME).to_numpy(zero_copy_only=False)
    return values


def minor(rows: pa.Table, name: str) -> Whole:
    """Return a money column (DECIMAL or numbers with at most two decimals) in hundredths, shape (n,); NULL is refused.

    Raises
    ------
    DataRefused
        A NULL, text that is not a number, or more than two decimals.
    """
    if name not in rows.column_names:
        raise DataRefused(f"found no column {name}, expected an amount of money in each row")
    values = one_chunk(rows[name])
    if pa.types.is_floating(values.type):
        values = pc.round(values, 2)  # a float has no exact cents; the nearest ones are meant
    try:
        cents = values.cast(MONEY)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataRefused(f"column {name} holds {values.type}, expected money with two decimals: {error}") from error
    if cents.null_count:
        raise DataRefused(f"column {name} is empty in {cents.null_count} rows, expected an amount of money in each row")
    # a decimal is stored as 128 bits, lowest first; two decimals and 18 digits fit into the lower 64
    words = np.frombuffer(cents.buffers()[1], dtype=np.int64)
    lower: Whole = words[2 * cents.offset : 2 * (cents.offset + len(cents)) : 2].copy()
    return lower


def money(hundredths: Whole, valid: Flags | None = None) -> Any:
    """Return DECIMAL(18, 2) of whole hundredths, NULL where not ``valid``; exact."""
    words = np.empty((hundredths.size, 2), dtype=np.int64)
    words[:, 0] = hundredths
    words[:, 1] = hundredths >> 63  # the sign fills the upper half
    array = pa.Array.from_buffers(MONEY, hundredths.size, [None, pa.py_buffer(words.tobytes())])
    return array if valid is None else pc.if_else(pa.array(valid), array, pa.scalar(None, MONEY))


def constant(value: object, kind: pa.DataType, n: int) -> Any:
    """Return ``n`` times the same value."""
    return make.repeat(make.scalar(value, kind), n)

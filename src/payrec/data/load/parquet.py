"""Parquet to the same rows of text that a CSV file gives, so that one path reads both."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from payrec.common.errors import DataRefused
from payrec.common.text import error_text, terminal_text
from payrec.data.load.file_bytes import OpenFile, Tally
from payrec.data.load.records import Rows

BATCH_ROWS = 65_536
BATCH_BYTES = 64_000_000
_EXACT_BELOW = 1e15  # whole floats below this print as whole numbers


def header(file: OpenFile) -> tuple[str, ...]:
    """Return the column names.

    Raises
    ------
    DataRefused
        The file is damaged.
    """
    try:
        return tuple(_open(file).schema_arrow.names)
    except UnicodeDecodeError as error:
        raise _damaged(file, error) from error


def rows(file: OpenFile, mapped: Collection[int]) -> Iterator[Rows]:
    """Yield the rows; ``line`` is the number of the row, from 1. NUL is taken out and counted, as from text.

    Parameters
    ----------
    mapped
        Places of the columns that are read; the others may hold anything, and come out empty if they are no text.

    Raises
    ------
    DataRefused
        The file is damaged, or holds more than the limit; a column that is read holds lists, structures or bytes.
    """
    _refuse_no_text(file, mapped)
    read, plain_bytes, limits = 0, 0, file.limits
    most = min(limits.plain_bytes, max(limits.gzip_free_bytes, limits.gzip_ratio * file.stream.seek(0, io.SEEK_END)))
    try:
        for batch in _batches(file):
            cells = [_clean(_text_of(file, batch, at, at in mapped), file.tally) for at in range(batch.num_columns)]
            lines = pa.array(np.arange(read + 1, read + 1 + batch.num_rows), pa.int64())
            names = [*(f"c{position}" for position in range(len(cells))), "line"]
            rows = Rows(pa.table([*cells, lines], names=names), ())
            plain_bytes += rows.table.nbytes
            if plain_bytes > most:
                msg = f"{file.name} holds more than {most:,} bytes unpacked: a bomb?\nif the file is meant, split it"
                raise DataRefused(msg)
            yield rows
            read += batch.num_rows
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _damaged(file, error) from error


def _refuse_no_text(file: OpenFile, mapped: Collection[int]) -> None:
    """Refuse, by name, a column that would be read as empty because of its type."""
    for at, field in enumerate(_open(file).schema_arrow):
        if at in mapped and pa.types.is_nested(field.type):
            msg = f"{file.name}: the column {terminal_text(field.name)!r} holds {field.type}, expected text or numbers"
            raise DataRefused(f"{msg}\nnothing was loaded; write its parts as columns of their own")


def _text_of(file: OpenFile, batch: Any, at: int, is_mapped: bool) -> Any:
    """Return a column as text; one that is not read may be no text."""
    try:
        return text(batch.column(at))
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        if not is_mapped:
            return pa.nulls(batch.num_rows, pa.string())
        name = terminal_text(batch.schema.field(at).name)
        msg = f"{file.name}: the column {name!r} of type {batch.schema.field(at).type} is no text: {error_text(error)}"
        raise DataRefused(f"{msg}\nnothing was loaded; write it as UTF-8 text, numbers or dates") from error


def _batches(file: OpenFile) -> Iterator[Any]:
    """Yield batches of so few rows that they fit into memory, though a long text may stand in few bytes many times."""
    plain = _open(file)
    texts = [field.name for field in plain.schema_arrow if field.type in (pa.string(), pa.large_string())]
    as_listed = _open(file, texts)
    for group in range(plain.num_row_groups):
        first = next(as_listed.iter_batches(1, [group]), None)  # one row brings the list of all texts that recur
        longest = [_longest(column) for column in first.columns] if first is not None else []
        if max(longest, default=0) > file.limits.line_bytes:
            msg = f"{file.name} has a cell longer than {file.limits.line_bytes:,} bytes\nis this the right file?"
            raise DataRefused(msg)
        few = BATCH_BYTES // max(1, sum(longest))
        yield from plain.iter_batches(min(BATCH_ROWS, max(1, few)), [group])


def _longest(column: Any) -> int:
    return pc.max(pc.binary_length(column.dictionary)).as_py() or 0 if pa.types.is_dictionary(column.type) else 0


def _open(file: OpenFile, as_listed: list[str] | None = None) -> parquet.ParquetFile:
    try:
        return parquet.ParquetFile(file.stream, read_dictionary=as_listed)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file, error) from error


def _damaged(file: OpenFile, error: Exception) -> DataRefused:
    return DataRefused(
        f"{file.name} is a damaged Parquet file: {error_text(error)}\nnothing was loaded; make or fetch the file again"
    )


def _clean(cells: Any, tally: Tally) -> Any:
    """Refuse what is not UTF-8 (the reader does not look), and take NUL out."""
    cells.validate(full=True)
    count = pc.sum(pc.count_substring(cells, "\0")).as_py() or 0
    tally.nul += count
    return pc.replace_substring(cells, "\0", "") if count else cells


def text(column: Any) -> Any:
    """Return a column as text in the form that a CSV file would have: ISO dates, plain numbers.

    Raises
    ------
    pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError
        Lists, structures, and bytes that are not UTF-8, as some writers store text.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        return text(column.dictionary_decode())
    if pa.types.is_floating(kind):
        return _float_text(column.cast(pa.float64()) if kind == pa.float16() else column)
    return column.cast(pa.string())


def _float_text(column: Any) -> Any:
    """Whole numbers without a point; others as their shortest text, without an exponent up to the size of money."""
    values = column.cast(pa.float64())
    size, limit = pc.abs(values), pa.scalar(_EXACT_BELOW)
    is_whole = pc.fill_null(pc.and_(pc.less(size, limit), pc.equal(values, pc.trunc(values))), False)
    whole = pc.if_else(is_whole, values, None).cast(pa.int64()).cast(pa.string())
    short = column.cast(pa.string())
    is_long = pc.fill_null(pc.and_(pc.match_substring(short, "e"), pc.less(size, limit)), False)
    if pc.any(is_long).as_py():
        pairs = zip(short.to_pylist(), is_long.to_pylist(), strict=True)
        short = pa.array([format(Decimal(each), "f") if is_e else each for each, is_e in pairs], pa.string())
    return pc.coalesce(whole, short)

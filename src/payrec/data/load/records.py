"""Clean blocks of text to rows with line numbers. A block without damage goes through Arrow; others record by record.

Arrow's reader is fast but lenient, so it sees only blocks whose quotes are proven regular: each opens at the start of a
cell and closes at the end of one, with doubled quotes between. ``damaged`` gives the same rows, slower.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv as arrow_csv

from payrec.data.load import damaged
from payrec.data.load.damaged import BadLine
from payrec.data.load.encoding import refuse_long_line
from payrec.data.load.file_bytes import Limits

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
_NEWLINE, _QUOTE = ord("\n"), ord('"')
_MOST_LINES = 200_000  # of a block that is read at once; rows of an order are longer
_PIECE_BYTES = 256 * 1024


@dataclass(frozen=True)
class Rows:
    """Rows: text columns ``c0``, ``c1``, … by place in the header, ``line`` where each starts; and bad lines."""

    table: pa.Table
    bad: tuple[BadLine, ...]


@dataclass(frozen=True)
class Shape:
    """What every row must look like."""

    delimiter: str
    width: int
    limits: Limits
    name: str

    def names(self) -> list[str]:
        """Names of the text columns."""
        return [f"c{place}" for place in range(self.width)]


@dataclass(frozen=True)
class _Records:
    """Where the records of a block start (byte, line) and end; blank lines left out."""

    starts: Ints
    ends: Ints
    lines: Ints  # counted from 0
    lines_each: Ints


def rows(blocks: Iterator[bytes], shape: Shape, first_line: int) -> Iterator[Rows]:
    """Yield the rows of ``blocks``, which begin at line 1 of the file; lines before ``first_line`` are passed over.

    Raises
    ------
    DataRefused
        A line is longer than the limit.
    """
    rest, line = b"", 1
    for read in _pieces(blocks):
        block = rest + read
        if line < first_line:
            block, line = _pass_over(block, line, first_line)
        found, used = _read(block, shape, line, is_last=False)
        yield found
        rest, line = block[used:], line + block.count(b"\n", 0, used)
    if rest:
        yield _read(rest, shape, line, is_last=True)[0]


def _pieces(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Cut blocks of very many short lines: if all of them are bad, the file is to be refused before memory is full."""
    for block in blocks:
        start = 0
        if block.count(b"\n") > _MOST_LINES:
            while (cut := block.find(b"\n", start + _PIECE_BYTES) + 1) > 0:
                yield block[start:cut]
                start = cut
        yield block[start:]


def _pass_over(block: bytes, line: int, first_line: int) -> tuple[bytes, int]:
    start = 0
    while line < first_line and (cut := block.find(b"\n", start)) >= 0:
        start, line = cut + 1, line + 1
    return block[start:], line


def _read(block: bytes, shape: Shape, line: int, *, is_last: bool) -> tuple[Rows, int]:
    """Read one block; return its rows and the bytes used (the rest is a record that goes on in the next block)."""
    marks: Bytes = np.frombuffer(block, dtype=np.uint8)
    newlines: Ints = np.flatnonzero(marks == _NEWLINE)
    _check_line_length(newlines, shape, line)
    ends = _record_ends(marks, newlines, shape.delimiter)
    used = 0 if ends is None or not len(ends) else int(ends[-1]) + 1
    left_open = used < len(block)
    if ends is not None and not (left_open and (is_last or len(block) - used > damaged.RECORD_BYTES)):
        found = _fast(block[:used], _records(ends, newlines), shape, line)
        if found is not None:
            return found, used
    return _slow(block, shape, line, is_last=is_last)


def _check_line_length(newlines: Ints, shape: Shape, line: int) -> None:
    lengths = np.diff(newlines, prepend=-1)
    if len(lengths) and int(lengths.max()) > shape.limits.line_bytes:
        refuse_long_line(shape.name, line + int(lengths.argmax()), shape.limits)


def _record_ends(marks: Bytes, newlines: Ints, delimiter: str) -> Ints | None:
    """Return where records end (newlines outside quotes); None if some quote is not where a quote may be."""
    quotes: Ints = np.flatnonzero(marks == _QUOTE)
    if not len(quotes):
        return newlines
    opening, closing = quotes[0::2], quotes[1::2]
    edges = (_NEWLINE, ord(delimiter), _QUOTE)
    before = marks[np.maximum(opening - 1, 0)]
    after = marks[np.minimum(closing + 1, len(marks) - 1)]
    is_regular = np.all(np.isin(before, edges) | (opening == 0)) and np.all(np.isin(after, edges))
    return newlines[np.searchsorted(quotes, newlines) % 2 == 0] if is_regular else None


def _records(ends: Ints, newlines: Ints) -> _Records:
    starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else ends
    filled = ends > starts  # a blank line is no row
    starts, ends = starts[filled], ends[filled]
    lines = np.searchsorted(newlines, starts)
    return _Records(starts, ends, lines, np.searchsorted(newlines, ends) - lines + 1)


def _fast(block: bytes, records: _Records, shape: Shape, line: int) -> Rows | None:
    """Read regular records by Arrow; None if it does not see the same records, or a bad one has several lines."""
    count = len(records.starts)
    wrong: list[tuple[int, int]] = []

    def note(row: arrow_csv.InvalidRow) -> Literal["skip", "error"]:
        wrong.append((-1 if row.number is None else row.number - 1, row.actual_columns))
        return "skip"

    if not count:
        return Rows(_table([pa.array([], pa.string())] * shape.width, np.zeros(0, np.int64), shape), ())
    table = arrow_csv.read_csv(
        io.BytesIO(block),
        read_options=arrow_csv.ReadOptions(column_names=shape.names(), block_size=len(block) + 1, use_threads=False),
        parse_options=arrow_csv.ParseOptions(
            delimiter=shape.delimiter, newlines_in_values=True, invalid_row_handler=note
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(shape.names(), pa.string()), null_values=[""], strings_can_be_null=True
        ),
    )
    places = np.array([place for place, _ in wrong], dtype=np.int64)
    if table.num_rows + len(wrong) != count or np.any(places < 0) or np.any(records.lines_each[places] > 1):
        return None
    bad = tuple(
        BadLine(
            line + int(records.lines[place]), _shown(block, records, place), damaged.wrong_width(width, shape.width)
        )
        for place, width in wrong
    )
    lines = np.delete(records.lines, places) + line
    return Rows(_table(table.columns, lines, shape), bad)


def _shown(block: bytes, records: _Records, place: int) -> str:
    start = int(records.starts[place])
    return block[start : min(int(records.ends[place]), start + 4 * damaged.SHOWN)].decode("utf-8", "ignore")[
        : damaged.SHOWN
    ]


def _slow(block: bytes, shape: Shape, line: int, *, is_last: bool) -> tuple[Rows, int]:
    found = damaged.read(block.decode("utf-8"), shape.delimiter, shape.width, is_last=is_last)
    columns = list(zip(*found.rows, strict=True)) or [()] * shape.width
    cells = [pa.array([cell or None for cell in column], pa.string()) for column in columns]
    bad = tuple(BadLine(line + each.line, each.text, each.reason) for each in found.bad)
    lines = np.array(found.lines, dtype=np.int64) + line
    return Rows(_table(cells, lines, shape), bad), len(block) - len(found.rest.encode("utf-8"))


def _table(cells: Sequence[Any], lines: Ints, shape: Shape) -> pa.Table:
    return pa.table([*cells, pa.array(lines, pa.int64())], names=[*shape.names(), "line"])

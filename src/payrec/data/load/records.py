"""Clean blocks of text to rows with line numbers. A block without damage goes through Arrow; others record by record.

Arrow's reader is fast but lenient, so it sees only blocks whose quotes are proven regular: each opens at the start of a
cell and closes at the end of one, with doubled quotes between. The slow reader gives the same rows: there a bad record
costs its first line only, and reading goes on at the next, so a quote left open cannot swallow the good rows after it.
A record is bad if a quoted cell has text after its closing quote, is never closed (within the bounds), or if it has too
few or too many cells.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from payrec.data.load.encoding import SURROGATES, refuse_long_line
from payrec.data.load.file_bytes import Limits, Tally

RECORD_BYTES = 1_000_000  # a record longer than this, or of more lines, has a quote left open
RECORD_LINES = 1_000
WRONG_WIDTH = " in the line, the header has"
SHOWN_CHARACTERS = 200  # characters of a bad line or value that are shown


@dataclass(frozen=True)
class BadLine:
    """A line that is no row: its number, its beginning and why."""

    line: int
    text: str
    reason: str


@dataclass(frozen=True)
class Salvage:
    """What could be read: rows, the line each starts on (from 0), bad lines, and the text of a record that goes on."""

    rows: list[list[str]]
    lines: list[int]
    bad: list[BadLine]
    rest: str


def wrong_width(count: int, expected: int) -> str:
    """Say that a row is too short or too long."""
    return f"{count} value{'s' if count != 1 else ''}{WRONG_WIDTH} {expected} columns"


def salvage(text: str, delimiter: str, width: int, *, is_last: bool) -> Salvage:
    """Read text line by line; ``is_last`` says that nothing follows, so that an open quote stays open."""
    lines = list(io.StringIO(text, newline="\n"))
    out = Salvage([], [], [], "")
    at = 0
    while at < len(lines):
        if lines[at] == "\n":
            at += 1
            continue
        cells, used = _record(lines, at, delimiter)
        if cells is None and not is_last and _may_go_on(lines, at, used):
            return Salvage(out.rows, out.lines, out.bad, "".join(lines[at:]))
        if cells is not None and len(cells) == width:
            out.rows.append(cells)
            out.lines.append(at)
            at += used
            continue
        reason = "a quote is left open or stands inside a cell" if cells is None else wrong_width(len(cells), width)
        out.bad.append(BadLine(at, lines[at].rstrip("\n")[:SHOWN_CHARACTERS], reason))
        at += 1
    return out


def _record(lines: list[str], at: int, delimiter: str) -> tuple[list[str] | None, int]:
    """Return the cells of the record that starts at a line, and its lines; None if its quotes are wrong."""
    if '"' not in lines[at]:
        return lines[at].removesuffix("\n").split(delimiter), 1
    reader = csv.reader(islice(lines, at, at + RECORD_LINES), delimiter=delimiter, strict=True)
    try:
        return next(reader), reader.line_num
    except csv.Error:
        return None, reader.line_num


def _may_go_on(lines: list[str], at: int, used: int) -> bool:
    """Return True if a record with an open quote reached the end of the text and is still within the bounds."""
    reached = at + used >= len(lines) and used < RECORD_LINES
    return reached and sum(len(line) for line in islice(lines, at, None)) <= RECORD_BYTES


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
        return [f"c{position}" for position in range(self.width)]


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
        while line < first_line and (end := block.find(b"\n")) >= 0:
            block, line = block[end + 1 :], line + 1
        rows_read, used = _read(block, shape, line, is_last=False)
        yield rows_read
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


def _read(block: bytes, shape: Shape, line: int, *, is_last: bool) -> tuple[Rows, int]:
    """Read one block; return its rows and the bytes used (the rest is a record that goes on in the next block)."""
    marks: Bytes = np.frombuffer(block, dtype=np.uint8)
    newlines: Ints = np.flatnonzero(marks == _NEWLINE)
    lengths = np.diff(newlines, prepend=-1)
    if len(lengths) and int(lengths.max()) > shape.limits.line_bytes:
        refuse_long_line(shape.name, line + int(lengths.argmax()), shape.limits)
    ends = _record_ends(marks, newlines, shape.delimiter)
    used = 0 if ends is None or not len(ends) else int(ends[-1]) + 1
    left_open = used < len(block)
    if ends is not None and not (left_open and (is_last or len(block) - used > RECORD_BYTES)):
        fast = _fast(block[:used], _records(ends, newlines), shape, line)
        if fast is not None:
            return fast, used
    return _slow(block, shape, line, is_last=is_last)


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
    positions = np.array([position for position, _ in wrong], dtype=np.int64)
    if table.num_rows + len(wrong) != count or np.any(positions < 0) or np.any(records.lines_each[positions] > 1):
        return None
    bad = []
    for position, width in wrong:
        start, end = int(records.starts[position]), int(records.ends[position])
        text = block[start : min(end, start + 4 * SHOWN_CHARACTERS)].decode("utf-8", "ignore")[:SHOWN_CHARACTERS]
        bad.append(BadLine(line + int(records.lines[position]), text, wrong_width(width, shape.width)))
    lines = np.delete(records.lines, positions) + line
    return Rows(_table(table.columns, lines, shape), tuple(bad))


def _slow(block: bytes, shape: Shape, line: int, *, is_last: bool) -> tuple[Rows, int]:
    salvaged = salvage(block.decode("utf-8"), shape.delimiter, shape.width, is_last=is_last)
    columns = list(zip(*salvaged.rows, strict=True)) or [()] * shape.width
    cells = [pa.array([cell or None for cell in column], pa.string()) for column in columns]
    bad = tuple(BadLine(line + each.line, each.text, each.reason) for each in salvaged.bad)
    lines = np.array(salvaged.lines, dtype=np.int64) + line
    return Rows(_table(cells, lines, shape), bad), len(block) - len(salvaged.rest.encode("utf-8"))


def text_rows(cells: Sequence[Sequence[str | None]], lines: Sequence[int], tally: Tally) -> Rows:
    """Return columns of text and their lines as rows; NUL and half characters are taken out and counted."""
    columns = []
    for column in cells:
        try:
            texts: Any = pa.array(column, pa.string())
        except UnicodeEncodeError:
            tally.surrogates += sum(len(SURROGATES.findall(text)) for text in column if text)
            texts = pa.array([text and SURROGATES.sub("", text) for text in column], pa.string())
        if count := pc.sum(pc.count_substring(texts, "\0")).as_py():
            tally.nul += count
            texts = pc.replace_substring(texts, "\0", "")
        columns.append(texts)
    names = [f"c{position}" for position in range(len(columns))]
    return Rows(pa.table([*columns, pa.array(lines, pa.int64())], names=[*names, "line"]), ())


def _table(cells: Sequence[Any], lines: Ints, shape: Shape) -> pa.Table:
    return pa.table([*cells, pa.array(lines, pa.int64())], names=[*shape.names(), "line"])

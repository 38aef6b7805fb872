"""Rows out of text that is damaged: a bad record costs its first line only, and reading goes on at the next.

A record is bad if a quoted cell has text after its closing quote, is never closed (within the bounds), or if it has
too few or too many cells. So a quote left open cannot swallow the good rows after it.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from itertools import islice

RECORD_BYTES = 1_000_000  # a record longer than this, or of more lines, has a quote left open
RECORD_LINES = 1_000
SHOWN = 200  # characters of a bad line or value that are shown


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


def wrong_width(found: int, expected: int) -> str:
    """Say that a row is too short or too long."""
    return f"{found} value{'s' if found != 1 else ''} in the line, the header has {expected} columns"


def read(text: str, delimiter: str, width: int, *, is_last: bool) -> Salvage:
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
        out.bad.append(BadLine(at, lines[at].rstrip("\n")[:SHOWN], reason))
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

"""The header of a table of text: its delimiter, its line, and the names in it.

Reports begin with title lines. So the header is the line, among the first, that has most of the columns that are
wanted: the first line, unless a later one has more of them, at least two. ``header_row`` of the map decides instead.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from payrec.common.errors import DataRefused, UsageError
from payrec.data.load.file_bytes import OpenFile

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
SAMPLE_RECORDS = 100
HEADER_RECORDS = 30  # the header is among so many first lines that are not blank
MIN_NAMES = 2  # wanted names that make a later line the header


@dataclass(frozen=True)
class Record:
    """A line of a table: the line on which it starts, the line after it, and its cells."""

    line: int
    next_line: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Head:
    """The header: its names, the line on which the first row starts, and the texts of the title lines above it."""

    delimiter: str
    names: tuple[str, ...]
    first_line: int
    titles: tuple[str, ...] = ()


def line_ends(head: bytes) -> str:
    """Name the line ends of the first bytes: LF, CRLF, CR or mixed."""
    crlf = head.count(b"\r\n")
    counts = {"CRLF": crlf, "LF": head.count(b"\n") - crlf, "CR": head.rstrip(b"\r").count(b"\r") - crlf}
    kinds = [kind for kind, count in counts.items() if count > 0]
    return "mixed" if len(kinds) > 1 else (kinds or ["LF"])[0]


def sniff(
    sample: str, wanted: frozenset[str], declared: str | None, file: OpenFile, header_row: int | None = None
) -> Head:
    """Find delimiter and header in the first lines of a text.

    The delimiter is declared (by the map, or by a first line ``sep=;``), or the one under which most of the ``wanted``
    column names (case-folded) appear in the header, then under which most rows are as wide as the header.

    Raises
    ------
    DataRefused
        There is no header, it has too many columns, or one name twice.
    UsageError
        ``header_row`` is none of the first lines.
    """
    lines = list(io.StringIO(sample, newline="\n"))
    skip, delimiter = 0, declared
    if lines and lines[0].lower().startswith("sep=") and lines[0].strip()[4:] in ("", *DELIMITERS):
        skip, delimiter = 1, declared or lines[0].rstrip("\n")[4:5]
    records = {
        each: tuple(_records(lines[skip:], each, skip)) for each in ([delimiter] if delimiter else list(DELIMITERS))
    }
    # stable: at a tie the order of DELIMITERS decides
    delimiter = max(records, key=lambda each: _fit(records[each], wanted, header_row))
    return head_of(records[delimiter], wanted, file, header_row, delimiter)


def head_of(
    records: Sequence[Record], wanted: frozenset[str], file: OpenFile, header_row: int | None, delimiter: str = ""
) -> Head:
    """Find the header among the first records of a table; parameters and errors as for :func:`sniff`."""
    position = _header_position(records, wanted, header_row)
    if header_row is not None and position is None:
        first = ", ".join(str(record.line) for record in records[:HEADER_RECORDS])
        msg = f"{file.name}: header_row = {header_row} has no cells, expected one of the lines {first}"
        raise UsageError(f"{msg}\nthe line that holds the column names, from 1")
    if position is None or not any(cell.strip() for cell in records[position].cells):
        raise DataRefused(f"{file.name} has no header line\nexpected column names in the first line")
    names = tuple(cell.strip() for cell in records[position].cells)
    check_names(names, file)
    titles = (" ".join(filter(None, map(str.strip, record.cells))) for record in records[:position])
    return Head(delimiter, names, records[position].next_line, tuple(filter(None, titles)))


def _header_position(records: Sequence[Record], wanted: frozenset[str], header_row: int | None) -> int | None:
    if header_row is not None:
        return next((at for at, record in enumerate(records) if record.line == header_row), None)
    if not records:
        return None
    counts = [named(record.cells, wanted) for record in records[:HEADER_RECORDS]]
    best = counts.index(max(counts))
    return best if counts[best] >= MIN_NAMES else 0


def named(cells: Iterable[str], wanted: frozenset[str]) -> int:
    """Return how many of the wanted names (case-folded) the cells hold."""
    return len({folded for cell in cells if (folded := cell.strip().casefold()) in wanted})


def _fit(records: Sequence[Record], wanted: frozenset[str], header_row: int | None) -> tuple[int, float, int]:
    """Rate a delimiter: wanted names in the header, share of rows as wide as the header, width."""
    position = _header_position(records, wanted, header_row)
    if position is None:
        return 0, 0.0, 0
    width = len(records[position].cells)
    rows = records[position:]
    same = sum(len(record.cells) == width for record in rows) / len(rows)
    return named(records[position].cells, wanted), same if width > 1 else 0.0, width


def _records(lines: list[str], delimiter: str, skip: int) -> Iterator[Record]:
    """Yield the first records that are not blank; stop at the first that is broken."""
    reader = csv.reader(lines, delimiter=delimiter)
    for _ in range(SAMPLE_RECORDS):
        line = reader.line_num
        try:
            cells = next(reader)
        except (csv.Error, StopIteration):
            return
        if cells:
            yield Record(skip + line + 1, skip + reader.line_num + 1, tuple(cells))


def check_names(names: tuple[str, ...], file: OpenFile) -> None:
    """Refuse a header of too many columns, or with two of one name; columns without a name are left alone.

    Raises
    ------
    DataRefused
        Naming the columns, or how many there are.
    """
    if len(names) > file.limits.columns:
        msg = f"{file.name} has {len(names):,} columns, expected at most {file.limits.columns:,}"
        raise DataRefused(f"{msg}\nis this the right file?")
    seen: dict[str, int] = {}
    for position, column in enumerate(names, start=1):
        folded = column.strip().casefold()
        if folded and folded in seen:
            raise DataRefused(
                f"{file.name} has two columns named {column!r} (columns {seen[folded]} and {position})\n"
                "rename one: columns are found by name, capital letters and blanks around it do not count"
            )
        seen[folded] = position

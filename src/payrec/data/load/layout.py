"""How a text file is written (delimiter, line ends, header), and where each of our columns comes from.

Both are settled from the first lines and the map, and shown before anything is loaded.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from payrec.common.errors import DataRefused
from payrec.common.short_repr import short_repr
from payrec.common.text import terminal_text
from payrec.data.load import origins
from payrec.data.load.file_bytes import OpenFile
from payrec.data.load.mapping import Mapping, Words
from payrec.data.load.origins import Absent, Header, PlannedColumn
from payrec.data.load.targets import Kind, Target

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
SAMPLE_RECORDS = 100


@dataclass(frozen=True)
class Dialect:
    """How a file is written; ``first_line`` is the line on which the rows after the header start (1 for Parquet)."""

    form: Literal["CSV", "Parquet"]
    is_gzip: bool
    encoding: str
    delimiter: str
    line_ends: str
    header: tuple[str, ...]
    first_line: int

    def words(self) -> str:
        """Return the dialect in words: ``CSV, semicolon, utf-8, CRLF line ends, gzip``."""
        if self.form == "Parquet":
            return "Parquet"
        said = ["CSV", DELIMITERS[self.delimiter], self.encoding, f"{self.line_ends} line ends"]
        return ", ".join([*said, "gzip"] if self.is_gzip else said)


@dataclass(frozen=True)
class Head:
    """The header of a text file: its names, the delimiter, and the line on which the first row starts."""

    delimiter: str
    names: tuple[str, ...]
    first_line: int


def line_ends(head: bytes) -> str:
    """Name the line ends of the first bytes: LF, CRLF, CR or mixed."""
    crlf = head.count(b"\r\n")
    counts = {"CRLF": crlf, "LF": head.count(b"\n") - crlf, "CR": head.rstrip(b"\r").count(b"\r") - crlf}
    kinds = [kind for kind, count in counts.items() if count > 0]
    return "mixed" if len(kinds) > 1 else (kinds or ["LF"])[0]


def sniff(sample: str, wanted: frozenset[str], declared: str | None, file: OpenFile) -> Head:
    """Find delimiter and header in the first lines of a file.

    The delimiter is declared (by the map, or by a first line ``sep=;``), or the one under which most of the ``wanted``
    column names (case-folded) appear in the header, then under which most rows are as wide as the header.

    Raises
    ------
    DataRefused
        There is no header, it has too many columns, or one name twice.
    """
    lines = list(io.StringIO(sample, newline="\n"))
    skip, delimiter = 0, declared
    if lines and lines[0].lower().startswith("sep=") and lines[0].strip()[4:] in ("", *DELIMITERS):
        skip, delimiter = 1, declared or lines[0].rstrip("\n")[4:5]
    if delimiter is None:
        # stable: at a tie the order of DELIMITERS decides
        delimiter = max(DELIMITERS, key=lambda delimiter: _fit(lines[skip:], delimiter, wanted))
    head = _header(lines, skip, delimiter, file.name)
    check_names(head.names, file)
    return head


def _fit(lines: list[str], delimiter: str, wanted: frozenset[str]) -> tuple[int, float, int]:
    """Rate a delimiter: wanted names in the header, share of rows as wide as the header, width."""
    records = _records(lines, delimiter)
    header = next(records, (0, []))[1]
    widths = [len(row) for _, row in records]
    named = sum(cell.strip().casefold() in wanted for cell in header)
    same = sum(width == len(header) for width in widths) / max(len(widths), 1)
    return named, same if len(header) > 1 else 0.0, len(header)


def _records(lines: list[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (lines read so far, cells) of the first records; stop at the first that is broken."""
    reader = csv.reader(lines, delimiter=delimiter)
    for _ in range(SAMPLE_RECORDS):
        try:
            row = next(reader)
        except (csv.Error, StopIteration):
            return
        if row:
            yield reader.line_num, row


def _header(lines: list[str], skip: int, delimiter: str, name: str) -> Head:
    read, cells = next(_records(lines[skip:], delimiter), (0, []))
    if not any(cell.strip() for cell in cells):
        raise DataRefused(f"{name} has no header line\nexpected column names in the first line")
    return Head(delimiter, tuple(cell.strip() for cell in cells), skip + read + 1)


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


Condition = tuple[int, tuple[str, ...]]  # the column at a place has one of these values


@dataclass(frozen=True)
class Carried:
    """A column carried through an event log: the last value so far within a case, from rows that meet conditions."""

    position: int
    by: int
    source: int
    conditions: tuple[Condition, ...]


@short_repr
@dataclass(frozen=True)
class LoadPlan:
    """How a file will be read. ``lines()`` is what is shown before it is done."""

    file: str
    kind: Kind
    dialect: Dialect
    columns: tuple[PlannedColumn, ...]
    carried: tuple[Carried, ...]
    only: tuple[Condition, ...]
    positions: tuple[int, ...]  # of the file's columns that are read
    mapping: Mapping

    @property
    def used(self) -> tuple[str, ...]:
        """Names of the file's columns that are read."""
        return tuple(self.dialect.header[position] for position in self.positions)

    @property
    def ignored(self) -> tuple[str, ...]:
        """Names of the file's columns that are not read."""
        return tuple(
            terminal_text(n) or "(no name)"
            for position, n in enumerate(self.dialect.header)
            if position not in self.positions
        )

    def lines(self) -> tuple[str, ...]:
        """Return dialect and mapping, one line a column, as plain text."""
        width = max(len(each.column.name) for each in self.columns)
        shown = [
            f"  {each.column.name:<{width}}  {each.words}"
            for each in self.columns
            if not isinstance(each.origin, Absent)
        ]
        carry = self.mapping.carry
        carried = (
            [f"{name} from {source}{_where(where)}" for name, (source, where) in carry.columns.items()] if carry else []
        )
        return (
            f"file     {self.file}: {self.dialect.words()}",
            f"mapping  {self.mapping.name}, into {self.kind}:",
            *shown,
            *([f"carried  within {carry.by}: " + "; ".join(carried)] if carry else []),
            *([f"only     rows{_where(self.mapping.only)}"] if self.only else []),
            "ignored  " + (", ".join(self.ignored) or "no column"),
        )


def _where(words: Words) -> str:
    """Say conditions in words: `` with activity = Payment or Refund``."""
    said = " and ".join(f"{column} = {' or '.join(values)}" for column, values in words.items())
    return f" with {said}" if said else ""


def lay_out(file: str, dialect: Dialect, target: Target, mapping: Mapping) -> LoadPlan:
    """Say where each column of ``target`` comes from.

    Raises
    ------
    DataRefused
        The file lacks a required column or one that the map names; the nearest candidates are named.
    UsageError
        The map derives a column in a way that cannot be meant.
    """
    header = Header(file, dialect.header, mapping.name, tuple(mapping.carry.columns) if mapping.carry else ())
    for name in mapping.ignore:
        header.position(name, "ignore")
    carried = _carried(Header(file, dialect.header, mapping.name), mapping)
    only = _conditions(header, mapping.only, "[only]")
    planned = tuple(origins.plan_column(column, header, target, mapping) for column in target.columns)
    _check_required(planned, header)
    needed = {position for each in planned for position in each.positions()} | {position for position, _ in only}
    for each in carried:
        needed |= {each.by, each.source, *(position for position, _ in each.conditions)}
    positions = tuple(sorted(position for position in needed if position < len(dialect.header)))
    return LoadPlan(file, target.kind, dialect, planned, carried, only, positions, mapping)


def _carried(header: Header, mapping: Mapping) -> tuple[Carried, ...]:
    if mapping.carry is None:
        return ()
    by = header.position(mapping.carry.by, "[carry]")
    return tuple(
        Carried(position, by, header.position(source, "[carry]"), _conditions(header, where, "[carry]"))
        for position, (source, where) in enumerate(mapping.carry.columns.values(), start=len(header.names))
    )


def _conditions(header: Header, where: Words, said: str) -> tuple[Condition, ...]:
    return tuple((header.position(name, said), words) for name, words in where.items())


def _check_required(planned: tuple[PlannedColumn, ...], header: Header) -> None:
    lacking = [each.column.name for each in planned if each.column.required and isinstance(each.origin, Absent)]
    if not lacking:
        return
    names = [name.casefold() for name in header.names if name]
    near = {name: get_close_matches(name, names, n=2, cutoff=0.5) for name in lacking}
    hints = "; ".join(
        f"{name} may be {' or '.join(map(terminal_text, names))}" for name, names in near.items() if names
    )
    raise DataRefused(
        f"{header.file} lacks {', '.join(lacking)}; it has {header.listed()}\n"
        f'name them in a map: [columns] {lacking[0]} = "a column of the file"{f" ({hints})" if hints else ""}'
    )

"""How a text file is written down: delimiter, line ends, header. Found from its first lines, shown before use."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from payrec.common.errors import DataRefused
from payrec.data.load.file_bytes import Limits

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
    found = {"CRLF": crlf, "LF": head.count(b"\n") - crlf, "CR": head.rstrip(b"\r").count(b"\r") - crlf}
    kinds = [kind for kind, count in found.items() if count > 0]
    return "mixed" if len(kinds) > 1 else (kinds or ["LF"])[0]


def sniff(sample: str, wanted: frozenset[str], declared: str | None, name: str, limits: Limits) -> Head:
    """Find delimiter and header in the first lines of a file.

    The delimiter is declared (by the map, or by a first line ``sep=;``), or the one under which most of the ``wanted``
    column names (case-folded) appear in the header, then under which most rows are as wide as the header.

    Raises
    ------
    DataRefused
        There is no header, it has too many columns, or one name twice.
    """
    lines = list(io.StringIO(sample, newline="\n"))
    skip, told = 0, declared
    if lines and lines[0].lower().startswith("sep=") and lines[0].strip()[4:] in ("", *DELIMITERS):
        skip, told = 1, declared or lines[0].rstrip("\n")[4:5]
    if told is None:
        # stable: at a tie the order of DELIMITERS decides
        told = max(DELIMITERS, key=lambda delimiter: _fit(lines[skip:], delimiter, wanted))
    head = _header(lines, skip, told, name)
    if len(head.names) > limits.columns:
        msg = f"{name} has {len(head.names):,} columns, expected at most {limits.columns:,}\nis this the right file?"
        raise DataRefused(msg)
    check_names(head.names, name)
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
        msg = f"{name} has no header line\nexpected column names in the first line"
        raise DataRefused(msg)
    return Head(delimiter, tuple(cell.strip() for cell in cells), skip + read + 1)


def check_names(names: tuple[str, ...], name: str) -> None:
    """Refuse a header that names two columns alike; columns without a name are left alone.

    Raises
    ------
    DataRefused
        Naming the columns.
    """
    seen: dict[str, int] = {}
    for place, column in enumerate(names, start=1):
        folded = column.strip().casefold()
        if folded and folded in seen:
            msg = (
                f"{name} has two columns named {column!r} (columns {seen[folded]} and {place})\n"
                "rename one: columns are found by name, capital letters and blanks around it do not count"
            )
            raise DataRefused(msg)
        seen[folded] = place

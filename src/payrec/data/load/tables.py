"""A file of any kind as one table: how it is written, its column names, and its rows of text.

Everything behind this module sees rows of text with line numbers, and asks no more what kind of file they came from.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from payrec.common.errors import UsageError
from payrec.data.load import encoding, json_records, parquet, records, workbook
from payrec.data.load.file_bytes import SPOKEN, Form, OpenFile, Tally
from payrec.data.load.header import DELIMITERS, check_names, line_ends, sniff
from payrec.data.load.records import Rows

FORMS: tuple[Form, ...] = ("text", "parquet", "xlsx", "json")


@dataclass(frozen=True)
class Hints:
    """What is known of a file before it is read: the names that are wanted (case-folded), and what the map declares."""

    wanted: frozenset[str] = frozenset()
    delimiter: str | None = None
    encoding: str | None = None
    header_row: int | None = None
    sheet: str | None = None
    array: str | None = None


@dataclass(frozen=True)
class Dialect:
    """How a file is written; ``first_line`` is the line on which the rows after the header start (1 for Parquet)."""

    form: Literal["CSV", "Parquet", "XLSX", "JSON"]
    header: tuple[str, ...]
    first_line: int = 1
    is_gzip: bool = False
    encoding: str = ""
    delimiter: str = ""
    line_ends: str = ""
    sheet: str = ""
    titles: tuple[str, ...] = ()  # texts of the lines above the header

    def words(self) -> str:
        """Return the dialect in words: ``CSV, semicolon, utf-8, CRLF line ends, gzip``."""
        said: list[str] = [self.form]
        if self.form == "CSV":
            said += [DELIMITERS[self.delimiter], self.encoding, f"{self.line_ends} line ends"]
        said += [f"sheet {self.sheet!r}"] if self.sheet else []
        said += [f"rows from line {self.first_line}"] if self.titles else []
        return ", ".join([*said, "gzip"] if self.is_gzip else said)


@dataclass(frozen=True)
class FileTable:
    """An open file as a table: its dialect, and a function that yields its rows; of CSV again from the start.

    The function takes the positions of the columns that are read: one that is no text refuses the file, by its name.
    """

    dialect: Dialect
    rows: Callable[[Collection[int]], Iterator[Rows]]
    tally: Tally


def table_of(file: OpenFile, hints: Hints) -> FileTable:
    """Look at the first lines of an open file: how it is written, and its column names.

    Raises
    ------
    UsageError
        There is no such encoding, header row or sheet.
    DataRefused
        It is in another encoding, damaged, or has no header.
    """
    _refuse_keys_of_other_forms(file, hints)
    if file.form == "xlsx":
        sheet = workbook.sheet_of(file, hints.wanted, hints.sheet, hints.header_row)
        head = sheet.head
        dialect = Dialect("XLSX", head.names, head.first_line, sheet=sheet.name, titles=head.titles)
        return FileTable(dialect, lambda mapped: workbook.rows(file, sheet, mapped), file.tally)
    if file.form == "parquet":
        names = parquet.header(file)
        check_names(names, file)
        return FileTable(Dialect("Parquet", names), lambda mapped: parquet.rows(file, mapped), file.tally)
    if file.form == "json":
        return _json_table(file, hints)
    return _text_table(file, hints)


def _refuse_keys_of_other_forms(file: OpenFile, hints: Hints) -> None:
    """Refuse what the map declares and a file of this form does not have: it would be read and then ignored."""
    declared: dict[str, tuple[object, tuple[Form, ...]]] = {
        "sheet": (hints.sheet, ("xlsx",)),
        "array": (hints.array, ("json",)),
        "header_row": (hints.header_row, ("text", "xlsx")),
    }
    for key, (value, forms) in declared.items():
        if value is not None and file.form not in forms:
            msg = f"found {key} = {value!r} in the map, expected no such key for {file.name}"
            raise UsageError(f"{msg}\n{key} is for {' and '.join(SPOKEN[form] for form in forms)}")


def _json_table(file: OpenFile, hints: Hints) -> FileTable:
    shown = encoding.check_encoding(hints.encoding) if hints.encoding else "utf-8"
    table = json_records.table_of_records(file, hints.encoding, hints.array, hints.wanted)
    dialect = Dialect("JSON", tuple(table.names), is_gzip=file.is_gzip, encoding=shown)
    return FileTable(
        dialect, lambda mapped: json_records.rows(file, hints.encoding, hints.array, table, mapped), file.tally
    )


def _text_table(file: OpenFile, hints: Hints) -> FileTable:
    shown = encoding.check_encoding(hints.encoding) if hints.encoding else "utf-8"
    if hints.encoding is None:
        encoding.refuse_other_encodings(file)
    sample = encoding.first_lines(file, hints.encoding)
    head = sniff(sample, hints.wanted, hints.delimiter, file, hints.header_row)
    ends = line_ends(file.head)
    dialect = Dialect("CSV", head.names, head.first_line, file.is_gzip, shown, head.delimiter, ends, titles=head.titles)
    shape = records.Shape(head.delimiter, len(head.names), file.limits, file.name)

    def rows(_: Collection[int]) -> Iterator[Rows]:
        file.stream.seek(0)
        file.tally.clear()
        return records.rows(encoding.blocks(file, hints.encoding), shape, head.first_line)

    return FileTable(dialect, rows, file.tally)

"""XLSX to the same rows of text that a CSV file gives: typed cells as text, with nothing lost on the way.

Dates become ISO dates, whole numbers have no point, a number with a format such as 00000 keeps its zeros, error cells
stay what they are (``#REF!``) and are rejected, and a formula that was never calculated refuses the file by its cell.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

from payrec.common.errors import DataRefused, UsageError
from payrec.common.text import error_text, terminal_text
from payrec.data.load.file_bytes import OpenFile
from payrec.data.load.header import MIN_NAMES, Head, Record, head_of, named
from payrec.data.load.records import SHOWN_CHARACTERS, BadLine, Rows, text_rows, wrong_width

ERRORS = ("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#GETTING_DATA", "#SPILL!", "#CALC!")
BATCH_ROWS = 8_192
HEAD_ROWS = 200  # rows that are looked at for a header
MAX_ROW = 1_048_576
_EXACT_BELOW = 1e15
_ZEROS = re.compile("0{2,}")
_UNREADABLE = (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, IndexError, OSError, EOFError)


@dataclass(frozen=True)
class Sheet:
    """A sheet of a workbook and its header."""

    name: str
    head: Head


def sheet_of(file: OpenFile, wanted: frozenset[str], declared: str | None, header_row: int | None) -> Sheet:
    """Return the declared sheet, else the first visible one that has wanted columns, else the first that has rows.

    Raises
    ------
    UsageError
        There is no such sheet, or no such header row.
    DataRefused
        The workbook is damaged or too large, or none of its sheets has rows.
    """
    book = _open(file)
    names = [sheet.title for sheet in book.worksheets]
    if declared is not None and declared not in names:
        raise UsageError(f"found sheet = {declared!r} in the map, expected one of {file.name}: {', '.join(names)}")
    heads: dict[str, tuple[Record, ...]] = {}
    for sheet in book.worksheets:
        if declared == sheet.title or (declared is None and sheet.sheet_state == "visible"):
            rows = tuple(islice(_filled_rows(file, sheet), HEAD_ROWS))
            if rows:
                heads[sheet.title] = tuple(
                    Record(line, line + 1, tuple(cell or "" for cell in row)) for line, row in rows
                )
    if not heads:
        what = f"sheet {declared!r}" if declared else "sheet"
        raise DataRefused(f"{file.name} has no {what} with rows; its sheets are {', '.join(names)}\nnothing was loaded")
    fitting = [name for name, rows in heads.items() if max(named(row.cells, wanted) for row in rows) >= MIN_NAMES]
    name = (fitting or list(heads))[0]
    head = head_of(heads[name], wanted, file, header_row)
    last = max((at for at, column in enumerate(head.names, 1) if column), default=0)
    return Sheet(name, replace(head, names=head.names[:last]))


def sheet_names(file: OpenFile) -> list[str]:
    """Return the names of the sheets that are not hidden; DataRefused if the workbook is damaged."""
    return [sheet.title for sheet in _open(file).worksheets if sheet.sheet_state == "visible"]


def rows(file: OpenFile, sheet: Sheet, mapped: Collection[int]) -> Iterator[Rows]:
    """Yield the rows below the header; ``line`` is the number of the row in the sheet.

    Parameters
    ----------
    mapped
        Positions of the columns that are read: a formula without a value in one of them refuses the file.
    """
    _refuse_uncalculated(file, sheet, mapped)
    width, filled = len(sheet.head.names), _filled_rows(file, _open(file)[sheet.name])
    below = ((line, cells) for line, cells in filled if line >= sheet.head.first_line)
    while batch := list(islice(below, BATCH_ROWS)):
        bad = [
            BadLine(line, " ".join(filter(None, cells))[:SHOWN_CHARACTERS], wrong_width(len(cells), width))
            for line, cells in batch
            if len(cells) > width
        ]
        good = [(line, cells) for line, cells in batch if len(cells) <= width]
        columns = zip(*(cells + [None] * (width - len(cells)) for _, cells in good), strict=True)
        table = text_rows(list(columns) or [()] * width, [line for line, _ in good], file.tally).table
        yield Rows(table, tuple(bad))


def _open(file: OpenFile, *, data_only: bool = True) -> Any:  # an openpyxl.Workbook, which has no types
    import openpyxl

    file.stream.seek(0)
    try:
        with zipfile.ZipFile(file.stream) as archive:
            parts = archive.infolist()
        packed, unpacked = sum(part.compress_size for part in parts), sum(part.file_size for part in parts)
        if unpacked > max(file.limits.gzip_free_bytes, file.limits.gzip_ratio * packed):
            msg = f"{file.name} holds {unpacked:,} bytes unpacked: a bomb?\nif the file is meant, save it as CSV"
            raise DataRefused(msg)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions that are not read
            return openpyxl.load_workbook(file.stream, read_only=True, data_only=data_only, keep_links=False)
    except _UNREADABLE as error:
        raise _damaged(file, error) from error


def _filled_rows(file: OpenFile, sheet: Any) -> Iterator[tuple[int, list[str | None]]]:
    """Yield (row number, cells as text) of the rows that have a filled cell, without the empty cells at their ends."""
    sheet.reset_dimensions()  # which are not always true
    cells = enumerate(sheet.iter_rows(), 1)
    while True:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                line, row = next(cells)
        except StopIteration:
            return
        except _UNREADABLE as error:
            raise _damaged(file, error) from error
        if line > MAX_ROW:
            raise DataRefused(f"{file.name} has a row beyond {MAX_ROW:,}\nnothing was loaded; is it a damaged file?")
        texts = [_text(cell) for cell in row]
        while texts and not texts[-1]:
            texts.pop()
        if texts:
            yield line, texts


def _text(cell: Any) -> str | None:
    """Return a cell as text: as a spreadsheet program writes it to CSV, but dates in ISO form."""
    value = cell.value
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value).zfill(len(cell.number_format) if _ZEROS.fullmatch(cell.number_format) else 0)
    return _number_text(value) if isinstance(value, float) else _time_text(value)


def _number_text(value: float) -> str:
    """Return the 15 digits that such programs show, without a point if it is whole, without an exponent."""
    is_money = abs(value) < _EXACT_BELOW
    short = str(int(value)) if value.is_integer() and is_money else format(value, ".15g")
    return format(Decimal(short), "f") if "e" in short and is_money else short


def _time_text(value: datetime | date | time | timedelta) -> str:
    if isinstance(value, timedelta):
        return _number_text(value / timedelta(days=1))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time(0) else value.isoformat(" ")
    return value.isoformat()


def _refuse_uncalculated(file: OpenFile, sheet: Sheet, mapped: Collection[int]) -> None:
    """Refuse a formula without a value in a column that is read: it would be read as empty."""
    with zipfile.ZipFile(file.stream) as archive:
        has_formulas = any(_has_formula(archive, part) for part in archive.namelist() if "/worksheets/" in part)
    if not has_formulas:
        return
    formulas, values = (_open(file, data_only=data_only)[sheet.name] for data_only in (False, True))
    for each in (formulas, values):
        each.reset_dimensions()
    for line, (row, valued) in enumerate(zip(formulas.iter_rows(), values.iter_rows(), strict=True), 1):
        for position, (cell, value) in enumerate(zip(row, valued, strict=True)):
            if line >= sheet.head.first_line and position in mapped and cell.data_type == "f" and _is_unknown(value):
                name = terminal_text(sheet.head.names[position])
                raise DataRefused(
                    f"{file.name}: the column {name!r} has a formula in row {line} that was never calculated\n"
                    "nothing was loaded; open the file in a spreadsheet program and save it, or save it as CSV"
                )


def _is_unknown(cell: Any) -> bool:
    return cell.value is None and cell.data_type not in ("s", "str")  # a formula may give an empty text


def _has_formula(archive: zipfile.ZipFile, part: str) -> bool:
    with archive.open(part) as stream:
        rest = b""
        while chunk := stream.read(1 << 20):
            if b"<f>" in rest + chunk or b"<f " in rest + chunk:
                return True
            rest = chunk[-2:]
    return False


def _damaged(file: OpenFile, error: Exception) -> DataRefused:
    msg = f"{file.name} is a damaged XLSX workbook: {error_text(error)}"
    return DataRefused(f"{msg}\nnothing was loaded; open it in a spreadsheet program and save it again")

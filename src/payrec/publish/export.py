"""The list as a file: CSV, XLSX or Parquet of exactly the rows that were asked for, safe to open, with its age on it.

Where the freshness stands: in CSV as columns of every row (a line before the header would break readers), in XLSX on
a second sheet, in Parquet in the file's metadata; the columns are there in all three.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from payrec.common import files
from payrec.common.arrow import TIME, constant, one_chunk, pc
from payrec.common.errors import UsageError
from payrec.common.text import plain_column, plain_text, spreadsheet_column

XLSX_MAX_ROWS = 100_000
XLSX_MAX_TEXT = 32_767  # what a cell can hold
XLSX_EXACT_BELOW = 10**13  # a cell holds 15 digits; larger money is written as text, to stay exact


@dataclass(frozen=True)
class Stamp:
    """How fresh a list is: its data, when it was scored, by which model, in which run; ``expected``: money in words."""

    as_of: datetime
    scored_at: datetime
    model_id: str
    run_id: str | None = None
    expected: str | None = None


def write(table: pa.Table, path: Path, stamp: Stamp, people: pa.Table | None = None) -> int:
    """Write the rows to ``path`` (``.csv``, ``.xlsx`` or ``.parquet``) whole or not at all; return how many.

    ``people``: the same list as people work it, the first sheet of an XLSX; other kinds of files do not hold it.

    Raises
    ------
    UsageError
        Another kind of file, a place that cannot be written, or more rows than an XLSX is made for.
    """
    writer = _writer(path.suffix.lower(), str(path))
    if people is not None and path.suffix.lower() == ".xlsx":
        writer = partial(_xlsx, people=people)
    with files.replacing(path) as sink:
        return writer(stamped(table, stamp), sink, stamp)


def to_bytes(table: pa.Table, suffix: str, stamp: Stamp) -> bytes:
    """Return the file that :func:`write` would write, for a download."""
    sink = io.BytesIO()
    _writer(suffix, suffix)(stamped(table, stamp), sink, stamp)
    return sink.getvalue()


def stamped(table: pa.Table, stamp: Stamp) -> pa.Table:
    """Return the table with ``as_of, scored_at, model_id`` (and ``run_id``, if known) in every row."""
    for name, value, kind in (
        ("as_of", stamp.as_of, TIME),
        ("scored_at", stamp.scored_at, TIME),
        ("model_id", stamp.model_id, pa.string()),
        ("run_id", stamp.run_id, pa.string()),
    ):
        if value is None:
            continue
        given = constant(value, kind, table.num_rows)
        at = table.column_names.index(name) if name in table.column_names else -1
        table = table.append_column(name, given) if at < 0 else table.set_column(at, name, given)
    return table


def _writer(suffix: str, what: str) -> Callable[[pa.Table, BinaryIO, Stamp], int]:
    writers = {".csv": _csv, ".xlsx": _xlsx, ".parquet": _parquet}
    if suffix not in writers:
        raise UsageError(
            f"cannot tell the kind of file from {what!r}, expected a name that ends in {', '.join(writers)}"
        )
    return writers[suffix]


def _csv(table: pa.Table, sink: BinaryIO, stamp: Stamp) -> int:
    del stamp  # it is in the columns
    columns = [_csv_column(table[name]) for name in table.column_names]
    names = spreadsheet_column(pa.array(table.column_names, pa.string())).to_pylist()
    options = pyarrow.csv.WriteOptions(quoting_style="needed")
    pyarrow.csv.write_csv(pa.Table.from_arrays(columns, names=names), sink, options)
    return table.num_rows


def _csv_column(column: Any) -> Any:  # a column of any type
    if pa.types.is_timestamp(column.type):
        return pc.strftime(one_chunk(column).cast(pa.timestamp("s"), safe=False), format="%Y-%m-%d %H:%M:%S")
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return spreadsheet_column(column)
    return one_chunk(column)


def _parquet(table: pa.Table, sink: BinaryIO, stamp: Stamp) -> int:
    metadata = dict(table.schema.metadata or {})
    metadata |= {
        f"payrec.{name}".encode(): str(value).encode() for name, value in vars(stamp).items() if value is not None
    }
    table = table.replace_schema_metadata(metadata)
    pyarrow.parquet.write_table(table, sink, compression="zstd")
    return table.num_rows


def _xlsx(table: pa.Table, sink: BinaryIO, stamp: Stamp, people: pa.Table | None = None) -> int:
    if table.num_rows > XLSX_MAX_ROWS:
        raise UsageError(
            f"found {table.num_rows:,} rows; XLSX is limited to {XLSX_MAX_ROWS:,}\n"
            "ask for fewer rows (--capacity), or write .csv or .parquet"
        )
    import xlsxwriter

    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "constant_memory": True,
        "default_date_format": "yyyy-mm-dd hh:mm",
    }
    with xlsxwriter.Workbook(sink, options) as book:
        book.set_properties({"created": stamp.scored_at})  # else the clock: the same list is the same file
        if people is not None:
            _fill_sheet(book, people, "to do")
        _fill_sheet(book, table)
        about = book.add_worksheet("about")
        about.set_column(0, 1, 28)
        lines: dict[str, Any] = {
            "data as of (UTC)": stamp.as_of,
            "scored at (UTC)": stamp.scored_at,
            "model": stamp.model_id,
        }
        lines |= {"run": stamp.run_id, "rows": table.num_rows}
        lines |= {"expected back": stamp.expected} if stamp.expected else {}
        for row, (name, value) in enumerate(lines.items()):
            about.write_string(row, 0, name)
            about.write_string(row, 1, plain_text(str(value)))
    return table.num_rows


def _fill_sheet(book: Any, table: pa.Table, title: str = "worklist") -> None:  # an xlsxwriter.Workbook, untyped
    sheet = book.add_worksheet(title)
    head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    sheet.freeze_panes(1, 0)
    names = table.column_names
    sheet.autofilter(0, 0, table.num_rows, max(len(names) - 1, 0))
    columns = []
    for at, name in enumerate(names):
        form = _number_format(name, table.schema.field(name).type)
        sheet.set_column(
            at, at, max(10, min(len(name) + 2, 24)), book.add_format({"num_format": form}) if form else None
        )
        column = table[name]
        columns.append((plain_column(column) if pa.types.is_string(column.type) else column).to_pylist())
        sheet.write_string(0, at, plain_text(name), head)
    for number, row in enumerate(zip(*columns, strict=True), start=1):
        for at, value in enumerate(row):
            if value is not None:
                _write_cell(sheet, number, at, value)


def _write_cell(sheet: Any, row: int, at: int, value: Any) -> None:  # a value of any type
    if isinstance(value, datetime):
        sheet.write_datetime(row, at, value)
    elif isinstance(value, str) or not -XLSX_EXACT_BELOW < value < XLSX_EXACT_BELOW:  # text, too large, infinite, NaN
        sheet.write_string(row, at, str(value)[:XLSX_MAX_TEXT])
    else:
        sheet.write_number(row, at, value)


def _number_format(name: str, kind: pa.DataType) -> str | None:
    if pa.types.is_decimal(kind):
        return "#,##0.00"
    if pa.types.is_timestamp(kind):
        return "yyyy-mm-dd hh:mm"
    if pa.types.is_floating(kind):
        return "0.0%" if name.startswith("p_") else "0.000"
    return None

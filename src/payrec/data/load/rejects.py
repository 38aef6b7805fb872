"""The rejects: each row that was not loaded, with line number, columns, values and reasons; safe in a spreadsheet."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable
from pathlib import Path

import duckdb
import pyarrow as pa

from payrec.common.errors import file_errors
from payrec.common.files import replacing
from payrec.common.text import spreadsheet_column
from payrec.data.load.damaged import SHOWN
from payrec.data.load.readings import Reading
from payrec.data.load.staging import number

HEADER = ("line", "column", "value", "reason")


def collect(db: duckdb.DuckDBPyConnection, readings: tuple[Reading, ...]) -> None:
    """Make table ``rejects`` of bad lines and of rows with bad cells: one row a line, all its problems joined."""

    def joined(part: str) -> str:
        return f"concat_ws('; ', {', '.join(part.format(i=i) for i in range(len(readings)))})"

    bad_lines = "SELECT line, '' AS \"column\", text AS value, reason FROM bad_lines"
    if not number(db, "SELECT COUNT(*) FROM typed WHERE NOT ok"):  # the query below takes long to plan
        db.execute(f"CREATE TABLE rejects AS {bad_lines} ORDER BY line")
        return
    # each.bad is about accepted values, so it is asked of typed; reasons are about the text, so of parsed
    bad = ", ".join(f"{_bad(each)} AS bad_{i}" for i, each in enumerate(readings))
    names = ", ".join(f"'{each.column.name}' AS name_{i}" for i, each in enumerate(readings))
    texts = ", ".join(f"coalesce(p.r_{each.column.name}[:{SHOWN}], '') AS text_{i}" for i, each in enumerate(readings))
    reasons = ", ".join(f"{each.reason} AS reason_{i}" for i, each in enumerate(readings))
    source = "parsed AS p JOIN typed AS t ON t.line = p.line WHERE NOT t.ok"
    cells = f"SELECT p.line, {bad}, {names}, {texts}, {reasons} FROM {source}"
    sentence = "CASE WHEN bad_{i} THEN name_{i} || ' ' || reason_{i} END"
    db.execute(
        "CREATE TABLE rejects AS "
        f'SELECT line, {joined("CASE WHEN bad_{i} THEN name_{i} END")} AS "column", '
        f"{joined('CASE WHEN bad_{i} THEN text_{i} END')} AS value, {joined(sentence)} AS reason FROM ({cells}) "
        f"UNION ALL {bad_lines} ORDER BY line"
    )


def _bad(reading: Reading) -> str:
    name = reading.column.name
    return f"(t.{name} IS NULL{'' if reading.column.filled else f' AND p.r_{name} IS NOT NULL'})"


def write(path: Path, batches: Iterable[pa.RecordBatch]) -> None:
    """Write the rejects as CSV; the file appears whole or not at all.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    with file_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as sink:
        out = csv.writer(codecs.getwriter("utf-8")(sink))
        out.writerow(HEADER)
        for batch in batches:
            texts = (spreadsheet_column(batch.column(name)).to_pylist() for name in HEADER[1:])
            out.writerows(zip(batch.column("line").to_pylist(), *texts, strict=True))

"""Rows that are not loaded: rejects (with line, columns, values and reasons), exact duplicates, conflicting keys.

A duplicate is a row of the file that equals an earlier one in every column, read or not; or one whose key and values,
once read, equal those of an earlier one. Two events without an id that differ only in columns not read are two events.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable
from pathlib import Path

import duckdb
import pyarrow as pa

from payrec.common.errors import DataRefused, file_errors
from payrec.common.files import replacing
from payrec.common.text import spreadsheet_column, terminal_text
from payrec.data.load.layout import LoadPlan
from payrec.data.load.readings import Reading
from payrec.data.load.records import SHOWN_CHARACTERS
from payrec.data.load.staging import as_table, number
from payrec.data.load.targets import Target

HEADER = ("line", "column", "value", "reason")


_HAS_BAD_CELL = "NOT ok AND line NOT IN (SELECT line FROM refused)"


def collect(db: duckdb.DuckDBPyConnection, readings: tuple[Reading, ...]) -> None:
    """Make table ``rejects`` of bad lines, refused rows, rows with bad cells: one row a line, its problems joined."""
    readings = tuple(each for each in readings if not each.is_plain)

    def joined(part: str) -> str:
        return f"concat_ws('; ', {', '.join(part.format(i=i) for i in range(len(readings)))})"

    bad_lines = "SELECT line, '' AS \"column\", text AS value, reason FROM bad_lines UNION ALL FROM refused"
    if not number(db, f"SELECT COUNT(*) FROM typed WHERE {_HAS_BAD_CELL}"):  # the query below takes long to plan
        db.execute(f"CREATE TABLE rejects AS {bad_lines} ORDER BY line")
        return
    # each.bad is about accepted values, so it is asked of typed; reasons are about the text, so of parsed
    bad = ", ".join(f"{_bad(each)} AS bad_{i}" for i, each in enumerate(readings))
    names = ", ".join(f"'{each.column.name}' AS name_{i}" for i, each in enumerate(readings))
    texts = ", ".join(
        f"coalesce(p.r_{each.column.name}[:{SHOWN_CHARACTERS}], '') AS text_{i}" for i, each in enumerate(readings)
    )
    reasons = ", ".join(f"{each.reason} AS reason_{i}" for i, each in enumerate(readings))
    source = f"parsed AS p JOIN (SELECT * FROM typed WHERE {_HAS_BAD_CELL}) AS t ON t.line = p.line"
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


_NOT_DROPPED = "ok AND line NOT IN (SELECT line FROM dropped)"


def drop_duplicates(db: duckdb.DuckDBPyConnection, plan: LoadPlan, target: Target) -> int:
    """Fill ``dropped``, make missing event ids, refuse conflicting rows; return the number of duplicates.

    Equal rows without an id are as many events: two instalments of one day look alike.

    Raises
    ------
    DataRefused
        Two different rows have the same key; the first keys are named.
    """
    db.execute("CREATE TABLE dropped (line BIGINT)")
    has_ids = "ok AND event_id IS NOT NULL" if target.kind == "events" else "ok"
    if _keys_repeat(db, has_ids, target) or plan.is_by_line:  # equal lines then have different keys
        _drop_equal_rows(db, plan, has_ids)
    elif number(db, f"SELECT COUNT(*) FROM typed WHERE ok AND NOT ({has_ids})") == 0:
        return 0  # as in nearly all files
    if target.kind == "events" and number(db, "SELECT COUNT(*) FROM typed WHERE ok AND event_id IS NULL"):
        _make_event_ids(db, target)
    _drop_equal_values(db, plan, target)
    return number(db, "SELECT COUNT(*) FROM dropped")


def _keys_repeat(db: duckdb.DuckDBPyConnection, where: str, target: Target) -> bool:
    """Return whether two rows may have one key: their hashes are equal."""
    key_hash = f"hash({', '.join(target.key)})"
    repeated = f"SELECT 1 FROM typed WHERE {where} GROUP BY {key_hash} HAVING COUNT(*) > 1 LIMIT 1"
    return bool(db.execute(repeated).fetchall())


def _drop_equal_rows(db: duckdb.DuckDBPyConnection, plan: LoadPlan, where: str) -> None:
    repeated = f"SELECT row_hash FROM typed WHERE {where} GROUP BY row_hash HAVING COUNT(*) > 1"
    db.execute(f"CREATE TABLE repeated AS {repeated}")
    if number(db, "SELECT COUNT(*) FROM repeated") == 0:
        return
    cells = ", ".join(["rest", *(f"s{position}" for position in plan.positions)])
    candidates = f"SELECT line FROM typed WHERE {where} AND row_hash IN (SELECT row_hash FROM repeated)"
    number_each = f"ROW_NUMBER() OVER (PARTITION BY {cells} ORDER BY line) AS n"
    numbered = f"SELECT line, {number_each} FROM kept WHERE line IN ({candidates})"
    db.execute(f"INSERT INTO dropped SELECT line FROM ({numbered}) WHERE n > 1")


def _make_event_ids(db: duckdb.DuckDBPyConnection, target: Target) -> None:
    """Give each event without an id one of its content: the same event gets the same id from any file it is in.

    Events of equal content in one file get their number within the file at the end, from the second on. The currency
    is no part of the content, since 0.1 did not read it: its events would come a second time.
    """
    names = [name for name in target.names() if name not in ("event_id", "currency")]
    content = " || ".join(f"coalesce(CAST({name} AS VARCHAR), chr(30)) || chr(31)" for name in names)
    db.execute(
        f"CREATE TABLE made_ids AS SELECT line, md5({content}) AS digest, "
        f"ROW_NUMBER() OVER (PARTITION BY digest ORDER BY line) AS n FROM typed WHERE ok AND event_id IS NULL"
    )
    event_id = "'made-' || m.digest || CASE WHEN m.n > 1 THEN '-' || m.n ELSE '' END"
    as_table(db, "typed")
    db.execute(f"UPDATE typed SET event_id = {event_id} FROM made_ids AS m WHERE typed.line = m.line")


def _drop_equal_values(db: duckdb.DuckDBPyConnection, plan: LoadPlan, target: Target) -> None:
    key = ", ".join(target.key)
    is_new = _NOT_DROPPED if number(db, "SELECT COUNT(*) FROM dropped") else "ok"
    db.execute(f"CREATE TABLE clashes AS SELECT {key} FROM typed WHERE {is_new} GROUP BY {key} HAVING COUNT(*) > 1")
    if number(db, "SELECT COUNT(*) FROM clashes") == 0:
        return
    values = ", ".join(target.names())
    clashing = f"SELECT * FROM typed WHERE {is_new} AND ({key}) IN (SELECT ({key}) FROM clashes)"
    different = (
        f"SELECT {key}, LIST(line ORDER BY line)[:3] AS lines FROM ({clashing}) GROUP BY {key} "
        f"HAVING COUNT(DISTINCT row({values})) > 1 ORDER BY MIN(line) LIMIT 4"
    )
    conflicts = db.execute(different).fetchall()
    if conflicts:
        _refuse_conflicts(conflicts, plan, target)
    numbered = f"SELECT line, ROW_NUMBER() OVER (PARTITION BY {key} ORDER BY line) AS n FROM ({clashing})"
    db.execute(f"INSERT INTO dropped SELECT line FROM ({numbered}) WHERE n > 1")


def _refuse_conflicts(conflicts: list[tuple[object, ...]], plan: LoadPlan, target: Target) -> None:
    def words(row: tuple[object, ...]) -> str:
        lines = ", ".join(map(str, row[-1] if isinstance(row[-1], list) else []))
        return f"{' '.join(terminal_text(str(part)) for part in row[:-1])} (lines {lines})"

    named = "; ".join(words(row) for row in conflicts[:3]) + (" and more" if len(conflicts) > 3 else "")
    raise DataRefused(
        f"{plan.file}: different rows have the same {' and '.join(target.key)}: {named}\n"
        "one row is expected for each; remove the wrong ones, nothing was loaded"
    )

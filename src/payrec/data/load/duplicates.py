"""One row stays one row: exact duplicates are dropped and counted, two different rows with one key are refused.

A duplicate is a row of the file that equals an earlier one in every column, read or not; or one whose key and values,
once read, equal those of an earlier one. Two events without an id that differ only in columns not read are two events.
"""

from __future__ import annotations

import duckdb

from payrec.common.errors import DataRefused
from payrec.common.text import terminal_text
from payrec.data.load.layout import LoadPlan
from payrec.data.load.origins import Absent
from payrec.data.load.staging import number
from payrec.data.load.targets import Target

_NOT_DROPPED = "ok AND line NOT IN (SELECT line FROM dropped)"


def settle(db: duckdb.DuckDBPyConnection, plan: LoadPlan, target: Target) -> int:
    """Fill ``dropped``, make missing event ids, refuse conflicting rows; return the number of duplicates.

    Raises
    ------
    DataRefused
        Two different rows have the same key; the first keys are named.
    """
    db.execute("CREATE TABLE dropped (line BIGINT)")
    _drop_equal_rows(db, plan)
    makes_ids = any(made.column.name == "event_id" and isinstance(made.origin, Absent) for made in plan.made)
    if makes_ids:
        _make_event_ids(db, target)
    _drop_equal_values(db, plan, target)
    return number(db, "SELECT COUNT(*) FROM dropped")


def _drop_equal_rows(db: duckdb.DuckDBPyConnection, plan: LoadPlan) -> None:
    repeated = "SELECT row_hash FROM typed WHERE ok GROUP BY row_hash HAVING COUNT(*) > 1"
    db.execute(f"CREATE TABLE repeated AS {repeated}")
    if number(db, "SELECT COUNT(*) FROM repeated") == 0:
        return
    cells = ", ".join(["rest", *(f"s{place}" for place in plan.places)])
    candidates = "SELECT line FROM typed WHERE ok AND row_hash IN (SELECT row_hash FROM repeated)"
    number_each = f"ROW_NUMBER() OVER (PARTITION BY {cells} ORDER BY line) AS n"
    numbered = f"SELECT line, {number_each} FROM kept WHERE line IN ({candidates})"
    db.execute(f"INSERT INTO dropped SELECT line FROM ({numbered}) WHERE n > 1")


def _make_event_ids(db: duckdb.DuckDBPyConnection, target: Target) -> None:
    """Give each event an id made of its content, so that the same event gets the same id from any file it is in.

    Events of equal content in one file are told apart by a number at the end.
    """
    content = " || ".join(
        f"coalesce(CAST({name} AS VARCHAR), chr(30)) || chr(31)" for name in target.names() if name != "event_id"
    )
    db.execute(f"UPDATE typed SET event_id = 'made-' || md5({content}) WHERE ok")
    repeated = f"SELECT event_id FROM typed WHERE {_NOT_DROPPED} GROUP BY event_id HAVING COUNT(*) > 1"
    numbered = (
        f"SELECT line, ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY line) AS n "
        f"FROM typed WHERE {_NOT_DROPPED} AND event_id IN ({repeated})"
    )
    db.execute(f"CREATE TABLE again AS SELECT line, n FROM ({numbered}) WHERE n > 1")
    if number(db, "SELECT COUNT(*) FROM again"):
        db.execute(
            "UPDATE typed SET event_id = typed.event_id || '-' || again.n FROM again WHERE typed.line = again.line"
        )


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
    found = db.execute(different).fetchall()
    if found:
        _refuse(found, plan, target)
    numbered = f"SELECT line, ROW_NUMBER() OVER (PARTITION BY {key} ORDER BY line) AS n FROM ({clashing})"
    db.execute(f"INSERT INTO dropped SELECT line FROM ({numbered}) WHERE n > 1")


def _refuse(found: list[tuple[object, ...]], plan: LoadPlan, target: Target) -> None:
    def words(row: tuple[object, ...]) -> str:
        lines = ", ".join(map(str, row[-1] if isinstance(row[-1], list) else []))
        return f"{' '.join(terminal_text(str(part)) for part in row[:-1])} (lines {lines})"

    named = "; ".join(words(row) for row in found[:3]) + (" and more" if len(found) > 3 else "")
    msg = (
        f"{plan.file}: different rows have the same {' and '.join(target.key)}: {named}\n"
        "one row is expected for each; remove the wrong ones, nothing was loaded"
    )
    raise DataRefused(msg)

"""Ids that a program made decimals: ``12345.0`` is ``12345`` where a column has whole numbers alone.

Programs write a column of whole numbers as decimals once it has an empty cell. One rule for files that are loaded and
for those that a source joins, so that an id is the same in all of them.
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from payrec.common.text import sql_identifier


def have_points(db: duckdb.DuckDBPyConnection, text: str, rows: str) -> bool:
    """Return whether the values of SQL ``text`` over ``rows`` are whole numbers alone, some of them with ``.0``."""
    if not db.execute(f"SELECT 1 FROM {rows} WHERE suffix({text}, '.0') LIMIT 1").fetchall():
        return False
    return db.execute(f"SELECT bool_and(regexp_full_match({text}, '\\d+(\\.0)?')) FROM {rows}").fetchall() == [(True,)]


def drop_points(db: duckdb.DuckDBPyConnection, table: str, columns: Iterable[str], where: str = "TRUE") -> None:
    """Take ``.0`` off the values of columns of a table."""
    for column in map(sql_identifier, columns):
        db.execute(f"UPDATE {table} SET {column} = {column}[:-3] WHERE {where} AND suffix({column}, '.0')")


def note(columns: Iterable[str]) -> str:
    """Return the sentence for the account of a file."""
    names = list(columns)
    have = "has" if len(names) == 1 else "have"
    return f"{', '.join(names)} {have} whole numbers written as decimals: 12345.0 is read as 12345"

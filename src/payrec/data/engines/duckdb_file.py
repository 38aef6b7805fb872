"""The file of a DuckDB database, written again without the content of deleted rows."""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import closing
from pathlib import Path

import duckdb

from payrec.common import duck
from payrec.common.files import sync_folder
from payrec.common.text import sql_identifier, sql_literal

_COUNTED = "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = {} AND NOT internal ORDER BY ALL"


def rewrite(path: Path) -> None:
    """Replace a database file, which nobody has open, by a copy of all its tables and views; a crash leaves one whole.

    Raises
    ------
    duckdb.Error
        The file is open in another program, the disk is full, or the copy differs.
    """
    _delete_leftovers(path)
    copy = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with closing(duck.connect(reads_files=True)) as db:
            db.execute(f"ATTACH {sql_literal(str(path))} AS former (READ_ONLY)")
            db.execute(f"ATTACH {sql_literal(str(copy))} AS rewritten")
            db.execute("COPY FROM DATABASE former TO rewritten")
            if _rows(db, "former") != _rows(db, "rewritten"):
                raise duckdb.InternalException("the copy has other rows")
            db.execute("DETACH rewritten")
            copy.chmod(path.stat().st_mode & 0o777)
            with copy.open("rb") as written:
                os.fsync(written.fileno())
            copy.replace(path)  # while the former file is attached, so that no other program writes to it meanwhile
        sync_folder(path.parent)
    finally:
        for left in (copy, copy.with_name(f"{copy.name}.wal")):
            left.unlink(missing_ok=True)


def _rows(db: duckdb.DuckDBPyConnection, database: str) -> dict[tuple[str, str], int]:
    tables = db.execute(_COUNTED.format(sql_literal(database))).fetchall()
    names = {(schema, table): ".".join(map(sql_identifier, (database, schema, table))) for schema, table in tables}
    return {key: db.execute(f"SELECT COUNT(*) FROM {name}").fetchall()[0][0] for key, name in names.items()}


def _delete_leftovers(path: Path) -> None:
    """Delete what killed programs left: copies of the file, and rows that DuckDB put on disk."""
    for left in path.parent.glob(f".{path.name}.*.tmp*"):
        left.unlink(missing_ok=True)
    shutil.rmtree(f"{path}.tmp", ignore_errors=True)

"""The one way to open DuckDB: UTC, no extension fetched, no Python variable read as a table, settings locked."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from payrec.common.text import sql_literal

MEMORY = ":memory:"


def connect(
    path: str = MEMORY, options: Mapping[str, str] | None = None, *, zone: str = "UTC", reads_files: bool = False
) -> duckdb.DuckDBPyConnection:
    """Open a database whose SQL can reach no file and no network; with ``reads_files`` it can reach files.

    Parameters
    ----------
    path
        File of the database, or ``:memory:``.
    options
        Settings of DuckDB such as ``memory_limit``.
    zone
        Time zone in which zoneless times are read.

    Raises
    ------
    duckdb.Error
        The file cannot be opened, or an option does not exist.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "enable_external_access": "true" if reads_files else "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "python_enable_replacements": "false",
        **(options or {}),
    }
    db = duckdb.connect(path, config=config)
    try:
        db.execute(f"SET GLOBAL TimeZone = {sql_literal(zone)}")
        if db.execute("SELECT current_setting('enable_progress_bar')").fetchall() == [(True,)]:
            db.execute("SET enable_progress_bar = false")  # where it is off, a notebook may refuse to have it touched
        if reads_files:  # read anew for each query, the footer of a list costs more than a page of its rows
            db.execute("SET GLOBAL parquet_metadata_cache = true")
        db.execute("SET lock_configuration = true")
    except duckdb.Error:
        db.close()
        raise
    return db

"""Watch what is asked of the databases: their drivers are wrapped, so each statement and batch of rows is a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import psycopg
from adbc_driver_postgresql import dbapi

from tests.faults.harness.steps import FULL, Step, Watch


def watch(watch: Watch) -> None:
    """Watch this process from now on, whenever ``watch.is_on``."""
    real_duckdb, real_server = duckdb.connect, dbapi.connect

    def to_duckdb(path: str = ":memory:", *args: Any, **more: Any) -> Any:
        opened = real_duckdb(path, *args, **more)
        return opened if path == ":memory:" else Embedded(opened, watch)

    duckdb.connect = to_duckdb
    dbapi.connect = lambda uri, **more: Connection(real_server(uri, **more), watch, uri)


def _word(sql: str) -> str:
    lines = [line for line in sql.splitlines() if line.strip() and not line.lstrip().startswith("--")]
    return lines[0].split(None, 1)[0].rstrip(";").upper() if lines else "SELECT"


def _named(sql: str, *, inside: bool) -> str:
    word = _word(sql)
    if word in ("BEGIN", "COMMIT", "ROLLBACK"):
        return word.lower()
    if word in ("SELECT", "SET", "FETCH", "DECLARE", "CLOSE", "VALUES"):
        return "read"
    return "inside" if inside else "alone"


class Embedded:
    """A connection to a DuckDB file whose statements are steps; a reader's are not."""

    def __init__(self, real: Any, watch: Watch) -> None:
        self._real, self._watch, self._inside = real, watch, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __enter__(self) -> Embedded:
        return self

    def __exit__(self, *exc: object) -> None:
        self._real.close()

    def execute(self, sql: str, *args: Any) -> Any:
        """Run a statement."""
        name = _named(sql, inside=self._inside)
        if name in ("begin", "commit", "rollback"):
            self._inside = name == "begin"
        if name != "read":
            self._step(name)
        return self._real.execute(sql, *args)

    def from_arrow(self, rows: Any) -> Any:
        """Take rows to be written."""
        self._step("batch")
        return self._real.from_arrow(rows)

    def _step(self, name: str) -> None:
        if self._watch.due(Step(name)):
            if name == "commit":  # the changes could not be written down: DuckDB undoes them
                self._real.execute("ROLLBACK")
            raise duckdb.IOException(f'IO Error: Could not write file "payrec.duckdb": {FULL}')


class Connection:
    """A connection to PostgreSQL whose statements are steps."""

    def __init__(self, real: Any, watch: Watch, conninfo: str) -> None:
        self._real, self._watch, self._conninfo, self.inside = real, watch, conninfo, False
        with real.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (self._pid,) = cursor.fetchone()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def cursor(self, **options: Any) -> Cursor:
        """Open a cursor."""
        return Cursor(self._real.cursor(**options), self)

    def taken(self, name: str, statement: Callable[[], Any]) -> Any:
        """Take a step, unless it is the one to fail."""
        watch = self._watch
        if not watch.due(Step(name, on_server=True)):
            return statement()
        if watch.fault == "full":
            return self._refused(name)
        if watch.fault == "unanswered":
            statement()
        with psycopg.connect(self._conninfo, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (self._pid,))
        return self._said("SELECT 1") if watch.fault == "unanswered" else statement()

    def _refused(self, name: str) -> None:
        """Let the server say that its disk is full."""
        message = f'could not extend file "base/1/2": {FULL}'
        try:
            self._said(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '53100', MESSAGE = '{message}'; END $$")
        finally:
            if name == "commit":  # it undoes what it could not write down
                self._said("ROLLBACK")

    def _said(self, sql: str) -> None:
        with self._real.cursor() as cursor:
            cursor.executescript(sql)


class Cursor:
    """A cursor of such a connection."""

    def __init__(self, real: Any, connection: Connection) -> None:
        self._real, self._connection = real, connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *exc: object) -> None:
        self._real.close()

    def execute(self, sql: str) -> Any:
        """Run a query."""
        return self._take(sql, lambda: self._real.execute(sql))

    def executescript(self, sql: str) -> Any:
        """Run statements."""
        return self._take(sql, lambda: self._real.executescript(sql))

    def adbc_ingest(self, table: str, batch: Any, **options: Any) -> Any:
        """Add rows to a table."""
        return self._connection.taken("batch", lambda: self._real.adbc_ingest(table, batch, **options))

    def _take(self, sql: str, statement: Callable[[], Any]) -> Any:
        name = _named(sql, inside=self._connection.inside)
        if name in ("begin", "commit", "rollback"):
            self._connection.inside = name == "begin"
        return self._connection.taken(name, statement)

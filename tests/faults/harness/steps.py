"""Find the steps at which a command can be interrupted, and let one of them fail.

Steps are found, not listed. An audit hook of Python sees every file that is opened for writing, made, renamed or
removed; files that are open for writing, ``os.fsync`` and the drivers of both databases are wrapped. What DuckDB does
to its own file inside of one statement is not seen: there the test with a small disk fails for real.

The faults:

    kill        SIGKILL; a write is half done by then
    error       an exception that nobody foresees
    full        no space left on device: of the file, or of the database, in the words of its driver
    cut         PostgreSQL: the server ends this connection just before the step
    unanswered  PostgreSQL: the step is done, and the connection ends before the answer
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import duckdb
import psycopg
from adbc_driver_postgresql import dbapi

from payrec.data.engines import spark_catalog, spark_rows

FILE_STEPS = {"os.rename": "rename", "os.remove": "remove", "os.rmdir": "remove", "os.mkdir": "mkdir"}
FILE_STEPS |= {"os.truncate": "write", "os.link": "rename", "os.symlink": "rename"}
NEEDS_ROOM = {"open", "write", "sync", "mkdir", "rename", "inside", "alone", "batch", "commit"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
FULL = "No space left on device"


class UnforeseenError(Exception):
    """An error that no code expects."""


@dataclass(frozen=True)
class Step:
    """One step: what kind, and whether the database server takes it."""

    name: str
    on_server: bool = False

    @property
    def faults(self) -> tuple[str, ...]:
        """Return how it can fail."""
        if self.name == "read":  # changes nothing; but a connection can be cut there, too
            return ("cut",)
        found = ["kill", "error"]
        if self.name in NEEDS_ROOM:
            found.append("full")
        if self.on_server:
            found.append("cut")
            if self.name in ("commit", "alone"):
                found.append("unanswered")
        return tuple(found)


@dataclass
class Watch:
    """Notes the steps of this process; lets the one numbered ``at`` (from 1) fail by ``fault``."""

    folder: str
    at: int | None = None
    fault: str = ""
    seen: list[Step] = field(default_factory=list)
    is_on: bool = False

    def due(self, step: Step) -> bool:
        """Note a step; say whether it is the one to fail. A kill happens at once, unless half of it comes first."""
        if not self.is_on:
            return False
        self.seen.append(step)
        if len(self.seen) != self.at:
            return False
        if self.fault == "kill" and step.name != "write":
            killed()
        if self.fault == "error" and step.name != "write":
            raise UnforeseenError(f"at step {self.at}")
        return True

    def owns(self, path: Any) -> bool:
        """Say whether a file is one of the installation's; names below an open folder are."""
        name = os.fsdecode(path)
        return not name.startswith("/") or name.startswith(self.folder)


def killed() -> None:
    """Die."""
    os.kill(os.getpid(), signal.SIGKILL)


def watch(watch: Watch) -> None:
    """Watch this process from now on, whenever ``watch.is_on``."""
    sys.addaudithook(lambda event, args: _audited(watch, event, args))
    real_open = io.open
    io.open = builtins.open = lambda file, mode="r", *a, **k: _opened(watch, real_open, (file, mode, *a), k)  # type: ignore[assignment]

    os.fsync = lambda _: _synced(watch)  # type: ignore[assignment]
    _watch_databases(watch)


def _synced(watch: Watch) -> None:
    """Note it, and leave it at that: what a dead process wrote stays, only a machine that lost power forgets it."""
    if watch.due(Step("sync")):
        raise OSError(errno.ENOSPC, FULL)


def _audited(watch: Watch, event: str, args: tuple[Any, ...]) -> None:
    name = FILE_STEPS.get(event)
    if name is None:
        if event != "open" or isinstance(args[0], int) or not args[2] & WRITING:
            return
        name = "open"
    if watch.is_on and watch.owns(args[0]) and watch.due(Step(name)):
        raise OSError(errno.ENOSPC, FULL, os.fsdecode(args[0]))


def _opened(watch: Watch, real: Callable[..., Any], args: tuple[Any, ...], more: dict[str, Any]) -> Any:
    """Open as ``open`` does; a file of ours for writing so that each write to the disk is a step."""
    file, mode = args[:2]
    if not watch.is_on or not set(mode) & set("wax+"):
        return real(*args, **more)
    name = os.fsdecode(os.readlink(f"/proc/self/fd/{file}") if isinstance(file, int) else file)
    if not watch.owns(name):
        return real(*args, **more)
    raw = File(watch, name, (file, mode.replace("b", "").replace("t", "")), more.get("opener"))
    buffered: Any = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
    if "b" in mode:
        return buffered
    options = {key: value for key, value in more.items() if key in ("encoding", "errors", "newline")}
    return io.TextIOWrapper(buffered, **options)


class File(io.FileIO):
    """An open file whose writes are steps."""

    def __init__(self, watch: Watch, name: str, args: tuple[Any, str], opener: Any) -> None:
        super().__init__(*args, opener=opener)
        self._watch, self._path = watch, name

    def write(self, content: Any) -> int:
        """Write; or half of it, and then no more."""
        if not self._watch.due(Step("write")):
            return super().write(content)
        super().write(bytes(content)[: len(content) // 2])
        if self._watch.fault == "kill":
            killed()
        if self._watch.fault == "error":
            raise UnforeseenError("half written")
        raise OSError(errno.ENOSPC, FULL, self._path)


def _watch_databases(watch: Watch) -> None:
    real_duckdb, real_server = duckdb.connect, dbapi.connect

    def to_duckdb(path: str = ":memory:", *args: Any, **more: Any) -> Any:
        opened = real_duckdb(path, *args, **more)
        return opened if path == ":memory:" else Embedded(opened, watch)

    duckdb.connect = to_duckdb
    dbapi.connect = lambda uri, **more: Connection(real_server(uri, **more), watch, uri)
    for owner, name, kind in (
        (spark_catalog.Warehouse, "commit", "commit"),
        (spark_rows.Parts, "written", "batch"),
        (spark_rows.Parts, "merged", "batch"),
    ):
        setattr(owner, name, _noting(getattr(owner, name), watch, Step(kind)))


def _noting(real: Callable[..., Any], watch: Watch, step: Step) -> Callable[..., Any]:
    def noted(*args: Any, **more: Any) -> Any:
        watch.due(step)
        return real(*args, **more)

    return noted


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

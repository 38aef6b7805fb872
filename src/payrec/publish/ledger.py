"""What was done, by whom, with what end: rows that are only ever added. A run finds here which of its steps are done.

The order is that of ``entry_no``: a clock that was set back changes nothing. On PostgreSQL the server numbers the
entries and records its own clock and the role beside what the caller says; it takes them through one function, which
lets the role of the web app add exports alone (``publish/sql/06_ledger_function.postgres.sql``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from payrec.common.errors import Locked
from payrec.common.text import sql_literal, sql_timestamp
from payrec.data.engines import Engine
from payrec.data.engines.retry import retrying
from payrec.data.migrations import migrate_published

TABLE = "payrec_ledger"
Status = Literal["started", "done", "failed", "abandoned"]
OF_RUNS = "what = 'run' OR what LIKE 'step.%'"


class LostLock(Locked):
    """A run that no longer holds the lock may not publish."""


@dataclass(frozen=True)
class Entry:
    """One thing that happened: who, what (``run``, ``step.score``, ``publish``, ``promote``), to what, how it ended."""

    happened_at: datetime
    who: str
    what: str
    subject: str
    status: Status
    detail: str = ""


@dataclass(frozen=True)
class Begun:
    """A run that began: the number of its entry, and the steps that an earlier try has done."""

    entry_no: int
    done: frozenset[str]


def add(engine: Engine, entry: Entry) -> None:
    """Write an entry down, after all others."""
    migrate_published(engine)
    add_of_run(engine, entry)


def add_of_run(engine: Engine, entry: Entry) -> None:
    """Do what :func:`add` does after :func:`begin`, which brought the tables up to date."""

    def write() -> None:
        with engine.transaction():
            _insert(engine, entry)

    retrying(write)


def _insert(engine: Engine, entry: Entry) -> None:
    row = {**vars(entry), "detail": entry.detail.replace("\0", "")[:4000]}
    if engine.name == "postgres":
        values = [sql_literal(str(value)) for value in row.values()]
        engine.run(f"SELECT payrec_add_entry({', '.join(values)})")
        return
    fence(engine)
    names = ", ".join(["entry_no", *row])
    values = [sql_timestamp(entry.happened_at), *(sql_literal(str(row[name])) for name in list(row)[1:])]
    number = "COALESCE(MAX(entry_no), 0) + 1"
    engine.run(f"INSERT INTO {TABLE} ({names}) SELECT {number}, {', '.join(values)} FROM {TABLE}")


def entries(engine: Engine, where: str = "TRUE") -> list[Entry]:
    """Return the entries in the order in which they were added."""
    return _entries(engine, where) if TABLE in engine.tables() else []


def _entries(engine: Engine, where: str) -> list[Entry]:
    columns = "happened_at, who, what, subject, status, detail"
    rows = engine.read(f"SELECT {columns} FROM {TABLE} WHERE {where} ORDER BY entry_no")
    return [Entry(**row) for row in rows.to_pylist()]


def ended(engine: Engine, run_id: str) -> bool:
    """Say whether a run was done to its end the last time it was begun."""
    last = entries(engine, f"what = 'run' AND subject = {sql_literal(run_id)}")[-1:]
    return [entry.status for entry in last] == ["done"]


def begin(engine: Engine, at: datetime, who: str, run_id: str) -> Begun:
    """Start a run, or go on with one that was broken off.

    A run that started and neither ended nor failed was killed, or has lost its lock: it is written down as abandoned.
    """
    migrate_published(engine)

    def start() -> Begun:
        with engine.transaction():
            fence(engine)
            known = _entries(engine, OF_RUNS)
            for subject in _unfinished(known):
                _insert(engine, Entry(at, who, "run", subject, "abandoned", "it ended without a word"))
            _insert(engine, Entry(at, who, "run", run_id, "started"))
            last = engine.read(f"SELECT MAX(entry_no) AS n FROM {TABLE} WHERE what = 'run'")["n"][0].as_py()
        steps = [one for one in known if one.subject == run_id and one.what != "run" and one.status == "done"]
        return Begun(last, frozenset(one.what.removeprefix("step.") for one in steps))

    return retrying(start)


def fence(engine: Engine) -> None:
    """Let no other run begin or publish before the transaction ends; those who read or export go on."""
    if engine.name != "duckdb":  # which has one process at a time
        engine.run("LOCK TABLE payrec_runs IN SHARE ROW EXCLUSIVE MODE")


def require_newest(engine: Engine, begun: Begun) -> None:
    """Make sure that no other run began after this one; called in the transaction that publishes, after :func:`fence`.

    Raises
    ------
    LostLock
        Another run began.
    """
    later = _entries(engine, f"what = 'run' AND status = 'started' AND entry_no > {begun.entry_no}")
    if later:
        msg = f"this run lost its lock: run {later[0].subject} began after it, by {later[0].who}"
        raise LostLock(f"{msg}\nthis list is not published; payrec monitor shows what is served")


def _unfinished(known: list[Entry]) -> list[str]:
    last = {entry.subject: entry.status for entry in known if entry.what == "run"}
    return [subject for subject, status in last.items() if status == "started"]

"""What was done, by whom, with what end: rows that are only ever added. A run finds here which of its steps are done.

The order is that of ``entry_no``: a clock that was set back changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import pyarrow as pa

from payrec.common.arrow import TIME
from payrec.data.engines import Engine
from payrec.data.migrations import migrate_published

TABLE = "payrec_ledger"
Status = Literal["started", "done", "failed", "abandoned"]


@dataclass(frozen=True)
class Entry:
    """One thing that happened: who, what (``run``, ``step.score``, ``publish``, ``promote``), to what, how it ended."""

    happened_at: datetime
    who: str
    what: str
    subject: str
    status: Status
    detail: str = ""


def add(engine: Engine, entry: Entry) -> None:
    """Write an entry down, after all others."""
    migrate_published(engine)
    with engine.transaction():
        last = engine.read(f"SELECT COALESCE(MAX(entry_no), 0) AS n FROM {TABLE}")["n"][0].as_py()
        row = {**vars(entry), "entry_no": last + 1, "detail": entry.detail[:4000]}
        engine.write(TABLE, pa.Table.from_pylist([row]).cast(_schema(row)), key=())


def entries(engine: Engine) -> list[Entry]:
    """Return all entries in the order in which they were added."""
    if TABLE not in engine.tables():
        return []
    rows = engine.read(
        f"SELECT happened_at, who, what, subject, status, detail FROM {TABLE} ORDER BY entry_no"
    ).to_pylist()
    return [Entry(**row) for row in rows]


def ended(engine: Engine, run_id: str) -> bool:
    """Say whether a run was done to its end the last time it was begun."""
    last = [entry.status for entry in entries(engine) if entry.what == "run" and entry.subject == run_id]
    return last[-1:] == ["done"]


def begin(engine: Engine, at: datetime, who: str, run_id: str) -> frozenset[str]:
    """Start a run, or go on with one that was broken off; return its steps that are done.

    A run that started and neither ended nor failed was killed: it is written down as abandoned. The caller holds the
    lock, so none of them can be alive.
    """
    known = entries(engine)
    for subject in _unfinished(known):
        add(engine, Entry(at, who, "run", subject, "abandoned", "it ended without a word"))
    add(engine, Entry(at, who, "run", run_id, "started"))
    return frozenset(
        entry.what.removeprefix("step.")
        for entry in known
        if entry.subject == run_id and entry.what.startswith("step.") and entry.status == "done"
    )


def _unfinished(known: list[Entry]) -> list[str]:
    last = {entry.subject: entry.status for entry in known if entry.what == "run"}
    return [subject for subject, status in last.items() if status == "started"]


def _schema(row: dict[str, object]) -> pa.Schema:
    return pa.schema(
        [(name, TIME if name == "happened_at" else pa.int64() if name == "entry_no" else pa.string()) for name in row]
    )

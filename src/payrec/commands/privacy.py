"""What is known of one customer, handed over or taken out: raw rows, layers, published lists and what is beside them.

What payrec cannot reach is told: files that left through the app, and files in the output folder that name the person.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from payrec.common.errors import UsageError
from payrec.common.text import sql_literal
from payrec.data import layers
from payrec.data.engines import Engine
from payrec.publish import ledger, personal
from payrec.publish.folder_store import FolderStore
from payrec.publish.personal import Person
from payrec.publish.store import ListStore, personal_details

RAW = ("raw_events", "raw_transactions")
READABLE = {".csv", ".tsv", ".txt", ".json", ".jsonl", ".html", ".log"}
CHUNK = 1 << 20


@dataclass(frozen=True)
class Request:
    """Whose data, by whom and when; ``tag`` stands for the person in the audit trail (see ``personal.tag``)."""

    customer_id: str
    tag: str
    who: str
    now: datetime
    out: Path


@dataclass(frozen=True)
class Erased:
    """Rows taken out, by raw table and of what is published; files that payrec cannot take them out of."""

    raw: dict[str, int]
    published: int
    exports: list[dict[str, Any]]
    mentioned_in: list[str]

    @property
    def found(self) -> bool:
        """Whether there was anything."""
        return bool(self.published or any(self.raw.values()))


def export(engine: Engine, store: ListStore, asked: Request) -> dict[str, Any]:
    """Return all that is held of a customer, as plain values; the request itself is written down."""
    person, listed = _person(engine, store, asked.customer_id)
    raw = {table: _read(engine, table, _of_person(table, asked.customer_id)) for table in RAW}
    view = _read(engine, layers.VIEW, f"customer_id = {sql_literal(asked.customer_id)}")
    told = {
        "customer_id": asked.customer_id,
        "made_at": asked.now,
        **raw,
        "feature_view": view,
        "lists": listed.to_pylist(),
        "beside_lists": personal_details(store, person),
        "exports": _exports(store, listed, asked),
        "mentioned_in": mentions(asked.out, asked.customer_id),
    }
    _write_down(engine, asked, "privacy.export", {table: len(rows) for table, rows in raw.items()})
    return told


def erase(engine: Engine, store: ListStore, asked: Request) -> Erased:
    """Take a customer out of everything; the caller holds the lock of the run. The same again takes out nothing.

    In a database it is one transaction. In a folder the published files come first and the raw rows last, so that an
    erasure that was broken off is ended by the same command.
    """
    with engine.transaction():
        person, listed = _person(engine, store, asked.customer_id)
        left = _exports(store, listed, asked)
        published = store.erase(person)
        raw = {table: _delete(engine, table, asked.customer_id) for table in RAW}
        if any(raw.values()):
            layers.clear(engine)  # made of the rows that are gone; the next build makes them anew
        _write_down(engine, asked, "privacy.erase", raw | {"published": published})
    shutil.rmtree(asked.out / "app", ignore_errors=True)  # the app's copies of lists from a database
    return Erased(raw, published, left, mentions(asked.out, asked.customer_id))


def mentions(folder: Path, text: str) -> list[str]:
    """Return the readable files under a folder in which ``text`` stands."""
    wanted = text.encode()
    files = sorted(path for path in folder.rglob("*") if path.suffix in READABLE and path.is_file())
    return [str(path) for path in files if _mentions(path, wanted)]


def _mentions(path: Path, wanted: bytes) -> bool:
    tail = b""
    with path.open("rb") as source:
        while chunk := source.read(CHUNK):
            if wanted in tail + chunk:
                return True
            tail = chunk[-len(wanted) :]
    return False


def _person(engine: Engine, store: ListStore, customer_id: str) -> tuple[Person, Any]:
    if not customer_id or "\0" in customer_id:
        raise UsageError(f"found the customer id {customer_id!r}, expected one as it stands in the data")
    layers.prepare(engine)
    listed = store.scores_of(customer_id)
    rows = engine.read(f"SELECT order_id FROM raw_transactions WHERE customer_id = {sql_literal(customer_id)}")
    names: list[Any] = [*listed["order_id"].to_pylist(), *rows["order_id"].to_pylist()]
    return Person(customer_id, frozenset(names)), listed


def _of_person(table: str, customer_id: str) -> str:
    name = f"customer_id = {sql_literal(customer_id)}"
    of_orders = f"order_id IN (SELECT order_id FROM raw_transactions WHERE {name})"
    return name if table == "raw_transactions" else of_orders


def _read(engine: Engine, table: str, where: str) -> list[dict[str, Any]]:
    if table not in engine.tables():
        return []
    return engine.read(f"SELECT * FROM {table} WHERE {where}").to_pylist()


def _delete(engine: Engine, table: str, customer_id: str) -> int:
    where = _of_person(table, customer_id)
    count = layers.count(engine, table, where)
    if count:
        engine.run(f"DELETE FROM {table} WHERE {where}")
    return count


def _exports(store: ListStore, listed: Any, asked: Request) -> list[dict[str, Any]]:
    runs = set(listed["run_id"].to_pylist())
    folders = [store.folder] if isinstance(store, FolderStore) else sorted((asked.out / "app").glob("*"))
    told = [line for folder in folders for line in personal.exports(folder, runs)]
    return [{name: line[name] for name in ("at", "who", "file", "sha256", "rows", "run_id")} for line in told]


def _write_down(engine: Engine, asked: Request, what: str, counts: dict[str, int]) -> None:
    detail = ", ".join(f"{count} {name}" for name, count in counts.items())
    ledger.add(engine, ledger.Entry(asked.now, asked.who, what, asked.tag, "done", detail))

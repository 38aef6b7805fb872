"""payrec privacy: one customer's data, exported or erased: raw rows, layers, published lists and their details.

What payrec cannot reach is listed: downloads from the app, and files in the output folder that name the person.
"""

from __future__ import annotations

import os
import shutil
import socket
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from payrec.common.errors import UsageError
from payrec.common.files import replacing
from payrec.common.json import readable_json
from payrec.common.text import sql_literal
from payrec.data import layers
from payrec.data.engines import Engine, connect, keeps_lists
from payrec.publish import ledger, lock, personal
from payrec.publish.folder_store import FolderStore
from payrec.publish.personal import Person
from payrec.publish.store import ListStore, open_store, personal_details

RAW = ("raw_events", "raw_transactions")
READABLE = {".csv", ".tsv", ".txt", ".json", ".jsonl", ".html", ".log"}
CHUNK = 1 << 20


@dataclass(frozen=True)
class Erased:
    """Rows deleted, by raw table and of what is published; and files out of reach that may hold the person."""

    raw: dict[str, int]
    published: int
    exports: list[dict[str, Any]]
    mentioned_in: list[str]

    @property
    def is_empty(self) -> bool:
        """Whether nothing was held."""
        return not (self.published or any(self.raw.values()))


def export(
    url: str,
    customer_id: str,
    now: datetime,
    published: Path | str = "out/published",
    out_folder: Path | str = "out",
    out: Path | str | None = None,
    key: str | None = None,
) -> dict[str, Any]:
    """Return all that is held of a customer, as plain values; the request itself is recorded.

    Parameters
    ----------
    now
        Time of the request (UTC, without zone), for the record.
    published, out_folder
        Folders of the published lists (not used on PostgreSQL) and of payrec's files, searched for the customer.
    out
        Also write it, as JSON.
    key
        Key of the hash that stands for the customer in the record; without it nothing does.

    Raises
    ------
    UsageError
        The customer id is empty, or no text of the database.
    """
    with connect(url) as engine:
        store = _store(url, engine, published)
        person, listed = _person(engine, store, customer_id)
        raw = {table: _read(engine, table, _of_person(table, customer_id)) for table in RAW}
        held = {
            "customer_id": customer_id,
            "made_at": now,
            **raw,
            "feature_view": _read(engine, layers.VIEW, f"customer_id = {sql_literal(customer_id)}"),
            "lists": listed.to_pylist(),
            "beside_lists": personal_details(store, person),
            "exports": _exports(store, listed, Path(out_folder)),
            "mentioned_in": mentions(Path(out_folder), customer_id),
        }
        counts = {table: len(rows) for table, rows in raw.items()}
        _record(engine, now, "privacy.export", personal.tag(customer_id, key), counts)
    if out is not None:
        with replacing(Path(out)) as sink:
            sink.write(readable_json(held).encode())
    return held


def erase(
    url: str,
    customer_id: str,
    now: datetime,
    published: Path | str = "out/published",
    out_folder: Path | str = "out",
    key: str | None = None,
) -> Erased:
    """Delete a customer from raw tables, layers and lists, under the lock of the run; a second time deletes nothing.

    In a database it is one transaction. In a folder the published files come first and the raw rows last, so that an
    erasure that was interrupted is finished by the same command. Parameters and errors as :func:`export`.

    Raises
    ------
    Locked
        A run is under way.
    """
    folder = Path(out_folder)
    holder = lock.Holder(os.getpid(), socket.gethostname(), now)
    with lock.held(url, folder, holder, 0.0), connect(url) as engine:
        with engine.transaction():
            store = _store(url, engine, published)
            person, listed = _person(engine, store, customer_id)
            downloads = _exports(store, listed, folder)
            deleted = store.erase(person)
            raw = {table: _delete(engine, table, customer_id) for table in RAW}
            if any(raw.values()):
                layers.clear(engine)  # they hold rows of the customer; the next build makes them without
            _record(engine, now, "privacy.erase", personal.tag(customer_id, key), raw | {"published": deleted})
        shutil.rmtree(folder / "app", ignore_errors=True)  # the app's copies of lists from a database
        return Erased(raw, deleted, downloads, mentions(folder, customer_id))


def _store(url: str, engine: Engine, published: Path | str) -> ListStore:
    return open_store(engine if keeps_lists(url) else Path(published))


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


def _exports(store: ListStore, listed: Any, out_folder: Path) -> list[dict[str, Any]]:
    runs = set(listed["run_id"].to_pylist())
    folders = [store.folder] if isinstance(store, FolderStore) else sorted((out_folder / "app").glob("*"))
    lines = [line for folder in folders for line in personal.exports(folder, runs)]
    return [{name: line[name] for name in ("at", "who", "file", "sha256", "rows", "run_id")} for line in lines]


def _record(engine: Engine, now: datetime, what: str, tag: str, counts: dict[str, int]) -> None:
    who = f"{socket.gethostname()} pid {os.getpid()}"
    detail = ", ".join(f"{count} {name}" for name, count in counts.items())
    ledger.add(engine, ledger.Entry(now, who, what, tag, "done", detail))

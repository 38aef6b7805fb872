"""payrec privacy: one customer's data, exported or erased: raw rows, layers, published lists and their details.

What payrec cannot reach is listed: downloads from the app, and files in the output folder that name the person.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from payrec.commands.watch import repaired
from payrec.common.errors import UsageError
from payrec.common.files import replacing
from payrec.common.json import readable_json
from payrec.common.text import sql_literal
from payrec.data import layers
from payrec.data.engines import Engine, connect, keeps_lists
from payrec.data.load import TARGETS, kept_out
from payrec.publish import actions, experiments, file_search, ledger, lock, personal, saved_views
from payrec.publish.database_store import DatabaseStore
from payrec.publish.folder_store import FolderStore
from payrec.publish.personal import Person
from payrec.publish.store import ListStore, open_store, personal_details

RAW = ("raw_events", "raw_transactions", "raw_customers")
TEXTS = {
    "raw_customers": ("parent_id", "name", "email", "phone", "segment", "owner"),
    "raw_events": ("detail",),
    ledger.TABLE: ("who", "subject", "detail"),
}
SCRATCH = ("payrec-upload-*", "payrec-load-*", "payrec-source-*", "payrec-replay-*")  # in the temporary folder


@dataclass(frozen=True)
class Erased:
    """Rows deleted, by raw table and of what is published; and files out of reach that may hold the person.

    ``exports``: downloads from the app. ``mentioned_in``: files that contain the id. ``unreadable``: files that may.
    ``lines``: lines of rejects and of the export log from which the id was removed. ``keep_out``: as requested.
    """

    raw: dict[str, int]
    published: int
    exports: list[dict[str, Any]]
    mentioned_in: list[str]
    unreadable: list[str]
    lines: int = 0
    keep_out: bool | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was held."""
        return not (self.published or self.lines or any(self.raw.values()))


def export(
    url: str,
    customer_id: str,
    now: datetime,
    published: Path | str = "out/published",
    out_folder: Path | str = "out",
    out: Path | str | None = None,
    key: str | None = None,
    others: tuple[Path, ...] = (),
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
        Key of the hashes that stand for the customer: in the record, and where loads are to keep them out.
    others
        More files and folders to search, such as the policy.

    Raises
    ------
    UsageError
        The customer id is empty, or no text of the database.
    """
    with connect(url) as engine:
        store = _store(url, engine, published)
        person, listed = _person(engine, store, customer_id)
        columns = {target.table: ", ".join(target.names()) for target in TARGETS.values()}
        raw = {table: _read(engine, table, _of_person(table, customer_id), columns[table]) for table in RAW}
        held = {
            "customer_id": customer_id,
            "made_at": now,
            **raw,
            "feature_view": _read(engine, layers.VIEW, f"customer_id = {sql_literal(customer_id)}"),
            "lists": listed.to_pylist(),
            "experiments": experiments.rows_of(engine, customer_id),
            "actions": [vars(action) for action in actions.read(store, customer_id=customer_id)],
            "saved_views": [vars(view) for view in saved_views.naming(store, person)],
            "beside_lists": personal_details(store, person),
            "exports": _exports(store, listed, Path(out_folder)),
            "kept_out": kept_out.is_kept_out(engine, customer_id, key),
        }
        counts = {table: len(rows) for table, rows in raw.items()}
        _record(engine, now, "privacy.export", personal.tag(customer_id, key), counts)
    lists = {path for path in _files(Path(published)) if path.name != personal.EXPORT_LOG}
    searched = file_search.search(
        _files(Path(out_folder), Path(published), *others) - lists - _database(url), customer_id
    )
    held |= {"mentioned_in": list(searched.matches), "unreadable": list(searched.unreadable)}
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
    others: tuple[Path, ...] = (),
    keep_out: bool | None = None,
) -> Erased:
    """Delete a customer from raw tables, layers and lists, under the lock of the run; a second time deletes nothing.

    In a database it is one transaction. In a folder the published files come first and the raw rows last, so that an
    erasure that was interrupted is finished by the same command. Then the database removes the content of deleted rows
    from the disk, and files that contain the id are searched. Parameters and errors as :func:`export`.

    Parameters
    ----------
    keep_out
        True: later loads leave this customer's rows out, recognised by keyed hashes; False: they take them again;
        None: as it was. True and False need ``key``.

    Raises
    ------
    Locked
        A run is under way, or another command reads or rebuilds the layers.
    UsageError
        ``keep_out`` is given and ``key`` is missing, or not the one under which others are kept out.
    """
    folder, lists = Path(out_folder), Path(published)
    holder = lock.Holder(os.getpid(), socket.gethostname(), now)
    with lock.held(url, folder, holder, 0.0):
        with connect(url) as engine:
            store = _store(url, engine, lists)
            repaired(store)
            person, listed = _person(engine, store, customer_id)
            downloads = _exports(store, listed, folder)
            rows = _erase_rows(engine, store, person, now, key, keep_out)
            lines = _erase_files(folder, lists, person)
            engine.purge()
        searched = file_search.search(_files(folder, lists, *others), customer_id)
    raw = {table: rows[table] for table in RAW}
    elsewhere = (list(searched.matches), list(searched.unreadable))
    return Erased(raw, rows["published"], downloads, *elsewhere, lines, keep_out)


def _erase_rows(
    engine: Engine,
    store: FolderStore | DatabaseStore,
    person: Person,
    now: datetime,
    key: str | None,
    keep_out: bool | None,
) -> dict[str, int]:
    """Delete a person's rows in one transaction; return their number by raw table, and in what is published."""
    tag = personal.tag(person.customer_id, key)

    def erasing() -> dict[str, int]:
        if keep_out:
            kept_out.add(engine, person.customer_id, person.orders, key)
        elif keep_out is False:
            kept_out.lift(engine, person.customer_id, key)
        published = store.erase(person) + experiments.erase(engine, person.customer_id)
        published += actions.erase(store, person) + saved_views.erase(store, person)
        rows = {table: _delete(engine, table, person.customer_id) for table in RAW} | {"published": published}
        for table, columns in TEXTS.items():
            _redact(engine, table, columns, person)
        _record(engine, now, "privacy.erase", tag, rows)
        return rows

    return layers.change(engine, erasing, clears=lambda rows: any(rows[table] for table in RAW))


def _erase_files(folder: Path, published: Path, person: Person) -> int:
    """Erase a person from the files that payrec wrote besides the lists; return the lines erased."""
    erased = sum(personal.erase_rejects(path, person) for path in sorted(folder.rglob("*.rejects.csv")))
    for copy in (published, *(folder / "app").glob("*")):
        erased += personal.redact_exports(copy, person)
    for path in (folder / "app").glob("*/*"):  # the app's copies of lists from a database, which it makes again
        if path.name != personal.EXPORT_LOG:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return erased


def _files(*roots: Path) -> set[Path]:
    """Return all files under the roots, uploads of the app on this machine, and folders that cannot be listed."""
    temporary = Path(tempfile.gettempdir())
    scratch = [folder for pattern in SCRATCH for folder in temporary.glob(pattern)]
    unlisted: list[OSError] = []
    walks = (os.walk(root, onerror=unlisted.append) for root in (*roots, *scratch) if root.is_dir())
    paths = {Path(folder, name) for walk in walks for folder, _, names in walk for name in names}
    files = {path for path in (*paths, *roots) if path.is_file()}
    return files | {Path(error.filename) for error in unlisted}


def _store(url: str, engine: Engine, published: Path | str) -> FolderStore | DatabaseStore:
    return open_store(engine if keeps_lists(url) else Path(published))


def _person(engine: Engine, store: ListStore, customer_id: str) -> tuple[Person, Any]:
    if not customer_id or "\0" in customer_id:
        raise UsageError(f"found the customer id {customer_id!r}, expected one as it stands in the data")
    layers.prepare(engine)
    listed = store.scores_of(customer_id)
    rows = engine.read(f"SELECT order_id FROM raw_transactions WHERE customer_id = {sql_literal(customer_id)}")
    names: list[Any] = [*listed["order_id"].to_pylist(), *rows["order_id"].to_pylist()]
    known = engine.read(f"SELECT email, phone FROM raw_customers WHERE customer_id = {sql_literal(customer_id)}")
    contacts = frozenset(value for row in known.to_pylist() for value in row.values() if value)
    return Person(customer_id, frozenset(names), contacts), listed


def _of_person(table: str, customer_id: str) -> str:
    name = f"customer_id = {sql_literal(customer_id)}"
    of_orders = f"order_id IN (SELECT order_id FROM raw_transactions WHERE {name})"
    return of_orders if table == "raw_events" else name


def _read(engine: Engine, table: str, where: str, columns: str = "*") -> list[dict[str, Any]]:
    if table not in engine.tables():
        return []
    return engine.read(f"SELECT {columns} FROM {table} WHERE {where}").to_pylist()


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
    return [{name: line[name] for name in personal.EXPORT_COLUMNS} for line in lines]


def _database(url: str) -> set[Path]:
    """Return the file of an embedded database."""
    path = Path(url.removeprefix("duckdb:///").partition("?")[0])
    return {path} if url.startswith("duckdb:///") else set()


def _redact(engine: Engine, table: str, columns: tuple[str, ...], person: Person) -> None:
    """Replace the id in texts of the rows that stay, such as the parent of another customer or a failure's message."""
    for column in columns if table in engine.tables() else ():
        texts = engine.read(f"SELECT DISTINCT {column} AS t FROM {table} WHERE {column} IS NOT NULL")["t"].to_pylist()
        for text in map(str, texts):
            if (redacted := person.redacted(text)) != text:
                value = "NULL" if table in RAW and redacted == personal.ERASED else sql_literal(redacted)
                engine.run(f"UPDATE {table} SET {column} = {value} WHERE {column} = {sql_literal(text)}")


def _record(engine: Engine, now: datetime, what: str, tag: str, counts: dict[str, int]) -> None:
    who = f"{socket.gethostname()} pid {os.getpid()}"
    detail = ", ".join(f"{count} {name}" for name, count in counts.items())
    ledger.add(engine, ledger.Entry(now, who, what, tag, "done", detail))

"""Where the app reads published lists: a folder, or a database whose newest list is copied into such a folder.

Everything else of the app reads the folder, through DuckDB, so that all sessions share the same files and none holds
a list in memory.
"""

from __future__ import annotations

import hashlib
import math
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import pyarrow as pa

from payrec.app import list_query
from payrec.app.customer_index import CustomerList, orders_of_customer
from payrec.commands.customer_states import CustomerState, customer_states
from payrec.common.errors import DatabaseUnreachable, PayrecError, UsageError
from payrec.common.settings import Settings
from payrec.common.text import sql_literal
from payrec.data.engines import connect, is_cluster, keeps_lists
from payrec.publish import actions, details, folder_store
from payrec.publish.actions import Action
from payrec.publish.database_store import DatabaseStore
from payrec.publish.folder_store import FolderStore
from payrec.publish.lists import Publication, as_contract, contract_of
from payrec.publish.run_info import Published
from payrec.publish.store import ListStore, open_store

LOOK_EVERY_S = 0.5
NO_OWN_CREDENTIALS = {
    "password": "",  # present but empty: libpq then reads neither PGPASSWORD nor a service file's
    "passfile": "/dev/null",
    "hostaddr": "",
    "sslcertmode": "disable",
    "gssencmode": "disable",
    "require_auth": "scram-sha-256,none",  # no password in clear or as MD5
}
"""Options of libpq that keep the credentials of this process from a database that a visitor chooses."""


@dataclass(frozen=True)
class Source:
    """A folder of published lists and, if they come from a database, its address (it may hold a password)."""

    folder: Path
    label: str
    url: str | None = field(default=None, repr=False)

    @property
    def key(self) -> str:
        """Name of the source that reveals nothing of its address."""
        return hashlib.sha256(f"{self.folder}\0{self.url}".encode()).hexdigest()


@dataclass(frozen=True)
class Served:
    """All kept runs, the served one first, and the verdicts of monitoring."""

    runs: tuple[Published, ...]
    history: pa.Table

    @property
    def current(self) -> Published | None:
        """The run that is served, None before the first."""
        return self.runs[0] if self.runs else None


def configured(settings: Settings) -> Source:
    """Return the source that the settings name: the published folder of an embedded database, else the database."""
    address = settings.database_url()
    if not keeps_lists(address):
        return Source(settings.published_dir, f"published folder {settings.published_dir}")
    return of_database(settings, address)


def of_database(settings: Settings, url: str) -> Source:
    """Return the source that reads a database through a folder of its own."""
    if is_cluster(url):
        server, _, named = url.partition("?")
        shown = f"{server.partition(';')[0]}?{named}"  # after the semicolon stands the token
        name = hashlib.sha256(shown.encode()).hexdigest()[:16]
        return Source(settings.out_dir / "app" / name, f"Spark {shown}", url)
    parts = urlsplit(url)
    credentials, _, host = parts.netloc.rpartition("@")
    options = [(name, value) for name, value in parse_qsl(parts.query) if name != "password"]
    shown = f"{credentials.partition(':')[0]}@{host}{parts.path}?{urlencode(options)}"
    name = hashlib.sha256(shown.encode()).hexdigest()[:16]
    return Source(settings.out_dir / "app" / name, f"PostgreSQL {host}{parts.path}", url)


def connection(listed: str, user: str, password: str) -> str:
    """Return a listed address with its own user and password, or a visitor's; libpq adds none of this process.

    Raises
    ------
    UsageError
        Neither the list nor the visitor names a user.

    >>> connection("postgresql://db.example/payrec?require_auth=md5", "ana", "p@ss/word").partition("?")[0]
    'postgresql://ana:p%40ss%2Fword@db.example/payrec'
    """
    parts = urlsplit(listed)
    options = NO_OWN_CREDENTIALS | dict(parse_qsl(parts.query, keep_blank_values=True))
    credentials, _, host = parts.netloc.rpartition("@")
    listed_user, _, secret = credentials.partition(":")
    who = quote(user, safe="") or listed_user or quote(options.get("user", ""), safe="")
    options.pop("user", None)
    if user or password:  # a listed password belongs to the listed user alone
        secret, options["password"] = quote(password, safe=""), ""
    if secret:
        del options["password"]
    if not who:
        raise UsageError("found no user for this database, expected one\nenter a user that may read its lists")
    return urlunsplit(("postgresql", f"{who}:{secret}@{host}", parts.path, urlencode(options), ""))


def changed_ns(source: Source) -> tuple[int, ...]:
    """Return when a folder last changed: its pointer and its verdicts; the same as long as it serves the same."""
    paths = (source.folder / folder_store.POINTER, source.folder / "monitor")
    return tuple(path.stat().st_mtime_ns for path in paths if path.exists())


def look(source: Source) -> Served:
    """Return what is served now; the newest list of a database is copied first, unless it is there already.

    Raises
    ------
    DatabaseUnreachable
        The database does not answer.
    DataRefused
        What is published is damaged.
    """
    folder = FolderStore(source.folder)
    if source.url is None:
        return Served(tuple(folder.runs()), folder.verdicts())
    with connect(source.url) as engine:
        store = open_store(engine)
        served = Served(tuple(store.runs()), store.verdicts())
        if served.current and not folder.scores_file(served.current.run.run_id).is_file():
            _copy(store, served.current, folder)
    return served


def _copy(store: ListStore, newest: Published, folder: FolderStore) -> None:
    """Copy a published list with its details into a folder that only this user can read."""
    run_id = newest.run.run_id

    def batches(name: str) -> Iterator[pa.RecordBatch]:
        with suppress(PayrecError):  # a role that may read lists but no details: the pages then show less
            if (rows := store.detail(run_id, name)) is not None:
                yield from rows.to_batches()

    folder.folder.mkdir(parents=True, exist_ok=True)
    folder.folder.chmod(0o700)
    copies = {name: partial(batches, name) for name in (details.CUSTOMERS, *details.NAMES)}
    folder.commit(Publication(newest.run, store.scores(run_id), copies, serve=True, keep=2))


def actions_since(source: Source, since: datetime, customer_id: str | None = None) -> tuple[Action, ...]:
    """Return the actions recorded since a time; none where a role may not read them."""
    if source.url is None:
        return actions.read(FolderStore(source.folder), since, customer_id)
    with connect(source.url) as engine:
        return actions.read(open_store(engine), since, customer_id)


class ActionLog:
    """The actions since a list was made, for all sessions of the process; a look reads only what is new."""

    def __init__(self, source: Source, since: datetime) -> None:
        self._source, self._since, self._lock = source, since, threading.Lock()
        self._actions: tuple[Action, ...] = ()
        self._states: tuple[tuple[Action, ...], date, dict[str, CustomerState]] = ((), date.min, {})
        self._key: object = None
        self._looked_s = -math.inf

    def look(self) -> tuple[Action, ...]:
        """Return the actions in the order recorded; the same tuple as long as nothing is new.

        The days of a folder are looked at every time, a database at most every ``LOOK_EVERY_S`` seconds.
        """
        with self._lock:
            if self._source.url is None:
                days = sorted(self._source.folder.joinpath(actions.FOLDER).glob("*-*-*"))
                days = [day for day in days if day.name >= f"{self._since:%Y-%m-%d}"]
                # two files of one tick of the file system's clock leave one time of the folder
                key = [(day.stat().st_mtime_ns, len(os.listdir(day))) for day in days]
                if key != self._key:
                    self._actions, self._key = self._newer(), key
            elif time.monotonic() - self._looked_s >= LOOK_EVERY_S:
                self._actions, self._looked_s = self._newer(), time.monotonic()
            return self._actions

    def states(self, today: date) -> dict[str, CustomerState]:
        """Return where the team stands with each customer; derived when something is new."""
        recorded, (of, day, states) = self.look(), self._states
        if recorded is not of or day != today:
            states = customer_states(recorded, self._since, today)
            self._states = recorded, today, states
        return states

    def _newer(self) -> tuple[Action, ...]:
        with store_of(self._source) as store:
            return actions.newer(store, self._since, self._actions)


class IndexedFolder(FolderStore):
    """A folder of lists that takes the orders of one customer from the index of the list, which its page has read."""

    def scores_of(self, customer_id: str, run_id: str | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows of a customer, as the folder does."""
        customers = run_id and self.detail_file(run_id, details.CUSTOMERS)
        if not run_id or not columns or not customers or not customers.is_file():
            return super().scores_of(customer_id, run_id, columns)
        files = CustomerList(customers, self.scores_file(run_id))
        return as_contract(orders_of_customer(files, customer_id, columns), contract_of(columns, "order"))


@contextmanager
def store_of(source: Source) -> Iterator[FolderStore | DatabaseStore]:
    """Open the store of the source, to record an action in it."""
    if source.url is None:
        yield IndexedFolder(source.folder)
        return
    with connect(source.url) as engine:
        yield DatabaseStore(engine)


def past(source: Source, served: Served, order_id: str, most: int) -> list[tuple[str, float | None, str | None]]:
    """Return (run id, probability, suppressed reason) of an order in the newest ``most`` runs that have it."""
    names = [one.run.run_id for one in sorted(served.runs, key=lambda one: one.run.as_of, reverse=True)[:most]]
    columns = "run_id, p_recover_30d, suppressed_reason"
    if source.url is None:
        files = [str(file) for name in names if (file := FolderStore(source.folder).scores_file(name)).is_file()]
        sql = f"SELECT {columns} FROM read_parquet($files, union_by_name = true) WHERE order_id = $order_id"
        rows = list_query.query(sql, {"files": files, "order_id": order_id}).to_pylist() if files else []
    else:
        inside = f"run_id IN ({', '.join(map(sql_literal, names))})"
        with connect(source.url) as engine:
            sql = f"SELECT {columns} FROM payrec_scores WHERE order_id = {sql_literal(order_id)} AND {inside}"
            rows = engine.read(sql).to_pylist()
    return [(row["run_id"], row["p_recover_30d"], row["suppressed_reason"]) for row in rows]


def test(url: str, settings: Settings) -> Source:
    """Return the source of ``url`` once it has answered.

    Raises
    ------
    DatabaseUnreachable
        It does not answer, or has no published list that this role may read.
    """
    source = of_database(settings, url)
    if look(source).current is None:
        raise DatabaseUnreachable(
            f"{source.label} answers, but holds no published list that this role may read\n"
            "make one: payrec run, or give the role the right to read payrec_runs and payrec_scores"
        )
    return source

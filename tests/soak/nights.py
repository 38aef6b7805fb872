"""Nights one after another in one process, and what each used: CPU, memory, disk, open files, threads, connections."""

from __future__ import annotations

import gc
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psycopg

from payrec.commands import train as train_command
from payrec.commands.run import RunConfig, execute
from payrec.data import layers
from payrec.data.engines import connect, keeps_lists
from payrec.model.store import versions
from payrec.publish import lock
from payrec.publish.store import open_store
from payrec.worklist.policy import Policy
from tests import postgres_server
from tests.soak.arrivals import DAY, Arrivals

MB = 1_000_000


@dataclass(frozen=True)
class Used:
    """What one night used, and what was there after it. ``cpu_s`` has the database server's share too."""

    night: int
    orders: int
    listed: int
    cpu_s: float
    rss_mb: float
    database_mb: float
    lists_mb: float
    history_mb: float
    kept: int
    files: int
    threads: int
    connections: int


@dataclass(frozen=True)
class Place:
    """A database with its folder; for one on a server: its CPU seconds, the connections to it, its room on the disk."""

    url: str
    folder: Path
    server_cpu: Callable[[], float] = lambda: 0.0
    connections: Callable[[], int] = lambda: 0
    database_bytes: Callable[[], int] | None = None
    overnight: Callable[[], None] = lambda: None

    @property
    def published(self) -> Path | None:
        """Where lists are published; None: in the database."""
        return None if keeps_lists(self.url) else self.folder / "published"

    def stored(self) -> int:
        """Bytes of the database."""
        return self.database_bytes() if self.database_bytes else size(self.folder, "payrec.duckdb*")


def size(folder: Path, pattern: str = "**/*") -> int:
    """Bytes of all files in a folder that fit the pattern."""
    return sum(path.stat().st_size for path in folder.glob(pattern) if path.is_file())


def train(arrivals: Arrivals, first: datetime, models: Path) -> None:
    """Train the one model of all nights on what is known before the first."""
    with connect("duckdb://") as engine:
        layers.prepare(engine)
        arrivals.hand_over(engine, None, first)
        trained = train_command.train(engine, models, "original", now=first, max_rows=100_000)
        versions.promote(models, trained.model_id)


@dataclass(frozen=True)
class Soak:
    """What is done: so many nights after ``first``, lists kept for so many days."""

    arrivals: Arrivals
    models: Path
    first: datetime
    nights: int
    retention_days: int


def run(database: Place, soak: Soak) -> Iterator[Used]:
    """Load each day's files, run the night, and measure it."""
    arrivals, first = soak.arrivals, soak.first
    with connect(database.url) as engine:
        layers.prepare(engine)
        arrivals.hand_over(engine, None, first)
    for number in range(1, soak.nights + 1):
        at = first + number * DAY
        before = _cpu() + database.server_cpu()
        with connect(database.url) as engine:
            arrivals.hand_over(engine, at - DAY, at)
        report = execute(config(database, soak, at), lambda _: None)
        open_connections = database.connections()
        spent = _cpu() + database.server_cpu() - before
        database.overnight()
        yield _measured(database, number, report.ranked.num_rows, spent, open_connections)
        del report


def config(database: Place, soak: Soak, at: datetime) -> RunConfig:
    now = at + timedelta(hours=3)
    return RunConfig(
        as_of=at,
        models=soak.models,
        policy=Policy(capacity={"total": 50}),
        published=database.published,
        holder=lock.Holder(os.getpid(), "here", now),
        database_url=database.url,
        lock_folder=database.folder,
        now=now,
        retention_days=soak.retention_days,
    )


def _measured(database: Place, number: int, listed: int, spent: float, connections: int) -> Used:
    gc.collect()
    with connect(database.url) as engine:
        orders = layers.count(engine, "raw_transactions")
        kept = len(open_store(database.published or engine).runs())
    return Used(
        night=number,
        orders=orders,
        listed=listed,
        cpu_s=spent,
        rss_mb=int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / MB,
        database_mb=database.stored() / MB,
        lists_mb=size(database.folder / "published" / "runs") / MB,
        history_mb=size(database.folder / "published" / "monitor") / MB,
        kept=kept,
        files=len(os.listdir("/proc/self/fd")),
        threads=len(os.listdir("/proc/self/task")),
        connections=connections,
    )


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@contextmanager
def on_postgres(folder: Path) -> Iterator[Place]:
    """Start a server of our own. Each night ends with the VACUUM that autovacuum would do during a day."""
    with postgres_server.running() as server:
        admin_url = server.url("postgres")
        postgres_server.create_database(admin_url, "soak")
        with psycopg.connect(admin_url, autocommit=True) as admin:
            yield Place(
                url=server.url("soak"),
                folder=folder,
                server_cpu=lambda: _server_cpu(server),
                connections=lambda: _connections(admin),
                database_bytes=lambda: _number(admin, "SELECT pg_database_size('soak')"),
                overnight=lambda: _vacuum(server.url("soak")),
            )


def _server_cpu(server: postgres_server.Server) -> float:
    """CPU seconds of the server and of all that it started and that have ended."""
    pid = (server.data / "postmaster.pid").read_text().split()[0]
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _connections(admin: psycopg.Connection) -> int:
    """Connections to the database that are still there; those that have just been closed are given a second to go.

    Their processes too: the server counts what they used when they are gone.
    """
    query = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = 'soak'"
    for _ in range(20):
        admin.execute("SELECT pg_sleep(0.05)")
        if not (count := _number(admin, query)):
            break
    return count


def _number(admin: psycopg.Connection, select: str) -> int:
    row = admin.execute(select).fetchone()
    assert row is not None
    return int(row[0])


def _vacuum(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM")

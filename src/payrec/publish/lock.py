"""One run at a time: a lock file (embedded), or an advisory lock of PostgreSQL. The second run learns who holds it.

The operating system, or the server, lets go of the lock when its holder dies, however it dies: a lock that was left
behind is simply taken.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from payrec.common import files
from payrec.common.errors import Locked, file_errors
from payrec.data.engines import keeps_lists, spark_session

NAME = "payrec.lock"
POLL_S = 0.1
ADVISORY_KEY = 0x7061_7972_6563  # "payrec" in ASCII


@dataclass(frozen=True)
class Holder:
    """Who asks for the lock: process, machine, and since when (from the command line, which has the clock)."""

    pid: int
    host: str
    started_at: datetime

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.started_at:%Y-%m-%d %H:%M:%S} UTC"


def held(url: str, folder: Path, holder: Holder, wait_s: float = 0.0) -> AbstractContextManager[None]:
    """Hold the lock that belongs to a database: of PostgreSQL its advisory lock, else a lock file.

    The file lies in ``folder``; of Spark it lies in the warehouse, which several machines may share.
    """
    if keeps_lists(url):
        return advisory_lock(url, holder, wait_s)
    if url.startswith("spark"):
        return file_lock(spark_session.address(url)[1], holder, wait_s)
    return file_lock(folder, holder, wait_s)


@contextmanager
def file_lock(folder: Path, holder: Holder, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the lock of a folder; wait up to ``wait_s`` for it.

    Raises
    ------
    Locked
        Another process holds it; the message names it.
    UsageError
        The folder cannot be written.
    """
    path = folder / NAME
    with file_errors(path):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, timeout=wait_s, poll_interval=POLL_S)
        try:
            lock.acquire()
        except Timeout:
            raise Locked(_refusal(_held_by(folder))) from None
    try:
        with files.replacing(_note(folder)) as sink:
            sink.write(json.dumps(asdict(holder), default=datetime.isoformat).encode())
        yield
    finally:
        _note(folder).unlink(missing_ok=True)
        lock.release()


def _note(folder: Path) -> Path:
    return folder / f"{NAME}.holder"  # a file of its own: a locked file may not be readable everywhere


def _held_by(folder: Path) -> str | None:
    try:
        note = json.loads(_note(folder).read_bytes())
        return str(Holder(note["pid"], note["host"], datetime.fromisoformat(note["started_at"])))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # the holder is just coming or going


def _refusal(held_by: str | None) -> str:
    who = held_by or "another process (holder unknown yet)"
    return f"another run holds the lock: {who}\nwait until it finishes, or start with --wait"


@contextmanager
def advisory_lock(url: str, holder: Holder, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the advisory lock of a PostgreSQL database, on a connection of its own; wait up to ``wait_s`` for it.

    Raises
    ------
    Locked
        Another connection holds it; the message names its process.
    DatabaseUnreachable
        The server does not answer.
    """
    from payrec.data.engines.postgres_session import Session, address

    server = address(url)
    # the server's list of sessions shows this name, up to 63 bytes: so the next run knows whom it waits for
    name = f"payrec {holder.pid} {holder.started_at:%Y-%m-%dT%H:%M:%S} {holder.host}".encode()[:63].decode(
        errors="ignore"
    )
    session = Session(replace(server, libpq=tuple({**dict(server.libpq), "application_name": name}.items())))
    try:
        give_up_at = time.monotonic() + wait_s
        while not session.read(f"SELECT pg_try_advisory_lock({ADVISORY_KEY}) AS got")["got"][0].as_py():
            if time.monotonic() >= give_up_at:
                sessions = session.read(_WHO.format(key=ADVISORY_KEY))["who"].to_pylist()
                raise Locked(_refusal(_named(str(sessions[0])) if sessions else None))
            time.sleep(POLL_S)
        yield
    finally:
        session.close()  # the server lets go


def _named(application: str) -> str:
    word, _, rest = application.partition(" ")
    pid, since, host = (*rest.split(" ", 2), "", "", "")[:3]
    if word != "payrec" or not host:
        return f"a database session named {application!r}"
    return f"process {pid} on {host}, since {since.replace('T', ' ')} UTC"


_WHO = """
SELECT CAST(a.application_name AS VARCHAR) AS who
FROM pg_locks AS l
JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND (CAST(l.classid AS BIGINT) << 32 | CAST(l.objid AS BIGINT)) = {key}
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

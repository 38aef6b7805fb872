"""One run at a time: a lock file (embedded), an advisory lock of PostgreSQL, or a view in a catalog of Spark.

The second run learns who holds it. The operating system, or the server, releases the lock when its holder dies: a lock
that was left behind is taken; one of a catalog after 25 seconds without a sign of life. A holder that lives can lose it
too, with its connection or its file; so each gives a check to be made before publishing, which raises
:class:`~payrec.publish.ledger.LostLock`.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from payrec.common import files
from payrec.common.errors import Locked, PayrecError, file_errors
from payrec.data.engines import is_cluster, keeps_lists
from payrec.publish.ledger import LostLock

NAME = "payrec.lock"
POLL_S = 0.1
ADVISORY_KEY = 0x7061_7972_6563  # "payrec" in ASCII
StillHeld = Callable[[], None]


@dataclass(frozen=True)
class Holder:
    """Who asks for the lock: process, machine, and since when (from the command line, which has the clock)."""

    pid: int
    host: str
    started_at: datetime

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.started_at:%Y-%m-%d %H:%M:%S} UTC"


def held(url: str, folder: Path, holder: Holder, wait_s: float = 0.0) -> AbstractContextManager[StillHeld]:
    """Hold the lock that belongs to a database: of PostgreSQL its advisory lock, else a lock file.

    The file lies in ``folder``; a cluster of Spark keeps the lock in its catalog. Gives the check that the lock is
    still held.
    """
    if is_cluster(url):
        return catalog_lock(url, holder, wait_s)
    if keeps_lists(url):
        return advisory_lock(url, holder, wait_s)
    return file_lock(folder, holder, wait_s)


@contextmanager
def file_lock(folder: Path, holder: Holder, wait_s: float = 0.0) -> Iterator[StillHeld]:
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
        for damaged in (path, _note(folder)):
            if os.path.lexists(damaged) and not damaged.is_file():  # such as a folder, which nobody can have locked
                damaged.rename(folder / f".damaged-{damaged.name}-{secrets.token_hex(4)}")
        lock = FileLock(path, timeout=wait_s, poll_interval=POLL_S)
        try:
            lock.acquire()
        except Timeout:
            raise Locked.by_run(_held_by(folder)) from None
    try:
        with files.replacing(_note(folder)) as sink:
            sink.write(json.dumps(asdict(holder), default=datetime.isoformat).encode())
        ours = path.stat().st_ino

        def still_held() -> None:
            if not path.exists() or path.stat().st_ino != ours:
                raise LostLock(_lost(f"{path} was deleted"))

        yield still_held
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


def _lost(reason: str) -> str:
    return f"this run lost its lock: {reason}\nits list is not published; start it again"


@contextmanager
def catalog_lock(url: str, holder: Holder, wait_s: float = 0.0) -> Iterator[StillHeld]:
    """Hold the lock of a schema of a Spark cluster; wait up to ``wait_s`` for a holder that is alive.

    Raises
    ------
    Locked
        Another program holds it; the message names it.
    DatabaseUnreachable
        The cluster does not answer.
    """
    from payrec.data.engines.spark import Spark

    with Spark(url) as engine, engine.run_lock(str(holder), wait_s) as lock:

        def still_held() -> None:
            if not lock.is_held():
                raise LostLock(_lost("another run found it without a sign of life, and took it"))

        yield still_held


@contextmanager
def advisory_lock(url: str, holder: Holder, wait_s: float = 0.0) -> Iterator[StillHeld]:
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
        is_free = session.advisory_lock(ADVISORY_KEY, wait_s=wait_s)
        if not is_free:
            sessions = session.read(_WHO.format(key=ADVISORY_KEY)).to_pylist()
            runs = [one["who"] for one in sessions if one["may_publish"]]
            if runs or not sessions:  # else a role that may not publish keeps runs away: the ledger tells runs apart
                raise Locked.by_run(_named(str(runs[0])) if runs else None)

        def still_held() -> None:
            try:
                is_held = session.read(_HELD.format(key=ADVISORY_KEY))["is_held"][0].as_py() or not is_free
            except PayrecError:
                is_held = False
            if not is_held:
                raise LostLock(_lost("its connection to the database was ended"))

        yield still_held
    finally:
        session.close()  # the server lets go


def _named(application: str) -> str:
    word, _, rest = application.partition(" ")
    pid, since, host = (*rest.split(" ", 2), "", "", "")[:3]
    if word != "payrec" or not host:
        return f"a database session named {application!r}"
    return f"process {pid} on {host}, since {since.replace('T', ' ')} UTC"


_HOLDERS = """
FROM pg_locks AS l
JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND (CAST(l.classid AS BIGINT) << 32 | CAST(l.objid AS BIGINT)) = {key}
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_WHO = f"""
SELECT CAST(a.application_name AS VARCHAR) AS who,
    COALESCE(
        (SELECT pg_has_role(a.usesysid, c.relowner, 'MEMBER') OR has_table_privilege(a.usesysid, c.oid, 'INSERT')
         FROM pg_class AS c WHERE c.oid = to_regclass('payrec_runs')),
        true
    ) AS may_publish
{_HOLDERS}
"""
_HELD = f"SELECT COUNT(*) > 0 AS is_held {_HOLDERS} AND l.pid = pg_backend_pid()"

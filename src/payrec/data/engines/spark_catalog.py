"""The warehouse folder of the Spark engine: Parquet parts, and one small file that says which of them are the tables.

A part is written once and never changed. A change is a new catalog file in the place of the old one, so that it happens
as a whole or not at all, and whoever reads by the old one is not disturbed. What no catalog names any more, such as
the parts of a program that was killed, is taken away by the next one that opens the warehouse.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
from filelock import FileLock, Timeout

from payrec.common.errors import DatabaseUnreachable, DataRefused, Locked
from payrec.data.engines.rows import sql_type
from payrec.data.engines.spark_sql import Shape, shape

FORMAT = 1
NAME = "payrec_catalog.json"
PARTS = "parts"
LOCK_WAIT_S = 30.0


@dataclass(frozen=True)
class Part:
    """One folder of Parquet files, and how many rows are in it."""

    folder: str
    rows: int


@dataclass(frozen=True)
class Table:
    """A table: its columns, keys and rules, and the parts that hold its rows."""

    shape: Shape
    parts: tuple[Part, ...] = ()
    temporary: bool = False

    @property
    def rows(self) -> int:
        """Rows of all parts."""
        return sum(part.rows for part in self.parts)

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema of the rows."""
        return self.shape.schema


@dataclass(frozen=True)
class State:
    """All tables, and the query of each view, in the order in which they were made."""

    tables: dict[str, Table] = field(default_factory=dict)
    views: dict[str, str] = field(default_factory=dict)

    def with_table(self, name: str, table: Table) -> State:
        """Return the state with a table added or replaced."""
        return replace(self, tables={**self.tables, name: table})

    def with_view(self, name: str, select: str) -> State:
        """Return the state with a view added or replaced."""
        return replace(self, views={**self.views, name: select})

    def without(self, name: str) -> State:
        """Return the state without a table or view."""
        kept = {key: table for key, table in self.tables.items() if key != name}
        return State(kept, {key: select for key, select in self.views.items() if key != name})

    @property
    def folders(self) -> frozenset[str]:
        """Folders that hold rows."""
        return frozenset(part.folder for table in self.tables.values() for part in table.parts)


def to_json(state: State) -> str:
    """Write a state down; temporary tables are left out."""
    tables = {
        name: {
            "columns": [[c.name, sql_type(c.kind), c.needed] for c in table.shape.columns],
            "keys": table.shape.keys,
            "rules": table.shape.rules,
            "parts": [[part.folder, part.rows] for part in table.parts],
        }
        for name, table in state.tables.items()
        if not table.temporary
    }
    return json.dumps({"format": FORMAT, "tables": tables, "views": state.views}, indent=1)


def from_json(text: str) -> State:
    """Read what :func:`to_json` wrote."""
    document = json.loads(text)
    tables = {
        name: Table(_shape(entry), tuple(Part(str(folder), int(rows)) for folder, rows in entry["parts"]))
        for name, entry in document["tables"].items()
    }
    return State(tables, dict(document["views"]))


def _shape(entry: dict[str, list[list[str]]]) -> Shape:
    columns = ", ".join(
        '"' + name.replace('"', '""') + f'" {kind}{" NOT NULL" if needed else ""}'
        for name, kind, needed in entry["columns"]
    )
    return replace(shape(columns), keys=tuple(map(tuple, entry["keys"])), rules=tuple(map(str, entry["rules"])))


class Warehouse:
    """A warehouse folder: read its catalog, replace it, and keep the parts that it names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.new_parts: set[str] = set()  # parts that this program has begun and no catalog names yet
        self._seen: tuple[int, int, int] | None = None
        self._state = State()
        try:
            (folder / PARTS).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            msg = f"cannot make the warehouse folder {folder}: {error.strerror}"
            raise DatabaseUnreachable(f"{msg}\nname another folder, or mend its rights") from error
        self._lock = FileLock(folder / f"{NAME}.lock")
        self.clean()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others from changing the tables; wait for one that is at it."""
        try:
            self._lock.acquire(timeout=LOCK_WAIT_S)
        except Timeout:
            msg = f"another program has been changing the tables in {self.folder} for {LOCK_WAIT_S:.0f} seconds"
            raise Locked(f"{msg}\nwait until it ends, then try again") from None
        try:
            yield
        finally:
            self._lock.release()

    def state(self) -> State:
        """Return the tables as the catalog has them now."""
        try:
            about = os.stat(self.folder / NAME)
            seen = (about.st_ino, about.st_mtime_ns, about.st_size)
            if seen != self._seen:
                self._state = self._parsed((self.folder / NAME).read_text(encoding="utf-8"))
                self._seen = seen
        except FileNotFoundError:
            self._state = State()
        except OSError as error:
            raise DatabaseUnreachable(f"cannot read the warehouse folder {self.folder}: {error.strerror}") from error
        return self._state

    def _parsed(self, text: str) -> State:
        try:
            if json.loads(text)["format"] > FORMAT:
                msg = f"the warehouse {self.folder} was made by a newer payrec"
                raise DatabaseUnreachable(f"{msg}\nupdate payrec")
            return from_json(text)
        except (ValueError, KeyError, TypeError) as error:
            msg = f"the catalog {self.folder / NAME} is damaged: {str(error).splitlines()[0]}"
            raise DataRefused(f"{msg}\nrestore the folder from a backup") from error

    def commit(self, state: State) -> None:
        """Make ``state`` what the warehouse holds, in one step; the caller holds the lock."""
        aside = self.folder / f"{NAME}.new"
        with _folder_errors(self.folder):
            with aside.open("w", encoding="utf-8") as sink:
                sink.write(to_json(state))
                sink.flush()
                os.fsync(sink.fileno())
            os.replace(aside, self.folder / NAME)
            _sync(self.folder)

    def new_part(self) -> str:
        """Return the name of a folder for rows; it is not made yet."""
        name = uuid.uuid4().hex
        self.new_parts.add(name)
        return name

    def path(self, folder: str) -> Path:
        """Path of a part."""
        return self.folder / PARTS / folder

    def remove(self, folders: frozenset[str]) -> None:
        """Take parts away."""
        for folder in folders:
            shutil.rmtree(self.path(folder), ignore_errors=True)

    @contextmanager
    def reading(self) -> Iterator[Path]:
        """Give a folder for the rows of one query, for as long as they are read."""
        folder = self.folder / f"reading-{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex}"
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def clean(self) -> None:
        """Take away what programs that were killed have left."""
        mine = f"reading-{socket.gethostname()}-"
        for left in self.folder.glob(f"{mine}*"):
            if not _alive(left.name.removeprefix(mine)):
                shutil.rmtree(left, ignore_errors=True)
        with suppress(Timeout):  # else somebody is writing
            self._lock.acquire(timeout=0)
            try:
                there = frozenset(path.name for path in (self.folder / PARTS).iterdir())
                self.remove(there - self.state().folders)
                (self.folder / f"{NAME}.new").unlink(missing_ok=True)
            finally:
                self._lock.release()


def _alive(rest: str) -> bool:
    try:
        os.kill(int(rest.partition("-")[0]), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def _folder_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        msg = f"cannot write to the warehouse folder {folder}: {error.strerror}"
        raise DatabaseUnreachable(f"{msg}\nwhat was there before is unharmed") from error


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

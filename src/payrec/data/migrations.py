"""Changes to tables that hold data: numbered SQL files, each applied once, in order, with its checksum stored.

``sql/01_schema.sql`` creates the raw tables of a new database; a change to an existing one is a file in
``sql/migrations``, named ``NN_what.sql``, or ``NN_what.postgres.sql`` for the engines named. The published tables are
all created by the files of ``publish/sql``. A file that has been released is never changed: the next one corrects it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import pairwise

import pyarrow as pa

from payrec.common.errors import UsageError
from payrec.data.engines import Engine
from payrec.data.engines.retry import retrying

RAW_LEDGER, PUBLISHED_LEDGER = "payrec_raw_migrations", "payrec_migrations"
_FILE = re.compile(r"^(\d+)_\w+?((?:\.\w+)*)\.sql$")


@dataclass(frozen=True)
class Migration:
    """One file: its number, its name, its SQL."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Checksum of the SQL."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations_in(folder: Traversable, engine: str = "") -> tuple[Migration, ...]:
    """Return the migrations in a folder, in order; those of another engine than ``engine`` are left out.

    Raises
    ------
    UsageError
        Two files have one number.
    """
    named = [(match, file) for file in folder.iterdir() if (match := _FILE.match(file.name))]
    ours = [(match, file) for match, file in named if not match[2] or engine in match[2].split(".")[1:]]
    migrations = [Migration(int(match[1]), file.name, file.read_text(encoding="utf-8")) for match, file in ours]
    ordered = sorted(migrations, key=lambda migration: migration.number)
    for one, other in pairwise(ordered):
        if one.number == other.number:
            raise UsageError(f"found two migrations with one number: {one.name} and {other.name}")
    return tuple(ordered)


def apply(engine: Engine, wanted: tuple[Migration, ...], ledger: str = RAW_LEDGER) -> list[str]:
    """Bring a database up to date, all or nothing; return the names of the files that were applied.

    Raises
    ------
    UsageError
        The database was made by a newer payrec, or a file that was applied has been changed since.
    """
    done = _applied(engine, ledger)
    _refuse_foreign(done, wanted)
    missing = [migration for migration in wanted if migration.number not in done]
    if not missing:
        return []
    with engine.transaction():
        if ledger not in engine.tables():
            columns = "number BIGINT NOT NULL PRIMARY KEY, name VARCHAR(200) NOT NULL, sha256 VARCHAR(64) NOT NULL"
            engine.run(f"CREATE TABLE {ledger} ({columns})")
        for migration in missing:
            engine.run(migration.sql)
        rows = [{"number": one.number, "name": one.name, "sha256": one.sha256} for one in missing]
        engine.write(ledger, pa.Table.from_pylist(rows), key=())
    return [migration.name for migration in missing]


def published(engine: str) -> tuple[Migration, ...]:
    """Return the migrations of the published tables on an engine, in order."""
    return migrations_in(files("payrec.publish") / "sql", engine)


def migrate_published(engine: Engine, wanted: tuple[Migration, ...] | None = None) -> list[str]:
    """Bring the published tables up to date, as :func:`apply`; what the server interrupts is repeated as a whole.

    On PostgreSQL the role of the web app, if there is one, may read what was added.
    """

    def migrate() -> list[str]:
        with engine.transaction():
            applied = apply(engine, published(engine.name) if wanted is None else wanted, PUBLISHED_LEDGER)
            if applied and engine.name == "postgres":
                grants = files("payrec.data") / "sql" / "postgres" / "app_grants.sql"
                engine.run(grants.read_text(encoding="utf-8"))
        return applied

    return retrying(migrate)


def _applied(engine: Engine, ledger: str) -> dict[int, tuple[str, str]]:
    if ledger not in engine.tables():
        return {}
    rows = engine.read(f"SELECT number, name, sha256 FROM {ledger} ORDER BY number").to_pylist()
    return {row["number"]: (row["name"], row["sha256"]) for row in rows}


def _refuse_foreign(done: dict[int, tuple[str, str]], wanted: tuple[Migration, ...]) -> None:
    ours = {migration.number: migration for migration in wanted}
    for number, (name, sha256) in done.items():
        if number not in ours:
            msg = f"the database has payrec's tables as of {name}, which this payrec does not know"
            raise UsageError(f"{msg}\nit was made by a newer version: update payrec")
        if ours[number].sha256 != sha256:
            msg = f"{name} was applied to this database with another content than this payrec has"
            raise UsageError(f"{msg}\nuse the payrec that made it, or restore a backup")

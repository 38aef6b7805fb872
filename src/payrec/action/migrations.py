"""Tables of payrec's own in a database: numbered SQL files, each applied once, with a checksum of what was applied."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files

import pyarrow as pa

from payrec.data.engines import Engine
from payrec.errors import UsageError

LEDGER = "payrec_migrations"
_FILE = re.compile(r"^(\d\d)_\w+\.sql$")
_MAKE_LEDGER = f"""
CREATE TABLE {LEDGER} (number BIGINT NOT NULL PRIMARY KEY, name VARCHAR(200) NOT NULL, sha256 VARCHAR(64) NOT NULL)
"""


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


def known() -> tuple[Migration, ...]:
    """Return the files that this payrec brings, in order."""
    folder = files("payrec.action") / "sql"
    found = [(match, file) for file in folder.iterdir() if (match := _FILE.match(file.name))]
    made = [Migration(int(match[1]), file.name, file.read_text(encoding="utf-8")) for match, file in found]
    return tuple(sorted(made, key=lambda migration: migration.number))


def apply(engine: Engine, migrations: tuple[Migration, ...] | None = None) -> list[str]:
    """Bring a database up to date, all or nothing; return the names of the files that were applied.

    Raises
    ------
    UsageError
        The database was made by a newer payrec, or a file that was applied has been changed since.
    """
    wanted = known() if migrations is None else migrations
    done = _applied(engine)
    _refuse_foreign(done, wanted)
    missing = [migration for migration in wanted if migration.number not in done]
    if not missing:
        return []
    with engine.transaction():
        if LEDGER not in engine.tables():
            engine.run(_MAKE_LEDGER)
        for migration in missing:
            engine.run(migration.sql)
        rows = [{"number": one.number, "name": one.name, "sha256": one.sha256} for one in missing]
        engine.write(LEDGER, pa.Table.from_pylist(rows), key=())
    return [migration.name for migration in missing]


def _applied(engine: Engine) -> dict[int, tuple[str, str]]:
    if LEDGER not in engine.tables():
        return {}
    rows = engine.read(f"SELECT number, name, sha256 FROM {LEDGER} ORDER BY number").to_pylist()
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

"""The database of one load: in memory, spilling into a folder of its own, and shut off from everything else."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from payrec.common.errors import told
from payrec.data.load.sql_text import literal

MEMORY = "1500MB"  # beyond it the tables go to the temporary folder
PREFIX = "payrec-load-"  # of that folder
ABANDONED_S = 86_400.0


@contextmanager
def database(zone: str | None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an empty database in memory that can reach no file and no network, and reads zoneless times in ``zone``."""
    with _temporary_folder() as folder:
        config: dict[str, str | bool | int | float | list[str]] = {
            "temp_directory": folder,
            "memory_limit": MEMORY,
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        db = duckdb.connect(":memory:", config=config)
        try:
            db.execute(f"SET TimeZone = {literal(zone or 'UTC')}")
            if db.execute("SELECT current_setting('enable_progress_bar')").fetchall() == [(True,)]:
                # where it is off, a notebook may refuse to have it touched
                db.execute("SET enable_progress_bar = false")
            db.execute("SET enable_external_access = false")
            db.execute("SET lock_configuration = true")
            yield db
        finally:
            db.close()


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    with told(Path(tempfile.gettempdir())):
        made = tempfile.TemporaryDirectory(prefix=PREFIX)
    _sweep(Path(made.name))
    return made


def _sweep(new: Path) -> None:
    """Take away what killed loads left beside ``new``; age is told by the disk alone, so that no clock is read."""
    newest = new.stat().st_mtime
    for folder in new.parent.glob(f"{PREFIX}*"):
        with suppress(OSError):  # another load took it away
            if newest - folder.stat().st_mtime > ABANDONED_S:
                shutil.rmtree(folder, ignore_errors=True)

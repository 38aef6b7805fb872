"""The database of one load: in memory, spilling into a folder of its own, and shut off from everything else."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from payrec.common import duck
from payrec.common.errors import file_errors

MEMORY = "1500MB"  # beyond it the tables go to the temporary folder
PREFIX = "payrec-load-"  # of that folder
ABANDONED_S = 86_400.0


@contextmanager
def database(zone: str | None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an empty database in memory that reads zoneless times in ``zone`` and spills into a temporary folder."""
    with (
        _temporary_folder() as folder,
        duck.connect(options={"temp_directory": folder, "memory_limit": MEMORY}, zone=zone or "UTC") as db,
    ):
        yield db


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    with file_errors(Path(tempfile.gettempdir())):
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

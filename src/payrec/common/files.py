"""Files that are there whole or not at all: written aside, forced to disk, then renamed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from payrec.common.errors import UsageError, told

__all__ = ["replacing", "settle", "told"]


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a new file beside ``path`` for writing; it takes the place of ``path`` if all goes well, else it is gone.

    A crash leaves the former file as it was (and at worst a hidden ``.….tmp`` beside it).

    Raises
    ------
    UsageError
        The folder is missing or may not be written, or the disk is full; the path is named.
    """
    with told(path):
        if path.is_dir():
            raise UsageError(f"{path} is a folder, expected the name of a file")
        aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        number = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            with os.fdopen(number, "wb") as sink:
                yield sink
                sink.flush()
                os.fsync(sink.fileno())
            os.replace(aside, path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        settle(path.parent)


def settle(folder: Path) -> None:
    """Force the names in a folder to disk, so that a rename survives a loss of power."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)

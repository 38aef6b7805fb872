"""Files that appear whole or not at all: written under a temporary name, synced to disk, then renamed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from payrec.common.errors import UsageError, file_errors


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a new file for writing that replaces ``path`` if the block succeeds, and is removed if it fails.

    A crash leaves the former file as it was, and at worst a hidden ``.….tmp`` in its folder.

    Raises
    ------
    UsageError
        The folder is missing or may not be written, the disk is full, or a folder, device or pipe has that name.
    """
    with file_errors(path):
        if path.is_dir():
            raise UsageError(f"{path} is a folder, expected the name of a file")
        if path.exists() and not path.is_file():  # a rename would put a file in the place of /dev/null or a pipe
            raise UsageError(f"{path} is a device or a pipe, expected the name of a file")
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
        sync_folder(path.parent)


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and sync it to disk: one of a folder that is renamed once all of its files are there."""
    with path.open("wb") as sink:
        sink.write(content)
        sink.flush()
        os.fsync(sink.fileno())


def sync_folder(folder: Path) -> None:
    """Sync the names in a folder to disk, so that a rename survives a loss of power."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)

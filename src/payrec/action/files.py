"""Files that are there whole or not at all: written aside, forced to disk, then renamed."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from payrec.errors import UsageError


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


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn an error of the operating system into a sentence that names ``path`` and what to do."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot write {path}: {_reason(error, path)}") from error


def _reason(error: OSError, path: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        room = f"the disk is full ({_free(path)})"
        return f"{room}\nmake room, or name a place on another disk; what was there before is unharmed"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "it may not be written\ngive this user the right to write there, or name another place"
    if error.errno == errno.ENOENT:
        return f"the folder {path.parent} does not exist\nmake it, or name another place"
    return (error.strerror or type(error).__name__).lower()


def _free(path: Path) -> str:
    try:
        return f"{shutil.disk_usage(path.parent).free:,} bytes free"
    except OSError:
        return "free space unknown"

"""The errors of payrec and their exit codes.

    PayrecError
    ├── CheckFailed          1  a check or a drift alarm
    ├── UsageError           2  wrong use
    │   └── MissingExtra     2  an optional package is not installed
    ├── DataRefused          3  data refused
    ├── QualityGate          4  a model that may not serve
    ├── Locked               5  another run holds the lock
    ├── DatabaseUnreachable  6  the database does not answer
    └── ModelRefused         7  a damaged or foreign model

A message has up to three lines: what was found, what was expected, what to do.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self


class PayrecError(Exception):
    """Base of all; caught in one place, the command line."""

    exit_code = 1


class CheckFailed(PayrecError):
    """A check found offending rows, or drift passed its alarm."""


class UsageError(PayrecError):
    """A command, option or setting that is wrong."""

    exit_code = 2


class MissingExtra(UsageError):
    """A part of payrec that needs a package which is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs a package that is not installed: pip install 'payrec[{extra}]'")


class DataRefused(PayrecError):
    """Data that cannot be loaded, trained on or scored without guessing."""

    exit_code = 3


class QualityGate(PayrecError):
    """A model that is worse than what serves now, or badly calibrated."""

    exit_code = 4


class CannotTell(PayrecError):
    """The data cannot answer the question; the message says why."""

    exit_code = 4


class Locked(PayrecError):
    """Another run holds the lock."""

    exit_code = 5

    @classmethod
    def by_run(cls, holder: str | None) -> Self:
        """Return the refusal of a run while another one goes on, on every engine."""
        who = holder or "another process (holder unknown yet)"
        return cls(f"another run holds the lock: {who}\nwait until it finishes, or start with --wait")


class DatabaseUnreachable(PayrecError):
    """The database does not answer, or refuses the sign-in."""

    exit_code = 6


class ModelRefused(PayrecError):
    """A model whose files are damaged, foreign or made for other features."""

    exit_code = 7


@contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """Turn an error of the operating system into a UsageError that names ``path`` and what to do."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot write {path}: {_reason(error, path)}") from error


def _reason(error: OSError, path: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        problem = f"the disk is full ({_free(path)})"
        return f"{problem}\nfree some space, or name a path on another disk; existing files are intact"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "permission denied\ngive this user the right to write there, or name another path"
    if error.errno == errno.ENOENT:
        return f"the folder {path.parent} does not exist\ncreate it, or name another path"
    return (error.strerror or type(error).__name__).lower()


def _free(path: Path) -> str:
    try:
        return f"{shutil.disk_usage(path.parent).free:,} bytes free"
    except OSError:
        return "free space unknown"

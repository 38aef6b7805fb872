"""Find the steps at which a command can be interrupted, and let one of them fail.

Steps are found, not listed. An audit hook of Python sees every file that is opened for writing, made, renamed or
removed; files that are open for writing, ``os.fsync`` and the drivers of both databases are wrapped. What DuckDB does
to its own file inside of one statement is not seen: there the test with a small disk fails for real.

The faults:

    kill        SIGKILL; a write is half done by then
    error       an exception that nobody foresees
    full        no space left on device: of the file, or of the database, in the words of its driver
    cut         PostgreSQL: the server ends this connection just before the step
    unanswered  PostgreSQL: the step is done, and the connection ends before the answer
    none        nothing, but another command ran at this step (see pairs)
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

FILE_STEPS = {"os.rename": "rename", "os.remove": "remove", "os.rmdir": "remove", "os.mkdir": "mkdir"}
FILE_STEPS |= {"os.truncate": "write", "os.link": "rename", "os.symlink": "rename"}
NEEDS_ROOM = {"open", "write", "sync", "mkdir", "rename", "inside", "alone", "batch", "commit"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
FULL = "No space left on device"


class UnforeseenError(Exception):
    """An error that no code expects."""


@dataclass(frozen=True)
class Step:
    """One step: what kind, and whether the database server takes it."""

    name: str
    on_server: bool = False

    @property
    def faults(self) -> tuple[str, ...]:
        """Return how it can fail."""
        if self.name == "read":  # changes nothing; but a connection can be cut there, too
            return ("cut",)
        found = ["kill", "error"]
        if self.name in NEEDS_ROOM:
            found.append("full")
        if self.on_server:
            found.append("cut")
            if self.name in ("commit", "alone"):
                found.append("unanswered")
        return tuple(found)


@dataclass
class Watch:
    """Notes the steps of this process; lets the one numbered ``at`` (from 1) fail by ``fault``, after ``meanwhile``."""

    folder: str
    at: int | None = None
    fault: str = ""
    seen: list[Step] = field(default_factory=list)
    is_on: bool = False
    meanwhile: Callable[[], None] = lambda: None

    def due(self, step: Step) -> bool:
        """Note a step; say whether it is the one to fail. A kill happens at once, unless half of it comes first."""
        if not self.is_on:
            return False
        self.seen.append(step)
        if len(self.seen) != self.at:
            return False
        self.meanwhile()
        if self.fault == "none":
            return False
        if self.fault == "kill" and step.name != "write":
            killed()
        if self.fault == "error" and step.name != "write":
            raise UnforeseenError(f"at step {self.at}")
        return True

    def owns(self, path: Any) -> bool:
        """Say whether a file is one of the installation's; names below an open folder are."""
        name = os.fsdecode(path)
        return not name.startswith("/") or name.startswith(self.folder)


def killed() -> None:
    """Die."""
    os.kill(os.getpid(), signal.SIGKILL)


def watch(watch: Watch) -> None:
    """Watch this process from now on, whenever ``watch.is_on``."""
    sys.addaudithook(lambda event, args: _audited(watch, event, args))
    real_open = io.open
    io.open = builtins.open = lambda file, mode="r", *a, **k: _opened(watch, real_open, (file, mode, *a), k)  # type: ignore[assignment]

    os.fsync = lambda _: _synced(watch)  # type: ignore[assignment]


def _synced(watch: Watch) -> None:
    """Note it, and leave it at that: what a dead process wrote stays, only a machine that lost power forgets it."""
    if watch.due(Step("sync")):
        raise OSError(errno.ENOSPC, FULL)


def _audited(watch: Watch, event: str, args: tuple[Any, ...]) -> None:
    name = FILE_STEPS.get(event)
    if name is None:
        if event != "open" or isinstance(args[0], int) or not args[2] & WRITING:
            return
        name = "open"
    if watch.is_on and watch.owns(args[0]) and watch.due(Step(name)):
        raise OSError(errno.ENOSPC, FULL, os.fsdecode(args[0]))


def _opened(watch: Watch, real: Callable[..., Any], args: tuple[Any, ...], more: dict[str, Any]) -> Any:
    """Open as ``open`` does; a file of ours for writing so that each write to the disk is a step."""
    file, mode = args[:2]
    if not watch.is_on or not set(mode) & set("wax+"):
        return real(*args, **more)
    name = os.fsdecode(os.readlink(f"/proc/self/fd/{file}") if isinstance(file, int) else file)
    if not watch.owns(name):
        return real(*args, **more)
    raw = File(watch, name, (file, mode.replace("b", "").replace("t", "")), more.get("opener"))
    buffered: Any = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
    if "b" in mode:
        return buffered
    options = {key: value for key, value in more.items() if key in ("encoding", "errors", "newline")}
    return io.TextIOWrapper(buffered, **options)


class File(io.FileIO):
    """An open file whose writes are steps."""

    def __init__(self, watch: Watch, name: str, args: tuple[Any, str], opener: Any) -> None:
        super().__init__(*args, opener=opener)
        self._watch, self._path = watch, name

    def write(self, content: Any) -> int:
        """Write; or half of it, and then no more."""
        if not self._watch.due(Step("write")):
            return super().write(content)
        super().write(bytes(content)[: len(content) // 2])
        if self._watch.fault == "kill":
            killed()
        if self._watch.fault == "error":
            raise UnforeseenError("half written")
        raise OSError(errno.ENOSPC, FULL, self._path)

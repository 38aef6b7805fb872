"""CPU seconds and memory of the process it runs in, its children, and of a PostgreSQL server's backends."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

MB = 1024 * 1024


@dataclass
class Cost:
    """What a block of work took; filled in when the block ends."""

    cpu_s: float = 0.0
    wall_s: float = 0.0
    server_cpu_s: float = 0.0
    figures: dict[str, Any] = field(default_factory=dict)


def cpu_s() -> float:
    """User and system seconds of this process and of its children that have ended."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def peak_mb() -> float:
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def resident_mb() -> float:
    """Resident memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MB


def server_cpu_s(data: Path) -> float:
    """CPU seconds of the server of folder ``data``, with its ended and running backends; 0 without /proc."""
    tick = os.sysconf("SC_CLK_TCK")
    try:
        main = int((data / "postmaster.pid").read_text().split()[0])
        fields = {pid: _stat(pid) for pid in (int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit())}
    except OSError:
        return 0.0
    mine = [pid for pid, stat in fields.items() if stat and (pid == main or stat[1] == main)]
    # utime, stime of each; cutime, cstime of the postmaster are those of its ended backends
    running = sum(fields[pid][11] + fields[pid][12] for pid in mine)
    return (running + sum(fields[main][13:15])) / tick


def _stat(pid: int) -> list[int]:
    """Fields of /proc/PID/stat from the third on, the state as 0; empty if it has ended meanwhile."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return [0, *map(int, text.rsplit(") ", 1)[1].split()[1:])]


def tree_cpu_s(root: int) -> float:
    """CPU seconds of a running process and of all that it has started, ended ones included; 0 without /proc."""
    return sum(sum(stat[11:15]) for stat in _tree(root)) / os.sysconf("SC_CLK_TCK")


def tree_resident_mb(root: int) -> float:
    """Resident memory of a running process and of all that it has started."""
    return sum(stat[21] for stat in _tree(root)) * os.sysconf("SC_PAGE_SIZE") / MB


def tree_peak_mb(root: int) -> float:
    """Largest resident memory of a running process and of all that it has started, each by itself, added up."""
    return sum(map(_peak_kb, _members(root))) / 1024


def peak_now_mb(pid: int) -> float:
    """Largest resident memory of one process since :func:`forget_peak`."""
    return _peak_kb(pid) / 1024


def _peak_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # it has ended meanwhile
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def give_back_memory() -> None:
    """Give memory that nobody holds any more back to the system, so that it does not count for what comes next."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    with suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)


def forget_peak(root: int) -> None:
    """Let :func:`tree_peak_mb` begin anew (Linux)."""
    for pid in _members(root):
        with suppress(OSError):  # it has ended meanwhile
            Path(f"/proc/{pid}/clear_refs").write_text("5")


def _tree(root: int) -> list[list[int]]:
    """Fields (see _stat) of a process and of its descendants that still run."""
    return [stat for stat in map(_stat, _members(root)) if stat]


def _members(root: int) -> list[int]:
    """Ids of a process and of its descendants that still run."""
    stats = {pid: _stat(pid) for pid in (int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit())}
    processes = [root]
    for parent in processes:  # grows while it is read
        processes += [pid for pid, stat in stats.items() if stat and stat[1] == parent]
    return processes


@contextmanager
def timed(server: Callable[[], float] = lambda: 0.0) -> Iterator[Cost]:
    """Fill in what the block took."""
    cost = Cost()
    there, cpu, wall = server(), cpu_s(), time.perf_counter()
    yield cost
    cost.cpu_s, cost.wall_s = cpu_s() - cpu, time.perf_counter() - wall
    cost.server_cpu_s = server() - there

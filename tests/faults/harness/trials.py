"""Let a command fail at its n-th step, look at what is left, run it again: a program of its own, so that it can fork.

Prints one line of JSON about the undisturbed run, then one for each trial: the step, the fault, how the command
ended, what was left, and what there was after the same command ran again.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.faults.harness import commands, databases, steps
from tests.faults.harness.places import Original, Place, found
from tests.faults.harness.steps import Step, Watch

Trial = tuple[int, str]


def started(work: Callable[[], Any]) -> tuple[int, int]:
    """Begin something in a process of its own; return its id, and the pipe that brings what it returns."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        code = 0
        try:
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(json.dumps(work(), default=str).encode())
        except BaseException:
            traceback.print_exc()
            code = 70
        os._exit(code)
    os.close(writing)
    return child, reading


def finished(child: int, reading: int) -> tuple[int, Any]:
    """Return how a process ended, and what it returned."""
    with os.fdopen(reading, "rb") as pipe:
        content = pipe.read()
    _, status = os.waitpid(child, 0)
    return status, json.loads(content) if content else None


def apart(work: Callable[[], Any]) -> tuple[int, Any]:
    """Do something in a process of its own; return how it ended and what it returned."""
    return finished(*started(work))


def trials(steps: list[Step], faults: list[str], of: list[str]) -> list[Trial]:
    """Return every step with every fault that it can have; ``of`` names the kinds of step, none: all."""
    return [
        (at, fault)
        for fault in faults
        for at, step in enumerate(steps, 1)
        if fault in step.faults and (not of or step.name in of)
    ]


def chosen(every: list[Trial], steps: list[Step], most: int) -> list[Trial]:
    """Choose up to ``most`` trials, from coarse to fine: of a fault and kind of step the last, then halfway, …

    Every other kind of step and fault begins at its first one instead. A kill at the last step, and at the first one,
    come before all others.
    """
    groups: dict[tuple[str, str], list[Trial]] = {}
    for at, fault in every:
        groups.setdefault((fault, steps[at - 1].name), []).append((at, fault))
    order = [
        (rank / (3 if name in ("commit", "rename") else 1), trial)
        for number, ((_, name), group) in enumerate(groups.items())
        for rank, trial in enumerate(_spread(group[:: -1 if number % 2 else 1]))
    ]
    # of every fault at least one, however many steps a command has
    first_of_each = {(at, fault) for fault, at in {fault: at for at, fault in reversed(every)}.items()}
    order = [(-0.5 if trial in first_of_each else rank, trial) for rank, trial in order]
    kills = [trial for trial in every if trial[1] == "kill"]
    ends = {trial: rank for trial, rank in zip((*kills[:1], *kills[-1:]), (-1.0, -2.0), strict=False)}
    order = [(ends.get(trial, rank), trial) for rank, trial in order]
    return [trial for _, trial in sorted(order)[:most]]


def _spread(group: list[Trial]) -> Iterator[Trial]:
    """Yield all of a group, from coarse to fine: the last, then halfway, then the quarters."""
    seen: set[int] = set()
    parts = 1
    while len(seen) < len(group):
        for part in range(parts, 0, -1):
            place = len(group) * part // parts - 1
            if place >= 0 and place not in seen:
                seen.add(place)
                yield group[place]
        parts *= 2


class Bench:
    """What all trials of one command share."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.command, self.now = told["command"], datetime.fromisoformat(told["now"])
        self.original = Original(
            told["url"], Path(told["folder"]), Path(told["scratch"]), told["admin"] if told["admin"] else None
        )
        tempfile.tempdir = str(self.original.scratch)

    def run(self, place: Place, at: int | None = None, fault: str = "") -> commands.Ended:
        """Run the command in this process, watched."""
        watching = Watch(str(self.original.scratch), at, fault)
        steps.watch(watching)
        databases.watch(watching)
        return commands.run(self.command, place, self.now, watching)

    def undisturbed(self) -> dict[str, Any]:
        """Run once without a fault."""
        place = self.original.copied(0)

        def whole() -> dict[str, Any]:
            before = found(place)
            return {"before": before, **vars(self.run(place)), "after": found(place)}

        _, seen = apart(lambda: _plain(whole()))
        self.original.removed(place)
        if seen is None:
            raise RuntimeError("the undisturbed run failed")
        return dict(seen)

    def trial(self, at: int, fault: str) -> dict[str, Any]:
        """Fail once, look, run again, look again."""
        place = self.original.copied(at)
        status, ended = apart(lambda: _plain(vars(self.run(place, at, fault))))
        self.original.settled(place)

        def rest() -> dict[str, Any]:
            left = found(place)
            again = self.run(place)
            return {"left": left, "again": again.code, "again_said": again.said, "then": found(place)}

        wrong, seen = apart(rest)
        self.original.removed(place)
        told = {"code": ended["code"], "said": ended["said"], "reached": len(ended["steps"]) >= at} if ended else {}
        return {"signal": os.WTERMSIG(status), "wrong": wrong, **told, **(seen or {})}


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "steps": [(step.name, step.on_server) for step in document["steps"]]}


def main(told: dict[str, Any]) -> None:
    """Do what ``told`` says."""
    commands.warm()
    gc.freeze()
    bench = Bench(told)
    first = bench.undisturbed()
    found_steps = [Step(*step) for step in first["steps"]]
    every = trials(found_steps, told["faults"], told["of"])
    picked = chosen(every, found_steps, told["most"])
    print(json.dumps({**first, "trials": len(every), "chosen": len(picked)}), flush=True)
    began = time.monotonic()
    for at, fault in picked:
        if time.monotonic() - began > told["most_s"]:
            break
        line = {"at": at, "step": found_steps[at - 1].name, "fault": fault, **bench.trial(at, fault)}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    main(json.loads(sys.argv[1]))
    sys.stdout.flush()
    os._exit(0)  # what was frozen is not taken apart

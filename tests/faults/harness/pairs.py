"""Two commands at once and a fault between them: one pauses at its n-th step, the other runs, then the fault comes.

``python -m tests.faults.harness.pairs --trials 500`` (``make pairs``) draws commands, steps and faults at
random, prints what came out wrong, and adds the trials to ``tests/faults/pairs.json`` for docs/reliability.md. Trials
that the file holds are not made again, so the command goes on where it stopped (``--minutes``); ``--again`` makes them
all. Trial n of a seed is always the same one; several run at once (``--at-once``), each on a copy of its own.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import re
import select
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import astuple, dataclass, field
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests"))

import postgres_server  # noqa: E402
from payrec.commands import run as run_command  # noqa: E402
from payrec.data import leases  # noqa: E402
from payrec.data.engines import connect, keeps_lists, postgres_session  # noqa: E402
from payrec.data.load.targets import TRANSACTIONS  # noqa: E402
from payrec.publish.store import open_store  # noqa: E402
from tests.commands.conftest import DAY, FIRST_NIGHT  # noqa: E402
from tests.faults.harness import commands, databases, originals, steps  # noqa: E402
from tests.faults.harness.places import Original, Place, found  # noqa: E402
from tests.faults.harness.steps import Step, Watch  # noqa: E402
from tests.faults.harness.trials import apart, finished, started  # noqa: E402
from tests.faults.harness.verdict import CODES  # noqa: E402

RESULTS = ROOT / "tests" / "faults" / "pairs.json"
PAIRS = (
    *(("run", other) for other in ("load", "build", "explain", "erase", "earlier", "run")),
    ("load", "run"), ("erase", "run"), ("earlier", "run"),
)  # fmt: skip
DATABASES = ("duckdb", "postgres")
Trial = tuple[int, str, str, bool]
"""Number, database and pair, fault, whether it came out wrong."""
PATIENCE_S = 60.0  # for the second command, which may wait for the first; the fault comes after that
FINE, BUSY = (0, 1), (5, 6)
NO_FAULT = "none"
WHOLE = ("raw", "champion")
NOW = originals.SECOND_NIGHT + DAY / 5


@dataclass
class Bench:
    """An installation whose copies are broken, and what its commands leave behind undisturbed, in either order."""

    original: Original
    words: dict[str, list[str]]
    copies: int = 0
    states: dict[tuple[str, str], Any] = field(default_factory=dict)

    def run(self, name: str, place: Place, at: int | None = None, fault: str = "", **more: Any) -> commands.Ended:
        """Run a command in this process, watched; it waits half a second for whatever is busy."""
        leases.WAIT_S = run_command.LAYERS_WAIT_S = 0.5
        postgres_session._SESSION["lock_timeout"] = "500ms"
        watching = Watch(str(self.original.scratch), at, fault, **more)
        steps.watch(watching)
        databases.watch(watching)
        return commands.run(self.words[name], place, NOW, watching)

    def in_turn(self, names: tuple[str, ...], place: Place) -> list[dict[str, Any]]:
        """Run commands one after the other; return how each ended and what there was then."""
        return [self.ended(name, place) | {"state": state(place, names)} for name in names]

    def ended(self, name: str, place: Place) -> dict[str, Any]:
        """Run a command with no fault, in a process of its own; return how it ended."""
        _, ended = apart(partial(self._plain, name, place))
        assert ended is not None, f"{name} ended without a word"
        return dict(ended)

    def _plain(self, name: str, place: Place, *args: Any, **more: Any) -> dict[str, Any]:
        ended = self.run(name, place, *args, **more)
        return {"code": ended.code, "said": ended.said}

    def copied(self) -> Place:
        """Make a copy of the installation."""
        self.copies += 1
        return self.original.copied(f"{os.getpid()}_{self.copies}")

    def undisturbed(self, pair: tuple[str, str]) -> list[dict[str, Any]]:
        """Run a pair in both orders, each as after a trial; the state before comes first. Once for all trials."""
        both = (min(pair), max(pair))
        if both not in self.states:
            seen = []
            for order in (both, both[::-1]):
                place = self.copied()
                seen.append({"code": 0, "said": "", "state": state(place, pair)})
                seen += self.in_turn((*order, *afterwards(pair)), place)
                self.original.removed(place)
            failed = [one for one in seen if one["code"] not in FINE or "nternal error" in one["said"]]
            assert not failed, f"undisturbed, {pair}: {failed}"
            self.states[both] = seen
        return list(self.states[both])

    def keep(self, kind: str, of: Any, result: Any) -> None:
        """Keep what another process learnt of an undisturbed pair, or of the steps of a command."""
        self.states[("steps", of) if kind == "steps" else (min(of), max(of))] = result

    def steps(self, name: str) -> list[Step]:
        """Return the steps of a command."""
        if ("steps", name) not in self.states:
            place = self.copied()
            _, self.states["steps", name] = apart(
                lambda: [(one.name, one.on_server) for one in self.run(name, place).steps]
            )
            self.original.removed(place)
        return [Step(*one) for one in self.states["steps", name]]

    def trial(self, pair: tuple[str, str], at: int, fault: str) -> list[str]:
        """Pause the first command at a step, run the second, let the fault come; return what is wrong afterwards."""
        place, (first, second) = self.copied(), pair
        reached, go = os.pipe(), os.pipe()

        def pause() -> None:
            os.write(reached[1], b".")
            os.read(go[0], 1)

        one = started(lambda: self._plain(first, place, at, fault, meanwhile=pause))
        select.select([reached[0], one[1]], [], [])
        other = started(lambda: self._plain(second, place))
        select.select([other[1]], [], [], PATIENCE_S)
        os.write(go[1], b".")
        ended, beside = finished(*one), finished(*other)
        for number in (*reached, *go):
            os.close(number)
        self.original.settled(place)
        known = self.undisturbed(pair)
        wrong = [*_ending(ended, fault, known), *_ending(beside, NO_FAULT, known)]
        try:
            # an erasure in a folder goes file by file: one that was interrupted is completed by the same command
            in_part = first == "erase" and fault != NO_FAULT and self.original.admin is None
            wrong += _unknown(state(place, pair), known, in_part=in_part)
            fine = {name for name, said in ((first, ended[1]), (second, beside[1])) if said and _well(said)}
            again = [self.ended(name, place) for name in afterwards(pair) if name == "run" or name not in fine]
            wrong += _not_repaired({**again[-1], "state": state(place, pair)}, known)
        except AssertionError as error:
            wrong.append(str(error))
        self.original.removed(place)
        return wrong


def afterwards(pair: tuple[str, str]) -> tuple[str, ...]:
    """Return what runs after each trial: the command that is no run, unless it ended well; then the night."""
    return (*(name for name in pair if name != "run"), "run")


def state(place: Place, names: tuple[str, ...]) -> dict[str, Any]:
    """Return what there is, in a process of its own; AssertionError if something is there in part."""
    _, seen = apart(partial(found, place, erases="erase" in names))
    assert seen is not None, "what is left cannot be read, or is there in part: see above"
    return dict(seen)


def _well(said: dict[str, Any]) -> bool:
    """Whether a command did its work; an unforeseen error ends with 1, as an alarm after publishing does."""
    return said["code"] in FINE and "nternal error" not in said["said"]


def _ending(ended: tuple[int, Any], fault: str, known: list[dict[str, Any]]) -> list[str]:
    status, said = ended
    if fault == "kill":
        return [] if os.WTERMSIG(status) == 9 or said else [f"neither killed nor ended: {status}"]
    if said is None:
        return [f"it ended without a word: {status}"]
    expected = {one["code"] for one in known} | {*BUSY, *CODES.get(fault, ())}
    wrong = [] if said["code"] in expected else [f"exit code {said['code']}: {said['said']}"]
    if "Traceback" in said["said"] or (fault != "error" and "nternal error" in said["said"]):
        wrong.append(f"no plain sentence: {said['said']}")
    return wrong


def _unknown(left: dict[str, Any], known: list[dict[str, Any]], *, in_part: bool) -> list[str]:
    """Say what is left that neither order of the commands leaves; ``in_part``: lists may be erased in part."""
    states = [one["state"] for one in known]
    lists = {listed for one in states for listed in zip(one["served"], one["lists"], strict=True)}
    wrong = [f"left {name} {left[name]}" for name in WHOLE if left[name] not in {one[name] for one in states}]
    served = zip(left["served"], left["lists"], strict=True)
    return wrong + [f"list {one} comes from neither order" for one in served if one not in lists and not in_part]


def _not_repaired(last: dict[str, Any], known: list[dict[str, Any]]) -> list[str]:
    wrong = [] if last["code"] in FINE else [f"again: exit code {last['code']}: {last['said']}"]
    ends = (last, known[len(known) // 2 - 1], known[-1])
    facts = [(one["state"]["served"][0], one["state"]["lists"][0], one["state"]["raw"]) for one in ends]
    return wrong + ([] if facts[0] in facts[1:] else [f"in the end {facts[0]}, expected one of {facts[1:]}"])


def installed(url: str, folder: Path, models: Path) -> dict[str, list[str]]:
    """Make the installation that is copied; return the words of each command."""
    site = originals.installed(url, folder, models)
    with connect(url) as engine:
        rows = engine.read(f"SELECT {', '.join(TRANSACTIONS.names())} FROM raw_transactions ORDER BY order_id LIMIT 30")
        listed = open_store(engine if keeps_lists(url) else site.folder / "published")
        first = listed.scores(listed.runs()[0].run.run_id).sort_by("rank").to_pylist()[0]
    at = rows.schema.get_field_index("provider")
    changed = rows.set_column(at, "provider", pa.array(["another"] * rows.num_rows))
    pyarrow.parquet.write_table(changed, folder / "new.parquet")
    second, before = str(originals.SECOND_NIGHT), str(FIRST_NIGHT)
    return {
        "run": ["run", "--as-of", second],
        "earlier": ["run", "--as-of", before],
        "load": ["load", "transactions", "{folder}/new.parquet"],
        "build": ["build", "--as-of", str(FIRST_NIGHT - DAY)],
        "explain": ["explain", first["order_id"], "--as-of", before],
        "erase": ["privacy", "erase", first["customer_id"]],
    }


def bench(url: str, template: str, scratch: Path, models: Path, admin: str | None) -> Bench:
    """Make an installation, in a process of its own, and the bench of it."""
    base, copies = scratch / "original", scratch / "copies"
    base.mkdir(parents=True)
    copies.mkdir()
    _, words = apart(partial(installed, url.format(folder=base), base, models))
    return Bench(Original(template, base, copies, admin), words)


def database_and_pair(seed: int, number: int) -> tuple[str, tuple[str, str]]:
    """Return the database and the commands of a trial."""
    return DATABASES[number % len(DATABASES)], random.Random(f"{seed}:{number}").choice(PAIRS)


def drawn(one: Bench, seed: int, number: int) -> tuple[int, str, str]:
    """Draw a step of the first command of a trial (of a kind that is drawn first), and a fault."""
    rng = random.Random(f"{seed}:{number}")
    all_steps = one.steps(rng.choice(PAIRS)[0])
    kind = rng.choice(sorted({step.name for step in all_steps}))
    at = rng.choice([number for number, step in enumerate(all_steps, 1) if step.name == kind])
    return at, kind, rng.choice([*all_steps[at - 1].faults, NO_FAULT])


def prepared(benches: Iterable[Bench], pairs: tuple[tuple[str, str], ...], at_once: int) -> None:
    """Let every bench know the steps of its commands and the undisturbed pairs, so that all trials share them."""
    jobs: list[tuple[Bench, str, Any]] = [(one, "undisturbed", pair) for one in benches for pair in pairs]
    jobs += [(one, "steps", name) for one in benches for name in sorted({first for first, _ in pairs})]
    parts = [jobs[number::at_once] for number in range(at_once)]
    waiting = [started(partial(_known, part)) for part in parts]
    for part, process in zip(parts, waiting, strict=True):
        status, results = finished(*process)
        assert results is not None, f"the undisturbed commands failed: {status}"
        for (one, kind, of), result in zip(part, results, strict=True):
            one.keep(kind, of, result)


def _known(jobs: list[tuple[Bench, str, Any]]) -> list[Any]:
    results = [getattr(one, kind)(of) for one, kind, of in jobs]
    return [
        list(map(astuple, result)) if kind == "steps" else result
        for (_, kind, _), result in zip(jobs, results, strict=True)
    ]


def tried(benches: dict[str, Bench], numbers: Iterable[int], until: float, seed: int) -> Iterator[Trial]:
    """Make trials; print what is wrong; yield each."""
    for number in numbers:
        if time.monotonic() > until:
            return
        name, pair = database_and_pair(seed, number)
        at, kind, fault = drawn(benches[name], seed, number)
        wrong = benches[name].trial(pair, at, fault)
        for sentence in wrong:
            print(f"{number}: {name} {pair}, step {at} ({kind}), {fault}: {sentence}", flush=True)
        yield number, f"{name}:{pair[0]} + {pair[1]}", fault, bool(wrong)


def at_once(processes: int, benches: dict[str, Bench], numbers: list[int], *how: Any) -> Iterator[Trial]:
    """Make trials in several processes; yield each when it has ended."""
    reading, writing = os.pipe()

    def work(own: list[int]) -> None:
        for trial in tried(benches, own, *how):
            os.write(writing, json.dumps(trial).encode() + b"\n")

    children = [started(partial(work, numbers[number::processes])) for number in range(processes)]
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as lines:
        yield from map(json.loads, lines)
    for status, _ in [finished(*child) for child in children]:
        assert status == 0, "a process of the harness failed: see above"


@dataclass
class Figures:
    """The trials of one seed: their numbers by pair and fault, and those that came out wrong; kept in a file.

    ``before`` counts trials whose numbers were not kept.
    """

    path: Path
    seed: int
    trials: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    before: dict[str, dict[str, int]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, seed: int) -> Figures:
        """Read the figures of a seed; there are none if the file holds those of another."""
        content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if content.get("seed") != seed:
            return cls(path, seed)
        return cls(path, seed, content["trials"], content.get("before", {}))

    def made(self) -> set[int]:
        """Return the numbers of the trials made."""
        return {number for faults in self.trials.values() for numbers in faults.values() for number in numbers}

    def add(self, number: int, pair: str, fault: str, wrong: bool) -> None:
        """Add a trial, in the place of an earlier one of this number; write the file."""
        for faults in self.trials.values():
            for numbers in faults.values():
                if number in numbers:
                    numbers.remove(number)
        for kind in (fault, *(["wrong"] if wrong else [])):
            numbers = self.trials.setdefault(pair, {}).setdefault(kind, [])
            numbers.append(number)
            numbers.sort()
        content = {name: dict(sorted(faults.items())) for name, faults in sorted(self.trials.items())}
        text = json.dumps({"before": self.before, "seed": self.seed, "trials": content}, indent=1)
        text = re.sub(r"\[[\d\s,]*\]", lambda match: " ".join(match[0].split()), text)
        self.path.write_text(text + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Make the trials and write down their figures; return 1 if one came out wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.harness.pairs", description=str(__doc__).splitlines()[0]
    )
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=240.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=DATABASES)
    parser.add_argument("--pair", action="append", help="only this pair, such as erase+run; repeatable")
    parser.add_argument("--at-once", type=int, default=2, help="trials at a time")
    parser.add_argument("--first", type=int, default=0, help="number of the first trial")
    parser.add_argument("--again", action="store_true", help="also the trials that the file holds")
    parser.add_argument("--models", type=Path, help="store of a trained model to use, instead of training one")
    parser.add_argument("--out", type=Path, default=RESULTS, help="file for the figures")
    options = parser.parse_args(arguments)
    figures = Figures.read(options.out, options.seed)
    known = set() if options.again else figures.made()
    chosen = tuple(pair for pair in PAIRS if not options.pair or "+".join(pair) in options.pair)
    of_each = ((number, *database_and_pair(options.seed, number)) for number in count(options.first))
    matching = (number for number, name, pair in of_each if options.only in (None, name) and pair in chosen)
    numbers = [number for number in islice(matching, options.trials) if number not in known]
    with tempfile.TemporaryDirectory(prefix="payrec-pairs-") as folder, ExitStack() as stack:
        scratch, admin = Path(folder), ""
        if options.only != "duckdb":
            admin = stack.enter_context(postgres_server.running()).url("postgres")
        tempfile.tempdir = folder
        models, made = options.models or scratch / "models", {}
        if options.models is None:
            apart(lambda: str(originals.models(scratch)))
        if admin:
            postgres_server.create_database(admin, "pairs")
            url = postgres_server.with_database(admin, "pairs")
            made["postgres"] = bench(url, url, scratch / "postgres", models, admin)
        if options.only != "postgres":
            file = "duckdb:///{folder}/payrec.duckdb?threads=1"
            made["duckdb"] = bench(file, file, scratch / "duckdb", models, None)
        commands.warm()
        gc.freeze()
        prepared(made.values(), chosen, options.at_once)
        until = time.monotonic() + options.minutes * 60
        for trial in at_once(options.at_once, made, numbers, until, options.seed):
            figures.add(*trial)
    wrong = sum(len(faults.get("wrong", ())) for faults in figures.trials.values())
    print(f"{len(figures.made())} trials, {wrong} wrong")
    return int(wrong > 0)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # what was frozen is not taken apart

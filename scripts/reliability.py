"""docs/reliability.md from the tests: each case of tests/faults/cases.toml with the tests that do it, and their engine.

The tests are read, not run: `make test` runs them.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
CASES = TESTS / "faults" / "cases.toml"
FAULTS = TESTS / "faults" / "harness.json"
PAIRS = TESTS / "faults" / "pairs.json"
NUMBERED = re.compile(r"test_fault_(\d+)_")
EACH = {"engine", "engine_url"}
"""Arguments of tests that run on every engine; others name the one that they run on."""

HEAD = """# Reliability

Made by `make docs` from the tests; `make test` runs all of them, and fails where a case has none. *Each* is every
engine of the tests; a dash is code that no engine takes part in.

| case | what goes wrong | what is right then | tests, and their engine |
|--:|---|---|---|
"""

EVERY_STEP = """
## Every step

A command is let fail at its n-th step: a file opened, written (half of it), synced, made, renamed or removed; a
statement, a batch of rows or a commit of the database. The steps are found while the command runs, not listed. The
faults: it is killed; an error that nobody foresaw; the disk is full; on PostgreSQL the connection is cut before the
step, or before the answer to a commit. After each, what is published, the raw rows, the models and the champion must be
the old or the new, whole; the command must end with its code and a sentence; and the same command again must end as if
nothing had happened.

`make test` does a sample of each command. `make faults` does all {possible:,}, two commands at a time and at most an
hour of each; `make faults FAULTS="--only duckdb:load --minutes 10"` does one command for ten minutes, from coarse to
fine. The table is what the last calls of it made. What DuckDB does to its own file within one statement is not a step
here: that is left to a real disk of 24 MB (case 11).

| command | steps | trials made, of all | killed | error | disk full | cut | no answer | wrong |
|---|---|--:|--:|--:|--:|--:|--:|--:|
"""
TWO_COMMANDS = """
## Two commands at once

`make pairs` draws two commands, a step of the first, and a fault (or none). The first pauses at that step while the
second runs for up to a minute; then the fault comes. Both must end with a documented code and a sentence; the raw
rows, the champion and every published list must be what one of the two orders leaves, whole; and the same commands
again, unless they ended well, and the night last, must serve the list that an undisturbed pair serves. An erasure in a
folder that was interrupted may have erased lists in part, until the same command completes it. The table holds all
{trials} trials so far; `make pairs` goes on from there to 500, and `make pairs PAIRS="--first 8 --trials 1 --again"`
runs trial 8 once more. Wrong: {wrong}, an erasure on DuckDB that the first version of this harness failed itself.

| first + second | trials | killed | error | disk full | cut | no answer | no fault | wrong |
|---|--:|--:|--:|--:|--:|--:|--:|--:|
"""
GUARDS = """
## All commands in loops

`python -m tests.soak.side_by_side --engine ENGINE --orders 600`, five minutes of nine loops on a busy machine:

| engine | commands | of these runs | met a lock (exit 5) | unexpected endings | wrong lists |
|---|--:|--:|--:|--:|--:|
| DuckDB | 33 | 3 | 28 | 0 | 0 |
| PostgreSQL | 26 | 3 | 2 | 0 | 0 |

## What the guards cost

CPU of the process in the second of two nights, by `python -m tests.soak.guards`. The mark is 5 %; the ledger, which
was there before these guards and commits every step by itself, is most of it (6.4 % before a step was one statement).

| duckdb, 12,000 orders | CPU s | share |
|---|--:|--:|
| damaged files | 0.035 | 1.2% |
| ledger | 0.117 | 3.9% |
| lock | 0.005 | 0.2% |
| proofs before the commit | 0.039 | 1.3% |
| all guards | 0.195 | 6.5% |
| the run | 2.99 | |
"""
KINDS = ("kill", "error", "full", "cut", "unanswered")


@dataclass(frozen=True)
class Test:
    """A test function: where it stands, its name, its arguments with those of its fixtures, and what these say."""

    path: str
    name: str
    arguments: frozenset[str]
    text: str

    @property
    def engine(self) -> str:
        """On which engine it runs."""
        if self.arguments & EACH:
            return "each"
        named = f"{self.path} {' '.join(sorted(self.arguments))} {self.text}"
        found = [title for word, title in (("duckdb", "DuckDB"), ("postgres", "PostgreSQL")) if word in named]
        return ", ".join(found) or "–"


def tests() -> dict[str, Test]:
    """Return every test by ``path::name``."""
    parsed = {path: _functions(path) for path in sorted(TESTS.rglob("*.py"))}
    fixtures = {one.name: one for found in parsed.values() for one in found if _is_fixture(one)}
    made = [
        _test(path, one, fixtures | {own.name: own for own in found if _is_fixture(own)})
        for path, found in parsed.items()
        for one in found
        if one.name.startswith("test_") and path.name.startswith("test_")
    ]
    return {f"{one.path}::{one.name}": one for one in made}


def _functions(path: Path) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.FunctionDef)]


def _is_fixture(function: ast.FunctionDef) -> bool:
    return "fixture" in _decorators(function)


def _decorators(function: ast.FunctionDef) -> str:
    return " ".join(ast.unparse(decorator) for decorator in function.decorator_list)


def _test(path: Path, function: ast.FunctionDef, fixtures: dict[str, ast.FunctionDef]) -> Test:
    """Follow the arguments of a test to its fixtures, theirs to others, and so on."""
    found: set[str] = set()
    waiting = {argument.arg for argument in function.args.args}
    while waiting:
        found |= waiting
        used = [fixtures[name] for name in waiting if name in fixtures]
        waiting = {argument.arg for one in used for argument in one.args.args} - found
    text = " ".join(_decorators(one) for one in (function, *(fixtures[name] for name in found if name in fixtures)))
    return Test(str(path.relative_to(ROOT)), function.name, frozenset(found), text)


def cases() -> list[dict[str, Any]]:
    """Return the cases as they stand in the file."""
    found: list[dict[str, Any]] = tomllib.loads(CASES.read_text(encoding="utf-8"))["case"]
    return found


def of_case(case: dict[str, Any], known: dict[str, Test]) -> list[Test]:
    """Return the tests of a case, those that bear its number first; a test that is not there is a KeyError."""
    numbered = [
        one for one in known.values() if (named := NUMBERED.match(one.name)) and int(named[1]) == case["number"]
    ]
    return numbered + [known[name] for name in case.get("also", ())]


def page() -> str:
    """Return docs/reliability.md."""
    known = tests()
    steps = json.loads(FAULTS.read_text(encoding="utf-8"))
    lines = EVERY_STEP.format(possible=sum(found["possible"] for found in steps.values()))
    lines += "".join(_of_command(name, found) for name, found in steps.items())
    pairs = _pairs()
    wrong = sum(counts["wrong"] for counts in pairs.values())
    lines += TWO_COMMANDS.format(trials=sum(counts.total() for counts in pairs.values()) - wrong, wrong=wrong)
    lines += "".join(_of_pair(name, counts) for name, counts in pairs.items())
    return HEAD + "".join(_row(case, of_case(case, known)) for case in cases()) + lines + GUARDS


def _pairs() -> dict[str, Counter[str]]:
    """Return the trials of two commands, by pair and fault."""
    figures = json.loads(PAIRS.read_text(encoding="utf-8"))
    counts = {pair: Counter(faults) for pair, faults in figures["before"].items()}
    for pair, faults in figures["trials"].items():
        counts.setdefault(pair, Counter()).update({fault: len(numbers) for fault, numbers in faults.items()})
    return dict(sorted(counts.items()))


def _of_pair(name: str, found: Counter[str]) -> str:
    database, _, pair = name.partition(":")
    title = {"duckdb": "DuckDB", "postgres": "PostgreSQL"}[database]
    trials = sum(count for kind, count in found.items() if kind != "wrong")
    of_each = " | ".join(str(found[kind] or "–") for kind in (*KINDS, "none"))
    return f"| {pair}, {title} | {trials} | {of_each} | {found['wrong']} |\n"


def _of_command(name: str, found: dict[str, Any]) -> str:
    database, _, command = name.partition(":")
    title = {"duckdb": "DuckDB", "postgres": "PostgreSQL"}[database]
    kinds = ", ".join(f"{count} {kind}" for kind, count in found["kinds"].items())
    made = sum(found["trials"].values())
    of_each = " | ".join(str(found["trials"].get(kind, "–")) for kind in KINDS)
    return f"| {command}, {title} | {kinds} | {made} of {found['possible']} | {of_each} | {found['wrong']} |\n"


def _row(case: dict[str, Any], found: list[Test]) -> str:
    linked = [f"[{_words(one.name)}](../{one.path}) ({one.engine})" for one in found]
    proof = "<br>".join(linked) or case["reason"]
    return f"| {case['number']} | {case['what']} | {case['then']} | {proof} |\n"


def _words(name: str) -> str:
    return NUMBERED.sub("", name).removeprefix("test_").replace("_", " ")

"""Kill a command at its n-th step, look at what is left, run it again: a program of its own, so that it can fork.

The steps are found, not listed: everything that touches a disk or a database goes through the functions in ``STEPS``;
a first run counts them. Killed is at an even choice of each kind of step (rename, replace, sync, begin, commit,
statements inside and outside of a transaction), of commits the most; ``most`` bounds how many.

Prints one line of JSON for each kill: the step, what was left, and what there was after the command ran again.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

import postgres_server
from payrec import cli
from payrec.action import ledger, publish
from payrec.data.engines import connect, keeps_lists
from payrec.data.engines.duckdb import DuckDB
from payrec.data.engines.postgres_session import Session
from payrec.data.engines.spark_catalog import Warehouse
from payrec.data.engines.spark_rows import Parts
from payrec.model import gate, store

STEPS = (
    (os, "rename"),
    (os, "replace"),
    (os, "fsync"),
    (DuckDB, "_do"),
    (DuckDB, "append"),
    (Session, "run"),
    (Session, "ingest"),
    (Warehouse, "commit"),
    (Parts, "written"),
    (Parts, "merged"),
)


def named(name: str, args: tuple[Any, ...], state: dict[str, bool]) -> str:
    """Say what kind of step this is; ``state`` remembers whether a transaction is open."""
    if name in ("rename", "replace", "fsync", "commit"):
        return name
    words = str(args[1]).split(None, 1) if name in ("_do", "run") else []
    word = words[0].rstrip(";").upper() if words else ""
    if word == "BEGIN":
        state["open"] = True
        return "begin"
    if word in ("COMMIT", "ROLLBACK"):
        state["open"] = False
        return word.lower()
    return "inside" if state.get("open") or name in ("written", "merged") else "alone"


def watched(at: int | None, seen: list[str]) -> None:
    """Note each step in ``seen``; die before step ``at``."""
    state: dict[str, bool] = {}
    for owner, name in STEPS:
        setattr(owner, name, _watching(getattr(owner, name), name, (at, seen, state)))


def _watching(
    real: Callable[..., Any], name: str, told: tuple[int | None, list[str], dict[str, bool]]
) -> Callable[..., Any]:
    at, seen, state = told

    def step(*args: Any, **more: Any) -> Any:
        seen.append(named(name, args, state))
        if len(seen) == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **more)

    return step


def apart(work: Callable[[], Any]) -> tuple[int, Any]:
    """Do something in a process of its own; return how it ended and what it returned."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        code = 0
        try:
            os.write(writing, json.dumps(work(), default=str).encode())
        except BaseException:
            traceback.print_exc()
            code = 70
        os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        content = pipe.read()
    _, status = os.waitpid(child, 0)
    return status, json.loads(content) if content else None


def command(told: dict[str, Any], url: str, folder: Path, at: int | None) -> list[str]:
    """Run the command; return its steps."""
    seen: list[str] = []
    os.environ |= {
        "PAYREC_DATABASE": url,
        "PAYREC_OUT_DIR": str(folder),
        "PAYREC_PUBLISHED_DIR": str(folder / "published"),
        "PAYREC_MODELS_DIR": str(folder / "models"),
    }
    now = datetime.fromisoformat(told["now"])
    for name in ("night", "data", "model"):
        importlib.import_module(f"payrec.cli.{name}").now = lambda: now
    gate.judge = lambda _: gate.Verdict(())  # small data teach a bad model; here it has to serve all the same
    watched(at, seen)
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - ours is for the report, until the process ends
    try:
        cli.main([*told["command"], "--json"])
    except SystemExit as ended:
        if ended.code not in (0, 1):
            raise
    return seen


def found(url: str, folder: Path) -> dict[str, Any]:
    """Return what stands: published runs with their whole lists, raw rows, models, how runs ended."""
    with connect(url) as engine:
        place = engine if keeps_lists(url) else folder / "published"
        runs = publish.runs(place)
        lists = [publish.scores(place, one.run.run_id) for one in runs]
        for one, rows in zip(runs, lists, strict=True):
            assert rows.num_rows == one.orders == len(set(rows["order_id"].to_pylist())), "not whole"
        last = {entry.subject: entry.status for entry in ledger.entries(engine) if entry.what == "run"}
        raw = engine.fingerprint("raw_transactions")
    versions = store.versions(folder / "models")
    assert not any(version.problem for version in versions), "a damaged model is there"
    aside = [path.name for path in (folder / "published").rglob("*") if path.name.startswith(".")]
    return {
        "served": [one.run.run_id for one in runs],
        "lists": [hashlib.sha256(str(rows.to_pylist()).encode()).hexdigest()[:12] for rows in lists],
        "ended": sorted(last.items()),
        "raw": raw,
        "models": sorted(version.model_id for version in versions),
        "champion": store.champion_id(folder / "models"),
        "aside": aside,
    }


def fresh(told: dict[str, Any], number: int) -> tuple[str, Path]:
    """Copy the installation that was handed in."""
    folder = Path(told["scratch"]) / str(number)
    shutil.copytree(told["base"], folder)
    if told["template"] is None:
        return told["url"].replace(quote(told["base"], safe=""), quote(str(folder), safe="")).replace(
            told["base"], str(folder)
        ), folder
    name = f"{told['template']}_{number}"
    postgres_server.create_database(told["admin"], name, told["template"])
    return postgres_server.with_database(told["admin"], name), folder


def gone(told: dict[str, Any], number: int, folder: Path) -> None:
    """Take a copy away."""
    shutil.rmtree(folder)
    if told["template"] is not None:
        postgres_server.drop_database(told["admin"], f"{told['template']}_{number}")


def chosen(seen: list[str], most: int, of: list[str]) -> list[int]:
    """Choose the steps to be killed at, numbered from 1: some of each kind, evenly spaced, the last of it too.

    ``of`` are the kinds to choose from; none are named: all.
    """
    kinds = sorted(set(seen) & set(of or seen))
    share = most / (len(kinds) + 2)
    found: set[int] = set()
    for kind in kinds:
        places = [at for at, one in enumerate(seen, 1) if one == kind]
        wanted = min(len(places), max(1, round(share * (3 if kind == "commit" else 1))))
        found |= {places[-1 - int(at * len(places) / wanted)] for at in range(wanted)}
    return sorted(found)


def main(told: dict[str, Any]) -> None:
    url, folder = fresh(told, 0)
    _, before = apart(lambda: found(url, folder))
    _, seen = apart(lambda: command(told, url, folder, None))
    _, after = apart(lambda: found(url, folder))
    gone(told, 0, folder)
    print(json.dumps({"before": before, "after": after, "steps": len(seen)}), flush=True)
    for at in chosen(seen, told["most"], told["of"]):
        url, folder = fresh(told, at)
        status, _ = apart(lambda: command(told, url, folder, at))  # noqa: B023 - used at once
        wait_for_the_dead(told, url)
        _, left = apart(lambda: found(url, folder))  # noqa: B023
        again, _ = apart(lambda: command(told, url, folder, None))  # noqa: B023
        _, then = apart(lambda: found(url, folder))  # noqa: B023
        line = {
            "at": at,
            "step": seen[at - 1],
            "signal": os.WTERMSIG(status),
            "left": left,
            "again": again,
            "then": then,
        }
        print(json.dumps(line), flush=True)
        gone(told, at, folder)


def wait_for_the_dead(told: dict[str, Any], url: str) -> None:
    """Wait until a server has noticed that its client is dead: it holds its locks until then."""
    if told["template"] is None:
        return
    with psycopg.connect(url, autocommit=True) as looking:
        rest = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        while looking.execute(rest + " AND backend_type = 'client backend'").fetchone() != (0,):
            looking.execute("SELECT pg_sleep(0.02)")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

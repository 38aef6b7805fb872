"""Every fault at every step of load, train, run and publish, on DuckDB and on PostgreSQL: ``make faults``.

Prints a table, and everything that came out wrong; writes the table to ``tests/faults/harness.json``, from which
``make docs`` makes a part of docs/reliability.md. ``--only duckdb:run`` does a part, ``--most 50`` or ``--minutes 10``
a sample of each.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests"))

import postgres_server  # noqa: E402
from tests.faults.harness import originals, verdict  # noqa: E402

RESULTS = ROOT / "tests" / "faults" / "harness.json"
WRITING = Lock()
MOST_S = 3_600  # of one command
FAULTS = ("kill", "error", "full", "cut", "unanswered")


def start(told: dict[str, Any], timeout_s: float) -> list[dict[str, Any]]:
    """Have the trials of one command made by a program of its own; return what it saw, the undisturbed run first."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PAYREC_")}
    environment |= {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.harness.trials", json.dumps(told)],
        capture_output=True, text=True, check=False, timeout=timeout_s, cwd=ROOT, env=environment,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    sys.stderr.write(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


@contextmanager
def servers() -> Iterator[dict[str, str | None]]:
    """Give each database's name, and where to make copies: DuckDB's are files."""
    with postgres_server.running() as server:
        yield {"duckdb": None, "postgres": server.url("postgres")}


def original(database: str, name: str, admin: str | None, scratch: Path) -> dict[str, Any]:
    """Make the installation that the trials of one command copy; return what the trials are told."""
    base, copies = scratch / "original", scratch / "copies"
    base.mkdir(parents=True)
    copies.mkdir()
    url, template = f"duckdb:///{base}/payrec.duckdb", "duckdb:///{folder}/payrec.duckdb"
    if admin is not None:
        postgres_server.create_database(admin, f"{database}_{name}")
        url = template = postgres_server.with_database(admin, f"{database}_{name}")
    site = originals.installed(url, base, originals.models(scratch.parent))
    told = {"url": template, "folder": str(base), "scratch": str(copies), "admin": admin}
    return {**originals.command(name, site), **told}


def one(database: str, name: str, admin: str | None, scratch: Path, most: dict[str, Any]) -> dict[str, Any]:
    """Make the trials of one command on one database; keep their figures, and return them."""
    began = time.monotonic()
    told = original(database, name, admin, scratch / f"{database}-{name}")
    first, *seen = start({**told, "faults": FAULTS, "of": [], **most}, timeout_s=2 * MOST_S)
    wrong = [(trial, said) for trial in seen if (said := verdict.problems(first, trial))]
    for trial, said in wrong:
        print(f"{database} {name}, step {trial['at']} ({trial['step']}), {trial['fault']}: {'; '.join(said)}")
    found = {
        "steps": len(first["steps"]),
        "kinds": dict(sorted(Counter(kind for kind, _ in first["steps"]).items())),
        "trials": dict(Counter(trial["fault"] for trial in seen)),
        "possible": first["trials"],
        "wrong": len(wrong),
    }
    print(f"{database} {name}: {json.dumps(found)}, {time.monotonic() - began:.0f} s", flush=True)
    keep(f"{database}:{name}", found)
    return found


def keep(name: str, found: dict[str, Any]) -> None:
    """Write down the figures of one command, beside those of others."""
    with WRITING:
        known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        known[name] = found
        RESULTS.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Make all trials; return 1 if one came out wrong."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--only", action="append", help="DATABASE:COMMAND, for example duckdb:run; repeatable")
    options.add_argument("--most", type=int, default=1_000_000, help="trials of each command; default: all")
    options.add_argument("--minutes", type=float, default=MOST_S / 60, help="time for each command; default: 60")
    options.add_argument("--at-once", type=int, default=2, help="commands at a time")
    asked = options.parse_args(arguments)
    wanted = asked.only or [f"{database}:{name}" for name in originals.COMMANDS for database in ("duckdb", "postgres")]
    most = {"most": asked.most, "most_s": asked.minutes * 60}
    with tempfile.TemporaryDirectory(prefix="payrec-faults-") as folder, servers() as admin:
        originals.models(Path(folder))
        with ThreadPoolExecutor(asked.at_once) as threads:
            names = [tuple(name.split(":")) for name in wanted]
            jobs = [threads.submit(one, d, c, admin[d], Path(folder), most) for d, c in names]
            return int(any(job.result()["wrong"] for job in jobs))


if __name__ == "__main__":
    sys.exit(main())

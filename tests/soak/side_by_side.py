"""All commands side by side on one database, over and over: every run ends 0, 1 or 5, and every list is whole.

python -m tests.soak.side_by_side [--minutes 5] [--orders 1500] [--engine postgres]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pyarrow.compute as pc

from payrec.commands.train import train
from payrec.data import layers, load, snapshots
from payrec.data.engines import connect, keeps_lists
from payrec.model.store import versions
from payrec.publish.store import open_store
from payrec.simulate import simulator
from tests import postgres_server

DAY = timedelta(days=1)
SEED = 4
RUN_CODES, OTHER_CODES = {0, 1, 5}, {0, 1, 2, 3, 4, 5}


@dataclass(frozen=True)
class Place:
    """One installation, its files, and the times at which commands ask."""

    url: str
    folder: Path
    times: tuple[datetime, ...]
    order_ids: tuple[str, ...]

    def environment(self) -> dict[str, str]:
        """Return the settings of the commands."""
        return {
            **os.environ, "PAYREC_DATABASE": self.url, "PAYREC_OUT_DIR": str(self.folder),
            "PAYREC_PUBLISHED_DIR": str(self.folder / "published"), "PAYREC_MODELS_DIR": str(self.folder / "models"),
        }  # fmt: skip

    def commands(self) -> dict[str, Iterator[list[str]]]:
        """Return endless arguments for each loop; ``run`` and readers ask for different days."""
        asked = (self.times[number % len(self.times)].isoformat() for number in count())
        other = (self.times[(number * 2 + 1) % len(self.times)].isoformat() for number in count())
        file = str(self.folder / "events.csv")
        return {
            "run": (["run", "--as-of", next(asked), "--capacity", "50"] for _ in count()),
            "explain": (["explain", self.order_ids[n % 20], "--as-of", next(other)] for n in count()),
            "score": (["score", "--as-of", next(other), "--out", str(self.folder / "score.csv")] for _ in count()),
            "build": (["build", "--as-of", next(other)] for _ in count()),
            "check": (["check"] for _ in count()),
            "load": (["load", "events", file] for _ in count()),
            "train": (["train", "--recipe", "original"] for _ in count()),
            "look": (["worklist", "--out", str(self.folder / "today.csv")] for _ in count()),
            "erase": (["privacy", "erase", "nobody"] for _ in count()),
        }


@dataclass
class Ended:
    """How often each command ended with which code, and what the unexpected ones said."""

    codes: dict[str, Counter[int]] = field(default_factory=dict)
    unexpected: list[str] = field(default_factory=list)

    def add(self, name: str, done: subprocess.CompletedProcess[str]) -> None:
        """Count one command."""
        self.codes.setdefault(name, Counter())[done.returncode] += 1
        expected = RUN_CODES if name == "run" else OTHER_CODES
        if done.returncode not in expected or "internal error" in done.stderr:
            self.unexpected.append(f"{name} ended with {done.returncode}: {done.stderr.strip()[-300:]}")

    def published(self) -> int:
        """Return how many runs ended 0 or 1."""
        return sum(self.codes["run"][code] for code in (0, 1)) if "run" in self.codes else 0


def prepared(url: str, folder: Path, orders: int) -> Place:
    """Load a portfolio, train a champion, and return the installation."""
    portfolio = simulator.portfolio(orders, SEED)
    simulator.write(portfolio, folder)
    until = datetime.combine(simulator.DEFAULT_END, datetime.min.time())
    with connect(url) as engine:
        layers.prepare(engine)
        load.load_file("transactions", engine, folder / "transactions.csv")
        load.load_file("events", engine, folder / "events.csv")
        trained = train(engine, folder / "models", "original", now=until, max_rows=100_000)
        versions.promote(folder / "models", trained.model_id)
        ids = tuple(
            engine.read("SELECT order_id FROM raw_transactions ORDER BY order_id DESC LIMIT 20")["order_id"].to_pylist()
        )
    return Place(url, folder, tuple(until - days * DAY for days in (9, 6, 3, 0)), ids)


def loops(place: Place, minutes: float | None = None, rounds: int | None = None) -> Ended:
    """Run every command in a loop of its own, all at once, for some minutes or rounds."""
    ended, until = Ended(), time.monotonic() + 60 * minutes if minutes else None

    def loop(name: str, arguments: Iterator[list[str]]) -> None:
        for number, words in enumerate(arguments):
            if (rounds is not None and number >= rounds) or (until is not None and time.monotonic() > until):
                return
            called = [sys.executable, "-c", "from payrec.cli import main; main()", *words]
            ended.add(
                name, subprocess.run(called, env=place.environment(), capture_output=True, text=True, check=False)
            )

    with ThreadPoolExecutor(max_workers=16) as pool:
        for future in [pool.submit(loop, *one) for one in place.commands().items()]:
            future.result()
    return ended


def run_alone(place: Place) -> None:
    """Run once with nothing beside it; it has to publish."""
    words = ["run", "--as-of", place.times[-1].isoformat(), "--capacity", "50"]
    called = [sys.executable, "-c", "from payrec.cli import main; main()", *words]
    done = subprocess.run(called, env=place.environment(), capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr


def wrong_lists(place: Place, runs_ended: int) -> list[str]:
    """Return what is wrong with the published lists: each must hold exactly the orders that are open at its time.

    ``runs_ended``: how many runs ended 0 or 1; one that met a lock (5) publishes nothing.
    """
    wrong = []
    with connect(place.url) as engine:
        store = open_store(engine if keeps_lists(place.url) else place.folder / "published")
        for one in store.runs():
            rows = store.scores(one.run.run_id)
            layers.build(engine, layers.Parameters((one.run.as_of,), (), one.run.horizon_days))
            open_ids = engine.read(snapshots.scoring_select(one.run.as_of))["order_id"].to_pylist()
            if sorted(rows["order_id"].to_pylist()) != sorted(open_ids) or rows.num_rows != one.orders:
                wrong.append(f"{one.run.run_id}: {rows.num_rows} orders listed, {len(open_ids)} open")
            if pc.count_distinct(rows["as_of"]).as_py() != min(1, rows.num_rows):
                wrong.append(f"{one.run.run_id}: rows of several times")
        if runs_ended and not store.runs():
            wrong.append(f"{runs_ended} runs ended 0 or 1, and no list is published")
    return wrong


def main() -> int:
    """Loop, print the codes, and judge the lists; exit 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.side_by_side", description=str(__doc__).splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--orders", type=int, default=1_500)
    parser.add_argument("--engine", choices=("postgres", "duckdb"), default="postgres")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="payrec-loops-") as scratch, postgres_server.running() as server:
        folder = Path(scratch)
        url = server.url("postgres") if options.engine == "postgres" else f"duckdb:///{folder / 'payrec.duckdb'}"
        place = prepared(url, folder, options.orders)
        ended = loops(place, minutes=options.minutes)
        wrong = wrong_lists(place, ended.published())
    for name, codes in ended.codes.items():
        print(f"{name:<10}" + "  ".join(f"exit {code}: {n}" for code, n in sorted(codes.items())))
    total = sum(sum(codes.values()) for codes in ended.codes.values())
    print(
        f"{options.engine}, {options.minutes:g} minutes: {total} commands, {len(ended.unexpected)} unexpected endings"
    )
    print(f"{ended.published()} runs ended 0 or 1; {len(wrong)} lists wrong")
    print("\n".join([*ended.unexpected, *wrong]) or "every run ended 0, 1 or 5, every list is whole")
    return 1 if ended.unexpected or wrong else 0


if __name__ == "__main__":
    sys.exit(main())

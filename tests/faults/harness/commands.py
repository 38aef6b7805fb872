"""The commands that are broken, as a user gives them; in a process that may end with them."""

from __future__ import annotations

import importlib
import io
import os
import pickle
import pkgutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import typer.main

from payrec import cli
from payrec.cli import options
from payrec.commands import train as train_command
from payrec.data.engines import connect, keeps_lists
from payrec.data.engines import retry as retrying
from payrec.model.evaluate import gate
from payrec.publish.lists import Publication
from payrec.publish.store import open_store
from tests.faults.harness.places import Place, details_kept
from tests.faults.harness.steps import Watch

PUBLISH = "publish"
"""Not a verb of its own: publishes the oldest list once more, under another name."""


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, what it said on stderr, the steps it took."""

    code: int
    said: str
    steps: list[Any]


def warm() -> None:
    """Import what the commands import on use, once for all trials."""
    for room in ("commands", "data", "model", "worklist", "publish", "monitor"):
        package = importlib.import_module(f"payrec.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "spark" not in module.name:
                importlib.import_module(module.name)
    for name in ("scipy.optimize", "pyarrow.parquet", "pyarrow.csv", "adbc_driver_postgresql.dbapi"):
        importlib.import_module(name)
    built = typer.main.get_command(cli.app)
    typer.main.get_command = lambda _: built  # it inspects every command, each time that one is called


def run(command: list[str], place: Place, now: datetime, watch: Watch) -> Ended:
    """Run a command; ``{folder}`` in it is where the installation stands."""
    os.environ |= place.environment()
    options.now = lambda: now  # type: ignore[assignment]
    gate.assess = lambda *_: gate.GateResult(())  # small data teach a bad model; here it has to serve all the same
    retrying.time = SimpleNamespace(sleep=lambda _: None)  # type: ignore[assignment]
    _learn_once(Path(watch.folder).parent)
    if command == [PUBLISH]:
        cli.app = lambda **_: _publish_again(place)  # type: ignore[assignment]
    said, sys.stdout, sys.stderr = io.StringIO(), io.StringIO(), io.StringIO()
    sys.stderr = said
    watch.is_on = True
    code = 0
    try:
        cli.main([*(word.format(folder=place.folder) for word in command), "--json"])
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        watch.is_on = False
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
    return Ended(code, said.getvalue(), watch.seen)


def _publish_again(place: Place) -> None:
    with connect(place.url) as engine:
        store = open_store(engine if keeps_lists(place.url) else place.published)
        first = store.runs()[-1].run
        kept = {name: store.detail(first.run_id, name) for name in details_kept()}
        beside = {name: partial(_batches, rows) for name, rows in kept.items() if rows is not None}
        again = replace(first, run_id="20260520T000000-again")
        store.commit(Publication(again, store.scores(first.run_id), details=beside))
        of_first = store.verdicts().filter(pa.compute.field("run_id") == first.run_id)
        ids = pa.array([again.run_id] * of_first.num_rows, of_first.schema.field("run_id").type)
        store.add_verdicts(again.run_id, of_first.set_column(of_first.schema.get_field_index("run_id"), "run_id", ids))


def _batches(rows: pa.Table) -> Iterator[pa.RecordBatch]:
    yield from rows.to_batches()


def _learn_once(scratch: Path) -> None:
    """Let trainings reckon once for all trials: it takes seconds, the same numbers come out, and it has no steps."""
    from payrec.model.evaluate import backtest
    from payrec.model.recipes import training

    train_command.testing = SimpleNamespace(run=_kept(backtest.run, scratch / "tested"))  # type: ignore[assignment]
    trained = _kept(training.train, scratch / "trained")
    kept = SimpleNamespace(train=trained, RECIPES=training.RECIPES)
    train_command.training = kept  # type: ignore[assignment]


def _kept(real: Callable[..., Any], path: Path) -> Callable[..., Any]:
    def once(*args: Any) -> Any:
        with suppress(FileNotFoundError):
            return pickle.loads(os.pread(os.open(path, os.O_RDONLY), 1 << 30, 0))
        found = real(*args)
        number = os.open(path, os.O_RDWR | os.O_CREAT)
        os.write(number, pickle.dumps(found))
        return found

    return once

"""The whole way on each engine, step by step: load Parquet files, build, train, score, publish."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from benchmarks import inputs, reading, spark_server
from benchmarks.inputs import NOW
from benchmarks.measure import forget_peak, give_back_memory, peak_now_mb, server_cpu_s, timed, tree_cpu_s, tree_peak_mb
from benchmarks.scoring import folder_of
from payrec.commands.build import parameters
from payrec.commands.scoring import score_layers, scoring_request
from payrec.commands.train import train
from payrec.data import layers, load
from payrec.data.engines import Engine, connect, keeps_lists
from payrec.data.load import Mapping
from payrec.model.store import versions
from payrec.model.store.bundle import Bundle, read
from payrec.publish.store import ListStore, open_store
from payrec.simulate import simulator
from payrec.worklist.policy import Policy

Done = TypeVar("Done")
MEMORY, LOADING = "1500MB", "10GB"  # for DuckDB itself, of the 4 GB that a run on 10 million orders may take
CORES = 2
FILES = ("transactions", "events", "fx")


def prepared(orders: int) -> None:
    """Draw the portfolio as files."""
    inputs.generated(inputs.Portfolio(orders, inputs.AS_USUAL))


class Course:
    """Measure one step after another: this process with what it started, and the server of folder ``data``, if any.

    The memory is that of this process and of Spark's Java machine and workers; a server's shared memory is not counted.
    """

    def __init__(self, data: Path | None) -> None:
        self.steps: list[dict[str, Any]] = []
        self._data = data

    def __call__(self, name: str, work: Callable[[], Done], rows: Callable[[Done], int]) -> Done:
        me = os.getpid()
        give_back_memory()
        forget_peak(me)
        before = tree_cpu_s(me)
        with timed(lambda: server_cpu_s(self._data) if self._data else 0.0) as cost:
            done = work()
        self.steps.append(
            {
                "step": name,
                "rows": rows(done),
                "wall_s": cost.wall_s,
                "cpu_s": tree_cpu_s(me) - before - cost.server_cpu_s,  # a server is of the tree too
                "server_cpu_s": cost.server_cpu_s,
                "peak_mb": peak_now_mb(me) if self._data else tree_peak_mb(me),
            }
        )
        return done

    def result(self) -> dict[str, Any]:
        """Return the sums, and the steps as figures."""
        sums = {name: sum(step[name] for step in self.steps) for name in ("wall_s", "cpu_s", "server_cpu_s")}
        peak = max(step["peak_mb"] for step in self.steps)
        return {"rows": self.steps[0]["rows"], **sums, "peak_mb": peak, "figures": {"steps": self.steps}}


def on(engine: str, orders: int) -> dict[str, Any]:
    """Take the portfolio all the way; each step's CPU counts the server's or the Java machine's too."""
    return _measured(engine, inputs.Portfolio(orders, inputs.AS_USUAL), _steps)


def first_night(engine: str, orders: int) -> dict[str, Any]:
    """Load, and do what a first night does, with a model that is there: no training."""
    return _measured(engine, inputs.Portfolio(orders, inputs.AS_USUAL), _steps_of_a_night)


def one_customer(engine: str, orders: int) -> dict[str, Any]:
    """Build the same portfolio as if all orders were one customer's."""
    return _measured(engine, inputs.Portfolio(orders, inputs.AS_USUAL), _steps_of_one_customer)


def _measured(engine: str, portfolio: inputs.Portfolio, steps: Callable[..., None]) -> dict[str, Any]:
    scratch = portfolio.folder / f"steps-{engine}"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        with _database(engine, scratch) as (url, data):
            course = Course(data)
            steps(course, url, portfolio, scratch / "published")
            kept = data or scratch
            sizes = {"kept_bytes": _bytes(kept.rglob("*")), "file_bytes": _bytes(map(portfolio.file, FILES))}
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    result = course.result()
    return {**result, "figures": {**result["figures"], **sizes}}


def _bytes(files: Iterable[Path]) -> int:
    return sum(file.stat().st_size for file in files if file.is_file())


@contextmanager
def _database(engine: str, scratch: Path) -> Iterator[tuple[str, Path | None]]:
    """Give an empty database: its address, and the folder of its server if it has one."""
    if engine == "postgres":
        with reading.server() as (url, data):
            yield url, data
    elif engine == "spark":
        with spark_server.running(scratch, CORES) as url:
            yield url, None
    else:
        yield f"duckdb:///{scratch / 'payrec.duckdb'}?memory_limit={MEMORY}", None


def _steps(course: Course, url: str, portfolio: inputs.Portfolio, folder: Path) -> None:
    models = portfolio.folder / "steps-models"
    shutil.rmtree(models, ignore_errors=True)
    with connect(url) as engine:
        course("load", lambda: _loaded(engine, portfolio), lambda rows: rows)
        _built(course, engine, "build to train", parameters())
        course("train", lambda: train(engine, models, "logistic", now=NOW), lambda t: t.model.training.rows)
        bundle = versions.show(models, versions.ids(models)[0])
        _listed(course, engine, bundle, open_store(engine if keeps_lists(url) else folder))


def _steps_of_a_night(course: Course, url: str, portfolio: inputs.Portfolio, folder: Path) -> None:
    # an index of a key cannot leave memory: loading very much needs more than all that follows
    with connect(url.replace(f"memory_limit={MEMORY}", f"memory_limit={LOADING}")) as engine:
        course("load", lambda: _loaded(engine, portfolio), lambda rows: rows)
    give_back_memory()
    with connect(url) as engine:
        _listed(course, engine, read(folder_of("logistic")), open_store(engine if keeps_lists(url) else folder))


def _steps_of_one_customer(course: Course, url: str, portfolio: inputs.Portfolio, _folder: Path) -> None:
    with connect(url) as engine:
        inputs.load_into(engine, portfolio, customers=1)
        _built(course, engine, "build to train", layers.Parameters())
        _built(course, engine, "build to score", layers.Parameters(None, ()))


def _listed(course: Course, engine: Engine, bundle: Bundle, store: ListStore) -> None:
    _built(course, engine, "build to score", layers.Parameters(None, ()))
    with scoring_request(engine, bundle, Policy(), None, NOW, _quiet) as request:
        listed = course("score", lambda: score_layers(engine, request, _quiet), lambda d: d.ranked.num_rows)
    course("publish", lambda: store.commit(listed.run, listed.ranked), lambda _: listed.ranked.num_rows)


def _built(course: Course, engine: Engine, name: str, parameters: layers.Parameters) -> None:
    course(name, lambda: layers.build(engine, parameters), lambda built: built.rows["snapshots"])


def _loaded(engine: Engine, portfolio: inputs.Portfolio) -> int:
    layers.prepare(engine)
    rates = Mapping(reporting_currency=simulator.REPORTING_CURRENCY)
    reports = (
        layers.change(engine, lambda: load.load_file("transactions", engine, portfolio.file("transactions"))),
        layers.change(engine, lambda: load.load_file("events", engine, portfolio.file("events"))),
        layers.change(engine, lambda: load.load_file("fx", engine, portfolio.file("fx"), rates)),
    )
    return sum(report.loaded for report in reports)


def _quiet(_step: str) -> None:
    pass

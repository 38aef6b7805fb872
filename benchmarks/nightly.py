"""payrec run with nearly half of the orders open, on DuckDB and PostgreSQL; again; its list written into PostgreSQL."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks import inputs, reading, scoring
from benchmarks.inputs import NOW
from benchmarks.measure import server_cpu_s, timed
from payrec.commands.run import RunConfig, execute
from payrec.data import layers
from payrec.data.engines import connect
from payrec.model.features.declarations import schema_hash
from payrec.model.store import bundle, versions
from payrec.publish import lock
from payrec.publish.store import open_store
from payrec.worklist.policy import Policy

MODELS = inputs.FOLDER / f"models-{schema_hash()}"  # a champion made for other features would be refused


def prepared(orders: int) -> None:
    """Load the portfolio, and make a champion."""
    inputs.loaded(inputs.Portfolio(orders, inputs.MANY_OPEN))
    scoring.prepared(100_000)
    if not MODELS.exists():
        versions.promote(MODELS, versions.add(MODELS, bundle.load(scoring.folder_of("logistic")), None))


def _night(orders: int, url: str, published: Path | None) -> RunConfig:
    folder = inputs.Portfolio(orders, inputs.MANY_OPEN).folder
    holder = lock.Holder(os.getpid(), "benchmark", NOW)
    return RunConfig(None, MODELS, Policy(), published, holder, url, folder, NOW)


def first(orders: int) -> dict[str, Any]:
    """One run: build for scoring, check, score, decide, publish, monitor."""
    portfolio = inputs.Portfolio(orders, inputs.MANY_OPEN)
    path, published = inputs.copy_of(portfolio, "night.duckdb"), portfolio.folder / "published"
    shutil.rmtree(published, ignore_errors=True)
    with timed() as cost:
        report = execute(_night(orders, f"duckdb:///{path}", published), lambda _: None)
    return {"rows": report.ranked.num_rows, **vars(cost)}


def next_night(orders: int) -> dict[str, Any]:
    """The second of two nights: the facts of one more day came in after the first."""
    portfolio = inputs.Portfolio(orders, inputs.MANY_OPEN)
    path, published = inputs.copy_of(portfolio, "next.duckdb"), portfolio.folder / "published-next"
    shutil.rmtree(published, ignore_errors=True)
    config = _night(orders, f"duckdb:///{path}", published)
    with connect(config.database_url) as engine:
        until = engine.read("SELECT MAX(event_ts) AS t FROM raw_events")["t"][0].as_py() - timedelta(days=1)
        later = f"event_ts > TIMESTAMP '{until}'"
        held_back = engine.read(f"SELECT * FROM raw_events WHERE {later}")
        engine.run(f"DELETE FROM raw_events WHERE {later}")
    execute(replace(config, as_of=until), lambda _: None)
    with connect(config.database_url) as engine:
        layers.change(engine, lambda: engine.write("raw_events", held_back, key=("event_id",)))
    with timed() as cost:
        report = execute(config, lambda _: None)
    cost.figures["events_of_the_day"] = held_back.num_rows
    return {"rows": report.ranked.num_rows, **vars(cost)}


def again(orders: int) -> dict[str, Any]:
    """The same run a second time: nothing is to be done."""
    portfolio = inputs.Portfolio(orders, inputs.MANY_OPEN)
    if not (portfolio.folder / "published").exists():
        first(orders)
    config = _night(orders, f"duckdb:///{portfolio.folder / 'night.duckdb'}", portfolio.folder / "published")
    with timed() as cost:
        report = execute(config, lambda _: None)
    cost.figures["was_done_already"] = report.already_done
    return {"rows": report.ranked.num_rows, **vars(cost)}


def on_postgres(orders: int) -> dict[str, Any]:
    """One run that reads from and publishes to PostgreSQL, and the same again."""
    portfolio = inputs.Portfolio(orders, inputs.MANY_OPEN)
    with reading.server() as (url, data):
        with connect(url) as engine:
            inputs.load_into(engine, portfolio)
            engine.run("ANALYZE")
        with timed(lambda: server_cpu_s(data)) as cost:
            report = execute(_night(orders, url, None), lambda _: None)
        with timed(lambda: server_cpu_s(data)) as second:
            repeated = execute(_night(orders, url, None), lambda _: None)
    cost.figures |= {"again_wall_s": second.wall_s, "again_cpu_s": second.cpu_s + second.server_cpu_s}
    cost.figures["was_done_already"] = repeated.already_done
    return {"rows": report.ranked.num_rows, **vars(cost)}


def written_back(orders: int) -> dict[str, Any]:
    """Publish the list of the night into PostgreSQL: rows and indexes in one transaction."""
    portfolio = inputs.Portfolio(orders, inputs.MANY_OPEN)
    if not (portfolio.folder / "published").exists():
        first(orders)
    served = open_store(portfolio.folder / "published").current()
    assert served is not None
    ranked = open_store(portfolio.folder / "published").scores(served.run.run_id)
    with reading.server() as (url, data), connect(url) as engine:
        open_store(engine).commit(replace(served.run, run_id="warm-up"), ranked.slice(0, 1_000))
        with timed(lambda: server_cpu_s(data)) as cost:
            open_store(engine).commit(served.run, ranked)
    return {"rows": ranked.num_rows, **vars(cost)}

"""One measurement in this process: ``python -m benchmarks.one NAME ORDERS`` prints its result as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks import (
    building,
    chased,
    effect,
    effect_peers,
    effect_rule,
    loading,
    nightly,
    original_view,
    page_steps,
    quality,
    reading,
    scoring,
    steps,
    with_pandas,
)
from benchmarks.measure import peak_mb

MILLION = 1_000_000


@dataclass(frozen=True)
class Measurement:
    """What to run and how to call it; ``prepare`` runs before in a process of its own."""

    group: str
    name: str
    title: str
    run: Callable[[int], dict[str, Any]]
    prepare: Callable[[int], None]


def _all() -> dict[str, Measurement]:
    build, read, night = building.prepared, reading.prepared, nightly.prepared
    measurements = [
        Measurement("load", "load", "payrec load, CSV to DuckDB", loading.with_payrec, loading.prepared),
        Measurement(
            "load", "load-duckdb", "DuckDB's own reader, nothing checked", loading.with_duckdb, loading.prepared
        ),
        Measurement(
            "load",
            "first-list",
            "Stripe's export of 28,000 charges to a list",
            loading.first_list,
            loading.prepared_export,
        ),
        Measurement("build", "build", "payrec build, DuckDB", building.on_duckdb, build),
        Measurement("build", "build-0-1", "payrec 0.1 build, DuckDB", building.first_release, build),
        Measurement("build", "build-pandas", "the same view in pandas", with_pandas.measured, build),
        Measurement("build", "build-polars", "the same view in polars", _polars, build),
        Measurement("build", "build-original-view", "a plain view of orders, DuckDB", original_view.measured, build),
        Measurement(
            "build",
            "build-scoring",
            "payrec build for one as_of, DuckDB",
            building.scoring_only,
            building.prepared_scoring,
        ),
        Measurement("build", "build-next-day", "… a day later, 1 % paid", building.next_day, building.prepared_scoring),
        *(
            Measurement(
                "build", f"build-{name}", f"payrec build, {title}", partial(building.few_customers, each), build
            )
            for name, title, each in (
                ("dense", "1,000 orders a customer", 1_000),
                ("one-customer", "one customer", None),
            )
        ),
        *(
            Measurement("score", f"score-{r}", f"bundle, {r}", partial(_score, r), scoring.prepared)
            for r in ("logistic", "xgboost")
        ),
        Measurement("score", "score-sklearn", "scikit-learn pipeline", _score_sklearn, scoring.prepared),
        Measurement(
            "score", "score-file", "Parquet to ranked Parquet, logistic", scoring.file_to_file, scoring.prepared_file
        ),
        Measurement("score", "score-copy", "DuckDB copying that file", scoring.duckdb_copy, scoring.prepared_file),
        Measurement("read", "read-adbc", "payrec engine.read", partial(_read, "adbc"), read),
        Measurement("read", "read-batches", "payrec engine.read_batches", partial(_read, "batches"), read),
        Measurement("read", "read-pandas", "pandas.read_sql, psycopg2", partial(_read, "read_sql"), read),
        *(
            Measurement("quality", f"quality-{n}", n.replace("_", " "), partial(quality.contender, n), quality.prepared)
            for n in quality.FITS
        ),
        *(
            Measurement("train", f"train-{r}{nth}", f"{r}{nth}", partial(quality.trained, r), quality.prepared)
            for r in ("logistic", "xgboost")
            for nth in ("", "-again")
        ),
        Measurement("night", "night", "payrec run, DuckDB", nightly.first, night),
        Measurement("night", "night-again", "the same run again", nightly.again, night),
        Measurement("night", "night-next", "the night after, with a day's events", nightly.next_night, night),
        Measurement("night", "night-postgres", "payrec run, PostgreSQL", nightly.on_postgres, night),
        *(
            Measurement(group, f"{group}-{engine}", f"{title}, {name}", partial(run, engine), steps.prepared)
            for group, title, run in (
                ("steps", "all steps", steps.on),
                ("one-customer", "one customer's orders", steps.one_customer),
            )
            for engine, name in page_steps.ENGINES.items()
        ),
        Measurement(
            "first-night",
            "first-night",
            "load and first night, DuckDB",
            partial(steps.first_night, "duckdb"),
            steps.prepared,
        ),
        Measurement("night", "write-back", "publish to PostgreSQL", nightly.written_back, night),
        Measurement("effect", "effect-coverage", "extra money, 400 assignments", effect.coverage, effect.prepared),
        Measurement("effect", "effect-plan", "plan against 200 years", effect.plan, effect.prepared),
        *(
            Measurement(
                "effect",
                f"effect-{n}",
                f"200 years, {n} customers a week",
                partial(effect.sequence, n),
                effect.prepared,
            )
            for n in (100, 200, 1_000)
        ),
        *(
            Measurement(
                "effect-rule",
                f"effect-rule-{world}",
                f"rule of the effect, {world}, {orders:,} orders",
                partial(effect_rule.rule, world, orders, runs),
                effect.prepared,
            )
            for world, orders, runs in (
                ("none", 10_000, 200),
                ("proportional", 10_000, 200),
                ("hidden", 10_000, 200),
                ("+5", 5_000, 200),
                ("+2", 5_000, 100),
            )
        ),
        Measurement(
            "effect-rule", "effect-training", "test and fit, 20,000 orders", effect_rule.training, effect.prepared
        ),
        *(
            Measurement(
                "effect-rule",
                f"effect-mail-{name}-{outcome}",
                f"e-mail test, {name}, {outcome}",
                partial(effect_rule.mail, f"{name.capitalize()} E-Mail", outcome),
                effect.prepared,
            )
            for name in ("womens", "mens")
            for outcome in ("visit", "conversion")
        ),
        *(
            Measurement(
                "effect-peers", f"effect-peers-{name}", title, partial(effect_peers.worlds, name), effect.prepared
            )
            for name, (title, _) in effect_peers.LEARNERS.items()
        ),
        *(
            Measurement(
                "effect-peers",
                f"effect-peers-{mail}-{name}",
                f"{title}, {mail}'s mail",
                partial(effect_peers.mail, name, f"{mail.capitalize()} E-Mail"),
                effect.prepared,
            )
            for mail in ("womens", "mens")
            for name, (title, _) in effect_peers.LEARNERS.items()
        ),
        Measurement("chased", "chased", "twelve nights, who is chased", chased.on_duckdb, chased.prepared),
    ]
    return {one.name: one for one in measurements}


def _score(recipe: str, orders: int) -> dict[str, Any]:
    return scoring.bundled(recipe, orders, MILLION if recipe == "logistic" else 300_000)


def _score_sklearn(orders: int) -> dict[str, Any]:
    return scoring.scikit_learn(orders, 100_000)


def _read(reader: str, orders: int) -> dict[str, Any]:
    return reading.in_child(reader, orders, min(MILLION, 10 * orders))


def _polars(orders: int) -> dict[str, Any]:
    from benchmarks import with_polars

    return with_polars.measured(orders)


MEASUREMENTS = _all()

if __name__ == "__main__":
    wanted, orders = MEASUREMENTS[sys.argv[1]], int(sys.argv[2])
    if "--prepare" in sys.argv:
        wanted.prepare(orders)
    else:
        result = {"peak_mb": peak_mb(), **wanted.run(orders)}
        result["peak_mb"] = max(result["peak_mb"], peak_mb()) if wanted.group != "read" else result["peak_mb"]
        print(json.dumps(result))

"""Promise 7: the engines give the same layers, compared with ==; and the machine's time zone changes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import spark_server
from payrec.data import layers, snapshots
from payrec.data.engines import Engine
from payrec.data.engines.spark import Spark
from payrec.model.recipes import training
from payrec.model.recipes.model import Model
from payrec.simulate import simulator
from payrec.worklist import score

KEYS = {
    "order_numbers": "order_no", "accounts": "account_no", "reason_numbers": "reason_no",
    "channel_numbers": "channel_no", "currency_numbers": "currency_no", "event_types": "kind",
    "stg_events": "order_no, position",
    "stg_orders": "order_no", "stg_money": "order_no, from_at", "stg_claims": "order_no",
    "stg_balances": "order_no, from_at", "stg_outcomes": "order_no",
    "stg_observed": "until", "snapshots": "order_no, as_of", "customer_blocks": "customer_no",
    "customer_states": "customer_no, account_no, from_at", "customer_decisions": "customer_no, decided",
    "customer_paces": "customer_no, nth",
    "context_history": "dimension, value, day", "features": "order_no, as_of",
    "labels": "order_no, as_of", "v_feature_view": "order_id, as_of",
    "fact_days": "kind, day, month", "freshness": "kind", "missing_months": "kind, from_at",
    "unapplied_cash": "order_no, as_of",
}  # fmt: skip
NOT_COUNTED = {"v_feature_view", "order_numbers", "accounts", "event_types"} | {
    f"{name}_numbers" for name in ("reason", "channel", "currency")
}
ASKED = layers.Parameters(as_of=(datetime(2026, 6, 15, 9, 30),), landmark_ages=(-7, 0, 7, 30, 60))


@pytest.fixture(scope="module")
def portfolio() -> simulator.Portfolio:
    """Orders of two years; the events of one month are missing."""
    made = simulator.portfolio(1500, 3)
    months = pc.strftime(made.events["event_ts"], "%Y-%m")
    return replace(made, events=made.events.filter(pc.not_equal(months, "2025-11")))


def filled(engine: Engine, made: simulator.Portfolio) -> Engine:
    for table, rows in (("raw_transactions", made.transactions), ("raw_events", made.events), ("fx_rates", made.fx)):
        engine.write(table, rows, key=())
    engine.run("INSERT INTO payment_source (source) VALUES ('events')")
    engine.run("INSERT INTO reporting_currency (currency) VALUES ('EUR')")
    built = layers.build(engine, ASKED)
    assert set(built.rows) == set(KEYS) - NOT_COUNTED
    return engine


def read(engine: Engine, table: str) -> pa.Table:
    return engine.read(f"SELECT * FROM {table} ORDER BY {KEYS[table]}")


def scored(engine: Engine, model: Model) -> pa.Table:
    """Return what ranking reads of all snapshots, with their probabilities, made where the engine keeps its rows."""
    select = f"SELECT * FROM {layers.VIEW}"
    rows = score.score(lambda through: engine.read_batches(select, through), model).rows
    return rows.sort_by([("order_id", "ascending"), ("as_of", "ascending")])


def assert_same_probabilities(engines: Sequence[Engine], recipe: str) -> None:
    """Train on what the first engine gives, score on each."""
    model = training.train(snapshots.training_rows(engines[0], 10**6, 1), training.TrainSpec(recipe))
    first, *others = (scored(engine, model) for engine in engines)
    assert first.num_rows > 1000
    for other in others:
        assert other.drop(["p_recover_30d"]) == first.drop(["p_recover_30d"])
        np.testing.assert_allclose(other["p_recover_30d"], first["p_recover_30d"], rtol=0, atol=1e-6)


# not in this portfolio; the meaning of the data is tested on every engine
RARE = ("unapplied_cash", "currency_numbers")


def test_every_layer_and_every_probability_is_the_same_on_every_engine(
    open_engine: Callable[[str], Engine],
    portfolio: simulator.Portfolio,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """In the middle of Spark's build one of its two executors is killed."""
    run, killed = Spark.run, list[int]()

    def disturbed(self: Spark, sql: str) -> None:
        if "CREATE TABLE features" in sql and not os.environ.get("PAYREC_TEST_SPARK"):
            killed.append(spark_server.kill_an_executor(tmp_path_factory))
        run(self, sql)

    monkeypatch.setattr(Spark, "run", disturbed)
    duckdb, *others = (filled(open_engine(name), portfolio) for name in ("duckdb", "postgres", "spark"))
    for table in KEYS:
        first = read(duckdb, table)
        assert first.num_rows > 0 or table in RARE
        for other in others:
            second = read(other, table)
            assert first.schema == second.schema, (table, other.name)
            assert first == second, (table, other.name)
    assert len(killed) == (0 if os.environ.get("PAYREC_TEST_SPARK") else 1)
    for recipe in ("logistic", "xgboost"):
        assert_same_probabilities((duckdb, *others), recipe)


def test_building_twice_gives_the_same_rows(engine: Engine, portfolio: simulator.Portfolio) -> None:
    first = read(filled(engine, portfolio), "v_feature_view")
    layers.build(engine, ASKED)
    assert read(engine, "v_feature_view") == first


def test_a_build_that_fails_leaves_the_last_one_in_place(engine: Engine, portfolio: simulator.Portfolio) -> None:
    before = read(filled(engine, portfolio), "v_feature_view")

    def stop_at_features(file: str) -> None:
        if file == "33_features.sql":
            raise InterruptedError

    with pytest.raises(InterruptedError):
        layers.build(engine, layers.Parameters(landmark_ages=(14,)), stop_at_features)
    assert read(engine, "v_feature_view") == before


def test_answers_only_for_the_raw_rows_it_was_built_from(engine: Engine, portfolio: simulator.Portfolio) -> None:
    filled(engine, portfolio)
    assert layers.answers(engine, ASKED)
    assert layers.answers(engine, layers.Parameters(as_of=(), landmark_ages=(0, 60)))
    assert not layers.answers(engine, layers.Parameters(as_of=(), landmark_ages=(0, 61)))
    assert not layers.answers(engine, layers.Parameters(as_of=(), landmark_ages=(0,), horizon_days=7))
    engine.run("UPDATE raw_transactions SET country = 'XX' WHERE order_id = 'o00000007'")
    assert not layers.answers(engine, ASKED)


def test_a_sample_is_whole_orders_and_the_same_again(engine: Engine, portfolio: simulator.Portfolio) -> None:
    filled(engine, portfolio)
    told: list[str] = []
    everything = snapshots.training_rows(engine, 10**9, 1, told.append)
    half = everything.num_rows // 2
    some = snapshots.training_rows(engine, half, 1, told.append)
    assert told == [
        f"reading {everything.num_rows:,} snapshots",
        f"reading a sample of about {half:,} of {everything.num_rows:,} snapshots, whole orders drawn by seed 1",
    ]
    assert 0.35 < some.num_rows / everything.num_rows < 0.65
    assert some == snapshots.training_rows(engine, everything.num_rows // 2, seed=1)
    assert some != snapshots.training_rows(engine, everything.num_rows // 2, seed=2)
    orders = set(some["order_id"].to_pylist())
    kept = [o for o in everything["order_id"].to_pylist() if o in orders]
    assert len(kept) == some.num_rows


_PRINT = """
import hashlib, sys
from payrec.data import layers
from payrec.data.engines import connect
from tests.data.test_engines_agree import ASKED, filled, read, simulator
with connect("duckdb://") as engine:
    layers.prepare(engine)
    rows = read(filled(engine, simulator.portfolio(400, 3)), "v_feature_view")
sys.stdout.write(hashlib.sha256(repr(rows.to_pylist()).encode()).hexdigest())
"""


def test_the_machines_time_zone_changes_nothing() -> None:
    root = Path(__file__).resolve().parents[2]

    def view_under(zone: str) -> str:
        given = {**os.environ, "TZ": zone, "PYTHONPATH": f"{root}{os.pathsep}{root / 'tests'}"}
        done = subprocess.run(
            [sys.executable, "-c", _PRINT], capture_output=True, text=True, env=given, check=True, cwd=root
        )
        return done.stdout

    zones = ("UTC", "Pacific/Kiritimati", "America/St_Johns")
    assert len({view_under(zone) for zone in zones}) == 1

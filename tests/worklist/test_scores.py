from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from payrec.data import layers
from payrec.data.engines import Engine
from payrec.model import explain
from payrec.model.recipes import training
from payrec.model.recipes.model import Model, predict
from payrec.model.recipes.training import TrainSpec
from payrec.monitor import drift
from payrec.publish import run_info
from payrec.publish.run_info import RunSummary
from payrec.worklist import rank, score
from payrec.worklist.policy import Cap, Policy

sys.path.insert(0, str(Path(__file__).parents[1] / "model"))
from rows import feature_rows

AS_OF = datetime.fromisoformat("2026-01-31")


@pytest.fixture(scope="module")
def model() -> Model:
    return training.train(feature_rows(3_000, 1), TrainSpec(recipe="logistic"))


@pytest.fixture(scope="module")
def open_rows() -> pa.Table:
    """Snapshots of many times, made to be of one: each order once."""
    rows = feature_rows(2_000, 2)
    first = np.unique(np.array(rows["order_id"].to_pylist()), return_index=True)[1]
    rows = rows.take(pa.array(first)).slice(0, 600)
    at = rows.column_names.index("as_of")
    rows = rows.set_column(at, "as_of", pa.array([AS_OF] * rows.num_rows, pa.timestamp("us")))
    age = rows.column_names.index("age_days")
    older = pa.array(np.where(np.arange(rows.num_rows) % 10 == 0, 999, rows["age_days"].to_numpy()).astype(np.int32))
    return rows.set_column(age, "age_days", older)


def held(batches: list[pa.RecordBatch]) -> score.Through:
    return lambda through: map(through, batches)


def test_batches_do_not_matter_and_old_orders_are_not_scored(model: Model, open_rows: pa.Table) -> None:
    whole = score.score(held(open_rows.to_batches()), model)
    parts = score.score(held(open_rows.combine_chunks().to_batches(max_chunksize=77)), model)
    assert parts.rows.combine_chunks() == whole.rows.combine_chunks()
    assert whole.too_old == -(-open_rows.num_rows // 10) > 40
    young = pc.less_equal(open_rows["age_days"], model.max_age_days)
    expected = predict(model, open_rows.filter(young))
    np.testing.assert_array_equal(whole.rows["p_recover_30d"].filter(young).to_numpy(), expected)
    assert parts.measured.shares.keys() == whole.measured.shares.keys()
    for name, shares in whole.measured.shares.items():
        assert shares == pytest.approx(parts.measured.shares[name])
        assert sum(shares) == pytest.approx(1)


def test_drift_of_rows_against_the_training_is_small_and_of_other_units_large(
    model: Model, open_rows: pa.Table
) -> None:
    def run(rows: pa.Table) -> RunSummary:
        made = score.score(held(rows.to_batches()), model)
        return run_info.summarised(rank.rank(made.rows, Policy()), AS_OF, AS_OF, made.measured)

    at = open_rows.column_names.index("outstanding_minor")
    times_100 = pc.multiply(open_rows["outstanding_minor"], 100)
    now = run(open_rows.set_column(at, "outstanding_minor", times_100))
    numbers = {(one.metric, one.subject): one.value for one in drift.figures(now, run(open_rows), model.spreads)}
    assert numbers["psi", "outstanding_relative"] > 1
    assert numbers["psi", "country"] == 0
    assert ("psi", "weekday") not in numbers
    assert numbers["psi_training", "country"] < 0.1


def test_nothing_open_is_an_empty_list(model: Model, open_rows: pa.Table) -> None:
    for batches in ([], open_rows.slice(0, 0).to_batches(), open_rows.schema.empty_table().to_batches(max_chunksize=1)):
        made = score.score(held(batches), model)
        assert rank.rank(made.rows, Policy()) == rank.SCHEMA.empty_table()
        assert (made.too_old, made.rows.num_rows) == (0, 0)


def test_the_first_of_the_list_are_explained(
    model: Model, open_rows: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score, "EXPLAINED_FIRST", 20)
    monkeypatch.setattr(score, "EXPLAINED_MOST", 40)
    rows = score.score(held(open_rows.to_batches()), model).rows
    ranked, customers = rank.ranked_lists(rows, Policy(capacity={"total": 50}))
    told = score.explained(ranked, customers, held(open_rows.combine_chunks().to_batches(max_chunksize=100)), model)
    assert told.schema == rank.SCHEMA
    assert told.drop(["reason_1", "reason_2", "reason_3"]) == ranked.drop(["reason_1", "reason_2", "reason_3"])
    has_reason = pc.is_valid(told["reason_1"]).to_pylist()
    first_customers = customers["top_order_id"][:20].to_pylist()
    orders = told["order_id"].to_pylist()
    assert has_reason == [at < 40 or name in first_customers for at, name in enumerate(orders)]
    top = told["order_id"][0].as_py()
    row = open_rows.filter(pc.equal(open_rows["order_id"], top))
    assert told["reason_1"][0].as_py() == explain.reasons(model, row)[0][0].text


def test_contacts_so_far_are_those_known_in_the_longest_window(engine: Engine) -> None:
    policy = Policy(cap=(Cap(count=1, window_days=7), Cap(count=9, window_days=2)))
    layers.build(engine, layers.Parameters(as_of=(AS_OF,), landmark_ages=()))
    assert score.recent(engine, AS_OF, policy) is None
    orders = [("o1", "c1"), ("o2", "c2")]
    engine.write(
        "raw_transactions",
        pa.Table.from_pylist(
            [
                {"order_id": o, "customer_id": c, "currency": "EUR", "amount": 5, "invoice_date": datetime(2026, 1, 1)}
                for o, c in orders
            ]
        ),
        key=(),
    )
    events = [
        ("e1", "o1", "2026-01-24T00:00:01", None, "contact"),
        ("e2", "o1", "2026-01-23T23:00:00", None, "contact"),  # out of the window
        ("e3", "o2", "2026-01-30", None, "attempt"),  # a date: known at its end, which is as_of
        ("e4", "o2", "2026-01-31", None, "contact"),  # known after as_of
        ("e5", "o2", "2026-01-20T05:00:00", "2026-01-29T01:00:00", "contact"),  # recorded late
        ("e6", "o2", "2026-01-30T05:00:00", None, "promise"),
    ]
    engine.write(
        "raw_events",
        pa.Table.from_pylist(
            [
                {
                    "event_id": event,
                    "order_id": order,
                    "event_ts": datetime.fromisoformat(at),
                    "recorded_ts": recorded and datetime.fromisoformat(recorded),
                    "event_type": kind,
                    "channel": "phone" if event == "e1" else None,
                }
                for event, order, at, recorded, kind in events
            ]
        ),
        key=(),
    )
    layers.build(engine, layers.Parameters(as_of=(AS_OF,), landmark_ages=()))
    found = score.recent(engine, AS_OF, policy)
    assert found is not None
    assert [(row["customer_id"], row["event_type"], row["channel"]) for row in found.to_pylist()] == [
        ("c1", "contact", "phone"),
        ("c2", "contact", None),
        ("c2", "attempt", None),
    ]
    assert score.recent(engine, AS_OF, Policy()) is None

"""A build that goes on from the last one gives the same rows as a build from nothing, whatever changed between."""

from __future__ import annotations

import random
from datetime import date, datetime

import pyarrow as pa
import pytest

from payrec.data import changes, warehouse
from payrec.data.engines import Engine
from payrec.errors import DataRefused
from tests.data.portfolios import DAY, Row, event, load, order
from tests.data.test_engines_agree import KEYS
from tests.data.test_warehouse import made

ASKED = warehouse.Parameters(as_of=(datetime(2024, 4, 30),), landmark_ages=(0, 3, 30))


def layers(engine: Engine) -> dict[str, pa.Table]:
    return {table: engine.read(f"SELECT * FROM {table} ORDER BY {key}") for table, key in KEYS.items()}


def edited(rows: list[Row], events: list[Row], rng: random.Random) -> tuple[list[Row], list[Row], set[str]]:
    """Take orders out, change some, bring some back, with and without their events; return whose raw rows changed."""
    gone = set(rng.sample([r["order_id"] for r in rows], 3))
    new = order("zz", rng.choice(rows)["customer_id"], date(2024, 3, 1))
    after = [{**r, "country": "IT"} if rng.random() < 0.1 else r for r in rows if r["order_id"] not in gone] + [new]
    log = [e for e in events if e["order_id"] not in gone or rng.random() < 0.5]
    log = [{**e, "amount": None} if rng.random() < 0.05 else e for e in log if rng.random() > 0.05]
    log += [
        event("zz-1", "zz", "payment", datetime(2024, 3, 20, 12)),
        event("stray", "nobody", "payment", datetime(2024, 3, 1)),
    ]
    before_of, after_of = by_order(rows, events), by_order(after, log)
    return after, log, {o for o in before_of | after_of if before_of.get(o) != after_of.get(o)}


def by_order(rows: list[Row], events: list[Row]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in (*rows, *events):
        found.setdefault(row["order_id"], []).append(repr(sorted(row.items())))
    return {order_id: sorted(texts) for order_id, texts in found.items()}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("with_events", [True, False], ids=["events", "dates"])
def test_going_on_from_the_last_build_is_the_same_as_from_nothing(
    engine: Engine, seed: int, with_events: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "MOST", 1.0)
    rng = random.Random(seed)
    rows, log = made(seed)
    load(engine, rows, log if with_events else None)
    assert warehouse.build(engine, ASKED).orders_remade is None, "the first build makes everything"
    if not engine.row_hash:  # as does every other: there is nothing that it goes on from
        return
    for _ in range(2):
        rows, log, changed = edited(rows, log, rng)
        rows = list({r["order_id"]: r for r in rows}.values())
        log = list({e["event_id"]: e for e in log}.values())
        warehouse.change(engine, lambda rows=rows, log=log: load(engine, rows, log if with_events else None))
        built = warehouse.build(engine, ASKED)
        assert 0 < len(changed) < len(rows)
        assert built.orders_remade is not None
        assert 0 < built.orders_remade <= len(changed)
        quick = layers(engine)
        assert warehouse.build(engine, ASKED, full=True).orders_remade is None
        assert layers(engine) == quick


def test_nothing_changed_remakes_no_order_and_asks_anew(engine: Engine) -> None:
    rows, log = made(1)
    load(engine, rows, log)
    warehouse.build(engine, ASKED)
    later = warehouse.Parameters(as_of=(datetime(2024, 5, 9),), landmark_ages=())
    if not engine.row_hash:
        assert warehouse.build(engine, later).orders_remade is None
        return
    assert warehouse.build(engine, later).orders_remade == 0
    quick = layers(engine)
    warehouse.build(engine, later, full=True)
    assert layers(engine) == quick


@pytest.mark.parametrize(
    "otherwise",
    ["INSERT INTO known_at_creation (column_name) VALUES ('reason_code')", "DELETE FROM payment_source"],
    ids=["known_at_creation", "payment_source"],
)
def test_what_was_declared_otherwise_makes_all_anew(engine: Engine, otherwise: str) -> None:
    rows, log = made(2)
    load(engine, rows, log)
    warehouse.build(engine, ASKED)
    engine.run(otherwise)
    assert warehouse.build(engine, ASKED).orders_remade is None
    assert warehouse.build(engine, warehouse.Parameters(horizon_days=7)).orders_remade is None


def test_many_changes_make_all_anew(engine: Engine) -> None:
    rows, log = made(3)
    load(engine, rows, log)
    warehouse.build(engine, ASKED)
    load(engine, [{**r, "country": "XX"} for r in rows], log)
    assert warehouse.build(engine, ASKED).orders_remade is None


def test_a_build_that_fails_in_the_middle_is_gone_on_from_the_one_before(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "MOST", 1.0)
    rows, log = made(4)
    load(engine, rows[:30], log)
    warehouse.build(engine, ASKED)
    load(engine, rows, log)

    def stop(file: str) -> None:
        if file == "33_features.sql":
            raise DataRefused("stop here")

    with pytest.raises(DataRefused, match="stop here"):
        warehouse.build(engine, ASKED, stop)
    built = warehouse.build(engine, ASKED)
    if not engine.row_hash:
        assert built.orders_remade is None
        return
    assert built.orders_remade == 10
    quick = layers(engine)
    warehouse.build(engine, ASKED, full=True)
    assert layers(engine) == quick


def test_days_matter_to_orders_of_dates_too(engine: Engine) -> None:
    first = [order("a", "c", date(2024, 1, 1)), order("b", "c", date(2024, 1, 5))] + [
        order(f"x{n}", "d", date(2024, 1, 1)) for n in range(8)
    ]
    load(engine, first)
    warehouse.build(engine, ASKED)
    load(engine, [{**first[0], "payment_date": date(2024, 1, 20) + DAY}, *first[1:]])
    assert warehouse.build(engine, ASKED).orders_remade == (1 if engine.row_hash else None)
    assert engine.read("SELECT order_id FROM stg_outcomes WHERE recovered_at IS NOT NULL")["order_id"].to_pylist() == [
        "a"
    ]

"""A build that goes on from the last one gives the same rows as a build from nothing, whatever changed between."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from payrec.common.errors import DataRefused
from payrec.data import incremental
from payrec.data import layers as warehouse
from payrec.data.engines import Engine
from tests import histories
from tests.data.portfolios import DAY, Row, event, load, order
from tests.data.test_engines_agree import KEYS
from tests.data.test_meaning_in_sql import drawn
from tests.data.test_meaning_in_sql import load as load_histories
from tests.data.test_warehouse import made

END = datetime(2025, 1, 15)
ASKED = warehouse.Parameters(as_of=(datetime(2024, 4, 30),), landmark_ages=(0, 3, 30), observed_until=END)


def layers(engine: Engine) -> dict[str, pa.Table]:
    return {table: engine.read(f"SELECT * FROM {table} ORDER BY {key}") for table, key in KEYS.items()}


@pytest.fixture(params=("duckdb", "postgres"))
def going_on(request: pytest.FixtureRequest, open_engine: Callable[[str], Engine]) -> Engine:
    """Each engine that goes on from the last build; Spark makes all anew each time."""
    return open_engine(str(request.param))


def edited(rows: list[Row], events: list[Row], rng: random.Random) -> tuple[list[Row], list[Row], set[str]]:
    """Take orders out, change some, bring some back, with and without their events; return whose raw rows changed."""
    gone = set(rng.sample([r["order_id"] for r in rows], 9))
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


@pytest.mark.parametrize("with_events", [True, False], ids=["events", "dates"])
def test_going_on_from_the_last_build_is_the_same_as_from_nothing(
    going_on: Engine, with_events: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incremental, "MOST", 1.0)
    rng = random.Random(2)
    rows, log = made(2, orders=120)
    load(going_on, rows, log if with_events else None)
    assert warehouse.build(going_on, ASKED).orders_remade is None, "the first build makes everything"
    for _ in range(2):
        rows, log, changed = edited(rows, log, rng)
        rows = list({r["order_id"]: r for r in rows}.values())
        log = list({e["event_id"]: e for e in log}.values())
        warehouse.change(going_on, lambda rows=rows, log=log: load(going_on, rows, log if with_events else None))
        built = warehouse.build(going_on, ASKED)
        assert 0 < len(changed) < len(rows)
        assert built.orders_remade is not None
        assert 0 < built.orders_remade <= len(changed)
        quick = layers(going_on)
        assert warehouse.build(going_on, ASKED, full=True).orders_remade is None
        assert layers(going_on) == quick


def test_an_undated_fact_of_the_export_moves_with_the_end_of_the_data(going_on: Engine) -> None:
    rows = [order("a", "c", date(2024, 3, 1), status="paid"), order("b", "c", date(2024, 3, 1))]
    load(going_on, rows, [])
    for end in (datetime(2024, 3, 20), datetime(2024, 4, 10)):
        built = warehouse.build(going_on, replace(ASKED, as_of=(datetime(2024, 4, 1),), observed_until=end))
        opened = going_on.read(
            "SELECT order_id FROM v_feature_view WHERE as_of = TIMESTAMP '2024-04-01 00:00:00' ORDER BY 1"
        )
        assert opened["order_id"].to_pylist() == (["b"] if end < datetime(2024, 4, 1) else ["a", "b"])
    assert built.orders_remade is None, "one of two orders is more than a third"


def test_only_the_declared_end_moves(going_on: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Undated facts of the export move with the end, and meet other dated facts there: money known later counts."""
    monkeypatch.setattr(incremental, "MOST", 1.0)
    orders, log = drawn(100)
    rng = random.Random(1)
    undated = [{**row, "stated_at": None} if rng.random() < 0.8 else row for row in orders]
    load_histories(going_on, undated, log, "events")
    remade = []
    for day in (40, 70, 55):
        end = histories.START + day * DAY
        asked = replace(ASKED, as_of=(end,), observed_until=end)
        remade.append(warehouse.build(going_on, asked).orders_remade)
        quick = layers(going_on)
        assert warehouse.build(going_on, asked, full=True).orders_remade is None
        assert layers(going_on) == quick
    assert remade[0] is None
    assert all(count is not None and 0 < count < len(orders) for count in remade[1:])


def test_an_undated_fact_that_said_nothing_new_does_so_at_a_later_end(going_on: Engine) -> None:
    """60.00 of 100.00 are paid, the export says 40.00 are owed; the bank takes the payment back after the first end."""
    rows = [order("a", "c", date(2024, 3, 1), outstanding=Decimal(40))]
    rows += [order(f"x{n}", "d", date(2024, 3, 1)) for n in range(4)]
    log = [
        event("a-1", "a", "payment", datetime(2024, 3, 10, 12), amount=Decimal(60)),
        event("a-2", "a", "return", datetime(2024, 3, 25, 12), amount=Decimal(60)),
    ]
    load(going_on, rows, log)
    warehouse.build(going_on, replace(ASKED, as_of=(datetime(2024, 3, 20),), observed_until=datetime(2024, 3, 20)))
    end = datetime(2024, 4, 1)
    built = warehouse.build(going_on, replace(ASKED, as_of=(end,), observed_until=end))
    assert built.orders_remade == 1
    owed = going_on.read(
        f"SELECT outstanding_minor FROM v_feature_view WHERE order_id = 'a' AND as_of = TIMESTAMP '{end}'"
    )
    assert owed["outstanding_minor"].to_pylist() == [4000]


def test_nothing_changed_remakes_no_order_and_asks_anew(going_on: Engine) -> None:
    rows, log = made(1)
    load(going_on, rows, log)
    warehouse.build(going_on, ASKED)
    later = warehouse.Parameters(as_of=(datetime(2024, 5, 9),), landmark_ages=())
    assert warehouse.build(going_on, later).orders_remade == 0
    quick = layers(going_on)
    warehouse.build(going_on, later, full=True)
    assert layers(going_on) == quick


@pytest.mark.parametrize(
    "otherwise",
    ["INSERT INTO known_at_creation (column_name) VALUES ('reason_code')", "DELETE FROM payment_source"],
    ids=["known_at_creation", "payment_source"],
)
def test_what_was_declared_otherwise_makes_all_anew(going_on: Engine, otherwise: str) -> None:
    rows, log = made(2)
    load(going_on, rows, log)
    warehouse.build(going_on, ASKED)
    going_on.run(otherwise)
    assert warehouse.build(going_on, ASKED).orders_remade is None
    assert warehouse.build(going_on, warehouse.Parameters(horizon_days=7)).orders_remade is None


def test_many_changes_make_all_anew(going_on: Engine) -> None:
    rows, log = made(3)
    load(going_on, rows, log)
    warehouse.build(going_on, ASKED)
    load(going_on, [{**r, "country": "XX"} for r in rows], log)
    assert warehouse.build(going_on, ASKED).orders_remade is None


def test_a_build_that_fails_in_the_middle_is_gone_on_from_the_one_before(
    going_on: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incremental, "MOST", 1.0)
    rows, log = made(4)
    load(going_on, rows[:30], log)
    warehouse.build(going_on, ASKED)
    load(going_on, rows, log)

    def stop(file: str) -> None:
        if file == "33_features.sql":
            raise DataRefused("stop here")

    with pytest.raises(DataRefused, match="stop here"):
        warehouse.build(going_on, ASKED, stop)
    built = warehouse.build(going_on, ASKED)
    assert built.orders_remade == 10
    quick = layers(going_on)
    warehouse.build(going_on, ASKED, full=True)
    assert layers(going_on) == quick


def test_days_matter_to_orders_of_dates_too(going_on: Engine) -> None:
    first = [order("a", "c", date(2024, 1, 1)), order("b", "c", date(2024, 1, 5))] + [
        order(f"x{n}", "d", date(2024, 1, 1)) for n in range(8)
    ]
    load(going_on, first)
    warehouse.build(going_on, ASKED)
    load(going_on, [{**first[0], "payment_date": date(2024, 1, 20) + DAY}, *first[1:]])
    assert warehouse.build(going_on, ASKED).orders_remade == 1
    recovered = going_on.read(
        "SELECT o.order_id FROM stg_outcomes AS u JOIN stg_orders AS o ON o.order_no = u.order_no "
        "WHERE u.recovered_at IS NOT NULL"
    )
    assert recovered["order_id"].to_pylist() == ["a"]


def test_layers_made_by_other_sql_do_not_answer(going_on: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an upgrade the raw tables are what they were; the layers are made anew all the same."""
    load(going_on, *made(1))
    warehouse.build(going_on, ASKED)
    assert warehouse.answers(going_on, ASKED)
    *first, (name, sql) = warehouse.layers()
    monkeypatch.setattr(warehouse, "layers", lambda: (*first, (name, sql + "\n-- as of the next version")))
    assert not warehouse.answers(going_on, ASKED)
    warehouse.build(going_on, ASKED)
    assert warehouse.answers(going_on, ASKED)

"""How far each kind of fact reaches: usual gaps, late payments, months that are missing, and the labels that follow."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from math import ceil
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payrec.common.errors import DataRefused
from payrec.data import freshness, layers, promises
from payrec.data.engines import Engine, connect
from payrec.data.freshness import Feed, MissingMonths
from tests.data.portfolios import DAY, Row, event, load, order

START = date(2025, 1, 1)
MIDNIGHT = datetime(2025, 1, 1)


def paid_daily(days: int, payments: list[datetime], per_day: int = 2) -> tuple[list[Row], list[Row]]:
    """Return orders of every day, and payments at the given times, each of another order that is open by then."""
    orders = [order(f"o{d:03d}-{i}", f"c{i}", START + d * DAY) for d in range(days) for i in range(per_day)]
    waiting, events = [o["order_id"] for o in orders], []
    for number, at in enumerate(sorted(payments)):
        payable = next((o for o in waiting if START + int(o[1:4]) * DAY < at.date()), None)
        if payable:
            waiting.remove(payable)
            events.append(event(f"e{number}", payable, "payment", at))
    return orders, events


def built(
    engine: Engine, orders: list[Row], events: list[Row] | None, until: datetime | None = None
) -> dict[str, Feed]:
    load(engine, orders, events)
    layers.build(engine, layers.Parameters(as_of=None, observed_until=until))
    broken = [check.name for check in promises.check(engine) if check.offending_rows]
    assert broken == []
    return {feed.kind: feed for feed in freshness.feeds(engine)}


def at_noon(days: list[int]) -> list[datetime]:
    return [MIDNIGHT + timedelta(days=d, hours=12) for d in days]


TYPES = {"payments": "payment", "attempts": "attempt", "contacts": "contact", "disputes": "dispute_opened"}


@settings(max_examples=8, deadline=None)
@given(rhythms=st.fixed_dictionaries({kind: st.lists(st.integers(1, 20), max_size=45) for kind in TYPES}))
def test_the_usual_gap_is_the_95th_percentile_of_the_gaps_between_days(rhythms: dict[str, list[int]]) -> None:
    days = {kind: [1 + sum(gaps[:n]) for n in range(len(gaps) + 1)] for kind, gaps in rhythms.items()}
    events = [event(f"{k}{at}", "o0", TYPES[k], at, amount=None) for k in TYPES for at in at_noon(days[k])]
    with connect("duckdb://") as engine:
        layers.prepare(engine)
        feeds = built(engine, [order("o0", "c", START)], events)
    for kind, gaps in rhythms.items():
        usual = sorted(gaps)[ceil(len(gaps) * 95 / 100) - 1] if len(gaps) >= 5 else None
        limit = None if usual is None else max(3 * usual, 3)
        assert feeds[kind] == Feed(kind, len(days[kind]), at_noon(days[kind])[-1], usual, limit)


def test_each_kind_is_known_by_itself(engine: Engine) -> None:
    kinds = {"attempt": 10, "contact": 20, "dispute_opened": 25, "dispute_closed": 30, "payment": 40, "promise": 50}
    events = [event(kind, "o000-0", kind, MIDNIGHT + d * DAY, amount=None) for kind, d in kinds.items()]
    feeds = built(engine, paid_daily(60, [])[0], events)
    # a bare date is known at its end
    days = {"orders": 60, "payments": 41, "attempts": 11, "contacts": 21, "disputes": 31}
    assert {kind: feed.newest_at for kind, feed in feeds.items()} == {k: MIDNIGHT + d * DAY for k, d in days.items()}
    assert list(feeds) == list(freshness.KINDS)
    assert feeds["orders"].usual_gap_days == 1
    assert feeds["orders"].limit_days == 3
    assert feeds["payments"].limit_days is None


def test_the_header_of_fact_days_shows_the_rows_that_the_layer_makes(engine: Engine) -> None:
    at = [datetime(2025, 5, 30, 8), datetime(2025, 5, 30, 17), datetime(2025, 5, 30, 12)]
    recorded = [None, None, datetime(2025, 6, 2, 9)]
    events = [event(f"e{n}", "o", "attempt", at[n], amount=None, recorded_ts=recorded[n]) for n in range(3)]
    built(engine, [order("o", "c", date(2025, 5, 31))], events)
    rows = engine.read("SELECT day, month, facts, newest_at FROM fact_days ORDER BY kind, day")
    may = datetime(2025, 5, 1)
    assert [tuple(row.values()) for row in rows.to_pylist()] == [
        (datetime(2025, 5, 30), may, 2, at[1]),
        (datetime(2025, 6, 2), may, 1, recorded[2]),
        (datetime(2025, 6, 1), may, 1, datetime(2025, 6, 1)),  # the order of 31 May, known at its end
    ]


QUIET: dict[str, list[int]] = {
    "weekly, one of the last left out": list(range(2, 107, 7)),
    "two days before the end": list(range(1, 118)),
    "on working days, after a long weekend": [d for d in range(1, 115) if (START + d * DAY).weekday() < 5],
    "monthly": [10, 40, 71, 101],
    "few and uneven": [5, 7, 21, 48, 52, 80],
    "none": [],
    "one": [30],
}  # fmt: skip


@pytest.mark.parametrize("rhythm", QUIET)
def test_a_quiet_feed_is_not_late(rhythm: str) -> None:
    with connect("duckdb://") as engine:
        layers.prepare(engine)
        feeds = built(engine, *paid_daily(120, at_noon(QUIET[rhythm])))
        assert freshness.days_behind(feeds.values(), MIDNIGHT + 120 * DAY) is None
        assert freshness.missing_months(engine) == ()


def test_a_bank_file_that_is_loaded_on_mondays_is_not_late_on_sundays(duckdb_memory: Engine) -> None:
    mondays = [d for d in range(1, 118) if (START + d * DAY).weekday() == 0]
    orders, events = paid_daily(120, at_noon(list(range(1, mondays[-1]))))
    for e in events:  # recorded on the Monday after
        day = (e["event_ts"].date() - START).days
        e["recorded_ts"] = MIDNIGHT + timedelta(days=next(m for m in mondays if m > day), hours=8)
    feeds = built(duckdb_memory, orders, events)
    assert feeds["payments"].usual_gap_days == 7
    assert freshness.days_behind(feeds.values(), MIDNIGHT + 120 * DAY) is None


@pytest.mark.parametrize(("silent_days", "is_late"), [(2, False), (3, False), (4, True), (20, True)])
def test_payments_are_late_after_three_usual_gaps(engine: Engine, silent_days: int, is_late: bool) -> None:
    orders, events = paid_daily(120, [MIDNIGHT + d * DAY for d in range(1, 120 - silent_days)])
    feeds, end = built(engine, orders, events).values(), MIDNIGHT + 120 * DAY
    assert freshness.days_behind(feeds, end) == (silent_days if is_late else None)
    known = end - silent_days * DAY
    assert freshness.days_behind(feeds, known) is None
    if is_late:
        with pytest.raises(DataRefused, match=rf"--payments-until {known:%Y-%m-%d}$"):
            freshness.require_fresh_payments(feeds, end, None)
        with pytest.raises(DataRefused):
            freshness.require_fresh_payments(feeds, end, known)
    freshness.require_fresh_payments(feeds, known, known)


def test_payment_dates_are_a_feed_too(duckdb_memory: Engine) -> None:
    orders = [
        order(f"o{d}", "c", START + d * DAY, payment_date=START + (d + 5) * DAY if d < 80 else None) for d in range(120)
    ]
    feeds = built(duckdb_memory, orders, None)
    assert (feeds["payments"].newest_at, feeds["payments"].facts) == (MIDNIGHT + 85 * DAY, 80)
    assert freshness.sentence(feeds.values()) == "payments until 26 Mar 2025, 35 days behind orders"


def portfolio(seed: int) -> tuple[list[Row], list[Row]]:
    """Return 300 days of orders with some payments of each day, early and late ones."""
    draw = random.Random(seed)
    orders, events = [], []
    for number in range(900):
        made = START + draw.randrange(300) * DAY
        orders.append(order(f"o{number}", f"c{number % 40}", made))
        if draw.random() < 0.7:
            paid = datetime.combine(made, datetime.min.time()) + timedelta(hours=draw.randrange(30, 24 * 80))
            events.append(event(f"e{number}", f"o{number}", "payment", paid, amount=None))
    end = max(o["invoice_date"] for o in orders)
    return orders, [e for e in events if e["event_ts"].date() <= end]


def labels(engine: Engine) -> dict[tuple[str, datetime], int]:
    rows = engine.read(
        "SELECT order_id, as_of, label_recovered_30d AS label FROM v_feature_view WHERE label_recovered_30d IS NOT NULL"
    ).to_pylist()
    return {(r["order_id"], r["as_of"]): r["label"] for r in rows}


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 99), silent_days=st.integers(1, 60), is_declared=st.booleans())
def test_a_label_of_a_feed_that_stopped_is_the_label_of_the_whole_feed(
    seed: int, silent_days: int, is_declared: bool
) -> None:
    orders, events = portfolio(seed)
    end = max(e["event_ts"] for e in events)
    stops = datetime.combine(end.date(), datetime.min.time()) - silent_days * DAY
    kept = [e for e in events if e["event_ts"] < stops]
    until = MIDNIGHT + 301 * DAY if is_declared and silent_days > 5 else None
    with connect("duckdb://") as engine:
        layers.prepare(engine)
        built(engine, orders, events)
        whole = labels(engine)
        built(engine, orders, kept, until)
        stopped = labels(engine)
    assert stopped.items() <= whole.items()
    assert max(at for _, at in stopped) + 30 * DAY <= stops
    assert len(stopped) > 500


@pytest.mark.parametrize("month", [4, 6])
def test_a_month_without_payments_is_named_and_teaches_nothing(engine: Engine, month: int) -> None:
    orders, events = portfolio(month)
    built(engine, orders, events)
    whole = labels(engine)
    built(engine, orders, [e for e in events if e["event_ts"].month != month])
    begins, ends = datetime(2025, month, 1), datetime(2025, month + 1, 1)
    assert freshness.missing_months(engine) == (MissingMonths("payments", begins, ends),)
    without, known = labels(engine), {o["order_id"]: o["invoice_date"] for o in orders}
    assert without.items() <= whole.items()
    expected: dict[Any, int] = {
        (name, at): label
        for (name, at), label in whole.items()
        if at + 30 * DAY <= begins or datetime.combine(known[name], datetime.min.time()) + DAY >= ends
    }
    assert without == expected


def test_two_months_that_are_missing_are_named_together(duckdb_memory: Engine) -> None:
    orders, events = portfolio(1)
    kept = [e for e in events if e["event_ts"].month not in (4, 5, 8)]
    built(duckdb_memory, orders, kept)
    spans = [(m.from_at.month, m.until_at.month) for m in freshness.missing_months(duckdb_memory)]
    assert spans == [(4, 6), (8, 9)]

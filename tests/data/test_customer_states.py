"""The worked examples in the headers of 31_customer_states.sql and 33_features.sql."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from payrec.data import layers
from payrec.data.engines import Engine
from tests.data.portfolios import event, load, order, view


def test_the_header_shows_the_rows_that_the_layer_makes(duckdb_memory: Engine) -> None:
    load(
        duckdb_memory,
        [order("a", "c", date(2026, 5, 1)), order("b", "c", date(2026, 5, 9), amount=Decimal("50.00"))],
        [event("e", "a", "payment", datetime(2026, 5, 20, 12))],
    )
    times = (datetime(2026, 5, 20), datetime(2026, 6, 2))
    rows = view(duckdb_memory, layers.Parameters(as_of=times, landmark_ages=(), observed_until=times[1]))
    columns = "orders, failures, still_open, recovered, decided, in_time, open_minor"
    states = duckdb_memory.read(f"SELECT from_at, {columns} FROM customer_states WHERE orders > 0 ORDER BY from_at")
    assert [tuple(row.values()) for row in states.to_pylist()] == [
        (datetime(2026, 5, 2), 1, 1, 1, 0, 0, 0, 10000),
        (datetime(2026, 5, 10), 2, 2, 2, 0, 0, 0, 15000),
        (datetime(2026, 5, 20, 12), 2, 2, 1, 1, 0, 0, 5000),
        (datetime(2026, 6, 1), 2, 2, 1, 1, 1, 1, 5000),
    ]
    (row,) = (row for row in rows if row["order_id"] == "b" and row["as_of"] == times[0])
    shown = ("cust_orders", "cust_open", "cust_open_minor", "cust_orders_90d")
    assert [row[name] for name in shown] == [1, 1, 10000, 1]


def test_orders_in_another_currency_count_and_their_money_does_not(duckdb_memory: Engine) -> None:
    load(
        duckdb_memory,
        [order("a", "c", date(2026, 5, 1)), order("b", "c", date(2026, 5, 9), currency="USD")],
        [],
    )
    at = datetime(2026, 5, 20)
    rows = view(duckdb_memory, layers.Parameters(as_of=(at,), landmark_ages=(), observed_until=at))
    assert [(r["cust_orders"], r["cust_open"], r["cust_open_minor"]) for r in rows] == [(1, 1, 0), (1, 1, 0)]


def test_an_account_keeps_its_number_and_a_new_one_of_the_customer_follows(duckdb_memory: Engine) -> None:
    at = layers.Parameters(as_of=(datetime(2026, 5, 20),), landmark_ages=(), observed_until=datetime(2026, 5, 20))
    rows = [
        order("a1", "ann", date(2026, 5, 1)),
        order("a2", "ann", date(2026, 5, 1), currency="USD"),
        order("b1", "bob", date(2026, 5, 1)),
    ]
    load(duckdb_memory, rows)
    layers.build(duckdb_memory, at)
    load(duckdb_memory, [order("a0", "ann", date(2026, 5, 2), currency="GBP"), *rows])
    layers.build(duckdb_memory, at, full=True)
    accounts = duckdb_memory.read("SELECT customer_id, currency, account_no, customer_no FROM accounts ORDER BY 3")
    assert [tuple(row.values()) for row in accounts.to_pylist()] == [
        ("ann", "EUR", 1, 1), ("ann", "USD", 2, 1), ("bob", "EUR", 3, 3), ("ann", "GBP", 4, 1),
    ]  # fmt: skip
    numbers = duckdb_memory.read("SELECT order_id, order_no FROM order_numbers ORDER BY 2")
    assert numbers["order_id"].to_pylist() == ["a1", "a2", "b1", "a0"]

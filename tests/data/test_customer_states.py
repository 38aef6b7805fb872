"""The worked examples in the headers of the layers 12 to 14, 30, 31 and 33."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from payrec.data import layers
from payrec.data.engines import Engine
from tests.data.portfolios import Row, event, load, order, view


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


def test_the_header_shows_the_money_of_a_customer_with_two_accounts(duckdb_memory: Engine) -> None:
    load(
        duckdb_memory,
        [
            order("a", "c", date(2026, 5, 1)),
            order("b", "c", date(2026, 5, 9), amount=Decimal("50.00"), currency="USD"),
            order("d", "c", date(2026, 5, 9), amount=Decimal("7.00")),
        ],
        [],
    )
    at = datetime(2026, 5, 20)
    rows = view(duckdb_memory, layers.Parameters(as_of=(at,), landmark_ages=(), observed_until=at))
    states = duckdb_memory.read(
        "SELECT s.account_no, s.orders, s.open_minor FROM customer_states AS s "
        f"WHERE s.from_at <= TIMESTAMP '{at}' AND s.until_at > TIMESTAMP '{at}' ORDER BY s.account_no"
    )
    assert [tuple(row.values()) for row in states.to_pylist()] == [(0, 3, None), (1, 0, 10700), (2, 0, 5000)]
    assert {r["order_id"]: (r["cust_orders"], r["cust_open_minor"]) for r in rows} == {
        "a": (2, 700), "b": (2, 0), "d": (2, 10000),
    }  # fmt: skip


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


def test_the_headers_show_the_money_of_an_order_and_what_its_export_adds(duckdb_memory: Engine) -> None:
    def on(order_id: str, kind: str, day: int, amount: str | None) -> Row:
        amount_given = None if amount is None else Decimal(amount)
        return event(f"{order_id}{day}", order_id, kind, datetime(2026, 5, day, 12), amount=amount_given)

    exported = {"stated_at": datetime(2026, 6, 1)}
    load(
        duckdb_memory,
        [
            order("a", "c", date(2026, 5, 1)),
            order("b", "c", date(2026, 5, 1), status="paid", **exported),
            order("d", "c", date(2026, 5, 1), outstanding=Decimal("40.00"), **exported),
        ],
        [
            on("a", "payment", 20, "60.00"), on("a", "credit", 21, "10.00"),
            on("a", "return", 22, "60.00"), on("a", "void", 23, None),
            on("b", "payment", 20, "60.00"), on("d", "payment", 20, "60.00"),
        ],
    )  # fmt: skip
    layers.build(duckdb_memory, layers.Parameters(as_of=(datetime(2026, 6, 2),), landmark_ages=()))
    of_a = "JOIN stg_orders AS o ON o.order_no = m.order_no AND o.order_id = 'a'"
    money = duckdb_memory.read(
        f"SELECT m.net_minor, m.credits_minor, m.marks_so_far FROM stg_money AS m {of_a} ORDER BY m.from_at"
    )
    assert [tuple(row.values()) for row in money.to_pylist()] == [
        (0, 0, 0), (6000, 0, 0), (6000, 1000, 0), (0, 1000, 2**30), (0, 1000, 2**30 + 1),
    ]  # fmt: skip
    owed = duckdb_memory.read(
        f"SELECT m.outstanding_minor, m.closed_by FROM stg_balances AS m {of_a} ORDER BY m.from_at"
    )
    assert owed["outstanding_minor"].to_pylist() == [10000, 4000, 3000, 9000, 0]
    assert owed["closed_by"].to_pylist()[-1] == "void"
    claims = duckdb_memory.read(
        "SELECT o.order_id, c.from_at, c.claimed_minor FROM stg_claims AS c "
        "JOIN stg_orders AS o ON o.order_no = c.order_no"
    )
    assert [tuple(row.values()) for row in claims.to_pylist()] == [("b", datetime(2026, 6, 1), 4000)]


def test_the_header_shows_how_long_the_blocks_of_a_customer_are(duckdb_memory: Engine) -> None:
    rows = [order(f"s{n}", "seven", date(2026, 5, 1)) for n in range(6)]
    load(duckdb_memory, rows + [order(f"e{n}", "eight", date(2026, 5, 1)) for n in range(300)])
    times = (datetime(2026, 5, 20), datetime(2026, 12, 31))
    layers.build(duckdb_memory, layers.Parameters(as_of=times, landmark_ages=(), observed_until=times[1]))
    shifts = duckdb_memory.read(
        "SELECT DISTINCT a.customer_id, 1 << b.block_shift AS days FROM customer_blocks AS b "
        "JOIN accounts AS a ON a.customer_no = b.customer_no ORDER BY 1"
    )
    assert shifts.to_pylist() == [{"customer_id": "eight", "days": 8}, {"customer_id": "seven", "days": 512}]
    blocks = duckdb_memory.read(
        "SELECT DISTINCT s.block FROM customer_states AS s JOIN accounts AS a ON a.customer_no = s.customer_no "
        "WHERE a.customer_id = 'seven' ORDER BY 1"
    )
    assert {739616 >> 9, 739980 >> 9} <= set(blocks["block"].to_pylist())

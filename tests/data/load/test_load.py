"""Files into the raw tables, on every engine: all of a file or nothing, the same file twice, what the map declares."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payrec.common.errors import DataRefused
from payrec.data import load
from payrec.data.engines import Engine
from payrec.data.load import payment_source
from payrec.data.load.mapping import from_document
from tests.data.load.files import EVENTS_HEADER, HEADER, LOOSE, NOW, lines, order, read, written


def rows(engine: Engine, table: str, key: str) -> list[dict[str, Any]]:
    return engine.read(f"SELECT * FROM {table} ORDER BY {key}").to_pylist()


def test_what_is_loaded_is_what_was_read(engine: Engine, tmp_path: Path) -> None:
    header = HEADER + ",provider,auth_ts,retries,chargeback_flag,outstanding,due_date,transaction_type"
    content = lines(
        order(1, customer_id="Zoë & 株式会社 😀") + ",adyen,2025-01-30T10:00:00.123456+02:00,3,no,-4.5,2030-01-01,it's",
        order(2, amount="-9999999999999.99", payment_date="") + ",,,,,,,",
        '"o\n3","c ""3""",0.005,usd,2024-02-29,,,,,,,,\\N',
        header=header,
    )
    path = written(tmp_path, content)
    report = load.load_file("transactions", engine, path, now=NOW)
    assert (report.rows_in, report.loaded) == (3, 3)
    found = rows(engine, "raw_transactions", "order_id")
    assert found == sorted(read(path).rows, key=lambda row: row["order_id"].encode())
    by_id = {row["order_id"]: row for row in found}
    assert by_id["o1"]["auth_ts"] == datetime(2025, 1, 30, 8, 0, 0, 123456)
    assert by_id["o1"]["customer_id"] == "Zoë & 株式会社 😀"
    assert by_id["o2"]["amount"] == Decimal("-9999999999999.99")
    assert by_id["o\n3"]["amount"] == Decimal("0.01")
    assert by_id["o\n3"]["invoice_date"] == date(2024, 2, 29)


@pytest.mark.spark
def test_fault_24_a_file_sent_again_changes_nothing_and_a_corrected_one_replaces(
    engine: Engine, tmp_path: Path
) -> None:
    path = written(tmp_path, lines(order(1), order(2), order(3)))
    first = load.load_file("transactions", engine, path, now=NOW)
    before = rows(engine, "raw_transactions", "order_id")
    again = load.load_file("transactions", engine, path, now=NOW)
    assert rows(engine, "raw_transactions", "order_id") == before
    assert again.notes == (*first.notes, "3 rows were there already, by their order_id, and were replaced")
    corrected = written(tmp_path, lines(order(2, amount="99"), order(4)))
    report = load.load_file("transactions", engine, corrected, now=NOW)
    assert "1 row was there already, by its order_id, and was replaced" in report.notes
    found = {row["order_id"]: row["amount"] for row in rows(engine, "raw_transactions", "order_id")}
    assert found == {"o1": Decimal("10.50"), "o2": Decimal(99), "o3": Decimal("10.50"), "o4": Decimal("10.50")}


@pytest.mark.parametrize(
    "content",
    [
        lines(order(5), order(6, amount="x")),  # too many bad rows
        lines(order(5), order(5, amount="7")),  # a conflict
        lines(order(5, invoice_date="01/02/2025")),  # unclear
        lines(order(5)) + '\xff"',  # not text at the very end
    ],
)
def test_fault_01_a_refused_file_leaves_everything_as_it_was(engine: Engine, tmp_path: Path, content: str) -> None:
    load.load_file("transactions", engine, written(tmp_path, lines(order(1))), now=NOW)
    bad = written(tmp_path, content.encode("latin-1"), "bad.csv")
    mapping = from_document({"observed_until": date(2025, 1, 1)}, "m.toml")
    with pytest.raises(DataRefused):
        load.load_file("transactions", engine, bad, mapping, now=NOW)
    assert [row["order_id"] for row in rows(engine, "raw_transactions", "order_id")] == ["o1"]
    assert rows(engine, "observed_until", "until") == []


def test_fault_01_a_failure_while_writing_leaves_everything_as_it_was(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load.load_file("transactions", engine, written(tmp_path, lines(order(1))), now=NOW)

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(load, "_declare", fail)
    with pytest.raises(OSError, match="disk full"):
        load.load_file("transactions", engine, written(tmp_path, lines(order(1, amount="7"), order(2))), now=NOW)
    assert [row["amount"] for row in rows(engine, "raw_transactions", "order_id")] == [Decimal("10.50")]


def paid_orders(tmp_path: Path, count: int) -> Path:
    """Ten orders, the first ``count`` of them with a payment date."""
    return written(tmp_path, lines(*(order(n, payment_date="2025-02-01" if n < count else "") for n in range(10))))


def log(tmp_path: Path, kind: str, orders: range) -> Path:
    rows_of_kind = (f"{kind}{n},o{n},2025-02-01,{kind},5" for n in orders)
    return written(tmp_path, lines(*rows_of_kind, header=EVENTS_HEADER))


@pytest.mark.parametrize(
    ("kind", "explained", "source"),
    [
        ("payment", 8, ["events"]), ("payment", 7, []), ("payment", 4, []), ("payment", 1, []), ("refund", 8, []),
        ("chargeback", 8, []), ("return", 8, []), ("credit", 8, []), ("attempt", 8, []), ("contact", 1, []),
    ],
)  # fmt: skip
def test_events_become_the_source_of_payments_once_they_explain_the_paid_orders(
    engine: Engine, tmp_path: Path, kind: str, explained: int, source: list[str]
) -> None:
    for is_orders_first in (True, False):
        engine.run("DELETE FROM raw_events; DELETE FROM raw_transactions; DELETE FROM payment_source")
        loads = [
            lambda: load.load_file("transactions", engine, paid_orders(tmp_path, 8), now=NOW),
            lambda: load.load_file("events", engine, log(tmp_path, kind, range(explained)), now=NOW),
        ]
        last = [read() for read in (loads if is_orders_first else reversed(loads))][-1]
        assert [row["source"] for row in rows(engine, "payment_source", "source")] == source
        kept = f"payments stay known from payment_date: only {explained} of 8 orders"
        assert (payment_source.SWITCHED in last.notes) == bool(source)
        assert any(note.startswith(kept) for note in last.notes) == (kind == "payment" and not source)


def test_a_person_may_choose_the_source_of_payments_and_go_back(duckdb_memory: Engine, tmp_path: Path) -> None:
    engine = duckdb_memory
    load.load_file("transactions", engine, paid_orders(tmp_path, 8), now=NOW)
    by_events, by_dates = (replace(LOOSE, payments_from_events=choice) for choice in (True, False))
    refund = log(tmp_path, "refund", range(1))
    load.load_file("events", engine, refund, now=NOW, options=by_events)
    assert rows(engine, "payment_source", "source") == [{"source": "events"}]
    load.load_file("events", engine, refund, now=NOW)
    assert rows(engine, "payment_source", "source") == [{"source": "events"}]
    load.load_file("events", engine, refund, now=NOW, options=by_dates)
    assert rows(engine, "payment_source", "source") == []


def test_without_payment_dates_one_payment_is_enough(duckdb_memory: Engine, tmp_path: Path) -> None:
    load.load_file("transactions", duckdb_memory, paid_orders(tmp_path, 0), now=NOW)
    load.load_file("events", duckdb_memory, log(tmp_path, "payment", range(1)), now=NOW)
    assert rows(duckdb_memory, "payment_source", "source") == [{"source": "events"}]


def test_what_the_map_declares_is_stored(engine: Engine, tmp_path: Path) -> None:
    path = written(tmp_path, lines(order(1)))
    declared = {"known_at_creation": ["reason_code", "result_status"], "observed_until": date(2025, 6, 30)}
    load.load_file("transactions", engine, path, from_document(declared, "m.toml"), now=NOW)
    load.load_file("transactions", engine, path, now=NOW)  # says nothing: all stays
    assert [row["column_name"] for row in rows(engine, "known_at_creation", "column_name")] == [
        "reason_code",
        "result_status",
    ]
    assert rows(engine, "observed_until", "until") == [{"until": datetime(2025, 7, 1)}]
    load.load_file(
        "transactions",
        engine,
        path,
        from_document({"known_at_creation": [], "observed_until": date(2025, 7, 31)}, "m.toml"),
    )
    assert rows(engine, "known_at_creation", "column_name") == []
    assert rows(engine, "observed_until", "until") == [{"until": datetime(2025, 8, 1)}]


def test_rates(engine: Engine, tmp_path: Path) -> None:
    path = written(tmp_path, "currency,rate_date,rate_to_reporting\nusd,2025-01-31,0.92512345\nEUR,2025-01-31,1\n")
    report = load.load_file(
        "fx", engine, path, from_document({"kind": "fx", "reporting_currency": "eur"}, "m.toml"), now=NOW
    )
    assert report.loaded == 2
    assert rows(engine, "fx_rates", "currency") == [
        {"currency": "EUR", "rate_date": date(2025, 1, 31), "rate_to_reporting": Decimal(1)},
        {"currency": "USD", "rate_date": date(2025, 1, 31), "rate_to_reporting": Decimal("0.92512345")},
    ]
    assert rows(engine, "reporting_currency", "currency") == [{"currency": "EUR"}]


def test_events_are_read_back(engine: Engine, tmp_path: Path) -> None:
    header = EVENTS_HEADER + ",recorded_ts,reason_code,channel,detail"
    content = lines(
        "e1,o1,2025-01-01 10:00:00,attempt,10.50,2025-01-01 10:00:01,51,card," + "é" * 1000,
        "e2,o1,2025-01-02,promise,,,,phone,2025-02-01",
        header=header,
    )
    path = written(tmp_path, content)
    assert load.load_file("events", engine, path, now=NOW).loaded == 2
    assert rows(engine, "raw_events", "event_id") == read(path, "events").rows


def test_more_rows_than_one_batch(engine: Engine, tmp_path: Path) -> None:
    path = written(tmp_path, lines(*(order(n) for n in range(130_000))))
    report = load.load_file("transactions", engine, path, now=NOW)
    assert report.loaded == 130_000
    assert engine.read("SELECT COUNT(*) AS n FROM raw_transactions")["n"][0].as_py() == 130_000


def test_no_clock_no_limit(engine: Engine, tmp_path: Path) -> None:
    path = written(tmp_path, lines(order(1, payment_date="2090-01-01")))
    assert load.load_file("transactions", engine, path).loaded == 1


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, 10**12), st.booleans()), min_size=1, max_size=8, unique_by=lambda pair: pair[0])
)
def test_ids_that_became_decimals_are_the_whole_numbers_that_they_were(
    tmp_path_factory: pytest.TempPathFactory, ids: list[tuple[int, bool]]
) -> None:
    """One id that is no whole number keeps all as they are: its column was never of numbers."""
    texts = [f"{number}.0" if is_decimal else str(number) for number, is_decimal in ids]
    path = written(
        tmp_path_factory.mktemp("ids"), lines(*(order(0, order_id=text, customer_id=text) for text in texts))
    )
    with load.parse(path, "transactions", now=NOW) as parsed:
        rows = [row for batch in parsed.batches() for row in batch.to_pylist()]
        assert [(row["order_id"], row["customer_id"]) for row in rows] == [(str(number),) * 2 for number, _ in ids]
        assert any("12345.0 is read as 12345" in note for note in parsed.report.notes) == any(d for _, d in ids)
    other = lines(*(order(0, order_id=text) for text in (*texts, "A-1.0")))
    with load.parse(written(path.parent, other, "other.csv"), "transactions", now=NOW) as parsed:
        rows = [row for batch in parsed.batches() for row in batch.to_pylist()]
        assert [row["order_id"] for row in rows] == [*texts, "A-1.0"]

"""Files into the raw tables, on every engine: all of a file or nothing, the same file twice, what the map declares."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from payrec.common.errors import DataRefused
from payrec.data import load
from payrec.data.engines import Engine
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
    report = load.transactions(engine, path, now=NOW)
    assert (report.rows_in, report.loaded) == (3, 3)
    found = rows(engine, "raw_transactions", "order_id")
    assert found == sorted(read(path).rows, key=lambda row: row["order_id"].encode())
    by_id = {row["order_id"]: row for row in found}
    assert by_id["o1"]["auth_ts"] == datetime(2025, 1, 30, 8, 0, 0, 123456)
    assert by_id["o1"]["customer_id"] == "Zoë & 株式会社 😀"
    assert by_id["o2"]["amount"] == Decimal("-9999999999999.99")
    assert by_id["o\n3"]["amount"] == Decimal("0.01")
    assert by_id["o\n3"]["invoice_date"] == date(2024, 2, 29)


def test_fault_24_a_file_sent_again_changes_nothing_and_a_corrected_one_replaces(
    engine: Engine, tmp_path: Path
) -> None:
    path = written(tmp_path, lines(order(1), order(2), order(3)))
    first = load.transactions(engine, path, now=NOW)
    before = rows(engine, "raw_transactions", "order_id")
    again = load.transactions(engine, path, now=NOW)
    assert rows(engine, "raw_transactions", "order_id") == before
    assert again.notes == (*first.notes, "3 rows were there already, by their order_id, and were replaced")
    corrected = written(tmp_path, lines(order(2, amount="99"), order(4)))
    report = load.transactions(engine, corrected, now=NOW)
    assert "1 rows were there already, by their order_id, and were replaced" in report.notes
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
    load.transactions(engine, written(tmp_path, lines(order(1))), now=NOW)
    bad = written(tmp_path, content.encode("latin-1"), "bad.csv")
    mapping = from_document({"observed_until": date(2025, 1, 1)}, "m.toml")
    with pytest.raises(DataRefused):
        load.transactions(engine, bad, mapping, now=NOW)
    assert [row["order_id"] for row in rows(engine, "raw_transactions", "order_id")] == ["o1"]
    assert rows(engine, "observed_until", "until") == []


def test_fault_01_a_failure_while_writing_leaves_everything_as_it_was(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load.transactions(engine, written(tmp_path, lines(order(1))), now=NOW)

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(load, "_declare", fail)
    with pytest.raises(OSError, match="disk full"):
        load.transactions(engine, written(tmp_path, lines(order(1, amount="7"), order(2))), now=NOW)
    assert [row["amount"] for row in rows(engine, "raw_transactions", "order_id")] == [Decimal("10.50")]


def test_payments_in_the_events_make_them_the_source(engine: Engine, tmp_path: Path) -> None:
    contacts = written(tmp_path, lines("e1,o1,2025-01-01,contact,", header=EVENTS_HEADER))
    load.events(engine, contacts, now=NOW)
    assert rows(engine, "payment_source", "source") == []
    credit = written(tmp_path, lines("e3,o1,2025-01-01,credit,5", header=EVENTS_HEADER))
    load.events(engine, credit, now=NOW)
    assert rows(engine, "payment_source", "source") == [], "a credit is not money"
    for kind in ("payment", "refund", "chargeback", "return"):
        engine.run("DELETE FROM payment_source")
        path = written(tmp_path, lines(f"e2,o1,2025-01-01,{kind},5", header=EVENTS_HEADER))
        for _ in range(2):
            report = load.events(engine, path, now=NOW)
            assert rows(engine, "payment_source", "source") == [{"source": "events"}]
            assert "payments are known from events from now on; payment_date does not count" in report.notes
    assert len(rows(engine, "raw_events", "event_id")) == 3


def test_a_rejected_payment_does_not_make_them_the_source(engine: Engine, tmp_path: Path) -> None:
    path = written(tmp_path, lines("e1,o1,2025-01-01,contact,", "e2,o1,never,payment,5", header=EVENTS_HEADER))
    load.events(engine, path, now=NOW, options=LOOSE)
    assert rows(engine, "payment_source", "source") == []


def test_what_the_map_declares_is_stored(engine: Engine, tmp_path: Path) -> None:
    path = written(tmp_path, lines(order(1)))
    declared = {"known_at_creation": ["reason_code", "result_status"], "observed_until": date(2025, 6, 30)}
    load.transactions(engine, path, from_document(declared, "m.toml"), now=NOW)
    load.transactions(engine, path, now=NOW)  # says nothing: all stays
    assert [row["column_name"] for row in rows(engine, "known_at_creation", "column_name")] == [
        "reason_code",
        "result_status",
    ]
    assert rows(engine, "observed_until", "until") == [{"until": datetime(2025, 7, 1)}]
    load.transactions(
        engine, path, from_document({"known_at_creation": [], "observed_until": date(2025, 7, 31)}, "m.toml")
    )
    assert rows(engine, "known_at_creation", "column_name") == []
    assert rows(engine, "observed_until", "until") == [{"until": datetime(2025, 8, 1)}]


def test_rates(engine: Engine, tmp_path: Path) -> None:
    path = written(tmp_path, "currency,rate_date,rate_to_reporting\nusd,2025-01-31,0.92512345\nEUR,2025-01-31,1\n")
    report = load.fx(engine, path, from_document({"kind": "fx", "reporting_currency": "eur"}, "m.toml"), now=NOW)
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
    assert load.events(engine, path, now=NOW).loaded == 2
    assert rows(engine, "raw_events", "event_id") == read(path, "events").rows


def test_more_rows_than_one_batch(engine: Engine, tmp_path: Path) -> None:
    path = written(tmp_path, lines(*(order(n) for n in range(130_000))))
    report = load.transactions(engine, path, now=NOW)
    assert report.loaded == 130_000
    assert engine.read("SELECT COUNT(*) AS n FROM raw_transactions")["n"][0].as_py() == 130_000


def test_no_clock_no_limit(engine: Engine, tmp_path: Path) -> None:
    path = written(tmp_path, lines(order(1, payment_date="2090-01-01")))
    assert load.transactions(engine, path).loaded == 1

"""Stripe's payments export: one row a charge, from which both orders and events come."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import payrec
from payrec.common.errors import DataRefused
from tests.data.sources.files import Loaded, headers, load, write

HEADER = headers("stripe-dashboard", "payments")
SHARED = {"Amount Refunded": "0.00", "Currency": "usd", "Status": "Paid", "Customer ID": "cus_1"}
DECLINED = {"Status": "Failed", "Seller Message": "The bank returned the decline code `insufficient_funds`."}


def charge(number: int, invoice: str, amount: str, day: str, **columns: str) -> dict[str, str]:
    named = {"id": f"ch_{number}", "Invoice ID": invoice, "Amount": amount, "Created date (UTC)": f"{day} 10:00:00"}
    return SHARED | named | {name.replace("_", " "): value for name, value in columns.items()}


ROWS = [
    charge(1, "in_retried", "49.00", "2026-03-01") | DECLINED,
    charge(2, "in_retried", "49.00", "2026-03-04") | DECLINED | {"Decline Reason": "do_not_honor"},
    charge(3, "in_retried", "49.00", "2026-03-09"),
    charge(4, "in_open", "1,250.00", "2026-03-02") | DECLINED,
    charge(5, "", "19.00", "2026-03-03") | {"Customer ID": "", "Customer Email": "Guest@Example.com"},
    charge(6, "", "21.00", "2026-03-05") | {"Customer ID": "", "Customer Email": "guest@example.com "},
    charge(7, "in_refunded", "80.00", "2026-03-06")
    | {"Amount Refunded": "30.00", "Refunded date (UTC)": "2026-03-16 10:00:00"},
    charge(8, "in_lost", "60.00", "2026-03-07")
    | {"Dispute Status": "Lost", "Dispute Date (UTC)": "2026-03-20 10:00:00", "Disputed Amount": "60.00"},
    charge(9, "in_won", "60.00", "2026-03-07")
    | {
        "Dispute Status": "won",
        "Dispute Date (UTC)": "2026-03-20 10:00:00",
        "Dispute Evidence Due (UTC)": "2026-03-29 10:00:00",
    },
    charge(10, "in_yen", "5000", "2026-03-08", Currency="jpy"),
    charge(11, "", "33.00", "2026-03-08") | DECLINED | {"PaymentIntent ID": "pi_1"},
    charge(12, "", "33.00", "2026-03-09") | {"PaymentIntent ID": "pi_1"},
    charge(13, "in_test", "49.00", "2026-03-01", Mode="Test"),
    charge(14, "in_never", "49.00", "2026-03-01", Status="Incomplete", id=""),
    charge(15, "in_free", "0.00", "2026-03-01"),
]


@pytest.fixture
def engine() -> Iterator[payrec.Engine]:
    with payrec.connect("duckdb://") as engine:
        yield engine


@pytest.fixture
def loaded(engine: payrec.Engine, tmp_path: Path) -> Loaded:
    return load(engine, "stripe-dashboard", write(tmp_path / "payments.csv", HEADER, [*ROWS, ROWS[0]]))


def test_an_order_is_an_invoice_else_a_payment_intent_else_a_charge(loaded: Loaded) -> None:
    invoices = {"in_retried", "in_open", "in_refunded", "in_lost", "in_won", "in_yen"}
    assert set(loaded.orders) == invoices | {"pi_1", "ch_5", "ch_6"}
    assert loaded.facts("in_retried") == [
        ("2026-03-01", "attempt", ""),
        ("2026-03-04", "attempt", ""),
        ("2026-03-09", "payment", "49.00"),
    ]
    assert [event for _, event, _ in loaded.facts("pi_1")] == ["attempt", "payment"]
    assert loaded.events["ch_1"]["reason_code"] == "insufficient_funds"
    assert loaded.events["ch_2"]["reason_code"] == "do_not_honor"


def test_money_and_days_are_those_of_the_file(loaded: Loaded) -> None:
    assert [str(value) for value in loaded.order("in_open", "amount", "currency", "invoice_date")] == [
        "1250.00",
        "USD",
        "2026-03-02",
    ]
    assert [str(value) for value in loaded.order("in_yen", "amount", "currency")] == ["5000.00", "JPY"]


def test_refunds_and_disputes_are_events_of_their_own_date(loaded: Loaded) -> None:
    assert loaded.facts("in_refunded") == [("2026-03-06", "payment", "80.00"), ("2026-03-16", "refund", "30.00")]
    assert loaded.facts("in_lost")[1:] == [("2026-03-20", "chargeback", "60.00"), ("2026-03-20", "dispute_opened", "")]
    assert loaded.facts("in_won")[1:] == [("2026-03-20", "dispute_opened", ""), ("2026-03-29", "dispute_closed", "")]


def test_a_guest_is_known_by_the_hash_of_the_address(loaded: Loaded) -> None:
    hashed = hashlib.sha256(b"guest@example.com").hexdigest()
    assert loaded.order("ch_5", "customer_id") == loaded.order("ch_6", "customer_id") == (f"email-{hashed}",)


def test_every_row_is_used_or_left_out_with_its_reason(loaded: Loaded) -> None:
    (account,) = loaded.report.inputs
    assert (account.rows_in, account.used, account.duplicates) == (16, 12, 1)
    assert {reason: count for reason, count in account.left_out.items() if count} == {
        "test mode": 1,
        "incomplete or canceled: no charge was made": 1,
        "amount of zero": 1,
    }


def test_the_invoices_export_adds_due_dates_void_and_what_is_left(engine: payrec.Engine, tmp_path: Path) -> None:
    shared = {"Currency": "usd", "Customer": "cus_1", "Number": "A-1", "Date (UTC)": "2026-03-01 09:00"}
    invoices = [
        shared | {"id": "in_open", "Amount Due": "1,250.00", "Amount Remaining": "1,250.00", "Status": "open"},
        shared | {"id": "in_void", "Amount Due": "10.00", "Amount Remaining": "0.00", "Status": "void"},
        shared | {"id": "in_bad", "Amount Due": "20.00", "Amount Remaining": "20.00", "Status": "uncollectible"},
        shared | {"id": "in_draft", "Amount Due": "30.00", "Status": "draft"},
    ]
    invoices[0]["Due Date (UTC)"] = "2026-03-31 09:00"
    payments = write(tmp_path / "payments.csv", HEADER, ROWS)
    path = write(tmp_path / "invoices.csv", headers("stripe-dashboard", "invoices"), invoices)
    loaded = load(engine, "stripe-dashboard", path, payments)
    assert [str(value) for value in loaded.order("in_open", "outstanding", "status", "due_date")] == [
        "1250.00",
        "open",
        "2026-03-31",
    ]
    statuses = [loaded.order(order, "status")[0] for order in ("in_void", "in_bad", "in_retried")]
    assert statuses == ["void", "written_off", None]
    assert "in_draft" not in loaded.orders


def test_old_headers_are_read_and_a_renamed_column_is_refused_by_name(engine: payrec.Engine, tmp_path: Path) -> None:
    new = write(tmp_path / "payments.csv", HEADER, ROWS).read_text()
    old = tmp_path / "old.csv"
    old.write_text(new.replace("Created date (UTC)", "Created (UTC)"))
    assert len(load(engine, "stripe-dashboard", old).orders) == 9
    old.write_text(new.replace("Invoice ID", "Invoice Ref"))
    with pytest.raises(DataRefused, match=r"lacks Invoice ID.*\nInvoice ID may be Invoice Ref"):
        load(engine, "stripe-dashboard", old)

"""Direct debits that fail late, lists of all that is open, and Paddle's webhooks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

import payrec
from payrec.common.errors import UsageError
from tests.data.sources.files import load, write

PAYMENTS = ("id", "created_at", "charge date", "amount", "currency", "status", "amount_refunded", "links.customer")
EVENTS = ("id", "created_at", "resource_type", "action", "details.cause", "links.payment")
ITEMS = ("Rechnungsnummer", "Kundennummer", "Rechnungsdatum", "Fälligkeitsdatum", "Rechnungsbetrag", "Saldo", "Währung")


@pytest.fixture
def engine() -> Iterator[payrec.Engine]:
    with payrec.connect("duckdb://") as engine:
        yield engine


def row(names: tuple[str, ...], *values: str) -> dict[str, str]:
    return dict(zip(names, values, strict=True))


def test_a_debit_that_fails_after_it_was_confirmed_is_a_return(engine: payrec.Engine, tmp_path: Path) -> None:
    payments = [
        row(PAYMENTS, "PM1", "2026-03-01T09:00:00.000Z", "2026-03-04", "49.00", "GBP", "failed", "0.00", "CU1"),
        row(PAYMENTS, "PM2", "2026-03-01T09:00:00.000Z", "2026-03-04", "20.00", "GBP", "submitted", "0.00", "CU2"),
        row(PAYMENTS, "PM3", "2026-03-01T09:00:00.000Z", "2026-03-04", "10.00", "GBP", "paid_out", "4.00", "CU3"),
    ]
    steps = (("submitted", ""), ("failed", "insufficient_funds"), ("confirmed", ""), ("failed", "refer_to_payer"))
    events = [
        row(EVENTS, f"EV{day}", f"2026-03-0{day}T09:00:00.000Z", "payments", action, cause, "PM1")
        for day, (action, cause) in enumerate(steps, 2)
    ]
    data = load(
        engine, "gocardless", write(tmp_path / "p.csv", PAYMENTS, payments), write(tmp_path / "e.csv", EVENTS, events)
    )
    assert data.facts("PM1") == [
        ("2026-03-02", "pending", "49.00"),
        ("2026-03-03", "attempt", ""),
        ("2026-03-04", "payment", "49.00"),
        ("2026-03-05", "return", "49.00"),
    ]
    assert data.events["EV5"]["reason_code"] == "refer_to_payer"
    assert data.facts("PM3") == [("2026-03-04", "refund", "4.00"), ("2026-03-04", "payment", "10.00")]
    assert [data.order(order, "status")[0] for order in ("PM1", "PM2", "PM3")] == ["open", "in_flight", "paid"]


ACTIVITY = ("Date", "Time", "TimeZone", "Type", "Status", "Currency", "Gross", "Transaction ID", "Reference Txn ID",
            "Invoice Number", "Balance Impact")  # fmt: skip


def test_money_that_paypal_holds_and_releases_was_paid_once(engine: payrec.Engine, tmp_path: Path) -> None:
    moved = [
        ("05", "Express Checkout Payment", "49.00", "T1", "", "Credit"),
        ("06", "Payment Hold", "-49.00", "T2", "T1", "Debit"),
        ("09", "Payment Release", "49.00", "T3", "T1", "Credit"),
        ("15", "Chargeback", "-49.00", "T4", "T1", "Debit"),
        ("28", "Chargeback Reversal", "49.00", "T5", "T1", "Credit"),
    ]
    rows = [
        row(
            ACTIVITY,
            f"03/{day}/2026",
            "10:00:00",
            "UTC",
            kind,
            "Completed",
            "USD",
            gross,
            of,
            reference,
            "INV1",
            impact,
        )
        for day, kind, gross, of, reference, impact in moved
    ]
    data = load(engine, "paypal", write(tmp_path / "a.csv", ACTIVITY, rows))
    assert data.facts("INV1") == [
        ("2026-03-05", "payment", "49.00"),
        ("2026-03-15", "chargeback", "49.00"),
        ("2026-03-28", "payment", "49.00"),
    ]
    assert data.report.inputs[0].left_out["hold of a payment that was counted, or its release"] == 2


def test_ids_that_one_of_the_files_has_as_decimals_are_the_same_ids(engine: payrec.Engine, tmp_path: Path) -> None:
    """A column of whole numbers with an empty cell became decimals in one program: 101.0 is the payment 101."""
    payments = [row(PAYMENTS, "101", "2026-03-01", "2026-03-04", "49.00", "GBP", "failed", "0.00", "7.0")]
    events = [
        row(EVENTS, "EV1", "2026-03-05T09:00:00.000Z", "payments", "failed", "refer_to_payer", "101.0"),
        row(EVENTS, "EV2", "2026-03-05T09:00:00.000Z", "mandates", "created", "", ""),
    ]
    data = load(
        engine, "gocardless", write(tmp_path / "p.csv", PAYMENTS, payments), write(tmp_path / "e.csv", EVENTS, events)
    )
    assert data.facts("101") == [("2026-03-05", "attempt", "")]
    assert data.order("101", "customer_id") == ("7",)
    notes = [each.notes for each in data.report.inputs]
    assert notes[1] == ("payment has whole numbers written as decimals: 12345.0 is read as 12345",)
    assert notes[1][0] in data.report.lines()


def test_what_is_gone_from_a_list_of_open_items_was_settled(engine: payrec.Engine, tmp_path: Path) -> None:
    items = [
        row(ITEMS, "R1", "K1", "21.05.2026", "31.05.2026", "1.000,00", "400,00", "EUR"),
        row(ITEMS, "R2", "K1", "25.05.2026", "30.06.2026", "50,00", "50,00", "EUR"),
        row(ITEMS, "G1", "K1", "25.05.2026", "30.06.2026", "-20,00", "-20,00", "EUR"),
        row(ITEMS, "", "", "", "", "", "430,00", ""),
    ]
    week = datetime(2026, 6, 1)
    path = write(tmp_path / "open.csv", ITEMS, items)
    with pytest.raises(UsageError, match="say when that was: --stated-at"):
        load(engine, "open-items", path)
    account = load(engine, "open-items", path, stated_at=week).report.inputs[0]
    assert (account.used, account.left_out) == (2, {"title, subtotal or total": 1, "credit, or nothing open": 1})
    data = load(engine, "open-items", write(path, ITEMS, items[:1]), stated_at=datetime(2026, 6, 8))
    assert {name: str(order["outstanding"]) for name, order in data.orders.items()} == {"R1": "400.00", "R2": "0.00"}


def test_attempts_of_paddle_are_in_the_latest_state_of_their_transaction(engine: payrec.Engine, tmp_path: Path) -> None:
    failed = {
        "payment_attempt_id": "a1", "status": "error", "error_code": "declined", "amount": "5000",
        "created_at": "2026-03-01T10:00:00.5Z", "captured_at": None, "method_details": {"type": "card"},
    }  # fmt: skip
    paid = failed | {"payment_attempt_id": "a2", "status": "captured", "captured_at": "2026-03-03T10:00:00Z"}
    billed = {
        "id": "txn_1", "status": "past_due", "customer_id": "ctm_1", "currency_code": "JPY",
        "created_at": "2026-03-01T09:00:00Z", "details": {"totals": {"grand_total": "5000", "balance": "5000"}},
        "payments": [failed],
    }  # fmt: skip
    completed = billed | {"status": "completed", "payments": [failed, paid]}
    path = tmp_path / "webhooks.jsonl"
    events = [("2026-03-03T10:00:01Z", completed), ("2026-03-01T10:00:01Z", billed)]
    path.write_text("".join(json.dumps({"occurred_at": at, "data": inner}) + "\n" for at, inner in events))
    data = load(engine, "paddle", path)
    assert data.facts("txn_1") == [("2026-03-01", "attempt", ""), ("2026-03-03", "payment", "5000.00")]
    assert data.order("txn_1", "status", "stated_at") == ("paid", datetime(2026, 3, 3, 10, 0, 1))

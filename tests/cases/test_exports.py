"""Exports of accounting and payment programs, with the map that says what their words mean."""

from __future__ import annotations

import pytest

from payrec.common.errors import DataRefused
from tests.cases.conftest import Desk, Map

XERO = "*ContactName,InvoiceNumber,InvoiceDate,DueDate,Total,InvoiceAmountPaid,InvoiceAmountDue,Currency,Type,Status"
XERO_MAP: Map = {
    "columns": {
        "order_id": "InvoiceNumber",
        "customer_id": "*ContactName",
        "amount": "Total",
        "invoice_date": "InvoiceDate",
        "due_date": "DueDate",
        "outstanding": "InvoiceAmountDue",
    },
    "constants": {"payment_date": ""},
}
XERO_ROWS = (
    'Alpha Ltd,INV-0101,03/11/2025,03/12/2025,"1,320.00",0.00,"1,320.00",GBP,Sales invoice,Awaiting Payment',
    'Alpha Ltd,INV-0101,03/11/2025,03/12/2025,"1,320.00",0.00,"1,320.00",GBP,Sales invoice,Awaiting Payment',
    "Beta Ltd,INV-0102,17/11/2025,17/12/2025,240.00,240.00,0.00,GBP,Sales invoice,Paid",
    "Gamma Ltd,INV-0103,20/11/2025,20/12/2025,600.00,400.00,200.00,GBP,Sales invoice,Awaiting Payment",
    "Alpha Ltd,CN-0009,21/11/2025,21/11/2025,-120.00,0.00,-120.00,GBP,Sales credit note,Awaiting Payment",
    "Delta Ltd,INV-0104,22/11/2025,22/12/2025,60.00,0.00,60.00,GBP,Sales invoice,Voided",
    "Delta Ltd,INV-0105,23/11/2025,23/12/2025,60.00,0.00,60.00,GBP,Sales invoice,Draft",
    # other shapes: due already, deleted, written as paid in small letters, paid but for 3.00
    "Epsilon Ltd,INV-0201,01/10/2025,15/11/2025,80.00,0.00,80.00,GBP,Sales invoice,Awaiting Payment",
    "Epsilon Ltd,INV-0202,01/10/2025,15/11/2025,80.00,0.00,80.00,GBP,Sales invoice,Deleted",
    "Epsilon Ltd,INV-0203,01/10/2025,15/11/2025,80.00,0.00,80.00,GBP,Sales invoice,paid",
    "Epsilon Ltd,INV-0204,01/10/2025,15/11/2025,80.00,77.00,3.00,GBP,Sales invoice,Awaiting Payment",
)


def test_paid_void_and_draft_invoices_are_left_alone(desk: Desk) -> None:
    desk.orders(*XERO_ROWS, header=XERO, mapping=XERO_MAP)
    assert desk.listed("2025-11-30") == {
        "INV-0201": "80.00",
        "INV-0101": "1320.00 not_due",
        "INV-0103": "200.00 not_due",
    }
    findings = desk.findings()
    assert findings["settled_without_date"].startswith("6 of 10 orders without a payment date say paid, void or owe")
    assert "unknown_status" not in findings


def test_a_status_without_meaning_is_named_with_its_count(desk: Desk) -> None:
    words = {"Awaiting Payment": "Offen", "Voided": "Storniert", "Deleted": "Entfernt"}
    rows = [row.replace(english, other) for row in XERO_ROWS for english, other in words.items() if english in row]
    notes = desk.orders(*rows, header=XERO, mapping={k: v for k, v in XERO_MAP.items() if k != "values"})
    assert any("such as 'Offen', 'Entfernt', 'Storniert': translate it in [values.status]" in note for note in notes)
    assert "Offen (5), Entfernt (1), Storniert (1)" in desk.findings()["unknown_status"]


CHARGEBEE = "Invoice Number,Customer Id,Invoice Date,Status,Currency,Amount,Amount Due,Paid On,Line Item Description"
CHARGEBEE_MAP: Map = {
    "columns": {
        "order_id": "Invoice Number",
        "customer_id": "Customer Id",
        "invoice_date": "Invoice Date",
        "payment_date": "Paid On",
        "outstanding": "Amount Due",
    },
    "only": {"Status": ["Payment Due", "Paid", "Not Paid", "Voided", "Pending", "Posted"]},
    "values": {
        "status": {
            "Payment Due": "open",
            "Not Paid": "open",
            "Voided": "void",
            "Pending": "draft",
            "Posted": "open",
        }
    },
}


def test_continuation_rows_are_left_out_and_the_amount_due_is_owed(desk: Desk) -> None:
    desk.orders(
        "INV001,cb_1,2026-05-01 00:00,Payment Due,USD,120.00,120.00,,Pro plan",
        ",,,,,,,,Seats",
        "INV002,cb_2,2026-05-01 00:00,Paid,USD,49.00,0.00,2026-05-06 08:12,Basic plan",
        "INV003,cb_3,2026-05-02 00:00,Not Paid,USD,49.00,0.00,,Written off",
        "INV004,cb_4,2026-05-02 00:00,Voided,USD,49.00,0.00,,Basic plan",
        "INV005,cb_5,2026-05-03 00:00,Payment Due,USD,300.00,100.00,,Team plan",
        "INV006,cb_6,2026-05-03 00:00,Payment Due,USD,300.00,250.00,,Team plan",
        # other shapes: not paid and owed, not billed yet, void although an amount is due
        "INV101,cb_7,2026-05-03 00:00,Not Paid,USD,300.00,300.00,,Team plan",
        "INV102,cb_8,2026-05-03 00:00,Pending,USD,300.00,300.00,,Team plan",
        "INV103,cb_9,2026-05-03 00:00,Voided,USD,300.00,300.00,,Team plan",
        header=CHARGEBEE,
        mapping=CHARGEBEE_MAP,
    )
    assert desk.listed("2026-05-20") == {
        "INV001": "120.00",
        "INV005": "100.00",
        "INV006": "250.00",
        "INV101": "300.00",
    }


ADYEN = "Merchant Reference,Creation Date,Type,Modification Reference,Gross Debit (GC),Gross Credit (GC)"
ADYEN_MAP: Map = {
    "kind": "events",
    "time_zone": "Europe/Amsterdam",
    "columns": {
        "order_id": "Merchant Reference",
        "event_id": "Modification Reference",
        "event_ts": "Creation Date",
        "event_type": "Type",
        "amount": "Gross Credit (GC)",
    },
    "values": {
        "event_type": {
            "Settled": "payment",
            "Refunded": "refund",
            "Chargeback": "chargeback",
            "ChargebackReversed": "payment",
        }
    },
    "only": {"Type": ["Settled", "Refunded", "Chargeback", "ChargebackReversed"]},
}
ADYEN_ROWS = (
    "INV-1,2026-05-02 10:11:12,Settled,1,,120.00",
    "INV-2,2026-05-02 11:11:12,Settled,2,,80.00",
    "INV-2,2026-05-09 09:00:00,Refunded,99,20.00,",
    "INV-1,2026-05-12 00:20:00,Chargeback,77,120.00,",
    "INV-1,2026-05-28 00:20:00,ChargebackReversed,78,,120.00",
    ",2026-05-13 00:00:00,Fee,Transaction Fees May,,",
    ",2026-05-14 00:00:00,MerchantPayout,TX1,,",
    # other shapes: charged back for good, paid in part
    "INV-4,2026-05-02 10:11:12,Settled,4,,60.00",
    "INV-4,2026-05-12 00:20:00,Chargeback,79,60.00,",
    "INV-5,2026-05-02 10:11:12,Settled,5,,25.00",
)
ADYEN_ORDERS = (
    "INV-1,c1,120.00,EUR,2026-05-01,,",
    "INV-2,c2,80.00,EUR,2026-05-01,,",
    "INV-3,c3,50.00,EUR,2026-05-01,,",
    "INV-4,c4,60.00,EUR,2026-05-01,,",
    "INV-5,c5,60.00,EUR,2026-05-01,,",
)


def test_an_empty_amount_of_a_refund_or_chargeback_is_refused_by_line(desk: Desk) -> None:
    desk.orders(*ADYEN_ORDERS)
    with pytest.raises(DataRefused, match="3 of 8 rows cannot be loaded"):
        desk.events(*ADYEN_ROWS, header=ADYEN, mapping=ADYEN_MAP)
    assert "a refund needs its amount" in desk.rejects()
    assert desk.listed("2026-06-05")["INV-2"] == "80.00"


INTENTS = "id,Created date (UTC),Amount,Currency,Decline Reason,Status,Invoice ID"
INTENTS_MAP: Map = {
    "kind": "events",
    "columns": {
        "event_id": "id",
        "order_id": "Invoice ID",
        "event_ts": "Created date (UTC)",
        "event_type": "Status",
        "reason_code": "Decline Reason",
    },
    "values": {"event_type": {"Paid": "payment", "Failed": "attempt", "requires_payment_method": "attempt"}},
}
INTENTS_ROWS = (
    "py_01,2025-11-19 22:17:46,9.99,gbp,,Paid,in_01",
    ",2025-11-19 22:16:37,9.99,gbp,,requires_payment_method,in_02",
    ",2025-11-19 21:41:04,9.99,gbp,,requires_payment_method,in_03",
    ",2025-11-19 21:41:04,9.99,gbp,,requires_payment_method,in_03",
    "ch_04,2025-11-19 19:31:38,9.99,gbp,insufficient_funds,Failed,in_04",
    ",2025-11-20 10:00:00,4.00,gbp,,Paid,in_04",  # another shape: a payment without an id
)


def test_events_with_blank_ids_load_and_count(desk: Desk) -> None:
    desk.orders(*(f"in_0{n},cus_0{n},9.99,GBP,2025-11-19,," for n in range(1, 5)))
    for _ in range(2):  # the same file again adds nothing
        notes = desk.events(*INTENTS_ROWS, header=INTENTS, mapping=INTENTS_MAP)
        assert any(note.startswith("4 events have no event_id") for note in notes)
    assert desk.engine.read("SELECT COUNT(DISTINCT event_id) AS n FROM raw_events")["n"].to_pylist() == [6]
    assert desk.listed("2025-12-01") == {"in_02": "9.99", "in_03": "9.99", "in_04": "5.99"}

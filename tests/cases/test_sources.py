"""Exports that load by their source: whom the list names, and what each owes. Rows are of our own."""

from __future__ import annotations

from datetime import datetime

import pytest

import payrec
from payrec.common.errors import DataRefused
from payrec.data.load.mapping import from_document
from tests.cases.conftest import NOW, Desk

STRIPE = (
    "id,Created date (UTC),Amount,Amount Refunded,Currency,Status,Seller Message,Customer ID,Customer Email,Invoice ID"
)
DECLINE = "The bank returned the decline code `insufficient_funds`."
STRIPE_ROWS = (
    f"ch_1,2026-04-01 10:00:00,49.00,0.00,usd,Failed,{DECLINE},cus_1,,in_1",
    "ch_2,2026-04-05 10:00:00,49.00,0.00,usd,Paid,Payment complete.,cus_1,,in_1",
    f"ch_3,2026-04-02 10:00:00,19.00,0.00,usd,Failed,{DECLINE},cus_2,,in_2",
    f"ch_4,2026-04-04 10:00:00,19.00,0.00,usd,Failed,{DECLINE},cus_2,,in_2",
    f"ch_5,2026-04-20 10:00:00,8.00,0.00,usd,Failed,{DECLINE},,g@example.com,",
    ",2026-04-21 10:00:00,99.00,0.00,usd,Incomplete,,cus_3,,in_3",
    "ch_6,2026-04-03 10:00:00,20.00,20.00,usd,Refunded,Payment complete.,cus_4,,in_4",
)
XERO = (
    "*ContactName,InvoiceNumber,InvoiceDate,DueDate,Total,InvoiceAmountPaid,InvoiceAmountDue,LineAmount,Currency,"
    "Type,Status"
)
XERO_ROWS = (
    'Alpha,INV-1,03/10/2025,03/11/2025,"1,320.00",0.00,"1,320.00","1,000.00",GBP,Sales invoice,Awaiting Payment',
    'Alpha,INV-1,03/10/2025,03/11/2025,"1,320.00",0.00,"1,320.00",100.00,GBP,Sales invoice,Awaiting Payment',
    "Beta,INV-2,17/10/2025,17/11/2025,240.00,240.00,0.00,200.00,GBP,Sales invoice,Paid",
    "Gamma,INV-3,20/10/2025,20/11/2025,600.00,400.00,200.00,500.00,GBP,Sales invoice,Awaiting Payment",
    "Alpha,CN-1,21/10/2025,21/10/2025,-120.00,0.00,-120.00,-100.00,GBP,Sales credit note,Awaiting Payment",
    "Delta,INV-4,22/10/2025,22/11/2025,60.00,0.00,60.00,50.00,GBP,Sales invoice,Voided",
    "Delta,INV-5,23/10/2025,23/11/2025,60.00,0.00,60.00,50.00,GBP,Sales invoice,Draft",
)
CHARGEBEE = (
    "Invoice Number,Customer Id,Invoice Date,Due Date,Status,Currency,Amount,Amount Due,Write Off Amount,Paid On,"
    "Line Item Amount"
)
CHARGEBEE_ROWS = (
    "I1,c1,2026-05-01 00:00,2026-05-01 00:00,Payment Due,USD,120.00,120.00,0.00,,100.00",
    ",,,,,,,,,,20.00",
    "I2,c2,2026-05-01 00:00,2026-05-01 00:00,Paid,USD,49.00,0.00,0.00,2026-05-06 08:12,49.00",
    "I3,c3,2026-05-02 00:00,2026-05-02 00:00,Not Paid,USD,49.00,0.00,49.00,,49.00",
    "I4,c4,2026-05-02 00:00,2026-05-02 00:00,Voided,USD,49.00,0.00,0.00,,49.00",
    "I5,c5,2026-05-03 00:00,2026-05-03 00:00,Payment Due,USD,300.00,100.00,0.00,,300.00",
)
QUICKBOOKS = (
    "Example LLC,,,,,,\nA/R Aging Detail,,,,,,\n,,,,,,\n"
    "Date,Transaction type,Num,Customer full name,Due date,Amount,Open balance"
)
QUICKBOOKS_ROWS = (
    "Current,,,,,,",
    '09/20/2026,Invoice,1041,Alder:Job 12,10/20/2026,"$1,250.00","$1,250.00"',
    'Total for Current,,,,,"$1,250.00","$1,250.00"',
    '10/12/2026,Invoice,1019,Birch,11/11/2026,"$2,400.50",$900.50',
    "10/30/2026,Credit Memo,1033,Birch,10/30/2026,($150.00),($150.00)",
    'TOTAL,,,,,"$3,500.50","$2,000.50"',
)


def load(desk: Desk, source: str, header: str, rows: tuple[str, ...], **options: object) -> payrec.load.SourceReport:
    mapping = from_document({"constants": {"currency": "USD"}}, "map.toml") if options.pop("usd", False) else None
    path = desk.folder / f"{source}.csv"
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    (match,) = payrec.sources.recognise(path)
    assert match.source == source
    reading = payrec.load.Options(**options)
    return payrec.load.source(desk.engine, source, [path], mapping, desk.folder, NOW, reading)


def test_charges_that_were_paid_at_a_retry_are_not_on_the_list(desk: Desk) -> None:
    report = load(desk, "stripe-dashboard", STRIPE, STRIPE_ROWS)
    assert report.inputs[0].left_out["incomplete or canceled: no charge was made"] == 1
    assert [each.file for each in report.loaded] == [
        f"{rows} of stripe-dashboard.csv" for rows in ("orders", "events", "customers")
    ]
    assert desk.listed("2026-05-10") == {"in_2": "19.00", "ch_5": "8.00"}


def test_a_row_that_cannot_be_loaded_is_named_by_its_id(desk: Desk) -> None:
    """Its line would be that of a table which the user does not see."""
    rows = tuple(row.replace("ch_5,2026-04-20", "ch_5,2026-04-31") for row in STRIPE_ROWS)
    with pytest.raises(
        DataRefused, match=r"(?s)orders of stripe-dashboard.csv: 1 of 4 rows.*\(first in order_id ch_5\)"
    ):
        load(desk, "stripe-dashboard", STRIPE, rows)


def test_an_export_with_decline_reasons_needs_no_messages_and_no_refunds(desk: Desk) -> None:
    """Another shape: a column of decline codes, guests, a refund that only the status names; a map for one kind."""
    header = "id,Created date (UTC),Amount,Currency,Status,Decline Reason,Customer ID,Customer Email,Invoice ID"
    path = desk.folder / "payments.csv"
    rows = (
        "ch_1,2026-05-20 10:00:00,49.00,eur,Failed,insufficient_funds,cus_1,a@example.com,in_1",
        "ch_2,2026-05-20 11:00:00,49.00,eur,Failed,insufficient_funds,,g1@example.com,",
        "ch_3,2026-05-21 11:00:00,59.00,eur,Refunded,,,g1@example.com,",
    )
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-16")
    (match,) = payrec.sources.recognise(path, "utf-16")
    assert match.command(path, "utf-16") == f"payrec load source stripe-dashboard --encoding utf-16 {path}"
    document = {"constants": {"country": "DE", "source_account": "eu"}, "formats": {"invoice_date": "iso"}}
    options = payrec.load.Options("utf-16")
    payrec.load.source(desk.engine, match.source, [path], from_document(document, "map.toml"), None, NOW, options)
    assert desk.listed("2026-06-01") == {"in_1": "49.00", "ch_2": "49.00"}
    select = (
        "SELECT order_id, event_type, CAST(amount AS VARCHAR) AS amount FROM raw_events WHERE event_type = 'refund'"
    )
    assert desk.engine.read(select).to_pylist() == [{"order_id": "ch_3", "event_type": "refund", "amount": "59.00"}]
    accounts = desk.engine.read("SELECT DISTINCT country, source_account FROM raw_transactions").to_pylist()
    assert accounts == [{"country": "DE", "source_account": "stripe-dashboard:eu"}]


def test_the_command_of_a_file_names_what_the_source_needs_with_it(desk: Desk) -> None:
    path = desk.folder / "invoices.csv"
    path.write_text(
        "id,customer,amount_due,amount_paid,currency,created,status\nin_1,cus_1,2000,0,usd,1764547200,open\n"
    )
    (match,) = payrec.sources.recognise(path)
    assert match.command(path) == f"payrec load source stripe-api {path} FILE (FILE: charges)"


def test_lines_of_an_invoice_count_once_and_drafts_are_left_out(desk: Desk) -> None:
    report = load(desk, "xero", XERO, XERO_ROWS, stated_at=datetime(2025, 11, 30))
    (account,) = report.inputs
    assert (account.rows_in, account.used, account.duplicates, account.left_out["draft"]) == (7, 4, 1, 1)
    assert desk.listed("2025-11-30") == {"INV-1": "1320.00", "INV-3": "200.00"}


def test_what_is_written_off_or_void_is_not_on_the_list(desk: Desk) -> None:
    load(desk, "chargebee", CHARGEBEE, CHARGEBEE_ROWS, stated_at=datetime(2026, 5, 20))
    assert desk.listed("2026-05-20") == {"I1": "120.00", "I5": "100.00"}


def test_titles_totals_and_credits_of_an_aging_report_are_left_out(desk: Desk) -> None:
    with pytest.raises(
        DataRefused, match=r'(?s)lacks currency.* currency = "USD".*payrec load source quickbooks FILE --map'
    ):
        load(desk, "quickbooks", QUICKBOOKS, QUICKBOOKS_ROWS)
    report = load(desk, "quickbooks", QUICKBOOKS, QUICKBOOKS_ROWS, usd=True)
    assert (report.inputs[0].rows_in, report.inputs[0].used) == (6, 2)
    select = "SELECT order_id, CAST(outstanding AS VARCHAR) AS owed FROM raw_transactions ORDER BY order_id"
    rows = desk.engine.read(select).to_pylist()
    assert rows == [{"order_id": "1019", "owed": "900.50"}, {"order_id": "1041", "owed": "1250.00"}]


def test_of_debit_and_credit_the_filled_one_is_the_amount(desk: Desk) -> None:
    desk.orders("INV-1,c1,120.00,EUR,2026-05-01,,", "INV-2,c2,80.00,EUR,2026-05-01,,")
    header = (
        "Psp Reference,Merchant Reference,Payment Method,Creation Date,TimeZone,Type,Modification Reference,"
        "Gross Currency,Gross Debit (GC),Gross Credit (GC)"
    )
    rows = (
        "1,INV-1,visa,2026-05-02 01:11:12,CEST,Settled,1,EUR,,120.00",
        "2,INV-2,mc,2026-05-02 11:11:12,CEST,Settled,2,EUR,,80.00",
        "2,INV-2,mc,2026-05-09 09:00:00,CEST,Refunded,99,EUR,20.00,",
        "1,INV-1,visa,2026-05-12 00:20:00,CEST,Chargeback,77,EUR,120.00,",
        "1,INV-1,visa,2026-05-28 00:20:00,CEST,ChargebackReversed,78,EUR,,120.00",
        ",,,2026-05-13 00:00:00,CEST,Fee,Fees May,EUR,,",
    )
    report = load(desk, "adyen-settlement", header, rows)
    assert (report.inputs[0].used, sum(report.inputs[0].left_out.values())) == (5, 1)
    select = "SELECT event_type, CAST(event_ts AS VARCHAR) AS at FROM raw_events ORDER BY event_ts LIMIT 1"
    assert desk.engine.read(select).to_pylist() == [{"event_type": "payment", "at": "2026-05-01 23:11:12"}]
    assert desk.listed("2026-06-05") == {}

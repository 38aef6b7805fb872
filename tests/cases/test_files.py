"""Exports as they are, with the map that a person writes: from the file to whom the list names. Rows are of our own."""

from __future__ import annotations

import json
import tomllib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest

import payrec
from payrec.common.errors import DataRefused
from payrec.data.load.mapping import from_document
from tests.cases.conftest import NOW, ORDERS, Desk, listed


def loaded(desk: Desk, kind: str, path: Path, toml: str = "", now: datetime = NOW) -> payrec.load.LoadReport:
    """Load a file with a map; its account adds up."""
    mapping = from_document(tomllib.loads(toml), "map.toml") if toml else None
    report: payrec.load.LoadReport = getattr(payrec.load, kind)(desk.engine, path, mapping, now=now)
    assert report.rows_in == report.loaded + report.rejected + report.duplicates + report.left_out
    return report


def text(desk: Desk, name: str, *lines: str) -> Path:
    path = desk.folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def orders(desk: Desk, *columns: str) -> list[tuple[Any, ...]]:
    """The raw orders, as text."""
    cast = ", ".join(f"CAST({column} AS VARCHAR) AS {column}" for column in columns)
    table = desk.engine.read(f"SELECT {cast} FROM raw_transactions ORDER BY order_id")
    return [tuple(row.values()) for row in table.to_pylist()]


def on_the_list(desk: Desk, as_of: datetime) -> dict[str, str]:
    return listed(payrec.score(desk.engine, desk.models, as_of, now=as_of + timedelta(days=1)).ranked)


ADYEN = "Merchant Reference,Creation Date,TimeZone,Type,Modification Reference,Gross Debit (GC),Gross Credit (GC)"
ADYEN_ROWS = (
    "INV-1,2026-05-02 10:11:12,CEST,Settled,1,,120.00",
    "INV-2,2026-05-02 11:11:12,CEST,Settled,2,,80.00",
    "INV-2,2026-05-09 09:00:00,CEST,Refunded,99,20.00,",
    "INV-1,2026-05-12 00:20:00,CEST,Chargeback,77,120.00,",
    "INV-1,2026-05-28 00:20:00,CEST,ChargebackReversed,78,,120.00",
    ",2026-05-13 00:00:00,CEST,Fee,Transaction Fees May,,",
    # other shapes: charged back for good, settled in part, two parts
    "INV-4,2026-05-02 10:11:12,CEST,Settled,4,,60.00",
    "INV-4,2026-05-12 00:20:00,CEST,Chargeback,79,60.00,",
    "INV-5,2026-05-02 10:11:12,CEST,Settled,5,,25.00",
    "INV-5,2026-05-03 10:11:12,CEST,Settled,6,,5.00",
)
ADYEN_MAP = """
kind = "events"
zone_column = "TimeZone"

[columns]
order_id = "Merchant Reference"
event_id = "Modification Reference"
event_ts = "Creation Date"
event_type = "Type"

[derived]
amount = "Gross Credit (GC) - Gross Debit (GC)"

[zones]
CEST = "Europe/Amsterdam"

[values.event_type]
"Settled" = "payment"
"Refunded" = "refund"
"ChargebackReversed" = "payment"

[only]
Type = ["Settled", "Refunded", "Chargeback", "ChargebackReversed"]
"""


def test_of_debit_and_credit_the_filled_one_is_the_amount(desk: Desk) -> None:
    amounts = {1: "120.00", 2: "80.00", 3: "50.00", 4: "60.00", 5: "60.00"}
    desk.orders(*(f"INV-{n},c{n},{amount},EUR,2026-05-01,," for n, amount in amounts.items()))
    report = loaded(desk, "events", text(desk, "adyen.csv", ADYEN, *ADYEN_ROWS), ADYEN_MAP)
    assert [note.split(": ")[0] for note in report.notes if "below 0" in note] == [
        "all 2 amounts of chargeback are below 0", "the amount of one refund is below 0",
    ]  # fmt: skip
    owed = on_the_list(desk, datetime(2026, 6, 5))
    assert owed == {"INV-3": "50.00", "INV-4": "60.00 chargeback", "INV-5": "30.00"}


MINOR = "id,customer,amount_due,currency,created,status,paid_at"
MINOR_ROWS = ("in_1,cus_1,2000,usd,1764547200,open,", "in_4,cus_4,8000,jpy,1764633600,open,",
              "in_5,cus_5,999,eur,1764633600,open,", "in_6,cus_6,5000,kwd,1764633600,open,",
              "in_7,cus_7,500,isk,1764633600,open,", "in_8,cus_8,100,clp,1764633600,open,1764633601")  # fmt: skip
MINOR_MAP = """
units = "stripe"

[columns]
order_id = "id"
customer_id = "customer"
invoice_date = "created"
payment_date = "paid_at"

[derived]
amount = "amount_due minor"

[formats]
invoice_date = "epoch"
payment_date = "epoch"
"""
MINOR_AMOUNTS = [("in_1", "20.00"), ("in_4", "8000.00"), ("in_5", "9.99"), ("in_6", "5.00"), ("in_7", "5.00"),
                 ("in_8", "100.00")]  # fmt: skip


@pytest.mark.parametrize("name", ["minor.csv", "minor.jsonl"])
def test_minor_units_follow_the_source(desk: Desk, name: str) -> None:
    """Yen have no decimals, dinars three, and kronur two at Stripe; in a table and in objects of the API."""
    names = MINOR.split(",")
    objects = [json.dumps(dict(zip(names, row.split(","), strict=True))) for row in MINOR_ROWS]
    loaded(desk, "transactions", text(desk, name, *((MINOR, *MINOR_ROWS) if name[-1] == "v" else objects)), MINOR_MAP)
    assert orders(desk, "order_id", "amount") == MINOR_AMOUNTS


def test_yen_and_dinar_are_never_divided_as_hundredths(desk: Desk) -> None:
    """A division by 100 is refused by row where the currency has none; a factor is calculated as it stands."""
    hundredths = MINOR_MAP.replace('"amount_due minor"', '"amount_due / 100"')
    path = text(desk, "minor.csv", MINOR, *MINOR_ROWS)
    with pytest.raises(DataRefused, match=r"(?s)4 of 6 rows .*4 × amount is divided as if it were in hundredths"):
        loaded(desk, "transactions", path, hundredths)
    loaded(desk, "transactions", path, hundredths.replace("/ 100", "* 0.01"))
    assert orders(desk, "order_id", "amount")[1] == ("in_4", "80.00")


AGING: tuple[tuple[Any, ...], ...] = (
    ("Example Company LLC",),
    ("A/R Aging Detail",),
    ("As of November 25, 2026",),
    (),
    ("Date", "Transaction type", "Num", "Customer full name", "Location", "Due date", "Amount", "Open balance"),
    ("Current",),
    ("11/20/2026", "Invoice", "1041", "Alder Homes:Job 12", "", "12/20/2026", "$1,250.00", "$1,250.00"),
    ("Total for Current", "", "", "", "", "", "$1,250.00", "$1,250.00"),
    ("1 - 30 days past due",),
    ("10/12/2026", "Invoice", "1019", "Birch & Co", "", "11/11/2026", "$2,400.50", "$900.50"),
    ("10/30/2026", "Credit Memo", "1033", "Birch & Co", "", "10/30/2026", "($150.00)", "($150.00)"),
    ("10/31/2026", "Payment", "", "Cedar LLC", "", "10/31/2026", "($500.00)", "($500.00)"),
    ("Total for 1 - 30 days past due", "", "", "", "", "", "$1,750.50", "$250.50"),
    ("31 - 60 days past due",),
    ("08/14/2026", "Invoice", "0988", "Cedar LLC", "", "09/13/2026", "$3,000.00", "$3,000.00"),
    ("Total for 31 - 60 days past due", "", "", "", "", "", "$3,000.00", "$3,000.00"),
    ("TOTAL", "", "", "", "", "", "$6,000.50", "$4,500.50"),
)
AGING_MAP = """
date_format = "%m/%d/%Y"
strip = ["$"]

[columns]
order_id = "Num"
customer_id = "Customer full name"
invoice_date = "Date"
due_date = "Due date"
amount = "Open balance"

[constants]
currency = "USD"
payment_date = ""

[only]
"Transaction type" = "Invoice"
"""
AGING_LIST = {"0988": "3000.00 older_than_model", "1019": "900.50", "1041": "1250.00 not_due"}


def padded(row: tuple[Any, ...]) -> str:
    cells = [f'"{cell}"' if "," in str(cell) else str(cell) for cell in row]
    return ",".join([*cells, *[""] * (8 - len(row))])


def workbook(desk: Desk, *, typed: bool) -> Path:
    """The report behind a cover sheet: as text, or with cells that are dates and numbers."""
    book = openpyxl.Workbook()
    book.active.append(["Reports of November"])
    sheet = book.create_sheet("A_R Aging Detail")
    for row in AGING:
        sheet.append([cell_of(cell) if typed else cell for cell in row])
    book.save(desk.folder / "aging.xlsx")
    return desk.folder / "aging.xlsx"


def cell_of(cell: str) -> Any:
    bare = cell.translate(str.maketrans("", "", "$,()"))
    if cell[:1] in ("$", "("):
        return float(bare) * (-1 if cell[0] == "(" else 1)
    return datetime.strptime(cell, "%m/%d/%Y") if cell.count("/") == 2 else cell or None


@pytest.mark.parametrize("form", ["padded", "short lines", "workbook", "typed workbook"])
def test_an_aging_report_loads_straight_to_the_list(desk: Desk, form: str) -> None:
    if "workbook" in form:
        path = workbook(desk, typed=form.startswith("typed"))
    else:
        lines = (padded(row) if form == "padded" or len(row) > 1 else "".join(row) for row in AGING)
        path = text(desk, "aging.csv", *lines)
    report = loaded(desk, "transactions", path, AGING_MAP, datetime(2026, 11, 26))
    assert dict(report.left_out_by) == {"left out by the map": 2, "titles": 3, "totals": 4}
    assert "the last total of amount in the file is 4,500.50, equal to the sum of the rows above" in report.notes
    assert sum(float(amount) for (amount,) in orders(desk, "amount")) == 5150.50
    assert on_the_list(desk, datetime(2026, 11, 25)) == AGING_LIST


def test_a_report_by_customer_with_subtotals_behind_the_names(desk: Desk) -> None:
    """Another shape: the customer is a title, the word for the total stands at the end, and credits are CR."""
    rows = ("Number,Client,Invoice Date,Amount,Currency", "Alder", "A1,Alder,2026-04-01,100.00 DR,EUR",
            "A2,Alder,2026-04-02,30.00 CR,EUR", "Alder Total,,,70.00 DR,EUR", "Birch",
            "B1,Birch,2026-04-03,55.00 DR,EUR", "Birch Total,,,55.00 DR,EUR",
            "Grand Total,,,125.00 DR,EUR")  # fmt: skip
    toml = """
        negative = ["CR"]
        strip = ["DR"]
        [columns]
        order_id = "Number"
        customer_id = "Client"
        invoice_date = "Invoice Date"
        [constants]
        payment_date = ""
    """
    report = loaded(desk, "transactions", text(desk, "report.csv", *rows), toml)
    assert (report.loaded, dict(report.left_out_by)) == (3, {"titles": 2, "totals": 3})
    assert orders(desk, "order_id", "amount") == [("A1", "100.00"), ("A2", "-30.00"), ("B1", "55.00")]
    assert on_the_list(desk, datetime(2026, 6, 1)) == {"A1": "100.00", "B1": "55.00"}


def test_amounts_in_the_forms_of_accounting(desk: Desk) -> None:
    forms = {"i1": '"1,234.56"', "i2": '"(234.56)"', "i3": "100.00-", "i4": "- 50.00", "i5": "−7.00", "i6": "1'000.00",
             "i7": '"1,00,000.00"'}  # fmt: skip
    rows = (f"{order},c1,{amount},USD,2025-11-03,," for order, amount in forms.items())
    loaded(desk, "transactions", text(desk, "forms.csv", ORDERS, *rows))
    amounts = ["1234.56", "-234.56", "-100.00", "-50.00", "-7.00", "1000.00", "100000.00"]
    assert orders(desk, "amount") == [(amount,) for amount in amounts]
    assert set(on_the_list(desk, datetime(2025, 12, 1))) == {"i1", "i6", "i7"}


FLOATS = "account,cleared,document,posted,due,currency,open_amount"
FLOATS_MAP = """
[columns]
order_id = "document"
customer_id = "account"
amount = "open_amount"
invoice_date = "posted"
due_date = "due"
payment_date = "cleared"
"""


@pytest.mark.parametrize(
    ("form", "posted", "due"),
    [("%Y%m%d", "20200125", "20200210.0"), ("%d%m%Y", "25012020", "10022020.0"), ("excel", "43855", "43871.0")],
)
def test_days_that_became_floats(desk: Desk, form: str, posted: str, due: str) -> None:
    rows = (f"0200000001,2020-02-11 00:00:00,1900000001.0,{posted},{due},USD,54273.28",
            f"0140000002,,2900000002.0,{posted},,CAD,3299.7")  # fmt: skip
    path = text(desk, "floats.csv", FLOATS, *rows)
    with pytest.raises(DataRefused, match=r"add to the map: \[formats\]|looks like a spreadsheet's day"):
        loaded(desk, "transactions", path, FLOATS_MAP)
    formats = f'[formats]\ninvoice_date = "{form}"\ndue_date = "{form}"\n'
    loaded(desk, "transactions", path, f"{FLOATS_MAP}\n{formats}")
    assert orders(desk, "invoice_date", "due_date", "payment_date") == [
        ("2020-01-25", "2020-02-10", "2020-02-11"),
        ("2020-01-25", None, None),
    ]


GUESTS = "id,Created date (UTC),Amount,Currency,Seller Message,Customer ID,Customer Email,Invoice ID"
GUESTS_JOINED = """
[columns]
order_id = ["Invoice ID", "id"]
invoice_date = "Created date (UTC)"

[derived]
customer_id = "{Customer ID}{Customer Email}"

[constants]
payment_date = ""
"""
GUESTS_MAP = """
[columns]
order_id = ["Invoice ID", "id"]
customer_id = ["Customer ID", "Customer Email"]
invoice_date = "Created date (UTC)"
reason_code = "Seller Message"

[extract]
reason_code = 'decline code `(\\w+)`'

[constants]
payment_date = ""
"""


def test_guests_are_customers_by_their_address(desk: Desk) -> None:
    declined = "The bank returned the decline code `do_not_honor`."
    rows = (
        f"ch_1,2026-05-20 10:00:00,49.00,eur,{declined},cus_1,a@example.com,in_1",
        f"ch_2,2026-05-20 11:00:00,49.00,eur,{declined},,g1@example.com,",
        "ch_3,2026-05-21 11:00:00,59.00,eur,,,g1@example.com,",
    )
    path = text(desk, "guests.csv", GUESTS, *rows)
    with pytest.raises(DataRefused, match=r'first that is filled: customer_id = \["Customer ID", "Customer Email"\]'):
        loaded(desk, "transactions", path, GUESTS_JOINED)
    loaded(desk, "transactions", path, GUESTS_MAP)
    assert orders(desk, "order_id", "customer_id", "reason_code") == [
        ("ch_2", "g1@example.com", "do_not_honor"),
        ("ch_3", "g1@example.com", None),
        ("in_1", "cus_1", "do_not_honor"),
    ]
    assert set(on_the_list(desk, datetime(2026, 6, 1))) == {"ch_2", "ch_3", "in_1"}

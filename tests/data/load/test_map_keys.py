"""Keys of the map for real exports: minor units, differences, extracts, first and last rows, zones, signs."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from payrec.common.errors import DataRefused, UsageError
from payrec.data.load.mapping import from_document
from payrec.data.load.minor_units import DECIMALS
from tests.data.load.files import HEADER, lines, order, read, written


def amounts(folder: Path, *cells: tuple[str, str], **mapping: Any) -> Any:
    """Rows with an amount and a currency each."""
    rows = [order(n, amount=amount, currency=currency) for n, (amount, currency) in enumerate(cells)]
    return read(written(folder, lines(*rows)), **mapping)


@pytest.mark.parametrize("source", DECIMALS)
def test_minor_units_follow_the_exponents_of_the_source(tmp_path: Path, source: str) -> None:
    codes = {code: decimals for decimals, listed in DECIMALS[source].items() for code in listed.split()}
    cells = [("120000", code) for code in [*codes, "EUR", "USD"]]
    found = amounts(tmp_path, *cells, units=source, derived={"amount": "amount minor"})
    expected = {code: Decimal(120_000).scaleb(-codes.get(code, 2)) for _, code in cells}
    assert {row["currency"]: row["amount"] for row in found.rows} == expected


@pytest.mark.parametrize(
    ("source", "currency", "amount"),
    [("iso", "ISK", 500), ("stripe", "ISK", 5), ("adyen", "ISK", 5), ("iso", "CLP", 500), ("adyen", "CLP", 5)],
)
def test_sources_differ(tmp_path: Path, source: str, currency: str, amount: int) -> None:
    found = amounts(tmp_path, ("500", currency.lower()), units=source, derived={"amount": "amount minor"})
    assert found.column("amount") == [amount]


def test_minor_units_need_a_currency_and_a_source(tmp_path: Path) -> None:
    header = "order_id,event_type,event_ts,amount"
    path = written(tmp_path, lines("o1,payment,2025-01-01,8000", header=header))
    minor = {"derived": {"amount": "amount minor"}}
    with pytest.raises(UsageError, match="whose minor units"):
        read(path, "events", **minor)
    with pytest.raises(DataRefused, match="has no currency, expected one for amount in minor units"):
        read(path, "events", units="stripe", **minor)
    found = read(path, "events", units="stripe", constants={"currency": "JPY"}, **minor)
    assert found.column("amount") == [8000]
    (reason,) = amounts(tmp_path, ("8000", ""), units="stripe", **minor).reasons()
    assert "amount has no currency that says its minor unit" in reason


def test_a_third_decimal_is_kept_or_refused_by_name(tmp_path: Path) -> None:
    cells = [("5.125", "KWD"), ("5.120", "KWD"), ("1.005", "EUR"), ("7.5", "TND")]
    found = amounts(tmp_path, *cells, decimal=".")
    assert found.column("amount") == [Decimal("5.12"), Decimal("1.01"), Decimal("7.50")]
    assert found.reasons()[0].startswith("amount has a third decimal, which its currency has")
    found = amounts(tmp_path, *cells, decimal=".", third_decimal="round")
    assert found.column("amount")[0] == Decimal("5.13")
    assert "2 values of amount were rounded to two decimals" in found.report.notes
    found = amounts(tmp_path, ("5125", "KWD"), ("5120", "KWD"), units="iso", derived={"amount": "amount minor"})
    assert (found.column("amount"), found.report.rejected) == ([Decimal("5.12")], 1)


DEBIT = HEADER.replace("amount", "Gross Debit (GC),Gross - Credit")


@pytest.mark.parametrize(
    ("debit", "credit", "amount"),
    [("", "120.00", "120.00"), ("20.00", "", "-20.00"), ("5", "7.5", "2.50"), ('"1,000.50"', "", "-1000.50")],
)
def test_a_difference_takes_an_empty_column_for_0(tmp_path: Path, debit: str, credit: str, amount: str) -> None:
    row = order(1, amount=f"{debit},{credit}")
    found = read(written(tmp_path, lines(row, header=DEBIT)), derived={"amount": "Gross - Credit - Gross Debit (GC)"})
    assert [str(each) for each in found.column("amount")] == [amount]


def test_a_difference_of_nothing_is_empty_and_a_bad_side_is_rejected(tmp_path: Path) -> None:
    rows = [order(1, amount=","), order(2, amount="x,5"), order(3, amount="1,5")]
    found = read(written(tmp_path, lines(*rows, header=DEBIT)), derived={"amount": "Gross - Credit - Gross Debit (GC)"})
    assert found.column("order_id") == ["o3"]
    assert found.reasons()[0] == "amount is empty"
    assert [each["value"] for each in found.rejects] == ["", "5 - x"]
    with pytest.raises(DataRefused, match=r"has no column 'Credit', named in \[derived\] amount"):
        read(written(tmp_path, lines(order(1))), derived={"amount": "Credit - Debit"})


def test_the_first_that_is_not_empty_of_several(tmp_path: Path) -> None:
    path = written(tmp_path, lines(order(1) + ",a,", order(2) + ",,b", order(3) + ",NULL, ", header=HEADER + ",x,y"))
    found = read(path, columns={"provider": ["x", "y"]}, empty=["NULL"])
    assert found.column("provider") == ["a", "b", None]
    with pytest.raises(DataRefused, match=r"has no column 'z'"):
        read(path, columns={"provider": ["x", "z"]})


def test_extract(tmp_path: Path) -> None:
    rows = [order(1) + ",declined: 51 (issuer)", order(2) + ",paid", order(3) + ","]
    path = written(tmp_path, lines(*rows, header=HEADER + ",message"))
    columns = {"reason_code": "message"}
    found = read(
        path, columns=columns, extract={"reason_code": r"declined: (\w+)"}, values={"reason_code": {"51": "x"}}
    )
    assert found.column("reason_code") == ["x", None, None]
    assert "1 value of reason_code does not match [extract]: it is empty" in found.report.notes
    with pytest.raises(DataRefused, match=r"has no provider, from which map\.toml has"):
        read(path, extract={"provider": "(x)"})
    for pattern, problem in (("x", "has 0 groups"), ("(a)(b)", "has 2 groups"), ("(", "is no regular expression")):
        with pytest.raises(UsageError, match=problem):
            from_document({"extract": {"provider": pattern}}, "m")


VERSIONS = [order(1, amount="1") + ",2", order(1, amount="2") + ",10", order(1, amount="3") + ",9"]


@pytest.mark.parametrize("rows", [VERSIONS, VERSIONS[::-1]])
@pytest.mark.parametrize(("key", "amount"), [("first", 1), ("last", 2)])
def test_one_row_per_key(tmp_path: Path, rows: list[str], key: str, amount: int) -> None:
    path = written(tmp_path, lines(*rows, order(2) + ",1", header=HEADER + ",version"))
    found = read(path, **{key: {"per": "order_id", "by": "version"}})
    assert {row["order_id"]: row["amount"] for row in found.rows} == {"o1": amount, "o2": Decimal("10.50")}
    assert dict(found.report.left_out_by) == {"left out by the map": 2}
    (by_line, _) = read(path, **{key: {"per": "order_id"}}).column("amount")
    assert by_line == int(rows[0 if key == "first" else -1].split(",")[2])


def test_what_cannot_be_put_in_order_is_refused(tmp_path: Path) -> None:
    rows = [order(1) + ",31/01/2025", order(1) + ",2"]
    path = written(tmp_path, lines(*rows, header=HEADER + ",day"))
    with pytest.raises(DataRefused, match=r"day has values such as '31/01/2025' \(line 2\), by which \[last\] cannot"):
        read(path, last={"per": "order_id", "by": "day"})
    with pytest.raises(UsageError, match="one row per key is the first or the last"):
        read(path, last={"per": "order_id"}, first={"per": "order_id"})
    with pytest.raises(UsageError, match="the key 'order' in"):
        read(path, last={"per": "order_id", "order": "day"})


def test_lines_of_other_types_are_left_out_whatever_their_width(tmp_path: Path) -> None:
    text = "RH,2025-01-31,A,002\nFH,01\nSH,2025-01-30,x,y,z\n" + lines(
        f"SB,{order(1)}", f"SB,{order(2)}", "SF,2", "SC,1,2,3,4,5,6,7,8,9", "SB,short", header=f"CH,{HEADER}"
    )
    found = read(written(tmp_path, text), only={"CH": "SB"})
    assert found.column("order_id") == ["o1", "o2"]
    assert dict(found.report.left_out_by) == {"left out by the map": 2}
    assert [each["value"] for each in found.rejects] == ["SB,short"]


def times(folder: Path, *cells: tuple[str, str], **mapping: Any) -> Any:
    """Events with a time and a zone each."""
    rows = [f"o1,contact,{time},{zone}" for time, zone in cells]
    path = written(folder, lines(*rows, header="order_id,event_type,event_ts,zone"))
    return read(path, "events", zone_column="zone", **mapping)


def test_zones_of_rows(tmp_path: Path) -> None:
    cells = [
        ("2025-01-15 10:00:00", "America/New_York"),
        ("2025-07-15 10:00:00", "CEST"),
        ("2025-07-15 10:00:00", "utc"),
        ("2025-07-15 10:00:00", ""),
        ("2025-07-15T10:00:00+05:00", "CEST"),
        ("2025-07-15", "CEST"),
    ]
    found = times(tmp_path, *cells, zones={"CEST": "Europe/Amsterdam"}, time_zone="Asia/Tokyo")
    hours = ["01-15 15:00", "07-15 08:00", "07-15 10:00", "07-15 01:00", "07-15 05:00", "07-15 00:00"]
    assert [f"{time:%m-%d %H:%M}" for time in found.column("event_ts")] == hours
    assert times(tmp_path, ("2025-07-15 10:00:00", ""), ("2025-07-15 10:00:00", "UTC")).report.rejected == 1


@pytest.mark.parametrize(
    ("word", "meaning"),
    [("BST", "it may be Europe/London or Asia/Dhaka"), ("CST", "Asia/Shanghai"), ("EST", "Australia/Sydney"),
     ("CET", "Europe/Berlin"), ("+0200", "expected a name such as Europe/Rome"), ("Mars/Base", "expected a name")],
)  # fmt: skip
def test_a_zone_that_is_no_name_is_asked_for(tmp_path: Path, word: str, meaning: str) -> None:
    with pytest.raises(DataRefused, match=rf"(?s)time zone '.*line 2.*{meaning}.*\[zones\]"):
        times(tmp_path, ("2025-07-15 10:00:00", word))
    with pytest.raises(UsageError, match="is no time zone"):
        times(tmp_path, ("2025-07-15 10:00:00", word), zones={word: "BST"})


def test_a_zone_at_the_end_of_the_text_needs_its_format(tmp_path: Path) -> None:
    path = written(tmp_path, lines("o1,contact,2025-07-01 10:00:00 BST", header="order_id,event_type,event_ts"))
    assert "ends with a time zone: declare a format with %Z at its end" in read(path, "events").reasons()[0]
    with pytest.raises(DataRefused, match="is none that can be read"):
        read(path, "events", formats={"event_ts": "%Z %Y-%m-%d %H:%M:%S"})


def test_words_that_make_a_number_negative(tmp_path: Path) -> None:
    cells = [
        ("100.00 DR", "EUR"),
        ("25.00CR", "EUR"),
        ("Cr 7.00", "EUR"),
        ("CR", "EUR"),
        ("-5.00 CR", "EUR"),
        ("9", "EUR"),
    ]
    found = amounts(tmp_path, *cells, negative=["CR"], strip=["DR"])
    assert found.column("amount") == [100, -25, -7, 9]
    assert 'negative = ["CR"]' in amounts(tmp_path, ("25.00 CR", "EUR")).reasons()[0]
    assert amounts(tmp_path, ('"1.234,50 CR"', "EUR"), negative=["CR"]).column("amount") == [Decimal("-1234.50")]


@pytest.mark.parametrize(
    ("text", "form", "day"),
    [
        ("20200210.0", "%Y%m%d", "2020-02-10"),
        ("31122020.0", "%d%m%Y", "2020-12-31"),
        ("1122020.0", "%d%m%Y", "2020-12-01"),
        ("2102020", "%m%d%Y", "2020-02-10"),
        ("43871.0", "excel", "2020-02-10"),
        ("43871", "excel", "2020-02-10"),
        ("1581292800.0", "epoch", "2020-02-10"),
    ],
)
def test_days_that_became_floats(tmp_path: Path, text: str, form: str, day: str) -> None:
    found = read(written(tmp_path, lines(order(1, invoice_date=text))), formats={"invoice_date": form})
    assert [str(each) for each in found.column("invoice_date")] == [day]

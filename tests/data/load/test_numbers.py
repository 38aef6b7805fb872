"""Money: plain, declared or proven, never guessed, never NaN (faults 25, 28)."""

from __future__ import annotations

import tempfile
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payrec.common.errors import DataRefused
from payrec.data import layers, load
from payrec.data.engines import connect
from tests.data.load.files import HEADER, lines, order, read, written


def amounts(*values: str) -> str:
    return lines(*(order(n, amount=f'"{value}"') for n, value in enumerate(values)))


def money(*values: str) -> list[Decimal]:
    return [Decimal(value) for value in values]


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["10.5", "-3", "0", "0.01", "+7", ".5"], ["10.5", "-3", "0", "0.01", "7", "0.5"]),
        (["1,234.50", "1,234", "7"], ["1234.50", "1234", "7"]),  # the first proves the point
        (["1,234,567", "1,234"], ["1234567", "1234"]),
        (["1.234,50", "1.234", "12,5"], ["1234.50", "1234", "12.5"]),  # the first proves the comma
        (["12,50", "7"], ["12.50", "7"]),
        (["1.234.567", "1.234"], ["1234567", "1234"]),
        (["1234.567", "1.234"], ["1234.57", "1.23"]),  # four digits before the point: no thousands mark
        (["9999999999999.99", "-9999999999999.99"], ["9999999999999.99", "-9999999999999.99"]),
        (["(234.56)", "100.00-", "- 50.00", "( 7 )", "−8.50"], ["-234.56", "-100", "-50", "-7", "-8.50"]),
        (["(1.234,50)", "1.234,00-"], ["-1234.50", "-1234"]),
        (["1,00,000.00", "(12,34,567)", "50,000"], ["100000", "-1234567", "50000"]),
        (["1'000.00", "(1’234’567.5)", "1'234"], ["1000", "-1234567.5", "1234"]),
        (["1'000,50", "12,5"], ["1000.50", "12.5"]),
    ],
)
def test_fault_25_what_a_column_proves(tmp_path: Path, texts: list[str], values: list[str]) -> None:
    assert read(written(tmp_path, amounts(*texts))).column("amount") == money(*values)


@pytest.mark.parametrize("text", ["1,234", "1.234", "12.345", "-1,234"])
def test_fault_25_an_unclear_mark_is_refused_with_what_to_add(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, amounts("7", text))
    with pytest.raises(DataRefused, match="no value proves which mark is the decimal one") as refused:
        read(path)
    assert 'decimal = "."' in str(refused.value)
    plain = text.replace(",", "").replace(".", "")
    as_decimal = Decimal(text.replace(",", ".")).quantize(Decimal("0.01"), ROUND_HALF_UP)
    by_point, by_comma = (as_decimal, Decimal(plain)) if "." in text else (Decimal(plain), as_decimal)
    assert read(path, decimal=".").column("amount") == [Decimal(7), by_point]
    assert read(path, decimal=",").column("amount") == [Decimal(7), by_comma]


def test_fault_25_both_marks_proven_only_what_is_clear_loads(tmp_path: Path) -> None:
    found = read(written(tmp_path, amounts("10.50", "1.010,50", "20", "1,234", "1.234", "30.25")))
    assert found.column("amount") == money("10.50", "20", "30.25")
    assert all("decimal comma must be declared, or proven" in reason for reason in found.reasons())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("NaN", "is not a number"), ("-inf", "is not a number"), ("Infinity", "is not a number"),
        ("1e308", "has an exponent"), ("1E5", "has an exponent"), ("$5", "belong to no number"),
        ("5 EUR", "belong to no number"), ("7.00 CR", "ends with CR or DR"), ("7.00Dr", "ends with CR or DR"),
        ("(-7.00)", "belong to no number"), ("-7-", "is no plain number"), ("(7", "belong to no number"),
        ("1'00", "belong to no number"), ("1,0,000", "is no plain number"), ("text", "belong to no number"),
        ("1_000", "belong to no number"), ("0x10", "belong to no number"), ("5.", "is no plain number"),
        ("--5", "is no plain number"),
        ("1.2.3", "is no plain number"), ("", "is empty"), ("n/a", "empty = "),
        ("10000000000000.00", "more than 13 digits"), ("9999999999999.995", "more than 13 digits"),
        ("1" * 400, "more than 13 digits"), ("1,23,4.5", "is no plain number"), ("=1+1", "belong to no number"),
    ],
)  # fmt: skip
def test_fault_25_bad_amounts_are_rejected(tmp_path: Path, text: str, reason: str) -> None:
    found = read(written(tmp_path, amounts("10.50", text)))
    assert found.column("amount") == money("10.50")
    assert [row["line"] for row in found.rejects] == [3]
    assert reason in found.reasons()[0]


def test_more_than_two_decimals_are_rounded_half_up_and_counted(tmp_path: Path) -> None:
    found = read(written(tmp_path, amounts("2.675", "-2.675", "2.6700", "1.0049999", "7.10", "0.995")))
    assert found.column("amount") == money("2.68", "-2.68", "2.67", "1.00", "7.10", "1.00")
    assert "4 values of amount were rounded to two decimals" in found.report.notes


def test_credit_notes_load_and_are_said(tmp_path: Path) -> None:
    found = read(written(tmp_path, amounts("-10.50", "0", "3.00")))
    assert len(found.rows) == 3
    assert "1 row has an amount below 0 (credit notes): they load, and are never ranked" in found.report.notes
    assert "1 row has an amount of 0" in found.report.notes


def test_declared_marks_and_signs(tmp_path: Path) -> None:
    swiss = written(tmp_path, amounts("CHF 1'234.50", "CHF 7"))
    assert read(swiss, thousands="'", decimal=".", strip=["CHF"]).column("amount") == money("1234.50", "7")
    french = written(tmp_path, amounts("1 234,50 €", "1\u202f234,50 €", "1\u00a0234 €"))
    found = read(french, thousands=" ", decimal=",", strip="€").column("amount")
    assert found == money("1234.50", "1234.50", "1234")
    only_thousands = written(tmp_path, amounts("1.234"))
    assert read(only_thousands, thousands=".").column("amount") == money("1234")
    wrong_groups = read(written(tmp_path, amounts("1.23,5", "12,5", "1.2345")), decimal=",")
    assert wrong_groups.column("amount") == money("12.5")


@settings(deadline=None, max_examples=15)
@given(st.lists(st.decimals(-(10**12), 10**12, places=2), min_size=1, max_size=20), st.sampled_from([",.", ".,"]))
def test_declared_forms_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, values: list[Decimal], marks: str
) -> None:
    thousands, decimal = marks
    texts = [f"{value:,.2f}".translate(str.maketrans(",.", marks)) for value in values]
    path = written(tmp_path_factory.mktemp("f"), amounts(*texts))
    assert read(path, decimal=decimal, thousands=thousands).column("amount") == values
    assert read(path).column("amount") == values  # two decimals are their own proof


@pytest.mark.parametrize(("text", "currency"), [("EUR", "EUR"), (" eur ", "EUR"), ("Jpy", "JPY"), ("XXX", "XXX")])
def test_fault_28_currencies_are_trimmed_and_in_capitals(tmp_path: Path, text: str, currency: str) -> None:
    assert read(written(tmp_path, lines(order(1, currency=text)))).column("currency") == [currency]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "currency is empty"), ("  ", "currency is empty"), ("€", "currency is no currency of three letters"),
        ("EURO", "no currency"), ("E1R", "no currency"), ("ÄÖÜ", "no currency"), ("US", "no currency"),
    ],
)  # fmt: skip
def test_fault_28_no_currency_no_row(tmp_path: Path, text: str, reason: str) -> None:
    found = read(written(tmp_path, lines(order(1), order(2, currency=text))))
    assert found.column("order_id") == ["o1"]
    assert reason in found.reasons()[0]


def test_whole_numbers_and_flags(tmp_path: Path) -> None:
    header = HEADER + ",retries,chargeback_flag"
    rows = [
        order(1) + ",3,1", order(2) + ",3.0,No", order(3) + ",,", order(4) + ",-1,0", order(5) + ",2.5,0",
        order(6) + ",1,maybe", order(7) + ",+2,TRUE",
    ]  # fmt: skip
    found = read(written(tmp_path, lines(*rows, header=header)))
    assert [(row["retries"], row["chargeback_flag"]) for row in found.rows] == [(3, 1), (3, 0), (None, None), (2, 1)]
    assert [row["line"] for row in found.rejects] == [5, 6, 7]


def test_rates(tmp_path: Path) -> None:
    header = "currency,rate_date,rate_to_reporting"
    rows = [
        "usd,2025-01-31,0.925",
        "GBP,2025-01-31,1.19876543",
        "JPY,2025-01-31,0",
        "CHF,2025-01-31,-1",
        "EUR,2025-01-31,1",
    ]
    found = read(written(tmp_path, lines(*rows, header=header)), "fx")
    assert found.column("rate_to_reporting") == money("0.925", "1.19876543", "1")
    assert [row["line"] for row in found.rejects] == [4, 5]
    assert all("must be above 0" in reason for reason in found.reasons())


def test_an_amount_that_loads_does_not_stop_a_build(tmp_path: Path) -> None:
    largest = "9999999999999.99"
    path = written(tmp_path, lines(*(order(n, amount=largest, payment_date="") for n in range(20))))
    with connect("duckdb://") as engine:
        layers.prepare(engine)
        assert load.load_file("transactions", engine, path).loaded == 20
        layers.build(engine, layers.Parameters((datetime(2025, 3, 1),), (0,), 30))
        assert engine.read("SELECT MAX(cust_open_minor) AS most FROM v_feature_view")["most"][0].as_py() > 10**15


@settings(max_examples=25, deadline=None)
@given(st.lists(st.decimals("0.01", "9999999.99", places=2), min_size=1, max_size=20))
def test_accounting_forms_of_one_amount_are_one_amount(values: list[Decimal]) -> None:
    forms = ("-{:.2f}", "({:.2f})", "{:.2f}-", "- {:.2f}", "−{:.2f}", "({:,.2f})", "{:,.2f} -")
    texts = [form.format(value) for value in values for form in forms]
    texts += [f"({value:,.2f})".replace(",", "'") for value in values]
    with tempfile.TemporaryDirectory() as folder:
        rows = read(written(Path(folder), amounts(*texts)))
    assert rows.rejects == []
    assert rows.column("amount") == [-value for value in values for _ in forms] + [-value for value in values]

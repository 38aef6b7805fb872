"""The map: every key, what it does, and what is refused."""

from __future__ import annotations

from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from payrec.common.errors import DataRefused, UsageError
from payrec.data import load
from payrec.data.load import mapping as maps
from payrec.data.load.mapping import Mapping, from_document, read_mapping
from payrec.data.load.targets import TARGETS
from tests.data.load.files import EVENTS_HEADER, HEADER, lines, order, read, written


def test_every_key_that_is_read_is_kept() -> None:
    assert set(maps.KEYS) == {field.name for field in fields(Mapping)} - {"name"}


def test_an_unknown_key_is_refused_with_the_valid_ones(tmp_path: Path) -> None:
    path = written(tmp_path, 'colums = { amount = "x" }', "m.toml")
    with pytest.raises(UsageError, match=r"m.toml: the key 'colums' is unknown \(did you mean columns\?\)") as refused:
        read_mapping(path)
    assert all(key in str(refused.value) for key in maps.KEYS)


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("a = ", "not valid TOML"),
        ("kind = 'orders'", "expected one of: transactions, events, fx, customers"),
        ("kind = 'transactions'\ncolumns.ammount = 'x'", "did you mean amount"),
        ("kind = 'events'\nconstants.customer_id = 'x'", "valid are: event_id, order_id"),
        ("kind = 'fx'\nformats.date = 'iso'", "valid are: currency, rate_date"),
        ("columns = 'x'", "expected a table"),
        ("columns.amount = []", "expected a column of the file, or several"),
        ("columns.amount = 'x'\nconstants.amount = '1'", "give each column once"),
        ("decimal = ';'", "expected one of: '.' ','"),
        ("decimal = ','\nthousands = ','", "they must differ"),
        ("delimiter = ':'", "expected one of"),
        ("time_zone = 'Europe/Rom'", "Europe/Rome"),
        ("observed_until = 'soon'", "expected a date"),
        ("observed_until = 5", "expected a date"),
        ("reporting_currency = 'Euro'", "three letters"),
        ("carry = { article = 'article' }", "expected text in quotes: carry.by"),
        ("carry = { by = 'case', x = { activity = 'a' } }", "expected text in quotes: carry.x.column"),
        ("kind = 'transactions'\nknown_at_creation = ['reason']", "did you mean reason_code"),
        ("kind = 'events'\nknown_at_creation = ['reason_code']", "known_at_creation is unknown"),
        ("constants.provider = { a = 1 }", "expected text"),
        ('constants.provider = "a\\u0000b"', "expected text"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, toml: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_mapping(written(tmp_path, toml, "m.toml"))
    assert said in str(refused.value)
    assert "m.toml" in str(refused.value)
    assert len(str(refused.value).splitlines()) <= 3


def test_a_map_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the map"):
        read_mapping(tmp_path / "absent.toml")
    with pytest.raises(UsageError, match="not valid TOML"):
        read_mapping(written(tmp_path, b"\xff\xfe", "m.toml"))


def test_a_map_for_another_kind_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, lines(order(1)))
    with pytest.raises(UsageError, match="the map is for events, the file is loaded as transactions"):
        load.plan(path, "transactions", from_document({"kind": "events"}, "m.toml"))
    with pytest.raises(UsageError, match=r"'customer_id' in \[columns\] is unknown"):
        load.plan(path, "events", from_document({"columns": {"customer_id": "x"}}, "m.toml"))


def test_a_map_is_frozen() -> None:
    made = from_document({"columns": {"amount": "x"}}, "m.toml")
    with pytest.raises((AttributeError, TypeError)):
        made.columns["amount"] = "y"  # type: ignore[index]
    with pytest.raises(AttributeError):
        made.decimal = ","  # type: ignore[misc]


def test_the_end_of_the_data() -> None:
    def until(value: Any) -> datetime | None:
        return from_document({"observed_until": value}, "m.toml").observed_until

    assert until(date(2017, 7, 14)) == datetime(2017, 7, 15)  # a date counts to its end
    assert until("2017-07-14") == datetime(2017, 7, 15)
    assert until(datetime(2017, 7, 14, 12)) == datetime(2017, 7, 14, 12)
    assert until("2017-07-14T12:00:00+02:00") == datetime(2017, 7, 14, 10)


def test_columns_constants_and_what_is_empty(tmp_path: Path) -> None:
    header = "Order No,Client,Sum,Date,Paid,provider"
    rows = ["1,A,5,2025-01-31,NULL,n/a", "2,B,6,2025-01-31,2025-02-01,stripe"]
    found = read(
        written(tmp_path, lines(*rows, header=header)),
        columns={
            "order_id": "order no", "customer_id": "Client", "amount": "SUM",
            "invoice_date": "Date", "payment_date": "paid",
        },
        constants={"currency": "eur", "retries": 2, "due_date": date(2025, 3, 1), "country": ""},
        empty=["null", "N/A"],
    )  # fmt: skip
    assert found.column("payment_date") == [None, date(2025, 2, 1)]
    assert found.column("provider") == [None, "stripe"]
    assert found.rows[0]["currency"] == "EUR"
    assert (found.rows[0]["retries"], found.rows[0]["due_date"], found.rows[0]["country"]) == (
        2,
        date(2025, 3, 1),
        None,
    )


def test_a_required_column_may_be_declared_empty(tmp_path: Path) -> None:
    header = HEADER.removesuffix(",payment_date")
    row = order(1).rsplit(",", 1)[0]
    found = read(written(tmp_path, lines(row, header=header)), constants={"payment_date": ""})
    assert found.column("payment_date") == [None]


def test_ignored_columns_are_not_read_even_if_named_like_ours(tmp_path: Path) -> None:
    path = written(tmp_path, lines(order(1) + ",5.00", header=HEADER + ",Outstanding"))
    assert read(path).column("outstanding") == [Decimal(5)]
    found = read(path, ignore=["outstanding"])
    assert found.column("outstanding") == [None]
    assert found.report.ignored == ("Outstanding",)


def test_derived_dates(tmp_path: Path) -> None:
    header = HEADER.replace("payment_date", "days")
    rows = [
        order(1, payment_date="13"), order(2, payment_date=""), order(3, payment_date="-2"),
        order(4, payment_date="x"), order(5, payment_date="7.0"), order(6, invoice_date="2025-02-30", payment_date="1"),
        order(7, payment_date="99999"), order(8, payment_date="1.5"),
    ]  # fmt: skip
    path = written(tmp_path, lines(*rows, header=header))
    found = read(path, derived={"payment_date": "invoice_date + days", "due_date": "invoice_date + 30 days"})
    assert found.column("payment_date") == [date(2025, 2, 13), None, date(2025, 1, 29), date(2025, 2, 7)]
    assert found.column("due_date") == [date(2025, 3, 2)] * 4
    assert found.reasons()[0] == "payment_date is no whole number of days"
    assert "payment_date has no invoice_date to count from" in found.reasons()[1]
    assert found.reasons()[2].startswith("payment_date is outside")
    back = read(path, derived={"payment_date": "invoice_date - days", "due_date": "invoice_date - 1"})
    assert back.column("payment_date")[0] == date(2025, 1, 18)
    assert back.report.derived == ("payment_date", "due_date")


def test_derived_text_and_amounts(tmp_path: Path) -> None:
    header = "shop,no,cents,currency,invoice_date,payment_date"
    found = read(
        written(tmp_path, lines("A,1,1050,EUR,2025-01-31,", ",2,1,EUR,2025-01-31,", header=header)),
        derived={
            "order_id": "{shop}/{no}", "customer_id": "line {line}", "country": "{currency:2}",
            "amount": "cents / 100", "outstanding": "cents * -0.5",
        },
    )  # fmt: skip
    assert found.column("order_id") == ["A/1"]
    assert found.column("customer_id") == ["line 2"]
    assert found.column("country") == ["EU"]
    assert found.column("amount") == [Decimal("10.50")]
    assert found.column("outstanding") == [Decimal(-525)]
    (reason,) = found.reasons()
    assert reason.startswith("order_id is empty: its text in [derived] needs all columns")


@pytest.mark.parametrize(
    "derived",
    [
        {"payment_date": "due + 3"}, {"payment_date": "due_date + 1", "due_date": "invoice_date + 1"},
        {"payment_date": "payment_date + 3"}, {"payment_date": "invoice_date"},
        {"amount": "amount / 7"}, {"amount": "amount + 1"}, {"customer_id": "fixed"}, {"customer_id": ""},
    ],
)  # fmt: skip
def test_derivations_that_cannot_be_meant(tmp_path: Path, derived: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"\[derived\]"):
        read(written(tmp_path, lines(order(1))), derived=derived)


def test_values_are_translated(tmp_path: Path) -> None:
    header = HEADER + ",chargeback_flag,country"
    rows = [order(1) + ",Ja,germany", order(2) + ",nein,", order(3) + ",,FR"]
    found = read(
        written(tmp_path, lines(*rows, header=header)),
        values={"chargeback_flag": {"ja": "1", "Nein": "0"}, "country": {"Germany": "DE", "": "??"}},
    )
    assert found.column("chargeback_flag") == [1, 0, None]
    assert found.column("country") == ["DE", "??", "FR"]


def test_only_keeps_the_rows_that_are_asked_for(tmp_path: Path) -> None:
    header = HEADER + ",activity,site"
    rows = [order(1) + ",Create,a", order(2) + ",Send,a", order(3, amount="bad") + ",Send,a", order(4) + ", create ,b"]
    path = written(tmp_path, lines(*rows, header=header))
    found = read(path, only={"activity": "create"})
    assert found.column("order_id") == ["o1", "o4"]
    assert (found.report.left_out, found.report.rejected) == (2, 0)
    assert read(path, only={"activity": ["Create", "Send"], "site": "b"}).column("order_id") == ["o4"]
    with pytest.raises(DataRefused, match="no row has activity = Delete or Drop"):
        read(path, only={"activity": ["Delete", "Drop"]})


def test_carried_columns_are_of_rows_before_never_of_later_ones(tmp_path: Path) -> None:
    header = EVENTS_HEADER + ",article"
    rows = [
        "e1,A,2025-01-01,contact,5,157", "e2,B,2025-01-01,contact,6,", "e3,A,2025-01-02,attempt,,",
        "e4,B,2025-01-03,attempt,7,9", "e5,A,2025-01-04,attempt,8,7", "e6,B,2025-01-05,attempt,,",
    ]  # fmt: skip
    path = written(tmp_path, lines(*rows, header=header))
    carry = {"by": "order_id", "article": "Article", "first": {"column": "amount", "event_type": "Contact"}}
    found = read(
        path, "events", carry=carry, columns={"detail": "article", "amount": "first"}, only={"event_type": "attempt"}
    )
    assert [(row["event_id"], row["detail"], row["amount"]) for row in found.rows] == [
        ("e3", "157", 5), ("e4", "9", 6), ("e5", "7", 5), ("e6", "9", 6),
    ]  # fmt: skip
    assert found.report.ignored == ()
    assert found.report.left_out == 2


def test_carried_columns_serve_wherever_the_map_may_name_a_column(tmp_path: Path) -> None:
    header = EVENTS_HEADER + ",article"
    rows = ["e1,A,2025-01-01,contact,5,157", "e2,A,2025-01-02,attempt,6,", "e3,B,2025-01-03,attempt,7,x9"]
    path = written(tmp_path, lines(*rows, header=header))
    carry = {"by": "order_id", "seen": "article"}
    joined = read(path, "events", carry=carry, derived={"detail": "{seen}/{order_id}"})
    assert joined.column("detail") == ["157/A", "157/A", "x9/B"]
    first = read(path, "events", carry=carry, first={"per": "order_id", "by": "amount"}, columns={"detail": "seen"})
    assert first.column("detail") == ["157", "x9"]
    with pytest.raises(DataRefused, match="seen has values such as 'x9'"):
        read(path, "events", carry=carry, first={"per": "order_id", "by": "seen"})


def test_constants_and_names_are_data_never_sql(tmp_path: Path) -> None:
    nasty = "x'); DROP TABLE staged; --"
    found = read(
        written(tmp_path, lines(order(1))), constants={"provider": nasty}, values={"provider": {nasty: nasty + "2"}},
        only={"customer_id": ["c1", nasty]}, empty=[nasty], strip=[nasty], derived={"country": nasty + "{customer_id}"},
    )  # fmt: skip
    assert found.column("provider") == [nasty + "2"]
    assert found.column("country") == [nasty + "c1"]


@pytest.mark.parametrize("kind", list(TARGETS))
def test_targets_are_the_raw_tables(kind: Any) -> None:
    """Names, order, NOT NULL and length as in 01_schema.sql."""
    import duckdb

    from payrec.data.load import readings

    schema = (Path(load.__file__).parents[1] / "sql" / "01_schema.sql").read_text()
    target = TARGETS[kind]
    with duckdb.connect() as db:
        db.execute(schema)
        rows = db.execute(f"DESCRIBE {target.table}").fetchall()
    found = {name: (column_type.replace(" ", ""), nullable == "NO") for name, column_type, nullable, *_ in rows}
    assert list(found) == list(target.names())
    for column in target.columns:
        assert found[column.name][0] == readings.TYPES[column.holds].replace(" ", "")
        assert found[column.name][1] == (column.filled or column.name in target.key)
    for column in target.columns:
        if column.holds == "text":
            line = next(
                line
                for line in schema.split(f"EXISTS {target.table} (")[1].splitlines()
                if line.split()[:1] == [column.name]
            )
            assert f"VARCHAR({column.length})" in line

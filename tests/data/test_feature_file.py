"""A file of features is a list of one day, one row an order, or it is refused with what to do."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payrec.common.errors import DataRefused, UsageError
from payrec.data import feature_file

DAY = date(2026, 6, 29)
KNOWN = datetime(2026, 6, 30)  # what is dated the 29th is known on the 30th
HEAD = "order_id,customer_id,currency,amount,invoice_date,payment_date,days_since_invoice\n"


def written(folder: Path, rows: list[tuple[str, date, str, int]], head: str = HEAD) -> Path:
    path = folder / "open.csv"
    lines = [f"{order},c1,EUR,10.00,{day},{paid},{age}" for order, day, paid, age in rows]
    path.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")
    return path


@given(st.lists(st.integers(0, 300), min_size=1, max_size=20))
def test_ages_of_one_day_give_the_day(tmp_path_factory: pytest.TempPathFactory, ages: list[int]) -> None:
    rows = [(f"o{at}", DAY - timedelta(days=age), "", age) for at, age in enumerate(ages)]
    read = feature_file.read(written(tmp_path_factory.mktemp("f"), rows), None)
    assert set(read["as_of"].to_pylist()) == {KNOWN}
    assert read["age_days"].to_pylist() == ages


@given(st.lists(st.integers(0, 300), min_size=2, max_size=20), st.integers(2, 400))
def test_ages_of_several_days_are_refused(tmp_path_factory: pytest.TempPathFactory, ages: list[int], days: int) -> None:
    rows = [(f"o{at}", DAY - timedelta(days=age + days * (at % 2)), "", age) for at, age in enumerate(ages)]
    with pytest.raises(DataRefused, match=r"rows of \d+ days.*\n.*\n.*payrec load transactions"):
        feature_file.read(written(tmp_path_factory.mktemp("f"), rows), KNOWN)


def test_paid_rows_are_left_out_whatever_their_age(tmp_path: Path) -> None:
    rows = [("o1", DAY - timedelta(days=9), "", 9), ("o2", date(2024, 1, 1), "2024-01-05", 4)]
    read = feature_file.read(written(tmp_path, rows), None)
    assert read["order_id"].to_pylist() == ["o1"]


def test_rows_that_payrec_0_1_exported_as_written_off_are_left_out(tmp_path: Path) -> None:
    head = HEAD.strip() + ",is_written_off\n"
    path = tmp_path / "open.csv"
    rows = [f"o{at},c1,EUR,10.00,{DAY},,0,{flag}\n" for at, flag in enumerate(("0", "1", "", "0.0", "1.0"))]
    path.write_text(head + "".join(rows), encoding="utf-8")
    assert feature_file.read(path, None)["order_id"].to_pylist() == ["o0", "o2", "o3"]


def test_another_day_than_the_files_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, [("o1", DAY - timedelta(days=9), "", 9)])
    assert feature_file.read(path, KNOWN).num_rows == 1
    with pytest.raises(DataRefused, match="2026-06-30 by its invoice dates, --as-of says 2026-08-01"):
        feature_file.read(path, datetime(2026, 8, 1))


def test_a_file_without_dates_needs_its_day(tmp_path: Path) -> None:
    path = tmp_path / "open.csv"
    path.write_text("order_id,customer_id,currency,amount,age_days\no1,c1,EUR,10.00,3\n", encoding="utf-8")
    with pytest.raises(UsageError, match="--as-of"):
        feature_file.read(path, None)
    assert feature_file.read(path, KNOWN)["as_of"].to_pylist() == [KNOWN]


def test_dates_that_are_none_are_named(tmp_path: Path) -> None:
    path = tmp_path / "open.csv"
    path.write_text(HEAD + "o1,c1,EUR,10.00,yesterday,,3\n", encoding="utf-8")
    with pytest.raises(DataRefused, match="invoice_date"):
        feature_file.read(path, KNOWN)


def test_doubled_orders_are_counted_and_named(tmp_path: Path) -> None:
    day = DAY - timedelta(days=3)
    with pytest.raises(DataRefused, match="1 orders in more than one row, for example o1"):
        feature_file.read(written(tmp_path, [("o1", day, "", 3), ("o2", day, "", 3), ("o1", day, "", 3)]), None)
    with pytest.raises(DataRefused, match="2 rows without order_id"):
        feature_file.read(written(tmp_path, [("", day, "", 3), ("", day, "", 3), ("o1", day, "", 3)]), None)

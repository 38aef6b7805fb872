"""XLSX: the sheet with rows, typed cells, and nothing that is lost because of its type."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from payrec.common.errors import DataRefused, UsageError
from payrec.data import load
from tests.data.load.files import HEADER, lines, order, read, written

NAMES = HEADER.split(",")


def book(folder: Path, *rows: tuple[Any, ...], sheet: str = "Sheet1", before: tuple[str, ...] = ()) -> Path:
    """A workbook of one sheet; ``before`` are the titles of empty sheets in front of it."""
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for title in before:
        workbook.create_sheet(title)
    filled = workbook.create_sheet(sheet)
    for row in rows:
        filled.append(row)
    path = folder / "f.xlsx"
    workbook.save(path)
    return path


def orders(folder: Path, **cells: Any) -> Path:
    """One good order, with some cells of any type."""
    values: dict[str, Any] = dict(zip(NAMES, order(1).split(","), strict=True)) | cells
    return book(folder, tuple(values), tuple(values.values()))


def test_a_workbook_is_read_as_the_same_csv(tmp_path: Path) -> None:
    typed = ("o1", "c1", 10.5, "EUR", dt.date(2025, 1, 31), dt.datetime(2025, 2, 10))
    texts = tuple(order(2).split(","))
    found = read(book(tmp_path, tuple(NAMES), typed, (), texts, sheet="Data", before=("Cover",)))
    assert found.rows == read(written(tmp_path, lines(order(1), order(2)))).rows
    assert found.report.dialect == "XLSX, sheet 'Data'"


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("order_id", 17, "17"),
        ("order_id", 17.0, "17"),
        ("order_id", 1900000001.0, "1900000001"),
        ("order_id", True, "true"),
        ("order_id", dt.date(2025, 1, 31), "2025-01-31"),
        ("order_id", dt.time(10, 30), "10:30:00"),
        ("order_id", "0988", "0988"),
        ("amount", 0.1 + 0.2, Decimal("0.30")),
        ("amount", 12, Decimal(12)),
        ("amount", 123456789012.55, Decimal("123456789012.55")),
        ("amount", "(7.00)", Decimal(-7)),
        ("invoice_date", dt.datetime(2025, 1, 31, 23, 30), dt.date(2025, 1, 31)),
        ("chargeback_flag", False, 0),
        ("auth_ts", dt.datetime(2025, 1, 30, 10, 0, 1), dt.datetime(2025, 1, 30, 10, 0, 1)),
    ],
)
def test_values_of_cells(tmp_path: Path, column: str, value: Any, expected: Any) -> None:
    assert read(orders(tmp_path, **{column: value})).column(column) == [expected]


def test_a_number_with_leading_zeros_in_its_format_keeps_them(tmp_path: Path) -> None:
    path = orders(tmp_path, order_id=988)
    workbook = openpyxl.load_workbook(path)
    workbook.active["A2"].number_format = "000000"
    workbook.save(path)
    assert read(path).column("order_id") == ["000988"]


def test_an_error_cell_is_rejected_by_name(tmp_path: Path) -> None:
    good = dict(zip([*NAMES, "provider"], [*order(1).split(","), ""], strict=True))
    rows = [tuple((good | {name: "#REF!", "order_id": f"o{n}"}).values()) for n, name in enumerate(good) if n]
    found = read(book(tmp_path, tuple(good), *rows, ("#DIV/0!", *rows[0][1:])))
    assert found.rows == []
    for reason, name in zip(found.reasons(), [*list(good)[1:], "order_id"], strict=True):
        assert f"{name} is an error of the spreadsheet" in reason


def test_typed_dates_are_read_whatever_form_the_texts_have(tmp_path: Path) -> None:
    rows = [("o1", "c1", 1, "EUR", dt.date(2025, 1, 31), None), ("o2", "c1", 1, "EUR", "12/01/2025", 45688)]
    path = book(tmp_path, tuple(NAMES), *rows)
    found = read(path, date_format="%m/%d/%Y", formats={"payment_date": "excel"})
    assert found.column("invoice_date") == [dt.date(2025, 1, 31), dt.date(2025, 12, 1)]
    assert found.column("payment_date") == [None, dt.date(2025, 1, 31)]


def test_a_formula_that_was_never_calculated_refuses_the_file_by_its_column(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match=r"the column 'amount' has a formula in row 2 that was never calculated"):
        read(orders(tmp_path, amount="=5+5"))
    assert read(orders(tmp_path, remark="=5+5")).report.loaded == 1


def test_sheets(tmp_path: Path) -> None:
    path = orders(tmp_path)
    workbook = openpyxl.load_workbook(path)
    workbook.create_sheet("Notes", 0).append(["Made for the meeting"])
    hidden = workbook.create_sheet("Old", 0)
    hidden.sheet_state = "hidden"
    for row in (NAMES, order(7).split(",")):
        hidden.append(row)
    workbook.save(path)
    assert read(path).column("order_id") == ["o1"]
    assert read(path, sheet="Old").column("order_id") == ["o7"]
    with pytest.raises(UsageError, match=r"sheet = 'X' in the map, expected one of f.xlsx: Old, Notes, Sheet1"):
        read(path, sheet="X")
    with pytest.raises(DataRefused, match=r"lacks order_id, .*it has Made for the meeting"):
        read(path, sheet="Notes")
    with pytest.raises(UsageError, match=r"expected no such key for file.csv"):
        read(written(tmp_path, lines(order(1))), sheet="X")


def test_titles_totals_and_wide_rows(tmp_path: Path) -> None:
    path = book(
        tmp_path, ("Example LLC",), (), tuple(NAMES), ("Current",), tuple(order(1).split(",")),
        (*order(2).split(","), "", "extra"), ("Total", None, 10.5),
    )  # fmt: skip
    found = read(path)
    assert dict(found.report.left_out_by) == {"titles": 1, "totals": 1}
    assert [(each["line"], each["reason"]) for each in found.rejects] == [
        (6, "8 values in the line, the header has 6 columns")
    ]
    assert "the last total of amount in the file is 10.50, equal to the sum of the rows above" in found.report.notes


def test_damaged_and_oversized_workbooks_are_refused(tmp_path: Path) -> None:
    whole = orders(tmp_path).read_bytes()
    with pytest.raises(DataRefused, match="damaged XLSX workbook"):
        read(written(tmp_path, whole[: len(whole) // 2], "cut.xlsx"))
    with pytest.raises(DataRefused, match="no sheet with rows; its sheets are A, Sheet1"):
        read(book(tmp_path, before=("A",)))
    bomb = io.BytesIO(whole)
    with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/zeros", bytes(100_000_000))
    limits = load.Options(limits=load.Limits(gzip_free_bytes=1_000_000))
    with (
        pytest.raises(DataRefused, match="a bomb"),
        load.parse(written(tmp_path, bomb.getvalue(), "b.xlsx"), "fx", None, options=limits),
    ):
        pass

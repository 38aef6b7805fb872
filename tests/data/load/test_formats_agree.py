"""One table written as CSV, Parquet, JSON, JSON lines and XLSX gives equal rows, cell by cell."""

from __future__ import annotations

import csv
import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from payrec.data.load.targets import TRANSACTIONS
from tests.data.load.files import read

TEXT = st.text(st.sampled_from("aé ß'\"=#,;0x😀"), min_size=1, max_size=8).map(str.strip).filter(bool)
MONEY = st.decimals(0, 10**9, places=2)
DAY = st.dates(dt.date(1995, 1, 1), dt.date(2025, 6, 1))
TIME = st.datetimes(dt.datetime(1995, 1, 1), dt.datetime(2025, 6, 1)).map(lambda time: time.replace(microsecond=0))
VALUES: dict[str, tuple[st.SearchStrategy[Any], ...]] = {  # a column has values of one of them
    "text": (TEXT, st.integers(0, 10**12)),
    "currency": (st.sampled_from(["EUR", "usd"]),),
    "amount": (MONEY,),
    "integer": (st.integers(0, 10**9 - 1),),
    "flag": (st.booleans(),),
    "day": (DAY, TIME),
    "time": (TIME,),
    "status": (st.sampled_from(["open", "Awaiting payment", "paid"]),),
}


@st.composite
def tables(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows of orders, typed; columns that are not needed may be left out."""
    size = draw(st.integers(1, 12))
    columns: dict[str, list[Any]] = {}
    for column in TRANSACTIONS.columns:
        if column.required or draw(st.booleans()):
            as_floats = (st.integers(0, 10**9).map(float),) if column.name == "customer_id" else ()
            values = draw(st.sampled_from((*VALUES[column.holds], *as_floats)))
            cell = values if column.filled else values | st.none()
            columns[column.name] = draw(st.lists(cell, min_size=size, max_size=size))
    columns["order_id"] = [f"{value}-{n}" for n, value in enumerate(columns["order_id"])]
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def as_csv(rows: list[dict[str, Any]], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(rows[0])
        out.writerows(row.values() for row in rows)


def as_json(rows: list[dict[str, Any]], path: Path) -> None:
    path.write_text(json.dumps(plain(rows)), encoding="utf-8")


def as_json_lines(rows: list[dict[str, Any]], path: Path) -> None:
    """Without the names of empty cells but in the first record, as many programs write them."""
    first, *others = plain(rows)
    filled = [{name: value for name, value in row.items() if value is not None} for row in others]
    path.write_text("\n".join(map(json.dumps, (first, *filled))))


def plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    types: dict[type, Any] = {Decimal: float, dt.date: str, dt.datetime: str}
    return [{name: types.get(type(value), lambda x: x)(value) for name, value in row.items()} for row in rows]


def as_parquet(rows: list[dict[str, Any]], path: Path) -> None:
    parquet.write_table(pa.Table.from_pylist(rows), path)


def as_workbook(rows: list[dict[str, Any]], path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(list(rows[0]))
    for number, row in enumerate(rows, 2):
        for position, value in enumerate(row.values(), 1):
            cell = sheet.cell(number, position, value)
            if isinstance(value, str):
                cell.data_type = "s"  # also behind a sign of equality
    book.save(path)


WRITERS = {"f.csv": as_csv, "f.json": as_json, "f.jsonl": as_json_lines, "f.parquet": as_parquet, "f.xlsx": as_workbook}


@settings(max_examples=12)
@given(tables())
def test_all_formats_give_equal_rows(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]) -> None:
    folder = tmp_path_factory.mktemp("formats")
    expected = None
    for name, write in WRITERS.items():
        write(rows, folder / name)
        found = read(folder / name)
        assert found.report.rejected == 0, (name, found.reasons())
        assert len(found.rows) == len(rows)
        expected = expected or found.rows
        assert found.rows == expected, name

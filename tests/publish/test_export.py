from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payrec.common import files
from payrec.common.errors import UsageError, file_errors
from payrec.common.text import plain_text, spreadsheet_column
from payrec.publish import export
from payrec.worklist import rank
from payrec.worklist.policy import Policy

STAMP = export.Stamp(datetime.fromisoformat("2026-01-31"), datetime.fromisoformat("2026-02-01T03:04:05"), "m-1", "r-1")
NASTY = [
    "=1+1",
    "+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\x00=1",
    "\n=1",
    " =1",
    "＝1",
    "a;=1",
    "fine",
    "",
    "a,b",
    'q"q',
    "ä€𝄞",
]
ANSI = "\x1b[31mred\u202etxt"


def with_text(*values: str | None) -> pa.Table:
    numbers = pa.array([Decimal("-5.00")] * len(values), pa.decimal128(18, 2))
    return pa.table({"order_id": pa.array(values, pa.string()), "amount": numbers})


def read_csv(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline="")))


def test_no_cell_of_a_csv_is_a_formula_and_numbers_stay() -> None:
    found = read_csv(export.to_bytes(with_text(*NASTY, ANSI), ".csv", STAMP))
    texts = [row["order_id"] for row in found]
    assert texts == [
        "'=1+1", "'+1", "'-1+1", "'@SUM(A1)", "' =1", "' =1", "'\ufffd=1", "' =1", "' =1", "'＝1", "a;'=1", "fine", "",
        "a,b", 'q"q', "ä€𝄞", "\ufffd[31mred\ufffdtxt",
    ]  # fmt: skip
    assert {row["amount"] for row in found} == {"-5.00"}


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1))
def test_any_text_is_harmless_in_csv_and_keeps_its_rows(values: list[str]) -> None:
    found = read_csv(export.to_bytes(with_text(*values), ".csv", STAMP))
    assert len(found) == len(values)
    for row in found:
        assert not row["order_id"].lstrip().startswith(("=", "+", "-", "@", "\t", "\r", "\x00"))
        assert plain_text(row["order_id"]) == row["order_id"]


@given(st.lists(st.text(st.characters(codec="utf-8", categories=["L", "N", "Zs"]))))
def test_ordinary_text_is_not_touched(values: list[str]) -> None:
    assert spreadsheet_column(pa.array(values, pa.string())).to_pylist() == values


def test_text_stays_text_in_xlsx(tmp_path: Path) -> None:
    path = tmp_path / "list.xlsx"
    assert export.write(with_text(*NASTY, "http://a.b", None), path, STAMP) == len(NASTY) + 2
    book = openpyxl.load_workbook(path)
    sheet = book["worklist"]
    cells = [cell for (cell,) in sheet.iter_rows(min_row=2, max_col=1)]
    assert {cell.data_type for cell in cells} <= {"s", "n", "inlineStr"}
    assert cells[0].value == "=1+1"  # the value as it is: a text cell is never worked out
    assert all(cell.hyperlink is None for cell in cells)
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == f"A1:F{len(NASTY) + 3}"
    assert (sheet["B2"].value, sheet["B2"].number_format) == (-5, "#,##0.00")
    about = {row[0].value: row[1].value for row in book["about"].iter_rows()}
    assert about == {
        "data as of (UTC)": "2026-01-31 00:00:00",
        "scored at (UTC)": "2026-02-01 03:04:05",
        "model": "m-1",
        "run": "r-1",
        "rows": str(len(NASTY) + 2),
    }


def test_numbers_of_xlsx() -> None:
    table = pa.table(
        {
            "p_recover_30d": [0.25, float("nan"), None],
            "money": pa.array([Decimal("9999999999999.99"), Decimal("10000000000000.01"), None], pa.decimal128(18, 2)),
            "at": pa.array([STAMP.as_of, None, None], pa.timestamp("us")),
        }
    )
    sheet = openpyxl.load_workbook(io.BytesIO(export.to_bytes(table, ".xlsx", STAMP)))["worklist"]
    assert [cell.value for cell in sheet["A"]] == ["p_recover_30d", 0.25, "nan", None]
    assert sheet["A2"].number_format == "0.0%"
    assert [cell.value for cell in sheet["B"]] == ["money", 9999999999999.99, "10000000000000.01", None]
    assert sheet["C2"].value == STAMP.as_of


def test_too_many_rows_for_xlsx_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "XLSX_MAX_ROWS", 2)
    with pytest.raises(UsageError, match=r"found 3 rows.*\n.*\.csv or \.parquet"):
        export.write(with_text("a", "b", "c"), tmp_path / "x.xlsx", STAMP)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".parquet"])
def test_the_same_list_is_the_same_file_and_carries_its_age(open_orders: Callable[..., pa.Table], suffix: str) -> None:
    ranked = rank.rank(open_orders({}, {"is_disputed": 1}), Policy())
    first, second = (export.to_bytes(ranked, suffix, STAMP) for _ in range(2))
    assert first == second
    if suffix == ".csv":
        row = read_csv(first)[0]
        assert (row["as_of"], row["scored_at"], row["model_id"], row["run_id"]) == (
            "2026-01-31 00:00:00", "2026-02-01 03:04:05", "m-1", "r-1",
        )  # fmt: skip
        assert list(row) == ranked.column_names
    if suffix == ".parquet":
        back = pq.read_table(io.BytesIO(first))
        assert back.schema.metadata[b"payrec.model_id"] == b"m-1"
        assert back.schema.metadata[b"payrec.as_of"] == b"2026-01-31 00:00:00"
        assert back.drop(["as_of", "scored_at", "model_id", "run_id"]) == ranked.drop(
            ["as_of", "scored_at", "model_id", "run_id"]
        )


def test_an_empty_list_is_a_file_with_a_header() -> None:
    data = export.to_bytes(rank.SCHEMA.empty_table(), ".csv", STAMP)
    assert data.decode().splitlines()[0].startswith('"run_id","as_of","order_id"')
    assert len(data.decode().splitlines()) == 1


def test_other_kinds_of_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected a name that ends in \.csv, \.xlsx, \.parquet"):
        export.write(with_text("a"), tmp_path / "list.pdf", STAMP)


def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("old")

    def break_off() -> None:
        with files.replacing(path) as sink:
            sink.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "said"),
    [("none/list.csv", "the folder .*none does not exist"), (".", r"is a folder, expected the name of a file")],
)
def test_places_that_cannot_be_written(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "f.csv").mkdir()
    path = tmp_path / "f.csv" if name == "." else tmp_path / name
    with pytest.raises(UsageError, match=said):
        export.write(with_text("a"), path, STAMP)


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this machine has no /dev/full")

    def fill() -> None:
        with file_errors(tmp_path / "list.csv"), full.open("wb") as sink:
            sink.write(b"x")
            sink.flush()
            os.fsync(sink.fileno())

    with pytest.raises(UsageError, match=r"cannot write .*list\.csv: the disk is full .*bytes free"):
        fill()

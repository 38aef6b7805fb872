"""Parquet files give the rows that the same CSV file gives."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from payrec.common.errors import DataRefused
from payrec.data import load
from payrec.data.load.parquet import text
from tests.data.load import hostile
from tests.data.load.files import lines, order, read, written

COLUMNS: dict[str, Any] = {
    "order_id": pa.array(["o1", "o2"]),
    "customer_id": pa.array(["c1", "c1"]).dictionary_encode(),
    "amount": pa.array([10.5, 10.5]),
    "currency": pa.array(["EUR", "EUR"]),
    "invoice_date": pa.array([date(2025, 1, 31)] * 2),
    "payment_date": pa.array([datetime(2025, 2, 10)] * 2, pa.timestamp("us")),
}


def made(folder: Path, name: str = "f.parquet", **changes: Any) -> Path:
    path = folder / name
    parquet.write_table(pa.table(COLUMNS | changes), path)
    return path


def test_parquet_is_read_as_the_same_csv(tmp_path: Path) -> None:
    found = read(made(tmp_path))
    assert found.rows == read(written(tmp_path, lines(order(1), order(2)))).rows
    assert found.report.dialect == "Parquet"


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (pa.array([1, None], pa.int64()), ["1", None]),
        (pa.array([3.0, 2.675, 1e-7, None]), ["3", "2.675", "0.0000001", None]),
        (pa.array([123456789012.55, float("nan"), 1e300]), ["123456789012.55", "nan", "1e+300"]),
        (pa.array([0.1], pa.float32()), ["0.1"]),
        (pa.array([Decimal("1.50")], pa.decimal128(10, 2)), ["1.50"]),
        (pa.array([True, False]), ["true", "false"]),
        (pa.array([date(2025, 1, 31)]), ["2025-01-31"]),
        (pa.array(["caf\u00e9".encode()]), ["caf\u00e9"]),
        (pa.array([b"x"], pa.large_binary()), ["x"]),
    ],
)  # fmt: skip
def test_values_as_text(values: Any, texts: list[str | None]) -> None:
    assert text(values).to_pylist() == texts


NO_TEXT = {
    "lists": pa.array([["a"], ["b"]]),
    "structures": pa.array([{"a": 1}, {"a": 2}]),
    "bytes": pa.array([b"\xff\xfe", b"x"]),
}


@pytest.mark.parametrize("values", NO_TEXT.values(), ids=NO_TEXT)
@pytest.mark.parametrize("column", ["customer_id", "country", "payment_date"])
def test_a_mapped_column_is_never_read_as_empty_for_its_type(tmp_path: Path, column: str, values: Any) -> None:
    """It is refused by its name; a column that is not read may hold anything."""
    with pytest.raises(DataRefused, match=f"the column '{column}'"):
        read(made(tmp_path, **{column: values}))
    assert read(made(tmp_path, extra=values)).report.loaded == 2


def test_times_with_and_without_zone(tmp_path: Path) -> None:
    events = pa.table(
        {
            "event_id": ["e1", "e2"], "order_id": ["o1", "o1"], "event_type": ["contact"] * 2,
            "event_ts": pa.array([datetime(2025, 7, 1, 10, tzinfo=UTC)] * 2, pa.timestamp("ns", tz="Europe/Rome")),
            "recorded_ts": pa.array([datetime(2025, 7, 1, 10, 0, 0, 5)] * 2, pa.timestamp("ns")),
        }
    )  # fmt: skip
    parquet.write_table(events, tmp_path / "e.parquet")
    found = read(tmp_path / "e.parquet", "events")
    assert found.column("event_ts") == [datetime(2025, 7, 1, 10)] * 2
    assert found.column("recorded_ts") == [datetime(2025, 7, 1, 10, 0, 0, 5)] * 2


def test_bad_values_are_rejected_by_row_number(tmp_path: Path) -> None:
    found = read(made(tmp_path, amount=pa.array([float("nan"), 1.0])))
    assert [(row["line"], row["reason"]) for row in found.rejects] == [(1, "amount is not a number")]


def test_damaged_parquet(tmp_path: Path) -> None:
    whole = made(tmp_path).read_bytes()
    for content in (whole[:200], whole[:-20], b"PAR1" + bytes(50)):
        with pytest.raises(DataRefused, match="damaged Parquet"):
            read(written(tmp_path, content, "d.parquet"))


def test_parquet_bounds(tmp_path: Path) -> None:
    wide = tmp_path / "wide.parquet"
    parquet.write_table(pa.table({f"c{n}": [1] for n in range(2001)}), wide)
    with pytest.raises(DataRefused, match="2,001 columns"):
        read(wide)
    with pytest.raises(DataRefused, match="more than 100 bytes"):
        read(made(tmp_path), options=load.Options(limits=load.Limits(plain_bytes=100)))
    empty = {name: column.slice(0, 0) for name, column in COLUMNS.items()}
    with pytest.raises(DataRefused, match="has a header and no rows"):
        read(made(tmp_path, **empty))


def test_parquet_inside_gzip(tmp_path: Path) -> None:
    import gzip

    with pytest.raises(DataRefused, match="gunzip"):
        read(written(tmp_path, gzip.compress(made(tmp_path).read_bytes()), "f.parquet.gz"))


def test_fault_37_a_long_text_that_stands_in_few_bytes_is_cut_or_refused(tmp_path: Path) -> None:
    content = hostile.parquet_file(["x" * 5_000, "c2"])
    found = read(written(tmp_path, content, "f.parquet"))
    assert found.column("customer_id") == ["c2"]
    assert found.reasons() == ["customer_id is longer than 200 characters"]
    with pytest.raises(DataRefused, match="a cell longer than 1,000 bytes"):
        read(written(tmp_path, content, "f.parquet"), options=load.Options(limits=load.Limits(line_bytes=1_000)))
    small = load.Limits(gzip_free_bytes=10_000, gzip_ratio=2)
    with pytest.raises(DataRefused, match="bytes unpacked"):
        read(written(tmp_path, hostile.parquet_file(times=5_000), "f.parquet"), options=load.Options(limits=small))


def test_fault_36_nul_in_parquet_is_taken_out_and_counted(tmp_path: Path) -> None:
    found = read(written(tmp_path, hostile.parquet_file(["a\0b", "c\0"]), "f.parquet"))
    assert found.column("customer_id") == ["ab", "c"]
    assert "2 NUL characters were taken out of the text" in found.report.notes


def test_a_number_that_is_cut_is_no_other_number(tmp_path: Path) -> None:
    found = read(written(tmp_path, lines(order(1), order(2, amount="0" * 5_000 + "7.00"), order(3))))
    assert found.column("order_id") == ["o1", "o3"]

"""Arrow in and out: one set of types, values that fit or are refused, batches of bounded size."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payrec.common.errors import DataRefused, UsageError
from payrec.common.text import sql_identifier
from payrec.data.engines import rows


@given(st.lists(st.integers(0, 40), max_size=8), st.integers(1, 15))
def test_rebatching_keeps_the_rows_and_bounds_the_batches(sizes: list[int], limit: int) -> None:
    values = iter(range(10_000))
    batches = [pa.record_batch({"n": pa.array([next(values) for _ in range(size)], pa.int64())}) for size in sizes]
    again = list(rows.rebatched(batches, limit))
    assert [v for b in again for v in b["n"].to_pylist()] == [v for b in batches for v in b["n"].to_pylist()]
    assert all(b.num_rows == limit for b in again[:-1])
    assert all(0 < b.num_rows <= limit for b in again)


def test_rebatching_refuses_batches_that_do_not_belong_together() -> None:
    with pytest.raises(DataRefused, match="different columns or types"):
        list(rows.rebatched([pa.record_batch({"a": [1]}), pa.record_batch({"b": [1]})]))


@pytest.mark.parametrize(
    ("found", "handed_out"),
    [
        (pa.large_string(), pa.string()),
        (pa.string_view(), pa.string()),
        (pa.null(), pa.string()),
        (pa.timestamp("ns"), pa.timestamp("us")),
        (pa.decimal128(18, 2), pa.decimal128(18, 2)),
        (pa.int16(), pa.int16()),
    ],
)
def test_types_handed_out(found: pa.DataType, handed_out: pa.DataType) -> None:
    assert rows.read_type("x", found) == handed_out


@pytest.mark.parametrize(
    ("found", "advice"),
    [
        (pa.decimal128(38, 0), "a sum AS BIGINT"),
        (pa.timestamp("us", "UTC"), "AS TIMESTAMP"),
        (pa.list_(pa.int32()), "one of SMALLINT"),
        (pa.int8(), "one of SMALLINT"),
    ],
)
def test_types_on_which_engines_differ_are_refused(found: pa.DataType, advice: str) -> None:
    with pytest.raises(UsageError, match=f"(?s)column total has the type .*{advice}"):
        rows.read_type("total", found)


TABLE = pa.schema(
    [
        ("id", pa.int32()),
        ("small", pa.int16()),
        ("money", pa.decimal128(18, 2)),
        ("day", pa.date32()),
        ("time", pa.timestamp("us")),
        ("word", pa.string()),
    ]
)


def fitted(**columns: object) -> list[dict[str, object]]:
    return rows.fitted(pa.record_batch(columns), "t", TABLE).to_pylist()


def test_missing_columns_become_null_and_order_is_the_tables() -> None:
    made = rows.fitted(pa.record_batch({"word": ["a"], "id": pa.array([1], pa.int64())}), "t", TABLE)
    assert made.schema == TABLE
    assert made.to_pylist() == [{"id": 1, "small": None, "money": None, "day": None, "time": None, "word": "a"}]


def test_values_that_fit_are_cast() -> None:
    (row,) = fitted(
        id=[7],
        money=[3],
        day=[dt.datetime(2024, 2, 29)],
        time=pa.array([dt.datetime(2024, 1, 1)], pa.timestamp("ns")),
        word=pa.array(["x"], pa.large_string()),
    )
    assert row == {
        "id": 7,
        "small": None,
        "money": Decimal("3.00"),
        "day": dt.date(2024, 2, 29),
        "time": dt.datetime(2024, 1, 1),
        "word": "x",
    }


def test_dictionaries_and_floats_fit() -> None:
    (row,) = fitted(money=[10.1], word=pa.array(["x"]).dictionary_encode())
    assert (row["money"], row["word"]) == (Decimal("10.10"), "x")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("small", pa.array([40_000], pa.int64())),
        ("money", pa.array([float("nan")])),
        ("money", pa.array([Decimal("1.234")])),
        ("money", pa.array([10**17], pa.int64())),
        ("day", pa.array([dt.datetime(2024, 1, 1, 12)])),
        ("time", pa.array([1], pa.timestamp("ns"))),
        ("id", pa.array(["seven"])),
    ],
)
def test_values_that_would_change_are_refused(name: str, value: pa.Array) -> None:
    with pytest.raises(DataRefused, match=f"column {name} of table t takes .* does not fit"):
        fitted(**{name: value})


def test_unknown_and_repeated_columns_are_refused() -> None:
    with pytest.raises(DataRefused, match="table t has no column other\nexpected some of: id, small"):
        fitted(id=[1], other=[2])
    with pytest.raises(DataRefused, match="a column name twice"):
        rows.fitted(pa.record_batch([pa.array([1]), pa.array([2])], names=["id", "id"]), "t", TABLE)


def test_names_are_quoted_whole() -> None:
    assert sql_identifier('a"; DROP TABLE x; --') == '"a""; DROP TABLE x; --"'
    with pytest.raises(UsageError, match="NUL"):
        sql_identifier("a\0b")
    with pytest.raises(UsageError, match="empty"):
        sql_identifier("")


def test_definition_covers_every_type() -> None:
    assert rows.definition(TABLE, ' COLLATE "C"') == (
        '"id" INTEGER, "small" SMALLINT, "money" DECIMAL(18, 2), "day" DATE, "time" TIMESTAMP, '
        '"word" VARCHAR COLLATE "C"'
    )

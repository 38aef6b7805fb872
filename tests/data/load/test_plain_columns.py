"""Plain columns are typed by Arrow: the same rows, rejects and account as by SQL alone."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payrec.data.load import encoding, plain_columns, staging
from payrec.data.load.targets import TARGETS, Column, Kind
from tests.data.load.files import EVENTS_HEADER, HEADER, NOW, Read, lines, order, read, written

KINDS: tuple[Kind, ...] = ("transactions", "events")
COLUMNS = {column.name: column for kind in KINDS for column in TARGETS[kind].columns}
SEEDS = {
    "amount": ("12.50", "-7", "+3", ".5", "5.", "1.234", "1234567890123.99", "00012.5", "-.5", "1e5", "0x10", "-0.00"),
    "invoice_date": ("2025-01-31", "1990-01-01", "1989-12-31", "2024-02-29", "2025-02-29", "2028-01-02", "20250131"),
    "auth_ts": (
        "2025-01-31 10:20:30", "2025-01-31T10:20:30.5", "2025-01-31 10:20:30.123456", "2025-01-31 10:20:30Z",
        "2025-01-31 24:00:00", "2025-01-31 23:59:60", "2025-01-31 10:20", "2026-01-02 00:00:01", "2025-01-31T102030.25",
    ),
    "retries": ("0", "12", "007", "+1", "1.0", "-1", "0x10", "1234567890"),
    "chargeback_flag": ("0", "1", "yes", "01"),
    "currency": ("EUR", "usd", "EURO"),
    "status": ("open", "Paid", "settled"),
    "event_type": ("payment", "Write off", "refund"),
    "country": ("x" * 200, "x" * 201, "é" * 150),
}  # fmt: skip
SIGNS = "09.-+eT Z,é"


def mutated(text: str) -> set[str]:
    """The text with one sign replaced, put in, taken out."""
    at = range(len(text) if len(text) < 50 else 1)
    swapped = {text[:i] + sign + text[i + cut :] for i in at for sign in SIGNS for cut in (0, 1)}
    return {each.strip() for each in (text, *swapped, *(text[:i] + text[i + 1 :] for i in at))} - {""}


def typed(values: list[str], column: Column) -> Any:
    return plain_columns.typed(pa.chunked_array([pa.array(values, pa.string())]), column, NOW)


def quoted(text: str) -> str:
    return f'"{text}"'


@pytest.mark.parametrize("name", SEEDS)
def test_what_is_plain_sql_reads_to_the_same_value_and_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    column = COLUMNS[name]
    values = sorted({each for seed in SEEDS[name] for each in mutated(seed)})
    plain = [value for value in values if typed([value], column) is not None]
    assert SEEDS[name][0] in plain
    assert len(plain) < len(values)
    monkeypatch.setattr(plain_columns, "candidates", lambda plan: {})
    if name == "event_type":
        rows = [f"e{i},o{i},2025-01-31 10:00:00,{quoted(value)},5" for i, value in enumerate(plain)]
        found = read(written(tmp_path, lines(*rows, header=EVENTS_HEADER)), "events")
    else:
        header = HEADER.split(",") + ([] if name in HEADER.split(",") else [name])
        cells = [dict(zip(header, order(i).split(","), strict=False)) | {name: quoted(v)} for i, v in enumerate(plain)]
        found = read(written(tmp_path, lines(*(",".join(each.values()) for each in cells), header=",".join(header))))
    assert found.rejects == []
    assert found.column(name) == typed(plain, column).to_pylist()
    kept = ("below 0", "amount of 0", "before their invoice_date", "in the future", "count from")
    midnight = "midnight as written"
    assert [note for note in found.report.notes if not any(each in note for each in (*kept, midnight))] == []


CELLS = {
    "order_id": ["o1", "o1", "o2", "o3", "4.0", "5", ""],
    "customer_id": ["c1", "12.0", ""],
    "amount": ["10.50", "10.5", "7", "1e3", "(7.00)", ""],
    "currency": ["EUR", "eur", "€"],
    "invoice_date": ["2025-01-31", "2025-01-31", "31/01/2025", "2019-01-01 10:00:00", "1950-01-01"],
    "payment_date": ["", "2025-02-10", "2025-02-10 10:00"],
    "auth_ts": ["2025-01-31 00:00:00", "2025-01-31 10:20:30", "2025-01-31", ""],
    "status": ["", "paid", "Paid", "odd"],
    "note": ["", "a", "b"],
}
ROWS = st.lists(st.tuples(*(st.sampled_from(values) for values in CELLS.values())).map(",".join), max_size=9)


def without_path(found: Read) -> tuple[Any, ...]:
    return found.report, found.rows, found.rejects


@settings(deadline=None, max_examples=12)
@given(rows=ROWS, goods=st.integers(0, 5), at=st.sampled_from([10, 120, 4_000_000]), total=st.booleans())
def test_with_and_without_plain_columns_a_file_gives_the_same(
    tmp_path_factory: pytest.TempPathFactory, rows: list[str], goods: int, at: int, total: bool
) -> None:
    """A column that ceases to be plain late is read again; what does not fit into memory goes into a table."""
    good = [f"g{i},c{i},{i}.25,EUR,2025-01-31,2025-02-10,2025-01-31 10:00:0{i},paid,n" for i in range(goods)]
    text = lines(*good, *rows, *(["Total,,9.00,,,,,,"] if total else []), header=",".join(CELLS))
    path = written(tmp_path_factory.mktemp("f"), text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "BLOCK_BYTES", at)
        patch.setattr(staging, "HELD_BYTES", at * 10)
        with_plain = outcome(path)
        patch.setattr(plain_columns, "candidates", lambda plan: {})
        assert outcome(path) == with_plain


def outcome(path: Path) -> tuple[Any, ...] | str:
    try:
        return without_path(read(path))
    except Exception as error:
        return repr(error)


def test_the_present_bounds_what_is_plain() -> None:
    column = COLUMNS["payment_date"]
    days = pa.chunked_array([pa.array(["2026-01-02"], pa.string())])
    assert plain_columns.typed(days, column, NOW) is not None
    assert plain_columns.typed(days, column, datetime(2025, 12, 31)) is None

"""Erased customers that stay out of loads: their rows are left out and counted, in whatever order files come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payrec.common.errors import UsageError
from payrec.data import load
from payrec.data.engines import Engine
from payrec.data.load import kept_out
from tests.data.load.files import EVENTS_HEADER, NOW, lines, order, written

KEY = load.Options(privacy_key="a key of ours")
EVENTS = "e1,o1,2025-01-31,payment,5\ne2,o2,2025-01-31,payment,5\ne3,o9,2025-01-31,payment,5\n"


def ids(engine: Engine, table: str) -> list[Any]:
    column = "order_id" if table == "raw_transactions" else "event_id"
    return engine.read(f"SELECT {column} AS id FROM {table} ORDER BY {column}")["id"].to_pylist()


def test_rows_of_a_kept_out_customer_are_left_out_and_counted(engine: Engine, tmp_path: Path) -> None:
    orders = written(tmp_path, lines(order(1, customer_id="gone"), order(2, customer_id="other")), "orders.csv")
    events = written(tmp_path, lines(*EVENTS.splitlines(), header=EVENTS_HEADER), "events.csv")
    kept_out.add(engine, "gone", ["o9"], KEY.privacy_key)
    accounts = [
        load.load_file("events", engine, events, now=NOW, options=KEY),  # o1 is not known to be theirs yet
        load.load_file("transactions", engine, orders, now=NOW, options=KEY),
        load.load_file("events", engine, events, now=NOW, options=KEY),
    ]
    assert [(one.loaded, one.left_out, one.kept_out) for one in accounts] == [(2, 1, 1), (1, 1, 1), (1, 2, 2)]
    assert (ids(engine, "raw_transactions"), ids(engine, "raw_events")) == (["o2"], ["e2"])
    assert "1 of erased customers left out" in accounts[1].lines()[0]
    stored = str(engine.read(f"SELECT * FROM {kept_out.TABLE}").to_pylist())
    assert not any(name in stored for name in ("gone", "o1", "o9", "a key of ours"))
    kept_out.lift(engine, "gone", KEY.privacy_key)
    assert load.load_file("transactions", engine, orders, now=NOW, options=KEY).kept_out == 0
    assert load.load_file("events", engine, events, now=NOW).kept_out == 0
    assert (ids(engine, "raw_transactions"), ids(engine, "raw_events")) == (["o1", "o2"], ["e1", "e2", "e3"])


def test_a_complete_file_closes_no_order_for_them(duckdb_memory: Engine, tmp_path: Path) -> None:
    both = lines(order(1, customer_id="gone", payment_date=""), order(2, payment_date=""))
    kept_out.add(duckdb_memory, "gone", (), KEY.privacy_key)
    complete = load.Options(complete=True, privacy_key=KEY.privacy_key)
    report = load.load_file("transactions", duckdb_memory, written(tmp_path, both), now=NOW, options=complete)
    assert (report.loaded, report.kept_out, ids(duckdb_memory, "raw_transactions")) == (1, 1, ["o2"])


@pytest.mark.parametrize("key", [None, "", "another key"])
def test_without_the_key_nothing_loads(duckdb_memory: Engine, tmp_path: Path, key: str | None) -> None:
    path = written(tmp_path, lines(order(1)))
    kept_out.add(duckdb_memory, "gone", (), KEY.privacy_key)
    for refused in (
        lambda: load.load_file("transactions", duckdb_memory, path, now=NOW, options=load.Options(privacy_key=key)),
        lambda: kept_out.add(duckdb_memory, "more", (), key),
        lambda: kept_out.lift(duckdb_memory, "gone", key),
    ):
        with pytest.raises(UsageError, match="PAYREC_PRIVACY_KEY"):
            refused()
    assert ids(duckdb_memory, "raw_transactions") == []
    assert kept_out.is_kept_out(duckdb_memory, "gone", None) is None
    assert kept_out.is_kept_out(duckdb_memory, "gone", KEY.privacy_key) is True


KEYS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@given(st.text(), st.text(), KEYS, KEYS)
@settings(max_examples=200)
def test_hashes_tell_ids_columns_and_keys_apart(one: str, other: str, key: str, other_key: str) -> None:
    hashes = {
        (name, column, of): kept_out.hashed(name, column, of)
        for name in (one, other) for column in (kept_out.PERSON, kept_out.ORDER) for of in (key, other_key)
    }  # fmt: skip
    assert len(set(hashes.values())) == len(hashes)

"""Migrations: once, in order, all or nothing; a newer or changed schema is refused politely."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from payrec.common.errors import PayrecError, UsageError
from payrec.data import layers, migrations
from payrec.data.engines import Engine
from payrec.data.migrations import RAW_LEDGER, Migration

FIRST = Migration(1, "01_first.sql", "ALTER TABLE raw_events ADD COLUMN IF NOT EXISTS teller VARCHAR(200)")
SECOND = Migration(2, "02_second.sql", "CREATE TABLE second (x INTEGER); INSERT INTO second VALUES (1)")


def events(engine: Engine) -> None:
    rows = pa.table({"event_id": ["e"], "order_id": ["o"], "event_type": ["payment"]}).append_column(
        "event_ts", pa.array([0], pa.timestamp("us"))
    )
    engine.write("raw_events", rows, ("event_id",))


def test_each_is_applied_once_and_keeps_the_rows(engine: Engine) -> None:
    events(engine)
    assert migrations.apply(engine, (FIRST,)) == ["01_first.sql"]
    assert migrations.apply(engine, (FIRST, SECOND)) == ["02_second.sql"]
    assert migrations.apply(engine, (FIRST, SECOND)) == []
    assert engine.read("SELECT event_id, teller FROM raw_events").to_pylist() == [{"event_id": "e", "teller": None}]
    assert engine.read("SELECT x FROM second").num_rows == 1
    told = engine.read(f"SELECT number, name, sha256 FROM {RAW_LEDGER} ORDER BY number").to_pylist()
    assert told == [{"number": one.number, "name": one.name, "sha256": one.sha256} for one in (FIRST, SECOND)]


def test_none_to_apply_makes_no_ledger(engine: Engine) -> None:
    assert migrations.apply(engine, ()) == []
    assert RAW_LEDGER not in engine.tables()


def test_one_that_fails_leaves_nothing_behind(engine: Engine) -> None:
    wrong = Migration(3, "03_wrong.sql", "DROP TABLE raw_events; INSERT INTO nowhere VALUES (1)")
    events(engine)
    with pytest.raises(PayrecError, match="nowhere"):
        migrations.apply(engine, (FIRST, SECOND, wrong))
    assert not {RAW_LEDGER, "second"} & engine.tables()
    assert "teller" not in engine.read("SELECT * FROM raw_events").schema.names
    assert migrations.apply(engine, (FIRST, SECOND)) == ["01_first.sql", "02_second.sql"]


def test_an_older_program_refuses_a_newer_schema(engine: Engine) -> None:
    migrations.apply(engine, (FIRST, SECOND))
    with pytest.raises(
        UsageError, match=r"tables as of 02_second.sql, .* does not know\nit was made by a newer version"
    ):
        migrations.apply(engine, (FIRST,))


def test_a_file_that_was_changed_is_refused(engine: Engine) -> None:
    migrations.apply(engine, (FIRST, SECOND))
    with pytest.raises(UsageError, match=r"02_second.sql was applied .* with another content"):
        migrations.apply(engine, (FIRST, replace(SECOND, sql=SECOND.sql + " ")))


def test_two_ledgers_are_apart(engine: Engine) -> None:
    migrations.apply(engine, (FIRST,))
    assert migrations.apply(engine, (SECOND,), "another_ledger") == ["02_second.sql"]
    assert migrations.apply(engine, (FIRST,)) == []


def test_files_are_found_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("10_c.sql", "02_b.postgres.sql", "01_a.sql", "README.md", "03_d.duckdb.sql"):
        (tmp_path / name).write_text("SELECT 1")
    assert [one.name for one in migrations.migrations_in(tmp_path)] == ["01_a.sql", "10_c.sql"]
    assert [one.number for one in migrations.migrations_in(tmp_path, "postgres")] == [1, 2, 10]
    (tmp_path / "001_twice.sql").write_text("SELECT 2")
    with pytest.raises(UsageError, match=r"two migrations with one number: .*01_a.sql"):
        migrations.migrations_in(tmp_path)


def test_preparing_applies_them_and_may_be_done_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    known = (FIRST,)
    monkeypatch.setattr(migrations, "migrations_in", lambda *_: known)
    for _ in range(2):
        layers.prepare(engine)
    assert "teller" in engine.read("SELECT * FROM raw_events").schema.names
    known = ()
    with pytest.raises(UsageError, match="newer version"):
        layers.prepare(engine)

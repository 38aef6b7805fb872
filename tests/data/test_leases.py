"""Readers and builders of the layers on PostgreSQL do not meet: shared and exclusive leases, private builds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from payrec.common.errors import Locked
from payrec.data import layers, leases
from payrec.data.engines import Engine, connect
from payrec.data.engines.postgres import LAYERS_KEY
from payrec.data.reading import reading
from payrec.simulate import simulator

PORTFOLIO = simulator.portfolio(300, 3)
AS_OF = datetime.combine(simulator.DEFAULT_END, time()) - timedelta(days=3)
NOW, EARLIER = layers.Parameters((AS_OF,), ()), layers.Parameters((AS_OF - timedelta(days=30),), ())


@pytest.fixture
def two(postgres_url: str) -> Iterator[tuple[Engine, Engine]]:
    """Two processes' engines on one database with raw rows."""
    with connect(postgres_url) as first, connect(postgres_url) as second:
        layers.prepare(first)
        with first.transaction():
            first.write("raw_transactions", PORTFOLIO.transactions, key=("order_id",))
            first.write("raw_events", PORTFOLIO.events, key=("event_id",))
            first.write("payment_source", pa.table({"source": ["events"]}), key=("source",))
        yield first, second


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "WAIT_S", 0.2)


def view(engine: Engine) -> pa.Table:
    return engine.read(f"SELECT * FROM {layers.VIEW} ORDER BY order_id, as_of")


def test_a_reader_keeps_builders_and_loaders_away(two: tuple[Engine, Engine]) -> None:
    reader, other = two
    with reading(reader, NOW):
        before = view(reader)
        with pytest.raises(Locked, match="another command is reading or rebuilding the layers"):
            layers.build(other, EARLIER)
        with pytest.raises(Locked):
            layers.change(other, lambda: other.run("DELETE FROM raw_events"))
        assert view(reader) == before
    layers.build(other, EARLIER)
    assert layers.scoring_times(reader) == EARLIER.as_of


def test_a_second_reader_shares_the_finished_build(two: tuple[Engine, Engine]) -> None:
    first, second = two
    with reading(first, NOW):
        number = layers.build_number(first)
        with reading(second, NOW):
            assert layers.build_number(second) == number
            assert view(second) == view(first)


def test_a_reader_that_asks_for_another_day_builds_its_own(two: tuple[Engine, Engine]) -> None:
    night, reader = two
    with reading(night, NOW):
        before, number = view(night), layers.build_number(night)
        with reading(reader, EARLIER):
            private = view(reader)
            assert layers.scoring_times(reader) == EARLIER.as_of
            assert view(night) == before
        assert layers.scoring_times(reader) == NOW.as_of
        assert (view(night), layers.build_number(night)) == (before, number)
    layers.build(night, EARLIER)
    assert view(night) == private
    assert private.num_rows > 0


def test_a_private_build_leaves_nothing_and_declares_nothing(two: tuple[Engine, Engine]) -> None:
    night, reader = two
    declared = layers.Parameters((AS_OF,), (), observed_until=AS_OF + timedelta(days=1))
    with reading(night, NOW):
        tables, until = night.tables(), layers.observed_until(night)
        with reading(reader, declared):
            assert layers.observed_until(reader) == declared.observed_until
        assert reader.tables() == tables
        assert layers.observed_until(reader) == until
        left = reader.read("SELECT COUNT(*) AS n FROM pg_class WHERE relpersistence = 't'")
    assert left["n"].to_pylist() == [0]


def test_what_is_published_never_comes_from_a_private_build(two: tuple[Engine, Engine]) -> None:
    reader, night = two
    with reading(reader, EARLIER), pytest.raises(Locked), reading(night, NOW, shared=True):
        pass
    with reading(night, NOW, shared=True):
        assert layers.scoring_times(reader) == NOW.as_of


def test_a_server_that_ends_idle_connections_does_not_end_a_lease(
    two: tuple[Engine, Engine], postgres_url: str
) -> None:
    reader, other = two
    name = reader.read("SELECT CAST(current_database() AS VARCHAR) AS d")["d"][0].as_py()
    other.run(f"ALTER DATABASE \"{name}\" SET idle_session_timeout = '100ms'")
    with connect(postgres_url) as late, reading(late, NOW):
        late.read("SELECT CAST(pg_sleep(0.5) AS VARCHAR) AS s")  # the lease's own connection is idle meanwhile
        with other.lease(exclusive=True, wait_s=0.0) as free:
            assert not free


def test_fault_77_who_lost_the_lease_changes_nothing(two: tuple[Engine, Engine]) -> None:
    builder, other = two
    layers.build(builder, NOW)
    number, rows = layers.build_number(other), layers.count(other, "raw_transactions")
    key = f"classid = {LAYERS_KEY >> 32} AND objid = {LAYERS_KEY & 0xFFFFFFFF} AND mode = 'ExclusiveLock'"
    held = f"SELECT COUNT(pg_terminate_backend(pid, 5000)) AS n FROM pg_locks WHERE locktype = 'advisory' AND {key}"

    def lose(_: str = "") -> None:
        other.read(held)

    with pytest.raises(Locked, match="nothing was changed"):
        layers.build(builder, EARLIER, lose)
    with pytest.raises(Locked, match="nothing was changed"):
        layers.change(builder, lambda: (builder.run("DELETE FROM raw_transactions"), lose()))
    assert (layers.build_number(other), layers.count(other, "raw_transactions")) == (number, rows)
    layers.build(builder, EARLIER)
    assert layers.build_number(other) == number + 1


def test_an_embedded_database_is_always_free(tmp_path: Path) -> None:
    with connect(f"duckdb:///{tmp_path / 'one.duckdb'}") as engine:
        with reading(engine, NOW):
            assert layers.build_number(engine) == 1
        layers.build(engine, EARLIER)
        assert layers.build_number(engine) == 2

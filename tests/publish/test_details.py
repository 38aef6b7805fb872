"""What a run publishes beside its list: nothing later than the list, and gone when the run is old."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from payrec.data import layers, snapshots
from payrec.data.engines import Engine, connect
from payrec.data.load import load_file
from payrec.publish import details, folder_files

AS_OF = datetime(2026, 3, 1)
DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    engine = connect("duckdb://")
    layers.prepare(engine)
    load_file("transactions", engine, DATA / "sample_transactions.csv")
    load_file("events", engine, DATA / "sample_events.csv")
    layers.build(engine, layers.Parameters((AS_OF,), ()))
    return engine


def read(engine: Engine, name: str) -> pa.Table:
    return pa.Table.from_batches(list(details.details_of(engine, AS_OF)[name]()))


def test_no_detail_knows_what_came_later(built: Engine) -> None:
    assert max(read(built, "events")["known_at"].to_pylist()) <= AS_OF
    ended = [at for at in read(built, "examples")["recovered_at"].to_pylist() if at is not None]
    assert ended
    assert max(ended) <= AS_OF
    assert max(read(built, "months")["billing_month"].to_pylist()) <= AS_OF


def test_months_count_every_order_once(built: Engine) -> None:
    months = read(built, "months").to_pylist()
    known = built.read(
        f"SELECT COUNT(*) AS n FROM stg_orders WHERE known_at <= TIMESTAMP '{AS_OF}' AND amount_minor > 0"
    )
    assert sum(row["orders"] for row in months) == known["n"][0].as_py()
    for row in months:
        assert 0 <= row["recovered_orders"] <= row["decided_orders"] <= row["failed_orders"] <= row["orders"]
        assert 0 <= row["recovered_minor"] <= row["decided_minor"] <= row["failed_minor"]


def test_features_are_the_rows_that_are_scored(built: Engine) -> None:
    assert read(built, "features").equals(built.read(snapshots.scoring_select(AS_OF)))


def test_details_without_rows_make_no_file(tmp_path: Path) -> None:
    folder_files.write_batches(tmp_path / "x.parquet", iter(()))
    assert not (tmp_path / "x.parquet").exists()
    batch = pa.RecordBatch.from_pydict({"a": [1, 2]})
    folder_files.write_batches(tmp_path / "x.parquet", iter((batch, batch)))
    assert pyarrow.parquet.read_table(tmp_path / "x.parquet")["a"].to_pylist() == [1, 2, 1, 2]

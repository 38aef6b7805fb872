"""Made portfolios, loaded and built, kept in out/bench: the same for every measurement, and made once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from payrec.data import layers
from payrec.data.engines import Engine, connect
from payrec.simulate import simulator
from payrec.simulate.customer_behaviour import USUAL, Behaviour

FOLDER = Path("out/bench")
SEED = 1
NOW = datetime(2026, 7, 1)  # of every command that is measured: after all that the made files tell
# of the orders whose first charge failed, about half are still open when the data end
ALL_FAILED, MANY_OPEN, AS_USUAL = 1.0, 0.9, USUAL.failed_share
RAW = (("raw_transactions", "transactions"), ("raw_events", "events"), ("fx_rates", "fx"))
BUILD_AGES = (0, 3, 7, 14)
PART = 1_000_000  # a larger portfolio is drawn in parts of this size, each of customers of its own
IDS = ("order_id", "customer_id", "event_id")
TABLES = ("truth", "transactions", "events", "fx")  # the rates are the same in every part


@dataclass(frozen=True)
class Portfolio:
    """A made portfolio by its size and the share of orders whose first charge fails."""

    orders: int
    failed_share: float

    @property
    def folder(self) -> Path:
        return FOLDER / f"{self.orders}-{self.failed_share:g}"

    @property
    def loaded(self) -> Path:
        return self.folder / "loaded.duckdb"

    @property
    def features(self) -> Path:
        return self.file("features")

    def file(self, name: str) -> Path:
        return self.folder / f"{name}.parquet"

    def table(self, name: str) -> pa.Table:
        return parquet.read_table(self.file(name))

    def batches(self, name: str) -> Iterator[pa.RecordBatch]:
        with parquet.ParquetFile(self.file(name)) as file:
            yield from file.iter_batches(100_000)


def generated(portfolio: Portfolio) -> Path:
    """Simulate into Parquet files, unless they are there."""
    if not portfolio.file("truth").exists():
        portfolio.folder.mkdir(parents=True, exist_ok=True)
        sizes = [PART] * (portfolio.orders // PART) or [portfolio.orders]
        writers: dict[str, parquet.ParquetWriter] = {}
        with ExitStack() as stack:
            for part, orders in enumerate(sizes):
                drawn = simulator.portfolio(
                    orders, SEED + part, behaviour=Behaviour(failed_share=portfolio.failed_share)
                )
                for name in TABLES[: None if part == 0 else -1]:
                    rows = _own_ids(getattr(drawn, name), part)
                    if name not in writers:
                        aside = portfolio.file(name).with_suffix(".part")
                        writers[name] = stack.enter_context(parquet.ParquetWriter(aside, rows.schema))
                    writers[name].write_table(rows)
        for name in reversed(TABLES):  # the truth last: it says that all are there
            portfolio.file(name).with_suffix(".part").replace(portfolio.file(name))
    return portfolio.folder


def _own_ids(rows: pa.Table, part: int) -> pa.Table:
    """Put the number of a part before all ids, those of the first part left as they are."""
    for name in IDS if part else ():
        if name in rows.column_names:
            ids = pc.binary_join_element_wise(pa.scalar(f"{part:02d}"), rows[name], "")
            rows = rows.set_column(rows.column_names.index(name), name, ids)
    return rows


def load_into(engine: Engine, portfolio: Portfolio, *, customers: int | None = None) -> None:
    """Put the raw tables into an engine; ``customers``: as if so many customers had made all orders."""
    layers.prepare(engine)
    for table, name in RAW:
        batches = portfolio.batches(name)
        engine.write(table, map(partial(_of_few, customers=customers), batches) if customers else batches, key=())
    engine.write("payment_source", pa.table({"source": ["events"]}), key=())
    engine.write("reporting_currency", pa.table({"currency": [simulator.REPORTING_CURRENCY]}), key=())


def _of_few(rows: pa.RecordBatch, customers: int) -> pa.RecordBatch:
    if "customer_id" not in rows.schema.names:
        return rows
    ids = pa.array([f"c{row % customers}" for row in range(rows.num_rows)], rows.schema.field("customer_id").type)
    return rows.set_column(rows.schema.get_field_index("customer_id"), rows.schema.field("customer_id"), ids)


def loaded(portfolio: Portfolio) -> Path:
    """Load into a DuckDB file, unless it is there."""
    if not portfolio.loaded.exists():
        generated(portfolio)
        aside = portfolio.loaded.with_suffix(".part")
        aside.unlink(missing_ok=True)
        with connect(f"duckdb:///{aside}") as engine:
            load_into(engine, portfolio)
        aside.replace(portfolio.loaded)
    return portfolio.loaded


def copy_of(portfolio: Portfolio, name: str) -> Path:
    """Return a copy of the loaded file, to be built in."""
    path = portfolio.folder / name
    shutil.copyfile(loaded(portfolio), path)
    return path


def features(portfolio: Portfolio) -> Path:
    """Build with all landmark ages, and keep the feature view as Parquet, unless it is there."""
    return _view(portfolio, portfolio.features, layers.Parameters())


def open_orders(portfolio: Portfolio) -> Path:
    """Build for the end of the data alone, and keep the feature view of the open orders as Parquet."""
    return _view(portfolio, portfolio.file("open"), layers.Parameters(None, ()))


def _view(portfolio: Portfolio, kept: Path, parameters: layers.Parameters) -> Path:
    if not kept.exists():
        path, aside = copy_of(portfolio, f"{kept.stem}.duckdb"), kept.with_suffix(".part")
        with connect(f"duckdb:///{path}") as engine:
            layers.build(engine, parameters)
            batches = engine.read_batches(f"SELECT * FROM {layers.VIEW} ORDER BY as_of, order_id")
            first = next(iter(batches))
            with parquet.ParquetWriter(aside, first.schema) as writer:
                writer.write_batch(first)
                for batch in batches:
                    writer.write_batch(batch)
        path.unlink()
        aside.replace(kept)
    return kept

"""Made portfolios, loaded and built, kept in out/bench: the same for every measurement, and made once."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from payrec.data import simulate, warehouse
from payrec.data.engines import Engine, connect

FOLDER = Path("out/bench")
SEED = 1
# of the orders whose first charge failed, about half are still open when the data end
ALL_FAILED, MANY_OPEN, AS_USUAL = 1.0, 0.9, simulate.FAILED_SHARE
RAW = (("raw_transactions", "transactions"), ("raw_events", "events"), ("fx_rates", "fx"))
BUILD_AGES = (0, 3, 7, 14)


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
        return self.folder / "features.parquet"

    def table(self, name: str) -> pa.Table:
        return parquet.read_table(self.folder / f"{name}.parquet")


def made(portfolio: Portfolio) -> Path:
    """Simulate into Parquet files, unless they are there."""
    if not (portfolio.folder / "truth.parquet").exists():
        portfolio.folder.mkdir(parents=True, exist_ok=True)
        drawn = simulate.portfolio(portfolio.orders, SEED, failed_share=portfolio.failed_share)
        for name in ("transactions", "events", "fx", "truth"):  # the truth last: it says that all are there
            parquet.write_table(getattr(drawn, name), portfolio.folder / f"{name}.parquet")
    return portfolio.folder


def load_into(engine: Engine, portfolio: Portfolio) -> None:
    """Put the raw tables into an engine."""
    warehouse.prepare(engine)
    for table, name in RAW:
        engine.write(table, portfolio.table(name), key=())
    engine.write("payment_source", pa.table({"source": ["events"]}), key=())
    engine.write("reporting_currency", pa.table({"currency": [simulate.REPORTING_CURRENCY]}), key=())


def loaded(portfolio: Portfolio) -> Path:
    """Load into a DuckDB file, unless it is there."""
    if not portfolio.loaded.exists():
        made(portfolio)
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
    if not portfolio.features.exists():
        path = copy_of(portfolio, "features.duckdb")
        aside = portfolio.features.with_suffix(".part")
        with connect(f"duckdb:///{path}") as engine:
            warehouse.build(engine, warehouse.Parameters())
            batches = engine.read_batches(f"SELECT * FROM {warehouse.VIEW} ORDER BY as_of, order_id")
            first = next(iter(batches))
            with parquet.ParquetWriter(aside, first.schema) as writer:
                writer.write_batch(first)
                for batch in batches:
                    writer.write_batch(batch)
        path.unlink()
        aside.replace(portfolio.features)
    return portfolio.features

"""One small made portfolio whose facts arrive day by day, and a model that was trained before the first night."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from payrec.commands.run import RunConfig, execute
from payrec.commands.run_report import RunReport
from payrec.commands.train import train
from payrec.data import layers
from payrec.data.engines import Engine, connect, keeps_lists
from payrec.model.store import versions
from payrec.publish import lock
from payrec.simulate import simulator
from payrec.worklist.policy import Policy

FIRST_NIGHT = datetime.fromisoformat("2026-05-20")
DAY = timedelta(days=1)
ORDERS = 3_000


@pytest.fixture(scope="session")
def portfolio() -> simulator.Portfolio:
    """Three thousand orders of two years, up to 2026-06-30."""
    return simulator.portfolio(ORDERS, 1)


def arrive(engine: Engine, made: simulator.Portfolio, until: datetime) -> None:
    """Write what is known at ``until`` into the raw tables, as a load of that day would have."""
    layers.prepare(engine)
    orders = made.transactions
    orders = orders.filter(pc.less(orders["invoice_date"], pa.scalar(until.date())))
    known = np.flatnonzero(made.events["recorded_ts"].fill_null(made.events["event_ts"][0]).to_numpy() <= _us(until))
    events = made.events.take(pa.array(known))
    events = events.filter(pc.less_equal(events["event_ts"], pa.scalar(until, pa.timestamp("us"))))
    with engine.transaction():
        engine.write("raw_transactions", orders, key=("order_id",))
        engine.write("raw_events", events, key=("event_id",))
        engine.write("fx_rates", made.fx, key=("currency", "rate_date"))
        engine.write("payment_source", pa.table({"source": ["events"]}), key=("source",))
        engine.write("reporting_currency", pa.table({"currency": ["EUR"]}), key=("currency",))


def _us(moment: datetime) -> np.datetime64:
    return np.datetime64(moment, "us")


@pytest.fixture(scope="session")
def models(portfolio: simulator.Portfolio, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a store whose champion has learnt from what was known at the first night. Nobody may change it."""
    folder = tmp_path_factory.mktemp("models")
    with connect("duckdb://") as engine:
        arrive(engine, portfolio, FIRST_NIGHT)
        trained = train(engine, folder, "original", now=FIRST_NIGHT, max_rows=100_000)
        versions.promote(folder, trained.model_id)
    return folder


def quiet(_: str) -> None:
    """Say nothing of the progress."""


@dataclass(frozen=True)
class Site:
    """One installation: a database, its folders, and the portfolio that arrives in it."""

    url: str
    folder: Path
    models: Path
    made: simulator.Portfolio

    @property
    def published(self) -> Path | None:
        """Where lists are published, None: in the database."""
        return None if keeps_lists(self.url) else self.folder / "published"

    def open(self) -> Engine:
        """Open the database."""
        return connect(self.url)

    def arrive(self, until: datetime) -> None:
        """Let everything known at ``until`` arrive."""
        with self.open() as engine:
            arrive(engine, self.made, until)

    def how(self, as_of: datetime | None = None, **more: Any) -> RunConfig:
        """Return what a run is told, some hours after ``as_of``."""
        now = (as_of or FIRST_NIGHT) + timedelta(hours=3)
        told: dict[str, Any] = {
            "as_of": as_of,
            "models": self.models,
            "policy": Policy(capacity={"total": 50}),
            "published": self.published,
            "holder": lock.Holder(1, "here", now),
            "database_url": self.url,
            "lock_folder": self.folder,
            "now": now,
        }
        return RunConfig(**told | more)

    def night(self, as_of: datetime | None = None, **more: Any) -> RunReport:
        """Run one night."""
        return execute(self.how(as_of, **more), quiet)

    def environment(self) -> dict[str, str]:
        """Return the settings that point the command line here."""
        return {
            "PAYREC_DATABASE": self.url,
            "PAYREC_OUT_DIR": str(self.folder),
            "PAYREC_PUBLISHED_DIR": str(self.folder / "published"),
            "PAYREC_MODELS_DIR": str(self.models),
        }


@pytest.fixture
def site(engine_url: str, tmp_path: Path, models: Path, portfolio: simulator.Portfolio) -> Site:
    """An installation on each engine, with what was known at the first night."""
    made = Site(engine_url, tmp_path, models, portfolio)
    made.arrive(FIRST_NIGHT)
    return made


@pytest.fixture
def payrec(site: Site, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Give the command line in this process, on the site, hours after the first night; it returns the exit code."""
    from payrec import cli

    for name, value in site.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("payrec.cli.options.now", lambda: FIRST_NIGHT + timedelta(hours=3))

    def command(*arguments: str) -> int:
        with pytest.raises(SystemExit) as ended:
            cli.main(list(arguments))
        return int(ended.value.code or 0)

    return command

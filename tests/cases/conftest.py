"""The way of the cases: files are loaded, checked and scored by the public functions, each in a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

import payrec
from payrec.data.audit import Audit
from payrec.data.load.mapping import from_document
from payrec.model.recipes import training
from payrec.model.store import versions
from tests.model.rows import feature_rows

ORDERS = "order_id,customer_id,amount,currency,invoice_date,payment_date,due_date"
EVENTS = "event_id,order_id,event_ts,event_type,amount,detail"
NOW = datetime(2026, 7, 1)
Map = dict[str, object]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a champion that learnt from 600 simulated rows: it ranks, the cases decide who is ranked."""
    folder = tmp_path_factory.mktemp("models")
    model = training.train(feature_rows(600, seed=21), training.TrainSpec("original", seed=5))
    versions.promote(folder, versions.add(folder, model))
    return folder


def listed(ranked: pa.Table) -> dict[str, str]:
    """Return a list as order → what it owes, with the reason if it is held."""
    return {
        row["order_id"]: " ".join(filter(None, (str(row["outstanding"]), row["suppressed_reason"])))
        for row in ranked.to_pylist()
    }


@dataclass(frozen=True)
class Desk:
    """A database of its own, and the folder of its files."""

    engine: payrec.Engine
    folder: Path
    models: Path

    def orders(self, *rows: str, header: str = ORDERS, mapping: Map | None = None, **options: object) -> list[str]:
        """Load a file of orders; return the notes of its report."""
        return self._load("transactions", header, rows, mapping, options)

    def events(self, *rows: str, header: str = EVENTS, mapping: Map | None = None, **options: object) -> list[str]:
        """Load a file of events; return the notes of its report."""
        return self._load("events", header, rows, mapping, options)

    def _load(
        self, kind: str, header: str, rows: tuple[str, ...], mapping: Map | None, options: dict[str, object]
    ) -> list[str]:
        path = self.folder / f"{kind}.csv"
        path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
        read = from_document(mapping, "map.toml") if mapping else None
        report = getattr(payrec.load, kind)(
            self.engine, path, read, self.folder / "rejects.csv", NOW, payrec.load.Options(**options)
        )
        assert report.rows_in == report.loaded + report.rejected + report.duplicates + report.left_out
        return list(report.notes)

    def rejects(self) -> str:
        """Return the rows that the last load left out, with their reasons."""
        return (self.folder / "rejects.csv").read_text(encoding="utf-8")

    def rates(self, *rows: str, reporting: str = "EUR") -> None:
        """Load dated rates."""
        path = self.folder / "fx.csv"
        path.write_text("\n".join(("currency,rate_date,rate_to_reporting", *rows)) + "\n")
        payrec.load.fx(self.engine, path, reporting_currency=reporting)

    def check(self) -> Audit:
        """Audit the data."""
        return payrec.check(self.engine, now=NOW)

    def findings(self) -> dict[str, str]:
        """Return the findings of the audit about the list and the data: code → text."""
        return {f.code: f.message for f in self.check().findings if f.about != "features"}

    def listed(self, as_of: str, policy: payrec.Policy | None = None) -> dict[str, str]:
        """Return the list: order → what it owes, with the reason if it is held."""
        return listed(payrec.score(self.engine, self.models, datetime.fromisoformat(as_of), policy, now=NOW).ranked)

    def labels(self, order_id: str) -> set[int | None]:
        """Return what training would learn from an order: 1 recovered, 0 not, None unknown."""
        payrec.build(self.engine)
        select = "SELECT label_recovered_30d AS label FROM v_feature_view WHERE is_landmark = 1 AND order_id = "
        return set(self.engine.read(f"{select}'{order_id}'")["label"].to_pylist())


@pytest.fixture
def desk(tmp_path: Path, models: Path) -> Iterator[Desk]:
    """An empty database."""
    with payrec.connect("duckdb://") as engine:
        yield Desk(engine, tmp_path, models)

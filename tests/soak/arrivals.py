"""A portfolio that is simulated once and handed over day by day, as files that `payrec load` reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from payrec.data import load
from payrec.data.engines import Engine
from payrec.simulate import simulator

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Arrivals:
    """What becomes known when: the orders, the events, and a folder for the files of the day."""

    portfolio: simulator.Portfolio
    folder: Path

    def hand_over(self, engine: Engine, since: datetime | None, until: datetime) -> None:
        """Load what became known after ``since`` (None: ever) up to ``until``, an order again when it is paid."""
        self.folder.mkdir(exist_ok=True)
        orders, events = self.folder / "transactions.csv", self.folder / "events.csv"
        csv.write_csv(self._orders(since, until), orders)
        csv.write_csv(self._events(since, until), events)
        load.load_file("transactions", engine, orders, now=until)
        load.load_file("events", engine, events, now=until)
        if since is None:
            csv.write_csv(self.portfolio.fx, self.folder / "fx.csv")
            reporting = load.Mapping(reporting_currency=simulator.REPORTING_CURRENCY)
            load.load_file("fx", engine, self.folder / "fx.csv", reporting, now=None)

    def _orders(self, since: datetime | None, until: datetime) -> pa.Table:
        rows = self.portfolio.transactions
        last = pa.scalar(until.date())
        for name in ("payment_date", "capture_ts"):
            limit = last if name == "payment_date" else pa.scalar(until, pa.timestamp("us"))
            known = pc.if_else(pc.less(rows[name], limit), rows[name], None)
            rows = rows.set_column(rows.schema.get_field_index(name), name, known)
        rows = rows.filter(pc.less(rows["invoice_date"], last))
        if since is None:
            return rows
        first = pa.scalar(since.date())
        new = pc.greater_equal(rows["invoice_date"], first)
        paid = pc.fill_null(pc.greater_equal(rows["payment_date"], first), False)
        return rows.filter(pc.or_(new, paid))

    def _events(self, since: datetime | None, until: datetime) -> pa.Table:
        rows = self.portfolio.events
        known_at = pc.max_element_wise(rows["event_ts"], rows["recorded_ts"])
        chosen = pc.less_equal(known_at, pa.scalar(until, pa.timestamp("us")))
        if since is not None:
            chosen = pc.and_(chosen, pc.greater(known_at, pa.scalar(since, pa.timestamp("us"))))
        return rows.filter(chosen)


def simulated(orders: int, days: int, end: date, folder: Path) -> Arrivals:
    """Simulate orders of the ``days`` before ``end``."""
    return Arrivals(simulator.portfolio(orders, 1, end=end, days=days), folder)

"""Files in the headers of their vendors, with rows of our own, and what a pack makes of them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import payrec
from payrec.commands.load import SourceReport
from payrec.data.sources.packs import pack_of


def write(path: Path, header: Sequence[str], rows: Sequence[Mapping[str, str]]) -> Path:
    """Write rows, given as header → value; what a row does not mention is empty."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, header, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def headers(source: str, input_name: str) -> list[str]:
    """Return the newest header of all columns that a pack reads of an input."""
    columns = next(each.columns for each in pack_of(source).inputs if each.name == input_name)
    return [names[0] for names in columns.values()]


@dataclass(frozen=True)
class Loaded:
    """The account, and the raw tables: order → row, event → row."""

    report: SourceReport
    orders: dict[str, dict[str, Any]]
    events: dict[str, dict[str, Any]]

    def order(self, order_id: str, *columns: str) -> tuple[Any, ...]:
        """Return some columns of an order."""
        return tuple(self.orders[order_id][column] for column in columns)

    def facts(self, order_id: str) -> list[tuple[str, str, str]]:
        """Return the events of an order as (time, type, amount), in time."""
        rows = sorted(self.events.values(), key=lambda row: (row["event_ts"], row["event_id"]))
        return [
            (f"{row['event_ts']:%Y-%m-%d}", row["event_type"], "" if row["amount"] is None else str(row["amount"]))
            for row in rows
            if row["order_id"] == order_id
        ]


def load(engine: payrec.Engine, source: str, *files: Path, **options: Any) -> Loaded:
    """Load the files of a source and return the raw tables; no row may be without an account."""
    report = payrec.load.source(engine, source, files, options=payrec.load.Options(**options))
    assert not sum(each.rejected for each in report.loaded)
    return Loaded(report, *(dict(_rows(engine, *of)) for of in (("transactions", "order_id"), ("events", "event_id"))))


def _rows(engine: payrec.Engine, kind: str, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for row in engine.read(f"SELECT * FROM raw_{kind}").to_pylist():
        yield row[key], row

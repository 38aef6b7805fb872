"""File → raw tables, as ``payrec load``: transactions, events, fx; every row is either loaded or listed as rejected.

``plan`` shows beforehand how a file would be read, ``read_mapping`` reads a map.toml.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from payrec.data import layers, load
from payrec.data.engines import Engine
from payrec.data.load import LoadReport, Mapping, Options, plan, read_mapping

__all__ = ["LoadReport", "Mapping", "Options", "events", "fx", "plan", "read_mapping", "transactions"]


def transactions(
    engine: Engine,
    file: Path | str,
    mapping: Mapping | None = None,
    rejects: Path | str | None = None,
    now: datetime | None = None,
    options: Options | None = None,
) -> LoadReport:
    """Load a file of orders; what was built before is taken away. See :func:`payrec.data.load.transactions`.

    >>> report = payrec.load.transactions(engine, folder / "transactions.csv")
    >>> report.rows_in == report.loaded + report.rejected + report.duplicates + report.left_out
    True
    """
    return _loaded(engine, lambda: load.transactions(engine, Path(file), mapping, _path(rejects), now, options))


def events(
    engine: Engine,
    file: Path | str,
    mapping: Mapping | None = None,
    rejects: Path | str | None = None,
    now: datetime | None = None,
    options: Options | None = None,
) -> LoadReport:
    """Load a file of events; from then on payments are known from them. See :func:`payrec.data.load.events`.

    >>> payrec.load.events(engine, folder / "events.csv").rejected
    0
    """
    return _loaded(engine, lambda: load.events(engine, Path(file), mapping, _path(rejects), now, options))


def fx(
    engine: Engine,
    file: Path | str,
    reporting_currency: str | None = None,
    mapping: Mapping | None = None,
    rejects: Path | str | None = None,
    now: datetime | None = None,
) -> LoadReport:
    """Load dated rates to the reporting currency. See :func:`payrec.data.load.fx`.

    >>> payrec.load.fx(engine, folder / "fx.csv", reporting_currency="EUR").rejected
    0
    """
    if reporting_currency is not None:
        mapping = replace(mapping or Mapping(), reporting_currency=reporting_currency.upper())
    return _loaded(engine, lambda: load.fx(engine, Path(file), mapping, _path(rejects), now))


def _path(given: Path | str | None) -> Path | None:
    return None if given is None else Path(given)


def _loaded(engine: Engine, loading: Callable[[], LoadReport]) -> LoadReport:
    layers.prepare(engine)
    return layers.change(engine, loading)

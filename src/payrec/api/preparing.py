"""From raw tables to the feature view: simulate, build, check, features, sql."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from payrec.commands import layers
from payrec.common.errors import UsageError
from payrec.common.files import replacing
from payrec.common.text import spreadsheet_column
from payrec.data import audit
from payrec.data import layers as warehouse
from payrec.data.engines import Engine
from payrec.simulate.simulator import Portfolio, portfolio, write

Progress = Callable[[str], None]
HORIZON_DAYS = 30


def quiet(_step: str) -> None:
    """Say nothing of the progress."""


def simulate(orders: int = 50_000, seed: int = 1, out: Path | str | None = None) -> Portfolio:
    """Make a portfolio with known truth; with ``out`` also as files, to be loaded like anybody's.

    >>> made = payrec.simulate(orders=300, seed=1)
    >>> made.transactions.num_rows, "p_recover_30d" in made.truth.column_names
    (300, True)
    """
    made = portfolio(orders, seed)
    if out is not None:
        write(made, Path(out))
    return made


def asked(
    horizon_days: int, as_of: datetime | None = None, observed_until: datetime | None = None
) -> warehouse.Parameters:
    """Return the parameters of a full build; ``as_of`` None: the end of the observed data."""
    return warehouse.Parameters((as_of,) if as_of else None, warehouse.LANDMARK_AGES, horizon_days, observed_until)


def build(
    engine: Engine,
    as_of: datetime | None = None,
    horizon_days: int = HORIZON_DAYS,
    observed_until: datetime | None = None,
    progress: Progress = quiet,
    full: bool = False,
) -> warehouse.Build:
    """Build staging, snapshots, features and labels from the raw tables.

    Parameters
    ----------
    as_of
        When the open orders are to be scored (UTC, without zone); None: the end of the observed data.
    horizon_days
        Days within which a payment counts as recovered.
    observed_until
        Declared end of the complete data; None: the latest known fact.
    full
        Make everything anew, also the staging rows of orders whose raw rows have not changed since the last build.

    >>> built = payrec.build(engine)
    >>> built.rows["snapshots"] == built.rows["features"]
    True
    """
    return layers.build(engine, asked(horizon_days, as_of, observed_until), progress, full=full)


def present(engine: Engine, wanted: warehouse.Parameters, now: datetime | None, progress: Progress) -> datetime:
    """Return ``now``, or the end of the observed data; builds what is missing."""
    layers.ensure_built(engine, wanted, progress)
    return now or warehouse.observed_until(engine) or datetime(1970, 1, 1)


def check(
    engine: Engine,
    horizon_days: int = HORIZON_DAYS,
    observed_until: datetime | None = None,
    now: datetime | None = None,
    progress: Progress = quiet,
) -> audit.Audit:
    """Audit the data; ``refusals`` of the answer says why training would be unsafe, and is empty if it is not.

    >>> payrec.check(engine).refusals
    ()
    """
    wanted = asked(horizon_days, None, observed_until)
    return layers.check(engine, wanted, present(engine, wanted, now, progress), progress)


def features(engine: Engine, as_of: datetime | None = None, out: Path | str | None = None) -> pa.Table:
    """Return the feature view: the open orders at ``as_of``, or the landmark snapshots with their labels if it is None.

    Parameters
    ----------
    as_of
        One of the times that the layers were built for.
    out
        Also write it, as ``.csv`` (no cell is a formula) or ``.parquet``.

    Raises
    ------
    UsageError
        The layers have not been built, or not for ``as_of``.

    >>> rows = payrec.features(engine)
    >>> rows.column_names[:3], rows.column_names[-1]
    (['order_id', 'as_of', 'customer_id'], 'label_recovered_30d')
    """
    if warehouse.VIEW not in engine.tables():
        raise UsageError("found no feature view, expected one\nbuild it: payrec build")
    if as_of is None:
        rows = engine.read(f"SELECT * FROM {warehouse.VIEW} WHERE is_landmark = 1 ORDER BY as_of, order_id")
    elif as_of in warehouse.scoring_times(engine):
        rows = engine.read(warehouse.scoring_select(as_of))
    else:
        times = ", ".join(f"{t:%Y-%m-%d %H:%M}" for t in warehouse.scoring_times(engine)) or "none"
        raise UsageError(f"found {as_of:%Y-%m-%d %H:%M}, expected a time that was built for: {times}")
    if out is not None:
        write_features(rows, Path(out))
    return rows


def write_features(rows: pa.Table, out: Path) -> None:
    """Write rows of the feature view as CSV or Parquet, whole or not at all."""
    if out.suffix not in (".csv", ".parquet"):
        raise UsageError(f"found the file {out.name}, expected one that ends in .csv or .parquet")
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as sink:
        if out.suffix == ".parquet":
            pa.parquet.write_table(rows, sink)
        else:
            pa.csv.write_csv(_safe(rows), sink, pa.csv.WriteOptions(quoting_style="needed"))


def _safe(rows: pa.Table) -> pa.Table:
    """Return the rows with text that no spreadsheet takes for a formula, and times to the second if exact."""
    columns: dict[str, Any] = {}
    for name in rows.column_names:
        column: Any = rows[name].combine_chunks()
        if pa.types.is_timestamp(column.type):
            seconds = column.cast(pa.timestamp("s"), safe=False)
            column = seconds if seconds.cast(column.type).equals(column) else column
        columns[name] = spreadsheet_column(column) if pa.types.is_string(column.type) else column
    return pa.table(columns)


def sql(name: str | None = None) -> dict[str, str]:
    """Return the SQL of the layers and checks by file name, in the order of running; ``name`` picks one.

    >>> next(iter(payrec.sql()))
    '01_schema.sql'
    >>> list(payrec.sql("features"))
    ['33_features.sql']
    """
    files = dict(warehouse.layers()) | {f"checks/{n}.sql": text for n, text in warehouse.check_files()}
    if name is None:
        return files
    for file, text in files.items():
        if name in (file, file.removesuffix(".sql"), file.split("_", 1)[-1].removesuffix(".sql")):
            return {file: text}
    raise UsageError(f"found no SQL file {name!r}, expected one of {', '.join(files)}")

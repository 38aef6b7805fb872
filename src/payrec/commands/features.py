"""payrec features: the rows of the feature view, also as a file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from payrec.common.errors import UsageError
from payrec.common.files import replacing
from payrec.common.text import spreadsheet_column
from payrec.data import layers, snapshots
from payrec.data.engines import Engine


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
    if layers.VIEW not in engine.tables():
        raise UsageError("found no feature view, expected one\nbuild it: payrec build")
    if as_of is None:
        rows = engine.read(f"SELECT * FROM {layers.VIEW} WHERE is_landmark = 1 ORDER BY as_of, order_id")
    elif as_of in layers.scoring_times(engine):
        rows = engine.read(snapshots.scoring_select(as_of))
    else:
        times = ", ".join(f"{t:%Y-%m-%d %H:%M}" for t in layers.scoring_times(engine)) or "none"
        raise UsageError(f"found {as_of:%Y-%m-%d %H:%M}, expected a time that was built for: {times}")
    if out is not None:
        _write(rows, Path(out))
    return rows


def _write(rows: pa.Table, out: Path) -> None:
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

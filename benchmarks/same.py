"""Prove that the contenders build payrec's feature view: ``python -m benchmarks.same ORDERS`` prints what differs."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks import inputs, with_pandas, with_polars
from payrec.data import layers
from payrec.data.engines import connect

KEY = (("order_id", "ascending"), ("as_of", "ascending"))


def by_payrec(portfolio: inputs.Portfolio) -> pa.Table:
    """Build on DuckDB, and return the view."""
    path = inputs.copy_of(portfolio, "same.duckdb")
    with connect(f"duckdb:///{path}") as engine:
        layers.build(engine, layers.Parameters((), inputs.BUILD_AGES))
        view = engine.read(f"SELECT * FROM {layers.VIEW}")
    path.unlink()
    return view


def by_pandas(portfolio: inputs.Portfolio) -> pa.Table:
    return pa.Table.from_pandas(with_pandas.feature_view(portfolio), preserve_index=False)


def by_polars(portfolio: inputs.Portfolio) -> pa.Table:
    return with_polars.feature_view(portfolio).to_arrow()


CONTENDERS: dict[str, Callable[[inputs.Portfolio], pa.Table]] = {"pandas": by_pandas, "polars": by_polars}


def differences(ours: pa.Table, theirs: pa.Table) -> list[str]:
    """Compare with ==, row by row and column by column, once both are sorted by their key; empty if all is the same."""
    lines = [f"column {name}: only on one side" for name in sorted(set(ours.column_names) ^ set(theirs.column_names))]
    if ours.num_rows != theirs.num_rows:
        return [*lines, f"rows: {ours.num_rows:,} by payrec, {theirs.num_rows:,} here"]
    shared = [name for name in ours.column_names if name in theirs.column_names]
    left, right = (_plain(table.select(shared)).sort_by(list(KEY)) for table in (ours, theirs))
    for name in shared:
        same = pc.or_kleene(pc.equal(left[name], right[name]), pc.and_(left[name].is_null(), right[name].is_null()))
        unequal = pc.invert(pc.fill_null(same, False))
        if count := pc.sum(unequal).as_py():
            at = pc.index(unequal, True).as_py()
            lines.append(f"column {name}: {count:,} rows, at first {left[name][at]} by payrec, {right[name][at]} here")
    return lines


def _plain(table: pa.Table) -> pa.Table:
    """Return every number as float64 (exact up to 2 to the 53rd), NaN as NULL, texts as strings, times in µs."""
    return pa.table({name: _plain_column(table[name]) for name in table.column_names})


def _plain_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us"))
    if pa.types.is_dictionary(column.type) or pa.types.is_large_string(column.type) or pa.types.is_string(column.type):
        return column.cast(pa.string())
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.string())  # whose nearest float is the right one; Arrow's own cast is off by a bit
    numbers = column.cast(pa.float64())
    return pc.if_else(pc.is_nan(numbers), None, numbers)


def main(orders: int) -> int:
    """Compare on both kinds of portfolio; 1 if anything differs."""
    failed = 0
    for share in (inputs.ALL_FAILED, inputs.AS_USUAL):
        portfolio = inputs.Portfolio(orders, share)
        inputs.loaded(portfolio)
        ours = by_payrec(portfolio)
        for name, build in CONTENDERS.items():
            lines = differences(ours, build(portfolio))
            verdict = "\n  ".join(lines) or f"the same {ours.num_rows:,} rows and {ours.num_columns} columns"
            print(f"{name}, {orders:,} orders, first charges failed {share:g}: {verdict}")
            failed += bool(lines)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))

"""The snapshots to learn from: all at landmark ages, or a bounded sample of whole orders, drawn where the rows are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pyarrow as pa

from payrec.data import sampling
from payrec.data.engines import Engine
from payrec.data.layers import VIEW, count

Progress = Callable[[str], None]


def training_rows(engine: Engine, max_rows: int, seed: int, progress: Progress = lambda _: None) -> pa.Table:
    """Return the matured landmark snapshots, at most about ``max_rows``; ``progress`` is told if they are a sample."""
    return _sample(engine, "is_landmark = 1 AND label_recovered_30d IS NOT NULL", max_rows, seed, progress)


def landmark_rows(engine: Engine, max_rows: int, seed: int, progress: Progress = lambda _: None) -> pa.Table:
    """Return landmark snapshots, matured or not, for a backtest that counts both; the rest as :func:`training_rows`."""
    return _sample(engine, "is_landmark = 1", max_rows, seed, progress)


def _sample(engine: Engine, where: str, max_rows: int, seed: int, progress: Progress) -> pa.Table:
    found = count(engine, VIEW, where)
    select = f"SELECT * FROM {VIEW} WHERE {where} ORDER BY as_of, order_id"
    if found <= max_rows:
        progress(f"reading {found:,} snapshots")
        batches = list(engine.read_batches(select))
    else:
        told = f"reading a sample of about {max_rows:,} of {found:,} snapshots"
        progress(f"{told}, whole orders drawn by seed {seed}")
        batches = list(engine.read_batches(select, partial(sampling.kept, share=max_rows / found, seed=seed)))
    return pa.Table.from_batches(batches) if batches else pa.table({})

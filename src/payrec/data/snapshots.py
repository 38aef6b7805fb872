"""Snapshots for training: all at landmark ages, or a bounded sample of whole orders drawn by the engine."""

from __future__ import annotations

from functools import partial

import pyarrow as pa

from payrec.common.progress import Progress, silent
from payrec.data import sampling
from payrec.data.engines import Engine
from payrec.data.layers import VIEW, count


def training_rows(engine: Engine, max_rows: int, seed: int, progress: Progress = silent) -> pa.Table:
    """Return the matured landmark snapshots, at most about ``max_rows``; ``progress`` says if they are a sample."""
    return _sample(engine, "is_landmark = 1 AND label_recovered_30d IS NOT NULL", max_rows, seed, progress)


def landmark_rows(engine: Engine, max_rows: int, seed: int, progress: Progress = silent) -> pa.Table:
    """Return landmark snapshots, matured or not, for a backtest that counts both; the rest as :func:`training_rows`."""
    return _sample(engine, "is_landmark = 1", max_rows, seed, progress)


def _sample(engine: Engine, where: str, max_rows: int, seed: int, progress: Progress) -> pa.Table:
    total = count(engine, VIEW, where)
    select = f"SELECT * FROM {VIEW} WHERE {where} ORDER BY as_of, order_id"
    if total <= max_rows:
        progress(f"reading {total:,} snapshots")
        batches = list(engine.read_batches(select))
    else:
        progress(f"reading a sample of about {max_rows:,} of {total:,} snapshots, whole orders drawn by seed {seed}")
        batches = list(engine.read_batches(select, partial(sampling.sample_orders, share=max_rows / total, seed=seed)))
    return pa.Table.from_batches(batches) if batches else pa.table({})

"""Snapshots for training, all or a bounded sample of whole orders drawn by the engine; and outcomes that matured."""

from __future__ import annotations

from datetime import datetime
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


def outcomes(engine: Engine, as_of: datetime, horizon_days: int) -> pa.Table:
    """Return ``order_id, as_of, label_recovered_30d`` of every order at ``as_of``, which must have matured."""
    at = f"TIMESTAMP '{as_of.isoformat(sep=' ')}'"
    deadline = f"{at} + {int(horizon_days)} * INTERVAL '1' DAY"
    return engine.read(
        f"SELECT order_id, {at} AS as_of, CAST(CASE WHEN closed_by = 'payment' OR (closed_by = 'write_off' AND "
        f"is_settled = 1) THEN 1 WHEN closed_by IN ('void', 'credit', 'stated') THEN NULL ELSE 0 END AS SMALLINT) "
        f"AS label_recovered_30d FROM stg_balances "
        f"WHERE from_at <= {deadline} AND (until_at IS NULL OR until_at > {deadline})"
    )

"""Snapshots for training, all or a bounded sample of whole orders drawn by the engine; and outcomes that matured."""

from __future__ import annotations

from datetime import datetime
from functools import partial

import pyarrow as pa

from payrec.common.progress import Progress, silent
from payrec.common.text import sql_timestamp
from payrec.data import drawing, sampling
from payrec.data.engines import Engine
from payrec.data.layers import VIEW, count

LABEL = """CAST(CASE WHEN b.order_no IS NULL OR b.closed_by IN ('void', 'credit', 'stated') THEN NULL
    WHEN b.closed_by = 'payment' OR (b.closed_by = 'write_off' AND b.is_settled = 1) THEN 1 ELSE 0 END AS SMALLINT)"""
"""Outcome of an order by its row of ``stg_balances`` at the deadline, as ``b``."""


def observed_select(where: str = "v.is_landmark = 1", also: str = "1 = 1") -> str:
    """Return the query of landmark snapshots with when and by what their orders ended afterwards (NULL: open).

    ``where`` holds of ``snapshots AS v``, ``also`` of the feature view. ``ended_by`` is as ``closed_by`` of the
    balances; ``unseen``: at a time that nobody knows.
    """
    return f"""
        WITH ended AS (
            SELECT v.order_no, v.as_of, MIN(b.from_at) AS ended_at
            FROM snapshots AS v
            JOIN stg_balances AS b ON b.order_no = v.order_no AND b.is_closing = 1 AND b.from_at > v.as_of
            WHERE {where}
            GROUP BY v.order_no, v.as_of
        )
        SELECT v.*, e.ended_at, CASE WHEN c.is_closed_unseen = 1 THEN 'unseen' ELSE c.closed_by END AS ended_by
        FROM {VIEW} AS v
        JOIN stg_orders AS o ON o.order_id = v.order_id
        LEFT JOIN ended AS e ON e.order_no = o.order_no AND e.as_of = v.as_of
        LEFT JOIN stg_balances AS c ON c.order_no = e.order_no AND c.from_at = e.ended_at
        WHERE {where} AND {also}
        ORDER BY v.as_of, v.order_id"""


def training_rows(engine: Engine, max_rows: int, seed: int, progress: Progress = silent) -> pa.Table:
    """Return the matured landmark snapshots, at most about ``max_rows``; ``progress`` says if they are a sample.

    Columns as ``v_feature_view``, and those of :func:`observed_select`.
    """
    return _sample(engine, "v.label_recovered_30d IS NOT NULL", max_rows, seed, progress)


def newest_rows(engine: Engine, since: datetime, until: datetime) -> pa.Table:
    """Return the landmark snapshots from ``since`` to before ``until`` (UTC), matured or not; columns as above."""
    start, end = (sql_timestamp(at) for at in (since, until))
    return engine.read(observed_select(f"v.is_landmark = 1 AND v.as_of >= {start} AND v.as_of < {end}"))


def landmark_rows(engine: Engine, max_rows: int, seed: int, progress: Progress = silent) -> pa.Table:
    """Return landmark snapshots, matured or not, for a backtest that counts both; the rest as :func:`training_rows`."""
    return _sample(engine, "1 = 1", max_rows, seed, progress)


def all_rows(engine: Engine, max_rows: int, seed: int, progress: Progress = silent) -> pa.Table:
    """Return the snapshots of landmarks and of the times to score at; the rest as :func:`training_rows`."""
    return _sample(engine, "1 = 1", max_rows, seed, progress, where="1 = 1")


def _sample(
    engine: Engine, also: str, max_rows: int, seed: int, progress: Progress, *, where: str = "v.is_landmark = 1"
) -> pa.Table:
    total = count(engine, f"{VIEW} AS v", f"{where} AND {also}")
    select = observed_select(where, also)
    if total <= max_rows:
        progress(f"reading {total:,} snapshots")
        batches = list(engine.read_batches(select))
    else:
        progress(f"reading a sample of about {max_rows:,} of {total:,} snapshots, whole orders drawn by seed {seed}")
        share = drawing.share_drawn(engine, seed) * max_rows / total
        batches = list(engine.read_batches(select, partial(sampling.sample_orders, share=share, seed=seed)))
    return pa.Table.from_batches(batches) if batches else pa.table({})


def outcomes(engine: Engine, as_of: datetime, horizon_days: int) -> pa.Table:
    """Return ``order_id, as_of, label_recovered_30d`` of every order at ``as_of``, which must have matured."""
    at = sql_timestamp(as_of)
    deadline = f"{at} + {int(horizon_days)} * INTERVAL '1' DAY"
    return engine.read(
        f"SELECT o.order_id, {at} AS as_of, {LABEL} AS label_recovered_30d FROM stg_balances AS b "
        "JOIN stg_orders AS o ON o.order_no = b.order_no "
        f"WHERE from_at <= {deadline} AND (until_at IS NULL OR until_at > {deadline})"
    )


def open_orders(engine: Engine, at: datetime, oldest_days: int) -> int:
    """Count the orders that are open at a time (UTC) and at most so many days old."""
    moment = sql_timestamp(at)
    rows = engine.read(
        "SELECT COUNT(*) AS n FROM stg_balances AS b JOIN stg_orders AS o ON o.order_no = b.order_no "
        f"WHERE b.is_open = 1 AND b.from_at <= {moment} AND (b.until_at IS NULL OR b.until_at > {moment}) "
        f"AND o.clock_at <= {moment} AND o.clock_at > {moment} - INTERVAL '{int(oldest_days) + 1}' DAY"
    )
    return int(rows["n"][0].as_py())


def scoring_select(as_of: datetime) -> str:
    """Return the query of the open orders at ``as_of``; the label, which nobody knows yet, is left in as NULL."""
    return f"SELECT * FROM {VIEW} WHERE as_of = {sql_timestamp(as_of)} ORDER BY order_id"

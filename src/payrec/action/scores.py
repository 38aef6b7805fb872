"""Probabilities of the open orders, batch by batch, and the reasons of those that are listed first."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from payrec.action import monitor, worklist
from payrec.action.columns import Floats, make, pc, whole
from payrec.action.monitor import Measured
from payrec.action.policy import Policy
from payrec.data.engines import Engine
from payrec.model import explain, matrix, recipes
from payrec.model.recipes import Model

EXPLAINED_FIRST = 2_000  # of the list, so that the capacity can be moved without losing the reasons
EXPLAINED_MOST = 5_000
REASONS = 3


@dataclass(frozen=True)
class Scored:
    """Open orders with ``p_recover_30d`` in the columns that ranking reads, and how the features were spread.

    ``p_recover_30d`` is NULL where the order is older than the model has seen: ``too_old`` of them.
    """

    rows: pa.Table
    measured: Measured
    too_old: int


def score(batches: Iterable[pa.RecordBatch], model: Model) -> Scored:
    """Give each row of the feature view its probability; only the columns that ranking reads are kept."""
    tables: list[pa.Table] = []
    parts: list[tuple[int, dict[str, tuple[float, ...]]]] = []
    decided: dict[str | None, tuple[int, int]] = {}  # by provider: the same in all its rows
    for batch in batches:
        rows = pa.Table.from_batches([batch])
        young = whole(rows, "age_days") <= model.max_age_days
        inputs = matrix.matrix(rows.filter(make.array(young)), model.vocabulary)
        p: Floats = model.calibration.probability(recipes.log_odds(model, inputs))
        parts.append((p.size, monitor.spread(model, inputs, p)))
        decided |= _decided(rows)
        everywhere = np.full(rows.num_rows, np.nan)
        everywhere[young] = p
        kept = rows.select([name for name in worklist.READ if name in rows.column_names])
        tables.append(kept.append_column("p_recover_30d", make.array(everywhere, mask=~young)))
    rows = (
        pa.concat_tables(tables)
        if tables
        else pa.table({name: pa.nulls(0) for name in (*worklist.READ, "p_recover_30d")})
    )
    total, recovered = (sum(counts[at] for counts in decided.values()) for at in (0, 1))
    measured = Measured(monitor.pooled(parts), recovered / total if total else math.nan)
    return Scored(rows, measured, rows["p_recover_30d"].null_count)


def _decided(rows: pa.Table) -> dict[str | None, tuple[int, int]]:
    if not {"provider", "provider_decided_90d", "provider_recovered_90d"} <= set(rows.column_names):
        return {}
    seen = rows.group_by("provider").aggregate([("provider_decided_90d", "max"), ("provider_recovered_90d", "max")])
    return {
        row["provider"]: (row["provider_decided_90d_max"] or 0, row["provider_recovered_90d_max"] or 0)
        for row in seen.to_pylist()
    }


def explained(ranked: pa.Table, batches: Iterable[pa.RecordBatch], model: Model) -> pa.Table:
    """Fill ``reason_1..3`` of the first of the list; ``batches`` are the rows that were scored, in any order.

    Explained are the first 2,000 ranks and every flagged order, but no more than 5,000: trees take about a
    millisecond each, and nobody reads further.
    """
    rank, flag = whole(ranked, "rank"), whole(ranked, "priority_flag")
    wanted = (rank > 0) & ((rank <= EXPLAINED_FIRST) | (flag > 0)) & (rank <= EXPLAINED_MOST)
    names = ranked["order_id"].filter(make.array(wanted)).combine_chunks()
    told: dict[str, list[str | None]] = {}
    for batch in batches if len(names) else ():
        told |= _sentences(
            pa.Table.from_batches([batch]).filter(pc.is_in(batch.column("order_id"), value_set=names)), model
        )
    none: list[str | None] = [None] * REASONS
    lines = [told.get(str(order), none) for order in ranked["order_id"].to_pylist()]
    for at in range(REASONS):
        place = ranked.column_names.index(f"reason_{at + 1}")
        ranked = ranked.set_column(place, f"reason_{at + 1}", make.array([line[at] for line in lines], pa.string()))
    return ranked


def _sentences(rows: pa.Table, model: Model) -> dict[str, list[str | None]]:
    if rows.num_rows == 0:
        return {}
    found = explain.reasons(model, rows, REASONS)
    orders = [str(order) for order in rows["order_id"].to_pylist()]
    return {
        order: [*(reason.text for reason in reasons), *[None] * (REASONS - len(reasons))]
        for order, reasons in zip(orders, found, strict=True)
    }


def recent(engine: Engine, as_of: datetime, policy: Policy) -> pa.Table | None:
    """Return contacts and attempts in the windows of the policy's caps, None if there is no event log.

    Read from the staging layer, which knows when each event became known; later ones are left out.
    """
    days = max((cap.window_days for cap in policy.cap), default=0)
    if not days or engine.read("SELECT COUNT(*) AS n FROM raw_events")["n"][0].as_py() == 0:
        return None
    return engine.read(
        f"""
        SELECT t.customer_id, e.order_id, e.event_type, e.known_at
        FROM stg_events AS e
        JOIN raw_transactions AS t ON t.order_id = e.order_id
        WHERE e.event_type IN ('contact', 'attempt')
          AND e.known_at > {_moment(as_of - timedelta(days=days))} AND e.known_at <= {_moment(as_of)}
        ORDER BY e.known_at, e.order_id
        """
    )


def _moment(value: datetime) -> str:
    return f"TIMESTAMP '{value.isoformat(sep=' ')}'"

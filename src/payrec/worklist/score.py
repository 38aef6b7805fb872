"""Probabilities of the open orders, batch by batch, and the reasons of those that are listed first."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.common.arrow import Floats, known, make, pc, whole
from payrec.data.engines import Engine, RowFunction
from payrec.model import explain
from payrec.model.features import matrix, spreads
from payrec.model.features.matrix import Matrix
from payrec.model.recipes import curve
from payrec.model.recipes.model import Model, log_odds, probability
from payrec.model.store.bundle import Portable
from payrec.worklist import contact_caps, rank
from payrec.worklist.policy import Policy

Through = Callable[[RowFunction], Iterable[pa.RecordBatch]]
"""Rows of the feature view, wherever they are: yields what a function, sent there, makes of each batch."""

EXPLAINED_FIRST = 2_000  # of the list, so that the capacity can be moved without losing the reasons
EXPLAINED_MOST = 5_000
REASONS = 3
REASON_COLUMNS = tuple(f"reason_{at + 1}" for at in range(REASONS))
SCORE, MEASURED = "p_recover_30d", "measured"
SCORE_BINS = 20


@dataclass(frozen=True)
class Measured:
    """Distribution of the scored rows: shares by feature and bin, and the share recovered of the payments decided."""

    shares: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    recovery_rate_90d: float = math.nan


@dataclass(frozen=True)
class Scored:
    """Open orders with ``p_recover_30d`` in the columns that ranking reads, and how the features were spread.

    ``p_recover_30d`` is NULL where the model does not cover the age: ``too_old`` of them are older than it has seen.
    """

    rows: pa.Table
    measured: Measured
    too_old: int


def score(rows: Through, model: Model) -> Scored:
    """Give each row of the feature view its probability; only the columns that ranking reads are kept."""
    return gathered(rows(partial(scored, Portable(model))))


def scored(model: Portable, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return what ranking reads of a batch, with ``p_recover_30d``; the first row holds the figures of the whole batch.

    Depends on nothing else, so that it can be sent to where the rows are.
    """
    rows = pa.Table.from_batches([batch])
    covered = model.model.covers(whole(rows, "age_days"))
    inputs = matrix.matrix(rows.filter(make.array(covered)), model.model.vocabulary)
    p: Floats = probability(model.model, log_odds(model.model, inputs))
    everywhere = np.full(rows.num_rows, np.nan)
    everywhere[covered] = p
    notes_of_batch = [p.size, spread(model.model, inputs, p), _decided(rows)]
    notes = [json.dumps(notes_of_batch), *[None] * (rows.num_rows - 1)][: rows.num_rows]
    kept = batch.select([name for name in rank.READ if name in batch.schema.names])
    kept = kept.append_column(SCORE, make.array(everywhere, mask=~covered))
    if model.model.curve is not None:
        within = curve.probabilities(model.model.curve, np.round(everywhere, 9), whole(rows, "age_days").astype(float))
        for name, values in zip(curve.COLUMNS, np.round(within, 9).T, strict=True):
            kept = kept.append_column(name, make.array(values, mask=np.isnan(values)))
    return kept.append_column(MEASURED, make.array(notes, pa.string()))


def gathered(batches: Iterable[pa.RecordBatch]) -> Scored:
    """Put together what :func:`scored` made of each batch."""
    parts = list(batches)
    if not parts:
        none = pa.table({name: pa.nulls(0) for name in (*rank.READ, SCORE)})
        return Scored(none, Measured(pooled([])), 0)
    rows = pa.Table.from_batches(parts)
    notes = [json.loads(str(note)) for note in rows[MEASURED].drop_null().to_pylist()]
    decided: dict[str, tuple[int, int]] = {}  # by provider: the same in all its rows
    for _, _, counts in notes:
        decided |= counts
    total, recovered = (sum(counts[at] for counts in decided.values()) for at in (0, 1))
    shares = pooled((size, shares) for size, shares, _ in notes)
    measured = Measured(shares, recovered / total if total else math.nan)
    return Scored(rows.drop([MEASURED]), measured, int((~known(rows, SCORE) & (whole(rows, "age_days") >= 0)).sum()))


def _decided(rows: pa.Table) -> dict[str, tuple[int, int]]:
    if not {"provider", "provider_decided_90d", "provider_recovered_90d"} <= set(rows.column_names):
        return {}
    seen = rows.group_by("provider").aggregate([("provider_decided_90d", "max"), ("provider_recovered_90d", "max")])
    return {
        json.dumps(row["provider"]): (row["provider_decided_90d_max"] or 0, row["provider_recovered_90d_max"] or 0)
        for row in seen.to_pylist()
    }


def spread(model: Model, inputs: Matrix, p: Floats) -> dict[str, tuple[float, ...]]:
    """Return for each feature, and for the probabilities ``p`` (n,), the shares of the rows in the training's bins."""
    return {bins.feature: spreads.like(bins, inputs) for bins in model.spreads} | {SCORE: score_shares(p)}


def score_shares(p: Floats) -> tuple[float, ...]:
    """Return the shares of probabilities in 20 equal steps of 0.05, (n,) -> (20,)."""
    counts = np.bincount(np.minimum((p * SCORE_BINS).astype(np.int64), SCORE_BINS - 1), minlength=SCORE_BINS)
    return tuple((counts / max(p.size, 1)).tolist())


def pooled(parts: Iterable[tuple[int, Mapping[str, tuple[float, ...]]]]) -> dict[str, tuple[float, ...]]:
    """Return the shares of several batches as one, from (rows, shares) of each."""
    sums: dict[str, Floats] = {}
    total = 0
    for rows, shares in parts:
        total += rows
        for name, values in shares.items():
            sums[name] = sums.get(name, np.zeros(len(values))) + rows * np.asarray(values)
    return {name: tuple((values / max(total, 1)).tolist()) for name, values in sums.items()}


def explained(ranked: pa.Table, customers: pa.Table, rows: Through, model: Model) -> pa.Table:
    """Fill ``reason_1..3`` of the first of the list; ``rows`` are those that were scored, in any order.

    Explained are the first 2,000 ranks and every flagged order, but no more than 5,000, and the top orders of the first
    2,000 customers: trees take about a millisecond each, and nobody reads further.
    """
    ranks, flag = whole(ranked, "rank"), whole(ranked, "priority_flag")
    wanted = (ranks > 0) & ((ranks <= EXPLAINED_FIRST) | (flag > 0)) & (ranks <= EXPLAINED_MOST)
    first_customers = customers.filter(pc.less_equal(customers["rank"], EXPLAINED_FIRST))["top_order_id"]
    wanted |= pc.is_in(ranked["order_id"], value_set=first_customers.combine_chunks()).to_numpy()
    orders = ranked["order_id"].filter(make.array(wanted)).combine_chunks()
    batches = list(rows(partial(reasons, Portable(model), orders))) if len(orders) else []
    if not batches:
        return ranked
    reason_rows = pa.Table.from_batches(batches)
    at = pc.index_in(ranked["order_id"], value_set=reason_rows["order_id"])
    for name in REASON_COLUMNS:
        ranked = ranked.set_column(ranked.column_names.index(name), name, reason_rows[name].take(at))
    return ranked


def reasons(model: Portable, orders: pa.Array[Any], batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return ``order_id, reason_1..3`` of those rows of a batch that are of ``orders``; it can be sent to the rows."""
    rows = pa.Table.from_batches([batch]).filter(pc.is_in(batch.column("order_id"), value_set=orders))
    by_row = explain.reasons(model.model, rows, REASONS) if rows.num_rows else []
    lines = [[reason.text for reason in of_row] + [None] * (REASONS - len(of_row)) for of_row in by_row]
    columns = {name: make.array([line[at] for line in lines], pa.string()) for at, name in enumerate(REASON_COLUMNS)}
    return pa.record_batch({"order_id": rows["order_id"].combine_chunks(), **columns})


def recent(engine: Engine, as_of: datetime, policy: Policy) -> pa.Table | None:
    """Return contacts and attempts in the windows of the policy's caps, None if there is no event log.

    Read from the staging layer, which knows when each event became known; later ones are left out.
    """
    days = max((cap.window_days for cap in policy.cap), default=0)
    if not days or engine.read("SELECT COUNT(*) AS n FROM raw_events")["n"][0].as_py() == 0:
        return None
    return contact_caps.contacts_between(engine, as_of - timedelta(days=days), as_of)

"""Features + champion → probabilities → the ranked list, with reasons for what is listed first."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from payrec.commands.layers import Progress
from payrec.common.errors import DataRefused, ModelRefused, UsageError
from payrec.common.text import sql_literal
from payrec.data import feature_file, layers
from payrec.data.engines import Engine
from payrec.model import explain as explaining
from payrec.model.recipes.model import Model
from payrec.model.store.bundle import Bundle
from payrec.publish import run_info
from payrec.publish.run_info import RunInfo
from payrec.worklist import policy, rank
from payrec.worklist import score as scores
from payrec.worklist.policy import Policy


@dataclass(frozen=True)
class Question:
    """When, by which model and policy, and how the answer is stamped."""

    as_of: datetime
    bundle: Bundle
    policy: Policy
    policy_sha256: str
    run_id: str
    inputs_sha256: str
    scored_at: datetime


@dataclass(frozen=True)
class Decided:
    """The ranked list in the columns of ``worklist.SCHEMA``, what the run tells of itself, how many are too old.

    ``recent``: the contacts and attempts that the policy looked at.
    """

    ranked: pa.Table
    run: RunInfo
    too_old: int
    recent: pa.Table | None = None


def score(engine: Engine, asked: Question, progress: Progress) -> Decided:
    """Score, suppress and rank the open orders at ``asked.as_of``; the layers must have been built for it.

    Raises
    ------
    ModelRefused
        The model answers for another horizon than the layers were built for.
    DataRefused
        The rows cannot be ranked without guessing.
    """
    built_for = engine.read("SELECT days FROM horizon")["days"][0].as_py()
    if built_for != asked.bundle.model.horizon_days:
        msg = (
            f"found features built for {built_for} days, but the champion answers for "
            f"{asked.bundle.model.horizon_days} days\nbuild for it with --horizon, or train another"
        )
        raise ModelRefused(msg)
    recent = scores.recent(engine, asked.as_of, asked.policy)
    until = layers.observed_until(engine)
    select = layers.scoring_select(asked.as_of)
    return decide(lambda through: engine.read_batches(select, through), asked, until, recent, progress)


def decide(
    rows: scores.Through, asked: Question, until: datetime | None, recent: pa.Table | None, progress: Progress
) -> Decided:
    """Score, suppress and rank rows of the feature view, wherever they are; ``rows`` is called twice."""
    model = asked.bundle.model
    progress("scoring the open orders")
    scored = scores.score(rows, model)
    progress(f"ranking {scored.rows.num_rows:,} open orders")
    ranked = scores.explained(rank.rank(scored.rows, asked.policy, recent), rows, model)
    told = RunInfo(
        run_id=asked.run_id,
        as_of=asked.as_of,
        scored_at=asked.scored_at,
        model_id=asked.bundle.model_id,
        policy_sha256=asked.policy_sha256,
        inputs_sha256=asked.inputs_sha256,
        horizon_days=model.horizon_days,
        reporting_currency=asked.policy.reporting_currency,
        summary=run_info.summarised(ranked, asked.as_of, until, scored.measured),
    )
    return Decided(ranked, told, scored.too_old, recent)


def explain(
    engine: Engine, model: Model, order_id: str, as_of: datetime
) -> tuple[dict[str, Any], explaining.Waterfall]:
    """Return an open order's row and the waterfall of its probability.

    Raises
    ------
    UsageError
        The order is not open at ``as_of``, or not there.
    DataRefused
        It is older than the model has seen.
    """
    name = sql_literal(order_id)
    at = f"TIMESTAMP '{as_of.isoformat(sep=' ')}'"
    found = engine.read(f"SELECT * FROM {layers.VIEW} WHERE order_id = {name} AND as_of = {at}")
    if found.num_rows == 0:
        known = layers.count(engine, "stg_orders", f"order_id = {name}")
        why = "was paid by then, or never was at risk" if known else "is not among the orders loaded"
        msg = f"found no open order {order_id!r} at {as_of:%Y-%m-%d %H:%M} UTC: it {why}"
        raise UsageError(msg)
    row: dict[str, Any] = found.to_pylist()[0]
    if row["age_days"] > model.max_age_days:
        msg = f"{order_id!r} is {row['age_days']} days old, the model has seen orders up to {model.max_age_days} days"
        raise DataRefused(msg)
    return row, explaining.waterfall(model, found)


def score_file(
    path: Path, bundle: Bundle, rules: Policy, as_of: datetime | None, now: datetime, progress: Progress
) -> Decided:
    """Score an exported feature view without a database; errors as :func:`payrec.data.feature_file.read`."""
    rows = feature_file.read(path, as_of)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    at = as_of or (rows["as_of"][0].as_py() if rows.num_rows else now)
    rules_sha256 = policy.fingerprint(rules)
    asked = Question(
        at, bundle, rules, rules_sha256, run_info.identity(at, bundle.model_id, rules_sha256, digest), digest, now
    )
    return decide(lambda through: map(through, rows.to_batches()), asked, None, None, progress)

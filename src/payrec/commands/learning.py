"""Features → a tested, calibrated model → a version in the store, and the champion if it passes the gate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from payrec.commands.layers import Progress, check, require_safe
from payrec.common.errors import DataRefused, ModelRefused
from payrec.data import audit, layers, snapshots
from payrec.data.engines import Engine
from payrec.model.evaluate import backtest as testing
from payrec.model.evaluate import gate, metrics, model_report
from payrec.model.evaluate.backtest import Backtest, BacktestSpec
from payrec.model.recipes import training
from payrec.model.recipes.model import Model, predict
from payrec.model.recipes.training import TrainSpec
from payrec.model.store import versions

NEWEST_SHARE = 0.2  # of the matured snapshots, to judge a new model by


@dataclass(frozen=True)
class Trained:
    """A new version: its id, how it did on the newest matured rows, and whether it now serves."""

    model_id: str
    model: Model
    backtest: Backtest
    audit: audit.Audit
    verdict: gate.GateResult
    card: dict[str, Any]

    @property
    def is_champion(self) -> bool:
        """Whether it passed the gate."""
        return self.verdict.passed


@dataclass(frozen=True)
class Learning:
    """What to learn from and where to keep it; ``as_of``: only what was known then, None = all that is known."""

    asked: layers.Parameters
    spec: TrainSpec
    models: Path
    now: datetime
    as_of: datetime | None = None


def train(engine: Engine, how: Learning, progress: Progress) -> Trained:
    """Audit, test on the newest matured rows, train on all of them, store, and promote if the gate lets it.

    Raises
    ------
    DataRefused
        The audit says why training would be unsafe, or there are too few rows.
    """
    found = check(engine, how.asked, how.now, progress)
    require_safe(found)
    rows = _known_by(snapshots.training_rows(engine, how.spec.max_rows, how.spec.seed, progress), how)
    progress("testing on the newest matured snapshots")
    tested = testing.run(rows, _newest_split(rows, how.spec))
    progress(f"training on {rows.num_rows:,} snapshots")
    model = training.train(rows, how.spec)
    card = model_report.card(model, tested, audit=_plain_audit(found)) | {"inputs_sha256": layers.built_from(engine)}
    model_id = versions.add(how.models, model, card)
    verdict = gate.assess(_numbers(rows, tested, how.models))
    if verdict.passed:
        versions.promote(how.models, model_id)
    return Trained(model_id, model, tested, found, verdict, card)


def backtest(
    engine: Engine, asked: layers.Parameters, spec: BacktestSpec, now: datetime, progress: Progress
) -> Backtest:
    """Audit, then test a recipe on the past: as it would have been trained then, on what came after."""
    found = check(engine, asked, now, progress)
    unsafe = [f for f in found.refusals if f.code != "newest_cohorts_too_good"]  # a split may end before those
    require_safe(replace(found, findings=tuple(unsafe)))
    rows = snapshots.landmark_rows(engine, spec.max_rows, spec.seed, progress)
    progress("training and testing, fold by fold")
    return testing.run(rows, spec)


def _known_by(rows: pa.Table, how: Learning) -> pa.Table:
    """Return the rows whose label was known at ``how.as_of``."""
    if how.as_of is None:
        return rows
    latest = how.as_of - timedelta(days=how.spec.horizon_days)
    return rows.filter(pc.less_equal(rows["as_of"], pa.scalar(latest, pa.timestamp("us"))))


def _newest_split(rows: pa.Table, spec: TrainSpec) -> BacktestSpec:
    """Return one split that leaves the newest matured snapshots to test on, one horizon after those trained on."""
    if rows.num_rows == 0:
        msg = "found no matured snapshots, expected some to learn from\nload a longer history, or ask from a later time"
        raise DataRefused(msg)
    times = rows["as_of"].to_numpy()
    split = int(np.quantile(times.astype("datetime64[D]").astype(np.int64), 1 - NEWEST_SHARE))
    day = date(1970, 1, 1) + timedelta(days=split)
    return BacktestSpec(
        recipe=spec.recipe, horizon_days=spec.horizon_days, split=day, seed=spec.seed, max_rows=spec.max_rows
    )


def _numbers(rows: pa.Table, tested: Backtest, models: Path) -> gate.GateFigures:
    """Return the numbers that the gate judges; the champion is compared on rows that it has not learnt from."""
    told = tested.document
    p, label = tested.predictions["p_recover"].to_numpy(), tested.predictions["label"].to_numpy()
    champion_loss, new_loss = None, told["log_loss"]
    try:
        champion = versions.champion(models).model
    except ModelRefused:
        champion = None  # none yet, or one that cannot serve: nothing to be better than
    if champion is not None and champion.horizon_days == told["horizon_days"]:
        fresh = _newer(tested.predictions, champion)
        if fresh.sum() >= gate.GateLimits().min_rows:
            its = predict(champion, _same_rows(rows, tested.predictions.filter(pa.array(fresh))))
            champion_loss = metrics.log_loss(label[fresh], its)
            new_loss = metrics.log_loss(label[fresh], p[fresh])
    return gate.GateFigures(
        rows=len(label),
        log_loss=new_loss,
        pr_auc=told["pr_auc"],
        ece=told["ece"],
        history_rate_pr_auc=told["baselines"]["history_rate"]["pr_auc"],
        champion_log_loss=champion_loss,
    )


def _newer(predictions: pa.Table, champion: Model) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Mark the test rows whose label the champion cannot have seen."""
    last = np.datetime64(champion.training.last_as_of, "us")
    marks: np.ndarray[Any, np.dtype[np.bool_]] = predictions["as_of"].to_numpy() > last
    return marks


def _same_rows(rows: pa.Table, wanted: pa.Table) -> pa.Table:
    """Return the rows of the feature view that ``wanted`` names, in its order."""
    keys = wanted.select(["order_id", "as_of"]).append_column("at", pa.array(np.arange(wanted.num_rows)))
    places = rows.select(["order_id", "as_of"]).append_column("place", pa.array(np.arange(rows.num_rows)))
    joined = keys.join(places, ["order_id", "as_of"], join_type="inner").sort_by("at")
    return rows.take(joined["place"])


def _plain_audit(found: audit.Audit) -> dict[str, Any]:
    return {
        "counts": dict(found.counts),
        "findings": [{"code": f.code, "level": f.level, "rows": f.rows, "message": f.message} for f in found.findings],
    }

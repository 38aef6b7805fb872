"""payrec train: features → a tested, calibrated model → a stored version, the champion if it passes the gate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from payrec.commands import HORIZON_DAYS, MAX_ROWS, SEED, effect, night_level, serving
from payrec.commands.build import parameters, reading
from payrec.commands.check import audited, require_safe, with_leaks
from payrec.commands.policies import policy_of
from payrec.common.errors import DataRefused, ModelRefused, UsageError
from payrec.common.progress import Progress, silent
from payrec.data import freshness, layers, snapshots, version_changes
from payrec.data.audit import Audit
from payrec.data.drawing import Draw
from payrec.data.engines import Engine
from payrec.data.parameters import LANDMARK_AGES
from payrec.model.evaluate import backtest as testing
from payrec.model.evaluate import gate, metrics, model_report, worth
from payrec.model.evaluate.backtest import Backtest, BacktestSpec
from payrec.model.evaluate.figures import Capacity
from payrec.model.recipes import training
from payrec.model.recipes.model import Model
from payrec.model.recipes.training import TrainSpec
from payrec.model.store import versions
from payrec.worklist.policy import Policy

if TYPE_CHECKING:
    import pandas as pd

NEWEST_SHARE = 0.2  # of the matured snapshots, to judge a new model by


@dataclass(frozen=True, repr=False)
class Trained:
    """A new version: its id, its test on the newest matured rows, and whether it is now the champion."""

    model_id: str
    model: Model
    backtest: Backtest
    audit: Audit
    verdict: gate.GateResult
    card: dict[str, Any]

    @property
    def is_champion(self) -> bool:
        """Whether it passed the gate."""
        return self.verdict.passed

    def predict_proba(self, frame: pa.Table | pd.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return the probability of each row of the feature view; as :meth:`Model.predict_proba`."""
        return self.model.predict_proba(frame)

    def require_promoted(self) -> None:
        """Raise QualityGate, with what failed, unless the model passed the gate."""
        gate.require(self.verdict)

    def __repr__(self) -> str:
        state = "champion" if self.is_champion else "not promoted"
        return f"<Trained {self.model_id} ({self.model.recipe}, {self.model.training.rows:,} snapshots): {state}>"


def train(
    engine: Engine,
    models: Path | str = "models",
    recipe: str = "auto",
    horizon_days: int = HORIZON_DAYS,
    as_of: datetime | None = None,
    observed_until: datetime | None = None,
    now: datetime | None = None,
    landmark_ages: tuple[int, ...] = LANDMARK_AGES,
    seed: int = SEED,
    max_rows: int = MAX_ROWS,
    policy: Policy | Path | str | None = None,
    capacity: int | None = None,
    progress: Progress = silent,
) -> Trained:
    """Audit, test on the newest matured rows, train on all of them, store, and promote if the gate passes.

    Parameters
    ----------
    models
        Folder of the versions.
    recipe
        ``logistic``, ``xgboost``, ``average`` (of both), ``auto`` (the best of these), or ``original`` (the baseline).
    as_of
        Train only on what was known then (UTC, without zone); None: on all that is known.
    now
        The present, for the audit; None: the end of the observed data.
    max_rows
        Largest number of snapshots to train on.
    policy, capacity
        The rules or their file, and the number of contacts: at it the list is compared with simple rules.

    Raises
    ------
    DataRefused
        The audit finds training unsafe, or there are too few rows.

    >>> tried = payrec.train(engine, models, recipe="original")
    >>> tried.model.recipe, tried.is_champion == (not tried.verdict.failures)
    ('original', True)
    """
    require_recipe(recipe)
    spec, store = TrainSpec(recipe, horizon_days, seed, max_rows), Path(models)
    wanted = replace(parameters(horizon_days, None, observed_until, landmark_ages), draw=Draw(max_rows, seed))
    with serving.until_trained(store), reading(engine, wanted, progress):
        audit = audited(engine, now, progress)
        require_safe(audit)
        rows = snapshots.training_rows(engine, max_rows, seed, progress)
        audit = with_leaks(audit, rows)
        require_safe(audit)
        inputs_sha256 = layers.built_from(engine)
        until = min(as_of or datetime.max, freshness.payments_known_until(engine) or datetime.max)
        if as_of is not None:
            latest = as_of - timedelta(days=horizon_days)  # labels of later snapshots were not known yet
            rows = rows.filter(pc.less_equal(rows["as_of"], pa.scalar(latest, pa.timestamp("us"))))
        room = _capacity(engine, policy_of(policy, capacity), until, max(landmark_ages))
        newest, missing = _newest(engine, rows, until, horizon_days), freshness.missing_months(engine)
        contact_effect = effect.retested(engine, store, seed)
    by_rule = serving.goes_by_rule(store)
    with serving.until_trained(store):
        progress("testing on the newest matured snapshots")
        tested = testing.run(rows, replace(_newest_split(rows, spec), capacity=room))
        progress(f"training on {rows.num_rows:,} snapshots")
        model = training.train(rows, spec)
    night = night_level.at_end(model, newest, until, missing)
    if night:
        shift_day = night.payments.first_day + len(night.payments.observed)
        model = replace(model, shift=night.state.shift, shift_day=shift_day)
    model = replace(model, effect=contact_effect)
    card = model_report.card(model, tested, audit=_plain_audit(audit)) | {"inputs_sha256": inputs_sha256}
    model_id = versions.add(store, model, card)
    version_changes.forget(engine)
    verdict = gate.assess(_numbers(rows, tested, store))
    if verdict.passed:
        versions.promote(store, model_id)
    elif by_rule:
        serving.by_rule(engine, store, serving.codes_of(None), progress)
    return Trained(model_id, model, tested, audit, verdict, card)


def require_recipe(recipe: str) -> None:
    """Raise UsageError unless there is such a recipe."""
    if recipe not in training.RECIPES:
        raise UsageError(f"found the recipe {recipe!r}, expected one of {', '.join(training.RECIPES)}")


def _newest(engine: Engine, rows: pa.Table, until: datetime, horizon_days: int) -> pa.Table:
    """Return the snapshots that tell the level after the training rows: no label of theirs is known yet."""
    last = pc.max(rows["as_of"]).as_py() if rows.num_rows else None
    if last is None:
        return rows
    since = datetime(last.year, last.month, last.day) - timedelta(days=horizon_days)
    return snapshots.newest_rows(engine, since, until)


def _capacity(engine: Engine, rules: Policy, until: datetime, oldest_days: int) -> Capacity | None:
    """Return the contacts of the policy and the open orders at the end of the data; None: as many as pay."""
    end, contacts = layers.observed_until(engine), rules.capacity.total
    if end is None or contacts is None:
        return None
    return Capacity(contacts, snapshots.open_orders(engine, min(until, end), oldest_days))


def _newest_split(rows: pa.Table, spec: TrainSpec) -> BacktestSpec:
    """Return one split that leaves the newest matured snapshots to test on, one horizon after those trained on."""
    if rows.num_rows == 0:
        msg = (
            "found no matured snapshots, expected some to train on\nload a longer history, or train as of a later time"
        )
        raise DataRefused(msg)
    times = rows["as_of"].to_numpy()
    split = int(np.quantile(times.astype("datetime64[D]").astype(np.int64), 1 - NEWEST_SHARE))
    day = date(1970, 1, 1) + timedelta(days=split)
    return BacktestSpec(
        recipe=spec.recipe, horizon_days=spec.horizon_days, split=day, seed=spec.seed, max_rows=spec.max_rows
    )


def _numbers(rows: pa.Table, tested: Backtest, models: Path) -> gate.GateFigures:
    """Return the numbers that the gate judges; the champion is compared on rows that it has not learnt from."""
    figures = tested.document
    p, label = tested.predictions["p_recover"].to_numpy(), tested.predictions["label"].to_numpy()
    champion_loss, new_loss = None, figures["log_loss"]
    try:
        champion = versions.champion(models).model
    except ModelRefused:
        champion = None  # none yet, or one that cannot serve: nothing to be better than
    if champion is not None and champion.horizon_days == figures["horizon_days"]:
        fresh = _newer(tested.predictions, champion)
        if fresh.sum() >= gate.GateLimits().min_rows:
            known = _same_rows(rows, tested.predictions.filter(pa.array(fresh)))
            champion_p = testing.at_level(champion, rows, known)
            champion_loss = metrics.log_loss(label[fresh], champion_p)
            new_loss = metrics.log_loss(label[fresh], p[fresh])
    at_10 = next(row for row in figures["worth"] if row["share"] == 0.1)
    return gate.GateFigures(
        rows=len(label),
        log_loss=new_loss,
        pr_auc=figures["pr_auc"],
        ece=figures["ece"],
        history_rate_pr_auc=figures["baselines"]["history_rate"]["pr_auc"],
        champion_log_loss=champion_loss,
        within_ages_low=figures["roc_auc_within_ages_95"][0],
        worth_high=at_10["gain_95"][1],
        rule=worth.RULES[at_10["best_rule"]],
    )


def _newer(predictions: pa.Table, champion: Model) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Mark the test rows whose label the champion cannot have seen."""
    last = np.datetime64(champion.training.last_as_of, "us")
    marks: np.ndarray[Any, np.dtype[np.bool_]] = predictions["as_of"].to_numpy() > last
    return marks


def _same_rows(rows: pa.Table, wanted: pa.Table) -> pa.Table:
    """Return the rows of the feature view that ``wanted`` names, in its order."""
    keys = wanted.select(["order_id", "as_of"]).append_column("at", pa.array(np.arange(wanted.num_rows)))
    positions = rows.select(["order_id", "as_of"]).append_column("position", pa.array(np.arange(rows.num_rows)))
    joined = keys.join(positions, ["order_id", "as_of"], join_type="inner").sort_by("at")
    return rows.take(joined["position"])


def _plain_audit(audited: Audit) -> dict[str, Any]:
    return {
        "counts": dict(audited.counts),
        "findings": [
            {"code": f.code, "level": f.level, "rows": f.rows, "message": f.message} for f in audited.findings
        ],
    }

"""payrec effect: whether a contact changes more for some orders than for others, from customers assigned at random."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.commands import SEED
from payrec.common.arrow import Floats, floats, pc, text, times
from payrec.common.errors import ModelRefused, UsageError
from payrec.common.files import replacing
from payrec.common.json import canonical_json
from payrec.data import freshness, layers
from payrec.data.engines import Engine
from payrec.model import effect
from payrec.model.effect import AssignedOrders, EffectVerdict
from payrec.monitor import experiment_status
from payrec.monitor.experiment_status import unit_key
from payrec.publish import experiments
from payrec.worklist.assignment import EXEMPT

FILE = "effect.json"
LISTED_SHARE = 0.1  # of the assigned orders, on the two lists that are compared
LEVEL_SHARE = 0.05  # of the orders: rarer levels of a category count as the others


@dataclass(frozen=True)
class EffectReport:
    """The verdict, the orders behind it, and what the effect depends on: coefficients of standardised columns."""

    verdict: EffectVerdict
    orders: int
    push: float
    coefficients: Mapping[str, float]


def train(engine: Engine, models: Path | str = "models", seed: int = SEED) -> EffectReport:
    """Estimate what a contact changes, from all experiments, test it, and store the result with the models.

    The list is still ranked by expected money, whatever the verdict is.

    Parameters
    ----------
    models
        Folder of the models.
    seed
        Of the folds.

    Raises
    ------
    UsageError
        Nothing is built.
    """
    if not {"stg_balances", "freshness"} <= engine.tables():
        raise UsageError("found no layers, expected those of a build\nbuild them: payrec build")
    until = freshness.payments_known_until(engine) or layers.observed_until(engine)
    drawn, orders, refusals = [], [], []
    for one in experiments.registered(engine):
        known, _ = experiments.assignments(engine, one.experiment.experiment_id)
        rows = experiments.outcomes(engine, one.experiment)
        now = experiment_status.status(one.experiment, one.started_at, one.stopped_at, known, rows, until)
        if sum(now.matured.values()) and now.refusal:
            refusals.append(f"experiment {one.experiment.experiment_id}: {now.refusal}")
            continue
        ends = times(known, "as_of") + np.timedelta64(one.experiment.horizon_days, "D")
        last = min((at for at in (until, one.stopped_at) if at is not None), default=one.started_at)
        drawn.append(known.filter(pa.array(ends <= np.datetime64(last, "us"))))
        orders.append(rows)
    report = judged(drawn, orders, seed, refusals)
    Path(models).mkdir(parents=True, exist_ok=True)
    with replacing(Path(models) / FILE) as sink:
        sink.write(canonical_json(_plain(asdict(report))))
    return report


def show(models: Path | str = "models") -> EffectReport:
    """Return the result of the last :func:`train`.

    Raises
    ------
    UsageError
        There is none.
    ModelRefused
        Its file is damaged.
    """
    path = Path(models) / FILE
    if not path.is_file():
        raise UsageError(
            f"found no {FILE} in {models}, expected the result of a training\ntrain it: payrec effect train"
        )
    try:
        stored: dict[str, Any] = json.loads(path.read_bytes())
        verdict: dict[str, Any] = {
            name: math.nan if value is None else value for name, value in stored["verdict"].items()
        }
        return EffectReport(EffectVerdict(**verdict), stored["orders"], stored["push"], stored["coefficients"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelRefused(f"{path} is damaged\ntrain it again: payrec effect train") from error


def judged(drawn: list[pa.Table], orders: list[pa.Table], seed: int, refusals: list[str]) -> EffectReport:
    """Judge matured assignments, in the columns of ``assignment.SCHEMA``, and their orders; lists by experiment."""
    parts = [_joined(one, rows) for one, rows in zip(drawn, orders, strict=True)]
    rows = pa.concat_tables(parts) if parts else None
    if rows is None or not rows.num_rows:
        why = "; ".join(refusals) or (
            "no customer was assigned at random with a known outcome; contacts that people or the list chose are none"
        )
        return EffectReport(EffectVerdict(False, math.nan, math.nan, math.nan, why), 0, 0.0, {})
    names, z = _columns(rows)
    customer = rows["customer_id"].combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    contact = pc.equal(rows["arm"], "contact").to_numpy()
    assigned = AssignedOrders(
        floats(rows, "p_recover"), z, contact, floats(rows, "propensity"), floats(rows, "label"), customer,
        floats(rows, "outstanding_value"),
    )  # fmt: skip
    verdict = effect.judge(assigned, LISTED_SHARE, seed)
    if math.isnan(verdict.z):
        return EffectReport(verdict, rows.num_rows, 0.0, {})
    fitted = effect.fit(assigned)
    return EffectReport(verdict, rows.num_rows, fitted.push, dict(zip(names, fitted.beta.tolist(), strict=True)))


def _joined(drawn: pa.Table, orders: pa.Table) -> pa.Table:
    """Return the orders with a known outcome in the most frequent currency, with arm and propensity."""
    drawn = drawn.filter(pc.not_equal(drawn["stratum"], EXEMPT))
    at = pc.index_in(unit_key(orders), value_set=unit_key(drawn))
    known = pc.and_(pc.is_valid(at), pc.is_valid(orders["label"].combine_chunks()))
    rows, at = orders.filter(known), at.filter(known)
    for name in ("arm", "propensity"):
        rows = rows.append_column(name, drawn[name].take(at))
    if rows.num_rows:
        most = max(pc.value_counts(rows["ev_currency"]).to_pylist(), key=lambda one: one["counts"])["values"]
        rows = rows.filter(pc.equal(rows["ev_currency"], most))
    return rows


def _columns(rows: pa.Table) -> tuple[list[str], Floats]:
    """Return names and standardised columns of what the effect may depend on, (n, k)."""
    p = np.clip(floats(rows, "p_recover"), 1e-6, 1 - 1e-6)
    stored = [json.loads(features or "{}") for features in text(rows, "features").to_pylist()]
    ages = np.array([one.get("age_days") or 0 for one in stored], dtype=np.float64)
    columns = {
        "chance": np.log(p / (1 - p)),
        "amount": np.log(np.maximum(floats(rows, "outstanding_value"), 0.01)),
        "age": np.log1p(np.maximum(ages, 0)),
    }
    for name in experiments.CATEGORIES:
        values = np.array([str(one.get(name)) for one in stored])
        levels, counts = np.unique(values, return_counts=True)
        for level in levels[counts >= LEVEL_SHARE * values.size]:
            columns[f"{name} {level}"] = (values == level).astype(np.float64)
    kept = {name: values for name, values in columns.items() if values.std() > 1e-9}
    z = np.column_stack([(values - values.mean()) / values.std() for values in kept.values()])
    return list(kept), z


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value

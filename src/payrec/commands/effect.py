"""payrec effect: whether a contact changes more for some orders than for others, from customers assigned at random."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.commands import SEED
from payrec.common.arrow import floats, pc, text, times
from payrec.common.errors import ModelRefused, UsageError
from payrec.common.files import replacing
from payrec.common.json import canonical_json
from payrec.data import freshness, layers
from payrec.data.engines import Engine
from payrec.model import effect, effect_fit
from payrec.model.effect import EffectVerdict, Look
from payrec.model.effect_fit import AssignedOrders
from payrec.model.recipes import contact_effect
from payrec.model.recipes.contact_effect import ContactEffect
from payrec.model.store import versions
from payrec.monitor import experiment_status
from payrec.monitor.experiment_status import unit_key
from payrec.publish import experiments
from payrec.worklist.assignment import EXEMPT

FILE = "effect.json"
LISTED_SHARE = 0.1  # of the assigned orders, on the two lists that are compared


@dataclass(frozen=True)
class EffectReport:
    """The verdict, the orders behind it, and what the effect depends on: coefficients of standardised columns."""

    verdict: EffectVerdict
    orders: int
    push: float
    coefficients: Mapping[str, float]


def train(engine: Engine, models: Path | str = "models", seed: int = SEED) -> EffectReport:
    """Estimate and test what a contact changes, from all experiments; make it a part of the champion, or take it out.

    A champion with another effect is a new version, promoted: ``payrec models rollback`` goes back.

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
    store = Path(models)
    report, part = tested(engine, seed)
    _write(report, store)
    if versions.champion_id(store) is not None:
        serving = versions.champion(store)
        if serving.model.effect != part:
            changed = versions.add(store, replace(serving.model, effect=part), serving.card)
            versions.promote(store, changed)
    return report


def retested(engine: Engine, models: Path, seed: int) -> ContactEffect | None:
    """Test the effect again, for a model that is being trained; None where it is off or no experiment was started."""
    if not experiments.registered(engine):
        return None
    report, part = tested(engine, seed)
    _write(report, models)
    return part


def tested(engine: Engine, seed: int) -> tuple[EffectReport, ContactEffect | None]:
    """Test the effect on the orders of all experiments; the part of the bundle is None unless the rule is on."""
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
    return judged(drawn, orders, seed, refusals)


def _write(report: EffectReport, models: Path) -> None:
    models.mkdir(parents=True, exist_ok=True)
    with replacing(models / FILE) as sink:
        sink.write(canonical_json(_plain(asdict(report))))


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
        verdict["looks"] = tuple(Look(**look) for look in verdict["looks"])
        verdict["by_tenth"] = tuple((low, high) for low, high in verdict["by_tenth"])
        return EffectReport(EffectVerdict(**verdict), stored["orders"], stored["push"], stored["coefficients"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelRefused(f"{path} is damaged\ntrain it again: payrec effect train") from error


def judged(
    drawn: list[pa.Table], orders: list[pa.Table], seed: int, refusals: list[str]
) -> tuple[EffectReport, ContactEffect | None]:
    """Judge matured assignments, in the columns of ``assignment.SCHEMA``, and their orders; lists by experiment."""
    parts = [_joined(one, rows) for one, rows in zip(drawn, orders, strict=True)]
    rows = pa.concat_tables(parts, promote_options="permissive") if parts else None
    if rows is None or not rows.num_rows:
        why = "; ".join(refusals) or (
            "no customer was assigned at random with a known outcome; contacts that people or the list chose are none"
        )
        return EffectReport(effect.untested(why), 0, 0.0, {}), None
    rows = rows.sort_by([(name, "ascending") for name in ("assigned", "customer_id", "epoch", "order_id")])
    kept = [json.loads(features or "{}") for features in text(rows, "features").to_pylist()]
    p, amount = floats(rows, "p_recover"), floats(rows, "outstanding_value")
    columns, z = contact_effect.design(contact_effect.restored(kept, p, amount))
    customer = rows["customer_id"].combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    contact = pc.equal(rows["arm"], "contact").to_numpy()
    assigned = AssignedOrders(p, z, contact, floats(rows, "propensity"), floats(rows, "label"), customer, amount)
    verdict = effect.judge(assigned, LISTED_SHARE, seed)
    if math.isnan(verdict.z):
        return EffectReport(verdict, rows.num_rows, 0.0, {}), None
    fitted = effect_fit.fit(assigned)
    coefficients = {one.title: beta for one, beta in zip(columns, fitted.beta.tolist(), strict=True)}
    report = EffectReport(verdict, rows.num_rows, fitted.push, coefficients)
    reach = int(pc.max(rows["rank_if_free"]).as_py())
    return report, contact_effect.part(columns, fitted, verdict.mean_effect / 100, reach) if verdict.is_on else None


def _joined(drawn: pa.Table, orders: pa.Table) -> pa.Table:
    """Return the orders with a known outcome in the most frequent currency, with arm, propensity, rank and time."""
    drawn = drawn.filter(pc.not_equal(drawn["stratum"], EXEMPT))
    at = pc.index_in(unit_key(orders), value_set=unit_key(drawn))
    known = pc.and_(pc.is_valid(at), pc.is_valid(orders["label"].combine_chunks()))
    rows, at = orders.filter(known), at.filter(known)
    for name, title in (
        ("arm", "arm"),
        ("propensity", "propensity"),
        ("rank_if_free", "rank_if_free"),
        ("as_of", "assigned"),
    ):
        rows = rows.append_column(title, drawn[name].take(at))
    if rows.num_rows:
        most = max(pc.value_counts(rows["ev_currency"]).to_pylist(), key=lambda one: one["counts"])["values"]
        rows = rows.filter(pc.equal(rows["ev_currency"], most))
    return rows


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value

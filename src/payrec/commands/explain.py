"""payrec explain: the waterfall of one open order's probability."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.commands import night_level, serving
from payrec.commands.build import reading, scoring_time
from payrec.commands.policies import policy_of
from payrec.common.errors import DataRefused, UsageError
from payrec.common.progress import Progress, silent
from payrec.common.text import sql_literal, sql_timestamp
from payrec.data import endings, layers
from payrec.data.engines import Engine
from payrec.model.explain import Step, waterfall
from payrec.model.recipes import contact_effect, curve
from payrec.model.recipes.contact_effect import ContactEffect, EffectSteps, effect_steps
from payrec.model.store.bundle import Bundle
from payrec.worklist import reason_codes
from payrec.worklist.policy import Policy
from payrec.worklist.value import value_of


@dataclass(frozen=True, repr=False)
class Explanation:
    """One order's probability, from the average order (``base``) step by step; the largest step comes first.

    ``row`` holds the order's columns of the feature view; ``base``, ``probability`` and steps are shares of 1.
    ``by_day``: the probability within other numbers of days, those that are known. ``effect``: what a contact adds,
    None unless lists are ranked by it.
    """

    order_id: str
    as_of: datetime
    model_id: str
    horizon_days: int
    base: float
    steps: tuple[Step, ...]
    probability: float
    row: dict[str, Any]
    by_day: dict[int, float]
    effect: EffectSteps | None = None

    def __repr__(self) -> str:
        return f"<Explanation of {self.order_id[:40]!r}: {self.probability:.1%} within {self.horizon_days} days>"


def explain(
    engine: Engine,
    order_id: str,
    models: Path | str | Bundle = "models",
    as_of: datetime | None = None,
    policy: Policy | Path | str | None = None,
    progress: Progress = silent,
) -> Explanation:
    """Explain one open order's probability: the steps from the average order add up to it.

    ``policy`` says what reason codes mean, and in which currency amounts are compared.

    Raises
    ------
    UsageError
        The order is not open at ``as_of``, or not loaded.
    DataRefused
        There are no orders, or this one is older than the model has seen.

    >>> explained = payrec.explain(engine, order_id, models)
    >>> abs(explained.base + sum(step.points for step in explained.steps) - explained.probability) < 1e-9
    True
    """
    rules = policy_of(policy)
    codes = serving.codes_of(rules)
    bundle = serving.of_database(engine, models, codes, progress)
    model = bundle.model
    with reading(engine, night_level.parameters(model, as_of), progress):
        at = scoring_time(engine, as_of)
        night = night_level.measure(engine, model, at)
        name = sql_literal(order_id)
        time = sql_timestamp(at)
        rows = engine.read(f"SELECT * FROM {layers.VIEW} WHERE order_id = {name} AND as_of = {time}")
        ended = None if rows.num_rows else endings.ending(engine, order_id, at)
        known = rows.num_rows or layers.count(engine, "stg_orders", f"order_id = {name}")
    if rows.num_rows == 0:
        why = "is younger" if known else "is not among the orders loaded"
        if ended:
            why = f"has ended ({ended})\nwhat lifts it: {endings.ENDINGS[ended]}"
        raise UsageError(f"found no open order {order_id!r} at {at:%Y-%m-%d %H:%M} UTC: it {why}")
    row: dict[str, Any] = rows.to_pylist()[0]
    if not model.covers(rows["age_days"].to_numpy())[0]:
        seen = f"orders of {model.min_age_days} to {model.max_age_days} days"
        msg = f"{order_id!r} is {row['age_days']} days old, the model has seen {seen}"
        raise DataRefused(msg)
    fall = waterfall(replace(model, shift=night.state.shift) if night else model, rows)
    return Explanation(
        order_id, at, bundle.model_id, model.horizon_days, fall.base, fall.steps, fall.probability, row,
        curve.by_day(model.curve, fall.probability, row["age_days"]),
        _effect(model.effect, reason_codes.annotate(rows, codes), fall.probability, rules),
    )  # fmt: skip


def _effect(effect: ContactEffect | None, rows: pa.Table, probability: float, rules: Policy) -> EffectSteps | None:
    if effect is None or rules.value.rank_by == "expected":
        return None
    amount = value_of(rows, rules).outstanding / 100
    return effect_steps(effect, contact_effect.values_of(rows, np.full(rows.num_rows, probability), amount))

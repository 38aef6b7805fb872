"""How often is the rule on, right or wrong, and what does it bring? ``python -m benchmarks effect-rule``.

Worlds of :mod:`benchmarks.effect_world`; the e-mail test of Hillstrom (2008), 64,000 customers, two mails and none, from
the folder of the real data (``PAYREC_REAL_DATA``). ``rows`` of the result: worlds, or customers.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from benchmarks import effect_world
from payrec.model import effect, effect_fit
from payrec.model.effect_fit import AssignedOrders

Floats = NDArray[np.float64]
CAPACITY, MAIL_CAPACITY, FRESH = 0.1, 0.25, 20_000
PROPENSITY = 0.5
DRAWS = 200  # of the bootstrap


def rule(world: str, orders: int, runs: int, _: int) -> dict[str, Any]:
    """Measure how often the rule is ever on up to ``orders``, and the extra money of the list against P × amount."""
    fresh = effect_world.drawn(FRESH, np.random.default_rng(77), world)
    p, z = effect_world.features(fresh)
    by_expected = extra(fresh, fresh.amount * p)
    ever = now = 0
    gains, slopes = [], []
    for seed in range(runs):
        rng = np.random.default_rng([seed, orders])
        known = effect_world.assigned(effect_world.drawn(orders, rng, world), rng, PROPENSITY)
        verdict = effect.judge(known, CAPACITY, 1)
        ever += any(look.passes for look in verdict.looks)
        now += verdict.is_on
        tau = effect_fit.fit(known).effect(p, z)
        if tau.std() > 1e-3:
            slopes.append(float(np.polyfit(tau, fresh.contacted - fresh.alone, 1)[0]))
        gains.append(extra(fresh, fresh.amount * tau) / by_expected - 1 if verdict.is_on and by_expected > 0 else 0.0)
    on = [gain for gain in gains if gain]
    return {
        "rows": runs, "ever_on": ever / runs, "on_at_the_end": now / runs, "gain": float(np.mean(gains)),
        "gain_when_on": float(np.mean(on)) if on else 0.0, "slope": float(np.mean(slopes)) if slopes else 0.0,
    }  # fmt: skip


def extra(world: effect_world.World, score: Floats) -> float:
    """Return the true extra money of the first tenth by a score."""
    first = np.argsort(-score)[: round(CAPACITY * score.size)]
    return float((world.amount * (world.contacted - world.alone))[first].sum())


def training(_: int) -> dict[str, Any]:
    """Measure CPU seconds to test and fit the effect on 20,000 assigned orders."""
    rng = np.random.default_rng(1)
    known = effect_world.assigned(effect_world.drawn(20_000, rng, "+5"), rng, PROPENSITY)
    started = time.process_time()
    effect.judge(known, CAPACITY, 1)
    effect_fit.fit(known)
    return {"rows": 20_000, "cpu_s": time.process_time() - started}


def mailed(segment: str, outcome: str) -> AssignedOrders:
    """Return the customers of one mail and of none; their chance comes from a third of those without, left out here."""
    folder = Path(os.environ.get("PAYREC_REAL_DATA", "../shared/data"))
    rows = pd.read_csv(folder / "hillstrom" / "email.csv.gz").sample(frac=1.0, random_state=1)
    numbers = np.log1p(rows[["recency", "history"]].to_numpy(float))
    texts = pd.get_dummies(rows[["mens", "womens", "zip_code", "newbie", "channel"]].astype(str)).to_numpy(float)
    columns = np.column_stack([numbers, texts])
    columns = (columns - columns.mean(0)) / columns.std(0)
    y, none = rows[outcome].to_numpy(float), (rows["segment"] == "No E-Mail").to_numpy()
    learnt = none & (np.arange(none.size) % 3 == 0)
    chance = LogisticRegression(C=0.1).fit(columns[learnt], y[learnt]).predict_proba(columns)[:, 1]
    tested = (none & ~learnt) | (rows["segment"] == segment).to_numpy()
    contact, p = ~none[tested], chance[tested]
    z = np.column_stack([(np.log(p) - np.log(p).mean()) / np.log(p).std(), columns[tested]])
    n = int(tested.sum())
    return AssignedOrders(p, z, contact, np.full(n, contact.mean()), y[tested], np.arange(n), np.ones(n))


def mail(segment: str, outcome: str, _: int) -> dict[str, Any]:
    """Test one mail on one outcome: is the rule on, and the area under the Qini curve by effect and by chance."""
    known = mailed(segment, outcome)
    started = time.process_time()
    verdict = effect.judge(known, MAIL_CAPACITY, 1)
    spent = time.process_time() - started
    tau = effect_fit.cross_fitted(known, 1)
    areas = {name: qini(known, score) for name, score in (("effect", tau), ("chance", known.p))}
    difference = areas["effect"] - areas["chance"]
    low, high = np.quantile(difference[1:], [0.025, 0.975])
    return {
        "rows": known.p.size, "is_on": verdict.is_on, "z": verdict.z, "cpu_s": spent,
        "qini_effect": float(areas["effect"][0]), "qini_chance": float(areas["chance"][0]),
        "qini_difference": [float(low), float(high)],
    }  # fmt: skip


def qini(known: AssignedOrders, score: Floats) -> Floats:
    """Return 1,000 times the area between the curve by ``score`` and the line at random; first of all, then of draws."""
    e = known.propensity
    pseudo = ((known.recovered - known.p) * (known.contact - e) / (e * (1 - e)))[np.argsort(-score, kind="stable")]
    rng, areas = np.random.default_rng(1), []
    for draw in range(DRAWS + 1):
        weight = np.ones(pseudo.size) if draw == 0 else rng.poisson(1.0, pseudo.size).astype(np.float64)
        curve, share = np.cumsum(weight * pseudo) / weight.sum(), np.cumsum(weight) / weight.sum()
        areas.append(1_000 * float(((curve - share * curve[-1]) * weight).sum() / weight.sum()))
    return np.array(areas)

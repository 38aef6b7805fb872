"""Does the own model of the effect rank better than the learners of EconML and CausalML? ``benchmarks effect-peers``.

In the environment of locks/effect.lock: ``scripts/setup-extra.sh effect requirements effect``. Worlds of
:mod:`benchmarks.effect_world` with an effect of 5 points, and the e-mail test of Hillstrom. Every learner gets the same
features, the chance included; what it predicts is multiplied by the amount. ``rows`` of the result: worlds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import effect_rule, effect_world
from payrec.model import effect_fit
from payrec.model.effect_fit import AssignedOrders

Floats = NDArray[np.float64]
Effects = Callable[[Floats, Floats], Floats]
"""(chances (n,), features (n, k)) -> effects (n,)."""
ORDERS, WORLDS, FRESH = 5_000, 4, 20_000


def _own(known: AssignedOrders) -> Effects:
    return effect_fit.fit(known).effect


def _chance(_: AssignedOrders) -> Effects:
    return lambda p, _z: p


def _linear_dr(known: AssignedOrders) -> Effects:
    from econml.dr import LinearDRLearner
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression

    model = LinearDRLearner(
        model_propensity=DummyClassifier(), model_regression=LogisticRegression(C=0.1, max_iter=500),
        discrete_outcome=True, random_state=1,
    )  # fmt: skip
    model.fit(known.recovered.astype(int), known.contact.astype(int), X=known.z)
    return lambda _p, z: model.effect(z).ravel()


def _forest(known: AssignedOrders) -> Effects:
    from econml.dml import CausalForestDML
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression

    model = CausalForestDML(
        model_y=LogisticRegression(C=0.1, max_iter=500), model_t=DummyClassifier(), discrete_outcome=True,
        discrete_treatment=True, n_estimators=400, n_jobs=1, random_state=1,
    )  # fmt: skip
    model.fit(known.recovered.astype(int), known.contact.astype(int), X=known.z)
    return lambda _p, z: model.effect(z).ravel()


def _boosting() -> Any:
    from xgboost import XGBRegressor

    return XGBRegressor(n_estimators=100, max_depth=3, learning_rate=0.05, subsample=0.8, n_jobs=1, random_state=1)


def _meta(learner: str, known: AssignedOrders) -> Effects:
    from causalml.inference import meta

    model = getattr(meta, learner)(learner=_boosting())
    e = known.propensity
    model.fit(
        X=known.z,
        treatment=known.contact.astype(int),
        y=known.recovered,
        **({} if learner == "BaseTRegressor" else {"p": e}),
    )
    more = {"p": lambda z: np.full(len(z), float(e[0]))} if learner == "BaseXRegressor" else {}
    return lambda _p, z: model.predict(z, **{name: value(z) for name, value in more.items()}).ravel()


ALL: dict[str, tuple[str, Callable[[AssignedOrders], Effects]]] = {
    "chance": ("P × amount, no learner", _chance),
    "own": ("payrec effect", _own),
    "linear-dr": ("EconML LinearDRLearner", _linear_dr),
    "forest": ("EconML CausalForestDML", _forest),
    "x": ("CausalML BaseXRegressor, XGBoost", partial(_meta, "BaseXRegressor")),
    "r": ("CausalML BaseRRegressor, XGBoost", partial(_meta, "BaseRRegressor")),
    "t": ("CausalML BaseTRegressor, XGBoost", partial(_meta, "BaseTRegressor")),
}
LEARNERS = {
    name: learner
    for name, learner in ALL.items()
    if all(find_spec(package) for package in ("econml", "causalml") if package in learner[0].lower())
}
"""Those that are installed."""


def worlds(learner: str, _: int) -> dict[str, Any]:
    """Measure the true extra money of the first tenth, as a share of the most that is possible, and the time to fit."""
    fresh = effect_world.drawn(FRESH, np.random.default_rng(77), "+5")
    p, z = effect_world.features(fresh)
    most = effect_rule.extra(fresh, fresh.amount * (fresh.contacted - fresh.alone))
    fit, shares, spent = LEARNERS[learner][1], [], 0.0
    for seed in range(WORLDS):
        rng = np.random.default_rng([seed, ORDERS])
        known = effect_world.assigned(effect_world.drawn(ORDERS, rng, "+5"), rng, effect_rule.PROPENSITY)
        started = time.process_time()
        effects = fit(known)
        spent += time.process_time() - started
        shares.append(effect_rule.extra(fresh, fresh.amount * effects(p, z)) / most)
    return {
        "rows": WORLDS, "share_of_most": float(np.mean(shares)), "share_se": float(np.std(shares) / WORLDS**0.5),
        "cpu_s": spent / WORLDS,
    }  # fmt: skip


def mail(learner: str, segment: str, _: int) -> dict[str, Any]:
    """Measure the area under the Qini curve of visits, each half of the customers ranked by what the other half says."""
    known = effect_rule.mailed(segment, "visit")
    half = np.arange(known.p.size) % 2 == 0
    score, spent = np.zeros(known.p.size), 0.0
    for ranked in (half, ~half):
        started = time.process_time()
        effects = LEARNERS[learner][1](known.take(~ranked))
        spent += time.process_time() - started
        score[ranked] = effects(known.p[ranked], known.z[ranked])
    areas = effect_rule.qini(known, score)
    low, high = np.quantile(areas[1:], [0.025, 0.975])
    return {"rows": known.p.size, "qini": float(areas[0]), "qini_95": [float(low), float(high)], "cpu_s": spent / 2}

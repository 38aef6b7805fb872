"""Recipes of payrec and other learners on the same snapshots of a simulated portfolio, judged against its truth.

One temporal split: the newest 20 % of the matured days are tested on; what had matured by then, less one horizon, is
learnt from. Everybody gets the same matrix of features, made by payrec from the same Arrow rows, and the others run at
the defaults of their packages, with the text columns declared as categories where they can be. What is timed is from
Arrow rows to a fitted model, and from Arrow rows to probabilities.

Two marks stand beside them. ``everything known``: the true probability of the simulation, hidden traits of the customer
included, which no model can know. ``learnable limit``: the expected true probability given what can be observed, worked
out by XGBoost trained on the *true probabilities* instead of outcomes (so without the luck of the draw), with the
simulation's own sum of all observable effects as one more feature. A model that closes 100 % of the gap to it has
learnt all that these features hold.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import parquet

from benchmarks import inputs
from benchmarks.measure import cpu_s, timed
from payrec.model.evaluate import backtest, metrics
from payrec.model.evaluate.backtest import BacktestSpec
from payrec.model.features import matrix
from payrec.model.features.declarations import CATEGORIES, NUMBERS
from payrec.model.recipes import training
from payrec.model.recipes.model import predict
from payrec.model.recipes.training import TrainSpec
from payrec.model.store import bundle

Floats = npt.NDArray[np.float64]
TEST_SHARE = 0.2
K_SHARE = 0.10
OURS = ("original", "logistic", "xgboost", "auto")
MOST_ROWS = 1_000_000
SEED = 20_260_101


def prepared(orders: int) -> None:
    """Build the snapshots."""
    inputs.features(inputs.Portfolio(orders, inputs.AS_USUAL))


def rows_with_truth(orders: int) -> pa.Table:
    """Matured landmark snapshots with the true probability and the observable part of the log hazard."""
    portfolio = inputs.Portfolio(orders, inputs.AS_USUAL)
    rows = parquet.read_table(portfolio.features)
    rows = rows.filter(rows["label_recovered_30d"].is_valid())
    rows = rows.filter(pa.array(rows["is_landmark"].to_numpy() == 1))
    truth = portfolio.table("truth").select(["order_id", "as_of", "p_recover_30d", "eta_observed"])
    joined = rows.join(truth, ["order_id", "as_of"], join_type="inner")
    return joined.sort_by([("as_of", "ascending"), ("order_id", "ascending")]).combine_chunks()


def split_of(rows: pa.Table) -> date:
    """First day of the test."""
    days = rows["as_of"].to_numpy().astype("datetime64[D]").astype(np.int64)
    return date(1970, 1, 1) + timedelta(days=int(np.quantile(days, 1 - TEST_SHARE)))


def contender(name: str, orders: int) -> dict[str, Any]:
    """Fit and predict one of them, and hold it against the truth."""
    rows = rows_with_truth(orders)
    costs: dict[str, Any] = {}

    def fit(learnt_from: pa.Table, spec: BacktestSpec) -> Callable[[pa.Table], Floats]:
        with timed() as fitting:
            predict = FITS[name](learnt_from, spec)
        costs.update(train_rows=learnt_from.num_rows, fit_cpu_s=fitting.cpu_s, fit_wall_s=fitting.wall_s)

        def scored(given: pa.Table) -> Floats:
            before = cpu_s()
            p = predict(given)
            costs.update(predict_cpu_s=cpu_s() - before, rows=given.num_rows)
            return np.clip(p, 0.0, 1.0)

        return scored

    spec = BacktestSpec("logistic", split=split_of(rows), bootstrap=0, importance_rows=0, max_rows=MOST_ROWS, seed=SEED)
    tested = backtest.run(rows, spec, fit).predictions
    return {**costs, "cpu_s": costs["fit_cpu_s"], "wall_s": costs["fit_wall_s"], "figures": _judged(rows, tested)}


def _judged(rows: pa.Table, tested: pa.Table) -> dict[str, Any]:
    columns = ["order_id", "as_of", "p_recover_30d", "outstanding_reporting_minor"]
    tested = tested.join(rows.select(columns), ["order_id", "as_of"], join_type="inner")
    y, p, true = (tested[c].to_numpy().astype(np.float64) for c in ("label", "p_recover", "p_recover_30d"))
    owed, age = tested["outstanding_reporting_minor"].to_numpy().astype(np.float64), tested["age_days"].to_numpy()
    best_real, best_expected = (_captured(gain, owed * true) for gain in (owed * y, owed * true))
    return {
        "base_rate": float(y.mean()),
        "pr_auc": metrics.pr_auc(y, p),
        "roc_auc": metrics.roc_auc(y, p),
        "log_loss": metrics.log_loss(y, p),
        "pr_auc_everything_known": metrics.pr_auc(y, true),
        "ece": metrics.ece(y, p),
        "ece_by_age": {str(a): metrics.ece(y[age == a], p[age == a]) for a in np.unique(age)},
        "ece_by_chance_by_age": {str(a): metrics.ece_by_chance(true[age == a]) for a in np.unique(age)},
        "value_expected": _captured(owed * true, owed * p) / best_expected,
        "value_realised": _captured(owed * y, owed * p) / best_real,
    }


def _captured(gain: Floats, score: Floats) -> float:
    return float(metrics.captured(gain, score, [K_SHARE])[0])


def _ours(recipe: str) -> Callable[[pa.Table, BacktestSpec], Callable[[pa.Table], Floats]]:
    def fit(rows: pa.Table, spec: BacktestSpec) -> Callable[[pa.Table], Floats]:
        model = training.train(rows, TrainSpec(recipe, spec.horizon_days, spec.seed, spec.max_rows))
        return lambda given: predict(model, given)

    return fit


def _limit(rows: pa.Table, spec: BacktestSpec) -> Callable[[pa.Table], Floats]:
    import xgboost as xgb

    vocabulary = matrix.learn(rows)

    def inputs_of(given: pa.Table) -> npt.NDArray[np.float32]:
        return np.column_stack([_wide(given, vocabulary), given["eta_observed"].to_numpy()])

    options = {
        "objective": "reg:logistic",
        "eta": 0.1,
        "max_depth": 7,
        "min_child_weight": 20,
        "nthread": 2,
        "seed": spec.seed,
    }
    trees = xgb.train(options, xgb.DMatrix(inputs_of(rows), rows["p_recover_30d"].to_numpy()), 300)
    return lambda given: trees.predict(xgb.DMatrix(inputs_of(given))).astype(np.float64)


def _wide(rows: pa.Table, vocabulary: Any) -> npt.NDArray[np.float32]:
    encoded = matrix.matrix(rows, vocabulary)
    return np.column_stack([encoded.numbers, encoded.codes.astype(np.float32)])


def _label(rows: pa.Table) -> npt.NDArray[np.int8]:
    return rows["label_recovered_30d"].to_numpy().astype(np.int8)


def _hist(rows: pa.Table, spec: BacktestSpec) -> Callable[[pa.Table], Floats]:
    from sklearn.ensemble import HistGradientBoostingClassifier

    vocabulary = matrix.learn(rows)
    is_category = np.arange(len(NUMBERS) + len(CATEGORIES)) >= len(NUMBERS)
    model = HistGradientBoostingClassifier(categorical_features=is_category, random_state=spec.seed)
    model.fit(_wide(rows, vocabulary), _label(rows))
    return lambda given: model.predict_proba(_wide(given, vocabulary))[:, 1]


def _lightgbm(rows: pa.Table, spec: BacktestSpec) -> Callable[[pa.Table], Floats]:
    import lightgbm as lgb

    vocabulary = matrix.learn(rows)
    categories = list(range(len(NUMBERS), len(NUMBERS) + len(CATEGORIES)))
    data = lgb.Dataset(_wide(rows, vocabulary), _label(rows), categorical_feature=categories, params={"verbose": -1})
    options = {"objective": "binary", "seed": spec.seed, "num_threads": 2, "verbose": -1}
    model = lgb.train(options, data, 100)
    return lambda given: np.asarray(model.predict(_wide(given, vocabulary)))


def _catboost(rows: pa.Table, spec: BacktestSpec) -> Callable[[pa.Table], Floats]:
    import catboost
    import pandas as pd

    vocabulary = matrix.learn(rows)
    names = [f.name for f in CATEGORIES]

    def frame(given: pa.Table) -> pd.DataFrame:
        encoded = matrix.matrix(given, vocabulary)
        numbers = pd.DataFrame(encoded.numbers, columns=[f"n_{f.name}" for f in NUMBERS])
        return numbers.join(pd.DataFrame(encoded.codes.astype(np.int32), columns=names))

    model = catboost.CatBoostClassifier(
        cat_features=names, random_seed=spec.seed, thread_count=2, verbose=False, allow_writing_files=False
    )
    model.fit(frame(rows), _label(rows))
    return lambda given: model.predict_proba(frame(given))[:, 1]


FITS: dict[str, Callable[[pa.Table, BacktestSpec], Callable[[pa.Table], Floats]]] = {
    "limit": _limit,
    **{recipe: _ours(recipe) for recipe in OURS},
    "hist_gradient_boosting": _hist,
    "lightgbm": _lightgbm,
    "catboost": _catboost,
}


def trained(recipe: str, orders: int) -> dict[str, Any]:
    """Train on up to a million snapshots, and say the bundle's id, which is the hash of its bytes."""
    rows = rows_with_truth(orders).slice(0, MOST_ROWS)
    with timed() as cost:
        model = training.train(rows, TrainSpec(recipe, seed=SEED, max_rows=MOST_ROWS))
    folder = inputs.FOLDER / f"trained-{recipe}-{orders}"
    bundle.save(model, folder)
    cost.figures["bundle"] = bundle.model_id(folder)
    return {"rows": rows.num_rows, **vars(cost)}

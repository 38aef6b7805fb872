"""A backtest learns only what was known, tests each row once, and says the same as the figures worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from rows import Portfolio, portfolio

from payrec.common.errors import DataRefused, UsageError
from payrec.model.evaluate import backtest, importance, metrics
from payrec.model.evaluate.backtest import BacktestSpec
from payrec.model.features.declarations import GROUPS

SPLIT = date(2025, 3, 1)
QUICK = BacktestSpec(bootstrap=20, importance_rows=0, folds=3)
KEYS = {
    *("rows", "base_rate", "pr_auc", "roc_auc", "brier", "brier_skill", "log_loss", "ece", "lift_at_k", "value_at_k"),
    *("baselines", "ci95", "folds", "horizon_days", "embargo_days", "recipe", "excluded"),
}


@cache
def made() -> Portfolio:
    return portfolio(6000, 4)


def by_decided(learnt: pa.Table, _spec: BacktestSpec) -> Callable[[pa.Table], np.ndarray]:
    """Stand-in for a recipe: the share recovered at each age, a little higher for known customers."""
    ages = learnt["age_days"].to_numpy()
    labels = learnt["label_recovered_30d"].to_numpy()
    rate = {int(age): labels[ages == age].mean() for age in np.unique(ages)}
    default = labels.mean()

    def predict(rows: pa.Table) -> np.ndarray:
        level = np.array([rate.get(age, default) for age in rows["age_days"].to_pylist()])
        return np.clip(level + 0.001 * np.minimum(rows["cust_decided"].to_numpy(), 9), 0.0, 1.0)

    return predict


@cache
def rolled() -> backtest.Backtest:
    return backtest.run(made().rows, QUICK, by_decided)


@pytest.mark.parametrize("spec", [QUICK, replace(QUICK, split=SPLIT), replace(QUICK, ages=(0, 7))])
def test_nothing_is_learnt_before_it_was_known(spec: BacktestSpec) -> None:
    seen: list[pa.Table] = []

    def spy(learnt: pa.Table, its: BacktestSpec) -> Callable[[pa.Table], np.ndarray]:
        seen.append(learnt)
        return by_decided(learnt, its)

    result = backtest.run(made().rows, spec, spy)
    for learnt, fold in zip(seen, result.to_dict()["folds"], strict=True):
        start = datetime.fromisoformat(fold["test_from"])
        tested = result.predictions.filter(pc.equal(result.predictions["fold"], fold["fold"]))
        assert pc.max(learnt["as_of"]).as_py() + timedelta(days=30) <= start
        assert pc.min(tested["as_of"]).as_py() >= start
        assert learnt["label_recovered_30d"].null_count == 0
        if spec.ages is not None:
            assert set(learnt["age_days"].to_pylist()) == set(tested["age_days"].to_pylist()) == {0, 7}


def test_the_future_does_not_move_the_past() -> None:
    """Turning the labels of a later fold's test rows changes no probability of an earlier fold."""
    rows = made().rows
    late = np.asarray(rows["as_of"].to_numpy() >= np.datetime64(rolled().to_dict()["folds"][1]["test_from"]))
    labels = rows["label_recovered_30d"]
    turned = pc.if_else(pa.array(late), pc.subtract(pa.scalar(1, pa.int16()), labels), labels)
    at = rows.column_names.index("label_recovered_30d")
    other = backtest.run(rows.set_column(at, "label_recovered_30d", turned), QUICK, by_decided)

    def first(of: backtest.Backtest) -> pa.Table:
        return of.predictions.filter(pc.equal(of.predictions["fold"], 0))

    assert first(rolled()).equals(first(other))
    assert rolled().to_dict()["folds"][0] == other.to_dict()["folds"][0]
    assert rolled().to_dict()["folds"][1] != other.to_dict()["folds"][1]


def test_each_test_row_is_predicted_once() -> None:
    predictions = rolled().predictions
    assert predictions.column_names == [
        *("order_id", "customer_id", "as_of", "age_days", "fold", "amount", "currency", "p_recover", "label")
    ]
    keys = set(zip(predictions["order_id"].to_pylist(), predictions["as_of"].to_pylist(), strict=True))
    assert len(keys) == predictions.num_rows == rolled().to_dict()["rows"]
    truth = {
        (order, at): (label, float(amount))
        for order, at, label, amount in zip(
            *(made().rows[name].to_pylist() for name in ("order_id", "as_of", "label_recovered_30d", "amount")),
            strict=True,
        )
    }
    for row in predictions.slice(0, 500).to_pylist():
        assert truth[row["order_id"], row["as_of"]] == (row["label"], row["amount"])


def test_the_document_is_the_contract_and_plain_json() -> None:
    document = rolled().to_dict()
    assert set(document) >= KEYS
    assert set(document["baselines"]) == {"random", "oldest_first", "amount", "history_rate", "p_only"}
    for baseline in document["baselines"].values():
        assert set(baseline) == {"pr_auc", "roc_auc", "lift_at_k", "value_at_k"}
    assert {"immature", "already_recovered"} <= set(document["excluded"])
    assert document["embargo_days"] == document["horizon_days"] == 30
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    for name in ("pr_auc", "roc_auc", "brier", "brier_skill", "log_loss", "lift_at_k", "value_at_k"):
        low, high = document["ci95"][name]
        assert low <= document[name] <= high
    assert len(document["folds"]) == 3
    assert sum(fold["rows"] for fold in document["folds"]) == document["rows"]


def test_figures_are_those_of_the_predictions() -> None:
    document, predictions = rolled().to_dict(), rolled().predictions
    y, p = predictions["label"].to_numpy().astype(float), predictions["p_recover"].to_numpy()
    assert document["pr_auc"] == metrics.pr_auc(y, p)
    assert document["brier"] == metrics.brier(y, p)
    assert document["ece"] == metrics.ece(y, p)
    assert document["lift_at_k"] == metrics.lift_at_k(y, p, 0.1)
    oldest = document["baselines"]["oldest_first"]["pr_auc"]
    assert oldest == metrics.pr_auc(y, predictions["age_days"].to_numpy())
    random = document["baselines"]["random"]
    assert (random["pr_auc"], random["lift_at_k"]) == (pytest.approx(y.mean()), pytest.approx(1.0))


def test_the_truth_beats_every_baseline_and_a_constant_is_the_random_one() -> None:
    keys = [made().rows[name].to_pylist() for name in ("order_id", "as_of")]
    truth = dict(zip(zip(*keys, strict=True), made().truth, strict=True))

    def knowing(_learnt: pa.Table, _spec: BacktestSpec) -> Callable[[pa.Table], np.ndarray]:
        names = ("order_id", "as_of")
        return lambda rows: np.array([truth[k] for k in zip(*(rows[n].to_pylist() for n in names), strict=True)])

    document = backtest.run(made().rows, replace(QUICK, split=SPLIT), knowing).to_dict()
    for name, baseline in document["baselines"].items():
        assert name == "p_only" or document["pr_auc"] > baseline["pr_auc"]
        assert document["value_at_k"] > baseline["value_at_k"]
    assert document["ci95"]["pr_auc_over_history_rate"][0] > 0
    assert document["ece"] < 3 * document["ece_by_chance"]

    constant = backtest.run(made().rows, QUICK, lambda *_: lambda rows: np.full(rows.num_rows, 0.3)).to_dict()
    assert constant["pr_auc"] == pytest.approx(constant["base_rate"])
    assert constant["lift_at_k"] == pytest.approx(1.0)
    assert constant["value_at_k"] == pytest.approx(constant["baselines"]["amount"]["value_at_k"])


def test_the_order_of_the_rows_does_not_matter() -> None:
    rows = made().rows
    mixed = rows.take(np.random.default_rng(5).permutation(rows.num_rows))
    ours, other = rolled().to_dict(), backtest.run(mixed, QUICK, by_decided).to_dict()
    for name in ("rows", "pr_auc", "roc_auc", "brier", "log_loss", "ece", "lift_at_k", "value_at_k"):
        assert other[name] == pytest.approx(ours[name])
    assert other["excluded"] == ours["excluded"]


def test_amounts_in_one_reporting_currency_are_judged_together() -> None:
    rows = made().rows
    at = rows.column_names.index("outstanding_reporting_minor")
    converted = rows.set_column(at, "outstanding_reporting_minor", rows["outstanding_minor"])
    document = backtest.run(converted, QUICK, by_decided).to_dict()
    assert list(document["value_by_currency"]) == ["reporting currency"]
    apart = rolled().to_dict()["value_by_currency"]
    assert set(apart) == {"EUR", "GBP", "USD", "JPY"}
    recovered = document["value_by_currency"]["reporting currency"]["recovered_minor"]
    assert sum(part["recovered_minor"] for part in apart.values()) == recovered


def test_a_test_with_one_class_has_no_made_up_figures() -> None:
    rows = made().rows
    at = rows.column_names.index("label_recovered_30d")
    late = pa.array(rows["as_of"].to_numpy() >= np.datetime64(SPLIT))
    lost = pc.if_else(pc.and_(late, pc.is_valid(rows["label_recovered_30d"])), pa.scalar(0, pa.int16()), rows[at])
    spec = replace(QUICK, split=SPLIT)
    document = backtest.run(rows.set_column(at, "label_recovered_30d", lost), spec, by_decided).to_dict()
    assert document["base_rate"] == 0.0
    assert document["pr_auc"] is document["roc_auc"] is document["brier_skill"] is document["value_at_k"] is None
    assert document["ci95"]["pr_auc"] == [None, None]
    json.dumps(document, allow_nan=False)


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    backtest.run(made().rows, QUICK, by_decided, lambda done, steps: told.append((done, steps)))
    assert told == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize(
    ("spec", "error", "words"),
    [
        (replace(QUICK, split=date(2030, 1, 1)), DataRefused, "nothing to test on"),
        (replace(QUICK, split=date(2023, 1, 1)), DataRefused, "By 2023-01-01 0 snapshots had matured"),
        (replace(QUICK, until=date(2025, 1, 1)), UsageError, "--until belongs to --split"),
        (replace(QUICK, k_share=0.0), UsageError, "cannot be contacted"),
        (replace(QUICK, horizon_days=14), DataRefused, "expected 14"),
    ],
)
def test_refusals(spec: BacktestSpec, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        backtest.run(made().rows, spec, by_decided)
    assert 1 <= str(caught.value).count("\n") + 1 <= 3


def test_our_recipe_end_to_end_and_the_same_twice() -> None:
    spec = replace(QUICK, folds=1, importance_rows=500)
    once = backtest.run(made().rows, spec)
    document = once.to_dict()
    assert document["pr_auc"] > document["baselines"]["history_rate"]["pr_auc"]
    assert document["folds"][0]["recipe"] == "logistic"
    leans_on = [row["group"] for row in document["importance"]]
    assert set(leans_on) == set(GROUPS)
    assert {"age", "reason"} <= set(leans_on[:3])
    assert backtest.run(made().rows, spec).to_dict() == document


def test_importance_owns_every_column_once() -> None:
    owned = [column for group in GROUPS for column in importance.columns_of(group)]
    assert len(owned) == len(set(owned))
    assert "as_of" in importance.columns_of("calendar")
    assert "provider" in importance.columns_of("provider")


def test_importance_finds_the_only_column_that_is_used() -> None:
    rows = made().rows.filter(pc.is_valid(made().rows["label_recovered_30d"]))
    y = rows["label_recovered_30d"].to_numpy().astype(float)

    def by_reason(of: pa.Table) -> np.ndarray:
        return np.where(np.asarray(pc.fill_null(pc.equal(of["reason_code"], "stolen_card"), False)), 0.05, 0.3)

    found = importance.by_permutation(by_reason, rows, y, 2000, 1)
    assert found[0]["group"] == "reason"
    assert found[0]["log_loss_rise"] > 0
    assert {row["log_loss_rise"] for row in found[1:]} == {0.0}

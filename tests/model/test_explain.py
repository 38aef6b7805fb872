"""Explanations add up, and say what is so."""

from __future__ import annotations

import re
from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest
import rows
from rows import feature_rows

from payrec.model import explain, sentences
from payrec.model.features.declarations import BY_NAME, GROUPS
from payrec.model.recipes import training
from payrec.model.recipes.model import Model, log_odds, predict

ROWS = feature_rows(300, seed=51)


def fact(feature: str, usual: float | None = None, **columns: object) -> sentences.Fact | None:
    rows = pa.table({name: [value] for name, value in columns.items()} or {"order_id": ["a"]})
    (facts,) = sentences.facts(rows, {} if usual is None else {feature: usual})
    return facts.of(feature)


def test_contributions_add_up_to_the_probability(model: Model) -> None:
    found = explain.contributions(model, ROWS)
    assert found.values.shape == (300, len(GROUPS))
    assert np.array_equal(found.probability, predict(model, ROWS))
    assert found.base + found.values.sum(axis=1) == pytest.approx(found.probability, abs=1e-9)


def test_contributions_of_rows_with_nothing_known_add_up(model: Model) -> None:
    found = explain.contributions(model, pa.table({"order_id": ["a"]}))
    assert found.base + found.values.sum() == pytest.approx(found.probability[0], abs=1e-9)


def test_a_row_at_the_base_has_finite_contributions(model: Model) -> None:
    z = np.array([model.base_log_odds, model.base_log_odds + 1e-9, model.base_log_odds + 1e-5])
    base = float(model.calibration.probability(z[:1])[0])
    scale = explain._scale(model, z, model.calibration.probability(z), base)
    assert scale == pytest.approx(scale[2], rel=1e-3)
    assert (scale > 0).all()


def test_contributions_keep_the_direction_of_the_log_odds(model: Model) -> None:
    found = explain.contributions(model, ROWS)
    gap = log_odds(model, training.matrix.matrix(ROWS, model.vocabulary)) - model.base_log_odds
    assert (np.sign(found.values.sum(axis=1)) == np.sign(gap)).all()


def test_reasons_are_the_strongest_contributions_whose_facts_agree(model: Model) -> None:
    parts = explain.contributions(model, ROWS)
    by_row = explain.reasons(model, ROWS, top=3)
    assert len(by_row) == 300
    for row in (0, 150, 299):
        sizes = [abs(reason.points) for reason in by_row[row]]
        assert sizes == sorted(sizes, reverse=True)
        for reason in by_row[row]:
            group, direction = reason.reason_id.split(".")
            assert reason.points == pytest.approx(parts.values[row, list(GROUPS).index(group)])
            assert direction == ("up" if reason.points > 0 else "down")
            assert reason.text.endswith(" (raises the chance)" if reason.points > 0 else " (lowers the chance)")
    strongest = np.abs(parts.values).max(axis=1)
    first = np.array([abs(reasons[0].points) if reasons else 0.0 for reasons in by_row])
    assert np.isclose(first, strongest).mean() > 0.8, "few groups have no fact that agrees"


def test_no_reason_contradicts_itself(model: Model) -> None:
    """A share above the usual one never lowers the chance, and nobody's missed payments raise it."""
    texts = [reason.text for reasons in explain.reasons(model, ROWS, top=13) for reason in reasons]
    shares = [
        re.search(r"(\d+)%(?:\)| recovered lately)?, usual (\d+)%\)? \((raises|lowers)", text)
        for text in texts
        if "failed at first" not in text
    ]
    compared = [(int(m[1]) - int(m[2]), m[3]) for m in shares if m]
    assert len(compared) > 100
    assert [
        pair for pair in compared if (pair[0] > 0 and pair[1] == "lowers") or (pair[0] < 0 and pair[1] == "raises")
    ] == []
    assert not [text for text in texts if "was not recovered in time (raises" in text]


def test_no_fact_is_said_twice(model: Model) -> None:
    ages = pa.compute.negate(ROWS["age_days"]).cast(ROWS["days_to_due"].type)
    due = ROWS.set_column(
        ROWS.column_names.index("days_to_due"), "days_to_due", ages
    )  # the age counts from the due date
    for row, of_row in enumerate(explain.reasons(model, due, top=13)):
        facts = [reason.text.rpartition(" (")[0] for reason in of_row]
        assert len(facts) == len(set(facts))
        if row < 20:
            steps = [step.fact for step in explain.waterfall(model, due.slice(row, 1)).steps]
            assert len(steps) == len(set(steps))


def test_nothing_is_said_of_columns_that_are_not_in_the_data(model: Model) -> None:
    few = ROWS.select(["order_id", "as_of", "age_days", "outstanding_minor", "amount_minor", "currency"])
    groups = {reason.reason_id.split(".")[0] for reasons in explain.reasons(model, few, top=13) for reason in reasons}
    assert groups == {"age", "amount", "calendar"}


def test_reason_ids_are_stable() -> None:
    assert list(GROUPS) == [
        "age", "activity", "due", "amount", "history", "open", "recent", "provider", "reason", "country", "method",
        "calendar", "status",
    ]  # fmt: skip
    assert set(sentences.CLAUSES) == set(BY_NAME)


def test_a_row_is_explained_alone_as_in_the_whole(model: Model) -> None:
    assert explain.reasons(model, ROWS.slice(7, 1))[0] == explain.reasons(model, ROWS)[7]


def test_waterfall_leads_from_base_to_probability(model: Model) -> None:
    found = explain.waterfall(model, ROWS.slice(5, 1))
    assert found.probability == predict(model, ROWS)[5]
    assert found.steps[-1].after == pytest.approx(found.probability, abs=1e-9)
    assert [abs(step.points) for step in found.steps] == sorted((abs(s.points) for s in found.steps), reverse=True)


def test_no_rows_no_reasons(model: Model) -> None:
    assert explain.reasons(model, ROWS.slice(0, 0)) == []


@pytest.mark.parametrize(
    ("feature", "usual", "columns", "expected", "favours"),
    [
        ("cust_in_time_rate", 0.55, {"cust_decided": 5, "cust_recovered_in_time": 2},
         "2 of this customer's 5 earlier failed payments were recovered in time (40%, usual 55%)", -1),
        ("cust_in_time_rate", None, {"cust_decided": 5, "cust_recovered_in_time": 1},
         "1 of this customer's 5 earlier failed payments was recovered in time (20%)", 0),
        ("cust_in_time_rate", 0.2, {"cust_decided": 1, "cust_recovered_in_time": 0},
         "this customer's one earlier failed payment was not recovered in time", -1),
        ("cust_in_time_rate", 0.2, {"cust_decided": 0, "cust_recovered_in_time": 0},
         "no earlier failed payment of this customer to judge by", 0),
        ("cust_in_time_rate", 0.2, {}, None, 0),
        ("cust_in_time_rate_recent", 0.55, {"cust_decided": 5, "cust_decided_weight": 400, "cust_in_time_weight": 300},
         "failed payments of this customer recovered in time, recent ones weighing more (75%, usual 55%)", 1),
        ("cust_in_time_rate_recent", 0.55, {"cust_decided_weight": 0, "cust_in_time_weight": 0}, None, 0),
        ("cust_missed", None, {"cust_decided": 5, "cust_recovered_in_time": 4},
         "1 earlier failed payment of this customer not recovered in time", -1),
        ("cust_recovered_rate", 0.5, {"cust_failures": 4, "cust_recovered": 3},
         "3 of this customer's 4 failed payments are recovered by now (75%, usual 50%)", 1),
        ("cust_failure_rate", 0.1, {"cust_orders": 10, "cust_failures": 4},
         "4 of this customer's 10 orders failed at first (40%, usual 10%)", 0),
        ("cust_days_to_pay", 12.0, {"cust_days_to_pay_sum": 30, "cust_recovered": 3},
         "this customer paid on average 10 days after failing, usual 12", 0),
        ("cust_days_to_pay", None, {"cust_days_to_pay_sum": 0, "cust_recovered": 0}, None, 0),
        ("age_days", None, {"age_days": 1}, "open for 1 day", 0),
        ("age_days", None, {"age_days": 0}, "opened less than a day ago", 0),
        ("days_to_due", None, {"days_to_due": -3}, "3 days past due", 0),
        ("days_to_due", None, {"days_to_due": 0}, "due yesterday", 0),
        ("days_to_due", None, {"days_to_due": 1}, "due today", 0),
        ("days_to_due", None, {"days_to_due": 2}, "due in 1 day", 0),
        ("age_days", None, {"age_days": -7, "days_to_due": 7}, "not due yet", 0),
        ("age_days", None, {"age_days": 14, "days_to_due": -14}, "14 days past due", 0),
        ("age_days", None, {"age_days": 0, "days_to_due": 0}, "due yesterday", 0),
        ("age_days", None, {"age_days": 5, "days_to_due": -9}, "open for 5 days", 0),
        ("days_to_due", None, {}, None, 0),
        ("outstanding_relative", None, {"outstanding_minor": 123456, "currency": "EUR"}, "EUR 1,234.56 outstanding", 0),
        ("amount_bucket", None, {"outstanding_minor": 5, "currency": "EUR", "paid_minor": 9},
         "EUR 0.05 outstanding, partly paid", 0),
        ("days_since_last_event", None, {"last_event_type": "attempt", "days_since_last_event": 2},
         "the last event (attempt) 2 days ago", 0),
        ("attempts", None, {"attempts": 3}, "3 attempts so far", 0),
        ("contacts", None, {}, None, 0),
        ("cust_open", None, {"cust_open": 2}, "2 other open orders of this customer", 0),
        ("cust_open", None, {"cust_open": 0}, "0 other open orders of this customer", 0),
        ("cust_failures_90d", None, {"cust_failures_90d": 1}, "1 failed payment of this customer in 90 days", 0),
        ("reason_rate_90d", 0.3, {"reason_code": "expired_card", "reason_decided_90d": 50, "reason_recovered_90d": 20},
         "failed by expired_card, 40% recovered lately, usual 30%", 1),
        ("provider_rate_90d", 0.3, {"provider": "adyen", "provider_decided_90d": 0, "provider_recovered_90d": 0},
         None, 0),
        ("provider", None, {"provider": "adyen"}, "provider adyen", 0),
        ("country", None, {}, None, 0),
        ("payment_method", None, {"payment_method": "card"}, "payment by card", 0),
        ("weekday", None, {"as_of": datetime(2024, 2, 29)}, "scored on a Thursday, day 29 of February", 0),
        ("is_disputed", None, {"is_disputed": 1}, "a dispute is open", 0),
        ("promise", None, {"promised_until": datetime(2024, 3, 5)}, "payment promised by 2024-03-05", 0),
    ],
)  # fmt: skip
def test_facts_by_hand(
    feature: str, usual: float | None, columns: dict[str, object], expected: str | None, favours: int
) -> None:
    assert fact(feature, usual, **columns) == (None if expected is None else sentences.Fact(expected, favours))


def test_words_from_data_are_made_harmless() -> None:
    assert sentences.word("a\x1b[31m\u202eb\x00\nc") == "a [31m b c"
    assert len(sentences.word("x" * 1000)) == sentences.LONGEST_WORD
    assert fact("provider", provider="=cmd()") == sentences.Fact("provider =cmd()")


def test_contributions_have_the_sign_of_an_additive_truth() -> None:
    """For every group with a true effect on the log hazard of more than 0.15 either way, in at least 9 of 10 rows."""
    learnt_from = feature_rows(12_000, seed=52)
    parts = explain.contributions(training.train(learnt_from, training.TrainSpec("logistic", seed=5)), learnt_from)
    for group, effect in true_effects(learnt_from).items():
        gap = effect - np.nanmean(effect)
        clear = np.abs(np.nan_to_num(gap)) > 0.15
        agree = np.sign(parts.values[clear, parts.groups.index(group)]) == np.sign(gap[clear])
        assert clear.sum() > 1_000, group
        assert agree.mean() >= 0.9, (group, agree.mean())


def true_effects(of: pa.Table) -> dict[str, np.ndarray]:
    """Return the part of each group in the log hazard of the generator, (n,) each; NaN where its text is unknown."""

    def by_level(column: str, options: tuple[tuple[str, float], ...]) -> np.ndarray:
        return np.array([dict(options).get(text, np.nan) for text in of[column].to_pylist()])

    age = of["age_days"].to_numpy()
    habit = np.linspace(-4.0, 4.0, 81)  # a grid: the mean of a customer's habit, given its record
    decided, in_time = (of[name].to_numpy()[:, None] for name in ("cust_decided", "cust_recovered_in_time"))
    log_weight = in_time * habit - decided * np.log1p(np.exp(habit)) - habit**2 / (2 * 0.9**2)
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    return {
        "provider": by_level("provider", rows.PROVIDERS),
        "country": by_level("country", rows.COUNTRIES),
        "reason": by_level("reason_code", rows.REASONS),
        "amount": -0.15 * np.log(of["amount_minor"].to_numpy()),
        "age": np.log(rows._cumulative(age + rows.HORIZON_DAYS) - rows._cumulative(age)),
        "history": (weight @ habit) / weight.sum(axis=1),
    }

"""What the model is worth over simple rules: by hand, and zero where only age can be learnt."""

from __future__ import annotations

import numpy as np
import pytest

from payrec.model.evaluate import worth
from payrec.model.evaluate.intervals import bootstrap


def test_the_best_simple_rule_is_the_rival() -> None:
    """100 rows, 10 of them worth 10 each; the model knows them, the amounts are the same, the oldest pay by luck."""
    gain = np.where(np.arange(100) < 10, 10.0, 0.0)
    rules = {"amount": np.ones(100), "oldest_first": np.where(np.arange(100) < 2, 9.0, 1.0)}
    rows = worth.compare(gain, gain, rules, np.arange(100), 50, 1)
    at_10 = next(row for row in rows if row["share"] == 0.1)
    assert at_10["best_rule"] == "oldest_first"
    # the two oldest bring 20, the other 8 places an even share of 80 in 98 rows
    assert at_10["gain"] == pytest.approx(100 / (20 + 8 * 80 / 98) - 1)
    assert at_10["gain_95"][0] <= at_10["gain"] <= at_10["gain_95"][1]
    assert at_10["of_best_possible"]["model"] == 1
    assert worth.sentence(rows).startswith("worked to")


def test_a_ranking_by_age_alone_is_worth_nothing_within_ages() -> None:
    rng = np.random.default_rng(1)
    age = rng.integers(0, 5, 4_000).astype(float)
    y = (rng.random(4_000) < 0.6 - 0.1 * age).astype(float)
    by_age = worth.within_ages(y, 0.6 - 0.1 * age, age)(np.ones(4_000))["roc_auc_within_ages"]
    assert by_age == pytest.approx(0.5)
    known = worth.within_ages(y, y, age)(np.ones(4_000))["roc_auc_within_ages"]
    assert known == pytest.approx(1.0)


def test_the_rate_of_an_age_is_that_of_the_training_rows() -> None:
    learnt_from, paid = np.array([0.0, 0.0, 10.0, 10.0]), np.array([1.0, 0.0, 0.0, 0.0])
    rates = worth.rate_of_age(learnt_from, paid, np.array([0.0, 5.0, 20.0]))
    assert rates.tolist() == [0.5, 0.25, 0.0]


def test_without_a_sure_gain_the_sentence_says_so() -> None:
    row = {"share": 0.1, "best_rule": "amount", "gain": 0.02, "gain_95": [-0.1, 0.1], "of_best_possible": {}}
    assert worth.sentence([row]).startswith("at no capacity does the list surely find more money")
    assert worth.sentence([{**row, "gain_95": [float("nan")] * 2}]) == ""


def test_at_a_capacity_every_rule_is_held_against_the_list() -> None:
    """Two of four can be contacted: the list finds 30 + 10 of at most 50, the largest amount 30, the youngest 20."""
    gain = np.array([30.0, 20.0, 10.0, 0.0])
    rules = {"amount": np.array([4.0, 1.0, 2.0, 3.0]), "youngest_first": np.array([1.0, 4.0, 2.0, 3.0])}
    at = worth.at_capacity(
        gain, np.array([4.0, 1.0, 3.0, 2.0]), rules, 0.5, lambda ratios: bootstrap(np.arange(4), [ratios], 100, 1)
    )
    assert at["of_best_possible"] == pytest.approx(0.8)
    assert at["rules"]["amount"]["of_list"] == pytest.approx(0.75)
    assert at["rules"]["youngest_first"]["of_list"] == pytest.approx(0.5)
    assert at["rules"]["amount"]["of_best_possible"] == pytest.approx(0.6)
    assert at["rules"]["amount"]["of_list_95"][0] <= 0.75 <= at["rules"]["amount"]["of_list_95"][1]
    said = worth.capacity_sentence(at, 2, 4)
    assert said.startswith("at your capacity, 2 contacts for about 4 open orders, the largest amount first finds 75%")
    assert "reaches all" in worth.capacity_sentence({"share": 1.0, "rules": {}}, 9, 4)

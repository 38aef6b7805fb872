"""Intervals cover what they should, weighted figures equal the plain ones, and clusters widen."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics as sk

from payrec.model.evaluate import intervals, metrics


def drawn(n: int, customers: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = np.round(rng.beta(1.0, 2.0, n), 2)
    return (rng.random(n) < p).astype(float), p, rng.integers(customers, size=n)


@pytest.mark.parametrize("decimals", [1, 6])
def test_weighted_discrimination_is_scikit_learns(decimals: int) -> None:
    y, p, _ = drawn(2000, 10, 1)
    p = np.round(p + np.random.default_rng(2).random(2000) * 1e-3, decimals)
    weight = np.random.default_rng(3).poisson(1.0, 2000).astype(float)
    ours = intervals.discrimination(y, p)(weight)
    assert ours["pr_auc"] == pytest.approx(sk.average_precision_score(y, p, sample_weight=weight))
    assert ours["roc_auc"] == pytest.approx(sk.roc_auc_score(y, p, sample_weight=weight))


def test_weighted_figures_are_those_of_repeated_rows() -> None:
    y, p, _ = drawn(400, 10, 4)
    rng = np.random.default_rng(5)
    amount, unit = rng.integers(1, 100, 400).astype(float), rng.integers(2, size=400)
    copies = rng.poisson(1.0, 400)
    again = np.repeat(np.arange(400), copies)
    weight = copies.astype(float)
    gain, score = y * amount, p * amount
    figures = {
        **intervals.truth(y, p)(weight),
        **intervals.lift(y, p, 0.25)(weight),
        **intervals.value(gain, score, 0.25, np.zeros(400, np.int64))(weight),
    }
    assert figures["brier"] == pytest.approx(metrics.brier(y[again], p[again]))
    assert figures["brier_skill"] == pytest.approx(metrics.brier_skill(y[again], p[again]))
    assert figures["log_loss"] == pytest.approx(metrics.log_loss(y[again], p[again]))
    share = np.array([0.25])
    top = metrics.captured(y[again], p[again], share)[0]
    assert figures["lift_at_k"] == pytest.approx(top / (0.25 * y[again].sum()))
    best = metrics.captured(gain[again], gain[again], share)[0]
    assert figures["value_at_k"] == pytest.approx(metrics.captured(gain[again], score[again], share)[0] / best)
    split = intervals.value(gain, score, 1.0, unit)(weight)
    assert split["value_at_k"] == pytest.approx(1.0)


def test_equal_weights_give_the_plain_figures() -> None:
    y, p, _ = drawn(1000, 10, 6)
    ones = np.ones(1000)
    amount, unit = np.arange(1.0, 1001.0), np.arange(1000) % 4
    assert intervals.truth(y, p)(ones)["ece"] == pytest.approx(metrics.ece(y, p))
    assert intervals.lift(y, p, 0.1)(ones)["lift_at_k"] == pytest.approx(metrics.lift_at_k(y, p, 0.1))
    value = intervals.value(y * amount, p * amount, 0.1, unit)(ones)["value_at_k"]
    assert value == pytest.approx(metrics.value_at_k(y * amount, p * amount, 0.1, unit))


def test_the_interval_covers_the_known_value_about_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        y = (rng.random(300) < 0.3).astype(float)
        low, high = intervals.bootstrap(np.arange(300), [intervals.truth(y, np.full(300, 0.3))], 150, seed)["base_rate"]
        hits += low <= 0.3 <= high
    assert 52 <= hits <= 60


def test_rows_of_one_customer_are_not_new_evidence() -> None:
    y, p, _ = drawn(300, 10, 7)
    once = intervals.bootstrap(np.arange(300), [intervals.truth(y, p)], 200, 1)["brier"]
    tenfold = np.tile(np.arange(300), 10)
    same = intervals.bootstrap(tenfold, [intervals.truth(np.tile(y, 10), np.tile(p, 10))], 200, 1)["brier"]
    naive = intervals.bootstrap(np.arange(3000), [intervals.truth(np.tile(y, 10), np.tile(p, 10))], 200, 1)["brier"]
    assert same == pytest.approx(once)
    assert naive[1] - naive[0] < 0.5 * (same[1] - same[0])
    plain = intervals.share_interval(y, np.arange(300))
    assert intervals.share_interval(np.tile(y, 10), tenfold) == pytest.approx(plain, abs=0.01)


def test_seeded_and_without_an_answer() -> None:
    y, p, cluster = drawn(200, 20, 8)
    statistics = [intervals.discrimination(y, p)]
    assert intervals.bootstrap(cluster, statistics, 20, 5) == intervals.bootstrap(cluster, statistics, 20, 5)
    assert intervals.bootstrap(cluster, statistics, 20, 5) != intervals.bootstrap(cluster, statistics, 20, 6)
    assert intervals.bootstrap(np.zeros(200, np.int64), statistics, 20, 5) == {}
    one_class = intervals.bootstrap(cluster, [intervals.discrimination(np.zeros(200), p)], 20, 5)
    assert np.isnan(one_class["pr_auc"]).all()
    assert np.isnan(intervals.share_interval(np.zeros(0), np.zeros(0, np.int64))).all()


def test_a_paired_difference_is_narrower_than_two_intervals() -> None:
    y, p, cluster = drawn(1000, 200, 9)
    rival = np.clip(p + np.random.default_rng(1).normal(0, 0.05, 1000), 0, 1)
    ours, theirs = intervals.discrimination(y, p), intervals.discrimination(y, rival)
    found = intervals.bootstrap(cluster, [intervals.paired("rival", ours, theirs)], 100, 2)
    width = {name: high - low for name, (low, high) in found.items()}
    assert width["pr_auc_over_rival"] < width["pr_auc"]
    itself = intervals.bootstrap(cluster, [intervals.paired("itself", ours, ours)], 20, 2)
    assert itself["pr_auc_over_itself"] == (0.0, 0.0)
    assert itself["pr_auc"][0] < itself["pr_auc"][1]


def test_wilson_without_clusters_is_the_textbook_figure() -> None:
    y = np.array([1.0] * 3 + [0.0] * 7)
    assert intervals.share_interval(y, np.arange(10)) == pytest.approx((0.1078, 0.6032), abs=1e-4)
    assert intervals.share_interval(np.zeros(10), np.arange(10))[0] == 0.0


def test_codes_keep_null_apart() -> None:
    names = pa.chunked_array([["a", "b"], ["a", None]])
    codes = intervals.cluster_codes(names)
    assert codes[0] == codes[2]
    assert len(set(codes.tolist())) == 3

"""Figures against hand-worked numbers, scikit-learn, and what must hold whatever the data."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from payrec.model.evaluate import metrics

Y = np.array([1, 0, 1, 0, 0, 1, 0, 0, 0, 0], float)
P = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05])


def drawn(n: int, seed: int, decimals: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and labels drawn with them: a calibrated model."""
    rng = np.random.default_rng(seed)
    p = np.round(rng.beta(1.0, 2.0, n), decimals)
    return (rng.random(n) < p).astype(float), p


def test_hand_worked_order() -> None:
    assert metrics.pr_auc(Y, P) == pytest.approx((1 / 1 + 2 / 3 + 3 / 6) / 3)
    assert metrics.roc_auc(Y, P) == pytest.approx((7 + 6 + 4) / 21)
    assert metrics.lift_at_k(Y, P, 0.1) == pytest.approx(1 / 0.3)
    assert metrics.lift_at_k(Y, P, 0.3) == pytest.approx((2 / 3) / 0.3)


def test_hand_worked_truth() -> None:
    y, p = [1, 0, 0, 1], [0.8, 0.4, 0.0, 0.5]
    assert metrics.brier(y, p) == pytest.approx((0.04 + 0.16 + 0.0 + 0.25) / 4)
    assert metrics.brier_skill(y, p) == pytest.approx(1 - 0.1125 / 0.25)
    assert metrics.log_loss(y, p) == pytest.approx(-np.log(0.8 * 0.6 * 1.0 * 0.5) / 4)
    # two bins of two rows: means 0.2 and 0.65, observed 0 and 1
    assert metrics.ece(y, p, bins=2) == pytest.approx((0.2 + 0.35) / 2)


def test_hand_worked_value() -> None:
    gain = [100.0, 0.0, 50.0, 0.0, 300.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    score = [9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0]
    assert metrics.value_at_k(gain, score, 0.1) == pytest.approx(100 / 300)
    assert metrics.value_at_k(gain, score, 0.2) == pytest.approx(100 / 400)
    assert metrics.value_at_k(gain, score, 0.5) == 1.0
    assert metrics.value_curve(gain, score, [0.0, 0.1, 0.3, 1.0]) == pytest.approx([0, 100 / 450, 150 / 450, 1])
    assert metrics.gains_curve(Y, P, [0.0, 0.1, 0.3, 0.6, 1.0]) == pytest.approx([0, 1 / 3, 2 / 3, 1, 1])


def test_value_is_never_added_up_across_currencies() -> None:
    gain = np.array([100.0, 0.0, 9_000_000.0, 0.0])
    score = np.array([1.0, 2.0, 9e6, 8e6])
    unit = np.array([0, 0, 1, 1])
    # half of each currency: the first takes the wrong row (0), the second the right one (1)
    assert metrics.value_at_k(gain, score, 0.5, unit) == pytest.approx(0.5)
    scaled = gain * np.where(unit == 1, 1000.0, 1.0)
    assert metrics.value_at_k(scaled, score, 0.5, unit) == metrics.value_at_k(gain, score, 0.5, unit)
    nothing_back = np.array([100.0, 0.0, 0.0, 0.0])
    assert metrics.value_at_k(nothing_back, score, 0.5, unit) == 0.0


def test_a_tie_counts_in_proportion() -> None:
    constant = np.full(10, 0.3)
    gain = Y * np.arange(1.0, 11.0)
    assert metrics.pr_auc(Y, constant) == pytest.approx(0.3)
    assert metrics.roc_auc(Y, constant) == 0.5
    assert metrics.lift_at_k(Y, constant, 0.1) == pytest.approx(1.0)
    assert metrics.value_at_k(gain, constant, 0.1) == pytest.approx(0.1 * 10 / 6)
    assert metrics.ece(Y, constant) == pytest.approx(0.0)
    assert metrics.brier_skill(Y, constant) == pytest.approx(0.0)


def test_the_perfect_prediction() -> None:
    assert metrics.pr_auc(Y, Y) == 1.0
    assert metrics.roc_auc(Y, Y) == 1.0
    assert metrics.brier(Y, Y) == 0.0
    assert metrics.brier_skill(Y, Y) == 1.0
    assert metrics.log_loss(Y, Y) == 0.0
    assert metrics.ece(Y, Y) == 0.0
    assert metrics.lift_at_k(Y, Y, 0.1) == pytest.approx(1 / 0.3)
    assert metrics.value_at_k(Y * 7, Y * 7, 0.1) == 1.0


@pytest.mark.parametrize("decimals", [1, 6])
def test_equal_to_scikit_learn(decimals: int) -> None:
    y, p = drawn(3000, 1, decimals)
    p = np.clip(p, 0.01, 0.99)
    assert metrics.pr_auc(y, p) == sk.average_precision_score(y, p)
    assert metrics.roc_auc(y, p) == sk.roc_auc_score(y, p)
    assert metrics.brier(y, p) == pytest.approx(sk.brier_score_loss(y, p))
    assert metrics.log_loss(y, p) == pytest.approx(sk.log_loss(y, p))


def test_no_answer_is_nan_and_no_warning() -> None:
    for y in (np.zeros(5), np.ones(5), np.zeros(0)):
        p = np.full(y.size, 0.5)
        assert np.isnan(metrics.roc_auc(y, p))
        assert np.isnan(metrics.brier_skill(y, p))
    assert np.isnan(metrics.pr_auc(np.zeros(5), np.full(5, 0.5)))
    assert np.isnan(metrics.lift_at_k(np.zeros(5), np.full(5, 0.5)))
    assert np.isnan(metrics.value_at_k(np.zeros(5), np.full(5, 0.5)))
    assert all(np.isnan(value) for name, value in metrics.of_probabilities([], []).items() if name != "rows")


@pytest.mark.parametrize(
    ("y", "p", "words"),
    [
        ([0, 1], [0.5], "one length"),
        ([0, 2], [0.5, 0.5], "labels of 0 and 1"),
        ([0, np.nan], [0.5, 0.5], "finite"),
        ([0, 1], [0.5, np.nan], "finite"),
        ([[0], [1]], [[0.5], [0.5]], "shape"),
    ],
)
def test_what_cannot_be_judged_is_refused(y: list[float], p: list[float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        metrics.brier(y, p)


def test_a_share_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="share above 0"):
        metrics.lift_at_k(Y, P, 0.0)


def test_the_top_is_whole_rows() -> None:
    assert metrics.whole_rows_share(15, 0.1) == 2 / 15
    assert metrics.whole_rows_share(100, 0.07) == 0.07
    assert metrics.whole_rows_share(3, 0.01) == 1 / 3
    assert metrics.whole_rows_share(30, 0.1) == 0.1


def test_bins_hold_equal_counts_and_keep_ties_together() -> None:
    p = np.random.default_rng(3).random(1000)
    assert np.bincount(metrics.equal_count_bins(p)).tolist() == [100] * 10
    tied = np.round(p, 1)
    bins = metrics.equal_count_bins(tied)
    for value in np.unique(tied):
        assert np.unique(bins[tied == value]).size == 1


def test_ece_by_chance_is_what_true_probabilities_show() -> None:
    seen = []
    for seed in range(60):
        y, p = drawn(2000, seed)
        seen.append(metrics.ece(y, p))
    assert metrics.ece_by_chance(p) == pytest.approx(np.mean(seen), rel=0.1)


SCORES = st.lists(st.tuples(st.booleans(), st.integers(0, 8), st.integers(1, 50)), min_size=2, max_size=60)


@given(SCORES, st.randoms(use_true_random=False), st.floats(0.05, 1.0))
@settings(max_examples=80, deadline=None)
def test_the_order_of_the_rows_never_matters(rows: list[tuple[bool, int, int]], lot: object, k: float) -> None:
    shuffled = list(rows)
    lot.shuffle(shuffled)  # type: ignore[attr-defined]

    def figures(of: list[tuple[bool, int, int]]) -> list[float]:
        y, p, amount = (np.array(column, float) for column in zip(*of, strict=True))
        p = p / 8
        every = metrics.of_probabilities(y, p, k)
        return [*every.values(), metrics.value_at_k(y * amount, amount * p, k), *metrics.gains_curve(y, p, [0.3, 0.7])]

    assert figures(shuffled) == pytest.approx(figures(rows), nan_ok=True)


@given(SCORES, st.floats(0.05, 1.0))
@settings(max_examples=80, deadline=None)
def test_bounds_and_the_whole_list(rows: list[tuple[bool, int, int]], k: float) -> None:
    y, p, amount = (np.array(column, float) for column in zip(*rows, strict=True))
    gain = y * amount
    curve = metrics.captured(gain, p, np.linspace(0, 1, 11))
    assert (np.diff(curve) >= -1e-9).all()
    assert curve[-1] == pytest.approx(gain.sum())
    if y.any():
        assert -1e-12 <= metrics.value_at_k(gain, p, k) <= 1 + 1e-12
        assert metrics.value_at_k(gain, gain, k) == pytest.approx(1.0)
        assert metrics.lift_at_k(y, p, 1.0) == pytest.approx(1.0)
        # a score moved by any increasing function ranks the same
        assert metrics.pr_auc(y, np.exp(p)) == pytest.approx(metrics.pr_auc(y, p))


def test_examples_of_the_docstrings() -> None:
    assert doctest.testmod(metrics).failed == 0


def test_rows_needed_by_hand() -> None:
    gain, score = [5.0, 0.0, 7.0, 1.0], [4.0, 3.0, 2.0, 1.0]
    needed = [metrics.rows_needed(gain, score, wanted) for wanted in (0.0, 5.0, 5.5, 12.0, 13.0, 13.5)]
    assert needed == [1, 1, 3, 3, 4, None]

"""The logistic regression in tables: solver, curves, terms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rows import feature_rows
from scipy.sparse import csr_matrix, diags_array
from sklearn.linear_model import LogisticRegression

from payrec.model.features.declarations import NUMBERS
from payrec.model.features.matrix import Matrix, learn, matrix
from payrec.model.recipes import additive, logistic, solver, spline_design
from payrec.model.recipes.additive import CELLS, Curve

ROWS = feature_rows(3000, seed=11)
KNOWN = ROWS.filter(ROWS["label_recovered_30d"].is_valid())
LABEL = KNOWN["label_recovered_30d"].to_numpy().astype(float)
VOCABULARY = learn(KNOWN)
INPUTS = matrix(KNOWN, VOCABULARY)
READY = logistic.prepare(INPUTS, LABEL, VOCABULARY, logistic.LogisticOptions())
FITTED = logistic.fit(READY, len(LABEL), 10.0)


def problem(n: int, columns: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n)
    design = rng.normal(size=(n, columns)) * (rng.random((n, columns)) < 0.5)
    label = (rng.random(n) < 1 / (1 + np.exp(-design @ np.linspace(-1, 1, columns) + 1))).astype(float)
    return design, label, rng.uniform(0.5, 2.0, n)


def minimum(columns: csr_matrix, label: np.ndarray, weight: np.ndarray, penalty: np.ndarray) -> np.ndarray:
    asked = solver.PenalisedLoss(columns, label, weight, diags_array(penalty, format="csr"))
    return solver.minimise(asked, solver.starting_point(asked))


@pytest.mark.parametrize("n", [400, solver.SAMPLE_ROWS + 5_000])
def test_solver_agrees_with_scikit_learn(n: int) -> None:
    columns, label, weight = problem(n)
    with_constant = csr_matrix(np.hstack([columns, np.ones((n, 1))]))
    found = minimum(with_constant, label, weight, np.array([2.0] * 6 + [1e-6]))
    expected = LogisticRegression(C=0.5, tol=1e-10, max_iter=1000).fit(columns, label, sample_weight=weight)
    assert found[:-1] == pytest.approx(expected.coef_[0], abs=1e-6)
    assert found[-1] == pytest.approx(expected.intercept_[0], abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(50, 600),
    columns=st.integers(1, 30),
    strength=st.sampled_from([0.1, 1.0, 30.0]),
    tied=st.booleans(),
)
@example(seed=16, n=50, columns=22, strength=0.1, tied=False)  # the least penalty: farthest from the minimum
def test_solver_finds_the_minimum_of_a_plain_newton_method(
    seed: int, n: int, columns: int, strength: float, tied: bool
) -> None:
    """Overlapping columns, weights, rare labels, a penalty that ties neighbours: the same coefficients to 1e-6."""
    rng = np.random.default_rng(seed)
    dense = np.hstack([rng.integers(0, 3, (n, columns)) * rng.normal(size=columns), np.ones((n, 1))])
    label, weight = (rng.random(n) < rng.uniform(0.02, 0.98)).astype(float), rng.uniform(0.1, 3.0, n)
    label[:2] = 0.0, 1.0
    penalty = np.diag([strength] * columns + [1e-3])
    if tied:
        change = np.diff(np.eye(columns), axis=0)
        penalty[:columns, :columns] += strength * change.T @ change
    asked = solver.PenalisedLoss(csr_matrix(dense), label, weight, csr_matrix(penalty))
    expected = np.zeros(columns + 1)
    for _ in range(100):
        chance = 1 / (1 + np.exp(-dense @ expected))
        slope = dense.T @ (weight * (chance - label)) + penalty @ expected
        curvature = (dense * (weight * chance * (1 - chance))[:, None]).T @ dense + penalty
        expected -= 0.5 * np.linalg.solve(curvature, slope)
    assert solver.minimise(asked, solver.starting_point(asked)) == pytest.approx(expected, abs=1e-6)


def test_where_the_solver_starts_does_not_matter() -> None:
    columns, label, weight = problem(2_000)
    penalty = diags_array(np.full(7, 5.0), format="csr")
    asked = solver.PenalisedLoss(csr_matrix(np.hstack([columns, np.ones((2_000, 1))])), label, weight, penalty)
    far = solver.StartingPoint(np.linspace(-1, 1, 7), np.eye(7))
    assert solver.minimise(asked, far) == pytest.approx(solver.minimise(asked, solver.starting_point(asked)), abs=1e-6)


def test_separable_labels_are_no_trouble() -> None:
    columns = csr_matrix(np.array([[1.0, 1.0], [-1.0, 1.0]] * 50))
    found = minimum(columns, np.array([1.0, 0.0] * 50), np.ones(100), np.array([0.01, 1e-6]))
    assert np.isfinite(found).all()
    assert found[0] > 3


def test_a_fit_to_the_first_rows_is_a_fit_of_these_rows_alone() -> None:
    half = len(LABEL) // 2
    alone = replace(READY, design=replace(READY.design, columns=READY.design.columns[:half]), label=LABEL[:half])
    whole, part = (logistic.fit(ready, half, 10.0) for ready in (READY, alone))
    assert additive.log_odds(whole, INPUTS) == pytest.approx(additive.log_odds(part, INPUTS), abs=1e-5)
    terms = additive.contributions(whole, INPUTS.take(slice(0, half)))[1]
    assert terms.mean(axis=0) == pytest.approx(0.0, abs=1e-5)


def test_smoothness_holds_back_the_bending_not_the_slope() -> None:
    rough, smooth = (
        spline_design.build(INPUTS, VOCABULARY, logistic.LogisticOptions(smoothness=s)) for s in (0.0, 5.0)
    )
    assert rough.widths == smooth.widths
    start = 0
    for curve, width in zip(smooth.empty.curves, smooth.widths, strict=False):
        knots = slice(start + 1, start + width - 1)
        extra = (smooth.penalty - rough.penalty)[knots, knots].toarray()
        line, bent = np.array(curve.cells) / CELLS, (np.array(curve.cells) / CELLS) ** 2
        assert extra @ line == pytest.approx(0.0, abs=1e-8)
        assert bent @ extra @ bent >= 0.0
        if len(curve.cells) > 2:
            assert bent @ extra @ bent > 0.1
        start += width


def test_curve_by_hand() -> None:
    curve = Curve("age_days", "linear", 0.0, float(CELLS), (0, 2, CELLS), (1.0, 3.0, 3.0), unknown=-7.0)
    numbers = np.array([-5, 0, 1, 2, 64, CELLS, CELLS + 9, np.nan], np.float32)
    assert curve.at(curve.position(numbers)) == pytest.approx([1, 1, 2, 3, 3, 3, 3, -7])


def test_log_curve_by_hand() -> None:
    curve = Curve("age_days", "log", 0.0, float(np.log(9.0)), (0, CELLS), (0.0, 2.0), unknown=0.0)
    assert curve.at(curve.position(np.array([0, 2, 8, 100], np.float32))) == pytest.approx([0, 1, 2, 2], abs=1e-5)


@settings(max_examples=50)
@given(st.floats(-10, 140, width=32), st.floats(0, 2.0**-10, width=32))
def test_a_curve_does_not_jump(number: float, step: float) -> None:
    curve = Curve("age_days", "linear", 0.0, float(CELLS), (0, 10, 60, CELLS), (0.0, 1.0, -1.0, 2.0), 0.0)
    found = curve.at(curve.position(np.array([number, number + step], np.float32)))
    assert abs(found[1] - found[0]) < 1e-3


def test_log_odds_are_the_intercept_and_the_terms() -> None:
    terms, values = additive.contributions(FITTED, INPUTS)
    assert len(terms) == values.shape[1]
    assert additive.log_odds(FITTED, INPUTS) == pytest.approx(FITTED.intercept + values.sum(axis=1), abs=1e-12)


def test_terms_are_centred_on_the_training_rows() -> None:
    assert additive.contributions(FITTED, INPUTS)[1].mean(axis=0) == pytest.approx(0.0, abs=1e-5)


def test_fitted_mean_is_the_observed_rate() -> None:
    chance = 1 / (1 + np.exp(-additive.log_odds(FITTED, INPUTS)))
    assert chance.mean() == pytest.approx(LABEL.mean(), abs=1e-4)


def test_features_that_never_vary_get_no_term() -> None:
    named = {name for names, _ in [(t, 0) for t in additive.contributions(FITTED, INPUTS)[0]] for name in names}
    assert "is_opted_out" not in named
    assert "age_days" in named


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = additive.log_odds(FITTED, INPUTS)
    monkeypatch.setattr(additive, "BLOCK", 7)
    assert np.array_equal(additive.log_odds(FITTED, INPUTS), whole)


def test_balanced_weights_move_the_level_only_upwards() -> None:
    balanced, plain = (
        logistic.fit(logistic.prepare(INPUTS, LABEL, VOCABULARY, options), len(LABEL), 1.0)
        for options in (logistic.ORIGINAL, replace(logistic.ORIGINAL, balanced=False))
    )
    assert balanced.intercept > plain.intercept + 0.5
    assert not balanced.pairs
    assert all(len(curve.cells) == 2 for curve in balanced.curves)


def test_unknown_has_its_own_value() -> None:
    inputs = Matrix(INPUTS.numbers[:1].copy(order="F"), INPUTS.codes[:1])
    at = [feature.name for feature in NUMBERS].index("days_to_due")
    scores = []
    for value in (np.nan, -30.0):
        inputs.numbers[0, at] = value
        scores.append(additive.log_odds(FITTED, inputs)[0])
    assert np.isfinite(scores).all()

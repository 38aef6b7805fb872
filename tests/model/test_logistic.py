"""The logistic regression in tables: solver, curves, terms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import feature_rows
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from payrec.model import logistic, solver, tables
from payrec.model.features import NUMBERS
from payrec.model.matrix import Matrix, learn, matrix
from payrec.model.tables import CELLS, Curve

ROWS = feature_rows(3000, seed=11)
KNOWN = ROWS.filter(ROWS["label_recovered_30d"].is_valid())
LABEL = KNOWN["label_recovered_30d"].to_numpy().astype(float)
VOCABULARY = learn(KNOWN)
INPUTS = matrix(KNOWN, VOCABULARY)
FITTED = logistic.fit(INPUTS, LABEL, None, VOCABULARY, logistic.Options(penalty=10.0))


def problem(n: int, columns: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n)
    design = rng.normal(size=(n, columns)) * (rng.random((n, columns)) < 0.5)
    label = (rng.random(n) < 1 / (1 + np.exp(-design @ np.linspace(-1, 1, columns) + 1))).astype(float)
    return design, label, rng.uniform(0.5, 2.0, n)


@pytest.mark.parametrize("n", [400, solver.SAMPLE_ROWS + 5_000])
def test_solver_agrees_with_scikit_learn(n: int) -> None:
    design, label, weight = problem(n)
    penalty = np.array([2.0] * 6 + [solver.RIDGE_OF_INTERCEPT])
    with_constant = csr_matrix(np.hstack([design, np.ones((n, 1))]))
    found = solver.minimise(solver.Problem(with_constant, label, weight, penalty))
    expected = LogisticRegression(C=0.5, tol=1e-10, max_iter=1000).fit(design, label, sample_weight=weight)
    assert found[:-1] == pytest.approx(expected.coef_[0], abs=2e-4)
    assert found[-1] == pytest.approx(expected.intercept_[0], abs=2e-4)


def test_separable_labels_are_no_trouble() -> None:
    design = csr_matrix(np.array([[1.0, 1.0], [-1.0, 1.0]] * 50))
    found = solver.minimise(solver.Problem(design, np.array([1.0, 0.0] * 50), np.ones(100), np.array([0.01, 1e-6])))
    assert np.isfinite(found).all()
    assert found[0] > 3


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
    terms, values = tables.contributions(FITTED, INPUTS)
    assert len(terms) == values.shape[1]
    assert tables.log_odds(FITTED, INPUTS) == pytest.approx(FITTED.intercept + values.sum(axis=1), abs=1e-12)


def test_terms_are_centred_on_the_training_rows() -> None:
    assert tables.contributions(FITTED, INPUTS)[1].mean(axis=0) == pytest.approx(0.0, abs=1e-9)


def test_fitted_mean_is_the_observed_rate() -> None:
    chance = 1 / (1 + np.exp(-tables.log_odds(FITTED, INPUTS)))
    assert chance.mean() == pytest.approx(LABEL.mean(), abs=1e-4)


def test_features_that_never_vary_get_no_term() -> None:
    named = {name for names, _ in [(t, 0) for t in tables.contributions(FITTED, INPUTS)[0]] for name in names}
    assert "is_written_off" not in named
    assert "age_days" in named


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tables.log_odds(FITTED, INPUTS)
    monkeypatch.setattr(tables, "BLOCK", 7)
    assert np.array_equal(tables.log_odds(FITTED, INPUTS), whole)


def test_balanced_weights_move_the_level_only_upwards() -> None:
    balanced = logistic.fit(INPUTS, LABEL, None, VOCABULARY, logistic.ORIGINAL)
    plain = logistic.fit(INPUTS, LABEL, None, VOCABULARY, replace(logistic.ORIGINAL, balanced=False))
    assert balanced.intercept > plain.intercept + 0.5
    assert not balanced.pairs
    assert all(len(curve.cells) == 2 for curve in balanced.curves)


def test_weights_count_rows() -> None:
    half = slice(0, 1000)
    twice = np.concatenate([np.arange(1000), np.arange(1000)])
    inputs = INPUTS.take(half)
    options = logistic.Options(knots=2, penalty=5.0, interactions=False)
    weighted = logistic.fit(inputs, LABEL[half], np.full(1000, 2.0), VOCABULARY, options)
    repeated = logistic.fit(inputs.take(twice), LABEL[twice], None, VOCABULARY, options)
    assert tables.log_odds(weighted, inputs) == pytest.approx(tables.log_odds(repeated, inputs), abs=1e-4)


def test_unknown_has_its_own_value() -> None:
    inputs = Matrix(INPUTS.numbers[:1].copy(order="F"), INPUTS.codes[:1])
    at = [feature.name for feature in NUMBERS].index("days_to_due")
    scores = []
    for value in (np.nan, -30.0):
        inputs.numbers[0, at] = value
        scores.append(tables.log_odds(FITTED, inputs)[0])
    assert np.isfinite(scores).all()

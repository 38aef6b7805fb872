"""Calibration: hand-worked numbers, and when it is kept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from payrec.model.recipes import calibrate
from payrec.model.recipes.calibrate import Calibration

ODDS = np.array([-3.0, -1.0, 0.0, 0.5, 2.0])


def drawn(truth: Calibration, n: int = 40_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    z = rng.normal(-0.5, 1.5, n)
    return z, (rng.random(n) < truth.probability(z)).astype(float)


def test_none_is_the_logistic_function() -> None:
    assert Calibration().probability(ODDS) == pytest.approx(1 / (1 + np.exp(-ODDS)))


def test_level_by_hand() -> None:
    # two of four at log-odds ln 3 (75 %): the level that makes the mean a half is -ln 3
    found = calibrate.fit("level", np.full(4, np.log(3.0)), np.array([1.0, 1.0, 0.0, 0.0]))
    assert found.shift == pytest.approx(-np.log(3.0))
    assert found.probability(np.array([np.log(3.0)]))[0] == pytest.approx(0.5)


def test_sigmoid_by_hand() -> None:
    # 1 of 4 at z = -1 and 3 of 4 at z = 1: through (-1, -ln 3) and (1, ln 3)
    z = np.repeat([-1.0, 1.0], 4)
    found = calibrate.fit("sigmoid", z, np.array([1.0, 0, 0, 0, 1, 1, 1, 0]))
    assert (found.low, found.shift) == (pytest.approx(np.log(3.0), abs=1e-5), pytest.approx(0.0, abs=1e-6))


def test_beta_with_equal_slopes_is_the_sigmoid() -> None:
    beta = Calibration("beta", 1.7, 1.7, 0.3)
    assert beta.log_odds(ODDS) == pytest.approx(Calibration("sigmoid", 1.7, 1.7, 0.3).log_odds(ODDS))


def test_beta_by_hand() -> None:
    p = expit(ODDS)
    by_hand = expit(2.0 * np.log(p) - 0.5 * np.log(1 - p) + 0.1)
    assert Calibration("beta", 2.0, 0.5, 0.1).probability(ODDS) == pytest.approx(by_hand)


@pytest.mark.parametrize(
    "truth",
    [
        Calibration("level", 1.0, 1.0, 0.6),
        Calibration("sigmoid", 0.6, 0.6, -0.4),
        Calibration("beta", 1.4, 0.6, 0.2),
    ],
)
def test_the_map_that_made_the_labels_is_found(truth: Calibration) -> None:
    z, label = drawn(truth)
    found = calibrate.fit(truth.kind, z, label)
    assert found.probability(ODDS) == pytest.approx(truth.probability(ODDS), abs=0.015)


@given(
    st.sampled_from(["none", "level", "sigmoid", "beta"]),
    st.floats(0.05, 5),
    st.floats(0.05, 5),
    st.floats(-3, 3),
    st.floats(-20, 20),
    st.floats(0.01, 5),
)
def test_a_calibration_rises(kind: str, low: float, high: float, shift: float, z: float, more: float) -> None:
    found = Calibration(kind, low, high, shift).probability(np.array([z, z + more]))  # type: ignore[arg-type]
    assert 0 <= found[0] <= found[1] <= 1


def test_a_map_that_would_fall_is_never_fitted() -> None:
    z, label = drawn(Calibration("level", 1.0, 1.0, 0.0), 3000)
    for kind in calibrate.KINDS:
        found = calibrate.fit(kind, -z, label)
        assert found.low > 0
        assert found.high > 0


def test_separable_labels_stay_finite() -> None:
    z = np.array([-1.0, -1.0, 1.0, 1.0])
    found = calibrate.fit("sigmoid", z, (z > 0).astype(float))
    assert np.isfinite([found.low, found.shift]).all()


def test_what_is_right_already_is_left_alone() -> None:
    z, label = drawn(Calibration())
    assert calibrate.choose(z, label, np.arange(len(z)) // 4) == Calibration()


def test_what_is_wrong_is_put_right() -> None:
    truth = Calibration("sigmoid", 0.5, 0.5, -0.8)
    z, label = drawn(truth)
    found = calibrate.choose(z, label, np.arange(len(z)) // 4)
    assert found.kind in ("sigmoid", "beta")
    assert found.probability(ODDS) == pytest.approx(truth.probability(ODDS), abs=0.02)


def test_rows_are_scored_by_calibrations_that_have_not_seen_them() -> None:
    z, label = drawn(Calibration("level", 1.0, 1.0, 0.7), 500)
    fold = np.arange(500) % 5
    found = calibrate.crossfit("level", z, label, fold)
    by_hand = calibrate.fit("level", z[fold != 2], label[fold != 2]).log_odds(z[fold == 2])
    assert np.array_equal(found[fold == 2], by_hand)


def test_log_loss_by_hand() -> None:
    losses = calibrate.log_losses(logit(np.array([0.8, 0.8])), np.array([1.0, 0.0]))
    assert losses == pytest.approx([-np.log(0.8), -np.log(0.2)])

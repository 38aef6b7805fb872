"""Intervals of expected sums: by hand, and as often right as they say, with and without shared shocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payrec.model.evaluate import expected_sum
from payrec.model.evaluate.expected_sum import Overdispersion


@given(st.lists(st.tuples(st.integers(1, 10**9), st.floats(0, 1)), max_size=8), st.floats(0, 2), st.integers(0, 30))
def test_an_interval_is_ordered_and_possible(rows: list[tuple[int, float]], phi: float, windows: int) -> None:
    value, p = np.array([v for v, _ in rows], np.int64), np.array([q for _, q in rows])
    total = expected_sum.expected_sum(value, p, Overdispersion(phi, windows))
    most = value.sum() * (1 + 1e-9)
    assert 0 <= total.low_80 <= total.high_80 <= most
    assert 0 <= total.low_95 <= total.high_95 <= most
    assert total.expected == pytest.approx(float(value @ p))


def test_without_a_shock_it_is_the_interval_of_independent_orders() -> None:
    rng = np.random.default_rng(4)
    value, p = np.round(rng.pareto(1.3, 2_000) * 1_000 + 100).astype(np.int64), rng.random(2_000)
    total = expected_sum.expected_sum(value, p, Overdispersion(0.0))
    sums = (rng.random((3_000, 2_000)) < p) @ value.astype(float)
    assert np.mean((sums >= total.low_95) & (sums <= total.high_95)) == pytest.approx(0.95, abs=0.015)
    assert np.mean((sums >= total.low_80) & (sums <= total.high_80)) == pytest.approx(0.80, abs=0.025)


@pytest.mark.parametrize("shock", [0.0, 0.3])
def test_learnt_from_past_weeks_it_holds_on_weeks_that_share_a_shock(shock: float) -> None:
    """In each of 6 worlds 26 past weeks teach φ for 20 weeks, each with a shock on the log hazard of all its orders."""
    inside = np.array([_weeks_inside(shock, seed) for seed in range(6)]).mean(0)
    assert 0.72 <= inside[0] <= 0.88
    assert 0.92 <= inside[1] <= 0.99


def _weeks_inside(shock: float, seed: int) -> tuple[float, float]:
    rng = np.random.default_rng(seed)
    value = np.round(rng.lognormal(8, 1, (46, 120))).astype(np.int64)
    p = rng.beta(1.5, 5, value.shape)
    shocked = 1 - (1 - p) ** np.exp(shock * rng.standard_normal(46) - shock**2 / 2)[:, None]
    came = ((rng.random(value.shape) < shocked) * value).sum(1).astype(float)
    variance = np.array([expected_sum.independent_variance(v, q) for v, q in zip(value, p, strict=True)])
    responses = np.array([expected_sum.response(v, q) for v, q in zip(value, p, strict=True)])
    spread = expected_sum.learn((value * p).sum(1)[:26], came[:26], variance[:26], responses[:26])
    sums = [expected_sum.expected_sum(v, q, spread) for v, q in zip(value[26:], p[26:], strict=True)]
    in_80 = np.mean([s.low_80 <= x <= s.high_80 for s, x in zip(sums, came[26:], strict=True)])
    in_95 = np.mean([s.low_95 <= x <= s.high_95 for s, x in zip(sums, came[26:], strict=True)])
    return float(in_80), float(in_95)


def test_phi_by_hand() -> None:
    assert expected_sum.learn(*np.zeros((4, 0))) == Overdispersion(0.10, 0)
    assert expected_sum.learn(*np.array([[0.0], [5.0], [1.0], [0.0]])) == Overdispersion(0.10, 0)
    # two weeks of 100, 30 above and 10 below: (0.3² + 0.1² + 3 · 0.1²) / 5
    learnt = expected_sum.learn(np.full(2, 100.0), np.array([130.0, 90.0]), np.zeros(2), np.full(2, 100.0))
    assert learnt.windows == 2
    assert learnt.phi**2 == pytest.approx(0.026, rel=0.02)


def test_weeks_that_vary_by_themselves_say_little_about_shocks() -> None:
    """Ten weeks of few large orders: half above, half below by what independent orders explain."""
    hundred = np.full(10, 100.0)
    noisy = expected_sum.learn(hundred, 100.0 + 80 * np.tile([1.0, -1.0], 5), np.full(10, 6_400.0), hundred)
    assert noisy.phi == pytest.approx(0.10, abs=0.01)


def test_a_sure_sum_has_no_interval() -> None:
    sure = expected_sum.expected_sum(np.array([100, 200, 300]), np.array([1.0, 1.0, 0.0]), Overdispersion(0.5))
    assert (sure.low_80, sure.high_80, sure.low_95, sure.high_95) == (300.0,) * 4


def test_the_orders_that_carry_the_sum_are_named() -> None:
    value, p = np.array([100, 100, 9_000, 100, 5_000, 100, 100, 100]), np.full(8, 0.5)
    total = expected_sum.expected_sum(value, p)
    assert total.carriers == (2,)
    assert total.carriers_sentence == "one order carries 62% of it"
    assert expected_sum.expected_sum(np.full(50, 10), np.full(50, 0.5)).carriers_sentence == ""
    two = expected_sum.expected_sum(np.array([40, 40, *[2] * 20]), np.full(22, 1.0))
    assert (two.carriers, two.carriers_sentence) == ((0, 1), "2 orders carry 67% of it")

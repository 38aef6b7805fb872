"""The prior that sparse rates are drawn to."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import betaln

from payrec.model.features import shrink
from payrec.model.features.vocabulary import Shrinkage


def customers(mean: float, weight: float, n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    trials = rng.integers(0, 12, n).astype(float)
    rate = rng.beta(mean * weight, (1 - mean) * weight, n)
    return rng.binomial(trials.astype(int), rate).astype(float), trials


@pytest.mark.parametrize(("mean", "weight"), [(0.4, 2.0), (0.1, 8.0), (0.7, 30.0)])
def test_the_prior_that_made_the_counts_is_found(mean: float, weight: float) -> None:
    found = shrink.fit(*customers(mean, weight))
    assert found.mean == pytest.approx(mean, abs=0.01)
    assert found.weight == pytest.approx(weight, rel=0.15)


def test_it_is_the_maximum() -> None:
    k, n = customers(0.3, 4.0, 2000)
    found = shrink.fit(k, n)

    def likelihood(mean: float, weight: float) -> float:
        a, b = mean * weight, (1 - mean) * weight
        return float((betaln(k + a, n - k + b) - betaln(a, b)).sum())

    best = likelihood(found.mean, found.weight)
    for mean, weight in ((1.03, 1), (0.97, 1), (1, 1.1), (1, 0.9)):
        assert likelihood(found.mean * mean, found.weight * weight) < best


def test_nothing_known_says_a_half() -> None:
    assert shrink.fit(np.zeros(5), np.zeros(5)) == Shrinkage(0.5, 1.0)


def test_no_differences_between_customers_gives_a_heavy_prior() -> None:
    found = shrink.fit(*customers(0.4, 1e6))
    assert found.weight > 100


def test_segment_means_by_hand() -> None:
    prior = Shrinkage(0.5, 4.0)
    means = shrink.segment_means(np.array([4.0, 0.0]), np.array([4.0, 0.0]), np.array([1, 0], np.int32), 3, prior)
    # a customer with 4 of 4 counts a half: (0.5 * 1 + 20 * 0.5) / (0.5 + 20)
    assert means == pytest.approx((0.5, 10.5 / 20.5, 0.5), abs=1e-6)

"""What a contact changes: found where it differs, off where it does not, shrunk to one push without evidence."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import expit, logit

from payrec.model import effect, effect_fit
from payrec.model.effect_fit import AssignedOrders


def world(
    n: int, seed: int, differs: float, push: float = 0.25, of_chance: float = 0.0
) -> tuple[AssignedOrders, np.ndarray]:
    """Draw orders whose effect hangs on the first of four features by ``differs``; return them and true effects."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 4))
    p = expit(rng.normal(-0.4, 1.0, n) + 0.3 * z[:, 1])
    tau = np.clip(expit(logit(p) + push + differs * z[:, 0]) + of_chance * p, 0, 1) - p
    contact = rng.random(n) < 0.6
    recovered = (rng.random(n) < p + tau * contact).astype(np.float64)
    amount, customer = rng.lognormal(4, 1, n), rng.integers(0, n, n)
    return AssignedOrders(p, z, contact, np.full(n, 0.6), recovered, customer, amount), tau


def test_the_fit_finds_the_push_and_what_moves_it() -> None:
    orders, tau = world(20_000, 1, 0.6)
    fitted = effect_fit.fit(orders)
    assert fitted.push == pytest.approx(0.25, abs=0.1)
    assert fitted.beta[0] == pytest.approx(0.6, abs=0.12)
    assert np.abs(fitted.beta[1:]).max() < 0.15
    estimated = fitted.effect(orders.p, orders.z)
    assert 0.8 < np.polyfit(estimated, tau, 1)[0] < 1.2, "calibrated"


def test_without_evidence_every_contact_has_the_same_push() -> None:
    fitted = effect_fit.fit(world(4_000, 2, 0.0)[0])
    assert fitted.penalty >= 300
    assert np.abs(fitted.beta).max() < 0.1


def test_it_is_on_where_the_effect_differs_and_off_where_it_does_not() -> None:
    """With five worlds of each kind; effects in proportion to the chance are no reason either."""
    on = [effect.judge(world(4_000, seed, 0.7)[0], 0.1, 1) for seed in range(5)]
    assert sum(one.is_on for one in on) >= 4
    assert all(one.gain > 0 for one in on if one.is_on)
    off = [effect.judge(world(4_000, seed, 0.0, 0.0, rise)[0], 0.1, 1) for seed, rise in ((1, 0), (2, 0), (3, 0.2))]
    assert not any(one.is_on for one in off)
    assert "does not differ beyond what the chance says" in off[0].reason


def test_few_orders_are_refused() -> None:
    one = effect.judge(world(400, 1, 0.7)[0], 0.1, 1)
    assert not one.is_on
    assert math.isnan(one.z)
    assert "400 assigned orders with a known outcome" in one.reason

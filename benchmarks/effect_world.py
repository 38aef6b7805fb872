"""A made world of failed payments whose contacts are assigned at random and whose effects are known.

P(recovered in 30 days) is ``1 − exp(−exp(eta + w·tau))``: eta and tau hang on what is seen and on what is hidden. The
features are every column once; nothing is chosen to fit tau.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from payrec.model.effect_fit import AssignedOrders

Floats = NDArray[np.float64]
REASON_EFFECTS = np.array([0.1, -0.1, 0.0, 0.1, -2.6, 0.9, 0.2])
REASON_SHARES = (0.3, 0.18, 0.12, 0.07, 0.12, 0.11, 0.10)
LEVELS = {"reason": 7, "provider": 4, "method": 4, "country": 6, "device": 2, "subscription": 2}
LEARNT_FROM, PROPORTION = 20_000, 0.15
HIDDEN_TAU = (0.2, 0.4)  # mean and sd
SHIFTS = {"+5": 0.132, "+2": -0.015}  # added to every tau so that a contact adds so many points on average


@dataclass(frozen=True)
class World:
    """n orders: columns of the features (n, k), amounts, and true chances without and with a contact."""

    columns: Floats
    amount: Floats
    alone: Floats
    contacted: Floats


def drawn(n: int, rng: np.random.Generator, effect: str) -> World:
    """Draw orders.

    ``effect``: points that a contact adds on average (``+5``, ``+2``); ``none``; ``proportional`` to the chance; or
    ``hidden``: what makes effects differ is in no column.
    """
    text = {name: rng.integers(0, count, n) for name, count in LEVELS.items()}
    text["reason"] = rng.choice(7, n, p=REASON_SHARES)
    text["subscription"] = (rng.random(n) < 0.6).astype(np.int64)
    trait, failures = rng.normal(0, 1, n), rng.poisson(3, n)
    rate = (rng.binomial(failures, expit(1.3 * trait)) + 1.2) / (failures + 2.4)
    tenure, age, contacts = rng.exponential(400, n), rng.integers(0, 31, n), rng.poisson(0.8, n)
    amount, tail = np.exp(rng.normal(np.log(60), 1, n)), rng.random(n) < 0.05
    amount[tail] = np.minimum(200 * (rng.pareto(1.8, int(tail.sum())) + 1), 50_000)
    eta = (
        -0.75 + REASON_EFFECTS[text["reason"]] + 0.85 * trait + rng.normal(0, 0.5, n)
        - 0.17 * (np.log(amount) - np.log(60)) - 0.035 * age + 0.1 * np.log1p(tenure / 90)
    )  # fmt: skip
    tau = (
        0.55 * np.isin(text["reason"], [2, 3]) - 0.3 * (text["reason"] == 4) + 0.15 * text["device"]
        + 0.3 * (tenure < 90) - 0.12 * np.minimum(contacts, 4) + 0.2 * (age < 7) + rng.normal(0, 0.3, n)
        - 0.75 * ((text["subscription"] == 1) & (tenure > 540))
    )  # fmt: skip
    alone = -np.expm1(-np.exp(eta))
    if effect == "none":
        contacted = alone
    elif effect == "proportional":
        contacted = np.minimum(alone * (1 + PROPORTION), 1)
    elif effect == "hidden":
        contacted = -np.expm1(-np.exp(eta + rng.normal(*HIDDEN_TAU, n)))
    else:
        contacted = -np.expm1(-np.exp(eta + tau + SHIFTS[effect]))
    numbers = (np.log(amount), np.log1p(failures), rate, np.log1p(tenure), np.log1p(age), np.log1p(contacts))
    dummies = [(text[name] == level).astype(float) for name, count in LEVELS.items() for level in range(count)]
    return World(np.column_stack([*numbers, *dummies]), amount, alone, contacted)


@cache
def champion() -> tuple[LogisticRegression, Floats, Floats]:
    """Return a model learnt from other orders without contacts, and mean and spread of its columns."""
    known = drawn(LEARNT_FROM, np.random.default_rng(99), "none")
    mean, spread = known.columns.mean(0), known.columns.std(0)
    recovered = np.random.default_rng(98).random(LEARNT_FROM) < known.alone
    return LogisticRegression(C=0.1).fit((known.columns - mean) / spread, recovered), mean, spread


def features(world: World) -> tuple[Floats, Floats]:
    """Return the chance that the champion gives each order, and standardised features, chance included."""
    model, mean, spread = champion()
    z = (world.columns - mean) / spread
    p = model.predict_proba(z)[:, 1]
    return p, np.column_stack([(logit(p) + 1) / 1.5, z])


def assigned(world: World, rng: np.random.Generator, propensity: float) -> AssignedOrders:
    """Assign contacts at random, and draw what is recovered."""
    n = world.amount.size
    contact, (p, z) = rng.random(n) < propensity, features(world)
    recovered = (rng.random(n) < np.where(contact, world.contacted, world.alone)).astype(np.float64)
    return AssignedOrders(p, z, contact, np.full(n, propensity), recovered, np.arange(n), world.amount)

"""Who owes: hidden traits that never leave the simulator, and the visible things that hang together with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from payrec.simulate.world import (
    CARD_POLICIES,
    COUNTRIES,
    CURRENCIES,
    DEVICE_SHARES,
    KIND_SHARES,
    PROVIDERS,
    Bools,
    Floats,
    Ints,
    choose,
    choose_by_group,
)

ORDERS_PER_CUSTOMER = 8
TRAIT_SD = 0.85
DRIFT_SD, DRIFT_KEPT = 0.40, 0.85  # of a monthly AR(1), stationary from the first month
MERCHANTS, MERCHANT_SD = 40, 0.12
TAIL = 1.45  # of the Pareto weights with which customers order
HEAVIEST_SHARE, HEAVIEST_LEAST, HEAVIEST_MOST = 0.01, 10.0, 400.0  # the weights are cut, lower in a small portfolio
OPT_OUT_SHARE = 0.05


@dataclass(frozen=True)
class Merchants:
    """Hidden: who sells. A merchant has a level of its own, a provider it mostly uses and one card retry policy."""

    effect: Floats
    provider: Ints
    policy: Ints


@dataclass(frozen=True)
class Customers:
    """One entry a customer; days count from the portfolio's first day.

    ``drift`` has shape (customers, months). Who ``opts_out`` does so at the first contact, and is not contacted again.
    """

    trait: Floats
    drift: Floats
    weight: Floats
    joined_day: Ints
    billing_day: Ints
    country: Ints
    currency: Ints
    payday: Ints
    device: Ints
    kind: Ints
    merchant: Ints
    is_holdout: Bools
    opts_out: Bools


def draw_merchants(rng: np.random.Generator) -> Merchants:
    """Draw the merchants of this world."""
    return Merchants(
        effect=rng.normal(0.0, MERCHANT_SD, MERCHANTS),
        provider=rng.integers(0, len(PROVIDERS), MERCHANTS),
        policy=rng.integers(0, CARD_POLICIES, MERCHANTS),
    )


def drifting(rng: np.random.Generator, n: int, months: int) -> Floats:
    """Return a stationary AR(1) path for each of ``n`` customers, shape (n, months)."""
    path = np.empty((n, months))
    path[:, 0] = rng.normal(0.0, DRIFT_SD, n)
    for month in range(1, months):
        step = rng.normal(0.0, DRIFT_SD * np.sqrt(1 - DRIFT_KEPT**2), n)
        path[:, month] = DRIFT_KEPT * path[:, month - 1] + step
    return path


def draw(rng: np.random.Generator, orders: int, days: int, months: int, held_out: float) -> Customers:
    """Draw about one customer for every ORDERS_PER_CUSTOMER orders; a few of them order very often."""
    n = max(1, round(orders / ORDERS_PER_CUSTOMER))
    heaviest = min(max(HEAVIEST_SHARE * n, HEAVIEST_LEAST), HEAVIEST_MOST)
    country = choose(rng, tuple(c.share for c in COUNTRIES), n)
    home = np.array([CURRENCIES.index(c.currency) for c in COUNTRIES])[country]
    abroad = rng.random(n) < 0.06
    joined_before = rng.exponential(500.0, n).astype(np.int64)
    joined_within = rng.integers(0, days, n)
    anniversary, batch = rng.integers(1, 29, n), choose(rng, (0.35, 0.22, 0.43), n)
    return Customers(
        trait=rng.normal(0.0, TRAIT_SD, n),
        drift=drifting(rng, n, months),
        weight=np.minimum((1.0 - rng.random(n)) ** (-1 / TAIL), heaviest),
        joined_day=np.where(rng.random(n) < 0.6, -1 - joined_before, joined_within),
        billing_day=np.where(batch == 2, anniversary, np.array([1, 15, 0])[batch]),
        country=country,
        currency=np.where(abroad, choose(rng, (0.5, 0.5), n), home),
        payday=choose_by_group(rng, np.array([c.payday_shares for c in COUNTRIES]), country),
        device=choose(rng, DEVICE_SHARES, n),
        kind=choose(rng, KIND_SHARES, n),
        merchant=rng.integers(0, MERCHANTS, n),
        is_holdout=rng.random(n) < held_out,
        opts_out=rng.random(n) < OPT_OUT_SHARE,
    )

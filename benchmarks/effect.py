"""Is what the list brings estimated without bias, with intervals that hold? Many assignments of one known world.

``python -m benchmarks effect``. Orders of customers that owe several, amounts with a Pareto tail, effects that differ,
and a shock that all orders of a week share. ``rows`` of the result: assignments drawn.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from payrec.monitor import extra_money
from payrec.monitor.extra_money import Units

Floats = NDArray[np.float64]
SHARE, WEEKS, SEED = 0.2, 52, 11
ASSIGNMENTS, YEARS = 400, 200
SHOCK_SD = 0.05  # of a week, on the probability


def drawn(customers: int, rng: np.random.Generator, per_week: int) -> tuple[Floats, Floats, Floats]:
    """Return for each customer the residual in money if contacted and if not, and the money itself if not."""
    of = np.repeat(np.arange(customers), 1 + rng.poisson(0.6, customers))
    amount = np.exp(rng.normal(np.log(60), 1.0, of.size))
    tail = rng.random(of.size) < 0.05
    amount[tail] = np.minimum(200 * (rng.pareto(1.8, int(tail.sum())) + 1), 5_000)
    p, u = rng.beta(1.2, 2, of.size), rng.random(of.size)
    shock = rng.normal(0, SHOCK_SD, customers // per_week + 1)[of // per_week]
    alone = np.clip(p + shock, 0, 1)
    contacted = u < np.clip(alone + rng.normal(0.05, 0.05, of.size), 0, 1)
    r1, r0, raw = (np.bincount(of, amount * y, customers) for y in (contacted - p, (u < alone) - p, u < alone))
    return r1, r0, raw


def _units(contact: NDArray[np.bool_], customer: NDArray[np.int64] | None = None) -> Units:
    n = contact.size
    who = np.arange(n) if customer is None else customer
    return Units(who, np.zeros(n, dtype=np.int64), contact, np.full(n, 1 - SHARE))


def coverage(_: int) -> dict[str, Any]:
    """Measure bias and coverage of the plain interval at the declared end, over 400 assignments of 5,000 customers."""
    rng, n = np.random.default_rng(SEED), 5_000
    r1, r0, raw = drawn(n, rng, 100)
    truth, errors, covered = (1 - SHARE) * float((r1 - r0).sum()), [], 0
    for _number in range(ASSIGNMENTS):
        contact = rng.random(n) >= SHARE
        one = extra_money.estimate(_units(contact), np.where(contact, r1, r0), n)
        errors.append(one.total - truth)
        covered += one.plain_low <= truth <= one.plain_high
    return {
        "rows": ASSIGNMENTS,
        "bias_in_se": float(np.mean(errors) / np.std(errors)),
        "coverage": covered / ASSIGNMENTS,
        "customers_against_plain_difference": float(np.var(r0) / np.var(raw)),
    }


def sequence(per_week: int, _: int) -> dict[str, Any]:
    """Measure in how many of 200 years with weekly looks the sequence ever misses the truth."""
    missed = known = 0
    n = per_week * WEEKS
    for seed in range(YEARS):
        rng = np.random.default_rng([SEED, per_week, seed])
        r1, r0, _raw = drawn(n, rng, per_week)
        contact, customer = rng.random(n) >= SHARE, rng.integers(0, round(n * 0.8), n)
        r = np.where(contact, r1, r0)
        looks = [slice(0, per_week * week) for week in range(4, WEEKS + 1)]
        ones = [(extra_money.estimate(_units(contact[at], customer[at]), r[at], n // 2), at) for at in looks]
        missed += any(not one.low <= (1 - SHARE) * (r1 - r0)[at].sum() <= one.high for one, at in ones)
        known += any(one.is_known for one, _at in ones)
    return {"rows": YEARS, "missed": missed / YEARS, "known_within_a_year": known / YEARS}


def plan(_: int) -> dict[str, Any]:
    """Compare the week that a plan names with the median week in which 200 years first leave out 0, in points."""
    effect, per_week, weeks = 0.10, 100, []
    rng = np.random.default_rng(SEED)
    past = np.bincount(np.arange(4_000), (rng.random(4_000) < 0.4) - 0.4)
    planned = extra_money.planned_customers(past, effect, SHARE)
    for _number in range(YEARS):
        n = per_week * WEEKS
        contact = rng.random(n) >= SHARE
        r = (rng.random(n) < 0.4 + effect * contact) - 0.4
        looks = (slice(0, per_week * week) for week in range(3, WEEKS + 1))
        known = (
            at.stop / per_week for at in looks if extra_money.estimate(_units(contact[at]), r[at], planned).low > 0
        )
        weeks.append(next(known, 2.0 * WEEKS))
    named, median = extra_money.forecast(past, effect, SHARE, per_week, 0).weeks, float(np.median(weeks))
    return {"rows": YEARS, "planned_week": named, "median_week": median, "ratio": named / median}


def prepared(_: int) -> None:
    """Prepare nothing."""

r"""The daily hazard of recovery, summed once, so that every probability is exact and costs a look-up.

An order fails on calendar day t. On day d = 1, 2, … after it, while it is still open, it is recovered with probability
:math:`h(d) = 1 - \exp(-\lambda(d))`, and

.. math::
    \lambda(d) = e^{\eta}\, g(d)\, e^{\tau 1\{d > A\}}, \qquad
    \log g(d) = -0.75 \log(1 + d) + \text{retry}(d) + \text{payday}(t + d) + \text{weekend}(t + d)

with A the day of the contact (none: never). With G(d) the sum of g to day d, the cumulative hazard is
:math:`\Lambda(d) = e^{\eta} [G(\min(d, A)) + e^{\tau} (G(d) - G(\min(d, A)))]`, and
:math:`P(\text{recovered by } h \mid \text{open at } a) = 1 - \exp(-(\Lambda(h) - \Lambda(a)))`.

All of an order's g depends on its cell alone: payday profile, class of reason, retry policy and day of failure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from payrec.simulate.customer_behaviour import Behaviour
from payrec.simulate.world import HARD, PAYDAYS, POLICIES, RETRY_LIFTS, Bools, Floats, Ints

LAST_DAY = 150  # the oldest landmark (60) and the longest horizon (90); who has not paid by then never does
NEVER_DAY = LAST_DAY + 1
DECAY = 0.75
SHOCK_KEPT = 0.7  # of a week's shock in the next
PAYDAY_LIFT, PAYDAY_AFTER_LIFT = 0.9, 0.45
WEEKEND_LIFTS = (-0.35, -0.35, -0.45, 0.05, -0.50, 0.15)  # by PAYDAYS


@dataclass(frozen=True)
class Cells:
    """What decides g, one entry an order: numbers into PAYDAYS, RETRY_LIFTS and POLICIES, and the day of failure."""

    payday: Ints
    reason_kind: Ints
    policy: Ints
    day: Ints


@dataclass(frozen=True)
class Hazard:
    """The cumulative hazard of each order: its row in the shared table of G, and what multiplies it.

    Attributes
    ----------
    table
        G, shape (cells, LAST_DAY + 1); column d is the sum of g over days 1 to d.
    row
        Row of ``table``, one an order.
    scale, boost
        exp(eta) and exp(tau), one an order.
    contact_day
        The day A after which ``boost`` holds; LAST_DAY = never.
    """

    table: Floats
    row: Ints
    scale: Floats
    boost: Floats
    contact_day: Ints

    def take(self, orders: Ints | Bools) -> Hazard:
        """Return the hazard of some of the orders."""
        return Hazard(self.table, self.row[orders], self.scale[orders], self.boost[orders], self.contact_day[orders])


def payday_lifts(first_day: np.datetime64, days: int) -> Floats:
    """Return payday and weekend effects on the log hazard, shape (PAYDAYS, days), from ``first_day`` on."""
    dates = first_day + np.arange(-1, days)
    month = dates.astype("datetime64[M]")
    month_start, next_month = month.astype("datetime64[D]"), (month + np.timedelta64(1, "M")).astype("datetime64[D]")
    day_of_month = (dates - month_start).astype(np.int64) + 1
    weekday = (dates.astype(np.int64) + 3) % 7  # 0 = Monday; day 0 of numpy was a Thursday
    last_day = next_month - np.timedelta64(1, "D")
    paid = np.stack(
        [
            day_of_month == 25,
            (day_of_month == 1) | (dates == last_day),
            day_of_month == 10,
            (day_of_month == 1) | (day_of_month == 15),
            dates == np.busday_offset(last_day, 0, roll="backward"),
            weekday == 4,
        ]
    )
    lifts = PAYDAY_LIFT * paid[:, 1:] + PAYDAY_AFTER_LIFT * paid[:, :-1]
    weekend: Floats = np.outer(np.array(WEEKEND_LIFTS), weekday[1:] >= 5)
    return lifts + weekend


def schedule() -> Bools:
    """Return on which days each policy tries again, shape (POLICIES, NEVER_DAY + 1)."""
    days = np.zeros((len(POLICIES), NEVER_DAY + 1), dtype=np.bool_)
    for policy, retries in enumerate(POLICIES):
        days[policy, list(retries)] = True
    return days


def cumulative_table(cells: Cells, lifts: Floats) -> tuple[Floats, Ints]:
    """Sum g over the days for every cell in use.

    Parameters
    ----------
    cells
        One entry an order.
    lifts
        Payday and weekend effects by calendar day, reaching LAST_DAY days beyond the last day of failure.

    Returns
    -------
    tuple
        G of shape (cells in use, LAST_DAY + 1), and each order's row in it.
    """
    kinds, policies = len(RETRY_LIFTS), len(POLICIES)
    code = ((cells.day * len(PAYDAYS) + cells.payday) * kinds + cells.reason_kind) * policies + cells.policy
    used, row = np.unique(code, return_inverse=True)
    rest, policy = np.divmod(used, policies)
    rest, kind = np.divmod(rest, kinds)
    day, payday = np.divmod(rest, len(PAYDAYS))
    ages = np.arange(1, LAST_DAY + 1)
    calendar = np.exp(lifts)[payday[:, None], day[:, None] + ages]
    retry = np.exp(np.array(RETRY_LIFTS)[:, None, None] * schedule()[:, 1 : LAST_DAY + 1])
    table = np.zeros((len(used), LAST_DAY + 1))
    np.cumsum(calendar * retry[kind, policy] * (1.0 + ages) ** -DECAY, axis=1, out=table[:, 1:])
    return table, row.astype(np.int64)


def cumulative(hazard: Hazard, day: Ints | int) -> Floats:
    """Return the cumulative hazard by the end of ``day``, one an order; days beyond LAST_DAY add nothing."""
    until = np.minimum(day, LAST_DAY)
    before = hazard.table[hazard.row, np.minimum(until, hazard.contact_day)]
    after = hazard.table[hazard.row, until] - before
    summed: Floats = hazard.scale * (before + hazard.boost * after)
    return summed


def probability(hazard: Hazard, open_at: Ints | int, by: Ints | int) -> Floats:
    """Return P(recovered by day ``by`` | open at the end of day ``open_at``)."""
    return -np.expm1(cumulative(hazard, open_at) - cumulative(hazard, by))


def contact_effect(hazard: Hazard, tau: Floats, open_at: Ints | int, by: Ints | int) -> Floats:
    """Return P(recovered by ``by``) with a contact at the end of day ``open_at``, minus the same without a contact."""
    until = np.minimum(by, LAST_DAY)
    exposure = hazard.scale * (hazard.table[hazard.row, until] - hazard.table[hazard.row, open_at])
    effect: Floats = np.exp(-exposure) - np.exp(-exposure * np.exp(tau))
    return effect


def sample(hazard: Hazard, threshold: Floats) -> Ints:
    """Return the first day whose cumulative hazard reaches ``threshold`` ~ Exp(1), by halving; NEVER_DAY if none."""
    low = np.zeros(len(threshold), dtype=np.int64)  # too early
    high = np.full(len(threshold), NEVER_DAY, dtype=np.int64)  # late enough, or never
    for _ in range(NEVER_DAY.bit_length()):
        middle = (low + high) // 2
        reached = cumulative(hazard, middle) >= threshold
        high = np.where(reached, middle, high)
        low = np.where(reached, low, middle)
    return high


def base_level(exposure: Floats, wanted: float) -> float:
    """Return the base b, by bisection, for which the mean of 1 - exp(-e^b exposure) is ``wanted``.

    ``exposure`` is the cumulative hazard at base 0; with no order at all the base is 0.
    """
    low, high = -20.0, 20.0
    if len(exposure) == 0:
        return 0.0
    for _ in range(50):
        middle = (low + high) / 2
        reached = float(np.mean(-np.expm1(-np.exp(middle) * exposure)))
        low, high = (middle, high) if reached < wanted else (low, middle)
    return (low + high) / 2


def can_be_retried(reason_kind: Ints) -> Bools:
    """Return where the rules allow another charge of the same credential: everywhere but after a hard decline."""
    allowed: Bools = reason_kind != HARD
    return allowed


def weekly_shocks(rng: np.random.Generator, behaviour: Behaviour, first_day: np.datetime64, days: int) -> Floats:
    """Return the shock to the log hazard by calendar day from ``first_day`` on, (days,); weeks begin on Mondays."""
    week = ((first_day + np.arange(days)).astype(np.int64) + 3) // 7
    week -= week[0]
    steps = rng.normal(0.0, 1.0, int(week[-1]) + 1)
    shock = np.empty_like(steps)
    shock[0] = steps[0]
    for number in range(1, steps.size):
        shock[number] = SHOCK_KEPT * shock[number - 1] + (1 - SHOCK_KEPT**2) ** 0.5 * steps[number]
    by_day: Floats = behaviour.weekly_shock_sd * shock[week]
    return by_day

"""Whether the effect of a contact differs between orders beyond what the chance says: a test at declared looks.

The effects are those of :mod:`payrec.model.effect_fit`, each estimated from other customers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from payrec.common.arrow import Floats
from payrec.common.short_repr import short_repr
from payrec.model import effect_fit
from payrec.model.effect_fit import AssignedOrders

LOOKS = (1_250, 2_500, 5_000, 10_000)  # orders with a known outcome at which the rule may switch on
LEAST_Z = 2.24  # one-sided 5 % over four looks
KEPT_Z = 1.645  # below it the 90 % interval of the slope reaches 0, and the rule switches off again
LEAST_ORDERS, LEAST_IN_ARM = LOOKS[0], 200
CAP_QUANTILE = 0.9
LEAST_VARIANCE = 0.02  # of an outcome, in the weights


@short_repr
@dataclass(frozen=True)
class Look:
    """One test on the first ``orders``: z of the slope, and the gain of the list by effect."""

    orders: int
    z: float
    gain: float

    @property
    def passes(self) -> bool:
        """Whether the rule switches on at this look."""
        return self.z >= LEAST_Z and self.gain > 0


@short_repr
@dataclass(frozen=True)
class EffectVerdict:
    """Whether the differences between the effects of a contact are real.

    Attributes
    ----------
    is_on
        A list by effect may replace the list by chance.
    z
        Slope of what a contact did on its estimated effect, with the chance in the regression, in standard errors; all
        orders.
    gain
        Money that the list by effect brings more than that by chance, amounts capped, as a share; NaN if not tested.
    mean_effect
        What a contact adds on average, in points.
    reason
        One sentence.
    looks
        The declared looks so far.
    by_tenth
        By tenth of the estimated effect, from the smallest: its mean, and what contacts did, in points.
    """

    is_on: bool
    z: float
    gain: float
    mean_effect: float
    reason: str
    looks: tuple[Look, ...] = ()
    by_tenth: tuple[tuple[float, float], ...] = ()


def untested(reason: str) -> EffectVerdict:
    """Return the verdict of data that cannot be tested."""
    return EffectVerdict(False, math.nan, math.nan, math.nan, reason)


def judge(orders: AssignedOrders, share_listed: float, seed: int) -> EffectVerdict:
    """Decide whether estimated effects say more of what a contact did than the chance does.

    It switches on at one of four declared looks, at the first 1,250, 2,500, 5,000 and 10,000 orders: z of at least 2.24
    and a list by effect that brings more money, amounts capped. It stays on while all orders so far keep the 90 %
    interval of the slope above 0 and the gain positive.

    Parameters
    ----------
    share_listed
        Share of the orders that fit into the capacity, to compare the two lists.
    """
    n, smaller = orders.p.size, min(int(orders.contact.sum()), int((~orders.contact).sum()))
    if n < LEAST_ORDERS or smaller < LEAST_IN_ARM:
        enough = f"{LEAST_ORDERS:,} and {LEAST_IN_ARM} in the smaller arm are needed"
        return untested(f"{n:,} assigned orders with a known outcome, {smaller:,} in the smaller arm; {enough}")
    looks: list[Look] = []
    for count in (*(look for look in LOOKS if look < n), n):
        first = orders.take(slice(count))
        if count == n or min(int(first.contact.sum()), int((~first.contact).sum())) >= LEAST_IN_ARM:
            tau = effect_fit.cross_fitted(first, seed)
            looks.append(_look(first, tau, share_listed))
    now = looks[-1]
    looks = looks if n in LOOKS else looks[:-1]
    switched = next((look for look in looks if look.passes), None)
    is_on = switched is not None and now.z >= KEPT_Z and now.gain > 0
    if is_on:
        words = f"the effect differs between orders beyond what the chance says (z {now.z:.1f})"
    elif switched is not None:
        words = f"the effect differed at {switched.orders:,} orders (z {switched.z:.1f}), but does no longer"
        words += f" (z {now.z:.1f}, {KEPT_Z} is needed)" if now.z < KEPT_Z else ": a list by it would bring less money"
    elif any(look.z >= LEAST_Z for look in looks):
        words = f"the effect differs (z {now.z:.1f}), but a list by it would not bring more money"
    else:
        best = max(looks, key=lambda look: look.z) if looks else now
        words = f"the effect does not differ beyond what the chance says (z {best.z:.1f}, {LEAST_Z} is needed)"
    pseudo = _pseudo(orders)
    tenths = np.array_split(np.argsort(tau, kind="stable"), 10)
    by_tenth = tuple((100 * float(tau[rows].mean()), 100 * float(pseudo[rows].mean())) for rows in tenths)
    return EffectVerdict(is_on, now.z, now.gain, 100 * float(pseudo.mean()), words, tuple(looks), by_tenth)


def _pseudo(orders: AssignedOrders) -> Floats:
    e = orders.propensity
    pseudo: Floats = (orders.recovered - orders.p) * (orders.contact - e) / (e * (1 - e))
    return pseudo


def _look(orders: AssignedOrders, tau: Floats, share_listed: float) -> Look:
    pseudo = _pseudo(orders)
    return Look(orders.p.size, _slope_z(pseudo, orders, tau), _gain(pseudo, orders, tau, share_listed))


def _slope_z(pseudo: Floats, orders: AssignedOrders, tau: Floats) -> float:
    """Return the coefficient of tau in standard errors by customer; 0 if all estimates are one.

    The regression of ``(y − p)(w − e) / (e (1 − e))`` on 1, tau, p and p² is that of Chernozhukov, Demirer, Duflo and
    Fernández-Val (2018) with the chance added, weighted by 1 / (p (1 − p)), the inverse of the variance of y.
    """
    spread = float(tau.std())
    if spread < 1e-9:
        return 0.0
    p = orders.p
    x = np.column_stack([np.ones_like(p), p, p**2, (tau - tau.mean()) / spread])
    weighted = x / np.maximum(p * (1 - p), LEAST_VARIANCE)[:, None]
    inverse = np.linalg.pinv(x.T @ weighted)
    coefficients = inverse @ (weighted.T @ pseudo)
    scores = np.zeros((int(orders.customer.max()) + 1, x.shape[1]))
    np.add.at(scores, orders.customer, weighted * (pseudo - x @ coefficients)[:, None])
    variance = inverse @ (scores.T @ scores) @ inverse
    return float(coefficients[-1] / math.sqrt(max(variance[-1, -1], 1e-300)))


def _gain(pseudo: Floats, orders: AssignedOrders, tau: Floats, share_listed: float) -> float:
    """Return how much more extra money the list by effect brings, amounts capped, as a share of the other's."""
    amount = np.minimum(orders.amount, np.quantile(orders.amount, CAP_QUANTILE))
    k = max(round(share_listed * amount.size), 1)
    brought = [
        float((amount * pseudo)[np.argsort(-orders.amount * score, kind="stable")[:k]].sum())
        for score in (tau, orders.p)
    ]
    return (brought[0] - brought[1]) / max(abs(brought[1]), 1e-9)

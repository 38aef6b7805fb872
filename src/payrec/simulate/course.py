"""The course of a failed order: its level, its contact, and the time of its recovery."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from payrec.simulate import hazard as hz
from payrec.simulate.customer_behaviour import USUAL, Behaviour
from payrec.simulate.customers import Customers
from payrec.simulate.orders import CUSTOMER_STEP, DAY_SECONDS, OFFSETS, Orders, Span, events_before, local_second, take
from payrec.simulate.world import (
    ACTION,
    COUNTRIES,
    DEVICE_EFFECTS,
    KIND_EFFECTS,
    METHOD_EFFECTS,
    MOBILE,
    ONE_OFF,
    PROVIDER_EFFECTS,
    PROVIDERS,
    REASON_KIND,
    REASON_NUMBER,
    REASONS,
    RETRY_LIFTS,
    SUBSCRIPTION,
    Bools,
    Floats,
    Ints,
)

MEAN_RECOVERY = 0.40  # of the failed orders within 30 days
CONTACT_DAYS = (1, 2, 3, 5, 7, 10, 14, 21)
CONTACT_MEAN = {"hidden": 0.47, "seen": 0.10, "none": 0.0}  # of tau, before what moves it
CONTACT_SD = {"hidden": 0.40, "seen": 0.10, "none": 0.0}
SEEN_SCALE = {"hidden": 1.0, "seen": 2.0, "none": 0.0}
DISPUTE_SHARE, DISPUTE_EFFECT = 0.03, -0.9
INTERACTION_SD = 0.23  # reason by provider
NEVER_SECOND = np.int64(1) << 60


@dataclass(frozen=True)
class Course:
    """One entry a failed order.

    Attributes
    ----------
    at
        Number of the order among all orders.
    orders
        The same orders' own entries.
    hazard
        Their cumulative hazard, contact included.
    eta_observed, eta_hidden
        The two parts of eta besides the base: what a model could know at the failure, and what it could not.
    tau
        Effect of a contact on the log hazard, whether or not there is one.
    contact_day
        The day of the planned contact, LAST_DAY if none is planned.
    is_holdout, opts_out, is_disputing
        Never contacted by rule; opts out when contacted; disputes the charge.
    paid_day
        Days from failure to recovery, NEVER_DAY if none.
    retry_second, paid_second
        Second of the UTC day of every retry, and of the recovery.
    by_retry
        The recovery is a retry that worked (else the customer paid by other means).
    """

    at: Ints
    orders: Orders
    hazard: hz.Hazard
    eta_observed: Floats
    eta_hidden: Floats
    tau: Floats
    contact_day: Ints
    is_holdout: Bools
    opts_out: Bools
    is_disputing: Bools
    paid_day: Ints
    retry_second: Ints
    paid_second: Ints
    by_retry: Bools

    def second(self, day: Ints | int, second_of_day: Ints | int) -> Ints:
        """Return seconds since the first day for a moment ``day`` days after the failure."""
        moment: Ints = (self.orders.day + day) * DAY_SECONDS + second_of_day
        return moment

    def paid_at(self) -> Ints:
        """Return when the order is recovered, in seconds since the first day; NEVER_SECOND if it is not."""
        never = self.paid_day > hz.LAST_DAY
        return np.where(never, NEVER_SECOND, self.second(self.paid_day, self.paid_second))


def eta_observed(rng: np.random.Generator, rows: Orders) -> Floats:
    """Return the part of the log hazard that hangs on things a company can see."""
    by_pair = rng.normal(0.0, INTERACTION_SD, (len(REASONS), len(PROVIDERS)))
    local_hour = (rows.charge_second // 3600 + OFFSETS[rows.country]) % 24
    no_funds = rows.reason == REASON_NUMBER["insufficient_funds"]
    eta: Floats = (
        np.array([reason.effect for reason in REASONS])[rows.reason]
        + by_pair[rows.reason, rows.provider]
        + np.array([country.effect for country in COUNTRIES])[rows.country]
        + np.array(METHOD_EFFECTS)[rows.method]
        + np.array(PROVIDER_EFFECTS)[rows.provider]
        + np.array(KIND_EFFECTS)[rows.kind]
        + np.array(DEVICE_EFFECTS)[rows.device]
        - 0.17 * (np.log(rows.value) - np.log(50.0))
        + 0.14 * np.log1p(np.maximum(rows.tenure_days, 0) / 90)
        - 0.13 * np.minimum(rows.recent_failures, 5)
        + 0.34 * (no_funds & (local_hour < 6))  # charged before the wages of the day came in
        - 0.27 * ((rows.reason == REASON_NUMBER["do_not_honor"]) & (local_hour >= 22))
    )
    return eta


def contact_plan(rng: np.random.Generator, rows: Orders, people: Customers, share: float) -> Ints:
    """Return the day of each order's contact, at random alone; LAST_DAY where there is none.

    Of a customer who will opt out only the first contact stays planned.
    """
    n = len(rows.day)
    planned = (rng.random(n) < share) & ~people.is_holdout[rows.customer]
    day = np.where(planned, np.array(CONTACT_DAYS)[rng.integers(0, len(CONTACT_DAYS), n)], hz.LAST_DAY)
    last = np.flatnonzero(planned & people.opts_out[rows.customer])
    in_time = last[np.argsort((rows.day + day)[last], kind="stable")]
    _, first = np.unique(rows.customer[in_time], return_index=True)
    day[np.delete(in_time, first)] = hz.LAST_DAY
    return day


def contact_strength(rng: np.random.Generator, rows: Orders, contact_day: Ints, behaviour: Behaviour = USUAL) -> Floats:
    """Return tau: helps with what the customer must do, tires with repetition, and wakes some sleeping dogs."""
    planned = contact_day < hz.LAST_DAY
    contacts = np.sort(((rows.customer * CUSTOMER_STEP) + rows.day + contact_day)[planned])
    fatigue = np.minimum(events_before(contacts, rows.customer, rows.day, 60), 4)
    sleeping = (rows.kind == SUBSCRIPTION) & (rows.tenure_days > 540)
    kind = behaviour.contact_effect
    hidden = rng.normal(CONTACT_MEAN[kind], CONTACT_SD[kind], len(rows.day))
    seen: Floats = (
        0.40 * (REASON_KIND[rows.reason] == ACTION)
        + 0.15 * (rows.device == MOBILE)
        + 0.30 * (rows.tenure_days < 90)
        - 0.10 * fatigue
        - 0.60 * sleeping
    )
    return hidden + SEEN_SCALE[kind] * seen


def draw(
    rng: np.random.Generator,
    rows: Orders,
    people: Customers,
    span: Span,
    behaviour: Behaviour = USUAL,
    shocks: Floats | float = 0.0,
) -> Course:
    """Draw the course of every failed order: level, contact plan, day and time of recovery.

    ``shocks``: added to the log hazard by calendar day, (days + LAST_DAY + 1,).
    """
    at = np.flatnonzero(rows.reason >= 0)
    failed = take(rows, at)
    n, kind = len(at), REASON_KIND[failed.reason]
    observed = eta_observed(rng, failed)
    disputing = rng.random(n) < DISPUTE_SHARE * np.where(failed.kind == ONE_OFF, 2.0, 1.0)
    hidden = failed.hidden + DISPUTE_EFFECT * disputing
    contact_day = contact_plan(rng, failed, people, behaviour.contact_share)
    tau = contact_strength(rng, failed, contact_day, behaviour)
    lifts = hz.payday_lifts(span.first, span.days + hz.LAST_DAY + 1) + shocks
    hazard = _hazard(failed, lifts, observed + hidden, np.where(contact_day < hz.LAST_DAY, tau, 0.0), contact_day)
    paid_day = hz.sample(hazard, rng.exponential(size=n))
    retry_second = rng.integers(5 * 3600, 11 * 3600, n)
    scheduled = hz.schedule()[failed.policy, paid_day] & hz.can_be_retried(kind)
    by_retry = scheduled & (rng.random(n) < -np.expm1(-np.array(RETRY_LIFTS)[kind]))
    by_customer = local_second(rng, failed.country, 7, 24)
    return Course(
        at=at,
        orders=failed,
        hazard=hazard,
        eta_observed=observed,
        eta_hidden=hidden,
        tau=tau,
        contact_day=contact_day,
        is_holdout=people.is_holdout[failed.customer],
        opts_out=people.opts_out[failed.customer],
        is_disputing=disputing,
        paid_day=paid_day,
        retry_second=retry_second,
        paid_second=np.where(by_retry, retry_second + 2, by_customer),
        by_retry=by_retry,
    )


def _hazard(rows: Orders, lifts: Floats, eta: Floats, tau: Floats, contact_day: Ints) -> hz.Hazard:
    """Return the cumulative hazard, its base set so that MEAN_RECOVERY are recovered within 30 days on average."""
    cells = hz.Cells(payday=rows.payday, reason_kind=REASON_KIND[rows.reason], policy=rows.policy, day=rows.day)
    table, row = hz.cumulative_table(cells, lifts)
    unscaled = hz.Hazard(table, row, np.exp(eta), np.exp(tau), contact_day)
    base = hz.base_level(hz.cumulative(unscaled, 30), MEAN_RECOVERY)
    return replace(unscaled, scale=np.exp(eta + base))

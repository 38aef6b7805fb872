"""What was ordered, charged, and whether the first charge failed: one entry an order, in order of time."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from payrec.simulate.customers import Customers, Merchants
from payrec.simulate.world import (
    BANK_TRANSFER,
    CARD_POLICIES,
    COUNTRIES,
    DEBIT_POLICY,
    DEVICE_SHARES,
    DIRECT_DEBIT,
    INVOICE,
    KIND_AMOUNTS,
    KIND_SHARES,
    METHOD_FAILURE,
    METHODS_OF_KIND,
    NET_14,
    NET_30,
    PROVIDERS,
    REASON_NUMBER,
    REASONS,
    SUBSCRIPTION,
    WHOLE_UNITS_ONLY,
    Bools,
    Floats,
    Ints,
    choose,
    choose_by_group,
)

DAY_SECONDS = 86_400
CUSTOMER_STEP = 1 << 20  # customer * step + day sorts by customer, then day
OUTAGES_PER_YEAR = 5
LARGEST = 2_000_000.0
OFFSETS = np.array([country.utc_offset_hours for country in COUNTRIES])


@dataclass(frozen=True)
class Span:
    """The observed days: ``first`` to ``end`` (not included), and what hangs on the calendar.

    ``month`` numbers each day's month from 0; ``rates`` are units of the reporting currency, shape (currencies, days).
    """

    first: np.datetime64
    days: int
    month: Ints
    rates: Floats


@dataclass(frozen=True)
class Orders:
    """One entry an order. Days count from the first day of the span; ``reason`` is -1 where the first charge worked."""

    customer: Ints
    day: Ints
    kind: Ints
    method: Ints
    provider: Ints
    device: Ints
    country: Ints
    currency: Ints
    payday: Ints
    policy: Ints
    amount_minor: Ints
    value: Floats
    charge_second: Ints
    tenure_days: Ints
    hidden: Floats
    reason: Ints
    recent_failures: Ints


def local_second(rng: np.random.Generator, country: Ints, first_hour: int, last_hour: int) -> Ints:
    """Draw seconds of the UTC day between two local hours, never so near midnight that the day could be doubted."""
    local = rng.integers(first_hour * 3600, last_hour * 3600, len(country))
    second: Ints = ((local - OFFSETS[country] * 3600) % DAY_SECONDS).clip(300, DAY_SECONDS - 300)
    return second


def events_before(key_of_event: Ints, customer: Ints, day: Ints, days: int) -> Ints:
    """Count the events of the same customer in the ``days`` days before ``day``, which is not included.

    ``key_of_event`` is customer * CUSTOMER_STEP + day, sorted.
    """
    at = customer * CUSTOMER_STEP + day
    count: Ints = np.searchsorted(key_of_event, at) - np.searchsorted(key_of_event, at - days)
    return count.astype(np.int64)


def _who_and_when(rng: np.random.Generator, people: Customers, span: Span, n: int) -> tuple[Ints, Ints, Ints]:
    """Draw customer, day and kind; subscriptions fall on the customer's billing day."""
    active = span.days - np.maximum(people.joined_day, 0)
    edges = np.cumsum(people.weight * active)
    customer = np.searchsorted(edges, rng.random(n) * edges[-1], side="right").clip(0, len(edges) - 1)
    since = np.maximum(people.joined_day[customer], 0)
    day = (since + rng.random(n) * (span.days - since)).astype(np.int64)
    usual = rng.random(n) < 0.8
    kind = np.where(usual, people.kind[customer], choose(rng, KIND_SHARES, n))
    month_starts = (span.first + np.arange(span.days)).astype("datetime64[M]").astype("datetime64[D]")
    billed = (month_starts - span.first).astype(np.int64)[day] + people.billing_day[customer] - 1
    snaps = (kind == SUBSCRIPTION) & (billed >= since) & (billed < span.days)
    day = np.where(snaps, billed, day)
    order = np.argsort(day, kind="stable")
    return customer[order], day[order], kind[order]


def _amounts(rng: np.random.Generator, kind: Ints, currency: Ints, rate: Floats) -> tuple[Ints, Floats]:
    """Return hundredths of the order's currency, and the value in the reporting currency: log-normal, Pareto tail."""
    n = len(kind)
    heavy = np.where(rng.random(n) < 0.03, (1.0 - rng.random(n)) ** (-1 / 1.8), 1.0)
    spread = np.where(kind == INVOICE, 1.0, 0.75)
    value = np.array(KIND_AMOUNTS)[kind] * np.exp(spread * rng.normal(size=n)) * heavy
    value = np.clip(value, 1.0, LARGEST)
    step = np.where(np.array(WHOLE_UNITS_ONLY)[currency], 100, 1)
    amount_minor = np.rint(value / rate * 100 / step).astype(np.int64).clip(1) * step
    return amount_minor, amount_minor * rate / 100


def outages(rng: np.random.Generator, days: int) -> Bools:
    """Return the days on which each provider was down, shape (PROVIDERS, days): windows of one to three days."""
    down = np.zeros((len(PROVIDERS), days + 3), dtype=np.bool_)
    for provider in range(len(PROVIDERS)):
        for start in rng.integers(0, days, round(OUTAGES_PER_YEAR * days / 365)):
            down[provider, start : start + rng.integers(1, 4)] = True
    return down[:, :days]


def _failed(rng: np.random.Generator, log_odds: Floats, share: float) -> Bools:
    """Draw failures whose mean probability is ``share``, with the level set by bisection."""
    low, high = -30.0, 30.0
    for _ in range(50):
        middle = (low + high) / 2
        reached = float(np.mean(1 / (1 + np.exp(-(log_odds + middle)))))
        low, high = (middle, high) if reached < share else (low, middle)
    failed: Bools = rng.random(len(log_odds)) < 1 / (1 + np.exp(-(log_odds + (low + high) / 2)))
    return failed


def _reasons(rng: np.random.Generator, rows: Orders, is_down: Bools) -> Ints:
    """Draw why each charge failed: poor payers lack funds, old cards expire, an outage is an outage."""
    weights = np.array([reason.weights for reason in REASONS]).T[rows.method]
    weights[:, REASON_NUMBER["insufficient_funds"]] -= 0.6 * rows.hidden
    weights[:, REASON_NUMBER["closed_account"]] -= 0.35 * rows.hidden
    weights[:, REASON_NUMBER["expired_card"]] += 0.45 * np.log1p(np.maximum(rows.tenure_days, 0) / 365)
    weights[:, REASON_NUMBER["issuer_unavailable"]] += 3.0 * is_down
    reason: Ints = np.argmax(weights + rng.gumbel(size=weights.shape), axis=1)
    return reason


def _methods(rng: np.random.Generator, kind: Ints, merchant_policy: Ints) -> tuple[Ints, Ints]:
    """Return payment method and retry policy."""
    method = choose_by_group(rng, np.array(METHODS_OF_KIND), kind)
    policy = np.where(method == DIRECT_DEBIT, DEBIT_POLICY, merchant_policy % CARD_POLICIES)
    terms = np.where(rng.random(len(kind)) < 0.6, NET_14, NET_30)
    return method, np.where((method == BANK_TRANSFER) | (kind == INVOICE), terms, policy)


def _charged(rng: np.random.Generator, people: Customers, merchants: Merchants, span: Span, n: int) -> Orders:
    """Draw the orders at the time of the first charge, before its outcome."""
    customer, day, kind = _who_and_when(rng, people, span, n)
    merchant, country, currency = people.merchant[customer], people.country[customer], people.currency[customer]
    method, policy = _methods(rng, kind, merchants.policy[merchant])
    strays, other = rng.random(n) < 0.2, rng.integers(0, len(PROVIDERS), n)
    amount_minor, value = _amounts(rng, kind, currency, span.rates[currency, day])
    by_night = rng.integers(3600, 6 * 3600, n)  # subscriptions are charged in one nightly batch, UTC
    return Orders(
        customer=customer,
        day=day,
        kind=kind,
        method=method,
        provider=np.where(strays, other, merchants.provider[merchant]),
        device=np.where(rng.random(n) < 0.7, people.device[customer], choose(rng, DEVICE_SHARES, n)),
        country=country,
        currency=currency,
        payday=people.payday[customer],
        policy=policy,
        amount_minor=amount_minor,
        value=value,
        charge_second=np.where(kind == SUBSCRIPTION, by_night, local_second(rng, country, 7, 24)),
        tenure_days=day - people.joined_day[customer],
        hidden=people.trait[customer] + people.drift[customer, span.month[day]] + merchants.effect[merchant],
        reason=np.full(n, -1),
        recent_failures=np.zeros(n, dtype=np.int64),
    )


def draw(
    rng: np.random.Generator, people: Customers, merchants: Merchants, span: Span, n: int, failed_share: float
) -> Orders:
    """Draw ``n`` orders, of which about ``failed_share`` fail at the first charge."""
    rows = _charged(rng, people, merchants, span, n)
    is_down = outages(rng, span.days)[rows.provider, rows.day] & (rows.method != BANK_TRANSFER)
    log_odds = np.array(METHOD_FAILURE)[rows.method] + 2.0 * is_down - 1.2 * rows.hidden
    failed = np.flatnonzero(_failed(rng, log_odds, failed_share))
    reason = rows.reason.copy()
    reason[failed] = _reasons(rng, take(rows, failed), is_down[failed])
    failures = np.sort(rows.customer[failed] * CUSTOMER_STEP + rows.day[failed])
    recent = events_before(failures, rows.customer, rows.day, 90)
    return replace(rows, reason=reason, recent_failures=recent)


def take(rows: Orders, at: Ints) -> Orders:
    """Return some of the orders."""
    return Orders(**{field.name: getattr(rows, field.name)[at] for field in fields(Orders)})

"""Made rows of ``v_feature_view`` with a known truth, for the tests of the model."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

AGES = (0, 3, 7, 14, 21, 30, 45, 60)
HORIZON_DAYS = 30
FIRST_DAY = np.datetime64("2024-01-01T00:00:00", "us")
DAYS = 730
MICROSECONDS_A_DAY = 86_400_000_000
INT64 = pa.int64()

PROVIDERS = (("stripe", 0.1), ("adyen", 0.3), ("worldpay", -0.2), ("sepa direct", -0.4))
METHODS = (("card", 0.1), ("direct_debit", -0.2), ("wallet", 0.3))
COUNTRIES = (("DE", 0.2), ("FR", 0.0), ("GB", 0.1), ("US", -0.1), ("ES", -0.3), ("JP", 0.3))
DEVICES = (("mobile", 0.0), ("desktop", 0.1))
TYPES = (("subscription", 0.1), ("one_off", -0.1))
REASONS = (("insufficient_funds", 0.5), ("expired_card", -0.4), ("stolen_card", -2.0), ("issuer_down", 1.0))
CURRENCIES = (("EUR", 0.0), ("GBP", 0.0), ("USD", 0.0), ("JPY", 0.0))

Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class Portfolio:
    """Snapshots in the order of their ``as_of``, and the probability that each was made with."""

    rows: pa.Table
    truth: np.ndarray


def feature_rows(n: int, seed: int) -> pa.Table:
    """Return ``n`` snapshots, all columns of the feature view, by (as_of, order_id); the newest have no label."""
    return portfolio(n, seed).rows


def portfolio(n: int, seed: int) -> Portfolio:
    """Return the rows of :func:`feature_rows` with the true probability of each."""
    rng = np.random.default_rng([n, seed])
    order = _orders(n, rng)
    at, age = _open_snapshots(order, n)
    eta = order["eta"][at]
    to_come = np.exp(eta) * (_cumulative(age + HORIZON_DAYS) - _cumulative(age))
    truth = 1.0 - np.exp(-to_come)
    columns = _columns(order, at, age, rng)
    keep = np.lexsort((columns["order_id"], columns["as_of"]))
    table = _arrow({name: values[keep] for name, values in columns.items()}, at[keep], order)
    return Portfolio(table, truth[keep])


def _cumulative(age_days: np.ndarray) -> np.ndarray:
    """Cumulative baseline hazard at an age, falling as (1 + age) ** -0.75 a day."""
    hazard = (1.0 + np.arange(200)) ** -0.75
    return np.concatenate(([0.0], np.cumsum(hazard)))[age_days]


def _pick(options: tuple[tuple[str, float], ...], n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    weights = 1.0 / (1.0 + np.arange(len(options)))
    at = rng.choice(len(options), n, p=weights / weights.sum())
    return np.array([name for name, _ in options], object)[at], np.array([effect for _, effect in options])[at]


def _orders(n: int, rng: np.random.Generator) -> Columns:
    customers = max(n // 5, 1)
    customer = rng.integers(customers, size=n)
    habit = rng.normal(0.0, 0.9, customers)[customer]
    decided = rng.poisson(rng.gamma(0.8, 5.0, customers))[customer]
    in_time = rng.binomial(decided, 1.0 / (1.0 + np.exp(-habit)))
    order: Columns = {"customer": customer, "decided": decided, "in_time": in_time}
    eta = -2.3 + habit
    for name, options in (
        ("provider", PROVIDERS),
        ("payment_method", METHODS),
        ("country", COUNTRIES),
        ("device", DEVICES),
        ("transaction_type", TYPES),
        ("reason_code", REASONS),
        ("currency", CURRENCIES),
    ):
        order[name], effect = _pick(options, n, rng)
        eta = eta + effect
    order["amount_minor"] = np.maximum(rng.lognormal(9.0, 1.1, n).astype(np.int64), 100)
    eta = eta - 0.15 * (np.log(order["amount_minor"]) - 9.0)
    order["eta"] = eta
    order["made"] = FIRST_DAY + rng.integers(DAYS, size=n) * MICROSECONDS_A_DAY
    order["paid_age"] = np.searchsorted(_cumulative(np.arange(200)), rng.exponential(size=n) / np.exp(eta))
    return order


def _open_snapshots(order: Columns, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (order's index, age) of ``n`` snapshots at which the order is open; whole orders, but the last."""
    ages = np.array(AGES)
    is_open = order["paid_age"][:, None] > ages[None, :]
    at, landmark = np.nonzero(is_open)
    return at[:n], ages[landmark[:n]]


def _columns(order: Columns, at: np.ndarray, age: np.ndarray, rng: np.random.Generator) -> Columns:
    n = len(at)
    as_of = order["made"][at] + age * np.int64(MICROSECONDS_A_DAY)
    paid_age = order["paid_age"][at]
    end = FIRST_DAY + np.timedelta64(DAYS, "D")
    mature = as_of + np.timedelta64(HORIZON_DAYS, "D") <= end
    label = (paid_age <= age + HORIZON_DAYS).astype(float)
    amount = order["amount_minor"][at]
    part_paid = np.where(rng.random(n) < 0.05, (amount * 0.3).astype(np.int64), 0)
    decided, in_time = order["decided"][at], order["in_time"][at]
    recovered = in_time + rng.binomial(decided - in_time, 0.3)
    attempts = rng.poisson(1 + age / 7)
    provider_decided = rng.poisson(400, n)
    return {
        "order_id": np.array([f"o{i:08d}" for i in at], object),
        "as_of": as_of,
        "customer_id": np.array([f"c{i:07d}" for i in order["customer"][at]], object),
        "age_days": age,
        "amount_minor": amount,
        "outstanding_minor": amount - part_paid,
        "paid_minor": part_paid,
        "days_since_last_event": np.minimum(age, rng.poisson(2, n)),
        "last_event_type": np.array(["attempt", "contact", "payment"], object)[rng.choice(3, n, p=[0.8, 0.15, 0.05])],
        "attempts": attempts,
        "contacts": rng.poisson(0.3, n),
        "days_to_due": 14 - age,
        "is_disputed": (rng.random(n) < 0.02).astype(np.int64),
        "promised_until": as_of + rng.integers(1, 15, n) * MICROSECONDS_A_DAY,
        "has_promise": rng.random(n) < 0.04,
        "cust_decided": decided,
        "cust_recovered_in_time": in_time,
        "cust_recovered": recovered,
        "cust_failures": decided + rng.poisson(0.5, n),
        "cust_open": rng.poisson(0.4, n),
        "cust_successes": rng.poisson(3, n),
        "cust_days_to_pay_sum": recovered * (pace := rng.integers(2, 30, n)),
        "cust_pace": pace,
        "cust_days_since_payment": rng.integers(0, 300, n),
        "provider_decided_90d": provider_decided,
        "provider_recovered_90d": rng.binomial(provider_decided, 0.4),
        "label": np.where(mature, label, -1.0),
        "lost": rng.random((n,)),
    }


def _nullable(values: np.ndarray, kind: pa.DataType, missing: np.ndarray | None = None) -> pa.Array:
    return pa.array(values, type=kind, mask=missing, from_pandas=False)


def _arrow(c: Columns, at: np.ndarray, order: Columns) -> pa.Table:
    """Columns of the feature view in its order; ``at`` says which order each row belongs to."""
    n = len(at)
    noise = np.random.default_rng(n)

    def text(name: str, share_missing: float) -> pa.Array:
        missing = (np.arange(len(order["eta"])) * 2_654_435_761 % 1000 < 1000 * share_missing)[at]
        return _nullable(order[name][at], pa.string(), missing)

    def whole(values: np.ndarray | int, kind: pa.DataType = INT64, missing: np.ndarray | None = None) -> pa.Array:
        return _nullable(np.broadcast_to(np.asarray(values, np.int64), n).copy(), kind, missing)

    amount = c["amount_minor"]
    decimal = pa.decimal128(18, 2)
    euros = pa.array([f"{v // 100}.{v % 100:02d}" for v in amount.tolist()], pa.string()).cast(decimal)
    currency = order["currency"][at]
    edges = np.array([0, 25, 50, 100, 250, 500, 1000, 5000])
    bucket = np.searchsorted(edges, amount / 100, side="right") - 1
    names = np.array([f"{a}-{b}" for a, b in pairwise(edges)] + ["5000+"], object)
    never_paid = c["cust_recovered"] == 0
    return pa.table(
        {
            "order_id": pa.array(c["order_id"], pa.string()),
            "as_of": pa.array(c["as_of"], pa.timestamp("us")),
            "customer_id": pa.array(c["customer_id"], pa.string()),
            "is_landmark": whole(1, pa.int16()),
            "age_days": whole(c["age_days"], pa.int32()),
            "horizon_days": whole(HORIZON_DAYS, pa.int32()),
            "amount": euros,
            "currency": pa.array(currency, pa.string()),
            "amount_minor": whole(amount),
            "outstanding_minor": whole(c["outstanding_minor"]),
            "amount_reporting_minor": whole(amount, missing=currency == "JPY"),
            "outstanding_reporting_minor": whole(c["outstanding_minor"], missing=currency == "JPY"),
            "amount_bucket": pa.array(currency + " " + names[bucket], pa.string()),
            "provider": text("provider", 0.01),
            "payment_method": text("payment_method", 0.02),
            "country": text("country", 0.03),
            "device": text("device", 0.2),
            "transaction_type": text("transaction_type", 0.0),
            "reason_code": text("reason_code", 0.1),
            "days_since_last_event": whole(c["days_since_last_event"], pa.int32()),
            "last_event_type": _nullable(c["last_event_type"], pa.string(), c["lost"] < 0.1),
            "attempts": whole(c["attempts"], pa.int32()),
            "contacts": whole(c["contacts"], pa.int32()),
            "days_to_due": whole(c["days_to_due"], pa.int32(), c["lost"] > 0.7),
            "paid_minor": whole(c["paid_minor"]),
            "is_disputed": whole(c["is_disputed"], pa.int16()),
            "has_chargeback": whole(noise.random(n) < 0.005, pa.int16()),
            "is_opted_out": whole(0, pa.int16()),
            "promised_until": _nullable(c["promised_until"], pa.timestamp("us"), ~c["has_promise"]),
            "cust_tenure_days": whole(c["cust_successes"] * 50, pa.int32()),
            "cust_orders": whole(c["cust_failures"] + c["cust_successes"]),
            "cust_failures": whole(c["cust_failures"]),
            "cust_open": whole(c["cust_open"]),
            "cust_recovered": whole(c["cust_recovered"]),
            "cust_decided": whole(c["cust_decided"]),
            "cust_recovered_in_time": whole(c["cust_recovered_in_time"]),
            "cust_decided_weight": whole(c["cust_decided"] * 5),
            "cust_in_time_weight": whole(c["cust_recovered_in_time"] * 5),
            "cust_weight_today": whole(180, pa.int32()),
            "cust_days_to_pay_sum": whole(c["cust_days_to_pay_sum"]),
            "cust_days_to_pay_last": whole(c["cust_pace"], pa.int32(), never_paid),
            "cust_days_to_pay_last3_sum": whole(np.minimum(c["cust_recovered"], 3) * c["cust_pace"], INT64, never_paid),
            "cust_days_to_pay_min": whole(c["cust_pace"] - 1, pa.int32(), never_paid),
            "cust_days_to_pay_max": whole(c["cust_pace"] + 1, pa.int32(), never_paid),
            "cust_days_since_payment": whole(c["cust_days_since_payment"], pa.int32(), never_paid),
            "cust_open_minor": whole(c["cust_open"] * amount),
            "cust_orders_90d": whole((c["cust_failures"] + c["cust_successes"]) // 3),
            "cust_failures_90d": whole(c["cust_failures"] // 3),
            "provider_decided_90d": whole(c["provider_decided_90d"]),
            "provider_recovered_90d": whole(c["provider_recovered_90d"]),
            "reason_decided_90d": whole(c["provider_decided_90d"] // 2),
            "reason_recovered_90d": whole(c["provider_recovered_90d"] // 2),
            "country_decided_90d": whole(c["provider_decided_90d"] // 3),
            "country_recovered_90d": whole(c["provider_recovered_90d"] // 3),
            "label_recovered_30d": whole(np.maximum(c["label"], 0), pa.int16(), c["label"] < 0),
        }
    )

"""Arrow columns from numbers, and the raw tables built from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.simulate.course import NEVER_SECOND, Course
from payrec.simulate.events import NONE, Log
from payrec.simulate.orders import DAY_SECONDS, Orders, Span
from payrec.simulate.world import (
    CHANNELS,
    COUNTRIES,
    CURRENCIES,
    DEVICES,
    DUE_DAYS,
    EVENT_TYPES,
    INVOICE,
    KINDS,
    METHODS,
    POLICIES,
    PROVIDERS,
    REASON_CODES,
    Bools,
    Floats,
    Ints,
)

COUNTRY_CODES = tuple(country.code for country in COUNTRIES)
STATUSES = ("failed", "success", "partially_paid", "refunded", "charged_back", "written_off")
MISSING = {
    "provider": 0.003,
    "payment_method": 0.005,
    "country": 0.02,
    "device": 0.08,
    "transaction_type": 0.01,
    "reason_code": 0.03,
}


def identifiers(prefix: str, number: Ints, digits: int) -> pa.StringArray:
    """Return ``prefix`` and the number with leading zeros, built digit by digit for all rows at once."""
    n, width = len(number), len(prefix) + digits
    text = np.empty((n, width), dtype=np.uint8)
    text[:, : len(prefix)] = np.frombuffer(prefix.encode(), dtype=np.uint8)
    left = number.astype(np.int64)
    for position in range(width - 1, len(prefix) - 1, -1):
        left, digit = np.divmod(left, 10)
        text[:, position] = digit + ord("0")
    offsets = np.arange(n + 1, dtype=np.int32) * np.int32(width)
    return pa.StringArray.from_buffers(n, pa.py_buffer(offsets.tobytes()), pa.py_buffer(text.tobytes()))


def names(words: tuple[str, ...], code: Ints) -> pa.Array[Any]:
    """Return the word for each code; null for a negative code."""
    return pa.array(words, pa.string()).take(pa.array(code, pa.int64(), mask=code < 0))


def numbers(values: Ints, missing: Bools | None = None) -> pa.Array[Any]:
    """Return whole numbers, null where missing."""
    return pa.array(values.astype(np.int32), mask=missing)


def money(minor: Ints, missing: Bools | None = None) -> pa.Array[Any]:
    """Return hundredths as DECIMAL(18, 2): the 128 bits are the number and its sign."""
    wide = np.empty((len(minor), 2), dtype=np.int64)
    wide[:, 0] = minor
    wide[:, 1] = minor >> 63
    valid = None if missing is None else pa.array(~missing).buffers()[1]
    exact: pa.Array[Any] = pa.Array.from_buffers(
        pa.decimal128(18, 2), len(minor), [valid, pa.py_buffer(wide.tobytes())]
    )
    return exact


def moments(seconds: Ints, first: np.datetime64, missing: Bools | None = None) -> pa.Array[Any]:
    """Return TIMESTAMPs without zone (UTC) from seconds since the first day."""
    times: pa.Array[Any] = pa.array(first.astype("datetime64[us]") + seconds * 1_000_000, mask=missing)
    return times


def dates(day: Ints, first: np.datetime64, missing: Bools | None = None) -> pa.Array[Any]:
    """Return DATEs from days since the first day."""
    return pa.array(first + day, mask=missing)


@dataclass(frozen=True)
class Final:
    """What an export on the last day says of each order: facts of an unknown time, so not to be used as features."""

    paid_at: Ints
    outstanding_minor: Ints
    attempts: Ints
    reason: Ints
    has_chargeback: Bools
    status: Ints


def final(rows: Orders, course: Course, log: Log, span: Span) -> Final:
    """Read the final state of each order off the log and the course, as known at the end."""
    n = len(rows.day)
    paid_at = rows.day * DAY_SECONDS + rows.charge_second + 2
    paid_at[course.at] = course.paid_at()
    paid_at = np.where(paid_at < span.days * DAY_SECONDS, paid_at, NEVER_SECOND)
    signed = log.amount_minor * (log.of("payment", "credit").astype(np.int64) - log.of("refund", "chargeback"))
    paid = np.bincount(log.order, weights=signed, minlength=n).astype(np.int64)
    outstanding = rows.amount_minor - paid
    reason = np.full(n, NONE)
    has_reason = log.reason != NONE
    reason[log.order[has_reason]] = log.reason[has_reason]  # the log is in order of time: the last one stays
    attempts = np.bincount(log.order[log.of("attempt")], minlength=n)
    back = {kind: np.isin(np.arange(n), log.order[log.of(kind)]) for kind in ("refund", "chargeback", "write_off")}
    is_open = outstanding * 20 > rows.amount_minor
    status = np.select(
        [~is_open, back["chargeback"], back["refund"], back["write_off"], paid > 0],
        [STATUSES.index(s) for s in ("success", "charged_back", "refunded", "written_off", "partially_paid")],
        STATUSES.index("failed"),
    )
    return Final(paid_at, outstanding, attempts, reason, back["chargeback"], status)


def terms_days(rows: Orders) -> Ints:
    """Return the terms of each order in days; NONE for all but invoices."""
    by_policy = np.array([DUE_DAYS.get(policy, NONE) for policy in range(len(POLICIES))])
    return np.where(rows.kind == INVOICE, by_policy[rows.policy], NONE)


def transactions(rng: np.random.Generator, rows: Orders, last: Final, span: Span) -> pa.Table:
    """Return one row an order, with the columns and types of raw_transactions."""
    n, is_unpaid = len(rows.day), last.paid_at == NEVER_SECOND
    codes = {
        "provider": (PROVIDERS, rows.provider),
        "payment_method": (METHODS, rows.method),
        "country": (COUNTRY_CODES, rows.country),
        "device": (DEVICES, rows.device),
        "transaction_type": (KINDS, rows.kind),
        "reason_code": (REASON_CODES, last.reason),
    }
    text = {
        name: names(words, np.where(rng.random(n) < MISSING[name], NONE, code)) for name, (words, code) in codes.items()
    }
    paid_at = np.where(is_unpaid, 0, last.paid_at)
    due_days = terms_days(rows)
    return pa.table(
        {
            "order_id": identifiers("o", np.arange(1, n + 1), 8),
            "customer_id": identifiers("c", rows.customer + 1, 7),
            "provider": text["provider"],
            "payment_method": text["payment_method"],
            "currency": names(CURRENCIES, rows.currency),
            "amount": money(rows.amount_minor),
            "country": text["country"],
            "device": text["device"],
            "transaction_type": text["transaction_type"],
            "result_status": names(STATUSES, last.status),
            "reason_code": text["reason_code"],
            "auth_ts": moments(rows.day * DAY_SECONDS + rows.charge_second, span.first, rng.random(n) < 0.01),
            "capture_ts": moments(paid_at, span.first, is_unpaid),
            "retries": numbers(np.maximum(last.attempts - 1, 0)),
            "chargeback_flag": pa.array(last.has_chargeback.astype(np.int16)),
            "invoice_date": dates(rows.day, span.first),
            "payment_date": dates(paid_at // DAY_SECONDS, span.first, is_unpaid),
            "due_date": dates(rows.day + due_days, span.first, due_days < 0),
            "outstanding": money(last.outstanding_minor),
        }
    )


def events(log: Log, span: Span) -> pa.Table:
    """Return one row an event, with the columns and types of raw_events; a promise carries its date in ``detail``."""
    day = span.first + np.maximum(log.promised_day, 0)
    promised = pa.array(day, mask=log.promised_day < 0).cast(pa.string())
    return pa.table(
        {
            "event_id": identifiers("e", np.arange(1, log.size + 1), 9),
            "order_id": identifiers("o", log.order + 1, 8),
            "event_ts": moments(log.at, span.first),
            "recorded_ts": moments(log.recorded_at, span.first),
            "event_type": names(EVENT_TYPES, log.kind),
            "amount": money(log.amount_minor, log.amount_minor == NONE),
            "reason_code": names(REASON_CODES, log.reason),
            "channel": names(CHANNELS, log.channel),
            "detail": promised,
        }
    )


def rates(span: Span) -> pa.Table:
    """Return one row a currency and day, with the columns and types of fx_rates, up to the end."""
    currencies, days = span.rates.shape
    currency, day = np.divmod(np.arange(currencies * days), days)
    scaled: Floats = span.rates.ravel()
    exact = pa.array(np.char.mod("%.8f", scaled)).cast(pa.decimal128(18, 8))
    columns = {"currency": names(CURRENCIES, currency), "rate_date": dates(day, span.first), "rate_to_reporting": exact}
    return pa.table(columns)

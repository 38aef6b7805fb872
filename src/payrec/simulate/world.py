"""Fixed parameters of the simulation: countries, providers, reasons and policies, with their effects on the log hazard.

An ``effect`` is added to the log of the daily hazard of recovery; a ``share`` is a part of one, drawn by weight.
All names are invented.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]

REPORTING_CURRENCY = "EUR"
CURRENCIES = ("EUR", "USD", "GBP", "JPY", "CHF", "PLN", "SEK")
RATES_TO_REPORTING = (1.0, 0.92, 1.17, 0.0061, 1.05, 0.235, 0.088)  # on the first day; they drift from there
WHOLE_UNITS_ONLY = (False, False, False, True, False, False, False)

# When the customer's account fills up: the hazard is higher on these days.
PAYDAYS = ("payday_25", "first_and_last", "tenth", "first_and_fifteenth", "business_month_end", "friday")


class Country(NamedTuple):
    """Where a customer lives; ``payday_shares`` follow PAYDAYS."""

    code: str
    share: float
    utc_offset_hours: int
    currency: str
    effect: float
    payday_shares: tuple[float, ...]


COUNTRIES = (
    Country("DE", 0.20, 1, "EUR", 0.3, (0.25, 0.15, 0.05, 0.10, 0.40, 0.05)),
    Country("FR", 0.12, 1, "EUR", 0.08, (0.35, 0.25, 0.05, 0.05, 0.28, 0.02)),
    Country("ES", 0.09, 1, "EUR", -0.27, (0.30, 0.35, 0.05, 0.05, 0.23, 0.02)),
    Country("IT", 0.09, 1, "EUR", -0.42, (0.15, 0.15, 0.45, 0.05, 0.18, 0.02)),
    Country("NL", 0.06, 1, "EUR", 0.27, (0.65, 0.05, 0.02, 0.05, 0.21, 0.02)),
    Country("US", 0.14, -5, "USD", -0.19, (0.04, 0.10, 0.03, 0.45, 0.08, 0.30)),
    Country("GB", 0.12, 0, "GBP", 0.04, (0.22, 0.15, 0.03, 0.05, 0.40, 0.15)),
    Country("JP", 0.05, 9, "JPY", 0.46, (0.80, 0.05, 0.05, 0.02, 0.07, 0.01)),
    Country("CH", 0.04, 1, "CHF", 0.42, (0.75, 0.05, 0.02, 0.03, 0.14, 0.01)),
    Country("PL", 0.05, 1, "PLN", -0.23, (0.05, 0.25, 0.50, 0.05, 0.14, 0.01)),
    Country("SE", 0.04, 1, "SEK", 0.34, (0.85, 0.03, 0.02, 0.02, 0.07, 0.01)),
)

PROVIDERS = ("alder", "birch", "cedar", "maple", "rowan")
PROVIDER_EFFECTS = (0.23, 0.04, -0.08, -0.34, 0.11)

METHODS = ("card", "wallet", "direct_debit", "bank_transfer")
METHOD_EFFECTS = (0.0, 0.3, 0.15, -0.19)
METHOD_FAILURE = (0.0, -0.5, -0.3, 0.9)  # added to the log odds that the first charge fails
CARD, WALLET, DIRECT_DEBIT, BANK_TRANSFER = range(4)

KINDS = ("subscription", "one_off", "invoice")
KIND_EFFECTS = (0.19, -0.34, 0.11)
KIND_SHARES = (0.62, 0.25, 0.13)
KIND_AMOUNTS = (32.0, 58.0, 420.0)  # medians in the reporting currency
METHODS_OF_KIND = ((0.66, 0.12, 0.22, 0.0), (0.70, 0.30, 0.0, 0.0), (0.0, 0.0, 0.25, 0.75))
SUBSCRIPTION, ONE_OFF, INVOICE = range(3)

DEVICES = ("mobile", "desktop", "tablet", "server")
DEVICE_SHARES = (0.52, 0.30, 0.06, 0.12)
DEVICE_EFFECTS = (-0.04, 0.08, 0.0, 0.04)
MOBILE = 0

CHANNELS = ("email", "sms", "phone", "letter")
CHANNEL_SHARES = (0.52, 0.24, 0.18, 0.06)

HARD, ACTION, SOFT, TRANSIENT = range(4)
RETRY_LIFTS = (0.0, 0.35, 1.2, 1.7)  # of the log hazard, on the day of a retry, by class of reason


class Reason(NamedTuple):
    """Why a charge failed; ``weights`` are log weights by METHODS, NEVER where it cannot happen."""

    code: str
    kind: int
    effect: float
    weights: tuple[float, float, float, float]


NEVER = -50.0
REASONS = (
    Reason("insufficient_funds", SOFT, 0.04, (1.5, 0.9, 1.9, NEVER)),
    Reason("do_not_honor", SOFT, -0.42, (1.0, 0.3, NEVER, NEVER)),
    Reason("issuer_unavailable", TRANSIENT, 1.18, (-0.9, -0.4, -1.4, NEVER)),
    Reason("limit_exceeded", SOFT, 0.49, (-0.2, 0.1, -0.9, NEVER)),
    Reason("expired_card", ACTION, -0.19, (0.2, -0.6, NEVER, NEVER)),
    Reason("wrong_cvv", ACTION, 0.57, (-0.9, NEVER, NEVER, NEVER)),
    Reason("authentication_required", ACTION, 0.46, (0.0, 0.3, NEVER, NEVER)),
    Reason("stolen_card", HARD, -1.6, (-1.0, -1.6, NEVER, NEVER)),
    Reason("closed_account", HARD, -1.98, (-1.1, -1.3, 0.2, NEVER)),
    Reason("invalid_account", HARD, -1.37, (-1.6, -1.6, -0.3, NEVER)),
    Reason("mandate_cancelled", ACTION, -0.99, (NEVER, NEVER, 0.3, NEVER)),
    Reason("no_response", SOFT, 0.08, (NEVER, NEVER, NEVER, 1.0)),
)
REASON_NUMBER = {reason.code: number for number, reason in enumerate(REASONS)}
VAGUE_REASON = len(REASONS)  # a failed attempt whose reason was not passed on
RETURN_REASON = VAGUE_REASON + 1  # of a payment that the bank took back: the first of two
REASON_CODES = (*REASON_NUMBER, "generic_decline", "R01", "AM04")
REASON_KIND = np.array([reason.kind for reason in REASONS])

# Days after the failure on which a charge is tried again (for an invoice: due date, then reminders), by policy.
POLICIES = ((1, 3, 5, 7), (3, 7, 14), (1, 4, 8, 15, 22), (3, 10), (14, 15, 21, 28), (30, 31, 37, 44))
CARD_POLICIES = 3
DEBIT_POLICY, NET_14, NET_30 = 3, 4, 5
DUE_DAYS = {NET_14: 14, NET_30: 30}

EVENT_TYPES = (
    "attempt", "payment", "refund", "chargeback", "dispute_opened", "dispute_closed",
    "contact", "promise", "credit", "write_off", "opt_out",
    "pending", "return", "void", "snooze",
)  # fmt: skip
EVENT = {name: number for number, name in enumerate(EVENT_TYPES)}


def choose(rng: np.random.Generator, shares: tuple[float, ...], n: int) -> Ints:
    """Draw ``n`` numbers of categories with the given shares (they need not add up to one exactly)."""
    edges = np.cumsum(np.asarray(shares, dtype=np.float64))
    drawn: Ints = np.searchsorted(edges / edges[-1], rng.random(n), side="right").astype(np.int64)
    return np.minimum(drawn, len(shares) - 1)


def choose_by_group(rng: np.random.Generator, shares: Floats, group: Ints) -> Ints:
    """Draw one category for each row from the shares of its group; ``shares`` has shape (groups, categories)."""
    edges = np.cumsum(shares, axis=1)
    edges /= edges[:, -1:]
    position = rng.random(len(group))
    drawn = np.zeros(len(group), dtype=np.int64)
    for category in range(edges.shape[1] - 1):
        drawn += position >= edges[group, category]
    return drawn

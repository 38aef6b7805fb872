"""The features: one table of declarations that drives matrix, docs, drift check, reasons and upload check.

A feature is made from the columns of ``v_feature_view`` it ``needs``; where one is NULL or missing it is unknown.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Literal

from payrec.common.short_repr import short_repr
from payrec.model.features import derive
from payrec.model.features.derive import CodeMaker, NumberMaker

AGE_BANDS = ("below -7", "-7 to -1", "0", "1", "2", "3-6", "7-13", "14-20", "21-29", "30-44", "45-59", "60+")
DEPTH_BANDS = ("none", "1", "2-3", "4-9", "10+")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@short_repr
@dataclass(frozen=True)
class Feature:
    """One input of the models.

    Attributes
    ----------
    name, kind, unit, meaning
        For people and files; the order of ``FEATURES`` is the order of the matrix's columns.
    needs
        Columns of the feature view it is made from.
    group
        Under which heading its influence is explained.
    number, code
        How it is made; one of the two, or neither for a text column with its own vocabulary.
    levels
        The fixed levels of a made category; empty where they come from training.
    scale
        ``log``: a count or amount that models see as ln(1 + x).
    trend
        +1: more can only raise the chance (a constraint on the trees); 0: nothing is sure.
    trees
        ``code``: a number for the trees, in the order of its levels; ``no``: the trees have what it is made of.
    moves
        Whether it may move the effect of a contact.
    """

    name: str
    kind: Literal["number", "category"]
    unit: str
    meaning: str
    needs: tuple[str, ...]
    group: str
    number: NumberMaker | None = None
    code: CodeMaker | None = None
    levels: tuple[str, ...] = ()
    scale: Literal["linear", "log"] = "linear"
    trend: Literal[-1, 0, 1] = 0
    trees: Literal["yes", "code", "no"] = "yes"
    moves: bool = False


def _number(name: str, group: str, unit: str, meaning: str, make: NumberMaker, **more: object) -> Feature:
    needs = more.pop("needs", (name,))
    return Feature(name, "number", unit, meaning, needs, group, number=make, **more)  # type: ignore[arg-type]


def _count(name: str, group: str, meaning: str, make: NumberMaker | None = None, **more: object) -> Feature:
    return _number(name, group, "count", meaning, make or derive.plain(name), **{"scale": "log", **more})


def _days(name: str, group: str, meaning: str, make: NumberMaker | None = None, **more: object) -> Feature:
    return _number(name, group, "days", meaning, make or derive.plain(name), **{"scale": "log", **more})


def _text(name: str, group: str, meaning: str, *, moves: bool = False) -> Feature:
    return Feature(name, "category", "text", meaning, (name,), group, moves=moves)


def _derived(name: str, group: str, meaning: str, code: CodeMaker, levels: tuple[str, ...], **more: object) -> Feature:
    needs = more.pop("needs", (name,))
    return Feature(name, "category", "level", meaning, needs, group, code=code, levels=levels, **more)  # type: ignore[arg-type]


def _flag(name: str, meaning: str) -> Feature:
    return _derived(name, "status", meaning, derive.flag(name), ("no", "yes"), trees="code")


def _rate(name: str, group: str, part: str, whole: str, of: str) -> Feature:
    meaning = f"share {of}, shrunk towards the mean"
    return _number(name, group, "share", meaning, derive.shrunk(name, part, whole), needs=(part, whole))


def _context(of: str, group: str) -> Feature:
    meaning = f"recovered in time of this {of}'s failed payments decided in the last 90 days"
    return _rate(f"{of}_rate_90d", group, f"{of}_recovered_90d", f"{of}_decided_90d", meaning)


CUSTOMER = "customer_id"
IN_TIME = ("cust_recovered_in_time", "cust_decided")
RECOVERED, FAILED = ("cust_recovered", "cust_failures"), ("cust_failures", "cust_orders")
RECENT = ("cust_in_time_weight", "cust_decided_weight", "cust_weight_today")

FEATURES: tuple[Feature, ...] = (
    _days(
        "age_days",
        "age",
        "days since the due date, or else since the payment failed or the invoice was issued; negative when not due",
        moves=True,
    ),
    _days("days_since_last_event", "activity", "days since the last event of the order"),
    _count("attempts", "activity", "collection attempts so far"),
    _count("contacts", "activity", "contacts about the order so far", moves=True),
    _days("days_to_due", "due", "days until the due date is over; negative when past due", scale="linear"),
    _number(
        "outstanding_relative",
        "amount",
        "%",
        "outstanding amount, as a percentage of the median of its currency",
        derive.percent_of_typical("outstanding_minor"),
        needs=("outstanding_minor", "currency"),
        scale="log",
    ),
    _number(
        "outstanding_reporting",
        "amount",
        "reporting currency",
        "outstanding amount, in the reporting currency",
        derive.hundredths("outstanding_reporting_minor"),
        needs=("outstanding_reporting_minor",),
        scale="log",
    ),
    _number(
        "paid_share",
        "amount",
        "share",
        "share of the amount already paid",
        derive.share("paid_minor", "amount_minor"),
        needs=("paid_minor", "amount_minor"),
    ),
    _number(
        "cust_in_time_rate",
        "history",
        "share",
        "share of decided failed payments recovered in time, shrunk towards that of the provider and reason",
        derive.shrunk_to_segment("cust_in_time_rate", *IN_TIME),
        needs=(*IN_TIME, "provider", "reason_code"),
        trend=1,
    ),
    _number(
        "cust_in_time_rate_recent",
        "history",
        "share",
        "the same share, a decision weighing half as much every 128 days, shrunk towards the mean",
        derive.shrunk_weights("cust_in_time_rate_recent", *RECENT),
        needs=RECENT,
        trend=1,
    ),
    _rate("cust_recovered_rate", "history", *RECOVERED, "of the customer's failed payments recovered by now"),
    _count("cust_decided", "history", "the customer's failed payments whose time has passed"),
    _count(
        "cust_missed",
        "history",
        "the customer's decided failed payments that were not recovered in time",
        derive.difference("cust_decided", "cust_recovered_in_time"),
        needs=IN_TIME,
        trees="no",
    ),
    _days(
        "cust_days_to_pay",
        "history",
        "mean days in which the customer's recovered payments were paid",
        derive.share("cust_days_to_pay_sum", "cust_recovered"),
        needs=("cust_days_to_pay_sum", "cust_recovered"),
    ),
    _days("cust_days_to_pay_last", "history", "days in which the customer's most recently recovered payment was paid"),
    _days(
        "cust_days_to_pay_last3",
        "history",
        "mean days in which the customer's last three recovered payments were paid",
        derive.share_of_few("cust_days_to_pay_last3_sum", "cust_recovered", 3),
        needs=("cust_days_to_pay_last3_sum", "cust_recovered"),
    ),
    _days("cust_days_to_pay_min", "history", "fewest days in which the customer ever paid a recovered payment"),
    _days("cust_days_to_pay_max", "history", "most days in which the customer ever paid a recovered payment"),
    _days("cust_days_since_payment", "history", "days since the customer's last payment"),
    _days("cust_tenure_days", "history", "days from the customer's first order to this one", moves=True),
    _count("cust_orders", "history", "the customer's orders so far", moves=True),
    _rate("cust_failure_rate", "history", *FAILED, "of the customer's orders that failed at first"),
    _count("cust_open", "open", "the customer's other open orders"),
    _number(
        "cust_open_relative",
        "open",
        "%",
        "outstanding on the customer's other orders in this currency, as a percentage of its median order",
        derive.percent_of_typical("cust_open_minor"),
        needs=("cust_open_minor", "currency"),
        scale="log",
    ),
    _count("cust_orders_90d", "recent", "the customer's orders of the last 90 days"),
    _count("cust_failures_90d", "recent", "the customer's failed payments of the last 90 days"),
    _context("provider", "provider"),
    _context("reason", "reason"),
    _context("country", "country"),
    _text("currency", "amount", "currency of the order"),
    _text("amount_bucket", "amount", "band of the amount in its currency, or in the reporting currency"),
    _text("provider", "provider", "payment provider", moves=True),
    _text("payment_method", "method", "payment method", moves=True),
    _text("country", "country", "country of the customer", moves=True),
    _text("device", "method", "device of the order", moves=True),
    _text("transaction_type", "method", "type of the transaction", moves=True),
    _text("reason_code", "reason", "last known reason of failure"),
    _text("last_event_type", "activity", "kind of the last known event"),
    _derived(
        "customer",
        "history",
        "the customer itself, as a hash, if the training rows have 20 or more of its orders",
        derive.customer,
        (),
        needs=(CUSTOMER,),
    ),
    _derived("month", "calendar", "month of as_of, if training spans three years", derive.month, (), needs=("as_of",)),
    _derived(
        "weekday", "calendar", "day of the week of as_of", derive.weekday, WEEKDAYS, needs=("as_of",), trees="code"
    ),
    _derived(
        "day_of_month",
        "calendar",
        "day of the month of as_of",
        derive.day_of_month,
        tuple(str(day) for day in range(1, 32)),
        needs=("as_of",),
        trees="code",
    ),
    _derived(
        "age_band",
        "age",
        "band of the age in days; negative when not due",
        derive.bands("age_days", (-7, 0, 1, 2, 3, 7, 14, 21, 30, 45, 60)),
        AGE_BANDS,
        needs=("age_days",),
        trees="no",
    ),
    _derived(
        "history_depth",
        "history",
        "band of the customer's decided failed payments",
        derive.bands("cust_decided", (1, 2, 4, 10)),
        DEPTH_BANDS,
        needs=("cust_decided",),
        trees="no",
    ),
    _flag("is_disputed", "whether a dispute is open"),
    _flag("has_chargeback", "whether there was a chargeback"),
    _flag("is_opted_out", "whether the customer opted out of contacts"),
    _derived(
        "promise",
        "status",
        "whether a promise to pay is live, and how soon it falls due",
        derive.promise,
        ("none", "within a week", "later"),
        needs=("promised_until", "as_of"),
        trees="code",
    ),
)

NUMBERS = tuple(feature for feature in FEATURES if feature.kind == "number")
CATEGORIES = tuple(feature for feature in FEATURES if feature.kind == "category")
TEXTS = tuple(feature for feature in CATEGORIES if feature.code is None)
LEARNED = tuple(feature for feature in CATEGORIES if not feature.levels)
BY_NAME = {feature.name: feature for feature in FEATURES}

LABEL = "label_recovered_30d"
NEEDED = tuple(sorted({column for feature in FEATURES for column in feature.needs}))

# What each group is called when its influence is explained.
GROUPS: dict[str, str] = {
    "age": "age of the order",
    "activity": "attempts and contacts so far",
    "due": "due date",
    "amount": "amount",
    "history": "the customer's history",
    "open": "the customer's other open orders",
    "recent": "the customer's last 90 days",
    "provider": "provider",
    "reason": "reason of failure",
    "country": "country",
    "method": "payment method, device and type",
    "calendar": "day of the week and of the month",
    "status": "disputes, promises and other flags",
}


def schema_hash() -> str:
    """Hash of what the features are and what they are made from; a model serves only the features it was made for."""
    rows = [[f.name, f.kind, f.unit, f.scale, f.trend, f.trees, list(f.needs), list(f.levels)] for f in FEATURES]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]

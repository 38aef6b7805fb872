"""Facts about a row, one clause for each feature group: the words of the reasons."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pyarrow as pa

from payrec.model.features.declarations import NEEDED, WEEKDAYS
from payrec.model.features.view_columns import ViewRows

ViewRow = dict[str, Any]

LONGEST_WORD = 60


def sentences(rows: ViewRows) -> list[dict[str, str]]:
    """Return, for each row, a clause for each group of ``features.GROUPS``. Missing columns are unknown."""
    table = pa.Table.from_batches([rows]) if isinstance(rows, pa.RecordBatch) else rows
    names = [name for name in (*NEEDED, "outstanding_minor") if name in table.schema.names]
    records = table.select(list(dict.fromkeys(names))).to_pylist()
    return [{group: clause(_Known(row)) for group, clause in CLAUSES.items()} for row in records]


class _Known(dict[str, Any]):
    """A row in which what is missing is None."""

    def __missing__(self, key: str) -> None:
        return None


def word(value: object) -> str:
    """Return text from data cleaned for a sentence: no control or direction marks, at most 60 characters."""
    text = "".join(" " if unicodedata.category(sign)[0] == "C" else sign for sign in str(value))
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_WORD else text[: LONGEST_WORD - 1] + "…"


def _count(number: float, one: str, many: str | None = None) -> str:
    return f"{int(number)} {one if int(number) == 1 else many or one + 's'}"


def _age(row: ViewRow) -> str:
    days = row["age_days"]
    if days is None:
        return "age of the order unknown"
    return f"open for {_count(days, 'day')}" if days >= 1 else "opened less than a day ago"


def _activity(row: ViewRow) -> str:
    if row["attempts"] is None:
        since = row["days_since_last_event"]
        return "attempts unknown" if since is None else f"last event {_count(since, 'day')} ago"
    text = f"{_count(row['attempts'], 'attempt')} and {_count(row['contacts'] or 0, 'contact')} so far"
    if row["days_since_last_event"] is None or row["last_event_type"] is None:
        return text
    return f"{text}, the last event ({word(row['last_event_type'])}) {_count(row['days_since_last_event'], 'day')} ago"


def _due(row: ViewRow) -> str:
    days = row["days_to_due"]
    if days is None:
        return "no due date known"
    return f"due in {_count(days, 'day')}" if days >= 0 else f"{_count(-days, 'day')} past due"


def _amount(row: ViewRow) -> str:
    owed = row["outstanding_minor"]
    if owed is None:
        return "amount unknown"
    whole, part = divmod(abs(int(owed)), 100)
    text = f"{word(row['currency'] or '')} {'-' if owed < 0 else ''}{whole:,}.{part:02d} outstanding".strip()
    return f"{text}, partly paid" if (row["paid_minor"] or 0) > 0 else text


def _history(row: ViewRow) -> str:
    decided, in_time = row["cust_decided"], row["cust_recovered_in_time"]
    if decided is None or in_time is None:
        return "this customer's earlier payments unknown"
    if not decided:
        return "no earlier failed payments by this customer"
    if decided == 1:
        return f"this customer's one earlier failed payment was {'' if in_time else 'not '}recovered in time"
    were = "was" if in_time == 1 else "were"
    return f"{int(in_time)} of this customer's last {int(decided)} failed payments {were} recovered in time"


def _open(row: ViewRow) -> str:
    count = row["cust_open"]
    if count is None:
        return "this customer's other orders unknown"
    return f"{_count(count, 'other open order')} of this customer" if count else "no other open order"


def _recent(row: ViewRow) -> str:
    orders, failures = row["cust_orders_90d"], row["cust_failures_90d"]
    if orders is None or failures is None:
        return "this customer's last 90 days unknown"
    return f"{_count(orders, 'order')} by this customer in 90 days, {int(failures)} of them failed"


def _rate(row: ViewRow, of: str) -> str:
    decided, recovered = row[f"{of}_decided_90d"], row[f"{of}_recovered_90d"]
    return f", {recovered / decided:.0%} of those recovered lately" if decided and recovered is not None else ""


def _provider(row: ViewRow) -> str:
    return f"provider {word(row['provider'])}{_rate(row, 'provider')}" if row["provider"] else "provider unknown"


def _reason(row: ViewRow) -> str:
    return f"failed by {word(row['reason_code'])}{_rate(row, 'reason')}" if row["reason_code"] else "reason unknown"


def _country(row: ViewRow) -> str:
    return f"country {word(row['country'])}{_rate(row, 'country')}" if row["country"] else "country unknown"


def _method(row: ViewRow) -> str:
    known = [word(row[name]) for name in ("payment_method", "device", "transaction_type") if row[name]]
    return "payment by " + ", ".join(known) if known else "payment method unknown"


def _calendar(row: ViewRow) -> str:
    when = row["as_of"]
    if not isinstance(when, datetime):
        return "day unknown"
    return f"scored on a {WEEKDAYS[when.weekday()]}, day {when.day} of the month"


def _status(row: ViewRow) -> str:
    words = {
        "is_disputed": "a dispute is open",
        "has_chargeback": "the payment was charged back",
        "is_written_off": "the order is written off",
        "is_opted_out": "the customer opted out of contacts",
    }
    clauses = [text for name, text in words.items() if row[name]]
    if isinstance(row["promised_until"], datetime):
        clauses.append(f"payment promised by {row['promised_until']:%Y-%m-%d}")
    return " and ".join(clauses) or "no dispute and no promise"


CLAUSES: dict[str, Callable[[ViewRow], str]] = {
    "age": _age,
    "activity": _activity,
    "due": _due,
    "amount": _amount,
    "history": _history,
    "open": _open,
    "recent": _recent,
    "provider": _provider,
    "reason": _reason,
    "country": _country,
    "method": _method,
    "calendar": _calendar,
    "status": _status,
}

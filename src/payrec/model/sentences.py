"""Facts about a row, one clause for each feature: the words of the reasons.

A clause names the number that drove the contribution, and the usual one where it is a share. Columns that the data do
not have give no clause.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from payrec.common.short_repr import short_repr
from payrec.model.features.declarations import CUSTOMER, NEEDED, WEEKDAYS
from payrec.model.features.view_columns import ViewRows

ViewRow = dict[str, Any]
LONGEST_WORD = 60
RECENT = "failed payments of this customer recovered in time, recent ones weighing more"


@short_repr
@dataclass(frozen=True)
class Fact:
    """A clause, and what it lets expect of the chance: +1 more than usual, -1 less, 0 either."""

    text: str
    favours: int = 0


Clause = Callable[[ViewRow, float | None], Fact | str | None]
"""(row, usual value of the feature) -> its fact; text alone favours neither side, None means that nothing is known."""


class Facts:
    """The facts of one row, made on use; ``usual`` is the median of each feature over the training rows."""

    def __init__(self, row: ViewRow, usual: Mapping[str, float]) -> None:
        self.row, self.usual = _Known(row), usual

    def of(self, feature: str) -> Fact | None:
        """Return the fact of a feature; None where the data do not have it."""
        fact = CLAUSES[feature](self.row, self.usual.get(feature))
        return Fact(fact) if isinstance(fact, str) else fact


def facts(rows: ViewRows, usual: Mapping[str, float]) -> list[Facts]:
    """Return the facts of each row. Missing columns are unknown."""
    table = pa.Table.from_batches([rows]) if isinstance(rows, pa.RecordBatch) else rows
    names = [name for name in NEEDED if name in table.schema.names]
    return [Facts(row, usual) for row in table.select(names).to_pylist()]


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


def _counted(column: str, before: str, one: str, after: str = "", many: str | None = None) -> Clause:
    def clause(row: ViewRow, usual: float | None) -> str | None:
        number = row[column]
        return None if number is None else f"{before}{_count(number, one, many)}{after}"

    return clause


def _shared(part: float, whole: float, usual: float | None, text: str, sign: int = 1) -> Fact:
    """Name a share, and the usual one; more of it favours the chance by ``sign``."""
    share = part / whole
    if usual is None:
        return Fact(f"{text} ({share:.0%})")
    return Fact(f"{text} ({share:.0%}, usual {usual:.0%})", sign * _compared(share, usual))


def _compared(share: float, usual: float) -> int:
    """Return 1 if a share is above the usual one, -1 if below, to whole percent as the reader sees it."""
    difference = round(100 * share) - round(100 * usual)
    return (difference > 0) - (difference < 0)


def _age(row: ViewRow, usual: float | None) -> str | None:
    days = row["age_days"]
    if days is None:
        return None
    if days < 0:
        return "not due yet"
    if row["days_to_due"] == -days:  # the age counts from the due date
        return _due(row, usual)
    return f"open for {_count(days, 'day')}" if days >= 1 else "opened less than a day ago"


def _last_event(row: ViewRow, usual: float | None) -> str | None:
    days, kind = row["days_since_last_event"], row["last_event_type"]
    if kind is None:
        return None if days is None else f"the last event {_count(days, 'day')} ago"
    name = f"the last event ({word(kind)})"
    return f"{name} {_count(days, 'day')} ago" if days is not None else f"the last event was {word(kind)}"


def _due(row: ViewRow, usual: float | None) -> str | None:
    days = row["days_to_due"]
    if days is None:
        return None
    if days < 0:
        return f"{_count(-days, 'day')} past due"
    return f"due in {_count(days - 1, 'day')}" if days > 1 else ("due yesterday", "due today")[days]


def money(minor: float, currency: object) -> str:
    """Return an amount in hundredths in words, ``EUR 1,234.56``."""
    whole, part = divmod(abs(int(minor)), 100)
    return f"{word(currency or '')} {'-' if minor < 0 else ''}{whole:,}.{part:02d}".strip()


def _amount(row: ViewRow, usual: float | None) -> str | None:
    owed = row["outstanding_minor"]
    if owed is None:
        return None
    text = f"{money(owed, row['currency'])} outstanding"
    return f"{text}, partly paid" if (row["paid_minor"] or 0) > 0 else text


def _paid_share(row: ViewRow, usual: float | None) -> str | None:
    paid, amount = row["paid_minor"], row["amount_minor"]
    if paid is None or not amount:
        return None
    return f"{paid / amount:.0%} of the amount is paid" if paid > 0 else "nothing is paid yet"


def _in_time(row: ViewRow, usual: float | None) -> Fact | str | None:
    decided, in_time = row["cust_decided"], row["cust_recovered_in_time"]
    if decided is None or in_time is None:
        return None
    if not decided:
        return "no earlier failed payment of this customer to judge by"
    if decided == 1:
        text = f"this customer's one earlier failed payment was {'' if in_time else 'not '}recovered in time"
        return Fact(text, 1 if in_time else -1)
    were = "was" if in_time == 1 else "were"
    text = f"{int(in_time)} of this customer's {int(decided)} earlier failed payments {were} recovered in time"
    return _shared(in_time, decided, usual, text)


def _recovered(row: ViewRow, usual: float | None) -> Fact | str | None:
    failures, recovered = row["cust_failures"], row["cust_recovered"]
    if failures is None or recovered is None:
        return None
    if not failures:
        return "no earlier failed payment of this customer"
    were = "is" if recovered == 1 else "are"
    text = f"{int(recovered)} of this customer's {_count(failures, 'failed payment')} {were} recovered by now"
    return _shared(recovered, failures, usual, text)


def _failed(row: ViewRow, usual: float | None) -> Fact | str | None:
    orders, failures = row["cust_orders"], row["cust_failures"]
    if not orders or failures is None:
        return None
    text = f"{int(failures)} of this customer's {_count(orders, 'order')} failed at first"
    return _shared(failures, orders, usual, text, sign=0)


def _missed(row: ViewRow, usual: float | None) -> Fact | str | None:
    decided, in_time = row["cust_decided"], row["cust_recovered_in_time"]
    if decided is None or in_time is None:
        return None
    missed = decided - in_time
    text = f"{_count(missed, 'earlier failed payment')} of this customer not recovered in time"
    return Fact(text, -1) if missed else Fact(text, 1 if decided else 0)


def _days_to_pay(part: str, what: str, count: str | None = None) -> Clause:
    def clause(row: ViewRow, usual: float | None) -> str | None:
        days = row[part]
        if days is None or (count and not row[count]):
            return None
        days = days / min(row[count], 3 if "last3" in part else row[count]) if count else days
        usual_days = f", usual {usual:.0f}" if usual is not None else ""
        return f"this customer paid {what} {_count(round(days), 'day')} after failing{usual_days}"

    return clause


def _open_amount(row: ViewRow, usual: float | None) -> str | None:
    owed = row["cust_open_minor"]
    if owed is None:
        return None
    others = "on this customer's other orders"
    return f"{money(owed, row['currency'])} outstanding {others}" if owed else "no other open order"


def _rate(kind: str, column: str, before: str) -> Clause:
    """Share recovered lately of the orders of the same provider, reason or country."""

    def clause(row: ViewRow, usual: float | None) -> Fact | None:
        decided, recovered, value = row[f"{kind}_decided_90d"], row[f"{kind}_recovered_90d"], row[column]
        if not decided or recovered is None or not value:
            return None
        share = recovered / decided
        text = f"{before} {word(value)}, {share:.0%} recovered lately"
        return Fact(text) if usual is None else Fact(f"{text}, usual {usual:.0%}", _compared(share, usual))

    return clause


def _value(column: str, before: str) -> Clause:
    def clause(row: ViewRow, usual: float | None) -> str | None:
        return f"{before} {word(row[column])}" if row[column] else None

    return clause


def _calendar(row: ViewRow, usual: float | None) -> str | None:
    when = row["as_of"]
    is_known = isinstance(when, datetime)
    return f"scored on a {WEEKDAYS[when.weekday()]}, day {when.day} of {when:%B}" if is_known else None


def _flag(column: str, yes: str, no: str) -> Clause:
    def clause(row: ViewRow, usual: float | None) -> str | None:
        return None if row[column] is None else yes if row[column] else no

    return clause


def _promise(row: ViewRow, usual: float | None) -> str | None:
    if isinstance(row["promised_until"], datetime):
        return f"payment promised by {row['promised_until']:%Y-%m-%d}"
    return "no promise" if "promised_until" in row else None


CLAUSES: dict[str, Clause] = {
    "age_days": _age,
    "age_band": _age,
    "days_since_last_event": _last_event,
    "last_event_type": _last_event,
    "attempts": _counted("attempts", "", "attempt", " so far"),
    "contacts": _counted("contacts", "", "contact", " so far"),
    "days_to_due": _due,
    "outstanding_relative": _amount,
    "outstanding_reporting": _amount,
    "currency": _amount,
    "amount_bucket": _amount,
    "paid_share": _paid_share,
    "cust_in_time_rate": _in_time,
    "cust_in_time_rate_recent": lambda row, usual: (
        _shared(row["cust_in_time_weight"], weight, usual, RECENT) if (weight := row["cust_decided_weight"]) else None
    ),
    "cust_recovered_rate": _recovered,
    "cust_decided": _counted("cust_decided", "", "earlier failed payment", " of this customer"),
    "history_depth": _counted("cust_decided", "", "earlier failed payment", " of this customer"),
    "cust_missed": _missed,
    "cust_days_to_pay": _days_to_pay("cust_days_to_pay_sum", "on average", "cust_recovered"),
    "cust_days_to_pay_last": _days_to_pay("cust_days_to_pay_last", "last time"),
    "cust_days_to_pay_last3": _days_to_pay("cust_days_to_pay_last3_sum", "the last times", "cust_recovered"),
    "cust_days_to_pay_min": _days_to_pay("cust_days_to_pay_min", "at the earliest"),
    "cust_days_to_pay_max": _days_to_pay("cust_days_to_pay_max", "at the latest"),
    "cust_days_since_payment": _counted("cust_days_since_payment", "this customer's last payment ", "day", " ago"),
    "cust_tenure_days": _counted("cust_tenure_days", "", "day", " from this customer's first order to this one"),
    "cust_orders": _counted("cust_orders", "", "order", " of this customer so far"),
    "cust_failure_rate": _failed,
    "cust_open": _counted("cust_open", "", "other open order", " of this customer"),
    "cust_open_relative": _open_amount,
    "cust_orders_90d": _counted("cust_orders_90d", "", "order", " of this customer in 90 days"),
    "cust_failures_90d": _counted("cust_failures_90d", "", "failed payment", " of this customer in 90 days"),
    "provider_rate_90d": _rate("provider", "provider", "provider"),
    "reason_rate_90d": _rate("reason", "reason_code", "failed by"),
    "country_rate_90d": _rate("country", "country", "country"),
    "provider": _value("provider", "provider"),
    "reason_code": _value("reason_code", "failed by"),
    "country": _value("country", "country"),
    "payment_method": _value("payment_method", "payment by"),
    "device": _value("device", "device"),
    "transaction_type": _value("transaction_type", "type"),
    "customer": lambda row, usual: "how this customer usually pays" if row[CUSTOMER] else None,
    "month": _calendar,
    "weekday": _calendar,
    "day_of_month": _calendar,
    "is_disputed": _flag("is_disputed", "a dispute is open", "no dispute"),
    "has_chargeback": _flag("has_chargeback", "the payment was charged back", "no chargeback"),
    "is_opted_out": _flag("is_opted_out", "the customer opted out of contacts", "no opt-out"),
    "promise": _promise,
}

"""How far each kind of fact reaches, whether it has stopped, and which months it lacks: layers 17 and 18 as values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from payrec.common.errors import DataRefused
from payrec.data.engines import Engine

KINDS = ("orders", "payments", "attempts", "contacts", "disputes")


@dataclass(frozen=True)
class Feed:
    """One kind of fact: its number of facts, its newest fact (UTC, naive), and its rhythm in days.

    ``usual_gap_days`` and ``limit_days`` (three usual gaps, at least 3 days) are None with fewer than five gaps.
    """

    kind: str
    facts: int
    newest_at: datetime
    usual_gap_days: int | None
    limit_days: int | None


class LatePayments(DataRefused):
    """Payments are too old for a list; the last line names the option of the command line."""


@dataclass(frozen=True)
class MissingMonths:
    """Whole months without a fact of a kind, from the start of the first to the start of the next with facts."""

    kind: str
    from_at: datetime
    until_at: datetime


def feeds(engine: Engine) -> tuple[Feed, ...]:
    """Return the kinds of facts that the last build saw, in the order of ``KINDS``."""
    rows = engine.read("SELECT kind, facts, newest_at, usual_gap_days, limit_days FROM freshness").to_pylist()
    return tuple(sorted((Feed(**row) for row in rows), key=lambda feed: KINDS.index(feed.kind)))


def missing_months(engine: Engine) -> tuple[MissingMonths, ...]:
    """Return the months that the last build found empty between others, by kind and time."""
    rows = engine.read("SELECT kind, from_at, until_at FROM missing_months").to_pylist()
    return tuple(sorted((MissingMonths(**row) for row in rows), key=lambda m: (KINDS.index(m.kind), m.from_at)))


def payments_known_until(engine: Engine) -> datetime | None:
    """Return the end of the observed payments, after which no outcome is known; None without payments."""
    until: datetime | None = engine.read("SELECT MAX(known_until) AS until FROM freshness WHERE kind = 'payments'")[
        "until"
    ][0].as_py()
    return until


def newest_at(known: Iterable[Feed]) -> datetime | None:
    """Return the time of the newest fact of any kind; None without facts."""
    return max((feed.newest_at for feed in known), default=None)


def days_behind(known: Iterable[Feed], as_of: datetime) -> int | None:
    """Return by how many whole days payments are too old for a list at ``as_of``; None if they are not.

    They are compared with the orders known at ``as_of``: an ``as_of`` after the newest order makes no payment late.
    """
    by_kind = {feed.kind: feed for feed in known}
    orders, payments = by_kind.get("orders"), by_kind.get("payments")
    if orders is None or payments is None or payments.limit_days is None:
        return None
    behind = min(orders.newest_at, as_of) - payments.newest_at
    return behind.days if behind > timedelta(days=payments.limit_days) else None


def sentence(known: Iterable[Feed]) -> str:
    """Return how far orders and payments reach, in words; empty without payments.

    >>> day = datetime(2026, 6, 1)
    >>> sentence([Feed("orders", 9, day, 1, 3), Feed("payments", 9, day - timedelta(days=20), 1, 3)])
    'payments until 11 May 2026, 20 days behind orders'
    """
    by_kind = {feed.kind: feed for feed in known}
    orders, payments = by_kind.get("orders"), by_kind.get("payments")
    if orders is None or payments is None:
        return ""
    until = f"payments until {day_name(payments.newest_at)}"
    behind = (orders.newest_at - payments.newest_at).days
    return f"{until}, {behind} days behind orders" if behind > 0 else until


def end_of_day(newest: datetime) -> datetime:
    """Return the midnight that ends the day of a fact known at ``newest``; one known at midnight is of the day before.

    >>> end_of_day(datetime(2026, 6, 1)), end_of_day(datetime(2026, 6, 1, 9, 30))
    (datetime.datetime(2026, 6, 1, 0, 0), datetime.datetime(2026, 6, 2, 0, 0))
    """
    day = newest - timedelta(microseconds=1)
    return datetime(day.year, day.month, day.day) + timedelta(days=1)


def day_name(newest: datetime) -> str:
    """Return the day of a fact known at ``newest`` in words."""
    day = end_of_day(newest) - timedelta(days=1)
    return f"{day.day} {day:%b %Y}"


def require_fresh_payments(known: Iterable[Feed], as_of: datetime, payments_until: datetime | None) -> None:
    """Raise LatePayments when payments are too old for a list at ``as_of``, unless they are declared known by then."""
    known = tuple(known)
    behind = days_behind(known, as_of)
    if behind is None or (payments_until is not None and as_of <= payments_until):
        return
    payments = next(feed for feed in known if feed.kind == "payments")
    msg = (
        f"payments end on {day_name(payments.newest_at)}, {behind} days before orders: nobody knows who has paid since"
    )
    until = end_of_day(payments.newest_at)
    raise LatePayments(
        f"{msg}\nexpected: at most {payments.limit_days} days, three usual gaps between payments\n"
        f"load the newer payments, or make the list as of then: --payments-until {until:%Y-%m-%d}"
    )

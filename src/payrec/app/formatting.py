"""Numbers and names as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from math import isnan
from typing import Any

import numpy as np

from payrec.common.text import counted

SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}
WITHOUT_CENTS = ("JPY", "KRW", "CLP", "VND")
SHORT = ((1_000_000_000, "bn", 2), (1_000_000, "M", 2), (100_000, "k", 0), (10_000, "k", 1))
WORDS = {
    "retry_later": "retry later",
    "ask_new_card": "ask for a new card",
    "contact": "contact",
    "stop": "do not act",
    "older_than_model": "older than the training data",
    "younger_than_model": "due later than any training data",
    "opted_out": "opted out of contact",
    "chargeback": "chargeback",
    "disputed": "open dispute",
    "promised": "promised to pay",
    "unapplied_cash": "covered by unapplied cash",
    "contact_cap": "contacted often enough",
    "attempt_cap": "tried often enough",
    "contact_hours": "outside contact hours",
    "hard_decline": "declined for good",
    "needs_customer": "a retry needs the customer first",
    "unknown_code": "unknown reason code",
    "below_minimum": "below the minimum amount",
    "legal_window_closed": "too old to contact by law",
    "stop_code": "reason code says stop",
    "no_exchange_rate": "no exchange rate",
    "held_out": "held out at random",
}


def words(code: str | None) -> str:
    """Return a code in words; underscores become blanks where there is no better name.

    >>> words("retry_later"), words("insufficient_funds"), words(None)
    ('retry later', 'insufficient funds', '–')
    """
    if code is None:
        return "–"
    return ", ".join(WORDS.get(part, part.replace("_", " ")) for part in code.split(","))


def money(amount: float, currency: str | None, cents: bool = True) -> str:
    """Return an amount, short where it is large; the currency is always there. Under 1,000 it always has its cents.

    >>> money(1234.5, "EUR"), money(2_345_678, "USD"), money(99, "SEK"), money(12345, "EUR"), money(123456, "EUR")
    ('€1,234.50', '$2.35M', 'SEK 99.00', '€12.3k', '€123k')
    """
    sign = "-" if amount < 0 else ""
    name = SYMBOLS.get(currency or "", f"{currency} " if currency else "")
    for size, letter, digits in SHORT:
        if abs(amount) >= size:
            scale = 1_000 if letter == "k" else size
            return f"{sign}{name}{abs(amount) / scale:,.{digits}f}{letter}"
    return f"{sign}{name}{abs(amount):,.{2 if cents or abs(amount) < 1_000 else 0}f}"


def exact_money(amount: float, currency: str | None) -> str:
    """Return an amount to the cent, or in whole units where the currency has no cents.

    >>> exact_money(12345.6, "EUR"), exact_money(1200.4, "JPY"), exact_money(-3, "SEK")
    ('€12,345.60', '¥1,200', 'SEK -3.00')
    """
    return f"{SYMBOLS.get(currency or '', f'{currency} ' if currency else '')}{amount_of(amount, currency)}"


def amount_of(amount: float, currency: str | None) -> str:
    """Return an amount without its currency, with cents where there are some.

    >>> amount_of(1200.4, "JPY"), amount_of(1200.4, "EUR")
    ('1,200', '1,200.40')
    """
    return f"{amount:,.{0 if currency in WITHOUT_CENTS else 2}f}"


def number_format(currency: str | None) -> str:
    """Return the format of a column of amounts in one currency."""
    return "localized" if currency in WITHOUT_CENTS else "accounting"


def count(number: int, noun: str) -> str:
    """Return a number of things.

    >>> count(1, "order"), count(1200, "order")
    ('1 order', '1,200 orders')
    """
    return counted(number, noun, f"{noun}s")


def between(low: float, high: float, currency: str | None) -> str:
    """Return a 95% interval of money.

    >>> between(1000, 25_000, "EUR")
    '95%: €1,000 to €25.0k'
    """
    return f"95%: {money(low, currency, cents=False)} to {money(high, currency, cents=False)}"


def moneys(rows: Iterable[Mapping[str, Any]], value: str, currency: str, most: int = 2) -> tuple[str, str]:
    """Return the largest currency's amount, and the others in words; they are never added up.

    >>> rows = [{"c": "EUR", "v": 10.0}, {"c": "USD", "v": 5.0}]
    >>> moneys(rows, "v", "c")
    ('€10.00', 'and $5.00')
    """
    amounts = [money(row[value] or 0.0, row[currency], cents=False) for row in rows]
    if not amounts:
        return "–", ""
    rest = amounts[1 : 1 + most]
    more = len(amounts) - 1 - len(rest)
    return amounts[0], ("and " + " · ".join(rest) + (f" · {more} more" if more else "")) if rest else ""


def share(value: float | None, digits: int = 0) -> str:
    """Return a share as a percentage, a dash where it is unknown.

    >>> share(0.1234), share(None)
    ('12%', '–')
    """
    return "–" if value is None or isnan(value) else f"{100 * value:.{digits}f}%"


def best_share(card: dict[str, Any] | None, worked: float) -> float | None:
    """Return the value found by the model over the most that can be found, at a share of the list, from the card."""
    if card is None or worked <= 0:
        return None
    curves = card["backtest"]["curves"]
    values = curves["value"]
    if values["model"][-1] is None:
        return None
    model, best = (float(np.interp(worked, curves["shares"], values[name])) for name in ("model", "best"))
    return model / best if best else None


def days(count: int) -> str:
    """Return a number of days in words.

    >>> days(1), days(1200)
    ('1 day', '1,200 days')
    """
    return f"{count:,} day{'' if count == 1 else 's'}"


def moment(at: datetime | None) -> str:
    """Return a time in UTC.

    >>> moment(datetime(2026, 6, 30))
    '30 Jun 2026, 00:00 UTC'
    """
    return "–" if at is None else f"{at.day} {at:%b %Y, %H:%M} UTC"


def ago(at: datetime, now: datetime) -> str:
    """Say how long ago something was.

    >>> ago(datetime(2026, 6, 30), datetime(2026, 7, 3)), ago(datetime(2026, 6, 30), datetime(2026, 6, 30, 5))
    ('3 days ago', '5 hours ago')
    """
    hours = int((now - at).total_seconds() // 3600)
    if hours < 1:
        return "just now" if hours >= 0 else "ahead of the clock"
    count, unit = (hours, "hour") if hours < 48 else (hours // 24, "day")
    return f"{count:,} {unit}{'' if count == 1 else 's'} ago"

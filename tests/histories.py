"""Hypothesis strategies for random raw rows: orders, events of every type, and facts of the export's day.

Times are drawn from few days and hours, so that ties, late records and contradictions are common.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

FIRST_DAY, DAYS = date(2026, 3, 2), 90  # a Monday
START = datetime(2026, 3, 2)
END = START + timedelta(days=DAYS)
EVENT_TYPES = (
    "attempt", "payment", "pending", "return", "chargeback", "refund", "credit", "void", "write_off",
    "dispute_opened", "dispute_closed", "contact", "promise", "snooze", "opt_out",
)  # fmt: skip
NEEDS_AMOUNT = ("return", "chargeback", "refund", "credit")
MAY_HAVE_AMOUNT = (*NEEDS_AMOUNT, "payment", "write_off", "pending")
STATUSES = ("open", "part_paid", "paid", "draft", "void", "written_off", "refunded", "disputed", "in_flight", "overdue")
RATES = {  # units of EUR, on two days
    "USD": [(FIRST_DAY, Decimal("0.92")), (FIRST_DAY + timedelta(days=40), Decimal("0.8"))],
    "JPY": [(FIRST_DAY, Decimal("0.0061"))],
}
AMOUNTS = ("0.01", "1.00", "4.99", "5.00", "5.01", "33.33", "50.00", "95.00", "100.00", "105.00", "200.00", "1234.56")


@dataclass(frozen=True)
class History:
    """Raw rows of some customers; every event has a distinct id and an order."""

    orders: list[dict[str, Any]]
    events: list[dict[str, Any]]


days = st.integers(0, DAYS - 1).map(lambda n: FIRST_DAY + timedelta(days=n))
moments = st.builds(
    lambda day, hour: datetime(day.year, day.month, day.day, hour), days, st.sampled_from((0, 0, 9, 17, 23))
)
amounts = st.sampled_from(AMOUNTS).map(Decimal)
details = st.one_of(
    st.none(), st.integers(-20, 40).map(lambda n: str(FIRST_DAY + timedelta(days=40 + n))), st.just("soon")
)


@st.composite
def orders(draw: st.DrawFn, number: int, *, with_stated_facts: bool = True) -> dict[str, Any]:
    """Draw one raw transaction of one of three customers."""
    invoiced = draw(days)
    row: dict[str, Any] = {
        "order_id": f"o{number}",
        "customer_id": draw(st.sampled_from(("c1", "c2", "c3"))),
        "currency": draw(st.sampled_from(("EUR", "EUR", "USD"))),
        "amount": draw(st.sampled_from(("100.00", "100.00", "50.00", "33.33", "0.00", "-20.00"))),
        "invoice_date": invoiced,
        "payment_date": None,
        "due_date": draw(st.none() | st.integers(-5, 60).map(lambda n: invoiced + timedelta(days=n))),
    }
    row["amount"] = Decimal(row["amount"])
    if with_stated_facts and draw(st.booleans()):
        row["stated_at"] = draw(moments)
        row["status"] = draw(st.none() | st.sampled_from(STATUSES))
        row["outstanding"] = draw(st.none() | st.sampled_from((Decimal(0), *map(Decimal, AMOUNTS))))
        row["result_status"] = draw(st.sampled_from((None, "failed", "success")))
        row["chargeback_flag"] = draw(st.sampled_from((None, 0, 1)))
        row["payment_date"] = draw(st.none() | days)
    return row


@st.composite
def events(draw: st.DrawFn, number: int, order_ids: list[str]) -> dict[str, Any]:
    """Draw one raw event that the loader would accept: amounts positive, and there where they are needed."""
    kind, at = draw(st.sampled_from(EVENT_TYPES)), draw(moments)
    has_amount = kind in NEEDS_AMOUNT or (kind in MAY_HAVE_AMOUNT and draw(st.integers(0, 4)) > 0)
    in_progress = st.sampled_from((None, None, "processing"))
    recorded = st.none() | st.sampled_from((0, 1, 30, 24 * 9)).map(lambda hours: at + timedelta(hours=hours))
    return {
        "event_id": f"e{number:03d}",
        "order_id": draw(st.sampled_from(order_ids)),
        "event_ts": at,
        "recorded_ts": draw(recorded),
        "event_type": kind,
        "amount": draw(amounts) if has_amount else None,
        "currency": draw(st.sampled_from((None, None, None, "EUR", "USD", "JPY"))) if has_amount else None,
        "detail": draw(in_progress if kind == "attempt" else details) if kind not in MAY_HAVE_AMOUNT else None,
    }


@st.composite
def histories(
    draw: st.DrawFn, *, most_orders: int = 5, most_events: int = 20, with_stated_facts: bool = True
) -> History:
    """Draw the raw rows of up to ``most_orders`` orders; rates for all currencies are in RATES."""
    n = draw(st.integers(1, most_orders))
    rows = [draw(orders(number, with_stated_facts=with_stated_facts)) for number in range(n)]
    names = [row["order_id"] for row in rows]
    count = draw(st.integers(0, most_events))
    history = History(rows, [draw(events(number, names)) for number in range(count)])
    return draw(with_one_transfer(history)) if draw(st.integers(0, 2)) == 0 else history


@st.composite
def with_one_transfer(draw: st.DrawFn, history: History) -> History:
    """Make all orders of one account, and let one transfer pay more than the first of them owes."""
    rows = [row | {"customer_id": "c1", "currency": "EUR"} for row in history.orders]
    amount = draw(st.sampled_from(("133.33", "150.00", "200.00", "283.33", "400.00")).map(Decimal))
    transfer = {"event_id": "transfer", "order_id": rows[0]["order_id"], "event_type": "payment", "amount": amount}
    return History(rows, [*history.events, transfer | {"event_ts": draw(moments)}])


def as_of_times() -> st.SearchStrategy[datetime]:
    """Draw times at which a list is made, also shortly before and after the facts."""
    return st.integers(-24, DAYS * 24 + 48).map(lambda hours: START + timedelta(hours=hours))

"""What the raw rows mean, worked out order by order in plain Python: the oracle of docs/meaning.md.

It shares no code and no method with the SQL. Rows are dicts as in the raw contract; missing keys are empty cells.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

Row = Mapping[str, Any]
DAY = timedelta(days=1)
TAKEN_BACK = ("return", "chargeback")
IN_PROGRESS = ("processing", "pending", "submitted")  # details of an attempt that has no result yet
SUCCESS = ("success", "succeeded", "successful", "approved", "captured", "paid")


@dataclass(frozen=True)
class Rules:
    """Parameters; ``observed_until`` is the end of the payments, ``rates`` holds (day, rate) by currency."""

    observed_until: datetime
    horizon_days: int = 30
    promise_grace_days: int = 3
    pending_business_days: int = 5
    payments_from_events: bool = True
    age_from_due_date: bool = True
    reporting_currency: str = "EUR"
    rates: Mapping[str, list[tuple[date, Decimal]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Fact:
    """One dated fact of an order; ``minor`` in hundredths of the order's currency, ``is_whole`` where it was empty."""

    known_at: datetime
    event_ts: datetime
    event_id: str
    kind: str
    minor: int = 0
    is_whole: bool = False
    detail: str = ""
    own_known_at: datetime | None = None  # before the order itself, perhaps

    @property
    def since(self) -> datetime:
        return self.own_known_at or self.known_at


@dataclass(frozen=True)
class Balance:
    """What is owed at one time, and which fact closed the order last (None while it is open)."""

    outstanding_minor: int
    is_open: bool
    closed_by: str | None
    closed_at: datetime | None
    unapplied_minor: int
    is_settled_without_write_offs: bool


@dataclass(frozen=True)
class Meaning:
    """Answer for one order at ``as_of``; ``reasons`` say why it is not on the list, the leading one first."""

    outstanding_minor: int
    is_open: bool
    recovered_at: datetime | None
    reasons: tuple[str, ...]
    label: int | None
    age_days: int

    @property
    def is_on_list(self) -> bool:
        return not self.reasons


def midnight_after(day: date) -> datetime:
    return datetime.combine(day, time.min) + DAY


def known_at(event: Row) -> datetime:
    if event.get("recorded_ts"):
        return event["recorded_ts"]
    stamp: datetime = event["event_ts"]
    return stamp + DAY if stamp.time() == time.min else stamp


def order_known_at(order: Row) -> datetime:
    return midnight_after(order["invoice_date"])


def clock_at(order: Row, rules: Rules) -> datetime:
    """Time from which the age counts: the end of the due date, but not before the order itself."""
    due = order.get("due_date") if rules.age_from_due_date else None
    return max(order_known_at(order), midnight_after(due)) if due else order_known_at(order)


def amount_minor(row: Row) -> int:
    return int((row["amount"] * 100).to_integral_value(ROUND_HALF_UP))


def rate(currency: str, day: date, rules: Rules) -> Decimal | None:
    if currency == rules.reporting_currency:
        return Decimal(1)
    dated = [pair for pair in rules.rates.get(currency, []) if pair[0] <= day]
    return max(dated)[1] if dated else None


def in_order_currency(order: Row, event: Row, rules: Rules) -> int | None:
    """Amount of the event in hundredths of the order's currency; None when no rate says what it is worth in it."""
    currency = event.get("currency") or order["currency"]
    if currency == order["currency"]:
        return amount_minor(event)
    of_event, of_order = (rate(name, event["event_ts"].date(), rules) for name in (currency, order["currency"]))
    if of_event is None or of_order is None:
        return None
    return math.floor(Fraction(event["amount"] * 100) * Fraction(of_event) / Fraction(of_order) + Fraction(1, 2))


def facts_of(order: Row, events: Iterable[Row], rules: Rules) -> Iterator[Fact]:
    """Yield the facts that count, none known before the order itself; refused rows are left out."""
    opening, whole = order_known_at(order), amount_minor(order)
    if not rules.payments_from_events and order.get("payment_date"):
        paid_at = max(midnight_after(order["payment_date"]), opening)
        yield Fact(paid_at, paid_at, "", "payment", whole, is_whole=True)
    for event in events:
        kind, detail, minor = event["event_type"], event.get("detail") or "", 0
        is_whole = event.get("amount") is None
        if kind == "payment" and not rules.payments_from_events and order.get("payment_date"):
            continue
        if kind == "attempt" and detail.lower() in IN_PROGRESS:
            kind = "pending"
        if kind in ("payment", "write_off") and is_whole:
            minor = whole
        elif kind in ("payment", "write_off", "refund", "credit", *TAKEN_BACK):
            converted = None if is_whole else in_order_currency(order, event, rules)
            minor = max(converted or 0, 0)  # without an amount, or a rate, the event moves no money
        known = max(known_at(event), opening)
        yield Fact(known, event["event_ts"], event["event_id"], kind, minor, is_whole, detail, known_at(event))


def stated_minor(order: Row, dated: list[Fact], rules: Rules) -> int | None:
    """What the export says is owed on its day; None when it says nothing."""
    status, outstanding = (order.get("status") or "").lower(), order.get("outstanding")
    if status in ("paid", "refunded"):
        return 0
    if outstanding is not None:
        return max(0, amount_minor({"amount": outstanding}))
    if status in ("open", "part_paid") or any(fact.kind in TAKEN_BACK for fact in dated):
        return None
    says_paid = (order.get("result_status") or "").lower() in SUCCESS
    return 0 if says_paid or (rules.payments_from_events and order.get("payment_date")) else None


def stated_at(order: Row, rules: Rules) -> datetime:
    return max(order.get("stated_at") or rules.observed_until, order_known_at(order))


def closing(is_void: bool, left: int, whole: int, stated: int, paid: int, credited: int) -> str:
    """Name the fact without which an order would still be open after a moment that brought these sums."""
    if is_void:
        return "void"
    if (left + stated) * 20 > whole:
        return "stated"
    if (left + paid) * 20 > whole:
        return "payment"
    return "credit" if credited else "write_off"


def balance(order: Row, facts: list[Fact], at: datetime, rules: Rules) -> Balance:
    """Walk through the moments at which facts became known; facts of one moment count together."""
    whole, export_at, status = amount_minor(order), stated_at(order, rules), (order.get("status") or "").lower()
    cash = credits = written_off = refunds = uncounted = 0  # uncounted: cash that can never be unapplied
    is_void, was_open, closed_by, closed_at = False, True, None, None
    for moment in sorted({order_known_at(order), export_at, *(fact.known_at for fact in facts)}):
        if moment > at:
            break
        now = [fact for fact in facts if fact.known_at == moment]
        total = {kind: sum(fact.minor for fact in now if fact.kind == kind) for kind in {f.kind for f in now}}
        before = cash
        cash = max(0, cash + total.get("payment", 0) - sum(total.get(kind, 0) for kind in TAKEN_BACK))
        paid_now, credited_now, stated_now = cash - before, total.get("credit", 0), 0
        credits, written_off = credits + credited_now, written_off + total.get("write_off", 0)
        refunds += total.get("refund", 0)
        uncounted += sum(fact.minor for fact in now if fact.kind == "payment" and fact.is_whole)
        is_void |= "void" in total
        if moment == export_at:
            is_void |= status in ("void", "draft")
            written_off += whole if status == "written_off" else 0
            stated = stated_minor(order, [fact for fact in facts if fact.known_at <= moment], rules)
            if stated is not None:
                owed = min(whole, max(0, whole - credits - written_off - cash))
                stated_now = max(0, owed - stated)
                cash, uncounted = cash + stated_now, uncounted + stated_now
        left = whole - credits - written_off - cash
        is_open = not is_void and min(left, whole) * 20 > whole
        if was_open and not is_open:
            closed_at, closed_by = moment, closing(is_void, left, whole, stated_now, paid_now, credited_now)
        elif is_open:
            closed_at = closed_by = None
        was_open = is_open
    obligation = 0 if is_void else max(0, whole - credits)
    return Balance(
        outstanding_minor=0 if is_void else max(0, min(whole, left)),
        is_open=was_open,
        closed_by="void" if is_void else closed_by,
        closed_at=closed_at,
        unapplied_minor=max(0, cash - uncounted - refunds - obligation),
        is_settled_without_write_offs=(whole - credits - cash) * 20 <= whole,
    )


def label(order: Row, facts: list[Fact], as_of: datetime, rules: Rules) -> int | None:
    """1 recovered by money within the horizon, 0 not, None unknown or ended otherwise."""
    deadline = as_of + rules.horizon_days * DAY
    if deadline > rules.observed_until or not is_at_risk(order, balance(order, facts, as_of, rules), as_of):
        return None
    end = balance(order, facts, deadline, rules)
    if end.closed_by == "payment":
        return 1
    if end.closed_by == "write_off" and end.is_settled_without_write_offs:
        return 1
    if end.closed_by in ("void", "credit", "stated"):
        return None
    export_at = stated_at(order, rules)
    on_export_day = balance(order, facts, export_at, rules)
    closed_in_the_dark = on_export_day.closed_at == export_at and on_export_day.closed_by in ("stated", "void")
    return None if deadline < export_at and closed_in_the_dark else 0


def is_at_risk(order: Row, now: Balance, as_of: datetime) -> bool:
    return order["amount"] > 0 and order_known_at(order) <= as_of and now.is_open


def date_in(detail: str) -> date | None:
    try:
        return date.fromisoformat(detail[:10])
    except ValueError:
        return None


def end_of_pending(since: datetime, business_days: int) -> datetime:
    """Midnight after the n-th business day (Monday to Friday) that follows ``since``."""
    day = since.date()
    while business_days:
        day += DAY
        business_days -= day.weekday() < 5
    return midnight_after(day)


STATED_KINDS = {"disputed": "dispute_opened", "in_flight": "pending", "charged_back": "chargeback"}


def stated_facts(order: Row, rules: Rules) -> Iterator[Fact]:
    """Yield what the export says of its day besides money."""
    kinds = (
        "chargeback" if order.get("chargeback_flag") else None,
        STATED_KINDS.get((order.get("status") or "").lower()),  # the status is the later word
    )
    for kind in filter(None, kinds):
        yield Fact(stated_at(order, rules), datetime.max, "", kind)


def holds(order: Row, facts: list[Fact], as_of: datetime, rules: Rules) -> Iterator[str]:
    """Yield what keeps an open order off the list, besides opt-outs and unapplied cash, which are the customer's."""
    known = sorted(
        (f for f in [*facts, *stated_facts(order, rules)] if f.known_at <= as_of),
        key=lambda f: (f.since, f.event_ts, f.event_id.encode()),
    )
    if any(fact.kind == "chargeback" for fact in known):
        yield "chargeback"
    disputes = [fact.kind for fact in known if fact.kind.startswith("dispute_")]
    if disputes and disputes[-1] == "dispute_opened":
        yield "disputed"
    moves = [f for f in known if f.kind in ("pending", "payment", "attempt", "void", *TAKEN_BACK)]
    since = moves[-1].since if moves and moves[-1].kind == "pending" else None
    if since and as_of < end_of_pending(since, rules.pending_business_days):
        yield "in_flight"
    promises, snoozes = (
        [day for fact in known if fact.kind == kind and (day := date_in(fact.detail))] for kind in ("promise", "snooze")
    )
    if promises and as_of < midnight_after(promises[-1]) + rules.promise_grace_days * DAY:
        yield "promised"
    if snoozes and as_of < datetime.combine(snoozes[-1], time.min):
        yield "snoozed"
    if as_of < clock_at(order, rules):
        yield "not_due"


def covered(open_orders: list[tuple[Row, Balance]], cash_minor: int) -> Iterator[str]:
    """Yield the orders that their customer's unapplied cash would close: an equal one first, then from the smallest."""

    def rank(pair: tuple[Row, Balance]) -> tuple[bool, int, date, bytes]:
        minor = pair[1].outstanding_minor
        return minor != cash_minor, minor, pair[0]["invoice_date"], pair[0]["order_id"].encode()

    owed = 0
    for order, now in sorted(open_orders, key=rank):
        owed += now.outstanding_minor
        if cash_minor and (owed - cash_minor) * 20 <= amount_minor(order):
            yield order["order_id"]


ENDED = {"payment": "paid", "credit": "credited", "void": "void", "write_off": "written_off"}


def reckon(orders: list[Row], events: Iterable[Row], as_of: datetime, rules: Rules) -> dict[str, Meaning]:
    """Return the meaning of every order that is known at ``as_of``."""
    by_order: dict[str, list[Row]] = {}
    for event in events:
        by_order.setdefault(event["order_id"], []).append(event)
    known = {order["order_id"]: order for order in orders if order_known_at(order) <= as_of}
    facts = {name: list(facts_of(order, by_order.get(name, []), rules)) for name, order in known.items()}
    now = {name: balance(order, facts[name], as_of, rules) for name, order in known.items()}

    opted_out = {
        order["customer_id"]
        for order in orders
        for event in by_order.get(order["order_id"], [])
        if event["event_type"] == "opt_out" and known_at(event) <= as_of
    }
    cash: dict[tuple[str, str], int] = {}
    owing: dict[tuple[str, str], list[tuple[Row, Balance]]] = {}
    for name, order in known.items():
        account = order["customer_id"], order["currency"]
        if order["amount"] > 0:
            cash[account] = cash.get(account, 0) + now[name].unapplied_minor
        if is_at_risk(order, now[name], as_of):
            owing.setdefault(account, []).append((order, now[name]))
    held = {name for account, rows in owing.items() for name in covered(rows, cash.get(account, 0))}

    meanings = {}
    for name, order in known.items():
        reasons = []
        if order["amount"] <= 0:
            reasons = ["no_debt"]
        elif not now[name].is_open:
            reasons = [ENDED.get(now[name].closed_by or "", "settled_at_unknown_time")]
        else:
            reasons += ["opted_out"] if order["customer_id"] in opted_out else []
            reasons += holds(order, facts[name], as_of, rules)
            reasons += ["unapplied_cash"] if name in held else []
        meanings[name] = Meaning(
            outstanding_minor=now[name].outstanding_minor,
            is_open=is_at_risk(order, now[name], as_of),
            recovered_at=now[name].closed_at if now[name].closed_by == "payment" else None,
            reasons=tuple(reasons),
            label=label(order, facts[name], as_of, rules),
            age_days=(as_of - clock_at(order, rules)) // DAY,
        )
    return meanings

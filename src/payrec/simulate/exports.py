"""The raw tables of a portfolio with complications, as an export of any day would show them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.common.errors import UsageError
from payrec.common.short_repr import short_repr
from payrec.simulate import raw_tables
from payrec.simulate.complications import Complications
from payrec.simulate.events import NONE, NOT_DATED, NOT_EXPORTED
from payrec.simulate.orders import DAY_SECONDS
from payrec.simulate.standing import Facts, last_known, standing
from payrec.simulate.world import CURRENCIES, EVENT_TYPES, REASON_CODES, Bools, Ints

MONEY = ("payment", "refund", "return", "chargeback", "pending")
STATUSES = ("open", "part_paid", "paid", "refunded", "void", "written_off", "disputed", "in_flight", "charged_back")


def with_gaps(facts: Facts, options: Complications) -> Facts:
    """Mark the events that the export leaves out: money of the last days, and whole months."""
    log, visibility = facts.log, facts.log.visibility.copy()
    day = facts.span.first + log.recorded_at // DAY_SECONDS
    missing = np.isin(day.astype("datetime64[M]"), np.array(options.missing_months, dtype="datetime64[M]"))
    visibility[missing] = NOT_DATED
    if options.stop_payments_days:
        stopped_at = (facts.span.days - options.stop_payments_days) * DAY_SECONDS
        visibility[log.of(*MONEY) & (log.recorded_at >= stopped_at)] = NOT_EXPORTED
    return replace(facts, log=replace(log, visibility=visibility))


@short_repr
@dataclass(frozen=True)
class Portfolio:
    """The raw tables as they would be exported at the end, and the truth that no export has.

    Attributes
    ----------
    transactions, events, fx
        Columns and types of raw_transactions, raw_events and fx_rates.
    truth
        One row for each failed order and time at which it is open: :func:`payrec.simulate.truth.table`.
        Complications are not part of these probabilities.
    facts
        With complications: what really happened, for :func:`payrec.simulate.standing.standing_at`; else None.
    """

    transactions: pa.Table
    events: pa.Table
    fx: pa.Table
    truth: pa.Table
    facts: Facts | None = None


def at(simulated: Portfolio, moment: datetime) -> Portfolio:
    """Return the portfolio with the transactions and events that an export at ``moment`` (a UTC midnight) holds.

    Transactions get ``status`` and ``stated_at``, events ``currency``; order and event ids are the same at any time.

    Raises
    ------
    UsageError
        A portfolio without complications: its tables are those of its end alone.
    """
    facts = simulated.facts
    if facts is None:
        raise UsageError("a portfolio without complications has one export, that of its end: simulate it with some")
    second = facts.second(moment)
    orders = facts.orders.day < second // DAY_SECONDS
    log = facts.log
    dated = (log.recorded_at < second) & (log.visibility == NONE)
    events = raw_tables.events(log, facts.span)
    amount = np.where(log.currency == NONE, log.amount_minor, log.currency_minor)
    number = events.schema.get_field_index("amount")
    events = events.set_column(number, "amount", raw_tables.money(amount, amount == NONE))
    events = events.add_column(number + 1, "currency", raw_tables.names(CURRENCIES, log.currency))
    transactions = simulated.transactions
    for name, column in _stated(facts, moment).items():
        at_column = transactions.schema.get_field_index(name)
        transactions = (
            transactions.append_column(name, column)
            if at_column < 0
            else transactions.set_column(at_column, name, column)
        )
    return replace(simulated, transactions=transactions.filter(pa.array(orders)), events=events.filter(pa.array(dated)))


def _stated(facts: Facts, moment: datetime) -> dict[str, pa.Array[Any]]:
    """Return the columns of the export's day, as the exporting system knows them."""
    second, n, first = facts.second(moment), len(facts.orders.day), facts.span.first
    log = facts.log.take((facts.log.recorded_at < second) & (facts.log.visibility != NOT_EXPORTED))
    now = standing(facts, log, second)
    payment = last_known(log, ("payment",), n)
    paid_at = np.where(payment == NONE, 0, log.at[payment])
    undated = ~now.has("paid") | (payment == NONE) | (log.visibility[payment] == NOT_DATED)
    reasons = log.take(log.reason != NONE)
    reason = last_known(reasons, EVENT_TYPES, n)
    reason = np.where(reason == NONE, NONE, reasons.reason[reason]) if reasons.size else reason
    charged_back = np.isin(np.arange(n), log.order[log.of("chargeback")])
    attempts = np.bincount(log.order[log.of("attempt")], minlength=n)
    status = _status(facts, now.owed_minor, now.refunded_minor, {w: now.has(w) for w in STATES_WITH_STATUS})
    result = np.select(
        [now.has("paid"), charged_back, now.has("written_off"), now.owed_minor < facts.orders.amount_minor],
        [raw_tables.STATUSES.index(w) for w in ("success", "charged_back", "written_off", "partially_paid")],
        raw_tables.STATUSES.index("failed"),
    )
    return {
        "result_status": raw_tables.names(raw_tables.STATUSES, result),
        "reason_code": raw_tables.names(REASON_CODES, reason),
        "capture_ts": raw_tables.moments(paid_at, first, undated),
        "retries": raw_tables.numbers(np.maximum(attempts - 1, 0)),
        "chargeback_flag": pa.array(charged_back.astype(np.int16)),
        "payment_date": raw_tables.dates(paid_at // DAY_SECONDS, first, undated),
        "due_date": raw_tables.dates(facts.orders.day + facts.due_days, first, facts.due_days == NONE),
        "outstanding": raw_tables.money(now.owed_minor),
        "status": raw_tables.names(STATUSES, status),
        "stated_at": pa.array([moment] * n, pa.timestamp("us")),
    }


STATES_WITH_STATUS = ("paid", "void", "written_off", "disputed", "in_flight", "chargeback")


def _status(facts: Facts, owed_minor: Ints, refunded_minor: Ints, has: dict[str, Bools]) -> Ints:
    part_paid = owed_minor < facts.orders.amount_minor
    cases = {
        "refunded": has["paid"] & (refunded_minor > 0),
        "paid": has["paid"],
        "void": has["void"],
        "written_off": has["written_off"],
        "charged_back": has["chargeback"],
        "disputed": has["disputed"],
        "in_flight": has["in_flight"],
        "part_paid": part_paid,
    }
    return np.select(list(cases.values()), [STATUSES.index(word) for word in cases], STATUSES.index("open"))

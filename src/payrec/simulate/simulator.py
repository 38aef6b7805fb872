"""A simulated portfolio with known truth: customers, orders, charges, contacts, payments and true probabilities.

``portfolio(orders, seed)`` draws it, ``write(portfolio, out)`` puts it into files. The maths stands in
:mod:`payrec.simulate.hazard`, the fixed parameters in :mod:`payrec.simulate.world`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from payrec.common.errors import UsageError
from payrec.common.files import replacing
from payrec.simulate import changes, customers, exports, incidents, payments, raw_tables, truth
from payrec.simulate import course as courses
from payrec.simulate import events as logs
from payrec.simulate import hazard as hz
from payrec.simulate import orders as books
from payrec.simulate.complications import PLAIN, Complications
from payrec.simulate.customer_behaviour import USUAL, Behaviour
from payrec.simulate.exports import Portfolio
from payrec.simulate.standing import Facts, standing_at
from payrec.simulate.world import RATES_TO_REPORTING, REPORTING_CURRENCY, Ints

__all__ = [
    "DEFAULT_DAYS",
    "DEFAULT_END",
    "FILES",
    "REPORTING_CURRENCY",
    "Portfolio",
    "portfolio",
    "write",
]

DEFAULT_END = date(2026, 6, 30)
DEFAULT_DAYS = 730
RATE_SD = 0.004  # of the daily step of the log rate
FILES = ("transactions.csv", "events.csv", "fx.csv", "truth.parquet")
STATUS_FILE = "truth_status.parquet"  # only with complications
TERMS_DAYS = (14, 30, 60)
WEEKS = 12
MOST_ORDERS = 99_999_999  # the digits of an order_id


def portfolio(
    orders: int,
    seed: int,
    *,
    end: date = DEFAULT_END,
    days: int = DEFAULT_DAYS,
    options: Complications = PLAIN,
    behaviour: Behaviour = USUAL,
) -> Portfolio:
    """Draw a portfolio; the same arguments give the same bytes.

    Parameters
    ----------
    orders
        Number of orders, first-charge successes included.
    seed
        Seed of every draw, at least 0.
    end
        What is known at 00:00 UTC of this day is in the tables; the last orders are of the day before.
    days
        Days of orders before ``end``.
    options
        Complications and gaps; with the default the tables have neither.
    behaviour
        What fails, what contacts change, shocks that weeks share, and who is never contacted.

    Raises
    ------
    UsageError
        A number out of range.
    """
    _refuse(orders, seed, days)
    seeds = np.random.SeedSequence(seed).spawn(7)
    world, people, book, fate, log_rng, extra, shock_rng = (np.random.default_rng(s) for s in seeds)
    span = _span(world, end, days)
    merchants = customers.draw_merchants(world)
    owing = customers.draw(people, orders, days, int(span.month[-1]) + 1, behaviour.held_out)
    rows = books.draw(book, owing, merchants, span, orders, behaviour.failed_share)
    shocks = hz.weekly_shocks(shock_rng, behaviour, span.first, span.days + hz.LAST_DAY + 1)
    course = courses.draw(fate, rows, owing, span, behaviour, shocks)
    settlement = payments.settle(log_rng, course)
    parts = [
        *logs.first_charges(rows),
        *logs.retries(log_rng, course),
        *payments.recoveries(course, settlement),
        *payments.taken_back(log_rng, rows, course, settlement),
        *incidents.contacts(log_rng, course),
        *incidents.disputes(log_rng, course),
        *incidents.write_offs(log_rng, course),
    ]
    if options != PLAIN:
        parts = changes.complicated(extra, options, changes.Draft(rows, course, settlement, span, parts))
    log = logs.assemble(log_rng, parts, days * books.DAY_SECONDS)
    terms_days = due_days(extra, options, raw_tables.terms_days(rows))
    simulated = Portfolio(
        transactions=raw_tables.transactions(log_rng, rows, raw_tables.final(rows, course, log, span), span),
        events=raw_tables.events(log, span),
        fx=raw_tables.rates(span),
        truth=truth.table(course, span, terms_days),
    )
    if options == PLAIN:
        return simulated
    facts = Facts(rows, log, span, terms_days)
    facts = exports.with_gaps(facts, options)
    return exports.at(replace(simulated, facts=facts), datetime.combine(end, time.min))


def _refuse(orders: int, seed: int, days: int) -> None:
    limits = (
        ("orders", orders, 1, MOST_ORDERS),
        ("seed", seed, 0, 2**63),
        ("days", days, 1, 36_500),
    )
    for name, value, least, most in limits:
        if not least <= value <= most:
            raise UsageError(f"{name} is {value}: expected {least} to {most}")


def _span(rng: np.random.Generator, end: date, days: int) -> books.Span:
    """Return the observed days with their months and a drifting rate for each currency."""
    first = np.datetime64(end, "D") - np.timedelta64(days, "D")
    month = (first + np.arange(days)).astype("datetime64[M]").astype(np.int64)
    steps = rng.normal(0.0, RATE_SD, (len(RATES_TO_REPORTING), days))
    steps[:, 0] = 0.0
    steps[0] = 0.0  # the reporting currency is worth itself
    rates = np.array(RATES_TO_REPORTING)[:, None] * np.exp(np.cumsum(steps, axis=1))
    return books.Span(first, days, month - month[0], np.round(rates, 8))


def due_days(rng: np.random.Generator, options: Complications, terms_days: Ints) -> Ints:
    """Return the terms of each order in days: those given, and others for a share of the orders of any kind."""
    n = len(terms_days)
    return np.where(
        rng.random(n) < options.due_dates, np.array(TERMS_DAYS)[rng.integers(0, len(TERMS_DAYS), n)], terms_days
    )


def write(simulated: Portfolio, out: Path) -> None:
    """Write FILES into the folder ``out``; each appears whole or not at all."""
    out.mkdir(parents=True, exist_ok=True)
    _csv(simulated.transactions, out / FILES[0])
    _csv(simulated.events, out / FILES[1])
    _csv(simulated.fx, out / FILES[2])
    _parquet(simulated.truth, out / FILES[3])
    if simulated.facts is not None:
        _parquet(standing_at(simulated.facts, weekly(simulated.facts)), out / STATUS_FILE)


def weekly(facts: Facts) -> list[datetime]:
    """Return WEEKS times a week apart, the last of them the end of the portfolio."""
    end = facts.span.first.astype(datetime) + timedelta(days=facts.span.days)
    ends = (end - timedelta(days=7 * week) for week in range(min(WEEKS, facts.span.days // 7 + 1)))
    return sorted(datetime.combine(day, time.min) for day in ends)


def _parquet(table: pa.Table, path: Path) -> None:
    with replacing(path) as sink:
        parquet.write_table(table, sink, compression="zstd")


def _csv(rows: pa.Table, path: Path) -> None:
    """Write times to the second; no simulated text needs quotes."""
    for number, column in enumerate(rows.schema):
        if pa.types.is_timestamp(column.type):
            rows = rows.set_column(number, column.name, pc.cast(rows.column(number), pa.timestamp("s")))
    with replacing(path) as sink:
        sink.write((",".join(rows.schema.names) + "\n").encode())
        csv.write_csv(rows, sink, csv.WriteOptions(include_header=False, quoting_style="none", batch_size=65_536))

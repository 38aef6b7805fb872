"""Queries of the figures of a collections team, over the layers of a list: whole numbers, by owner, team and week."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise

from payrec.common.text import sql_literal, sql_timestamp
from payrec.worklist.policy import Policy

WEEK = timedelta(days=7)
WEEKS = 26
CLOSINGS = 14
"""Times at which receivables are taken: now, and the ends of the 13 weeks before."""
AGED = ("current_minor", "days_1_30_minor", "days_31_60_minor", "days_61_90_minor", "days_over_90_minor")
"""Columns of the outstanding balance by days past the end of the due date (without one: of the day of the bill)."""


def week_of(at: datetime) -> datetime:
    """Return the Monday on which the week of a fact begins.

    >>> week_of(datetime(2026, 5, 4)), week_of(datetime(2026, 5, 4, 0, 0, 1))
    (datetime.datetime(2026, 4, 27, 0, 0), datetime.datetime(2026, 5, 4, 0, 0))
    """
    last = at - timedelta(microseconds=1)
    return datetime(last.year, last.month, last.day) - timedelta(days=last.weekday())


def closings(as_of: datetime) -> list[datetime]:
    """Return the closing times, the newest first."""
    return [as_of, *(week_of(as_of) - number * WEEK for number in range(CLOSINGS - 1))]


def owned(assigned: Mapping[str, str], policy: Policy) -> str:
    """Return the CTE ``owned``: orders with their customer, owner and team; ``assigned``: customer -> owner."""
    rule = policy.owner
    column = "NULL" if rule is None else f"{'a' if rule.column == 'customer_id' else 'o'}.{rule.column}"
    return f"""
        assigned AS (SELECT customer_id, owner FROM (VALUES {_pairs(assigned)}) AS v (customer_id, owner)),
        ruled AS (SELECT subject, owner FROM (VALUES {_pairs(rule.of if rule else {})}) AS v (subject, owner)),
        owned AS (
            SELECT
                o.order_no, a.customer_id, o.currency, o.amount_minor, o.known_at, o.clock_at,
                COALESCE(s.owner, c.owner, r.owner) AS owner, c.segment AS team
            FROM stg_orders AS o
            JOIN accounts AS a ON a.account_no = o.account_no
            LEFT JOIN raw_customers AS c ON c.customer_id = a.customer_id
            LEFT JOIN assigned AS s ON s.customer_id = a.customer_id
            LEFT JOIN ruled AS r ON r.subject = {column}
        )"""


def _pairs(texts: Mapping[str, str]) -> str:
    rows = [f"({sql_literal(key)}, {sql_literal(value)})" for key, value in texts.items()]
    return ", ".join(["(CAST(NULL AS VARCHAR(200)), CAST(NULL AS VARCHAR(200)))", *rows])


def receivables(owned: str, as_of: datetime) -> str:
    """Return the query of ``team_receivables``."""
    ends = ", ".join(f"({sql_timestamp(at)})" for at in closings(as_of))
    steps = (None, 1, 31, 61, 91, None)
    aged = ",\n".join(
        f"CAST(SUM(CASE WHEN {_between(*bounds)} THEN b.outstanding_minor ELSE 0 END) AS BIGINT) AS {name}"
        for name, bounds in zip(AGED, pairwise(steps), strict=True)
    )
    none = ", ".join(f"CAST(0 AS BIGINT) AS {name}" for name in AGED)
    since = sql_timestamp(closings(as_of)[-1] - (WEEKS - CLOSINGS + 1) * WEEK)
    return f"""
        WITH {owned},
        closing_times AS (SELECT until_at FROM (VALUES {ends}) AS v (until_at))
        SELECT
            t.until_at, o.owner, o.team, o.currency, CAST(0 AS BIGINT) AS billed_minor, {aged},
            CAST(0 AS BIGINT) AS paid_minor, CAST(0 AS INTEGER) AS days_late
        FROM closing_times AS t
        JOIN stg_balances AS b ON b.from_at <= t.until_at AND (b.until_at IS NULL OR b.until_at > t.until_at)
        JOIN owned AS o ON o.order_no = b.order_no
        WHERE b.is_open = 1
        GROUP BY t.until_at, o.owner, o.team, o.currency
        UNION ALL
        SELECT
            {_end_of_week("known_at", as_of)}, owner, team, currency, CAST(SUM(amount_minor) AS BIGINT), {none},
            CAST(0 AS BIGINT), CAST(0 AS INTEGER)
        FROM owned
        WHERE amount_minor > 0 AND known_at > {since} AND known_at <= {sql_timestamp(as_of)}
        GROUP BY {_end_of_week("known_at", as_of)}, owner, team, currency
        UNION ALL
        SELECT
            {_end_of_week("b.from_at", as_of)}, o.owner, o.team, o.currency, CAST(0 AS BIGINT), {none},
            CAST(SUM(b.paid_minor) AS BIGINT), {_days_late()}
        FROM stg_balances AS b
        JOIN owned AS o ON o.order_no = b.order_no
        WHERE b.paid_minor > 0 AND b.from_at > {since} AND b.from_at <= {sql_timestamp(as_of)}
        GROUP BY {_end_of_week("b.from_at", as_of)}, o.owner, o.team, o.currency, {_days_late()}
        ORDER BY until_at, owner NULLS FIRST, team NULLS FIRST, currency, days_late, billed_minor, paid_minor"""


def _between(first: int | None, after: int | None) -> str:
    """Return the condition of a balance that is so many days past due at a closing time, at least and less than."""
    least = [] if first is None else [f"t.until_at >= o.clock_at + INTERVAL '{first}' DAY"]
    most = [] if after is None else [f"t.until_at < o.clock_at + INTERVAL '{after}' DAY"]
    return " AND ".join([*least, *most])


def _end_of_week(column: str, as_of: datetime) -> str:
    monday = f"DATE_TRUNC('week', {column})"
    end = f"CASE WHEN {column} = {monday} THEN {column} ELSE {monday} + INTERVAL '7' DAY END"
    return f"LEAST({end}, {sql_timestamp(as_of)})"


def _days_late() -> str:
    """Return the whole days from the end of the due date to the end of the day of a payment; before it negative."""
    day = "DATE_TRUNC('day', b.from_at)"
    end = f"CASE WHEN b.from_at = {day} THEN b.from_at ELSE {day} + INTERVAL '1' DAY END"
    return f"CAST(EXTRACT(DAY FROM ({end} - o.clock_at)) AS INTEGER)"


def contacts(since: datetime, until: datetime) -> str:
    """Return the CTE ``contacts``: one row per customer, moment and channel, however many orders it is logged on."""
    return f"""
        contacts AS (
            SELECT o.customer_id, e.known_at, c.channel, MIN(o.owner) AS owner, MIN(o.team) AS team
            FROM stg_events AS e
            JOIN event_types AS t ON t.kind = e.kind
            LEFT JOIN channel_numbers AS c ON c.channel_no = e.channel_no
            JOIN owned AS o ON o.order_no = e.order_no
            WHERE t.event_type = 'contact'
              AND e.known_at > {sql_timestamp(since)} AND e.known_at <= {sql_timestamp(until)}
            GROUP BY o.customer_id, e.known_at, c.channel
        )"""


def first_contacts(owned: str, since: datetime, until: datetime) -> str:
    """Return the query of contacts that came after 30 days without one, with what was paid on the orders known then."""
    return f"""
        WITH {owned}, {contacts(since - timedelta(days=30), until)},
        turns AS (
            SELECT customer_id, known_at, owner, team,
                LAG(known_at) OVER (PARTITION BY customer_id ORDER BY known_at, channel NULLS FIRST) AS former_at
            FROM contacts
        ),
        first_contacts AS (
            SELECT customer_id, known_at, owner, team
            FROM turns
            WHERE known_at > {sql_timestamp(since)} AND (former_at IS NULL OR former_at < known_at - INTERVAL '30' DAY)
        )
        SELECT
            f.customer_id, f.known_at, f.owner AS worker, f.team, o.currency,
            CAST(COALESCE(SUM(b.paid_minor) FILTER (WHERE b.from_at <= f.known_at + INTERVAL '7' DAY), 0) AS BIGINT)
                AS paid_7d_minor,
            CAST(COALESCE(SUM(b.paid_minor), 0) AS BIGINT) AS paid_30d_minor
        FROM first_contacts AS f
        JOIN owned AS o ON o.customer_id = f.customer_id AND o.known_at <= f.known_at
        LEFT JOIN stg_balances AS b ON b.order_no = o.order_no AND b.paid_minor <> 0
            AND b.from_at > f.known_at AND b.from_at <= f.known_at + INTERVAL '30' DAY
        GROUP BY f.customer_id, f.known_at, f.owner, f.team, o.currency
        ORDER BY known_at, customer_id, currency"""

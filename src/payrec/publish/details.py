"""What a run publishes with its list, so that readers never need the layers: one Parquet file each.

features   the rows that were scored, as the model saw them
events     what happened so far to the orders of the list
months     by billing month and currency: orders, failed (without those that ended without money), decided, recovered
examples   past orders whose outcome is known, at most 200 of each day: what became of orders like this one
contacts   names and ways to reach the customers of the list, as they were loaded
experiment where the last experiment stands (see :mod:`payrec.monitor.experiment_status`)
customers  the list by customer (see :mod:`payrec.worklist.customer_list`); kept as long as the list itself
team_work, team_money, team_receivables   what figures of a team are made of (see :mod:`payrec.publish.team_facts`)
recent, asked, assigned, marks   with ``features`` all inputs of the list (see :mod:`payrec.publish.replay`)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

import pyarrow as pa

from payrec.common.text import sql_timestamp
from payrec.data import layers, snapshots
from payrec.data.engines import Engine

CUSTOMERS, EXPERIMENT = "customers", "experiment"
TEAM = ("team_work", "team_money", "team_receivables")
NAMES = (
    "features", "events", "months", "examples", "recent", "asked", "assigned", "marks", "contacts", EXPERIMENT, *TEAM,
)  # fmt: skip
NO_CONTACTS = pa.table(
    {
        name: pa.nulls(0, pa.string())
        for name in ("customer_id", "name", "email", "phone", "language", "time_zone", "segment", "parent_id", "owner")
    }
)
KEPT_RUNS = 7
"""Of how many runs the details are kept; the lists themselves stay longer."""

Details = Mapping[str, Callable[[], Iterator[pa.RecordBatch]]]
"""Name -> a function that reads the rows, so that no two queries are under way at once."""

EXAMPLES_A_DAY = 200


def details_of(engine: Engine, as_of: datetime) -> Details:
    """Return the details of the list at ``as_of``; the layers must have been built for it. No fact is later than it."""
    return {name: _reader(engine, sql) for name, sql in queries(as_of).items()}


def _reader(engine: Engine, sql: str) -> Callable[[], Iterator[pa.RecordBatch]]:
    return lambda: engine.read_batches(sql)


def queries(as_of: datetime) -> dict[str, str]:
    """Return the query of each detail."""
    at = sql_timestamp(as_of)
    return {
        "features": snapshots.scoring_select(as_of),
        "events": f"""
            WITH so_far AS (
                SELECT
                    o.order_id, e.position, e.kind, e.known_at, e.amount, e.channel_no,
                    MAX(e.position * 2147483648 + e.reason_no) OVER past AS last_reason,
                    MAX(e.position * 4194304 + e.promised_day) OVER past AS promise
                FROM stg_events AS e
                JOIN snapshots AS s ON s.order_no = e.order_no AND s.as_of = {at}
                JOIN stg_orders AS o ON o.order_no = e.order_no
                WHERE e.known_at <= {at}
                WINDOW past AS (PARTITION BY e.order_no ORDER BY e.position)
            )
            SELECT
                f.order_id, t.event_type, f.known_at, f.amount, c.channel, r.reason_code AS last_reason_code,
                TIMESTAMP '1900-01-01 00:00:00' + CAST(f.promise & 4194303 AS INTEGER) * INTERVAL '1' DAY
                    AS promised_until
            FROM so_far AS f
            LEFT JOIN event_types AS t ON t.kind = f.kind
            LEFT JOIN channel_numbers AS c ON c.channel_no = f.channel_no
            LEFT JOIN reason_numbers AS r ON r.reason_no = f.last_reason & 2147483647
            ORDER BY f.order_id, f.position""",
        "months": _months(at),
        "examples": _examples(at),
        "contacts": f"""
            SELECT customer_id, name, email, phone, language, time_zone, segment, parent_id, owner
            FROM raw_customers
            WHERE customer_id IN (SELECT customer_id FROM {layers.VIEW} WHERE as_of = {at})
            ORDER BY customer_id""",
    }


def _months(at: str) -> str:
    return f"""
        SELECT
            DATE_TRUNC('month', o.known_at - INTERVAL '1' DAY) AS billing_month, o.currency,
            COUNT(*) AS orders,
            COUNT(b.order_no) FILTER (WHERE u.decided_at IS NOT NULL) AS failed_orders,
            CAST(COALESCE(SUM(b.outstanding_minor) FILTER (WHERE u.decided_at IS NOT NULL), 0) AS BIGINT)
                AS failed_minor,
            COUNT(*) FILTER (WHERE u.decided_at <= {at}) AS decided_orders,
            COUNT(*) FILTER (WHERE u.decided_at <= {at} AND u.recovered_in_time = 1) AS recovered_orders,
            CAST(COALESCE(SUM(b.outstanding_minor) FILTER (WHERE u.decided_at <= {at}), 0) AS BIGINT)
                AS decided_minor,
            CAST(COALESCE(SUM(b.outstanding_minor)
                FILTER (WHERE u.decided_at <= {at} AND u.recovered_in_time = 1), 0) AS BIGINT) AS recovered_minor
        FROM stg_orders AS o
        LEFT JOIN stg_balances AS b ON b.order_no = o.order_no AND b.is_opening = 1
        LEFT JOIN stg_outcomes AS u ON u.order_no = o.order_no
        WHERE o.known_at <= {at} AND o.amount_minor > 0
        GROUP BY DATE_TRUNC('month', o.known_at - INTERVAL '1' DAY), o.currency
        ORDER BY billing_month, o.currency"""


def _examples(at: str) -> str:
    return f"""
        WITH numbered AS (
            SELECT
                o.order_id, a.customer_id, o.currency, o.amount_minor, o.provider, o.payment_method, o.country,
                r.reason_code, u.known_at,
                CASE WHEN u.recovered_at <= {at} THEN u.recovered_at END AS recovered_at,
                ROW_NUMBER() OVER (PARTITION BY DATE_TRUNC('day', u.known_at) ORDER BY o.order_id) AS of_day
            FROM stg_outcomes AS u
            JOIN stg_orders AS o ON o.order_no = u.order_no
            JOIN accounts AS a ON a.account_no = o.account_no
            LEFT JOIN reason_numbers AS r ON r.reason_no = u.reason_no_at_opening
            WHERE u.decided_at <= {at} AND u.known_at > {at} - INTERVAL '365' DAY
        )
        SELECT order_id, customer_id, currency, amount_minor, provider, payment_method, country, reason_code,
            known_at, recovered_at
        FROM numbered WHERE of_day <= {EXAMPLES_A_DAY}
        ORDER BY known_at, order_id"""

"""Rows and sums of a view of a list, by SQL over the published Parquet; nothing is kept.

An order is chosen if it is ranked, passes the filters, pays (net value at least the extra cost), is not held back by a
limit of its channel, owner or customer, and is among the first K by rank. Taking the same cost off every order of a
currency does not change their order, so the published rank stays right.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet

from payrec.commands.customer_search import SEARCHED, matching_orders
from payrec.common import duck
from payrec.common.arrow import Flags
from payrec.common.errors import DataRefused

TABLE_ROWS = 500  # of a page: 2,000 rows with their reasons are 700 kB, sent again with every change of a filter
CURVE_POINTS = 60
AGES = {"0-7": (0, 7), "8-14": (8, 14), "15-30": (15, 30), "31-60": (31, 60), "61-90": (61, 90), "over 90": (91, 10**6)}
"""Age bands in days: label -> first and last day."""
UNKNOWN = "unknown"
VALUES = "ev_currency, outstanding_value, p_recover_30d"
"""What an expected sum and its interval are calculated from."""
COLUMNS = ("country", "provider", "reason_code", "owner", "currency")
"""Columns with a few values, to filter by."""

# of their own currency, since amounts of different currencies are not compared
LARGEST_FIRST = "PERCENT_RANK() OVER (PARTITION BY currency ORDER BY outstanding DESC), order_id"

_lock = threading.Lock()
_connections: list[duckdb.DuckDBPyConnection] = []


@dataclass(frozen=True)
class View:
    """Filters, capacity and cost; empty = all. ``least`` and ``most`` bound the balance, in its currency."""

    capacity: int = 500
    cost: float = 0.0
    ages: tuple[str, ...] = ()
    country: tuple[str, ...] = ()
    provider: tuple[str, ...] = ()
    reason_code: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    currency: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    find: str = ""
    contacts: Path | None = None
    """File of names and ways to reach, in which ``find`` is searched as well."""

    @property
    def is_filtered(self) -> bool:
        """Whether the view shows a part of the list; capacity and cost only say how far it is worked."""
        return replace(self, capacity=0, cost=0.0) != View(capacity=0)


@dataclass(frozen=True)
class Choices:
    """What a list offers to filter by, and how many rows it has."""

    values: dict[str, tuple[str, ...]]
    ranked: int
    prioritised: int
    last_flagged: int


def describe(view: View) -> str:
    """Return a view in words for the export log, which names no order and no customer.

    >>> describe(View(capacity=50, country=("DE", "FR"), least=10.0, find="c0000877"))
    'first 50; country DE, FR; balance from 10; one order or customer'
    """
    parts = [f"first {view.capacity:,}"]
    parts += [f"cost of a contact {view.cost:g}"] if view.cost else []
    parts += [f"age {', '.join(view.ages)} days"] if view.ages else []
    parts += [
        f"{name.removesuffix('_code')} {', '.join(chosen)}" for name in COLUMNS if (chosen := getattr(view, name))
    ]
    parts += [f"balance from {view.least:g}"] if view.least is not None else []
    parts += [f"balance up to {view.most:g}"] if view.most is not None else []
    return "; ".join([*parts, *(["one order or customer"] if view.find else [])])


def query(sql: str, values: dict[str, Any]) -> pa.Table:
    """Run a query of ours with bound values; tables among them are read by their names.

    One process-wide DuckDB in memory, a cursor for each query.
    """
    tables = {name: value for name, value in values.items() if isinstance(value, pa.Table)}
    with _lock:
        if not _connections:
            _connections.append(duck.connect(options={"memory_limit": "1GB"}, reads_files=True))
        cursor = _connections[0].cursor()
    try:
        for name, rows in tables.items():
            cursor.register(name, rows)
        bound = {name: value for name, value in values.items() if name not in tables}
        with damaged_files():
            table: pa.Table = cursor.sql(sql, params=bound).to_arrow_table()
    finally:
        cursor.close()
    return table


@contextmanager
def damaged_files() -> Iterator[None]:
    """Say in a sentence that a file of a list cannot be read."""
    try:
        yield
    except (duckdb.IOException, duckdb.InvalidInputException, pa.ArrowInvalid, OSError) as error:
        msg = f"a file of the list is damaged or gone: {str(error).splitlines()[0]}\npublish the list again: payrec run"
        raise DataRefused(msg) from error


def choices(file: Path) -> Choices:
    """Read what can be filtered by; lists of more than 200 values are cut."""
    values = {}
    for name in COLUMNS:
        sql = (
            f"SELECT COALESCE({name}, '{UNKNOWN}') AS value, COUNT(*) AS n FROM read_parquet($file) "
            "GROUP BY value ORDER BY n DESC, value LIMIT 200"
        )
        listed: list[Any] = query(sql, {"file": str(file)})["value"].to_pylist()
        values[name] = tuple(listed) if name != "owner" or listed != [UNKNOWN] else ()
    sql = """
        SELECT COUNT(rank) AS ranked, COALESCE(SUM(priority_flag), 0)::BIGINT AS prioritised,
            COALESCE(MAX(rank) FILTER (WHERE priority_flag = 1), 0)::BIGINT AS last_flagged
        FROM read_parquet($file)"""
    row = query(sql, {"file": str(file)}).to_pylist()[0]
    return Choices(values, row["ranked"], row["prioritised"], row["last_flagged"])


def where(file: Path, view: View) -> tuple[str, dict[str, Any]]:
    """Return the condition of the filters on the orders of a list ("TRUE": none is set), and its values."""
    parts: list[str] = []
    values: dict[str, Any] = {}
    for name in COLUMNS:
        if chosen := getattr(view, name):
            parts.append(f"COALESCE({name}, '{UNKNOWN}') IN (SELECT UNNEST(${name}))")
            values[name] = list(chosen)
    if bands := [AGES[label] for label in view.ages if label in AGES]:
        parts.append("(" + " OR ".join(f"age_days BETWEEN {low} AND {high}" for low, high in bands) + ")")
    for name, sign in (("least", ">="), ("most", "<=")):
        if getattr(view, name) is not None:
            parts.append(f"outstanding {sign} ${name}")
            values[name] = getattr(view, name)
    if view.find.strip():
        parts.append("order_id IN (SELECT order_id FROM matches)")
        orders = _searched(file, file.stat().st_mtime_ns)
        values["matches"] = orders.select(["order_id"]).filter(pa.array(matching_rows(file, view)))
    return " AND ".join(parts) or "TRUE", values


def matching_rows(file: Path, view: View) -> Flags:
    """Return which orders of the file the search of a view matches, (n,); remembered for all sessions."""
    return _matches(file, file.stat().st_mtime_ns, view.contacts, view.find.strip())


@lru_cache(maxsize=8)
def _matches(file: Path, written_ns: int, contacts: Path | None, part: str) -> Flags:
    people = pyarrow.parquet.read_table(contacts, columns=list(SEARCHED)) if contacts else None
    return matching_orders(_searched(file, written_ns), people, part)


@lru_cache(maxsize=2)
def _searched(file: Path, written_ns: int) -> pa.Table:
    with damaged_files():
        return pyarrow.parquet.read_table(file, columns=["order_id", "customer_id"])


def held_back(last_flagged: str) -> str:
    """Return the condition of rows that a limit of the policy held back: unflagged, though they pay and rank higher."""
    return f"(priority_flag = 0 AND net_value >= 0 AND rank < {last_flagged})"


def _chosen(file: Path, view: View, last_flagged: int) -> tuple[str, dict[str, Any]]:
    """Return the query of the chosen rows in the order of their ranks, and its values."""
    passing, values = where(file, view)
    sql = f"""
        SELECT * FROM read_parquet($file)
        WHERE rank IS NOT NULL AND net_value >= $cost AND NOT {held_back("$last_flagged")} AND {passing}
        ORDER BY rank LIMIT $capacity"""
    return sql, values | {"cost": view.cost, "last_flagged": last_flagged, "capacity": view.capacity}


def totals(file: Path, view: View) -> list[dict[str, Any]]:
    """Return ``currency, orders, outstanding, ranked, expected`` of all that passes the filters, largest first.

    ``expected`` is in ``ev_currency``; where all are converted to one, ``currency`` tells what is owed, in its own.
    """
    passing, values = where(file, view)
    sql = f"""
        SELECT currency, ANY_VALUE(ev_currency) AS ev_currency, COUNT(*) AS orders,
            SUM(outstanding)::DOUBLE AS outstanding,
            COUNT(rank) AS ranked, COALESCE(SUM(ev_recovered) FILTER (WHERE rank IS NOT NULL), 0)::DOUBLE AS expected
        FROM read_parquet($file) WHERE {passing} GROUP BY currency ORDER BY orders DESC, currency"""
    return query(sql, values | {"file": str(file)}).to_pylist()


def chosen_totals(file: Path, view: View, last_flagged: int) -> list[dict[str, Any]]:
    """Return ``ev_currency, orders, outstanding_value, expected, p`` of the chosen orders, largest first."""
    sql, values = _chosen(file, view, last_flagged)
    total = f"""
        SELECT ev_currency, COUNT(*) AS orders, SUM(outstanding_value)::DOUBLE AS outstanding,
            SUM(ev_recovered)::DOUBLE AS expected, SUM(p_recover_30d)::DOUBLE AS recoveries
        FROM ({sql}) GROUP BY ev_currency ORDER BY orders DESC, ev_currency"""
    return query(total, values | {"file": str(file)}).to_pylist()


def chosen_values(file: Path, view: View, last_flagged: int) -> pa.Table:
    """Return ``ev_currency, outstanding_value, p_recover_30d`` of the chosen orders."""
    sql, values = _chosen(file, view, last_flagged)
    return query(f"SELECT {VALUES} FROM ({sql})", values | {"file": str(file)})


def page(file: Path, view: View, last_flagged: int, number: int = 1) -> pa.Table:
    """Return a page of 500 of the chosen orders, in the columns of the table; the first page has the number 1."""
    sql, values = _chosen(file, replace(view, capacity=min(view.capacity, number * TABLE_ROWS)), last_flagged)
    shown = f"""
        SELECT rank, order_id, customer_id, outstanding::DOUBLE AS outstanding, currency, age_days,
            100 * p_recover_30d AS chance, ev_recovered::DOUBLE AS ev_recovered, ev_currency,
            reason_1, reason_2, reason_3, suggested_action,
            country, provider, reason_code, owner
        FROM ({sql}) ORDER BY rank OFFSET {(number - 1) * TABLE_ROWS}"""
    return query(shown, values | {"file": str(file)})


def whole(file: Path, view: View, last_flagged: int) -> pa.Table:
    """Return all chosen orders with all columns, for an export of exactly the view."""
    sql, values = _chosen(file, view, last_flagged)
    priced = "* REPLACE ((net_value - $cost)::DECIMAL(18, 2) AS net_value, 1::SMALLINT AS priority_flag)"
    return query(f"SELECT {priced} FROM ({sql}) ORDER BY rank", values | {"file": str(file)})


def curve(file: Path, view: View) -> pa.Table:
    """Return ``ev_currency, orders, expected``: what the first orders by rank are expected to bring, up to all."""
    passing, values = where(file, view)
    sql = f"""
        WITH listed AS (
            SELECT ev_currency, ev_recovered, ROW_NUMBER() OVER (ORDER BY rank) AS position, COUNT(*) OVER () AS n
            FROM read_parquet($file) WHERE rank IS NOT NULL AND {passing}
        ),
        grouped AS (
            SELECT ev_currency, CEIL(position * {CURVE_POINTS}.0 / n)::BIGINT AS step, MAX(n) AS n,
                SUM(ev_recovered)::DOUBLE AS expected
            FROM listed GROUP BY ev_currency, step
        )
        SELECT ev_currency, (step * n / {CURVE_POINTS}.0)::BIGINT AS orders,
            SUM(expected) OVER (PARTITION BY ev_currency ORDER BY step) AS expected
        FROM grouped ORDER BY ev_currency, step"""
    return query(sql, values | {"file": str(file)})


def suppressed(file: Path, view: View) -> tuple[list[dict[str, Any]], pa.Table]:
    """Return the counts by reason of suppression, and the first 500 such orders, the largest balance first."""
    passing, values = where(file, view)
    values |= {"file": str(file)}
    inside = f"FROM read_parquet($file) WHERE suppressed_reason IS NOT NULL AND {passing}"
    counts = f"""
        SELECT suppressed_reason, COUNT(*) AS orders, ANY_VALUE(lifted_by) AS lifted_by {inside}
        GROUP BY suppressed_reason ORDER BY orders DESC, suppressed_reason"""
    rows = f"""
        SELECT order_id, customer_id, outstanding::DOUBLE AS outstanding, currency, age_days, suppressed_reason,
            suppressed_also, lifted_by, country, provider, reason_code {inside}
        ORDER BY {LARGEST_FIRST} LIMIT {TABLE_ROWS}"""
    return query(counts, values).to_pylist(), query(rows, values)


def suppressed_whole(file: Path, view: View) -> pa.Table:
    """Return all suppressed orders that pass the filters, with all columns."""
    passing, values = where(file, view)
    sql = f"""
        SELECT * FROM read_parquet($file) WHERE suppressed_reason IS NOT NULL AND {passing}
        ORDER BY {LARGEST_FIRST}"""
    return query(sql, values | {"file": str(file)})

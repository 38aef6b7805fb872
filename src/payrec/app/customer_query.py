"""Rows and sums of the list by customer, by SQL over the published Parquet; a row is a customer in one currency.

Filters choose orders: a customer is in the view if one of the orders passes. The capacity counts customers; whom the
team has dealt with since the list was made still counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet

from payrec.app.list_query import VALUES, Choices, View, held_back, query, where

PAGE_ROWS = 50
ORDERS_SHOWN = 20
"""Of a customer in the list; the page of the customer has all."""
LISTED = """customer_id, ev_currency, rank, priority_flag, suppressed_reason, owner, net_value, ev_recovered,
                outstanding_value, oldest_age_days, last_contact_at, contact_group, contact_no, machine_flag"""
"""Columns that parts, sums and the order of rows need; the others are read for the rows of a page alone."""
Part = Literal["to_do", "done", "not_contacted", "machine"]
SORTS = {
    "Rank": "rank NULLS LAST",
    "Outstanding, largest first": "outstanding_value DESC",
    "Expected, largest first": "ev_recovered DESC",
    "Oldest first": "oldest_age_days DESC",
    "Last contact, longest ago first": "last_contact_at NULLS FIRST",
    "Customer": "customer_id",
    "Parent": "contact_group NULLS LAST",
}


@dataclass(frozen=True)
class CustomerList:
    """The files of a published list: by customer, by order."""

    customers: Path
    orders: Path


@dataclass(frozen=True)
class Marked:
    """Customers whom the team has dealt with since the list was made, and those assigned to me and to others since.

    ``spoken``: those contacted since; it was the contact of all customers of their parent.
    """

    done: tuple[str, ...] = ()
    spoken: tuple[str, ...] = ()
    mine: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class CustomerView:
    """Filters of orders with a capacity in customers; ``owner``: only rows of this person."""

    view: View
    last_flagged: int
    marked: Marked = Marked()
    owner: str | None = None


def choices(files: CustomerList, of_orders: Choices) -> Choices:
    """Return what can be filtered by, with the counts of customers in place of those of orders."""
    sql = """
        SELECT COUNT(rank) AS ranked, COALESCE(SUM(priority_flag), 0)::BIGINT AS prioritised,
            COALESCE(MAX(rank) FILTER (WHERE priority_flag = 1), 0)::BIGINT AS last_flagged
        FROM read_parquet($file)"""
    return replace(of_orders, **query(sql, {"file": str(files.customers)}).to_pylist()[0])


def _filters(files: CustomerList, of: CustomerView) -> tuple[str, dict[str, Any]]:
    """Return the conditions of the view on customers, and their values."""
    passing, values = where(files.orders, replace(of.view, owner=()))
    inside = ""
    if passing != "TRUE":
        inside = f"""
            AND (
                c.rank IN (SELECT customer_rank FROM read_parquet($orders) WHERE {passing})
                OR c.rank IS NULL AND EXISTS (
                    SELECT 1 FROM read_parquet($orders) AS o
                    WHERE o.customer_rank IS NULL AND o.customer_id = c.customer_id
                        AND o.ev_currency IS NOT DISTINCT FROM c.ev_currency AND {passing}
                )
            )"""  # numbers are compared where there are some: ids cost five times as much
        values["orders"] = str(files.orders)
    if of.view.owner:
        inside += " AND COALESCE(owner, 'unknown') IN (SELECT UNNEST($owner))"
        values["owner"] = list(of.view.owner)
    if of.owner is not None:
        inside += """
            AND (customer_id IN (SELECT UNNEST($mine))
                OR (owner = $me AND customer_id NOT IN (SELECT UNNEST($others))))"""
        values |= {"me": of.owner, "mine": list(of.marked.mine), "others": list(of.marked.others)}
    return inside, values


def _listed(files: CustomerList, of: CustomerView) -> tuple[str, dict[str, Any]]:
    """Return CTEs ``listed`` (rows in view: ``row``, its number in the file, and columns), and their values."""
    inside, values = _filters(files, of)
    of_group = ""
    if of.marked.spoken:
        of_group = """
                OR COALESCE(contact_group IN (
                    SELECT contact_group FROM read_parquet($customers)
                    WHERE contact_group IS NOT NULL AND customer_id IN (SELECT UNNEST($spoken))
                ), FALSE)"""
        values["spoken"] = list(of.marked.spoken)
    sql = f"""
        WITH passing AS {"" if inside else "NOT"} MATERIALIZED (
            SELECT file_row_number AS row, {LISTED}, customer_id IN (SELECT UNNEST($done)) {of_group} AS is_done,
                rank IS NOT NULL AND machine_flag IS NULL AND NOT {held_back("$last_flagged")}
                    AND (net_value >= $cost OR contact_group IS NOT NULL AND priority_flag = 1) AS may_be_chosen
            FROM {_source(files)} AS c WHERE TRUE {inside}
        ),
        last_chosen AS (
            SELECT MAX(contact_no) AS contact_no FROM (
                SELECT DISTINCT contact_no FROM passing WHERE may_be_chosen ORDER BY contact_no LIMIT $capacity
            )
        ),
        listed AS (
            SELECT *, may_be_chosen AND COALESCE(contact_no <= (SELECT contact_no FROM last_chosen), FALSE) AS is_chosen
            FROM passing
        )"""
    values |= {
        "customers": str(files.customers), "done": list(of.marked.done), "cost": of.view.cost,
        "last_flagged": of.last_flagged, "capacity": of.view.capacity,
    }  # fmt: skip
    return sql, values


_PARTS: dict[Part, str] = {
    "to_do": "is_chosen AND NOT is_done",
    "done": "is_done",
    "not_contacted": "suppressed_reason IS NOT NULL AND NOT is_done",
    "machine": "machine_flag = 1 AND NOT is_done",
}


def _source(files: CustomerList) -> str:
    """Return the rows of the list by customer; columns that an older payrec did not write are NULL."""
    rows = "read_parquet($customers, file_row_number = true)"
    if "contact_no" in pyarrow.parquet.read_schema(files.customers).names:
        return rows
    return f"(SELECT *, NULL AS contact_group, rank AS contact_no, NULL AS machine_flag FROM {rows})"


def totals(files: CustomerList, of: CustomerView) -> list[dict[str, Any]]:
    """Return by ``ev_currency``: customers, ranked, chosen, dealt with, what they owe, what is expected."""
    listed, values = _listed(files, of)
    sql = f"""{listed}
        SELECT ev_currency, COUNT(*) AS customers, COUNT(rank) AS ranked,
            SUM(outstanding_value)::DOUBLE AS outstanding,
            COUNT(*) FILTER (WHERE is_chosen) AS chosen,
            COUNT(*) FILTER (WHERE is_chosen AND is_done) AS chosen_done,
            COUNT(*) FILTER (WHERE is_chosen AND NOT is_done) AS to_do,
            COUNT(*) FILTER (WHERE is_done) AS done,
            COUNT(*) FILTER (WHERE suppressed_reason IS NOT NULL AND NOT is_done) AS not_contacted,
            COUNT(*) FILTER (WHERE machine_flag = 1 AND NOT is_done) AS machine,
            COALESCE(SUM(ev_recovered) FILTER (WHERE is_chosen), 0)::DOUBLE AS expected
        FROM listed GROUP BY ev_currency ORDER BY chosen DESC, customers DESC, ev_currency"""
    return query(sql, values).to_pylist()


def chosen_values(files: CustomerList, of: CustomerView) -> pa.Table:
    """Return ``ev_currency, outstanding_value, p_recover_30d`` of the ranked orders of the chosen customers."""
    listed, values = _listed(files, of)
    sql = f"""{listed}
        SELECT {VALUES} FROM read_parquet($orders) AS o
        SEMI JOIN (SELECT * FROM listed WHERE is_chosen) AS c
            ON c.customer_id = o.customer_id AND c.ev_currency IS NOT DISTINCT FROM o.ev_currency
        WHERE o.rank IS NOT NULL
        ORDER BY o.rank"""
    return query(sql, values | {"orders": str(files.orders)})


def page(files: CustomerList, of: CustomerView, part: Part, sort: str, number: int = 1) -> list[dict[str, Any]]:
    """Return a page of customers with their orders (``orders``, at most 20, ranked ones first)."""
    listed, values = _listed(files, of)
    sql = f"""{listed}
        SELECT row FROM listed WHERE {_PARTS[part]}
        ORDER BY {SORTS[sort]}, rank NULLS LAST, customer_id, ev_currency
        LIMIT {PAGE_ROWS} OFFSET {(number - 1) * PAGE_ROWS}"""
    customers = _rows(files, query(sql, values)["row"].to_pylist()).to_pylist()
    ranks = [row["rank"] for row in customers]
    orders = orders_of(files.orders, [row["customer_id"] for row in customers], None if None in ranks else ranks)
    for row in customers:
        row["orders"] = [
            one for one in orders
            if (one["customer_id"], one["ev_currency"]) == (row["customer_id"], row["ev_currency"])
        ][:ORDERS_SHOWN]  # fmt: skip
    return customers


def whole(files: CustomerList, of: CustomerView, part: Part) -> Any:
    """Return all rows of a part with the columns of the published list, for an export of exactly the view."""
    listed, values = _listed(files, of)
    sql = f"{listed} SELECT row FROM listed WHERE {_PARTS[part]} ORDER BY rank NULLS LAST, customer_id, ev_currency"
    return _rows(files, query(sql, values)["row"].to_pylist())


def _rows(files: CustomerList, numbers: Sequence[Any]) -> pa.Table:
    """Return rows of the list with all columns, by their numbers in the file and in this order."""
    sql = """
        SELECT c.* EXCLUDE (file_row_number) FROM read_parquet($customers, file_row_number = true) AS c
        JOIN (SELECT UNNEST($rows) AS row, UNNEST(range(len($rows))) AS position) ON row = file_row_number
        ORDER BY position"""
    return query(sql, {"customers": str(files.customers), "rows": list(numbers)})


def orders_of(file: Path, customers: Sequence[str], ranks: Sequence[int] | None = None) -> list[dict[str, Any]]:
    """Return the open orders of customers, ranked ones first; read faster if the customers have ``ranks``."""
    of_customers = "customer_id IN (SELECT UNNEST($customers))"
    values: dict[str, Any] = {"file": str(file), "customers": list(customers)}
    if ranks is not None:
        of_customers, values = "customer_rank IN (SELECT UNNEST($ranks))", {"file": str(file), "ranks": list(ranks)}
    sql = f"""
        SELECT order_id, customer_id, ev_currency, currency, outstanding, age_days, p_recover_30d, ev_recovered, rank,
            suppressed_reason, suppressed_also, lifted_by, suggested_action, reason_code, reason_1, reason_2, provider,
            horizon_days, outstanding_value, p_7d, p_14d, p_60d, p_90d
        FROM read_parquet($file) WHERE {of_customers}
        ORDER BY rank NULLS LAST, outstanding DESC, order_id"""
    return query(sql, values).to_pylist()


def customer(file: Path, customer_id: str) -> list[dict[str, Any]]:
    """Return the rows of a customer, one for each currency; none if the customer is not on the list."""
    sql = "SELECT * FROM read_parquet($file) WHERE customer_id = $customer ORDER BY rank NULLS LAST, ev_currency"
    return query(sql, {"file": str(file), "customer": customer_id}).to_pylist()


def people(contacts: Path, customers: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return customer -> ``name, email, phone, language, parent_id`` of those that have them."""
    sql = """
        SELECT customer_id, name, email, phone, language, parent_id
        FROM read_parquet($file) WHERE customer_id IN (SELECT UNNEST($customers))"""
    rows = query(sql, {"file": str(contacts), "customers": list(customers)}).to_pylist()
    return {row["customer_id"]: row for row in rows}


def neighbours(file: Path, customer_id: str) -> tuple[str | None, str | None]:
    """Return the customers ranked just before and just after one; None at the ends."""
    sql = """
        WITH own AS (SELECT MIN(rank) AS rank FROM read_parquet($file) WHERE customer_id = $customer)
        SELECT
            (SELECT customer_id FROM read_parquet($file), own WHERE read_parquet.rank < own.rank
                ORDER BY read_parquet.rank DESC LIMIT 1) AS before,
            (SELECT customer_id FROM read_parquet($file), own WHERE read_parquet.rank > own.rank
                ORDER BY read_parquet.rank LIMIT 1) AS after"""
    row = query(sql, {"file": str(file), "customer": customer_id}).to_pylist()[0]
    return row["before"], row["after"]

"""Rows and sums of the list by customer, from its index; a row is a customer in one currency.

Filters choose orders: a customer is in the view if one of the orders passes. The capacity counts customers; whom the
team has dealt with since the list was made still counts.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa

from payrec.app.customer_index import CustomerIndex, CustomerList, index_of, passing, written_ns
from payrec.app.list_query import UNKNOWN, Choices, View, query
from payrec.common.arrow import Flags, Whole, make, pc

PAGE_ROWS = 50
KEPT_ROWS = 1_000
ORDERS_SHOWN = 20
"""Of a customer in the list; the page of the customer has all."""
SHOWN = (
    "customer_id", "ev_currency", "rank", "suppressed_reason", "suppressed_also", "lifted_by", "owner", "channel",
    "ev_recovered", "outstanding_value", "disputed_value", "oldest_age_days", "orders_open", "orders_left_alone",
    "reason_1", "reason_2", "reason_3", "suggested_action", "contact_group",
)  # fmt: skip
"""Columns of the file that a row of the page shows."""
_keeping = threading.Lock()
Part = Literal["to_do", "done", "not_contacted", "machine"]
PARTS: tuple[Part, ...] = get_args(Part)
SORTS = (
    "Rank", "Outstanding, largest first", "Expected, largest first", "Oldest first",
    "Last contact, longest ago first", "Customer", "Parent",
)  # fmt: skip
"""Orders of rows; amounts of several currencies are each compared with those of their own."""


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


@dataclass(frozen=True)
class _Rows:
    """Which customers of the index are in a view, dealt with, and among those that the capacity reaches, (n,)."""

    index: CustomerIndex
    is_in_view: Flags
    is_done: Flags
    is_chosen: Flags

    def part(self, name: Part) -> Flags:
        """Return the customers of a part of the list, (n,)."""
        of: dict[Part, Flags] = {
            "to_do": self.is_chosen & ~self.is_done,
            "done": self.is_done,
            "not_contacted": self.index.is_suppressed & ~self.is_done,
            "machine": (self.index.machine_flag == 1) & ~self.is_done,
        }
        return of[name] & self.is_in_view


def choices(files: CustomerList, of_orders: Choices) -> Choices:
    """Return what can be filtered by, with the counts of customers in place of those of orders."""
    index = index_of(files)
    flagged = index.rank[index.is_flagged & index.is_ranked]
    return replace(
        of_orders,
        ranked=int(index.is_ranked.sum()), prioritised=int(index.is_flagged.sum()),
        last_flagged=int(flagged.max(initial=0)),
    )  # fmt: skip


def _rows_of(files: CustomerList, of: CustomerView) -> _Rows:
    return _evaluated(files, written_ns(files), of)


@lru_cache(maxsize=8)
def _evaluated(files: CustomerList, at_ns: tuple[int, int], of: CustomerView) -> _Rows:
    index, view, marked = index_of(files), of.view, of.marked
    is_in_view = passing(files, view).copy()
    if view.owner:
        is_in_view &= index.owner.among(view.owner, UNKNOWN)
    if of.owner is not None:
        is_others = index.owner.among((of.owner,)) & ~index.among(marked.others)
        is_in_view &= index.among(marked.mine) | is_others
    has_group = index.group.codes >= 0
    is_done = index.among(marked.done)
    spoken_groups = index.group.codes[index.among(marked.spoken) & has_group]
    is_done |= np.isin(index.group.codes, spoken_groups)
    is_held_back = ~index.is_flagged & (index.net_value >= 0) & (index.rank < of.last_flagged)
    pays = (index.net_value >= view.cost) | has_group & index.is_flagged
    is_chosen = is_in_view & index.is_ranked & (index.machine_flag < 0) & ~is_held_back & pays
    is_chosen &= index.contact_no <= _last_contact(index.contact_no[is_chosen], view.capacity)
    return _Rows(index, is_in_view, is_done, is_chosen)


def _last_contact(numbers: Whole, capacity: int) -> int:
    """Return the number of the last contact that the capacity reaches; customers of one parent share a number."""
    is_taken = np.zeros(int(numbers.max(initial=0)) + 1, dtype=np.bool_)
    is_taken[numbers] = True
    reached = np.flatnonzero(is_taken)[:capacity]
    return int(reached[-1]) if reached.size else -1


def totals(files: CustomerList, of: CustomerView) -> list[dict[str, Any]]:
    """Return by ``ev_currency``: customers, ranked, chosen, dealt with, what they owe, what is expected."""
    rows = _rows_of(files, of)
    index, inside = rows.index, rows.is_in_view
    counted: dict[str, Flags] = {
        "customers": inside, "ranked": inside & index.is_ranked, "chosen": rows.is_chosen,
        "chosen_done": rows.is_chosen & rows.is_done, **{name: rows.part(name) for name in PARTS},
    }  # fmt: skip
    names = (*index.unit.names, None)  # the last one: unknown, at -1

    def by_unit(of: Flags, weights: Whole | None = None) -> Any:
        codes, size = index.unit.codes[of] % len(names), len(names)
        return np.bincount(codes, None if weights is None else weights[of], size)

    counts = {name: by_unit(of) for name, of in counted.items()}
    money = {"outstanding": by_unit(inside, index.outstanding_minor) / 100,
             "expected": by_unit(rows.is_chosen, index.expected_minor) / 100}  # fmt: skip
    sums = [
        {
            "ev_currency": name,
            **{of: int(counts[of][at]) for of in counts},
            **{of: float(money[of][at]) for of in money},
        }
        for at, name in enumerate(names)
        if counts["customers"][at]
    ]
    return sorted(sums, key=lambda one: (-one["chosen"], -one["customers"], str(one["ev_currency"])))


def chosen_values(files: CustomerList, of: CustomerView) -> pa.Table:
    """Return ``ev_currency, outstanding_value, p_recover_30d`` of the ranked orders of the chosen customers."""
    rows = _rows_of(files, of)
    return rows.index.values.take(make.array(np.flatnonzero(rows.is_chosen[rows.index.value_row])))


def page(files: CustomerList, of: CustomerView, part: Part, sort: str, number: int = 1) -> list[dict[str, Any]]:
    """Return a page of customers with their orders (``orders``, at most 20, ranked ones first)."""
    rows = _rows_of(files, of)
    listed = _sorted(rows.index, np.flatnonzero(rows.part(part)), sort).tolist()
    first = (number - 1) * PAGE_ROWS
    return _customers(files, listed[first : first + PAGE_ROWS], listed[first + PAGE_ROWS : first + 2 * PAGE_ROWS])


def _customers(files: CustomerList, wanted: list[int], ahead: list[int]) -> list[dict[str, Any]]:
    """Return customers by their rows in the file; whoever moves up when another is marked was read ahead."""
    kept = _kept(files, written_ns(files))
    known = {row: one for row in wanted if (one := kept.get(row)) is not None}
    if missing := [row for row in wanted if row not in known]:
        missing += [row for row in ahead if row not in kept]
        known |= dict(zip(missing, _read_customers(files, missing), strict=True))
        with _keeping:
            kept |= known
            for row in list(islice(kept, max(len(kept) - KEPT_ROWS, 0))):
                del kept[row]
    return [known[row] for row in wanted]


@lru_cache(maxsize=2)
def _kept(files: CustomerList, at_ns: tuple[int, int]) -> dict[int, dict[str, Any]]:
    """Return the rows of a list that were read last, for all sessions."""
    return {}


def _read_customers(files: CustomerList, numbers: Sequence[int]) -> list[dict[str, Any]]:
    shown = [name for name in SHOWN if name in index_of(files).columns]
    customers = _read_rows(files, numbers, shown).to_pylist()
    ranks = [row["rank"] for row in customers]
    orders = orders_of(files.orders, [row["customer_id"] for row in customers], None if None in ranks else ranks)
    by_customer = defaultdict(list)
    for one in orders:
        by_customer[one["customer_id"], one["ev_currency"]].append(one)
    return [row | {"orders": by_customer[row["customer_id"], row["ev_currency"]][:ORDERS_SHOWN]} for row in customers]


def _sorted(index: CustomerIndex, rows: Whole, sort: str) -> Whole:
    """Return rows of the index in an order of ``SORTS``; what is equal stays as in the list."""
    rows = rows[np.argsort(index.position[rows])]
    keys: dict[str, Callable[[], Any]] = {
        "Rank": lambda: index.position[rows],
        "Outstanding, largest first": lambda: index.outstanding_place[rows],
        "Expected, largest first": lambda: index.expected_place[rows],
        "Oldest first": lambda: -index.oldest_age_days[rows],
        "Last contact, longest ago first": lambda: index.last_contact_at[rows].view(np.int64),  # never: the least
        "Customer": lambda: pc.rank(index.ids.take(make.array(rows)), tiebreaker="dense").to_numpy(),
        "Parent": lambda: np.where(index.group.codes[rows] < 0, len(index.group.names), index.group.codes[rows]),
    }
    return rows[np.argsort(keys[sort](), kind="stable")]


def whole(files: CustomerList, of: CustomerView, part: Part) -> Any:
    """Return all rows of a part with the columns of the published list, for an export of exactly the view."""
    rows = _rows_of(files, of)
    numbers = _sorted(rows.index, np.flatnonzero(rows.part(part)), "Rank").tolist()
    return _read_rows(files, numbers, rows.index.columns)


def _read_rows(files: CustomerList, numbers: Sequence[int], columns: Sequence[str]) -> pa.Table:
    """Return rows of the list by their numbers in the file, in this order."""
    sql = f"""
        SELECT {", ".join(f"c.{name}" for name in columns)}
        FROM read_parquet($customers, file_row_number = true) AS c
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

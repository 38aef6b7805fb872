"""The columns of a list by customer that parts, sums and the order of rows need: in memory once, for all sessions.

A mark of one person changes a view of everybody. Read from Parquet again for each, the columns cost more than all else
that a page does; as arrays a view of half a million orders takes some milliseconds.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet

from payrec.app.list_query import VALUES, View, damaged_files, matching_rows, query, where
from payrec.common.arrow import Flags, Whole, floats, known, make, one_chunk, pc, text, times, whole

UNKNOWN = -1
"""Code of a NULL."""
LAST = np.iinfo(np.int64).max
OF_CUSTOMER = (
    "customer_id", "ev_currency", "rank", "priority_flag", "suppressed_reason", "owner", "net_value", "ev_recovered",
    "outstanding_value", "oldest_age_days", "last_contact_at", "contact_group", "contact_no", "machine_flag",
)  # fmt: skip
OF_ORDER = ("customer_id", "customer_rank", "rank", *VALUES.split(", "))

_reading = threading.Lock()


@dataclass(frozen=True)
class CustomerList:
    """The files of a published list: by customer, by order."""

    customers: Path
    orders: Path


@dataclass(frozen=True)
class Codes:
    """A column of few texts as numbers, (n,): the position in ``names``, which are in order; -1 where unknown."""

    codes: Whole
    names: tuple[str, ...]

    def among(self, names: tuple[str, ...], unknown: str | None = None) -> Flags:
        """Return whether the text is one of ``names``; ``unknown``: under which name a missing one goes."""
        wanted = [at for at, name in enumerate(self.names) if name in names]
        return np.isin(self.codes, [*wanted, *([UNKNOWN] if unknown in names else [])])


@dataclass(frozen=True)
class CustomerIndex:
    """Arrays of the rows of the file by customer, (n,), and of its ranked orders, best first, (m,).

    ``contact_no`` counts the contacts of the list. ``position``: place in the list, those without a rank after the
    others, the largest of their currency first. ``order_row``: row of the customer of each order of the file by order,
    -1 where there is none; ``values``: what an expected sum is calculated from, ``value_row`` the row of its customer.
    ``_minor``: in hundredths of ``unit``; codes and flags of a machine are -1 where unknown.
    """

    columns: tuple[str, ...]
    ids: Any
    unit: Codes
    owner: Codes
    group: Codes
    rank: Whole
    contact_no: Whole
    is_ranked: Flags
    is_flagged: Flags
    is_suppressed: Flags
    machine_flag: Whole
    net_value: npt.NDArray[np.float64]
    expected_minor: Whole
    outstanding_minor: Whole
    oldest_age_days: Whole
    last_contact_at: npt.NDArray[np.datetime64]
    position: Whole
    order_row: Whole
    values: pa.Table
    value_row: Whole

    @cached_property
    def outstanding_place(self) -> npt.NDArray[np.float64]:
        """Place of what is owed in its currency, see :func:`largest_first`; of the whole list: no mark moves others."""
        return largest_first(self.unit.codes, self.outstanding_minor, self.position)

    @cached_property
    def expected_place(self) -> npt.NDArray[np.float64]:
        """Place of what is expected in its currency."""
        return largest_first(self.unit.codes, self.expected_minor, self.position)

    def among(self, customers: tuple[str, ...]) -> Flags:
        """Return whether the customer is one of ``customers``, (n,)."""
        if not customers:
            return np.zeros(len(self.ids), dtype=np.bool_)
        hits: Flags = pc.is_in(self.ids, value_set=make.array(customers, self.ids.type)).to_numpy(zero_copy_only=False)
        return hits


def index_of(files: CustomerList) -> CustomerIndex:
    """Return the index of a list; read once by all sessions, and again when a file was written."""
    with _reading:
        return _read(files, *written_ns(files))


def orders_of_customer(files: CustomerList, customer_id: str, columns: Sequence[str]) -> pa.Table:
    """Return columns of a customer's rows in the file by order, which need not be searched for them."""
    index = index_of(files)
    rows = np.flatnonzero(np.isin(index.order_row, np.flatnonzero(index.among((customer_id,)))))
    sql = f"""
        SELECT {", ".join(columns)} FROM read_parquet($file, file_row_number = true)
        WHERE file_row_number IN (SELECT UNNEST($rows)) ORDER BY file_row_number"""
    return query(sql, {"file": str(files.orders), "rows": rows.tolist()})


def passing(files: CustomerList, view: View) -> Flags:
    """Return whether an order of the customer passes the filters of orders, (n,); remembered for all sessions."""
    filters = replace(view, capacity=0, cost=0.0, owner=())
    if filters == View(capacity=0, contacts=view.contacts):
        return np.ones(len(index_of(files).ids), dtype=np.bool_)
    return _passing(files, written_ns(files), filters)


def largest_first(unit: Whole, minor: Whole, position: Whole) -> npt.NDArray[np.float64]:
    """Return the place of each amount in its currency, from 0 (the largest) to 1, (n,).

    Amounts of different currencies are not compared: the largest of each come before the second largest.
    """
    order = np.lexsort((position, -minor, unit))
    counts = np.bincount(unit + 1)
    starts = np.cumsum(counts) - counts
    places = np.empty(unit.size, dtype=np.float64)
    places[order] = np.arange(unit.size) - starts[unit[order] + 1]
    return places / counts[unit + 1]


def written_ns(files: CustomerList) -> tuple[int, int]:
    """Return when the files of a list were written: what is remembered of them holds as long."""
    return files.customers.stat().st_mtime_ns, files.orders.stat().st_mtime_ns


@lru_cache(maxsize=32)
def _passing(files: CustomerList, at_ns: tuple[int, int], filters: View) -> Flags:
    index = index_of(files)
    is_passing = np.zeros(index.order_row.size, dtype=np.bool_)
    condition, values = where(files.orders, replace(filters, find=""))
    sql = f"SELECT file_row_number AS row FROM read_parquet($file, file_row_number = true) WHERE {condition}"
    is_passing[query(sql, values | {"file": str(files.orders)})["row"].to_numpy()] = True
    if filters.find:
        is_passing &= matching_rows(files.orders, filters)
    rows = index.order_row[is_passing]
    inside = np.zeros(len(index.ids), dtype=np.bool_)
    inside[rows[rows >= 0]] = True
    return inside


@lru_cache(maxsize=2)
def _read(files: CustomerList, customers_ns: int, orders_ns: int) -> CustomerIndex:
    with damaged_files():
        columns = tuple(pyarrow.parquet.read_schema(files.customers).names)
        rows = pyarrow.parquet.read_table(files.customers, columns=[name for name in OF_CUSTOMER if name in columns])
        orders = pyarrow.parquet.read_table(files.orders, columns=list(OF_ORDER))
    unit, is_ranked, rank = _codes(text(rows, "ev_currency")), known(rows, "rank"), whole(rows, "rank", LAST)
    outstanding = _minor(rows, "outstanding_value")
    by_id = np.empty(rows.num_rows, dtype=np.int64)
    ids = text(rows, "customer_id")
    by_id[np.lexsort((unit.codes, pc.rank(ids, tiebreaker="dense").to_numpy()))] = np.arange(rows.num_rows)
    share = np.where(is_ranked, 0.0, largest_first(unit.codes, np.where(is_ranked, 0, outstanding), by_id))
    position = np.empty(rows.num_rows, dtype=np.int64)
    position[np.lexsort((by_id, share, rank))] = np.arange(rows.num_rows)
    order_row = _rows_of_orders(ids, unit, rank, orders)
    of_ranked = np.flatnonzero(known(orders, "rank"))
    of_ranked = of_ranked[np.argsort(whole(orders, "rank")[of_ranked], kind="stable")]
    return CustomerIndex(
        columns=columns,
        ids=ids,
        unit=unit,
        owner=_codes(text(rows, "owner")),
        group=_codes(text(rows, "contact_group")),
        rank=rank,
        # an older payrec wrote neither contacts nor a list for a machine: a customer was a contact
        contact_no=whole(rows, "contact_no", LAST) if "contact_no" in columns else rank,
        is_ranked=is_ranked,
        is_flagged=whole(rows, "priority_flag") == 1,
        is_suppressed=known(rows, "suppressed_reason"),
        machine_flag=whole(rows, "machine_flag", UNKNOWN),
        net_value=floats(rows, "net_value"),
        expected_minor=_minor(rows, "ev_recovered"),
        outstanding_minor=outstanding,
        oldest_age_days=whole(rows, "oldest_age_days"),
        last_contact_at=times(rows, "last_contact_at"),
        position=position,
        order_row=order_row,
        values=orders.select(VALUES.split(", ")).take(make.array(of_ranked)),
        value_row=order_row[of_ranked],
    )


def _minor(rows: pa.Table, name: str) -> Whole:
    """Return money in hundredths, 0 where there is none."""
    return np.rint(np.nan_to_num(floats(rows, name)) * 100).astype(np.int64)


def _codes(column: Any) -> Codes:
    encoded = one_chunk(column.dictionary_encode())
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    code_of = np.empty(order.size + 1, dtype=np.int64)
    code_of[order], code_of[-1] = np.arange(order.size), UNKNOWN
    codes = code_of[pc.fill_null(encoded.indices, UNKNOWN).to_numpy()]
    return Codes(codes, tuple(encoded.dictionary.take(make.array(order)).to_pylist()))


def _rows_of_orders(ids: Any, unit: Codes, rank: Whole, orders: pa.Table) -> Whole:
    """Return the row of the customer of each order: by rank where it has one, else by id and currency."""
    rows = np.full(orders.num_rows, -1, dtype=np.int64)
    ranks = whole(orders, "customer_rank", UNKNOWN)
    by_rank = np.full(int(np.max(rank, where=rank < LAST, initial=0)) + 1, -1, dtype=np.int64)
    by_rank[rank[rank < LAST]] = np.flatnonzero(rank < LAST)
    rows[ranks > 0] = by_rank[ranks[ranks > 0]]
    others, unranked = np.flatnonzero(ranks <= 0), np.flatnonzero(rank == LAST)
    names = {name: at for at, name in enumerate(unit.names)}
    units = _codes(text(orders, "ev_currency"))
    same_unit = np.array([*(names.get(name, len(names)) for name in units.names), UNKNOWN], dtype=np.int64)
    wanted = ids.take(make.array(unranked))
    unique = pc.unique(wanted)
    width = len(names) + 2
    customers = pc.index_in(wanted, value_set=unique).to_numpy() * width + unit.codes[unranked]
    of_orders = pc.fill_null(pc.index_in(text(orders, "customer_id").take(make.array(others)), value_set=unique), -1)
    keys = of_orders.to_numpy() * width + same_unit[units.codes[others]]
    at = pc.fill_null(pc.index_in(make.array(keys, pa.int64()), value_set=make.array(customers, pa.int64())), -1)
    places = at.to_numpy()
    rows[others[places >= 0]] = unranked[places[places >= 0]]
    return rows

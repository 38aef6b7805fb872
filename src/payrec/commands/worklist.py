"""payrec worklist: the published list, or its first rows, as a file."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from payrec.commands.list_summary import coverage_of
from payrec.commands.published import Location, current, store_of
from payrec.commands.scoring import Worklist
from payrec.common.arrow import one_chunk, pc
from payrec.common.errors import UsageError
from payrec.data import freshness
from payrec.publish import details, export, tool_files
from payrec.publish.store import list_by_customer
from payrec.publish.tool_files import Tool


def worklist(
    published: Location = "out/published",
    capacity: int | None = None,
    out: Path | str | None = None,
    payments_until: datetime | None = None,
    by: Literal["customer", "order"] | None = None,
    tool: Tool | None = None,
    with_contact: bool = False,
    owner: str | None = None,
    machine: bool = False,
) -> Worklist:
    """Return the published list: the rows to act on, or the first ``capacity`` that are worth a contact.

    By customer, ``ranked`` of the result are the ranked orders of these customers; by order, ``customers`` are theirs.

    Parameters
    ----------
    published
        Folder of the published lists, the PostgreSQL engine that holds them, or their open store.
    out
        Also write it: ``.csv``, ``.xlsx`` or ``.parquet``.
    payments_until
        Time until which all payments are known (UTC, without zone).
    by
        What one row of the file is; None: what one contact of the list is (``unit`` of its policy).
    tool
        Write the columns that another tool imports, one row per customer: ``mail-merge``, ``salesforce``, ``hubspot``
        or ``zendesk``.
    with_contact
        The file also holds names and ways to reach the customers.
    owner
        Only the rows of this person.
    machine
        The customers that need no person: payments to retry, new cards to ask for (``[capacity] retry`` of the policy).

    Raises
    ------
    UsageError
        Nothing has been published, or no customer is left to write for the tool.
    DataRefused
        The payments of the list are older than its orders by more than three usual gaps, and ``payments_until`` does
        not reach its time.

    >>> payrec.worklist(published, capacity=5, by="customer").customers["rank"].to_pylist()
    [1, 2, 3, 4, 5]
    """
    store = store_of(published)
    run = current(store).run
    freshness.require_fresh_payments(run.summary.feeds, run.as_of, payments_until)
    orders, customers = store.scores(run.run_id), list_by_customer(store, run.run_id)
    if tool is not None and by == "order":
        raise UsageError(f"found by order with the columns of {tool}, expected one row per customer")
    by = by or ("customer" if tool or run.summary.unit == "customer" else "order")
    if by == "customer" and orders.num_rows and not customers.num_rows:
        msg = f"found no list by customer of run {run.run_id}, which an earlier version made"
        raise UsageError(f"{msg}\npublish a list with payrec run, or take --by order")
    rows = customers if by == "customer" else orders
    if owner is not None:
        rows = rows.filter(pc.equal(rows["owner"], owner))
    kept = _to_act_on(rows, by, capacity, machine)
    too_old, coverage = orders["p_recover_30d"].null_count, coverage_of(store, run.run_id)
    ids = kept["customer_id"].combine_chunks()
    if by == "customer":
        of_customers = pc.and_(pc.is_in(orders["customer_id"], value_set=ids), pc.is_valid(orders["rank"]))
        listed = Worklist(orders.filter(of_customers), kept, run, too_old, coverage=coverage)
    else:
        of_orders = pc.is_in(customers["customer_id"], value_set=ids)
        listed = Worklist(kept, customers.filter(of_orders), run, too_old, coverage=coverage)
    if out is not None:
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        contacts = (store.detail(run.run_id, "contacts") or details.NO_CONTACTS) if with_contact else None
        written = kept if contacts is None else _with_contacts(kept, contacts)
        if tool:
            written = tool_files.rows_for(tool, kept, orders, contacts)
        people = None if by == "order" or tool else tool_files.rows_for_people(kept, orders, contacts)
        if tool and not written.num_rows:
            raise UsageError(
                "found no customer to contact, expected at least one\npayrec worklist --by order shows the list"
            )
        export.write(written, Path(out), replace(run.stamp, expected="; ".join(listed.expected)), people)
    return listed


def _to_act_on(rows: pa.Table, by: Literal["customer", "order"], capacity: int | None, machine: bool) -> pa.Table:
    """Return the flagged rows, or those of the first contacts that pay; customers of one parent are one contact."""
    if machine and by == "order":
        raise UsageError("found --machine by order, expected by customer: what needs no person is a list of customers")
    flag = "machine_flag" if machine else "priority_flag"
    if by == "customer":
        rows = rows.filter(pc.is_valid(rows[flag]) if machine else pc.is_null(rows["machine_flag"]))
    if capacity is None:
        return rows.filter(pc.equal(rows[flag], 1))
    pays = pc.and_(pc.is_valid(rows["rank"]), pc.greater_equal(rows["net_value"], pa.scalar(Decimal(0))))
    rows = rows.filter(pays)
    if by == "order":
        return rows.slice(0, capacity)
    numbers = pc.coalesce(rows["contact_no"], rows["rank"])  # an older payrec wrote no numbers
    first: Any = pc.unique(numbers).slice(0, capacity)
    return rows.filter(pc.is_in(numbers, value_set=first))


def _with_contacts(rows: pa.Table, contacts: pa.Table) -> pa.Table:
    """Return the rows with the names and ways to reach of their customers; empty where none were loaded."""
    at = pc.index_in(rows["customer_id"], value_set=one_chunk(contacts["customer_id"]))
    for name in ("name", "email", "phone", "language", "time_zone"):
        rows = rows.append_column(name, one_chunk(contacts[name]).take(at))
    return rows

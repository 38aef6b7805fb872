"""Search a list by a part of an order id, or of a customer's id, name, email address, phone or company."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.commands.published import Location, current, store_of
from payrec.common.arrow import Flags, make, pc, text

SEARCHED = ("customer_id", "name", "email", "phone", "parent_id")
"""Columns of the contacts of a list; order ids come from the list itself."""


@dataclass(frozen=True)
class CustomerMatches:
    """Ids of the customers that match, in the order of the list; ``total``: all that match, also beyond the limit."""

    customer_ids: tuple[str, ...]
    total: int


def search_customers(part: str, published: Location = "out/published", most: int = 5_000) -> CustomerMatches:
    """Return the customers of the served list of whom an order matches ``part`` as in :func:`matching_orders`.

    Names and ways to reach are those that were loaded before the list was made; an empty
    ``part`` matches nobody.

    Raises
    ------
    UsageError
        Nothing has been published.
    """
    store = store_of(published)
    run_id = current(store).run.run_id
    if not part.strip():
        return CustomerMatches((), 0)
    orders = store.columns(run_id, ("customer_id", "order_id", "customer_rank"), by="order")
    hits = matching_orders(orders, store.detail(run_id, "contacts"), part)
    matches = orders.filter(make.array(hits)).select(["customer_id", "customer_rank"])
    matches = matches.filter(pc.is_valid(matches["customer_id"]))
    best = matches.group_by("customer_id").aggregate([("customer_rank", "min")])
    in_order: Any = best.sort_by([("customer_rank_min", "ascending"), ("customer_id", "ascending")])["customer_id"]
    return CustomerMatches(tuple(in_order.slice(0, most).to_pylist()), len(in_order))


def matching_orders(orders: pa.Table, contacts: pa.Table | None, part: str) -> Flags:
    """Return whether ``part`` stands in an order's id, or in its customer's id, name, email, phone or company, (n,).

    In any case of letters; ``contacts`` has the customers whose names and ways to reach are known.
    """
    wanted = pc.utf8_lower(part.strip()).as_py()
    customers = text(orders, "customer_id")
    hits = _contains(customers, wanted) | _contains(text(orders, "order_id"), wanted)
    if contacts is not None:
        known = [name for name in SEARCHED if name in contacts.column_names]
        by_contact = np.logical_or.reduce([_contains(text(contacts, name), wanted) for name in known])
        people = text(contacts, "customer_id").filter(make.array(by_contact))
        hits |= pc.is_in(customers, value_set=people).to_numpy(zero_copy_only=False)
    return hits


def _contains(values: Any, wanted: str) -> Flags:
    """Return True where a text contains ``wanted``, in lower case, (n,)."""
    hits: Flags = pc.fill_null(pc.match_substring(pc.utf8_lower(values), wanted), False).to_numpy(zero_copy_only=False)
    return hits

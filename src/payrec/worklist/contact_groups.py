"""Customers of one parent are one contact: one call, one cost, one arm of an experiment, one count in the caps.

Each customer keeps its row, its sums and its suppressions. Of a group the ranked customers stand one after another, by
the sum of their values; the cost of the contact is that of the first of them. ``parent_id`` may lead to another child:
the group is that of the last parent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.common.arrow import Flags, Whole, constant, make, one_chunk, pc, text
from payrec.worklist.policy import Policy

COLUMN, PARENT = "contact_group", "parent"


def with_groups(rows: pa.Table, marks: pa.Table | None, policy: Policy) -> pa.Table:
    """Return rows that have a ``customer_id`` with ``contact_group``: the last parent, or the customer itself."""
    ids = text(rows, "customer_id")
    groups = ids
    if marks is not None and policy.customer.by_parent:
        parents = marks.filter(pc.equal(marks["mark"], PARENT))
        last = _last_parents(dict(zip(*(parents[name].to_pylist() for name in ("customer_id", "text")), strict=True)))
        known = make.array(list(last), pa.string())
        groups = pc.coalesce(make.array(list(last.values()), pa.string()).take(pc.index_in(ids, value_set=known)), ids)
    return rows.append_column(COLUMN, groups)


def _last_parents(parents: dict[str, str]) -> dict[str, str]:
    """Follow parents up to one without a parent; of a circle the smallest id is the parent.

    >>> _last_parents({"a": "b", "b": "c", "x": "y", "y": "x"})
    {'a': 'c', 'b': 'c', 'x': 'x', 'y': 'x'}
    """
    last = {}
    for name in parents:
        way = [name]
        while (above := parents.get(way[-1])) and above not in way:
            way.append(above)
        last[name] = min(way[way.index(above) :]) if above else way[-1]
    return last


@dataclass(frozen=True)
class Contacts:
    """Which of n rows are one contact: ``first`` (n,) numbers the row that stands for it, for itself if it is alone."""

    first: Whole

    @property
    def is_first(self) -> Flags:
        """Whether the row stands for its contact, (n,)."""
        is_first: Flags = self.first == np.arange(self.first.size)
        return is_first

    def total(self, values: Whole) -> Whole:
        """Return the sum of values (n,) over the contact of each row, (n,)."""
        sums = np.zeros_like(values)
        np.add.at(sums, self.first, values)
        totals: Whole = sums[self.first]
        return totals

    def any(self, flags: Flags) -> Flags:
        """Return whether a row of the same contact has the flag, (n,)."""
        hit: Flags = self.total(flags.astype(np.int64)) > 0
        return hit

    def in_order(self, of_first: Whole, wanted: Flags, net: Whole, customer_id: Any) -> Whole:
        """Return the ranks of the wanted rows (n,), those of a contact together and its first row first; 0 for none."""
        position = np.zeros(net.size, dtype=np.int64)
        position[of_first] = np.arange(of_first.size)
        rows = np.flatnonzero(wanted)
        table = pa.table({
            "contact": make.array(position[self.first[rows]]), "later": make.array(~self.is_first[rows]),
            "net": make.array(net[rows]), "customer_id": customer_id.take(make.array(rows)),
        })  # fmt: skip
        keys = [("contact", "ascending"), ("later", "ascending"), ("net", "descending"), ("customer_id", "ascending")]
        order: Whole = rows[pc.sort_indices(table, sort_keys=keys).to_numpy()]
        rank = np.zeros(net.size, dtype=np.int64)
        rank[order] = np.arange(1, order.size + 1)
        return rank


def contacts(groups: Any, unit: Any, customer_id: Any, worth: Whole, wanted: Flags) -> Contacts:
    """Return the contacts of customers in one currency each: of a group the one of the greatest worth stands first."""
    first = np.arange(worth.size)
    rows = np.flatnonzero(wanted)
    at = make.array(rows)
    key = pc.binary_join_element_wise(groups.take(at), unit.take(at), "\0")
    table = pa.table({"key": key, "worth": make.array(worth[rows]), "customer_id": customer_id.take(at)})
    keys = [("key", "ascending"), ("worth", "descending"), ("customer_id", "ascending")]
    if len(pc.unique(key)) < rows.size:
        in_order = pc.sort_indices(table, sort_keys=keys).to_numpy()
        codes = one_chunk(table["key"].take(make.array(in_order)).combine_chunks().dictionary_encode())
        begins = np.concatenate(([True], np.diff(codes.indices.to_numpy()) != 0))
        first[rows[in_order]] = rows[in_order][np.flatnonzero(begins)[np.cumsum(begins) - 1]]
    return Contacts(first)


def shown(groups: Any, customer_id: Any) -> Any:
    """Return the groups of several customers, NULL for a customer who is alone."""
    pairs = pa.table({"group": groups, "customer_id": customer_id}).group_by(["group", "customer_id"]).aggregate([])
    counts = pairs.group_by("group").aggregate([([], "count_all")])
    several = one_chunk(counts.filter(pc.greater(counts["count_all"], 1))["group"])
    return pc.if_else(pc.is_in(groups, value_set=several), groups, constant(None, pa.string(), len(groups)))

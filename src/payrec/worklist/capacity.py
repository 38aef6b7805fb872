"""Which orders the list flags: ranks 1..n by value, then the first that fit into every capacity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.common.arrow import Flags, Whole, make, one_chunk, pc, text
from payrec.worklist import contact_caps
from payrec.worklist.policy import Policy
from payrec.worklist.suppression import RuleContext

NO_GROUP = -1


@dataclass(frozen=True)
class Group:
    """Rows that share a limit: number of each row's group (n,), NO_GROUP for none, and the contacts left in each."""

    of: Whole
    left: list[int]


def ranks(wanted: Flags, net: Whole, unit: Any, order_id: Any) -> tuple[Whole, Whole]:
    """Rank the wanted rows, highest net value first, ties by order_id.

    Returns the rows in the order of their ranks, and each row's rank (n,), 0 where it is not wanted.

    Values in several currencies are not compared. Each currency is ranked by itself; then the order at, say, 10 % of
    its currency's list stands at 10 % of the whole list, so that any number of rows from the top is shared among
    the currencies in proportion to their orders.
    """
    rows = np.flatnonzero(wanted)
    table = pa.table(
        {
            "unit": unit.take(make.array(rows)),
            "net": make.array(net[rows]),
            "order_id": order_id.take(make.array(rows)),
        }
    )
    best_first = [("net", "descending"), ("order_id", "ascending")]
    if len(pc.unique(table["unit"])) <= 1:
        order = rows[pc.sort_indices(table, sort_keys=best_first).to_numpy()]
    else:
        order = rows[_interleaved(table, [("unit", "ascending"), *best_first])]
    rank = np.zeros(wanted.size, dtype=np.int64)
    rank[order] = np.arange(1, order.size + 1)
    return order, rank


def ranks_in_turn(blocks: Sequence[Flags], net: Whole, unit: Any, order_id: Any) -> tuple[Whole, Whole]:
    """Rank as :func:`ranks`, the rows of each block after those of the one before it."""
    order = np.concatenate([ranks(wanted, net, unit, order_id)[0] for wanted in blocks])
    rank = np.zeros(net.size, dtype=np.int64)
    rank[order] = np.arange(1, order.size + 1)
    return order, rank


def _interleaved(table: pa.Table, within_unit: list[tuple[str, str]]) -> Whole:
    inside = pc.sort_indices(table, sort_keys=within_unit).to_numpy()
    units = one_chunk(table["unit"].combine_chunks().dictionary_encode()).indices.to_numpy()[inside]
    starts = np.concatenate(([0], np.flatnonzero(np.diff(units)) + 1))
    sizes = np.diff(np.concatenate((starts, [units.size])))
    position = np.arange(units.size) - np.repeat(starts, sizes) + 1
    share = (2 * position - 1) / (2 * np.repeat(sizes, sizes))  # equal fractions give equal floats
    keyed = pa.table({"share": share, "order_id": table["order_id"].combine_chunks().take(make.array(inside))})
    last = pc.sort_indices(keyed, sort_keys=[("share", "ascending"), ("order_id", "ascending")]).to_numpy()
    order: Whole = inside[last]
    return order


def spread(order: Whole, first: Flags, total: int | None) -> Whole:
    """Return ``order`` with the rows ``first`` moved forward, evenly spread over the first ``total``."""
    forward, others = order[first[order]], order[~first[order]]
    within = min(order.size if total is None else total, order.size)
    if forward.size == 0 or forward.size > within:
        return np.concatenate((forward, others))
    slots = (np.arange(1, forward.size + 1) * within) // forward.size - 1
    spread_out = np.empty_like(order)
    spread_out[slots] = forward
    spread_out[np.delete(np.arange(order.size), slots)] = others
    return spread_out


def limits(rows: pa.Table, context: RuleContext, channel: Any, owner: Any) -> list[Group]:
    """Return the limits besides the total: per channel, per owner, and what the caps leave for each customer."""
    policy: Policy = context.policy
    groups = [
        _named(names, most)
        for names, most in ((channel, policy.capacity.channel), (owner, policy.capacity.owner))
        if most
    ]
    for cap in contact_caps.in_force(policy, context.as_of):
        counts, _ = contact_caps.used(cap, rows, context.recent, context.as_of)
        who = one_chunk(text(rows, contact_caps.key_of(cap, rows)).dictionary_encode(null_encoding="encode"))
        of = who.indices.to_numpy().astype(np.int64)
        places = np.zeros(len(who.dictionary), dtype=np.int64)
        places[of] = np.maximum(cap.count - counts, 0)
        groups.append(Group(of, places.tolist()))
    return groups


def _named(names: Any, most: Any) -> Group:
    limited = list(most)
    of = pc.fill_null(pc.index_in(names, value_set=make.array(limited, pa.string())), NO_GROUP)
    return Group(of.to_numpy(zero_copy_only=False).astype(np.int64), [most[name] for name in limited])


def chosen(order: Whole, pays: Flags, groups: list[Group], total: int | None) -> Flags:
    """Flag rows in ``order`` as long as acting pays and the total and each of their groups have contacts left.

    With the total alone, or with one kind of group, no other choice of as many rows has a larger sum of net value.
    With several kinds at once the list is worked from the top, which a person can follow but may miss a better mix.
    """
    flags = np.zeros(pays.size, dtype=np.bool_)
    candidates = order[pays[order]]
    left = candidates.size if total is None else total
    if not groups:
        flags[candidates[:left]] = True
        return flags
    rooms = [[*group.left, 0] for group in groups]
    columns = [group.of[candidates].tolist() for group in groups]
    for row, numbers in zip(candidates.tolist(), zip(*columns, strict=True), strict=True):
        if left <= 0:
            break
        if all(number == NO_GROUP or left_in[number] > 0 for number, left_in in zip(numbers, rooms, strict=True)):
            left -= 1
            flags[row] = True
            for number, left_in in zip(numbers, rooms, strict=True):
                left_in[number] -= 1
    return flags

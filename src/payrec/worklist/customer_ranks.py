"""Ranks and flags of customers: first what needs a person, by contact; then, in a list of its own, what does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.common.arrow import Flags, Whole, make, pc, text
from payrec.worklist import action_marks, capacity, contact_groups, value
from payrec.worklist.suppression import RuleContext


@dataclass(frozen=True)
class Candidates:
    """The n customers of a list, each in one currency.

    Attributes
    ----------
    rows
        The row of the feature view of each one's top order.
    keys
        Currency and customer, Arrow strings.
    worth, owed
        What the ranked orders are expected to bring, and what they owe, in hundredths.
    is_by_extra
        Ranked by what a contact adds, not by expected money.
    wanted
        Has a ranked order, and no reason that silences the customer.
    needs_person
        Has a ranked order that a machine can neither retry nor ask a new card for.
    """

    rows: pa.Table
    keys: tuple[Any, Any]
    owner: Any
    worth: Whole
    is_by_extra: Flags
    owed: Whole
    wanted: Flags
    needs_person: Flags


@dataclass(frozen=True)
class CustomerRanks:
    """``rank`` (n,), 0 for none; ``net``: value less the cost of the contact, in hundredths; columns of the list."""

    rank: Whole
    net: Whole
    columns: dict[str, Any]


def ranked(of: Candidates, context: RuleContext) -> CustomerRanks:
    """Rank customers by contact, broken promises first, and flag those within the capacities."""
    unit, customer_id = of.keys
    broken = make.array(action_marks.sentences(customer_id, unit, context.marks), pa.string())
    of_promise = pc.is_valid(broken).to_numpy(zero_copy_only=False)
    is_machines = of.wanted & ~of_promise & ~of.needs_person
    groups = text(of.rows, contact_groups.COLUMN)
    contacts = contact_groups.contacts(groups, unit, customer_id, of.worth, of.wanted & ~is_machines)
    channel, cost = value.channel_of(context.policy, unit, contacts.total(of.owed))
    net = of.worth - cost * contacts.is_first
    comes_first, is_by_extra = contacts.any(of_promise), contacts.any(of.is_by_extra)
    leads = of.wanted & contacts.is_first & ~is_machines
    turns = [leads & turn for turn in (comes_first, ~comes_first & is_by_extra, ~comes_first & ~is_by_extra)]
    of_contact = contacts.total(net * of.wanted)
    order = _order(turns, of_contact, of.keys, context)
    limits, policy = capacity.limits(of.rows, context, channel, of.owner), context.policy.capacity
    flags = contacts.any(capacity.chosen(order, of_contact >= 0, limits, policy.total)) & of.wanted
    of_machine, _ = capacity.ranks(is_machines, net, unit, customer_id)
    machine_flags = capacity.chosen(of_machine, net >= 0, [], policy.retry)
    order = np.concatenate((order, of_machine))
    contact_no = np.zeros(of.worth.size, dtype=np.int64)
    contact_no[order] = np.arange(1, order.size + 1)
    rank = contacts.in_order(order, of.wanted, net, customer_id)
    columns = {
        "rank": make.array(rank, mask=rank == 0),
        "priority_flag": make.array(flags.astype(np.int16)),
        "channel": channel,
        contact_groups.COLUMN: contact_groups.shown(groups, customer_id),
        "contact_no": make.array(contact_no[contacts.first], mask=~of.wanted),
        "machine_flag": make.array(machine_flags.astype(np.int16), mask=~is_machines),
    }
    return CustomerRanks(rank, net, columns)


def _order(turns: Sequence[Flags], net: Whole, keys: tuple[Any, Any], context: RuleContext) -> Whole:
    """Return the contacts, best first, as :func:`payrec.worklist.capacity.ranks_in_turn`; explored ones lie between."""
    order, _ = capacity.ranks_in_turn(turns, net, *keys)
    if context.arms is None:
        return order
    explored = pc.is_in(keys[1], value_set=context.arms.explored).to_numpy(zero_copy_only=False)
    return capacity.spread(order, explored, context.policy.capacity.total)

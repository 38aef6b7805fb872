"""The list by customer: all orders of a customer that may be contacted are one contact, with one cost.

``value = Σ ev_recovered of these orders − one cost of the channel``, the channel by the sum that they owe. Orders that
are suppressed add nothing to it. Without rates a customer with orders in two currencies has one row in each.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.common.arrow import (
    MONEY,
    TIME,
    Flags,
    Whole,
    known,
    make,
    minor,
    money,
    one_chunk,
    pc,
    text,
    times,
    whole,
)  # fmt: skip
from payrec.worklist import (
    action_marks,
    contact_caps,
    contact_groups,
    customer_ranks,
    customer_reasons,
    extra_value,
)
from payrec.worklist.assignment import Arms
from payrec.worklist.customer_ranks import Candidates
from payrec.worklist.policy import Policy
from payrec.worklist.suppression import RuleContext

AGED = {"aged_current": 0, "aged_1_30": 30, "aged_31_60": 60, "aged_61_90": 90, "aged_over_90": None}
"""Columns of the balance by days past the due date (without one: age), with the last day of each."""
REASONS = ("reason_1", "reason_2", "reason_3")
_OF_TOP_ORDER = (extra_value.KIND, "as_of", "contact_from", *REASONS, "reason_category", "ev_currency", "owner")
_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("run_id", pa.string()),
    ("as_of", TIME),
    ("customer_id", pa.string()),
    ("rank", pa.int64()),
    ("priority_flag", pa.int16()),
    ("suppressed_reason", pa.string()),
    ("suppressed_also", pa.string()),
    ("lifted_by", pa.string()),
    ("owner", pa.string()),
    ("channel", pa.string()),
    ("contact_from", TIME),
    ("ev_currency", pa.string()),
    ("ev_recovered", MONEY),  # of the ranked orders
    ("net_value", MONEY),
    ("outstanding_value", MONEY),  # of all open orders, as are the next seven
    ("overdue_value", MONEY),
    *((name, MONEY) for name in AGED),
    ("disputed_value", MONEY),  # disputed or charged back: a person should know before calling
    ("orders_open", pa.int64()),
    ("orders_ranked", pa.int64()),
    ("orders_left_alone", pa.int64()),
    ("oldest_age_days", pa.int64()),
    ("top_order_id", pa.string()),
    *((name, pa.string()) for name in REASONS),
    ("reason_category", pa.string()),
    ("suggested_action", pa.string()),
    ("last_contact_at", TIME),  # this one and the next within the windows of the policy's caps, NULL without caps
    ("contacts_in_window", pa.int64()),
    ("promised_until", TIME),
    ("promised_amount", MONEY),
    ("model_id", pa.string()),
    ("scored_at", TIME),
    ("arm", pa.string()),  # contact, hold: only while an experiment runs, see payrec.worklist.assignment
    ("rank_if_free", pa.int64()),  # if nobody were held out and nobody explored
    (extra_value.EXTRA, MONEY),  # of the ranked orders, as ev_recovered
    (extra_value.KIND, pa.string()),  # of the top order
    (contact_groups.COLUMN, pa.string()),  # the parent of several customers that are one contact
    ("contact_no", pa.int64()),  # rank of the contact: customers of one group have the same
    ("machine_flag", pa.int16()),  # what needs no person: 1 within the capacity for it, 0 beyond, NULL: not such work
]
SCHEMA = pa.schema(_COLUMNS)
"""One row per customer and ``ev_currency``."""


def customers(rows: pa.Table, orders: pa.Table, context: RuleContext) -> tuple[pa.Table, Whole]:
    """Rank the customers of a list of orders.

    Parameters
    ----------
    rows
        The n rows of the feature view that ``orders`` were decided from.
    orders
        Their list in the columns of :data:`payrec.worklist.rank.SCHEMA`, row by row the same orders.
    context
        Policy, values, contacts so far.

    Returns
    -------
    The customers in the columns of ``SCHEMA``, ranked ones first; and each order's customer rank (n,), 0 for none.
    Orders without a customer are left out.
    """
    named = pc.is_valid(orders["customer_id"]).to_numpy(zero_copy_only=False)
    positions = np.flatnonzero(named)
    customer_rank = np.zeros(orders.num_rows, dtype=np.int64)
    if positions.size == 0:
        return SCHEMA.empty_table(), customer_rank
    rows, orders = rows.take(make.array(positions)), orders.take(make.array(positions))
    group = one_chunk(_keys(orders).dictionary_encode()).indices.to_numpy().astype(np.int64)
    by_extra = context.extra.ranks_by[positions] if context.extra is not None else None
    columns, rank = _decided(rows, orders, group, context, by_extra)
    customer_rank[positions] = rank[group]
    listed = [columns[name] if name in columns else make.nulls(rank.size, kind) for name, kind in _COLUMNS]
    table = pa.Table.from_arrays(listed, schema=SCHEMA)
    by = [("rank", "ascending"), ("suppressed_reason", "ascending"), ("customer_id", "ascending")]
    return table.take(pc.sort_indices(table, sort_keys=[*by, ("ev_currency", "ascending")])), customer_rank


def chosen_orders(orders: pa.Table, customers: pa.Table | None) -> Flags:
    """Return the orders that the work of a list reaches, (n,): the ranked ones of the customers with a flag.

    ``customers`` None, where single orders are worked: the orders with a flag of their own.
    """
    if customers is None:
        flags: Flags = whole(orders, "priority_flag") == 1
        return flags
    flagged = customers.filter(pc.equal(customers["priority_flag"], 1))
    is_chosen: Flags = pc.is_in(_keys(orders), value_set=one_chunk(_keys(flagged))).to_numpy(zero_copy_only=False)
    return is_chosen & known(orders, "rank")


def _keys(rows: pa.Table) -> Any:
    """Return customer and currency as one text, of orders or of customers."""
    return pc.binary_join_element_wise(text(rows, "customer_id"), text(rows, "ev_currency"), "\0")


def with_reasons(customers: pa.Table, orders: pa.Table, marks: pa.Table | None = None) -> pa.Table:
    """Return the customers with the reasons of their top orders, a broken promise first."""
    at = pc.index_in(customers["top_order_id"], value_set=one_chunk(orders["order_id"]))
    for name in REASONS:
        customers = customers.set_column(customers.column_names.index(name), name, orders[name].take(at))
    broken = action_marks.sentences(customers["customer_id"], customers["ev_currency"], marks)
    first, above = make.array(broken, pa.string()), pc.is_valid(make.array(broken, pa.string()))
    for name in REASONS:  # each reason moves down by one where a sentence stands above it
        former = one_chunk(customers[name])
        shown = pc.if_else(above, first, former)
        customers, first = customers.set_column(customers.column_names.index(name), name, shown), former
    return customers


def with_arms(customers: pa.Table, free: pa.Table, arms: Arms) -> pa.Table:
    """Return the customers with their arms, and with their ranks in ``free``, the list without a holdout."""
    ids = text(customers, "customer_id")
    arm = pc.if_else(pc.is_in(ids, value_set=arms.known), "contact", make.scalar(None, pa.string()))
    arm = pc.if_else(pc.is_in(ids, value_set=arms.held), "hold", arm)
    ranks = one_chunk(free["rank"]).take(pc.index_in(_keys(customers), value_set=_keys(free)))
    for name, values in (("arm", arm), ("rank_if_free", ranks)):
        customers = customers.set_column(customers.column_names.index(name), name, values)
    return customers


def _decided(
    rows: pa.Table, orders: pa.Table, group: Whole, context: RuleContext, by_extra: Flags | None
) -> tuple[dict[str, Any], Whole]:
    """Return the columns and the ranks of the customers; ``group`` (n,) numbers each order's customer.

    ``by_extra``: orders of customers that are ranked by what a contact adds; None: it was not measured.
    """
    policy, ranked = context.policy, known(orders, "rank")
    outstanding = _cents(orders, "outstanding_value")
    top = make.array(_top_orders(orders, group, ranked, outstanding))
    of_top = orders.take(top)
    unit, customer_id, owner = (text(of_top, name) for name in ("ev_currency", "customer_id", "owner"))
    quiet = customer_reasons.first_reason(orders, group, len(top), policy.customer.quiet)
    held_out = customer_reasons.first_reason(orders, group, len(top), ("held_out",))
    stilled = pc.coalesce(quiet, held_out)  # one order held out: all are
    ranked_orders, ev = _total(ranked, group), _total(_cents(orders, "ev_recovered") * ranked, group)
    extra, is_by_extra = _extra(orders, group, ranked, by_extra)
    wanted = (ranked_orders > 0) & pc.is_null(quiet).to_numpy(zero_copy_only=False)
    candidates = Candidates(
        rows=rows.take(top), keys=(unit, customer_id), owner=owner, worth=np.where(is_by_extra, extra, ev),
        is_by_extra=is_by_extra, owed=_total(outstanding * ranked, group), wanted=wanted,
        needs_person=_total(ranked & ~_by_machine(orders, policy), group) > 0,
    )  # fmt: skip
    ranks = customer_ranks.ranked(candidates, context)
    balances = _balances(rows, orders, group, outstanding, policy.customer.warn)
    reason, also, lifted_by = customer_reasons.suppressed(orders, group, of_top, wanted, stilled)
    return {
        **{name: one_chunk(of_top[name]) for name in _OF_TOP_ORDER},
        "customer_id": customer_id,
        **ranks.columns,
        "suppressed_reason": reason,
        "suppressed_also": also,
        "lifted_by": lifted_by,
        "ev_recovered": money(ev),
        extra_value.EXTRA: money(extra, np.full(extra.size, by_extra is not None)),
        "net_value": money(ranks.net, ranked_orders > 0),
        **balances,
        "promised_amount": action_marks.promised_amounts(customer_id, unit, balances["promised_until"], context.marks),
        "orders_ranked": make.array(ranked_orders),
        "orders_left_alone": make.array(_total(~ranked, group)),
        "top_order_id": text(of_top, "order_id"),
        "suggested_action": _action(orders, group, of_top, ranked),
        **contact_caps.latest(customer_id, context.recent),
    }, ranks.rank


def _by_machine(orders: pa.Table, policy: Policy) -> Flags:
    """Return the orders (n,) that need no person: a charge to try again, or a card to ask for; none without a list."""
    if policy.capacity.retry is None:
        return np.zeros(orders.num_rows, dtype=np.bool_)
    actions = make.array(("retry_later", "ask_new_card"), pa.string())
    by_machine: Flags = pc.is_in(text(orders, "suggested_action"), value_set=actions).to_numpy(zero_copy_only=False)
    return by_machine


def _extra(orders: pa.Table, group: Whole, ranked: Flags, by_extra: Flags | None) -> tuple[Whole, Flags]:
    """Return what a contact adds to each group, in hundredths, and whether the group is ranked by it."""
    if by_extra is None:
        nothing = np.zeros(int(group.max()) + 1, dtype=np.int64)
        return nothing, nothing > 0
    return _total(_cents(orders, extra_value.EXTRA) * ranked, group), _total(by_extra, group) > 0


def _total(amounts: Whole | Flags, group: Whole) -> Whole:
    """Return the sum of whole numbers (n,) by group, exact."""
    sums = np.zeros(int(group.max()) + 1, dtype=np.int64)
    np.add.at(sums, group, amounts)
    return sums


def _balances(
    rows: pa.Table, orders: pa.Table, group: Whole, outstanding: Whole, warn: tuple[str, ...]
) -> dict[str, Any]:
    """Return what each customer owes, suppressed or not: by age, in dispute, in how many orders."""
    ages = whole(rows, "age_days")
    past_due = np.where(known(rows, "days_to_due"), -whole(rows, "days_to_due"), ages)
    step = np.searchsorted([last for last in AGED.values() if last is not None], past_due)
    promised = times(rows, "promised_until").astype("datetime64[us]").astype(np.int64)  # NaT is the smallest
    return {
        "outstanding_value": money(_total(outstanding, group)),
        "overdue_value": money(_total(outstanding * (past_due > 0), group)),
        **{name: money(_total(outstanding * (step == at), group)) for at, name in enumerate(AGED)},
        "disputed_value": money(_total(outstanding * customer_reasons.has_reason(orders, warn), group)),
        "orders_open": make.array(np.bincount(group).astype(np.int64)),
        "oldest_age_days": make.array(_largest(ages, group)),
        "promised_until": make.array(_largest(promised, group).view("datetime64[us]")),
    }


def _largest(values: Whole, group: Whole) -> Whole:
    largest = np.full(int(group.max()) + 1, np.iinfo(np.int64).min)
    np.maximum.at(largest, group, values)
    return largest


def _action(orders: pa.Table, group: Whole, of_top: pa.Table, ranked: Flags) -> Any:
    """Return the action of the top order, but a new card if any ranked order needs one."""
    needs = pc.fill_null(pc.equal(text(orders, "suggested_action"), "ask_new_card"), False)
    new_card = _total(ranked & needs.to_numpy(zero_copy_only=False), group) > 0
    return pc.if_else(make.array(new_card), "ask_new_card", text(of_top, "suggested_action"))


def _cents(orders: pa.Table, name: str) -> Whole:
    return minor(pa.table({name: pc.fill_null(one_chunk(orders[name]), make.scalar(Decimal(), MONEY))}), name)


def _top_orders(orders: pa.Table, group: Whole, ranked: Flags, outstanding: Whole) -> Whole:
    """Return the row of each group's ranked order with the greatest net value; without any, of the greatest balance."""
    worth = np.where(ranked, _cents(orders, "net_value"), outstanding)
    columns: dict[str, Any] = {"group": group, "ranked": ranked.astype(np.int8), "worth": worth}
    table = pa.table(columns | {"order_id": orders["order_id"]})
    keys = [("group", "ascending"), ("ranked", "descending"), ("worth", "descending"), ("order_id", "ascending")]
    in_order: Whole = pc.sort_indices(table, sort_keys=keys).to_numpy().astype(np.int64)
    first = np.concatenate(([True], np.diff(group[in_order]) != 0))
    return in_order[first]

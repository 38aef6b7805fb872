"""The ranked list: suppress first, then value, then capacity. One row per open order, in the contract's columns."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.common.arrow import MONEY, TIME, Whole, column, make, minor, money, one_chunk, pc, text, times, whole
from payrec.common.errors import CannotTell, DataRefused
from payrec.model.recipes import contact_effect, curve
from payrec.model.recipes.contact_effect import ContactEffect
from payrec.worklist import (
    action_marks,
    assignment,
    capacity,
    contact_groups,
    customer_list,
    extra_value,
    reason_codes,
    suppression,
    value,
)  # fmt: skip
from payrec.worklist.policy import Policy

_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("run_id", pa.string()),
    ("as_of", TIME),
    ("order_id", pa.string()),
    ("customer_id", pa.string()),
    ("amount", MONEY),
    ("currency", pa.string()),
    ("outstanding", MONEY),
    ("p_recover_30d", pa.float64()),
    ("ev_recovered", MONEY),
    ("rank", pa.int64()),
    ("priority_flag", pa.int16()),
    ("suppressed_reason", pa.string()),
    ("reason_1", pa.string()),
    ("reason_2", pa.string()),
    ("reason_3", pa.string()),
    ("model_id", pa.string()),
    ("scored_at", TIME),
    # more than the contract asks for
    ("horizon_days", pa.int64()),
    ("ev_currency", pa.string()),
    ("outstanding_value", MONEY),  # outstanding in ev_currency
    ("net_value", MONEY),
    ("age_days", pa.int64()),
    ("reason_category", pa.string()),
    ("suggested_action", pa.string()),
    ("channel", pa.string()),
    ("owner", pa.string()),
    ("contact_from", TIME),
    ("suppressed_also", pa.string()),
    ("lifted_by", pa.string()),
    # to filter by
    ("provider", pa.string()),
    ("payment_method", pa.string()),
    ("country", pa.string()),
    ("reason_code", pa.string()),
    ("customer_rank", pa.int64()),  # of the customer, in ev_currency
    *((name, pa.float64()) for name in curve.COLUMNS),  # p_recover_30d at other horizons
    *extra_value.COLUMNS,  # only where experiments show that contacts change some orders more than others
]
SCHEMA = pa.schema(_COLUMNS)

# what rank looks at, of the columns of the feature view
READ = (
    "order_id", "as_of", "customer_id", "age_days", "horizon_days", "amount", "currency", "outstanding_minor",
    "outstanding_reporting_minor", "amount_bucket", "provider", "payment_method", "country", "transaction_type",
    "reason_code", "is_disputed", "has_chargeback", "is_opted_out", "is_not_due", "promised_until",
    "pending_since", "snoozed_until", "is_covered_by_cash", "days_to_due",
    "device", *contact_effect.NUMBERS_MOVING[1:],
)  # fmt: skip


def rank(scored: pa.Table, policy: Policy, recent: pa.Table | None = None) -> pa.Table:
    """Return the list of orders of :func:`ranked_lists`."""
    return ranked_lists(scored, policy, recent)[0]


def ranked_lists(
    scored: pa.Table, policy: Policy, recent: pa.Table | None = None, marks: pa.Table | None = None
) -> tuple[pa.Table, pa.Table]:
    """Return the lists of :func:`assigned_lists` without an experiment."""
    return assigned_lists(scored, policy, recent, marks=marks)[:2]


def assigned_lists(
    scored: pa.Table,
    policy: Policy,
    recent: pa.Table | None = None,
    running: assignment.Running | None = None,
    marks: pa.Table | None = None,
    effect: ContactEffect | None = None,
) -> tuple[pa.Table, pa.Table, assignment.Arms | None]:
    """Order the open orders of one ``as_of`` by expected net value, after suppression, and flag the first that fit.

    Parameters
    ----------
    scored
        Rows of the feature view with ``p_recover_30d`` (NULL: the order is older than the model has seen). Columns
        that are missing count as unknown; ``run_id, model_id, scored_at, reason_1..3`` are passed on if there.
    policy
        Capacity, costs, rules.
    recent
        ``customer_id, order_id, event_type, channel, known_at`` of contacts and attempts so far; needed if the policy
        has caps.
    running
        The experiment that runs: it holds out customers at random, and explores some from lower ranks.
    marks
        What people's actions mean for the list, as :mod:`payrec.worklist.action_marks`.
    effect
        What contacts change, where experiments show it: customers are then ranked by it, unless the policy says
        ``expected``; those beyond the ranks that were assigned at random follow by expected money.

    Returns
    -------
    orders
        In the columns of ``SCHEMA``: the ranked rows by rank, then the suppressed ones by reason and order. Orders
        with an amount or an outstanding balance of 0 or less (credit notes) are left out. ``rank`` is 1..n over all
        ranked rows; see :func:`payrec.worklist.capacity.ranks` for several currencies without rates. ``priority_flag``
        is 1 for the rows to act on: by rank, within every capacity, as long as acting pays (net value at least 0).
    customers
        The same orders by customer, as :func:`payrec.worklist.customer_list.customers`; their flags are their own.
    arms
        The arms of the experiment, None without one; each customer with a flag has one.

    Raises
    ------
    DataRefused
        Two rows of one order, several ``as_of``, a currency or amount that is missing, a p that is no probability,
        probabilities over another horizon than the policy asks for.
    CannotTell
        The policy ranks by extra money, which was not measured.
    """
    rows = contact_groups.with_groups(action_marks.applied(collectable(scored), marks), marks, policy)
    recent = recent and contact_groups.with_groups(recent, marks, policy)
    if policy.value.rank_by == "extra" and effect is None:
        msg = "cannot rank by extra money: no experiment shows that contacts change some orders more than others"
        raise CannotTell(f'{msg}\ntest it: payrec effect train; or set rank_by = "auto" under [value] in the policy')
    if rows.num_rows == 0:
        return SCHEMA.empty_table(), customer_list.SCHEMA.empty_table(), None
    _same_horizon(rows, policy)
    codes = reason_codes.read(policy.reason_codes.file, policy.reason_codes.scheme_of)
    rows = reason_codes.annotate(rows, codes)
    worth = value.value_of(rows, policy)
    p_units, p_known = value.p_units(rows)
    context = suppression.RuleContext(_as_of(rows), policy, worth, p_known, recent, marks=marks)
    if effect is not None:
        context = _with_extra(rows, context, p_units, effect)
    orders, customers = _lists(rows, context, p_units)
    return (orders, customers, None) if running is None else _with_arms(rows, context, p_units, customers, running)


def _with_extra(
    rows: pa.Table, context: suppression.RuleContext, p_units: Whole, effect: ContactEffect
) -> suppression.RuleContext:
    """Return the context with what contacts add, and with the orders that are ranked by it."""
    measured = extra_value.measured(rows, context.value, p_units, context.p_known, effect)
    context = replace(context, extra=measured)
    if context.policy.value.rank_by == "expected":
        return context
    by_expected = _lists(rows, context, p_units)[1]
    within = by_expected.filter(pc.less_equal(by_expected["rank"], effect.reach))["customer_id"]
    is_within = pc.is_in(text(rows, "customer_id"), value_set=one_chunk(within)).to_numpy(zero_copy_only=False)
    return replace(context, extra=replace(measured, ranks_by=is_within))


def _lists(rows: pa.Table, context: suppression.RuleContext, p_units: Whole) -> tuple[pa.Table, pa.Table]:
    decided = _decided(rows, context, p_units)
    columns = [decided[name] if name in decided else column(rows, name, kind) for name, kind in _COLUMNS]
    table = pa.Table.from_arrays(columns, schema=SCHEMA)
    by_customer, customer_rank = customer_list.customers(rows, table, context)
    at = table.column_names.index("customer_rank")
    table = table.set_column(at, "customer_rank", make.array(customer_rank, mask=customer_rank == 0))
    keys = [("rank", "ascending"), ("suppressed_reason", "ascending"), ("order_id", "ascending")]  # NULL comes last
    return table.take(pc.sort_indices(table, sort_keys=keys)), by_customer


def _with_arms(
    rows: pa.Table, context: suppression.RuleContext, p_units: Whole, free: pa.Table, running: assignment.Running
) -> tuple[pa.Table, pa.Table, assignment.Arms]:
    """Draw arms from ``free``, the list by customer as if nobody were held out, and decide the lists by them."""
    reach = 0
    while True:
        arms = assignment.drawn(free, running, context.as_of, context.policy.capacity.total, reach)
        orders, customers = _lists(rows, replace(context, arms=arms), p_units)
        customers = customer_list.with_arms(customers, free, arms)
        flagged = pc.equal(customers["priority_flag"], 1)
        without = customers.filter(pc.and_(flagged, pc.is_null(customers["arm"])))
        if without.num_rows == 0:
            assigned = pc.is_in(text(rows, "customer_id"), value_set=one_chunk(arms.new["customer_id"]))
            return orders, customers, replace(arms, features=_features(rows.filter(assigned)))
        reach = int(pc.max(without["rank_if_free"]).as_py())  # limits by channel or owner let the list reach further


def _features(rows: pa.Table) -> pa.Table:
    """Return ``order_id, features``: what may move the effect of a contact, as JSON."""
    kept = [json.dumps(one) for one in contact_effect.stored(rows)]
    return pa.table({"order_id": text(rows, "order_id"), "features": make.array(kept, pa.string())})


def collectable(scored: pa.Table) -> pa.Table:
    """Return the rows with something to collect: amount and outstanding balance above 0 (no credit notes)."""
    if scored.num_rows == 0:
        return scored
    keep = (minor(scored, "amount") > 0) & (whole(scored, "outstanding_minor") > 0)
    return scored if keep.all() else scored.filter(make.array(keep))


def _decided(rows: pa.Table, context: suppression.RuleContext, p_units: Whole) -> dict[str, Any]:
    worth, policy, p_known = context.value, context.policy, context.p_known
    suppressions = suppression.suppressions(rows, context)
    left = ~np.logical_or.reduce([one.hit for one in suppressions])
    expected = worth.expected(p_units)
    extra = context.extra
    by_extra = np.zeros(left.size, dtype=np.bool_) if extra is None else extra.ranks_by
    net = (expected if extra is None else np.where(by_extra, extra.minor, expected)) - worth.cost
    turns = (left & by_extra, left & ~by_extra)
    order, ranks = capacity.ranks_in_turn(turns, net, worth.unit, text(rows, "order_id"))
    owner = action_marks.owners(rows, context.marks, value.owner(rows, policy))
    flags = capacity.chosen(
        order, net >= 0, capacity.limits(rows, context, worth.channel, owner), policy.capacity.total
    )
    reason, also, lifted_by = suppression.combined(suppressions, rows.num_rows)
    valued = worth.rated & p_known
    return {
        "outstanding": money(whole(rows, "outstanding_minor")),
        "p_recover_30d": make.array(p_units / value.P_UNITS, mask=~p_known),
        "ev_recovered": money(expected, valued),
        "rank": make.array(ranks, mask=ranks == 0),
        "priority_flag": make.array(flags.astype(np.int16)),
        "suppressed_reason": reason,
        "ev_currency": worth.unit,
        "outstanding_value": money(worth.outstanding, worth.rated),
        "net_value": money(net, valued),
        "channel": worth.channel,
        "owner": owner,
        "contact_from": make.array(suppression.contact_from(rows, context)),
        "suppressed_also": also,
        "lifted_by": lifted_by,
        **({} if extra is None else extra_value.columns(extra, valued)),
    }


def _same_horizon(rows: pa.Table, policy: Policy) -> None:
    days = set(pc.unique(column(rows, "horizon_days", pa.int64())).to_pylist()) - {None}
    if policy.horizon_days is not None and days - {policy.horizon_days}:
        listed = ", ".join(str(day) for day in sorted(days))
        raise DataRefused(f"found probabilities over {listed} days, but the policy asks for {policy.horizon_days} days")


def _as_of(rows: pa.Table) -> datetime:
    moments = np.unique(times(rows, "as_of"))
    if moments.size != 1 or np.isnat(moments[0]):
        raise DataRefused(f"found {moments.size} different as_of times, expected the open orders of one as_of")
    orders = text(rows, "order_id")
    if orders.null_count or pc.count_distinct(orders).as_py() != len(orders):
        counts = pc.value_counts(one_chunk(orders))
        twice = counts.filter(pc.greater(counts.field("counts"), 1))
        named = twice[0]["values"].as_py() if len(twice) else None
        raise DataRefused(f"found the order {named!r} more than once, expected one row per order")
    moment: datetime = moments[0].astype(datetime)
    return moment

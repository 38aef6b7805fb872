"""Which orders are suppressed, why, and what would lift it. All rules are evaluated; the first below leads.

Each rule is a function of the rows and a context that yields suppressions: the rows it hits, and until when.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.common.arrow import Flags, Times, make, one_chunk, pc, text, times, whole
from payrec.worklist import contact_caps, contact_hours
from payrec.worklist.assignment import Arms
from payrec.worklist.extra_value import ExtraValue
from payrec.worklist.policy import Policy
from payrec.worklist.value import Value, in_minor

DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class RuleContext:
    """What the rules need besides the rows: the time, the policy, the values, and contacts and attempts so far.

    ``recent`` has ``customer_id, order_id, event_type, channel, known_at`` of contacts and attempts in the windows of
    the caps. ``arms``: while an experiment runs, which customers are held out. ``marks``: what people's actions mean,
    as :mod:`payrec.worklist.action_marks`. ``extra``: what contacts add, where it was measured.
    """

    as_of: datetime
    policy: Policy
    value: Value
    p_known: Flags
    recent: pa.Table | None
    arms: Arms | None = None
    marks: pa.Table | None = None
    extra: ExtraValue | None = None


@dataclass(frozen=True)
class Suppression:
    """A reason, the rows (n,) that it hits, and what would lift it; ``{day}`` in ``lift`` stands for ``until``."""

    reason: str
    hit: Flags
    lift: str
    until: Times | None = None


SuppressionRule = Callable[[pa.Table, RuleContext], Iterator[Suppression]]


def suppressions(rows: pa.Table, context: RuleContext) -> list[Suppression]:
    """Evaluate every rule that the policy has switched on at ``as_of``."""
    active = (
        rule
        for name, rule in RULES_IN_ORDER.items()
        if name not in SWITCHED or context.policy.applies(name, context.as_of)
    )
    return [one for rule in active for one in rule(rows, context)]


def combined(suppressions: list[Suppression], n: int) -> tuple[Any, Any, Any]:
    """Return for each of n rows the leading reason, the others (comma between), and what lifts the leading one.

    Three Arrow text arrays, NULL where no rule hits.
    """
    reasons, lifts = np.full(n, None, dtype=object), np.full(n, None, dtype=object)
    hits = np.zeros(n, dtype=np.int64)
    for number, one in enumerate(suppressions):
        leads = one.hit & (hits == 0)
        reasons[leads] = one.reason
        lifts[leads] = _lift(one, leads)
        hits |= one.hit.astype(np.int64) << number
    masks, positions = np.unique(hits, return_inverse=True)
    others = [",".join(one.reason for at, one in enumerate(suppressions) if mask >> at & 1) for mask in masks.tolist()]
    after_first = make.array([names.partition(",")[2] or None for names in others], pa.string())
    return make.array(reasons, pa.string()), after_first.take(make.array(positions)), make.array(lifts, pa.string())


def _lift(one: Suppression, rows: Flags) -> Any:  # one sentence, or one for each row
    if one.until is None:
        return one.lift
    moments, positions = np.unique(one.until[rows], return_inverse=True)
    never = "a change of the policy"
    sentences = [never if np.isnat(moment) else one.lift.format(day=_in_words(moment)) for moment in moments]
    return np.array(sentences, dtype=object)[positions]


def _in_words(moment: np.datetime64) -> str:
    return str(moment.astype("datetime64[m]")).replace("T", " ").removesuffix(" 00:00")


def _flag(name: str, reason: str, lift: str) -> SuppressionRule:
    """Make a rule from a 0 or 1 column of the feature view; unknown counts as 0."""

    def rule(rows: pa.Table, context: RuleContext) -> Iterator[Suppression]:
        del context
        yield Suppression(reason, whole(rows, name) != 0, lift)

    return rule


def _true(condition: Any) -> Flags:
    """Return an Arrow condition as flags (n,); unknown is False."""
    flags: Flags = pc.fill_null(condition, False).to_numpy(zero_copy_only=False)
    return flags


def _stop_code(rows: pa.Table, context: RuleContext) -> Iterator[Suppression]:
    del context
    hit = _true(pc.equal(text(rows, "suggested_action"), "stop"))
    yield Suppression("stop_code", hit, "a person who clears the case (death, fraud); see the reason code")


def _hard_decline(rows: pa.Table, context: RuleContext) -> Iterator[Suppression]:
    if context.policy.action == "retry":
        hit = _true(pc.equal(text(rows, "decline"), "hard"))
        yield Suppression("hard_decline", hit, "a new card or account: contact the customer instead of another try")


def _needs_customer(rows: pa.Table, context: RuleContext) -> Iterator[Suppression]:
    if context.policy.action == "retry":
        soft = pc.equal(text(rows, "decline"), "soft")
        hit = _true(pc.and_(soft, pc.not_equal(text(rows, "suggested_action"), "retry_later")))
        yield Suppression("needs_customer", hit, "corrected data or a confirmation: contact the customer")


def _unknown_code(rows: pa.Table, context: RuleContext) -> Iterator[Suppression]:
    if context.policy.action == "retry":
        # the code comes from a try that failed: without its meaning there is no second one
        hit = _true(pc.and_(pc.is_valid(text(rows, "reason_code")), pc.is_null(text(rows, "decline"))))
        yield Suppression("unknown_code", hit, "a mapping of the reason code ([reason_codes] in the policy)")


def _holds(rows: pa.Table, context: RuleContext) -> Iterator[Suppression]:
    for hold in context.policy.hold:
        if hold.holds(context.as_of.date()):
            listed = pc.is_in(text(rows, hold.column), value_set=make.array(hold.values, pa.string()))
            end = f"the end of the hold, {hold.valid_until}" if hold.valid_until else "a change of the policy"
            yield Suppression(hold.name, listed.to_numpy(zero_copy_only=False), end)


def _promised(rows: pa.Table, context: RuleContext) -> Iterator[Suppression]:
    promised: Times = times(rows, "promised_until").astype("datetime64[D]")
    # the promised day itself counts in full
    ends: Times = np.add(promised, np.timedelta64(1 + context.policy.promise_grace_days, "D"))
    hit = ~np.isnat(promised) & (np.datetime64(context.as_of, "us") < ends)
    yield Suppression("promised", hit, "payment, or {day}, when the promise and its grace have passed", ends)


def _in_flight(rows: pa.Table, context: RuleContext) -> Iterator[Suppression]:
    since: Times = times(rows, "pending_since")
    pending = ~np.isnat(since)
    ends = np.full(since.size, np.datetime64("NaT", "us"))
    last = np.busday_offset(since[pending].astype("datetime64[D]"), context.policy.pending_business_days, "backward")
    ends[pending] = last + np.timedelta64(1, "D")  # the last business day counts in full
    hit = pending & (np.datetime64(context.as_of, "us") < ends)
    yield Suppression("in_flight", hit, "the result of the debit, or {day}, when it should be there", ends)


def _snoozed(rows: pa.Table, context: RuleContext) -> Iterator[Suppression]:
    until: Times = times(rows, "snoozed_until")
    yield Suppression("snoozed", ~np.isnat(until) & (np.datetime64(context.as_of, "us") < until), "{day}", until)


def _legal_window(rows: pa.Table, context: RuleContext) -> Iterator[Suppression]:
    limits = context.policy.contact_until_age_days
    if limits:
        coded = one_chunk(text(rows, "country").dictionary_encode(null_encoding="encode"))
        never = np.iinfo(np.int64).max
        days = [
            limits.get(country or "default", limits.get("default", never)) for country in coded.dictionary.to_pylist()
        ]
        longest = np.array([*days, never], dtype=np.int64)[coded.indices.to_numpy()]
        hit = whole(rows, "age_days") > longest
        yield Suppression("legal_window_closed", hit, "nothing: the order is older than contact is allowed")


def _contact_hours(rows: pa.Table, context: RuleContext) -> Iterator[Suppression]:
    if context.policy.contact_hours is not None:
        opens = contact_from(rows, context)
        latest = np.datetime64(context.as_of + timedelta(hours=context.policy.contact_hours.list_hours), "us")
        hit = np.isnat(opens) | (opens > latest)
        yield Suppression("contact_hours", hit, "{day} UTC, when the hours of contact open", opens)


def contact_from(rows: pa.Table, context: RuleContext) -> Times:
    """Earliest UTC time at which each customer may be contacted, (n,); NaT without rules or without an open hour."""
    allowed = context.policy.contact_hours
    if allowed is None:
        return np.full(rows.num_rows, np.datetime64("NaT", "us"))
    coded = one_chunk(text(rows, "country").dictionary_encode(null_encoding="encode"))
    countries = coded.dictionary.to_pylist()
    opens = [
        contact_hours.next_open(allowed, contact_hours.zones_of(allowed, country), context.as_of)
        for country in countries
    ]
    looked_up: Times = np.array([*opens, None], dtype="datetime64[us]")[coded.indices.to_numpy()]
    return looked_up


def _contact_cap(rows: pa.Table, context: RuleContext) -> Iterator[Suppression]:
    for cap in contact_caps.in_force(context.policy, context.as_of):
        counts, free = contact_caps.used(cap, rows, context.recent, context.as_of)
        yield Suppression(f"{cap.of}_cap", counts >= cap.count, "{day}, when an earlier one leaves the window", free)


def _held_out(rows: pa.Table, context: RuleContext) -> Iterator[Suppression]:
    if context.arms is not None:
        at = pc.index_in(text(rows, "customer_id"), value_set=context.arms.held)
        until = times(pa.table({"until": context.arms.held_until.take(at)}), "until")
        yield Suppression("held_out", ~np.isnat(until), "{day}, when the random holdout of this customer ends", until)


def _below_minimum(rows: pa.Table, context: RuleContext) -> Iterator[Suppression]:
    if context.policy.minimum_outstanding:
        least = in_minor(context.policy.minimum_outstanding, text(rows, "currency"))
        hit = whole(rows, "outstanding_minor") < least
        yield Suppression("below_minimum", hit, "a lower minimum_outstanding in the policy")


def _older_than_model(rows: pa.Table, context: RuleContext) -> Iterator[Suppression]:
    hit = ~context.p_known & (whole(rows, "age_days") >= 0)
    yield Suppression("older_than_model", hit, "a model trained on orders as old")


def _younger_than_model(rows: pa.Table, context: RuleContext) -> Iterator[Suppression]:
    hit = ~context.p_known & (whole(rows, "age_days") < 0)
    yield Suppression("younger_than_model", hit, "a nearer due date, or a model trained on orders not yet due")


def _no_rate(rows: pa.Table, context: RuleContext) -> Iterator[Suppression]:
    del rows
    reporting = context.policy.reporting_currency
    yield Suppression("no_exchange_rate", ~context.value.rated, f"a rate from the order's currency to {reporting}")


def _settled_since(rows: pa.Table, context: RuleContext) -> Iterator[Suppression]:
    del context
    if "is_settled_since" in rows.column_names:
        lift = "money that is taken back: after the time of this list the order was settled"
        yield Suppression("settled_since", whole(rows, "is_settled_since") != 0, lift)


# the order decides which reason leads: what forbids contact for good, then for a time, then what is not worth it
RULES_IN_ORDER: dict[str, SuppressionRule] = {
    "settled_since": _settled_since,
    "opted_out": _flag("is_opted_out", "opted_out", "a new consent of the customer"),
    "chargeback": _flag("has_chargeback", "chargeback", "the end of the chargeback, by a person's decision"),
    "disputed": _flag("is_disputed", "disputed", "the close of the dispute"),
    "in_flight": _in_flight,
    "stop_code": _stop_code,
    "hold": _holds,
    "legal_window_closed": _legal_window,
    "promised": _promised,
    "snoozed": _snoozed,
    "not_due": _flag("is_not_due", "not_due", "the day after the due date"),
    "unapplied_cash": _flag(
        "is_covered_by_cash", "unapplied_cash", "a refund of the cash, or its use for other orders"
    ),
    "contact_cap": _contact_cap,
    "contact_hours": _contact_hours,
    "hard_decline": _hard_decline,
    "needs_customer": _needs_customer,
    "unknown_code": _unknown_code,
    "below_minimum": _below_minimum,
    "no_exchange_rate": _no_rate,
    "older_than_model": _older_than_model,
    "younger_than_model": _younger_than_model,
    "held_out": _held_out,  # last: a holdout hides no other reason
}
# holds have their own dates; without a rate or a probability there is nothing to rank by; an experiment is stopped
SWITCHED = frozenset(RULES_IN_ORDER) - {
    *("settled_since", "hold", "no_exchange_rate", "older_than_model", "younger_than_model", "held_out")
}

__all__ = ["RuleContext", "Suppression", "combined", "contact_from", "suppressions"]

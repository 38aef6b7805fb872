"""payrec log: what a person did with a customer, recorded for the next list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from payrec.commands.published import Location, store_of
from payrec.common.errors import UsageError
from payrec.common.text import terminal_text
from payrec.publish import actions
from payrec.publish.actions import Action, Kind
from payrec.publish.store import ListStore

HELD_OUT = "held_out"
_LISTED = ("order_id", "currency", "outstanding", "suppressed_reason")


@dataclass(frozen=True, repr=False)
class Logged:
    """A recorded action. ``is_new``: False if it was recorded before; ``warnings``: what its author should know."""

    action: Action
    is_new: bool
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Logged {self.action.kind} of {terminal_text(self.action.customer_id)}, {self.action.action_id}>"


def log(
    kind: Kind,
    customer_id: str,
    now: datetime,
    by: str,
    published: Location = "out/published",
    orders: Sequence[str] | None = None,
    channel: str | None = None,
    outcome: str | None = None,
    owner: str | None = None,
    amount: Decimal | None = None,
    currency: str | None = None,
    until: date | None = None,
    note: str | None = None,
    at: datetime | None = None,
    action: str | None = None,
    action_id: str | None = None,
) -> Logged:
    """Record what a person did with a customer; the next list knows it.

    Parameters
    ----------
    kind
        ``contacted`` (with ``outcome``), ``promised`` (``amount``, ``until``), ``disputed``, ``dispute_solved``,
        ``snoozed`` (``until``), ``assigned`` (``owner``), ``note``, ``do_not_contact``, ``undone`` (``action``).
    now, by
        The present (UTC, without zone), from when on the action is known, and who did it.
    published
        Folder of the published lists, the PostgreSQL engine that holds them, or their open store.
    orders
        Ids of the orders that it is about; None: all open orders of the customer.
    amount, currency
        Promised money. Without an amount it is what these orders owe, in their currency.
    at
        When it happened, if not now (UTC, without zone).
    action
        Id of the action that ``undone`` takes back; None: the customer's last one.
    action_id
        Id of the new action (a UUID): the same id again records nothing. None: a new one.

    Raises
    ------
    UsageError
        The action lacks something or holds a wrong value, or there is nothing to undo; nothing was recorded.

    >>> logged = payrec.log("contacted", "c1", now, "kim", published, outcome="no_answer")
    >>> undone = payrec.log("undone", "c1", now, "kim", published)
    >>> logged.is_new, undone.action.outcome == logged.action.action_id
    (True, True)
    """
    store = store_of(published)
    listed, warnings = _listed(store, kind, customer_id)
    if kind == "undone":
        target = _to_undo(store, customer_id, action)
        if before := _undoing(store, target):
            msg = f"action {target.action_id} was undone before, by {terminal_text(before.by)}: nothing changes"
            return Logged(before, False, (msg,))
        outcome = target.action_id
    elif kind == "assigned":
        outcome = owner
    elif kind == "promised" and (amount is None or currency is None):
        owed = _owed(listed, orders)
        if len(owed) == 1:
            currency = currency or next(iter(owed))
            amount = owed.get(currency) if amount is None else amount
    wanted = Action(
        action_id or str(uuid4()), at or now, by, customer_id, kind, tuple(orders or ()), channel, outcome, amount,
        currency and currency.upper(), until, note,
    )  # fmt: skip
    is_new = actions.add(store, wanted, now)
    if not is_new:
        warnings.append(f"action {wanted.action_id} was recorded before: nothing changes")
    return Logged(actions.validated(wanted, now), is_new, tuple(warnings))


def _listed(store: ListStore, kind: Kind, customer_id: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the customer's orders on the served list, and what a person should know before acting."""
    name, served = terminal_text(customer_id), store.current()
    if served is None:
        return [], ["no list is published yet: the action is recorded for the first one"]
    rows = store.scores_of(customer_id, served.run.run_id, _LISTED).to_pylist()
    if not rows:
        day = f"{served.run.as_of:%Y-%m-%d}"
        return [], [
            f"customer {name} is not on the list as of {day}: the action is recorded, and applies to open orders"
        ]
    reasons = sorted({str(row["suppressed_reason"]) for row in rows if row["suppressed_reason"]})
    if kind != "contacted" or any(row["suppressed_reason"] is None for row in rows):
        return rows, []
    if HELD_OUT in reasons:
        return rows, [f"customer {name} is held out: the contact is recorded, and weakens what the experiment can say"]
    return rows, [f"customer {name} was not to be contacted ({', '.join(reasons)}): the contact is recorded"]


def _owed(rows: list[dict[str, Any]], orders: Sequence[str] | None) -> dict[str, Decimal]:
    owed: dict[str, Decimal] = {}
    for row in rows:
        if orders is None or row["order_id"] in orders:
            owed[row["currency"]] = owed.get(row["currency"], Decimal()) + row["outstanding"]
    return owed


def _to_undo(store: ListStore, customer_id: str, action_id: str | None) -> Action:
    known = [one for one in actions.read(store, customer_id=customer_id) if one.kind != "undone"]
    in_force = actions.in_force(actions.read(store, customer_id=customer_id))
    wanted = [one for one in known if one.action_id == action_id] if action_id else in_force[-1:]
    if not wanted:
        what = f"action {terminal_text(action_id)}" if action_id else "action"
        msg = f"found no {what} of customer {terminal_text(customer_id)} to undo"
        raise UsageError(f"{msg}\npayrec explain --customer shows the actions of a customer, with their ids")
    return wanted[0]


def _undoing(store: ListStore, target: Action) -> Action | None:
    of_customer = actions.read(store, customer_id=target.customer_id)
    return next((one for one in of_customer if one.kind == "undone" and one.outcome == target.action_id), None)

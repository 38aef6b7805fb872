"""Where the team stands with its customers since a list was made: derived from the actions, never stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from payrec.publish.actions import Action, in_force

STEPS = ("contacted", "promised", "snoozed", "disputed", "dispute_solved", "do_not_contact")
"""Kinds of actions that say where a customer stands; the last one counts."""


@dataclass(frozen=True)
class CustomerState:
    """``is_done``: nothing is left to do today. ``last``: the newest action, which an undo takes back."""

    last: Action
    step: Action | None = None
    is_done: bool = False
    owner: str | None = None


def customer_states(actions: Iterable[Action], since: datetime, today: date) -> dict[str, CustomerState]:
    """Return customer -> state by what was recorded after ``since`` (the list knows the rest), in the order recorded.

    >>> at = datetime(2026, 5, 2, 9)
    >>> call = Action("11111111-1111-4111-8111-111111111111", at, "kim", "c1", "contacted", outcome="spoke")
    >>> customer_states([call], datetime(2026, 5, 2), date(2026, 5, 2))["c1"].is_done
    True
    """
    states: dict[str, CustomerState] = {}
    for action in in_force(actions):
        if (action.recorded_at or action.at) <= since:
            continue
        before = states.get(action.customer_id)
        step = action if action.kind in STEPS else before.step if before else None
        owner = action.outcome if action.kind == "assigned" else before.owner if before else None
        states[action.customer_id] = CustomerState(action, step, _is_done(step, today), owner)
    return states


def _is_done(step: Action | None, today: date) -> bool:
    if step is None or step.kind == "dispute_solved":
        return False
    if step.kind == "promised":
        return step.until is not None and step.until >= today
    return step.kind != "snoozed" or (step.until is not None and step.until > today)

"""payrec explain --customer: where a customer stands on the served list, and what people did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from payrec.commands.published import Location, current, store_of
from payrec.common.arrow import pc
from payrec.common.errors import UsageError
from payrec.common.text import terminal_text
from payrec.publish import actions
from payrec.publish.actions import Action
from payrec.publish.store import list_by_customer


@dataclass(frozen=True, repr=False)
class CustomerExplanation:
    """A customer on the served list: its rows by customer, its orders, and all actions, with the ids of undone ones."""

    customer_id: str
    as_of: datetime
    run_id: str
    customers: tuple[dict[str, Any], ...]
    orders: tuple[dict[str, Any], ...]
    actions: tuple[Action, ...]
    undone: frozenset[str]

    def __repr__(self) -> str:
        return f"<CustomerExplanation of {terminal_text(self.customer_id)}: {len(self.orders)} orders>"


def explain_customer(customer_id: str, published: Location = "out/published") -> CustomerExplanation:
    """Explain where a customer stands on the served list, order by order, with what people did.

    Raises
    ------
    UsageError
        Nothing has been published, or neither the list nor an action names the customer.
    """
    store = store_of(published)
    run = current(store).run
    by_customer = list_by_customer(store, run.run_id)
    rows = by_customer.filter(pc.equal(by_customer["customer_id"], customer_id)).to_pylist()
    orders = store.scores_of(customer_id, run.run_id).to_pylist()
    known = actions.read(store, customer_id=customer_id)
    if not orders and not known:
        msg = f"found no customer {terminal_text(customer_id)} on the list as of {run.as_of:%Y-%m-%d}, and no action"
        raise UsageError(f"{msg}\npayrec worklist --by customer writes the list with its customers")
    in_force = {action.action_id for action in actions.in_force(known)}
    undone = frozenset(one.action_id for one in known if one.kind != "undone" and one.action_id not in in_force)
    in_order = sorted(orders, key=lambda row: (row["rank"] is None, row["rank"] or 0, row["order_id"]))
    return CustomerExplanation(customer_id, run.as_of, run.run_id, tuple(rows), tuple(in_order), known, undone)

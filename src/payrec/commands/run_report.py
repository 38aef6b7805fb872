"""What a run did: the published list, the verdicts, and what was delivered."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from payrec.commands.monitor import unmapped
from payrec.commands.scoring import Worklist
from payrec.monitor import alerts, outcomes, verdicts
from payrec.monitor.verdicts import Level, Verdict
from payrec.publish.run_info import Published
from payrec.worklist.policy import Policy


@dataclass(frozen=True, repr=False)
class RunReport:
    """What a run did: the list by order and customer, which one is served, if it was done before, and the verdicts."""

    published: Published
    served: Published
    ranked: pa.Table
    customers: pa.Table
    already_done: bool
    verdicts: tuple[Verdict, ...]
    too_old: int
    policy: Policy
    deliveries: tuple[alerts.Delivery, ...] = ()

    @property
    def level(self) -> Level:
        """The most severe verdict."""
        return verdicts.worst(self.verdicts)

    @cached_property
    def worklist(self) -> Worklist:
        """The published list."""
        coverage = outcomes.coverage(one.figure for one in self.verdicts)
        return Worklist(self.ranked, self.customers, self.published.run, self.too_old, coverage=coverage)

    @property
    def unmapped_reason_codes(self) -> list[dict[str, Any]]:
        """The reason codes of the list that have no meaning yet, with the orders that have them."""
        return unmapped(self.ranked, self.policy)

    def summary(self) -> dict[str, Any]:
        """Return orders and money of the list by currency, as :meth:`Worklist.summary`, and how past lists came out."""
        return self.worklist.summary()

    def __repr__(self) -> str:
        done = "done before" if self.already_done else "published"
        return f"<RunReport of run {self.published.run.run_id}: {done}, {self.level}, {self.published.orders:,} orders>"

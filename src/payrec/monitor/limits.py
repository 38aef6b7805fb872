"""Limits of monitoring: from which figure on a verdict is "watch" or "alarm". Table ``[monitor]`` of the policy."""

from __future__ import annotations

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from payrec.worklist.policy import Policy
from payrec.worklist.policy_tables import validated


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Limits:
    """Bounds of the figures; ``docs/monitoring.md`` explains each."""

    psi_watch: float = 0.10
    psi_alarm: float = 0.25
    stale_days: float = 2.0
    silent_days: float = 1.0
    rows_change: float = 0.5
    suppressed_share: float = 0.95
    suppressed_change: float = 0.2
    recovery_change: float = 0.3
    vanished_share: float = 0.01
    new_share: float = 0.01
    ece: float = 0.05
    pr_auc_drop: float = 0.10
    matured_rows: int = 200
    level_evidence: float = 500.0


def limits_of(policy: Policy, source: str = "the policy") -> Limits:
    """Return the limits of a policy; ``source`` names it in the message.

    Raises
    ------
    UsageError
        An unknown key (the valid ones are listed), or a value out of its range.
    """
    return validated(Limits, policy.monitor, source, ("monitor",))

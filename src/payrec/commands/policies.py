"""The policy as commands read it: the whole file is validated, the limits of monitoring included."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from payrec.monitor.limits import limits_of
from payrec.worklist import policy
from payrec.worklist.policy import Policy


def read_policy(path: Path | str | None = None) -> Policy:
    """Read a policy file; None gives the defaults.

    Raises
    ------
    UsageError
        The file cannot be read, has an unknown key (the valid ones are listed) or an invalid value.
    """
    rules = policy.read(None if path is None else Path(path))
    limits_of(rules, str(path))
    return rules


def policy_of(rules: Policy | Path | str | None, capacity: int | None = None) -> Policy:
    """Return a policy, read if it is a path, with room for ``capacity`` contacts if that is given."""
    chosen = rules if isinstance(rules, Policy) else read_policy(rules)
    return chosen if capacity is None else replace(chosen, capacity=replace(chosen.capacity, total=capacity))

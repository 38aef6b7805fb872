"""The policy as commands read it: all of its file is validated, the limits of monitoring included."""

from __future__ import annotations

from pathlib import Path

from payrec.monitor.limits import limits_of
from payrec.worklist import policy
from payrec.worklist.policy import Policy


def read_policy(path: Path | None = None) -> Policy:
    """Read a policy file; None gives the defaults.

    Raises
    ------
    UsageError
        The file cannot be read, has an unknown key (the valid ones are listed) or an invalid value.
    """
    rules = policy.read(path)
    limits_of(rules, str(path))
    return rules

"""How long work reports the step it is on: the caller passes a function, which shows the line or ignores it."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str], None]


def silent(step: str) -> None:
    """Ignore the step."""

"""Text from a file or a map, put into SQL as text and never as code."""

from __future__ import annotations

from collections.abc import Iterable

from payrec.data.engines import rows


def literal(value: str) -> str:
    """Return ``value`` as a SQL text literal (standard quoting: only the quote itself is special).

    >>> literal("it's")
    "'it''s'"
    """
    return rows.literal(value.replace("\0", ""))


def literals(values: Iterable[str]) -> str:
    """Return values as a comma-separated list of SQL text literals."""
    return ", ".join(literal(value) for value in values)

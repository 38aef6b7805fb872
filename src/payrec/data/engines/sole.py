"""Leases of an engine that one process has to itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager


class SoleProcess:
    """An engine whose layers no other process can reach."""

    @contextmanager
    def lease(self, *, exclusive: bool, wait_s: float) -> Iterator[bool]:
        """Give True at once."""
        yield True

    def private(self, views: tuple[str, ...], copies: tuple[str, ...]) -> AbstractContextManager[None]:
        """Refuse: with free leases there is no need."""
        raise NotImplementedError

    def purge(self) -> None:
        """Nothing is left to remove, where a change writes new files and deletes the former ones."""

"""Retries of work that the database undid: deadlocks, locks, lost connections."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from payrec.common.errors import DatabaseUnreachable, Locked

Result = TypeVar("Result")
PAUSES_S = (0.2, 1.0, 4.0)  # before the second, third and last try


class Interrupted(DatabaseUnreachable):
    """The transaction was undone as a whole (deadlock, lock, cut connection): the same work may be done again."""


class LostLease(Locked):
    """The connection that held the layers was cut; the work was undone, and may be done again under a new lease."""


def retrying(work: Callable[[], Result], pause: Callable[[float], None] | None = None) -> Result:
    """Return ``work()``; if it is interrupted, do it again from the start, three times at most.

    ``work`` must be a whole transaction, so that each try starts from what was there before.

    Raises
    ------
    DatabaseUnreachable
        Every try was interrupted, or the server did not come back.
    """
    pause = pause or time.sleep
    first = True
    for pause_s in PAUSES_S:
        try:
            return work()
        except Interrupted:
            pause(pause_s)
            first = False
        except DatabaseUnreachable:
            if first:  # unreachable from the start: fail at once; later it may be restarting
                raise
            pause(pause_s)
    return work()


class Committing(Protocol):
    """A connection that says what became of its transaction: ``unknown`` if it was lost."""

    @property
    def state(self) -> str:
        """State of the transaction."""


@contextmanager
def committing(session: Committing) -> Iterator[None]:
    """Of a connection that is lost in here it is not known whether the server kept the work: never done again."""
    try:
        yield
    except Interrupted as error:
        if session.state != "unknown":
            raise
        msg = f"{error}\nit is not known whether the last change was kept: run the same command again"
        raise DatabaseUnreachable(msg) from error

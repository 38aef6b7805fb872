"""Who may change the layers: one builder or loader at a time, and none while others read them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from payrec.common.errors import Locked
from payrec.data.engines import Engine

WAIT_S = 30.0  # a command waits this long for others that read or rebuild the layers
BUSY = "another command is reading or rebuilding the layers\nwait until it finishes, and run this again"


@contextmanager
def exclusive(engine: Engine, wait_s: float | None = None) -> Iterator[None]:
    """Keep the layers to oneself.

    Raises
    ------
    Locked
        Others kept them busy for ``wait_s`` (None: 30 seconds).
    """
    with engine.lease(exclusive=True, wait_s=WAIT_S if wait_s is None else wait_s) as free:
        if not free:
            raise Locked(BUSY)
        yield

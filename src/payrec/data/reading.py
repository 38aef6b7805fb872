"""Layers to read from that stay as they are meanwhile: the finished build, a new one, or one of our own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from payrec.common.errors import Locked
from payrec.data import incremental, layers, leases, migrations
from payrec.data.engines import Engine
from payrec.data.engines.retry import LostLease, retrying
from payrec.data.parameters import Parameters

TRIES = 5


@contextmanager
def reading(
    engine: Engine,
    parameters: Parameters,
    progress: Callable[[str], None] = lambda _: None,
    *,
    wait_s: float = 0.0,
    shared: bool = False,
) -> Iterator[None]:
    """Give layers that answer for the parameters and stay as they are until the end.

    The finished build, if it answers; else a new one; else, while others read the finished one, one of our own that
    only this connection sees. ``shared``: never one of our own, since what is published has to be the build that
    others see too; wait up to ``wait_s`` for it instead.

    Raises
    ------
    Locked
        Others kept the layers busy for all of ``wait_s``.
    """
    layers.prepare(engine)
    own_build_no = -1
    for _ in range(TRIES):
        with engine.lease(exclusive=False, wait_s=wait_s) as free:
            if free and (layers.build_number(engine) == own_build_no or layers.answers(engine, parameters)):
                yield
                return
        try:
            with leases.exclusive(engine, wait_s):
                retrying(lambda: layers.build_shared(engine, parameters, progress, full=False))
                own_build_no = layers.build_number(engine)
        except LostLease:
            continue
        except Locked:
            break
    if shared:
        raise Locked(leases.BUSY)
    existing = engine.tables()
    copies = tuple(t for t in (*layers.INPUTS, "observed_until", migrations.RAW_LEDGER) if t in existing)
    with engine.private((*incremental.RAW, "raw_customers"), copies):
        layers.build_layers(engine, parameters, progress, full=False)
        yield

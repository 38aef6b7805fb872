"""What a run is configured by, and how it records its steps and failures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from payrec.common.errors import Locked, PayrecError
from payrec.data.engines import Engine
from payrec.monitor import alerts
from payrec.publish import ledger, lock
from payrec.worklist.policy import Policy


@dataclass(frozen=True)
class RunConfig:
    """Everything that a run is configured by.

    ``as_of`` None: the end of the observed data. ``published`` None: lists are published in the database itself.
    """

    as_of: datetime | None
    models: Path
    policy: Policy
    published: Path | None
    holder: lock.Holder
    database_url: str
    lock_folder: Path
    now: datetime
    wait_s: float = 0.0
    alert_to: tuple[alerts.Target, ...] = ()
    secrets: tuple[str, ...] = ()
    retention_days: int | None = None
    trust_clock: bool = False
    serve: bool = False
    payments_until: datetime | None = None


def record_step(engine: Engine, config: RunConfig, step: str, run_id: str) -> None:
    """Record a step of a run as done."""
    ledger.add_of_run(engine, ledger.Entry(config.now, str(config.holder), f"step.{step}", run_id, "done"))


def record_run(engine: Engine, config: RunConfig, run_id: str, note: str) -> None:
    """Record a run as done."""
    ledger.add_of_run(engine, ledger.Entry(config.now, str(config.holder), "run", run_id, "done", note))


@contextmanager
def recorded(engine: Engine, config: RunConfig, step: str, run_id: str = "") -> Iterator[None]:
    """Record a failure in the ledger and alert it; neither may hide it."""
    with alarmed(config, step):
        try:
            yield
        except Exception as error:
            text = alerts.redacted(str(error) or type(error).__name__, config.secrets)
            what = "lock" if isinstance(error, ledger.LostLock) else step  # the newer run records how the run ended
            try:
                ledger.add(engine, ledger.Entry(config.now, str(config.holder), what, run_id, "failed", text))
            except PayrecError as second:
                error.add_note(f"and it could not be recorded: {alerts.redacted(str(second), config.secrets)}")
            raise


@contextmanager
def alarmed(config: RunConfig, step: str) -> Iterator[None]:
    """Alert a failure; that another run is under way is none."""
    try:
        yield
    except Exception as error:
        is_busy = isinstance(error, Locked) and not isinstance(error, ledger.LostLock)
        if config.alert_to and not is_busy:
            alerts.send(alerts.of_failure(error, step), config.alert_to, config.secrets)
        raise

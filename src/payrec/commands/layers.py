"""Raw tables → layers → audit: what must stand before anything is learnt or scored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from payrec.common.errors import DataRefused
from payrec.common.settings import Settings
from payrec.data import audit, layers
from payrec.data.engines import Engine

Progress = Callable[[str], None]


def parameters(
    settings: Settings,
    as_of: datetime | None = None,
    horizon_days: int | None = None,
    observed_until: datetime | None = None,
) -> layers.Parameters:
    """Return the parameters of a full build: all landmark ages, and one time to score at."""
    return layers.Parameters(
        as_of=(as_of,) if as_of else None,
        landmark_ages=settings.landmark_ages,
        horizon_days=horizon_days or settings.horizon_days,
        observed_until=observed_until,
    )


def build(engine: Engine, asked: layers.Parameters, progress: Progress, *, full: bool = False) -> layers.Build:
    """Build all layers; ``full``: also those of orders that have not changed."""
    return layers.build(engine, asked, progress, full=full)


def ensure_built(engine: Engine, asked: layers.Parameters, progress: Progress) -> None:
    """Build, unless the layers already answer for what is asked."""
    if not layers.answers(engine, asked):
        layers.build(engine, asked, lambda file: progress(f"building {file}"))


def check(engine: Engine, asked: layers.Parameters, now: datetime, progress: Progress) -> audit.Audit:
    """Audit the data, building what is missing first."""
    ensure_built(engine, asked, progress)
    progress("auditing")
    return audit.run(engine, now)


def require_safe(found: audit.Audit) -> None:
    """Raise DataRefused with every finding that makes training unsafe, unless there are none."""
    if found.refusals:
        raise DataRefused("\n".join(f.message for f in found.refusals))

"""payrec build: raw tables → staging → snapshots → features and labels."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

from payrec.commands import HORIZON_DAYS
from payrec.commands.features import features
from payrec.common.errors import DataRefused
from payrec.common.progress import Progress, silent
from payrec.data import layers
from payrec.data import reading as read
from payrec.data.engines import Engine
from payrec.data.load import payment_source
from payrec.data.parameters import LANDMARK_AGES, Parameters


def build(
    engine: Engine,
    as_of: datetime | None = None,
    horizon_days: int = HORIZON_DAYS,
    observed_until: datetime | None = None,
    out: Path | str | None = None,
    full: bool = False,
    landmark_ages: tuple[int, ...] = LANDMARK_AGES,
    payments_from_events: bool | None = None,
    progress: Progress = silent,
) -> layers.Build:
    """Build staging, snapshots, features and labels from the raw tables.

    Parameters
    ----------
    as_of
        Time to score the open orders at (UTC, without zone); None: the end of the observed data.
    horizon_days
        Days within which a payment counts as recovered.
    observed_until
        Declared end of the complete data; None: the latest known fact.
    out
        Also write the feature view of the open orders: ``.csv`` or ``.parquet``.
    full
        Rebuild all staging rows, also those of orders whose raw rows have not changed since the last build.
    landmark_ages
        Ages in days at which each order is observed for training.
    payments_from_events
        Take payments from events (True), or from ``payment_date`` (False), from now on; None: as they are taken.

    >>> built = payrec.build(engine)
    >>> built.rows["snapshots"] == built.rows["features"]
    True
    """
    wanted = parameters(horizon_days, as_of, observed_until, landmark_ages)
    if payments_from_events is not None:
        layers.prepare(engine)
        layers.change(engine, lambda: payment_source.choose(engine, payments_from_events))
    built = layers.build(engine, wanted, lambda file: progress(f"building {file}"), full=full)
    if out is not None and built.as_of:
        features(engine, built.as_of[-1], out)
    return built


def parameters(
    horizon_days: int = HORIZON_DAYS,
    as_of: datetime | None = None,
    observed_until: datetime | None = None,
    landmark_ages: tuple[int, ...] = LANDMARK_AGES,
) -> Parameters:
    """Return the parameters of a build with one time to score at; ``as_of`` None: the end of the observed data."""
    return Parameters((as_of,) if as_of else None, landmark_ages, horizon_days, observed_until)


def reading(
    engine: Engine, wanted: Parameters, progress: Progress, *, wait_s: float = 0.0, shared: bool = False
) -> AbstractContextManager[None]:
    """Give layers with these parameters, unchanged until the end; see :func:`payrec.data.reading.reading`."""
    return read.reading(engine, wanted, lambda file: progress(f"building {file}"), wait_s=wait_s, shared=shared)


def scoring_time(engine: Engine, as_of: datetime | None) -> datetime:
    """Return ``as_of``, or the time that the layers were built to score at; DataRefused without orders."""
    times = layers.scoring_times(engine)
    if not times:
        raise DataRefused("found no orders, expected some to score\nload them: payrec load transactions FILE")
    return as_of or times[-1]

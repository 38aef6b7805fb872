"""The level of a night: the payments since the training rows end, read from the layers, against what was expected."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.common.arrow import make, whole
from payrec.common.text import sql_timestamp
from payrec.data import freshness, snapshots
from payrec.data.engines import Engine
from payrec.data.freshness import MissingMonths
from payrec.data.parameters import Parameters
from payrec.model.recipes import level, payment_book
from payrec.model.recipes.level import EPOCH, NightLevel
from payrec.model.recipes.model import Model, predict
from payrec.model.recipes.payment_book import DailyPayments
from payrec.model.store.bundle import Portable

DAY = timedelta(days=1)


def parameters(model: Model, as_of: datetime | None) -> Parameters:
    """Return what a build needs for a list at ``as_of`` (None: the end of the observed data) and its level."""
    times = (as_of,) if as_of else None
    if model.level is None:
        return Parameters(times, (), model.horizon_days)
    ages = model.level.timing.ages
    return Parameters(times, ages, model.horizon_days, landmarks_since=model.level.rows_since)


def measure(engine: Engine, model: Model, as_of: datetime) -> NightLevel | None:
    """Return the level at ``as_of``, from landmark snapshots before it and payments known by then.

    None where the model does not follow the level, or no payment is newer than its training rows. The layers must
    have been built with :func:`parameters`.
    """
    known_until = freshness.payments_known_until(engine)
    if model.level is None or known_until is None:
        return None
    until = min(as_of, known_until)
    since, before = (sql_timestamp(at) for at in (model.level.rows_since, until))
    select = snapshots.observed_select(f"v.is_landmark = 1 AND v.as_of >= {since} AND v.as_of < {before}")
    step = partial(_counted, Portable(replace(model, shift=0.0)), until)
    return _level(model, engine.read_batches(select, step), until, freshness.missing_months(engine))


def at_end(model: Model, rows: pa.Table, until: datetime, missing: Iterable[MissingMonths]) -> NightLevel | None:
    """Return the level at ``until``, as :func:`measure`, from rows that were read (``snapshots.newest_rows``)."""
    if model.level is None:
        return None
    step = partial(_counted, Portable(replace(model, shift=0.0)), until)
    return _level(model, map(step, rows.to_batches()), until, missing)


def _level(
    model: Model, counts: Iterable[pa.RecordBatch], until: datetime, missing: Iterable[MissingMonths]
) -> NightLevel | None:
    if model.level is None or _days(model, until) < 1:
        return None
    sums = {name: np.zeros(_days(model, until), np.int64) for name in ("observed", "expected")}
    for batch in counts:
        rows = pa.Table.from_batches([batch])
        for name, total in sums.items():
            np.add.at(total, whole(rows, "day"), whole(rows, name))
    for month in missing:
        if month.kind == "payments":  # its days say nothing about the level
            first, last = ((at - EPOCH) // DAY - model.level.next_day for at in (month.from_at, month.until_at))
            for total in sums.values():
                total[max(first, 0) : max(last, 0)] = 0
    observed, expected = (tuple(total.tolist()) for total in sums.values())
    return level.of_night(model.level, DailyPayments(model.level.next_day, observed, expected), until)


def _days(model: Model, until: datetime) -> int:
    """Return the days from the end of the training rows; one that has begun counts as far as it is known."""
    return 0 if model.level is None else -((EPOCH - until) // DAY) - model.level.next_day


def _counted(model: Portable, until: datetime, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Count the payments by day of one batch; depends on nothing else, so that it can be sent to where the rows are."""
    follows, days = model.model.level, max(_days(model.model, until), 0)
    if follows is None:
        raise ValueError("a model without a level cannot count payments")
    rows = pa.Table.from_batches([batch])
    seen = payment_book.exposures(rows, predict(model.model, rows), follows.timing.ages, (until - EPOCH) / DAY)
    counts = payment_book.daily(seen, follows.timing, follows.next_day, days)
    columns: dict[str, Any] = {
        "day": make.array(range(days), pa.int64()),
        "observed": make.array(counts.observed, pa.int64()),
        "expected": make.array(counts.expected, pa.int64()),
    }
    return pa.record_batch(columns)

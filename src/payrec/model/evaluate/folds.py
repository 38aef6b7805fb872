"""Training and test windows in time order, with an embargo of one horizon.

A training row's label is known only a horizon after its ``as_of``. So a model that starts to serve at ``test_from``
can have learnt from snapshots with ``as_of + horizon <= test_from`` and no others; the rows in between are
not used. A test row is never older than ``test_from``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from payrec.common.arrow import Flags, Times
from payrec.common.errors import DataRefused, UsageError
from payrec.common.short_repr import short_repr

FEWEST_HORIZONS = 3
FIRST_TEST_SHARE = 0.5


@short_repr
@dataclass(frozen=True)
class Fold:
    """One refit: train on what had matured by ``test_from``, test on ``test_from <= as_of < test_until``."""

    number: int
    test_from: datetime
    test_until: datetime | None

    def train(self, as_of: Times, horizon_days: int) -> Flags:
        """Rows whose label window is over by ``test_from``: ``as_of + horizon <= test_from``, (n,) -> (n,)."""
        mask: Flags = as_of + np.timedelta64(horizon_days, "D") <= np.datetime64(self.test_from)
        return mask

    def test(self, as_of: Times) -> Flags:
        """Rows of the test window, (n,) -> (n,)."""
        mask: Flags = as_of >= np.datetime64(self.test_from)
        return mask if self.test_until is None else mask & (as_of < np.datetime64(self.test_until))


def split_at(split: date, until: date | None) -> tuple[Fold, ...]:
    """One temporal split at 00:00 UTC of ``split``; the test ends before 00:00 of ``until``, or where the data ends.

    Raises
    ------
    UsageError
        If ``until`` is not after ``split``.
    """
    if until is not None and until <= split:
        raise UsageError(f"--until {until} is not after --split {split}: no test row could lie between them.")
    return (Fold(0, _midnight(split), None if until is None else _midnight(until)),)


def rolling(matured: Times, horizon_days: int, folds: int) -> tuple[Fold, ...]:
    """Cut the later half of the matured time into ``folds`` windows of whole days, with a refit before each.

    Parameters
    ----------
    matured
        ``as_of`` of the rows that have a label, (n,), UTC.
    horizon_days, folds
        The horizon of the labels; how many windows.

    Raises
    ------
    UsageError
        If ``folds`` is below 1.
    DataRefused
        If the matured time is shorter than three horizons, or has fewer test days than folds.
    """
    if folds < 1:
        raise UsageError(f"--folds {folds}: at least one fold was expected.")
    if matured.size == 0:
        raise DataRefused(
            "No snapshot has matured, so no model can be tested.\n"
            f"A label is known {horizon_days} days after its as_of: load older orders or take a shorter --horizon."
        )
    first, last = (moment.astype("datetime64[us]").item() for moment in (matured.min(), matured.max()))
    days = (last - first).days
    start = _midnight((first + timedelta(days=max(int(days * FIRST_TEST_SHARE), 2 * horizon_days))).date())
    end = _midnight(last.date()) + timedelta(days=1)
    if days < FEWEST_HORIZONS * horizon_days or (end - start).days < folds:
        raise DataRefused(
            f"The matured snapshots span {days} days ({first:%Y-%m-%d} to {last:%Y-%m-%d}).\n"
            f"{folds} folds need at least {FEWEST_HORIZONS} horizons of {horizon_days} days, and a test day for each.\n"
            "Load older orders, take a shorter --horizon or fewer --folds."
        )
    edges = [start + timedelta(days=(end - start).days * number // folds) for number in range(folds + 1)]
    return tuple(Fold(number, edges[number], edges[number + 1]) for number in range(folds))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)

"""Figures that show whether a list can be trusted: drift, new values, row counts, freshness, suppression.

This module computes; :mod:`payrec.monitor.verdicts` judges. A run is compared with the
:class:`~payrec.publish.run_info.RunSummary` of an earlier one. ``docs/monitoring.md`` explains every figure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from payrec.model.features.declarations import BY_NAME
from payrec.model.features.spreads import Spread
from payrec.publish.run_info import RunSummary

SHARE_FLOOR = 1e-4  # stands for an empty bin, whose logarithm would be infinite
# columns that move with the calendar alone: in a portfolio billed once a month every order is a day older each night
CLOCK = frozenset({"as_of", "age_days", "days_since_last_event", "days_to_due"})
# columns with one value for each provider, reason or country: a few steps, which no distribution fits
CONTEXT = frozenset(f"{of}_{what}_90d" for of in ("provider", "reason", "country") for what in ("decided", "recovered"))
UNKNOWN_BIN, OTHER_BIN = 0, 1  # of a category in a Spread


@dataclass(frozen=True)
class Figure:
    """One measured value: its metric, its subject (feature, week, ...), and the reference it is compared with."""

    metric: str
    subject: str
    value: float
    reference: float = math.nan


def psi(expected: npt.ArrayLike, actual: npt.ArrayLike) -> float:
    """Return the population stability index of two lists of shares, ``Σ (a − e) · ln(a / e)``, at least 0.

    Both over the same bins; an empty bin counts as 0.0001. 0 means the same; under 0.10 is usually called stable,
    over 0.25 a shift.

    >>> round(psi([0.5, 0.5], [0.6, 0.4]), 4)
    0.0405
    """
    before = np.maximum(np.asarray(expected, dtype=np.float64), SHARE_FLOOR)
    after = np.maximum(np.asarray(actual, dtype=np.float64), SHARE_FLOOR)
    return float(((after - before) * np.log(after / before)).sum())


def psi_by_chance(bins: int, rows_before: int, rows_after: int) -> float:
    """PSI to expect of two samples of the same thing: about ``(bins − 1) · (1/n + 1/m)`` (mean of a χ² variable)."""
    if not rows_before or not rows_after:
        return math.nan
    return (bins - 1) * (1 / rows_before + 1 / rows_after)


def figures(now: RunSummary, before: RunSummary | None, spreads: Iterable[Spread]) -> list[Figure]:
    """Measure a run by itself and against an earlier one of the same model; ``spreads`` are the training's.

    Without an earlier run only the distance from the training is measured. That one is no cause for alarm by
    itself: training looks at orders at a few fixed ages, a list at all open ones.
    """
    out = [Figure("rows", "", now.rows, before.rows if before else math.nan)]
    out.append(
        Figure("suppressed_share", "", now.suppressed_share, before.suppressed_share if before else math.nan),
    )
    if now.data_until is not None:
        out.append(Figure("stale_days", "", max((now.as_of - now.data_until).total_seconds() / 86_400, 0.0)))
    if not math.isnan(now.recovery_rate_90d):
        out.append(
            Figure("recovery_rate_90d", "", now.recovery_rate_90d, before.recovery_rate_90d if before else math.nan)
        )
    trained = {bins.feature: bins for bins in spreads}
    for name, shares in now.shares.items():
        if _has_no_distribution(name):
            continue
        former = before.shares.get(name) if before else None
        if former is not None and before is not None and len(former) == len(shares):
            chance = psi_by_chance(len(shares), before.rows, now.rows)
            out.append(Figure("psi_clock" if follows_the_clock(name) else "psi", name, psi(former, shares), chance))
        if name in trained:
            out += _against_training(trained[name], shares, former)
    return out


def _has_no_distribution(feature: str) -> bool:
    return feature in BY_NAME and set(BY_NAME[feature].needs) <= CONTEXT | {"as_of"}


def follows_the_clock(feature: str) -> bool:
    """Say whether a feature moves with the calendar alone."""
    return feature in BY_NAME and set(BY_NAME[feature].needs) <= CLOCK


def _against_training(bins: Spread, shares: tuple[float, ...], former: tuple[float, ...] | None) -> Iterable[Figure]:
    yield Figure("psi_training", bins.feature, psi(bins.shares, shares))
    if bins.edges or len(shares) <= OTHER_BIN:
        return
    held_against = former if former is not None and len(former) == len(shares) else bins.shares
    yield Figure("new_share", bins.feature, shares[OTHER_BIN], held_against[OTHER_BIN])
    for name, share, then in zip(bins.names, shares, held_against, strict=True):
        if then > 0 and share == 0 and not follows_the_clock(bins.feature):
            yield Figure("vanished_share", f"{bins.feature}={name}", then)


def baseline(runs: Iterable[RunSummary], as_of: datetime) -> RunSummary | None:
    """Choose the earlier run to compare with: a month ago if there is one (give or take three days), else the last.

    Billing comes in months: the list of the 2nd looks like the 2nd of the month before, not like the 1st.
    """
    earlier = sorted((run for run in runs if run.as_of < as_of), key=lambda run: run.as_of)
    month_ago = as_of - timedelta(days=30)
    near = [run for run in earlier if abs(run.as_of - month_ago) <= timedelta(days=3)]
    if near:
        return min(near, key=lambda run: (run.as_of.day != as_of.day, abs(run.as_of - month_ago)))
    return earlier[-1] if earlier else None

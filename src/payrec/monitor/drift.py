"""Numbers that tell whether tonight's list can be trusted: drift, new values, row counts, freshness, suppression.

Only numbers are made here (:mod:`payrec.monitor.verdicts` judges them). A run keeps its :class:`Facts`; the next run is
compared with them. ``docs/monitoring.md`` explains every number.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from payrec.common.arrow import Floats, pc, text
from payrec.model.features import spreads as profile
from payrec.model.features.declarations import BY_NAME
from payrec.model.features.matrix import Matrix
from payrec.model.recipes.training import Model

SCORE = "p_recover_30d"
SCORE_BINS = 20
SHARE_FLOOR = 1e-4  # stands for an empty bin, whose logarithm would be infinite
# columns that move with the calendar alone: in a portfolio billed once a month every order is a day older each night
CLOCK = frozenset({"as_of", "age_days", "days_since_last_event", "days_to_due"})
# columns with one value for each provider, reason or country: a few steps, which no distribution fits
CONTEXT = frozenset(f"{of}_{what}_90d" for of in ("provider", "reason", "country") for what in ("decided", "recovered"))
UNKNOWN_BIN, OTHER_BIN = 0, 1  # of a category in profile.Spread


@dataclass(frozen=True)
class Number:
    """One measured thing: what (``metric``), of what (``subject``), and what it is held against (``beside``)."""

    metric: str
    subject: str
    value: float
    beside: float = math.nan


@dataclass(frozen=True)
class Measured:
    """What scoring saw of the rows: shares of each feature's bins, decided and recovered payments by provider."""

    shares: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    recovery_rate_90d: float = math.nan


@dataclass(frozen=True)
class Facts:
    """What a run remembers of itself for the next one; plain enough for JSON.

    Attributes
    ----------
    rows, suppressed
        Orders in the list, and how many of them by reason of suppression.
    data_until
        End of the observed data.
    shares
        Of each feature, and of the score, the shares of the rows in the bins of the model's training.
    recovery_rate_90d
        Share recovered in time of the failed payments that were decided in the last 90 days, NaN without any.
    """

    as_of: datetime
    data_until: datetime | None
    rows: int
    suppressed: Mapping[str, int] = field(default_factory=dict)
    shares: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    recovery_rate_90d: float = math.nan

    @property
    def suppressed_share(self) -> float:
        """Suppressed orders as a share of all, NaN without orders."""
        return sum(self.suppressed.values()) / self.rows if self.rows else math.nan


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


def spread(model: Model, inputs: Matrix, p: Floats) -> dict[str, tuple[float, ...]]:
    """Return for each feature, and for the probabilities ``p`` (n,), the shares of the rows in the training's bins."""
    return {bins.feature: profile.like(bins, inputs) for bins in model.spreads} | {SCORE: score_shares(p)}


def score_shares(p: Floats) -> tuple[float, ...]:
    """Return the shares of probabilities in 20 equal steps of 0.05, (n,) -> (20,)."""
    counts = np.bincount(np.minimum((p * SCORE_BINS).astype(np.int64), SCORE_BINS - 1), minlength=SCORE_BINS)
    return tuple((counts / max(p.size, 1)).tolist())


def pooled(parts: Iterable[tuple[int, Mapping[str, tuple[float, ...]]]]) -> dict[str, tuple[float, ...]]:
    """Return the shares of several batches as one, from (rows, shares) of each."""
    sums: dict[str, Floats] = {}
    total = 0
    for rows, shares in parts:
        total += rows
        for name, values in shares.items():
            sums[name] = sums.get(name, np.zeros(len(values))) + rows * np.asarray(values)
    return {name: tuple((values / max(total, 1)).tolist()) for name, values in sums.items()}


def facts(ranked: pa.Table, as_of: datetime, data_until: datetime | None, measured: Measured) -> Facts:
    """Sum up a finished list."""
    counts = pc.value_counts(text(ranked, "suppressed_reason").drop_null())
    by_reason = {entry["values"]: entry["counts"] for entry in counts.to_pylist()}
    reasons = dict(sorted(by_reason.items()))
    return Facts(as_of, data_until, ranked.num_rows, reasons, dict(measured.shares), measured.recovery_rate_90d)


def numbers(now: Facts, before: Facts | None, spreads: Iterable[profile.Spread]) -> list[Number]:
    """Measure a run by itself and against an earlier one of the same model; ``spreads`` are the training's.

    Without an earlier run only the distance from the training is measured. That one is no cause for alarm by
    itself: training looks at orders at a few fixed ages, a list at all open ones.
    """
    out = [Number("rows", "", now.rows, before.rows if before else math.nan)]
    out.append(
        Number("suppressed_share", "", now.suppressed_share, before.suppressed_share if before else math.nan),
    )
    if now.data_until is not None:
        out.append(Number("stale_days", "", (now.as_of - now.data_until).total_seconds() / 86_400))
    if not math.isnan(now.recovery_rate_90d):
        out.append(
            Number("recovery_rate_90d", "", now.recovery_rate_90d, before.recovery_rate_90d if before else math.nan)
        )
    trained = {bins.feature: bins for bins in spreads}
    for name, shares in now.shares.items():
        if _has_no_distribution(name):
            continue
        former = before.shares.get(name) if before else None
        if former is not None and before is not None and len(former) == len(shares):
            chance = psi_by_chance(len(shares), before.rows, now.rows)
            out.append(Number("psi_clock" if follows_the_clock(name) else "psi", name, psi(former, shares), chance))
        if name in trained:
            out += _against_training(trained[name], shares, former)
    return out


def _has_no_distribution(feature: str) -> bool:
    return feature in BY_NAME and set(BY_NAME[feature].needs) <= CONTEXT | {"as_of"}


def follows_the_clock(feature: str) -> bool:
    """Say whether a feature moves with the calendar alone."""
    return feature in BY_NAME and set(BY_NAME[feature].needs) <= CLOCK


def _against_training(
    bins: profile.Spread, shares: tuple[float, ...], former: tuple[float, ...] | None
) -> Iterable[Number]:
    yield Number("psi_training", bins.feature, psi(bins.shares, shares))
    if bins.edges or len(shares) <= OTHER_BIN:
        return
    held_against = former if former is not None and len(former) == len(shares) else bins.shares
    yield Number("new_share", bins.feature, shares[OTHER_BIN], held_against[OTHER_BIN])
    for name, share, then in zip(bins.names, shares, held_against, strict=True):
        if then > 0 and share == 0 and not follows_the_clock(bins.feature):
            yield Number("vanished_share", f"{bins.feature}={name}", then)


def baseline(runs: Iterable[Facts], as_of: datetime) -> Facts | None:
    """Choose the earlier run to compare with: a month ago if there is one (give or take three days), else the last.

    Billing comes in months: the list of the 2nd looks like the 2nd of the month before, not like the 1st.
    """
    earlier = sorted((run for run in runs if run.as_of < as_of), key=lambda run: run.as_of)
    month_ago = as_of - timedelta(days=30)
    near = [run for run in earlier if abs(run.as_of - month_ago) <= timedelta(days=3)]
    if near:
        return min(near, key=lambda run: (run.as_of.day != as_of.day, abs(run.as_of - month_ago)))
    return earlier[-1] if earlier else None


def to_json(told: Facts) -> dict[str, Any]:
    """Return the facts as plain JSON values."""
    return {
        "as_of": told.as_of.isoformat(),
        "data_until": told.data_until and told.data_until.isoformat(),
        "rows": told.rows,
        "suppressed": dict(told.suppressed),
        "shares": {name: list(values) for name, values in told.shares.items()},
        "recovery_rate_90d": None if math.isnan(told.recovery_rate_90d) else told.recovery_rate_90d,
    }


def from_json(found: Mapping[str, Any]) -> Facts:
    """Read facts written by :func:`to_json`."""
    return Facts(
        datetime.fromisoformat(found["as_of"]),
        datetime.fromisoformat(found["data_until"]) if found["data_until"] else None,
        int(found["rows"]),
        dict(found["suppressed"]),
        {name: tuple(values) for name, values in found["shares"].items()},
        math.nan if found["recovery_rate_90d"] is None else float(found["recovery_rate_90d"]),
    )

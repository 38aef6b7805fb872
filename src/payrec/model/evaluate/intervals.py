"""Confidence intervals of figures, by resampling customers: rows of one customer are not independent.

The bootstrap draws customers, not rows: each resample gives every customer a Poisson(1) number of copies, and all of
their rows count that often (the "Poisson bootstrap": Hanley and MacGibbon 2006; Chamandy et al. 2012). So a resample is
a weight per row, and nothing is copied: a figure is prepared once (sorted once), then worked out for each set of
weights in linear time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from payrec.common.arrow import Floats
from payrec.model.evaluate.metrics import GroupCodes, equal_count_bins, log_loss_by_row, tie_ends

Interval = tuple[float, float]
Statistic = Callable[[Floats], Mapping[str, float]]
"""Weights of the rows, shape (n,) -> figures by name."""

Z_95 = 1.959964
NAN = float("nan")


def cluster_codes(names: pa.ChunkedArray[Any]) -> GroupCodes:
    """Whole number from 0 for each different value, NULL among them, (n,) -> (n,)."""
    coded: Any = pc.dictionary_encode(names, null_encoding="encode").combine_chunks()
    return np.asarray(coded.indices, dtype=np.int64)


def bootstrap(cluster: GroupCodes, statistics: Sequence[Statistic], resamples: int, seed: int) -> dict[str, Interval]:
    """95 % percentile intervals of figures, resampling clusters (customers).

    Parameters
    ----------
    cluster
        Code of the customer of each row, (n,), from 0.
    statistics
        Each takes weights (n,) and returns figures by name; ``nan`` where a resample has no answer.
    resamples
        How many; 0 gives no interval. 200 are enough for an interval to two digits.
    seed
        The same seed gives the same interval.

    Returns
    -------
    dict
        Name -> (low, high); ``(nan, nan)`` if fewer than two customers are there, or no resample had an answer.
    """
    customers = int(cluster.max()) + 1 if cluster.size else 0
    drawn: dict[str, list[float]] = {}
    rng = np.random.default_rng(seed)
    for _ in range(resamples if customers > 1 else 0):
        weight = rng.poisson(1.0, customers).astype(np.float64)[cluster]
        for statistic in statistics:
            for name, value in statistic(weight).items():
                drawn.setdefault(name, []).append(value)
    return {name: _percentiles(np.asarray(values)) for name, values in drawn.items()}


def _percentiles(values: Floats) -> Interval:
    known = values[np.isfinite(values)]
    if known.size == 0:
        return NAN, NAN
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)


def turned(interval: Interval, point: float) -> Interval:
    """Turn a percentile interval round its point (the "basic" bootstrap), not below 0: for the calibration error.

    The error of a sample is above the true one by luck, and that of a resample above the sample's by as much again;
    the percentiles would show twice the luck, this takes it off.
    """
    low, high = interval
    return max(0.0, 2.0 * point - high), max(0.0, 2.0 * point - low)


def discrimination(y: Floats, score: Floats) -> Statistic:
    """Prepare weighted ``pr_auc`` and ``roc_auc``, equal to scikit-learn's with ``sample_weight``."""
    order = np.argsort(-score, kind="stable")
    labels, starts = y[order], _tie_starts(score[order])

    def figures(weight: Floats) -> Mapping[str, float]:
        ranked = weight[order]
        rows = np.add.reduceat(ranked, starts) if starts.size else ranked
        ranked *= labels
        gained = np.add.reduceat(ranked, starts) if starts.size else ranked
        recovered, total = np.cumsum(gained), float(rows.sum())
        positives = float(recovered[-1]) if recovered.size else 0.0
        if not 0.0 < positives < total:
            return {"pr_auc": NAN, "roc_auc": NAN}
        seen = np.cumsum(rows)
        precision = np.divide(recovered, seen, out=np.zeros_like(seen), where=seen > 0)
        # rows below a tie that are not recovered, and half of those in it: the pairs that a recovered row wins
        beaten = (total - positives) - (seen - recovered) + (rows - gained) / 2.0
        return {
            "pr_auc": _dot(gained, precision) / positives,
            "roc_auc": _dot(gained, beaten) / (positives * (total - positives)),
        }

    return figures


def truth(y: Floats, p: Floats) -> Statistic:
    """Prepare weighted ``base_rate``, ``brier``, ``brier_skill``, ``log_loss`` and ``ece`` (bins stay)."""
    squared, losses, bins = (p - y) ** 2, log_loss_by_row(y, p), equal_count_bins(p)

    def figures(weight: Floats) -> Mapping[str, float]:
        total = float(weight.sum())
        if total <= 0:
            return dict.fromkeys(("base_rate", "brier", "brier_skill", "log_loss", "ece"), NAN)
        base_rate, brier = _dot(weight, y) / total, _dot(weight, squared) / total
        uncertainty = base_rate * (1.0 - base_rate)
        gap = np.bincount(bins, weights=weight * (p - y))
        return {
            "base_rate": base_rate,
            "brier": brier,
            "brier_skill": 1.0 - brier / uncertainty if uncertainty > 0 else NAN,
            "log_loss": _dot(weight, losses) / total,
            "ece": float(np.abs(gap).sum()) / total,
        }

    return figures


def lift(y: Floats, score: Floats, k_share: float) -> Statistic:
    """Prepare weighted ``lift_at_k``."""
    top = _top_sum(y, score, k_share)

    def figures(weight: Floats) -> Mapping[str, float]:
        positives = _dot(weight, y)
        return {"lift_at_k": top(weight) / (k_share * positives) if positives > 0 else NAN}

    return figures


def value(gain: Floats, score: Floats, k_share: float, unit: GroupCodes) -> Statistic:
    """Prepare weighted ``value_at_k``, inside each currency and averaged as in ``metrics.value_at_k``."""
    parts = []
    for code in np.unique(unit):
        at = np.flatnonzero(unit == code)
        parts.append((at, _top_sum(gain[at], score[at], k_share), _top_sum(gain[at], gain[at], k_share)))

    def figures(weight: Floats) -> Mapping[str, float]:
        shares, rows = 0.0, 0.0
        for at, ours, possible in parts:
            own = weight[at] if len(parts) > 1 else weight
            best = possible(own)
            if best > 0:
                size = float(own.sum())
                shares, rows = shares + size * ours(own) / best, rows + size
        return {"value_at_k": shares / rows if rows > 0 else NAN}

    return figures


def _top_sum(gain: Floats, score: Floats, k_share: float) -> Callable[[Floats], float]:
    """Weights -> sum of ``gain`` over the best-scored ``k_share`` of the weight; ties and the border in proportion."""
    order = np.argsort(-score, kind="stable")
    gains, starts = gain[order], _tie_starts(score[order])

    def top(weight: Floats) -> float:
        ranked = weight[order]
        seen = np.cumsum(np.add.reduceat(ranked, starts)) if starts.size else ranked
        if not seen.size or seen[-1] <= 0:
            return 0.0
        room = k_share * float(seen[-1])
        tie = min(int(np.searchsorted(seen, room, side="left")), starts.size - 1)
        start = int(starts[tie])
        end = int(starts[tie + 1]) if tie + 1 < starts.size else ranked.size
        before = float(seen[tie - 1]) if tie else 0.0
        width = float(seen[tie]) - before
        tied = _dot(ranked[start:end], gains[start:end])
        return _dot(ranked[:start], gains[:start]) + (tied * (room - before) / width if width > 0 else 0.0)

    return top


def _tie_starts(ranked: Floats) -> GroupCodes:
    """Positions of the first row of each run of equal values in an array that is sorted, (n,) -> (groups,)."""
    ends = tie_ends(ranked)
    return np.concatenate((np.zeros(1, dtype=np.int64), ends[:-1] + 1)) if ends.size else ends


def paired(name: str, ours: Statistic, theirs: Statistic) -> Statistic:
    """Prepare ours, and ours less theirs on the same resample as ``<figure>_over_<name>``: a paired difference."""

    def both(weight: Floats) -> Mapping[str, float]:
        mine, other = ours(weight), theirs(weight)
        return {**mine, **{f"{figure}_over_{name}": mine[figure] - other[figure] for figure in mine}}

    return both


def _dot(left: Floats, right: Floats) -> float:
    """Sum of products without BLAS, whose threads wait for each other on a busy machine and round by their number."""
    return float(np.einsum("i,i->", left, right))


def share_interval(y: Floats, cluster: GroupCodes) -> Interval:
    """95 % interval of the share of ones, (n,), (n,) -> (low, high); ``nan`` without rows.

    Wilson's interval with as many rows as count: n over the design effect, which is the variance of the mean between
    customers (their residuals summed first) over what independent rows would have, at least 1 (Kish 1965).
    """
    if y.size == 0:
        return NAN, NAN
    mean = float(y.mean())
    sums = np.bincount(cluster, weights=y - mean).astype(np.float64)
    independent = mean * (1.0 - mean) * y.size
    effect = max(1.0, _dot(sums, sums) / independent) if independent > 0 else 1.0
    rows = y.size / effect
    centre = (mean + Z_95**2 / (2 * rows)) / (1 + Z_95**2 / rows)
    half = Z_95 * np.sqrt(mean * (1 - mean) / rows + Z_95**2 / (4 * rows**2)) / (1 + Z_95**2 / rows)
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))

"""How good a set of probabilities is: plain functions on arrays, one number (or one curve) each.

Two questions are kept apart. *Are the probabilities true?* (``brier``, ``log_loss``, ``ece``) and *does the order
put the right rows first?* (``pr_auc``, ``roc_auc``, ``lift_at_k``, ``value_at_k``). Rows with equal scores are
never ranked by accident: whatever falls on a tie is shared out evenly, so no result depends on the order of the
rows. A question that has no answer (one class only, nothing recovered) gives ``nan``, not a lucky number.

Labels ``y`` are 0 or 1, shape (n,); probabilities ``p`` lie in [0, 1], shape (n,); ``score`` is any number, higher
first; ``gain_minor`` is what a row brought back, in hundredths of its currency.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from payrec.common.arrow import Floats

GroupCodes = npt.NDArray[np.int64]

ECE_BINS = 10
LOG_LOSS_FLOOR = 1e-15


def checked(values: npt.ArrayLike, like: Floats | None = None) -> Floats:
    """Floats of shape (n,), finite, and as many as in ``like``.

    Raises
    ------
    ValueError
        For anything but one dimension, for NaN or infinity, or for another length than ``like``.
    """
    floats = np.asarray(values, dtype=np.float64)
    if floats.ndim != 1:
        raise ValueError(f"an array of shape (n,) was expected, got shape {floats.shape}")
    if like is not None and floats.shape != like.shape:
        raise ValueError(f"arrays of one length were expected, got {like.shape[0]} and {floats.shape[0]}")
    if not np.isfinite(floats).all():
        raise ValueError("finite numbers were expected, got NaN or infinity")
    return floats


def _pair(y: npt.ArrayLike, score: npt.ArrayLike) -> tuple[Floats, Floats]:
    labels = checked(y)
    if not np.isin(labels, (0.0, 1.0)).all():
        raise ValueError("labels of 0 and 1 were expected; rows without a label must be left out before")
    return labels, checked(score, labels)


def _both_classes(y: Floats) -> bool:
    return y.size > 0 and 0.0 < float(y.mean()) < 1.0


def pr_auc(y: npt.ArrayLike, score: npt.ArrayLike) -> float:
    """Average precision: the area under the precision-recall curve as a sum of steps, (n,), (n,) -> [0, 1].

    A score that knows nothing gets the base rate. ``nan`` without a positive row. Computed by scikit-learn.

    >>> round(pr_auc([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1]), 4)
    0.8333
    """
    from sklearn.metrics import average_precision_score  # on use: it takes long to import

    labels, scores = _pair(y, score)
    return float(average_precision_score(labels, scores)) if labels.any() else float("nan")


def roc_auc(y: npt.ArrayLike, score: npt.ArrayLike) -> float:
    """Chance that a recovered row is ranked above one that is not, ties half: 0.5 knows nothing, (n,), (n,) -> [0, 1].

    ``nan`` unless both classes are there. Computed by scikit-learn.
    """
    from sklearn.metrics import roc_auc_score  # on use: it takes long to import

    labels, scores = _pair(y, score)
    return float(roc_auc_score(labels, scores)) if _both_classes(labels) else float("nan")


def brier(y: npt.ArrayLike, p: npt.ArrayLike) -> float:
    """Mean squared error of the probabilities (Brier 1950), lower is better; ``nan`` without rows."""
    labels, chances = _pair(y, p)
    return float(np.mean((chances - labels) ** 2)) if labels.size else float("nan")


def brier_skill(y: npt.ArrayLike, p: npt.ArrayLike) -> float:
    """``1 - brier / (base_rate · (1 - base_rate))``: share of the base rate's error removed, 1 perfect, 0 no better.

    The reference is the base rate of the very rows that are judged, which nobody knows beforehand: a hard reference.
    ``nan`` unless both classes are there.
    """
    labels, chances = _pair(y, p)
    if not _both_classes(labels):
        return float("nan")
    base_rate = float(labels.mean())
    return 1.0 - brier(labels, chances) / (base_rate * (1.0 - base_rate))


def log_loss(y: npt.ArrayLike, p: npt.ArrayLike) -> float:
    """Mean of ``-ln(probability given to what happened)``, lower is better; p is held off 0 and 1 by 1e-15."""
    labels, chances = _pair(y, p)
    return float(np.mean(log_loss_by_row(labels, chances))) if labels.size else float("nan")


def log_loss_by_row(y: Floats, p: Floats) -> Floats:
    """``-ln(probability given to what happened)`` of each row, (n,), (n,) -> (n,)."""
    given = np.where(y == 1.0, p, 1.0 - p)
    losses: Floats = -np.log(np.clip(given, LOG_LOSS_FLOOR, 1.0))
    return losses


def equal_count_bins(p: npt.ArrayLike, bins: int = ECE_BINS) -> GroupCodes:
    """Bin of each row, (n,) -> (n,) in 0 … bins - 1: about n / bins rows each, equal values always together.

    Ties may therefore leave a bin empty; a constant p fills one bin only.
    """
    chances = checked(p)
    if chances.size == 0:
        return np.zeros(0, dtype=np.int64)
    cuts = np.sort(chances)[np.arange(1, bins) * chances.size // bins]
    return np.searchsorted(np.unique(cuts), chances, side="right").astype(np.int64)


def ece(y: npt.ArrayLike, p: npt.ArrayLike, bins: int = ECE_BINS) -> float:
    """Mean over rows of |mean p - observed share| of the row's equal-count bin: the expected calibration error.

    ``bins`` is 10 by default; a figure without its number of bins cannot be compared. See ``ece_by_chance`` for
    what a perfectly calibrated model would show on as few rows.
    """
    labels, chances = _pair(y, p)
    if labels.size == 0:
        return float("nan")
    gap = np.bincount(equal_count_bins(chances, bins), weights=chances - labels, minlength=bins)
    return float(np.abs(gap).sum() / labels.size)


def ece_by_chance(p: npt.ArrayLike, bins: int = ECE_BINS) -> float:
    """Give the ``ece`` to expect from luck alone if every probability were exactly true, (n,) -> float.

    Mean of |N(0, s²)| is ``s · sqrt(2/π)``, with ``s² = Σ p(1-p)`` over the rows of a bin (rows taken as independent,
    so the real figure is rather higher where a customer has many rows).
    """
    chances = checked(p)
    if chances.size == 0:
        return float("nan")
    variance = np.bincount(equal_count_bins(chances, bins), weights=chances * (1.0 - chances))
    return float(np.sqrt(variance * 2.0 / np.pi).sum() / chances.size)


def captured(gain: npt.ArrayLike, score: npt.ArrayLike, shares: npt.ArrayLike) -> Floats:
    """Sum of ``gain`` in the top ``shares`` of the rows, highest score first, (n,), (n,), (m,) -> (m,).

    A tie, or a row on the border, counts in proportion: the expected sum if ties were broken by lot.

    >>> captured([10.0, 0.0, 30.0, 20.0], [4, 3, 2, 2], [0.25, 0.75, 1.0]).tolist()
    [10.0, 35.0, 60.0]
    """
    gains = checked(gain)
    scores = checked(score, gains)
    order = np.argsort(-scores, kind="stable")
    ends = tie_ends(scores[order])
    rows = np.concatenate(([0.0], ends + 1.0))
    sums = np.concatenate(([0.0], np.cumsum(gains[order])[ends]))
    return np.interp(np.asarray(shares, dtype=np.float64) * gains.size, rows, sums)


def rows_needed(gain: npt.ArrayLike, score: npt.ArrayLike, wanted: float) -> int | None:
    """Count the rows, highest score first, whose gains add up to ``wanted``, (n,), (n,); None: all of them do not.

    >>> rows_needed([10.0, 0.0, 30.0, 20.0], [1, 3, 2, 4], 50.0), rows_needed([10.0], [1.0], 20.0)
    (3, None)
    """
    gains = checked(gain)
    sums = np.cumsum(gains[np.argsort(-checked(score, gains), kind="stable")])
    count = int(np.searchsorted(sums, wanted)) + 1
    return count if count <= gains.size else None


def tie_ends(ranked: Floats) -> GroupCodes:
    """Positions of the last row of each run of equal values in an array that is sorted, (n,) -> (groups,)."""
    if ranked.size == 0:
        return np.zeros(0, dtype=np.int64)
    return np.append(np.flatnonzero(np.diff(ranked)), ranked.size - 1).astype(np.int64)


def whole_rows_share(rows: int, k_share: float) -> float:
    """Share that ``ceil(k_share · rows)`` rows are of all, at least one row: a list has no half contacts."""
    if not 0.0 < k_share <= 1.0:
        raise ValueError(f"a share above 0 and up to 1 was expected for K, got {k_share}")
    return max(1.0, float(np.ceil(round(k_share * rows, 9)))) / rows if rows else float("nan")


def lift_at_k(y: npt.ArrayLike, score: npt.ArrayLike, k_share: float = 0.10) -> float:
    """Share recovered in the top ``k_share`` of the rows over the share recovered in all; 1 knows nothing.

    ``nan`` without a positive row. The top is ``ceil(k_share · n)`` rows.
    """
    labels, scores = _pair(y, score)
    if not labels.any():
        return float("nan")
    share = whole_rows_share(labels.size, k_share)
    return float(captured(labels, scores, [share])[0] / (share * labels.sum()))


def value_at_k(
    gain_minor: npt.ArrayLike, score: npt.ArrayLike, k_share: float = 0.10, unit: GroupCodes | None = None
) -> float:
    """Value recovered in the top ``k_share`` as a share of the best possible with as many rows, (n,), (n,) -> [0, 1].

    The best possible knows the outcome: it takes the largest recoveries. With ``unit`` (a code of the currency of
    each row) amounts are never added up across currencies: the share is worked out inside each currency, and the
    shares are averaged with the currencies' rows as weights; currencies where nothing came back do not count.
    ``nan`` where nothing came back at all.
    """
    gains = checked(gain_minor)
    scores = checked(score, gains)
    codes = np.zeros(gains.size, dtype=np.int64) if unit is None else unit
    shares, rows = [], []
    for code in np.unique(codes):
        at = codes == code
        top = [whole_rows_share(int(at.sum()), k_share)]
        best = float(captured(gains[at], gains[at], top)[0])
        if best > 0:
            shares.append(float(captured(gains[at], scores[at], top)[0]) / best)
            rows.append(int(at.sum()))
    return float(np.average(shares, weights=rows)) if rows else float("nan")


def gains_curve(y: npt.ArrayLike, score: npt.ArrayLike, shares: npt.ArrayLike) -> Floats:
    """Share of all recovered rows found in the top ``shares`` of the rows, (n,), (n,), (m,) -> (m,) in [0, 1]."""
    labels, scores = _pair(y, score)
    recovered = captured(labels, scores, shares)
    return recovered / labels.sum() if labels.any() else np.full(recovered.shape, np.nan)


def value_curve(
    gain_minor: npt.ArrayLike, score: npt.ArrayLike, shares: npt.ArrayLike, unit: GroupCodes | None = None
) -> Floats:
    """Share of all recovered value found in the top ``shares`` of the rows, (n,), (n,), (m,) -> (m,) in [0, 1].

    With ``unit`` the top is taken inside each currency and the shares are averaged with the rows as weights, as in
    ``value_at_k``.
    """
    gains = checked(gain_minor)
    scores = checked(score, gains)
    codes = np.zeros(gains.size, dtype=np.int64) if unit is None else unit
    curves, rows = [], []
    for code in np.unique(codes):
        at = codes == code
        total = float(gains[at].sum())
        if total > 0:
            curves.append(captured(gains[at], scores[at], shares) / total)
            rows.append(int(at.sum()))
    return np.average(curves, axis=0, weights=rows) if rows else np.full(np.shape(shares), np.nan)


def of_probabilities(y: npt.ArrayLike, p: npt.ArrayLike, k_share: float = 0.10) -> dict[str, Any]:
    """All figures that need no money, by their names in ``backtest --json``."""
    labels, chances = _pair(y, p)
    return {
        "rows": int(labels.size),
        "base_rate": float(labels.mean()) if labels.size else float("nan"),
        "mean_p": float(chances.mean()) if labels.size else float("nan"),
        "pr_auc": pr_auc(labels, chances),
        "roc_auc": roc_auc(labels, chances),
        "brier": brier(labels, chances),
        "brier_skill": brier_skill(labels, chances),
        "log_loss": log_loss(labels, chances),
        "ece": ece(labels, chances),
        "lift_at_k": lift_at_k(labels, chances, k_share),
    }

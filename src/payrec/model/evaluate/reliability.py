"""Calibration: predicted against observed share, by probability and by segment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from payrec.common.arrow import Floats
from payrec.common.short_repr import short_repr
from payrec.model.evaluate import intervals, metrics
from payrec.model.evaluate.metrics import GroupCodes

UNKNOWN = "unknown"
OTHER = "all others"
MOST_SEGMENTS = 12


@short_repr
@dataclass(frozen=True)
class Predictions:
    """Rows with a known outcome: label, probability and customer's code, each of shape (n,)."""

    y: Floats
    p: Floats
    cluster: GroupCodes


def table(of: Predictions, bins: int = metrics.ECE_BINS) -> pd.DataFrame:
    """Reliability: one row per equal-count bin of the probability, lowest first.

    Returns
    -------
    pandas.DataFrame
        ``p_low, p_high``: smallest and largest p of the bin; ``mean_p``: mean prediction; ``observed``: share that
        was recovered; ``low, high``: its 95 % interval by customer; ``rows``. Empty bins are left out.
    """
    codes = metrics.equal_count_bins(of.p, bins)
    rows = []
    for code in np.unique(codes):
        at = np.flatnonzero(codes == code)
        rows.append({"p_low": float(of.p[at].min()), "p_high": float(of.p[at].max()), **_promised_and_seen(of, at)})
    return pd.DataFrame(rows, columns=["p_low", "p_high", "mean_p", "observed", "low", "high", "rows"])


def spread(p: Floats, bars: int = 20) -> pd.DataFrame:
    """Count rows by probability in ``bars`` equal steps from 0 to 1: ``p_low, p_high, rows``."""
    rows, edges = np.histogram(p, bins=bars, range=(0.0, 1.0))
    return pd.DataFrame({"p_low": edges[:-1], "p_high": edges[1:], "rows": rows})


def by_segment(of: Predictions, codes: GroupCodes, labels: Sequence[str]) -> pd.DataFrame:
    """Predicted against observed share in each segment that has rows, in the order of ``labels``.

    Parameters
    ----------
    of
        The rows, n of them.
    codes
        Segment of each row, (n,), a position in ``labels``.
    labels
        Names of the segments.

    Returns
    -------
    pandas.DataFrame
        ``segment``, then ``mean_p, observed, low, high, rows`` as in :func:`table`, and ``ece`` inside the segment.
    """
    rows = []
    for code, label in enumerate(labels):
        at = np.flatnonzero(codes == code)
        if at.size:
            rows.append({"segment": label, **_promised_and_seen(of, at), "ece": metrics.ece(of.y[at], of.p[at])})
    return pd.DataFrame(rows, columns=["segment", "mean_p", "observed", "low", "high", "rows", "ece"])


def _promised_and_seen(of: Predictions, at: GroupCodes) -> dict[str, float | int]:
    low, high = intervals.share_interval(of.y[at], of.cluster[at])
    return {
        "mean_p": float(of.p[at].mean()),
        "observed": float(of.y[at].mean()),
        "low": low,
        "high": high,
        "rows": int(at.size),
    }


def by_age(of: Predictions, rows: pa.Table) -> pd.DataFrame:
    """Calibration at each age in days, youngest first; ``segment`` is the age."""
    ages, codes = np.unique(rows["age_days"].to_numpy(), return_inverse=True)
    return by_segment(of, codes, [str(age) for age in ages])


def by_text(of: Predictions, rows: pa.Table, column: str) -> pd.DataFrame:
    """Calibration in each value of a text column, most frequent first; NULL is "unknown", rare values go together."""
    text: Any = rows[column].cast(pa.string())
    names = text.fill_null(UNKNOWN)
    counts = names.value_counts().to_pylist()
    ranked = [count["values"] for count in sorted(counts, key=lambda count: (-count["counts"], count["values"]))]
    kept = ranked if len(ranked) <= MOST_SEGMENTS else ranked[: MOST_SEGMENTS - 1]
    places = pc.index_in(names, value_set=pa.array(kept, pa.string())).fill_null(len(kept))
    return by_segment(of, places.to_numpy(), [*kept, OTHER])


def by_customer(of: Predictions, rows: pa.Table) -> pd.DataFrame:
    """Calibration for customers never seen to fail before (``cust_failures`` is 0) and for known ones."""
    failures: Any = rows["cust_failures"]
    return by_segment(of, (failures.fill_null(0).to_numpy() > 0).astype(np.int64), ["new customer", "known customer"])


def every_segment(of: Predictions, rows: pa.Table) -> dict[str, pd.DataFrame]:
    """Calibration by age, reason code, country, and new or known customer: name of the view -> table."""
    return {
        "age_days": by_age(of, rows),
        "reason_code": by_text(of, rows, "reason_code"),
        "country": by_text(of, rows, "country"),
        "customer": by_customer(of, rows),
    }

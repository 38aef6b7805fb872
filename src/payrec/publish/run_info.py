"""A run: what identifies it, and what it tells of itself to those who read the published list."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from payrec.common.arrow import TIME, pc, text
from payrec.data.freshness import Feed
from payrec.model.evaluate.expected_sum import UNTRIED, Overdispersion
from payrec.model.recipes.level import LevelState, NightLevel
from payrec.model.recipes.payment_book import DailyPayments
from payrec.publish.export import Stamp
from payrec.worklist.score import Measured

_VERDICT_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("run_id", pa.string()),
    ("as_of", TIME),
    ("metric", pa.string()),
    ("subject", pa.string()),
    ("value", pa.float64()),
    ("beside", pa.float64()),  # the reference; the stored name stays, so that older runs can be read
    ("level", pa.string()),
    ("sentence", pa.string()),
]
VERDICTS = pa.schema(_VERDICT_COLUMNS)
"""Stored verdicts of monitoring: one row per run, metric and subject."""
_FORECAST_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("run_id", pa.string()), ("as_of", TIME), ("currency", pa.string()), ("week", pa.int64()),
    ("from_at", TIME), ("until_at", TIME),
    *((name, pa.float64()) for name in ("expected", "low_80", "high_80", "low_95", "high_95", "phi")),
    ("windows", pa.int64()),
]  # fmt: skip
FORECASTS = pa.schema(_FORECAST_COLUMNS)
"""Stored forecasts: one row per run, currency and week."""


@dataclass(frozen=True)
class RunSummary:
    """What a run stores about itself, to compare the next run with; plain values, fit for JSON.

    Attributes
    ----------
    rows, suppressed
        Orders in the list, and suppressed orders by reason.
    data_until
        End of the observed data.
    shares
        Shares of the rows by bin of the training, for each feature and for the score.
    recovery_rate_90d
        Share recovered in time among the failed payments decided in the last 90 days, NaN without any.
    feeds
        How far each kind of fact reaches; empty for lists of files and of earlier versions.
    unit
        What one contact is: ``customer`` or ``order``.
    spread
        Overdispersion that the intervals of its expected sums rest on.
    level
        The level of the night and the payments it follows from; None where the model does not follow it.
    by_rule
        Ranked by rule, not by a model of the company's own history.
    by_extra
        Ranked by what a contact adds to expected money, not by all of it.
    """

    as_of: datetime
    data_until: datetime | None
    rows: int
    suppressed: Mapping[str, int] = field(default_factory=dict)
    shares: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    recovery_rate_90d: float = math.nan
    feeds: tuple[Feed, ...] = ()
    unit: str = "order"
    level: NightLevel | None = None
    spread: Overdispersion = UNTRIED
    by_rule: bool = False
    by_extra: bool = False

    @property
    def suppressed_share(self) -> float:
        """Suppressed orders as a share of all, NaN without orders."""
        return sum(self.suppressed.values()) / self.rows if self.rows else math.nan


@dataclass(frozen=True)
class RunInfo:
    """One run: its identity (all that decides the list), when it was scored, and its summary for the next run."""

    run_id: str
    as_of: datetime
    scored_at: datetime
    model_id: str
    policy_sha256: str
    inputs_sha256: str
    horizon_days: int
    reporting_currency: str | None
    summary: RunSummary

    @property
    def stamp(self) -> Stamp:
        """How fresh its list is."""
        return Stamp(self.as_of, self.scored_at, self.model_id, self.run_id)


@dataclass(frozen=True)
class Published:
    """A run that was published, and how many orders it has: in all, with a rank, with a priority flag.

    ``published_no`` orders the runs: the served one has the greatest.
    """

    run: RunInfo
    published_no: int
    orders: int
    ranked: int
    prioritised: int


def identity(as_of: datetime, model_id: str, policy_sha256: str, inputs_sha256: str) -> str:
    """Return the id of the run that these make: the same inputs give the same id, whenever it is run.

    >>> identity(datetime(2026, 1, 31), "m", "p", "i")
    '20260131T000000-ad85f1ca6a'
    """
    parts = json.dumps([as_of.isoformat(), model_id, policy_sha256, inputs_sha256])
    return f"{as_of:%Y%m%dT%H%M%S}-{hashlib.sha256(parts.encode()).hexdigest()[:10]}"


def counted(run: RunInfo, published_no: int, scores: pa.Table) -> Published:
    """Count the rows of a finished list."""
    ranked = scores.num_rows - scores["rank"].null_count
    prioritised = int(pc.sum(scores["priority_flag"]).as_py() or 0)
    return Published(run, published_no, scores.num_rows, ranked, prioritised)


def to_json(published: Published) -> dict[str, Any]:
    """Return a published run as plain JSON values."""
    run = published.run
    return {
        "run_id": run.run_id,
        "published_no": published.published_no,
        "as_of": run.as_of.isoformat(),
        "scored_at": run.scored_at.isoformat(),
        "model_id": run.model_id,
        "policy_sha256": run.policy_sha256,
        "inputs_sha256": run.inputs_sha256,
        "horizon_days": run.horizon_days,
        "reporting_currency": run.reporting_currency,
        "orders": published.orders,
        "ranked": published.ranked,
        "prioritised": published.prioritised,
        "facts": summary_to_json(run.summary),
    }


def from_json(stored: Mapping[str, Any]) -> Published:
    """Read what :func:`to_json` wrote."""
    run = RunInfo(
        stored["run_id"],
        datetime.fromisoformat(stored["as_of"]),
        datetime.fromisoformat(stored["scored_at"]),
        stored["model_id"],
        stored["policy_sha256"],
        stored["inputs_sha256"],
        int(stored["horizon_days"]),
        stored["reporting_currency"],
        summary_from_json(stored["facts"]),
    )
    return Published(
        run, int(stored["published_no"]), int(stored["orders"]), int(stored["ranked"]), int(stored["prioritised"])
    )


def summarised(
    ranked: pa.Table,
    as_of: datetime,
    data_until: datetime | None,
    measured: Measured,
    feeds: tuple[Feed, ...] = (),
) -> RunSummary:
    """Summarise a finished list."""
    counts = pc.value_counts(text(ranked, "suppressed_reason").drop_null())
    by_reason = {entry["values"]: entry["counts"] for entry in counts.to_pylist()}
    reasons = dict(sorted(by_reason.items()))
    shares, rate = dict(measured.shares), measured.recovery_rate_90d
    return RunSummary(as_of, data_until, ranked.num_rows, reasons, shares, rate, feeds)


def summary_to_json(summary: RunSummary) -> dict[str, Any]:
    """Return the summary as plain JSON values."""
    return {
        "as_of": summary.as_of.isoformat(),
        "data_until": summary.data_until and summary.data_until.isoformat(),
        "rows": summary.rows,
        "suppressed": dict(summary.suppressed),
        "shares": {name: list(values) for name, values in summary.shares.items()},
        "recovery_rate_90d": None if math.isnan(summary.recovery_rate_90d) else summary.recovery_rate_90d,
        "unit": summary.unit,
        "spread": vars(summary.spread),
        "level": None if summary.level is None else _level_to_json(summary.level),
        "by_rule": summary.by_rule,
        "by_extra": summary.by_extra,
        "feeds": [vars(feed) | {"newest_at": feed.newest_at.isoformat()} for feed in summary.feeds],
    }


def summary_from_json(stored: Mapping[str, Any]) -> RunSummary:
    """Read a summary written by :func:`summary_to_json`."""
    return RunSummary(
        datetime.fromisoformat(stored["as_of"]),
        datetime.fromisoformat(stored["data_until"]) if stored["data_until"] else None,
        int(stored["rows"]),
        dict(stored["suppressed"]),
        {name: tuple(values) for name, values in stored["shares"].items()},
        math.nan if stored["recovery_rate_90d"] is None else float(stored["recovery_rate_90d"]),
        tuple(
            Feed(**feed | {"newest_at": datetime.fromisoformat(feed["newest_at"])}) for feed in stored.get("feeds", [])
        ),
        str(stored.get("unit", "order")),
        _level_from_json(stored["level"]) if stored.get("level") else None,
        Overdispersion(**stored.get("spread", {})),
        bool(stored.get("by_rule", False)),
        bool(stored.get("by_extra", False)),
    )


def _level_to_json(level: NightLevel) -> dict[str, Any]:
    return vars(level.state) | {"until": level.state.until.isoformat(), "payments": vars(level.payments)}


def _level_from_json(stored: Mapping[str, Any]) -> NightLevel:
    days = stored["payments"]
    payments = DailyPayments(int(days["first_day"]), tuple(days["observed"]), tuple(days["expected"]))
    numbers = {name: float(stored[name]) for name in ("shift", "sd", "jump", "observed", "expected")}
    return NightLevel(payments, LevelState(**numbers, until=datetime.fromisoformat(stored["until"])))

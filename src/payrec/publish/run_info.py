"""A run: what identifies it, and what it tells of itself to those who read the published list."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from payrec.common.arrow import pc
from payrec.monitor import drift
from payrec.monitor.drift import Facts
from payrec.publish.export import Stamp


@dataclass(frozen=True)
class RunInfo:
    """One run: its identity (all that decides the list), when it was scored, and its facts for the next run."""

    run_id: str
    as_of: datetime
    scored_at: datetime
    model_id: str
    policy_sha256: str
    inputs_sha256: str
    horizon_days: int
    reporting_currency: str | None
    facts: Facts

    @property
    def stamp(self) -> Stamp:
        """How fresh its list is."""
        return Stamp(self.as_of, self.scored_at, self.model_id, self.run_id)


@dataclass(frozen=True)
class Published:
    """A run that was published, and how many orders it has: in all, with a rank, with a priority flag."""

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


def to_json(told: Published) -> dict[str, Any]:
    """Return a published run as plain JSON values."""
    run = told.run
    return {
        "run_id": run.run_id,
        "published_no": told.published_no,
        "as_of": run.as_of.isoformat(),
        "scored_at": run.scored_at.isoformat(),
        "model_id": run.model_id,
        "policy_sha256": run.policy_sha256,
        "inputs_sha256": run.inputs_sha256,
        "horizon_days": run.horizon_days,
        "reporting_currency": run.reporting_currency,
        "orders": told.orders,
        "ranked": told.ranked,
        "prioritised": told.prioritised,
        "facts": drift.to_json(run.facts),
    }


def from_json(found: Mapping[str, Any]) -> Published:
    """Read what :func:`to_json` wrote."""
    run = RunInfo(
        found["run_id"],
        datetime.fromisoformat(found["as_of"]),
        datetime.fromisoformat(found["scored_at"]),
        found["model_id"],
        found["policy_sha256"],
        found["inputs_sha256"],
        int(found["horizon_days"]),
        found["reporting_currency"],
        drift.from_json(found["facts"]),
    )
    return Published(
        run, int(found["published_no"]), int(found["orders"]), int(found["ranked"]), int(found["prioritised"])
    )

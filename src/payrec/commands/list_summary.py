"""A ranked list in figures, per currency."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from payrec.data import freshness
from payrec.publish.run_info import RunInfo

_READ = ["currency", "outstanding", "ev_currency", "ev_recovered", "priority_flag", "rank", "suppressed_reason"]


def summarise(ranked: pa.Table, run: RunInfo) -> dict[str, Any]:
    """Return what is open (per currency), expected and expected of the chosen orders (per reporting currency)."""
    rows = ranked.select(_READ).to_pandas()
    rows["listed"] = rows["rank"].notna()
    rows["chosen"] = rows["priority_flag"] == 1
    by_currency = {}
    for name, part in rows.groupby("ev_currency", dropna=True):
        listed, chosen = part[part["listed"]], part[part["chosen"]]
        by_currency[str(name)] = {
            "ranked": len(listed),
            "chosen": len(chosen),
            "expected": float(listed["ev_recovered"].astype(float).sum()),
            "expected_of_chosen": float(chosen["ev_recovered"].astype(float).sum()),
        }
    opened = rows.groupby("currency")["outstanding"].agg(["size", "sum"])
    return {
        "run_id": run.run_id,
        "as_of": run.as_of,
        "model_id": run.model_id,
        "facts_reach": freshness.sentence(run.summary.feeds),
        "freshness": [dict(vars(feed)) for feed in run.summary.feeds],
        "orders": len(rows),
        "open": {str(c): {"orders": int(r["size"]), "outstanding": float(r["sum"])} for c, r in opened.iterrows()},
        "value": by_currency,
        "suppressed": {str(k): int(v) for k, v in rows["suppressed_reason"].value_counts().items()},
    }


def chosen(ranked: pa.Table) -> pa.Table:
    """Return the rows to act on."""
    return ranked.filter(ranked["priority_flag"].to_numpy() == 1)

"""Verdicts of monitoring as frames for charts."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from payrec.model.features.declarations import BY_NAME
from payrec.monitor.verdicts import SEVERITY
from payrec.worklist.score import SCORE


def of_run(history: pa.Table, run_id: str) -> pd.DataFrame:
    """Return the verdicts of one run, the most serious first."""
    frame = history.to_pandas()
    frame = frame[frame["run_id"] == run_id]
    return frame.sort_values("level", key=_severity, ascending=False, kind="stable").reset_index(drop=True)


def levels(history: pa.Table) -> dict[str, str]:
    """Return the most serious level of each run."""
    frame = history.select(["run_id", "level"]).to_pandas()
    worst = frame.sort_values("level", key=_severity, ascending=False, kind="stable").drop_duplicates("run_id")
    return dict(zip(worst["run_id"].astype(str), worst["level"].astype(str), strict=True))


def cohorts(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return ``day, predicted, recovered`` of each matured list, in order of time."""
    shares = verdicts[verdicts["metric"] == "recovered_share"]
    named = shares.rename(columns={"subject": "day", "value": "recovered", "beside": "predicted"})
    return named[["day", "predicted", "recovered"]].sort_values("day", ignore_index=True)


def money(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return ``week, unit, expected, low, high, recovered`` of each week and currency whose outcome is known."""
    kinds = {f"money_{name}": name for name in ("expected", "low", "high", "recovered")}
    sums = verdicts[verdicts["metric"].isin(list(kinds))]
    if sums.empty:
        return pd.DataFrame(columns=["week", "unit", *kinds.values()])
    wide = sums.assign(kind=sums["metric"].map(kinds)).pivot_table("value", "subject", "kind").reset_index()
    wide[["week", "unit"]] = wide["subject"].str.split(" ", n=1, expand=True)
    return wide.reindex(columns=["week", "unit", *kinds.values()]).sort_values(["unit", "week"], ignore_index=True)


def drift(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return ``feature, psi, level`` against the earlier run, the largest first; what follows the clock is left out."""
    psi = verdicts[verdicts["metric"] == "psi"].rename(columns={"subject": "feature", "value": "psi"})
    meanings = {SCORE: "the probabilities", **{name: feature.meaning for name, feature in BY_NAME.items()}}
    named = psi.assign(feature=[meanings.get(str(name), str(name)) for name in psi["feature"]])
    return named[["feature", "psi", "level"]].sort_values("psi", ascending=False, ignore_index=True)


def _severity(level: pd.Series) -> pd.Series:
    return level.map(SEVERITY)

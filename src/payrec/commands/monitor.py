"""payrec monitor: what monitoring found in the newest published run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from payrec.commands.policies import policy_of
from payrec.commands.published import Location, current, store_of
from payrec.common.files import replacing
from payrec.monitor import silence, verdicts
from payrec.monitor.limits import limits_of
from payrec.monitor.metrics_text import metrics_text
from payrec.publish.run_info import RunInfo
from payrec.worklist import reason_codes
from payrec.worklist.policy import Policy

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class MonitorReport:
    """The verdicts on a run, the most severe first, and the reason codes of its orders that have no meaning yet."""

    run: RunInfo
    verdicts: pa.Table
    unmapped_reason_codes: list[dict[str, Any]]

    @property
    def level(self) -> str:
        """The most severe verdict: ``alarm``, ``watch`` or ``ok``."""
        return str(self.verdicts["level"][0].as_py()) if self.verdicts.num_rows else "ok"

    @property
    def frame(self) -> pd.DataFrame:
        """The verdicts as a pandas frame."""
        return self.verdicts.to_pandas()

    def __repr__(self) -> str:
        return f"<MonitorReport of run {self.run.run_id}: {self.level}, {self.verdicts.num_rows} verdicts>"


def monitor(
    published: Location = "out/published",
    policy: Policy | Path | str | None = None,
    now: datetime | None = None,
    metrics: Path | str | None = None,
) -> MonitorReport:
    """Return what monitoring found in the newest published run.

    Parameters
    ----------
    published
        Folder of the published lists, the PostgreSQL engine that holds them, or their open store.
    policy
        The rules or their file, for the meanings of reason codes and the limits.
    now
        The present (UTC, without zone), to judge how old the newest fact is; None: as it was judged in the run.
    metrics
        Also write the figures there, in the text format of Prometheus.

    >>> payrec.monitor(published).level in ("ok", "watch", "alarm")
    True
    """
    store, rules = store_of(published), policy_of(policy)
    run = current(store).run
    history = store.verdicts()
    stored = history.filter(pc.equal(history["run_id"], pa.scalar(run.run_id)))
    silent = silence.verdict(run.summary, store.runs(), now, limits_of(rules)) if now else None
    if silent:
        others = stored.filter(pc.not_equal(stored["metric"], pa.scalar(silence.METRIC)))
        stored = pa.concat_tables([others, verdicts.to_table([silent], run.run_id, run.as_of).cast(others.schema)])
    rows = sorted(stored.to_pylist(), key=lambda row: -verdicts.SEVERITY[row["level"]])
    if metrics is not None:
        with replacing(Path(metrics)) as file:
            file.write(metrics_text(run, rows).encode())
    return MonitorReport(
        run, pa.Table.from_pylist(rows, schema=stored.schema), unmapped(store.scores(run.run_id), rules)
    )


def unmapped(ranked: pa.Table, rules: Policy) -> list[dict[str, Any]]:
    """List the reason codes of a list that have no meaning yet, with the orders that have them."""
    codes = reason_codes.read(rules.reason_codes.file, rules.reason_codes.scheme_of)
    rows: list[dict[str, Any]] = reason_codes.unmapped(ranked, codes).to_pylist()
    return rows

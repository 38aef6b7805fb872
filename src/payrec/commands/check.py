"""payrec check: the audit of the data."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pyarrow as pa

from payrec.commands import HORIZON_DAYS, SEED
from payrec.commands.build import parameters, reading
from payrec.common.errors import DataRefused
from payrec.common.progress import Progress, silent
from payrec.data import audit, layers, snapshots
from payrec.data.engines import Engine
from payrec.data.findings import Finding, in_order
from payrec.data.parameters import LANDMARK_AGES
from payrec.model.evaluate import leaks

LEAK_ROWS = 60_000  # snapshots read to test columns for leaks


def check(
    engine: Engine,
    horizon_days: int = HORIZON_DAYS,
    observed_until: datetime | None = None,
    now: datetime | None = None,
    landmark_ages: tuple[int, ...] = LANDMARK_AGES,
    progress: Progress = silent,
) -> audit.Audit:
    """Audit the data, building first what is missing; ``refusals`` lists what makes training unsafe.

    Parameters
    ----------
    now
        The present (UTC, without zone): later facts are findings. None: the end of the observed data.

    Raises
    ------
    DataRefused
        There is no data, and ``now`` is None.

    >>> payrec.check(engine).refusals
    ()
    """
    with reading(engine, parameters(horizon_days, None, observed_until, landmark_ages), progress):
        rows = snapshots.training_rows(engine, LEAK_ROWS, SEED)
        return with_leaks(audited(engine, now, progress), rows)


def audited(engine: Engine, now: datetime | None, progress: Progress) -> audit.Audit:
    """Audit the layers that are being read."""
    at = now or layers.observed_until(engine)
    if at is None:
        raise DataRefused("found no orders, expected some to check\nload them: payrec load transactions FILE")
    progress("auditing")
    return audit.run(engine, at)


def with_leaks(audited: audit.Audit, rows: pa.Table) -> audit.Audit:
    """Add the columns that give the outcome of labelled ``rows`` away to the findings."""
    leaking = [Finding(f"leak.{x.column}", x.verdict, x.rows, x.message, "features") for x in leaks.find(rows)]
    return replace(audited, findings=in_order((*audited.findings, *leaking)))


def require_promises(engine: Engine) -> None:
    """Raise DataRefused with every promise of the SQL layers that the rows being read break, unless all are kept."""
    require_safe(audit.Audit(tuple(audit.broken_promises(engine))))


def require_safe(audited: audit.Audit) -> None:
    """Raise DataRefused with the first finding that makes training unsafe, and the number of others."""
    if not audited.refusals:
        return
    (finding, *others), more = audited.refusals, ""
    if others:
        more = f" (payrec check names {len(others)} more reason{'s' if len(others) > 1 else ''})"
    first, *rest = finding.message.splitlines()
    raise DataRefused("\n".join([f"{first}{more}", *rest]))

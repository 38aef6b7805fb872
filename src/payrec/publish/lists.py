"""Put a finished list in the place of the former one, as a whole or not at all; the former runs stay for a while.

Where: a folder (embedded engine; the app reads it), or the tables of a database (``payrec_scores``, ``payrec_runs``,
view ``payrec_worklist``). The same run again changes nothing.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pyarrow as pa

from payrec.common.errors import DataRefused
from payrec.data.engines import Engine
from payrec.publish import database_store, folder_store
from payrec.publish.details import Details
from payrec.publish.export import stamped
from payrec.publish.run_info import Published, RunInfo
from payrec.worklist.rank import SCHEMA

KEEP_RUNS = 60


def commit(
    place: Path | Engine, run: RunInfo, scores: pa.Table, keep: int = KEEP_RUNS, details: Details | None = None
) -> bool:
    """Publish a ranked list and make it the one that is served; return False if it was there and served already.

    Parameters
    ----------
    place
        The folder of what is served, or an open engine.
    run
        Its ids are written into every row.
    scores
        As from :func:`payrec.worklist.rank.rank`, reasons filled in.
    keep
        How many published runs stay, this one included.
    details
        What is kept beside the list (see :mod:`payrec.publish.details`).

    Raises
    ------
    DataRefused
        ``scores`` has other columns than the contract, or is of another ``as_of`` than the run.
    """
    if scores.schema.names != SCHEMA.names:
        found = sorted(set(scores.schema.names) ^ set(SCHEMA.names))
        raise DataRefused(
            f"the list to publish has other columns than the contract: {', '.join(found) or 'their order'}"
        )
    times = set(scores["as_of"].unique().to_pylist()) - {run.as_of}
    if times:
        raise DataRefused(f"the list to publish is of {times.pop()}, expected {run.as_of}, the as_of of its run")
    whole = stamped(scores, run.stamp).cast(SCHEMA)
    if isinstance(place, Path):
        return folder_store.commit(place, run, whole, keep, details or {})
    return database_store.commit(place, run, whole, keep, details or {})


def retire(place: Path | Engine, before: datetime) -> list[str]:
    """Take away the lists of before a time, with all that is kept beside them; return their ids.

    The list that is served stays, however old; what monitoring wrote down stays, since it names nobody.
    """
    return folder_store.retire(place, before) if isinstance(place, Path) else database_store.retire(place, before)


def current(place: Path | Engine) -> Published | None:
    """Return the run that is served, None before the first."""
    found = runs(place)
    return found[0] if found else None


def runs(place: Path | Engine) -> list[Published]:
    """Return all published runs that are kept, the one that is served first, then by order of publication."""
    return folder_store.runs(place) if isinstance(place, Path) else database_store.runs(place)


def scores(place: Path | Engine, run_id: str) -> pa.Table:
    """Return the list of a published run; columns that an older payrec did not have yet are NULL.

    Raises
    ------
    UsageError
        There is no such run (any more).
    """
    at = folder_store if isinstance(place, Path) else database_store
    found: pa.Table = at.scores(place, run_id)
    if set(SCHEMA.names) <= set(found.column_names):
        return found
    added = [field for field in SCHEMA if field.name not in found.column_names]
    for field in added:
        found = found.append_column(field, pa.nulls(found.num_rows, field.type))
    return found.select(SCHEMA.names)


def detail(place: Path | Engine, run_id: str, name: str) -> pa.Table | None:
    """Return one of the details of a published run, None if it had no rows or is no longer kept."""
    if isinstance(place, Path):
        return folder_store.detail(place, run_id, name)
    return database_store.detail(place, run_id, name)


def add_monitor(place: Path | Engine, run_id: str, history: pa.Table) -> None:
    """Keep the verdicts of a run (see :func:`payrec.monitor.verdicts.history`); the same run again replaces them."""
    if isinstance(place, Path):
        folder_store.add_monitor(place, run_id, history)
    else:
        database_store.add_monitor(place, run_id, history)


def monitor_history(place: Path | Engine) -> pa.Table:
    """Return the verdicts of all runs, in no particular order."""
    return folder_store.monitor_history(place) if isinstance(place, Path) else database_store.monitor_history(place)

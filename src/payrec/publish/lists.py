"""What every published list has in common: the columns of the contract, one ``as_of``, the stamp of its run."""

from __future__ import annotations

import pyarrow as pa

from payrec.common.errors import DataRefused
from payrec.publish.export import stamped
from payrec.publish.run_info import RunInfo
from payrec.worklist.rank import SCHEMA

KEEP_RUNS = 60


def to_publish(run: RunInfo, scores: pa.Table) -> pa.Table:
    """Return a ranked list in the columns of the contract, stamped with its run.

    Raises
    ------
    DataRefused
        ``scores`` has other columns than the contract, or another ``as_of`` than the run.
    """
    if scores.schema.names != SCHEMA.names:
        different = ", ".join(sorted(set(scores.schema.names) ^ set(SCHEMA.names))) or "their order"
        raise DataRefused(f"the list to publish has other columns than the contract: {different}")
    times = set(scores["as_of"].unique().to_pylist()) - {run.as_of}
    if times:
        raise DataRefused(f"the list to publish is of {times.pop()}, expected {run.as_of}, the as_of of its run")
    return stamped(scores, run.stamp).cast(SCHEMA)


def as_contract(scores: pa.Table) -> pa.Table:
    """Return a stored list in the columns of the contract; those that an older payrec did not write are NULL."""
    if set(SCHEMA.names) <= set(scores.column_names):
        return scores
    for field in SCHEMA:
        if field.name not in scores.column_names:
            scores = scores.append_column(field, pa.nulls(scores.num_rows, field.type))
    return scores.select(SCHEMA.names)

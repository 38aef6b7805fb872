"""What every published list has in common: the columns of the contract, one ``as_of``, its run, and what is served.

The list with the greatest ``as_of`` is served, of several the one published last, unless the caller says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

import pyarrow as pa

from payrec.common.errors import DataRefused, UsageError
from payrec.publish.details import Details
from payrec.publish.export import stamped
from payrec.publish.run_info import Published, RunInfo
from payrec.worklist import customer_list
from payrec.worklist.rank import SCHEMA

KEEP_RUNS = 60
By = Literal["customer", "order"]


@dataclass(frozen=True)
class Publication:
    """A ranked list to publish, as from :func:`payrec.worklist.rank.rank`, with reasons.

    ``run``: its ids are written into every row. ``details``: rows kept with the list (see
    :mod:`payrec.publish.details`). ``serve``: even if the served list has a later ``as_of``. ``guard``: called last
    before the list becomes visible, in a database inside the publishing transaction; what it raises leaves everything
    as it was. ``keep``: number of published runs that stay, this one included.
    """

    run: RunInfo
    scores: pa.Table
    details: Details = field(default_factory=dict)
    serve: bool = False
    guard: Callable[[], None] = lambda: None
    keep: int = KEEP_RUNS


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


def contract_of(names: Sequence[str], by: By) -> pa.Schema:
    """Return the types of columns of the list by customer or by order."""
    contract = customer_list.SCHEMA if by == "customer" else SCHEMA
    return pa.schema([contract.field(name) for name in names])


def as_contract(scores: pa.Table, contract: pa.Schema = SCHEMA) -> pa.Table:
    """Return a stored list in the columns of the contract; those that an older payrec did not write are NULL."""
    for at, column in enumerate(scores.schema):
        kind = contract.field(column.name).type if column.name in contract.names else column.type
        if pa.types.is_integer(column.type) and column.type != kind:  # tables of Iceberg have no SMALLINT
            scores = scores.set_column(at, column.with_type(kind), scores[at].cast(kind))
    if set(contract.names) <= set(scores.column_names):
        return scores
    for column in contract:
        if column.name not in scores.column_names:
            scores = scores.append_column(column, pa.nulls(scores.num_rows, column.type))
    return scores.select(contract.names)


def is_to_be_served(as_of: datetime, served: Published | None, serve: bool) -> bool:
    """Say whether a list of ``as_of`` takes the place of the served one; ``serve``: even if it is older."""
    return serve or served is None or as_of >= served.run.as_of


def require_retained(
    as_of: datetime, runs: list[Published], retention_days: int | None, now: datetime, serve: bool
) -> None:
    """Raise UsageError for a list that the retention would delete as soon as it is published; the served one stays."""
    if retention_days is None or is_to_be_served(as_of, runs[0] if runs else None, serve):
        return
    if as_of < now - timedelta(days=retention_days):
        msg = (
            f"found the time {as_of:%Y-%m-%d}, but lists are deleted after {retention_days} days and a newer is served"
        )
        raise UsageError(f"{msg}\nname a later --as-of, raise PAYREC_RETENTION_DAYS, or add --serve")


def unchanged(run_id: str, runs: list[Published], serve: bool) -> Published | None:
    """Return the run of that id if publishing it again would change nothing: it is served, or would not be.

    ``runs``: all published runs, the served one first.
    """
    known = next((one for one in runs if one.run.run_id == run_id), None)
    if known is None or (known != runs[0] and is_to_be_served(known.run.as_of, runs[0], serve)):
        return None
    return known


def kept_order(run_id: str, others: list[str], served: bool, keep: int) -> list[str]:
    """Return the run ids that stay, the served one first; a run that is not served comes right after it.

    ``others``: the other run ids in their order so far.
    """
    return [run_id, *others][:keep] if served else [others[0], run_id, *others[1:]][: max(keep, 2)]

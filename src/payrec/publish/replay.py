"""A past list made again from its stored inputs, and compared with what was published.

Kept are the rows that were scored (``features``), the contacts and attempts that the policy's caps looked at
(``recent``), the assignments of earlier lists (``assigned``), what people's actions meant (``marks``), and the policy
with its own reason codes and the experiment (``asked``), for the newest runs (``details.KEPT_RUNS``). The model is
found by its id in the store.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pyarrow as pa
from pydantic import TypeAdapter

from payrec.common.arrow import TIME, pc
from payrec.common.errors import DataRefused, UsageError
from payrec.publish.details import Details
from payrec.publish.run_info import Published
from payrec.publish.store import ListStore
from payrec.worklist import assignment, policy
from payrec.worklist.assignment import Experiment, Running
from payrec.worklist.policy import Policy
from payrec.worklist.rank import SCHEMA

NAMES = ("features", "recent", "asked", "assigned", "marks")
_RECENT: list[tuple[str, pa.DataType]] = [
    ("customer_id", pa.string()), ("order_id", pa.string()), ("event_type", pa.string()),
    ("channel", pa.string()), ("known_at", TIME),
]  # fmt: skip
RECENT = pa.schema(_RECENT)


@dataclass(frozen=True)
class Kept:
    """What a past list was made of; ``recent`` None: there was no event log, or the policy had no caps."""

    run: Published
    features: pa.Table
    recent: pa.Table | None
    policy: Policy
    running: Running | None = None
    marks: pa.Table | None = None


@dataclass(frozen=True)
class Compared:
    """A list made again against the published one: rows of both, and how many differ, by column."""

    rows: int
    published: int
    differs: dict[str, int]

    @property
    def equal(self) -> bool:
        """Whether they are the same, row by row and in the same order."""
        return self.rows == self.published and not self.differs


def details(
    rules: Policy, recent: pa.Table | None, running: Running | None = None, marks: pa.Table | None = None
) -> Details:
    """Return what a run keeps for a replay, besides its features."""
    plain = json.dumps(TypeAdapter(Policy).dump_python(rules, mode="json", exclude={"reason_codes": {"file"}}))
    codes = rules.reason_codes.file.read_text(encoding="utf-8-sig") if rules.reason_codes.file else None
    decision = pa.table(
        {
            "policy": [plain],
            "codes": pa.array([codes], pa.string()),
            "has_recent": [recent is not None],
            "experiment": pa.array([running and running.experiment.to_json()], pa.string()),
        }
    )
    earlier = running.earlier if running else None
    tables = {"asked": decision, "recent": recent, "assigned": earlier, "marks": marks}
    return {name: partial(_batches, table) for name, table in tables.items() if table is not None}


def _batches(table: pa.Table) -> Iterator[pa.RecordBatch]:
    return iter(table.to_batches())


def kept(store: ListStore, run_id: str, folder: Path) -> Kept:
    """Read what a run was made of; its own reason codes are written into ``folder``, which must outlive the policy.

    Raises
    ------
    UsageError
        There is no such run, or what it was made of is no longer kept.
    DataRefused
        What is kept is not what the run says it was made of.
    """
    known = {one.run.run_id: one for one in store.runs()}
    if run_id not in known:
        raise UsageError(f"found no published run {run_id}, expected one of: {', '.join(known) or 'none yet'}")
    parts = {name: store.detail(run_id, name) for name in NAMES}
    features, decision = parts["features"], parts["asked"]
    if decision is None or (features is None and known[run_id].orders):
        there = [name for name in known if store.detail(name, "asked") is not None]
        msg = f"what run {run_id} was made of is no longer kept\nkept are those of: {', '.join(there) or 'none'}"
        raise UsageError(msg)
    stored = decision.to_pylist()[0]
    rules = _policy(stored["policy"], stored["codes"], folder)
    if policy.fingerprint(rules) != known[run_id].run.policy_sha256:
        raise DataRefused(f"the policy kept with run {run_id} is not the one it was made by: it was changed since")
    recent = parts["recent"] if parts["recent"] is not None else RECENT.empty_table()
    running = None
    if stored.get("experiment"):
        drawn = assignment.SCHEMA.empty_table() if parts["assigned"] is None else parts["assigned"]
        running = Running(Experiment.from_json(stored["experiment"]), drawn)
    scored = pa.table({}) if features is None else features
    return Kept(known[run_id], scored, recent if stored["has_recent"] else None, rules, running, parts["marks"])


def _policy(plain: str, codes: str | None, folder: Path) -> Policy:
    rules = TypeAdapter(Policy).validate_json(plain)
    if codes is None:
        return rules
    handle, name = tempfile.mkstemp(suffix=".csv", dir=folder)
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as sink:
        sink.write(codes)
    return replace(rules, reason_codes=replace(rules.reason_codes, file=Path(name)))


def compare(replayed: pa.Table, published: pa.Table) -> Compared:
    """Compare two lists in the columns of the contract.

    >>> one = SCHEMA.empty_table()
    >>> compare(one, one).equal
    True
    """
    if replayed.num_rows != published.num_rows:
        return Compared(replayed.num_rows, published.num_rows, {})
    differs = {}
    for name, kind in zip(SCHEMA.names, SCHEMA.types, strict=True):
        left, right = (rows[name].cast(kind).combine_chunks() for rows in (replayed, published))
        if not left.equals(right):
            same = pc.or_(pc.fill_null(pc.equal(left, right), False), pc.and_(pc.is_null(left), pc.is_null(right)))
            differs[name] = int(len(left) - (pc.sum(same).as_py() or 0))
    return Compared(replayed.num_rows, published.num_rows, differs)

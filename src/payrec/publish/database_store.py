"""What is served from a database: tables keyed by run, filled in one transaction; the view shows the run of today."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from payrec.common.errors import UsageError
from payrec.common.text import sql_literal
from payrec.data.engines import Engine
from payrec.data.engines.retry import retrying
from payrec.publish import migrations, run_info
from payrec.publish.details import KEPT_RUNS, Details
from payrec.publish.run_info import VERDICTS, Published, RunInfo

RUNS, SCORES, MONITOR, WORKLIST = "payrec_runs", "payrec_scores", "payrec_monitor", "payrec_worklist"
DETAILS = "payrec_run_details"
PART_BYTES = 4_000_000  # of a detail in one row


def commit(engine: Engine, told: RunInfo, scores: pa.Table, keep: int, beside: Details) -> bool:
    """See :func:`payrec.publish.lists.commit`; what the server interrupts is done again as a whole."""
    migrations.apply(engine)
    return retrying(lambda: _commit(engine, told, scores, keep, beside))


def _commit(engine: Engine, told: RunInfo, scores: pa.Table, keep: int, beside: Details) -> bool:
    with engine.transaction():
        known = runs(engine)
        if known and known[0].run.run_id == told.run_id:
            return False
        number = 1 + max((one.published_no for one in known), default=0)
        if any(one.run.run_id == told.run_id for one in known):
            # published before, and another since: the same rows are served again
            engine.run(f"UPDATE {RUNS} SET published_no = {number} WHERE run_id = {sql_literal(told.run_id)}")
        else:
            engine.write(RUNS, _row(run_info.counted(told, number, scores)), key=())
            engine.write(SCORES, scores.sort_by("order_id"), key=())  # in the order of the key: half the time
            for name, read in beside.items():
                _write_detail(engine, told.run_id, name, read())
        others = [one for one in known if one.run.run_id != told.run_id]
        newest = [told.run_id, *(one.run.run_id for one in others[: min(keep, KEPT_RUNS) - 1])]
        engine.run(f"DELETE FROM {DETAILS} WHERE run_id NOT IN ({', '.join(map(sql_literal, newest))})")
        for old in others[keep - 1 :]:
            engine.run(f"DELETE FROM {SCORES} WHERE run_id = {sql_literal(old.run.run_id)}")
            engine.run(f"DELETE FROM {RUNS} WHERE run_id = {sql_literal(old.run.run_id)}")
    return True


def runs(engine: Engine) -> list[Published]:
    """See :func:`payrec.publish.lists.runs`."""
    if RUNS not in engine.tables():
        return []
    return [_published(row) for row in engine.read(f"SELECT * FROM {RUNS} ORDER BY published_no DESC").to_pylist()]


def scores(engine: Engine, run_id: str) -> pa.Table:
    """See :func:`payrec.publish.lists.scores`."""
    if run_id not in {one.run.run_id for one in runs(engine)}:
        raise UsageError(f"there is no published run {run_id} in the database")
    select = f"SELECT * FROM {SCORES} WHERE run_id = {sql_literal(run_id)}"
    return engine.read(f"{select} ORDER BY rank NULLS LAST, suppressed_reason NULLS LAST, order_id")


def detail(engine: Engine, run_id: str, name: str) -> pa.Table | None:
    """See :func:`payrec.publish.lists.detail`."""
    where = f"run_id = {sql_literal(run_id)} AND name = {sql_literal(name)}"
    if DETAILS not in engine.tables():
        return None
    parts: list[Any] = engine.read(f"SELECT content FROM {DETAILS} WHERE {where} ORDER BY part")["content"].to_pylist()
    return pyarrow.parquet.read_table(io.BytesIO(b"".join(parts))) if parts else None


def _write_detail(engine: Engine, run_id: str, name: str, batches: Iterator[pa.RecordBatch]) -> None:
    first = next(batches, None)
    if first is None:
        return
    sink = io.BytesIO()
    with pyarrow.parquet.ParquetWriter(sink, first.schema, compression="zstd") as writer:
        for batch in chain((first,), batches):
            writer.write_batch(batch)
    content = sink.getvalue()
    parts = [content[at : at + PART_BYTES] for at in range(0, len(content), PART_BYTES)]
    rows = [{"run_id": run_id, "name": name, "part": at, "content": part} for at, part in enumerate(parts)]
    engine.write(DETAILS, pa.Table.from_pylist(rows), key=())


def replace_detail(engine: Engine, run_id: str, name: str, rows: pa.Table) -> None:
    """Put other rows in the place of a detail; within a transaction of the caller."""
    engine.run(f"DELETE FROM {DETAILS} WHERE run_id = {sql_literal(run_id)} AND name = {sql_literal(name)}")
    _write_detail(engine, run_id, name, iter(rows.combine_chunks().to_batches()))


def retire(engine: Engine, before: datetime) -> list[str]:
    """See :func:`payrec.publish.lists.retire`."""
    old = [one.run.run_id for one in runs(engine)[1:] if one.run.as_of < before]
    with engine.transaction():
        for run_id in old:
            for table in (DETAILS, SCORES, RUNS):
                engine.run(f"DELETE FROM {table} WHERE run_id = {sql_literal(run_id)}")
    return old


def add_monitor(engine: Engine, run_id: str, history: pa.Table) -> None:
    """See :func:`payrec.publish.lists.add_monitor`."""
    migrations.apply(engine)
    retrying(lambda: _replace_monitor(engine, run_id, history))


def _replace_monitor(engine: Engine, run_id: str, history: pa.Table) -> None:
    with engine.transaction():
        engine.run(f"DELETE FROM {MONITOR} WHERE run_id = {sql_literal(run_id)}")
        engine.write(MONITOR, history, key=())


def monitor_history(engine: Engine) -> pa.Table:
    """See :func:`payrec.publish.lists.monitor_history`."""
    if MONITOR not in engine.tables():
        return VERDICTS.empty_table()
    return engine.read(f"SELECT {', '.join(VERDICTS.names)} FROM {MONITOR}")


def _row(told: Published) -> pa.Table:
    row = {
        **{name: value for name, value in vars(told.run).items() if name != "summary"},
        "published_no": told.published_no,
        "orders": told.orders,
        "ranked": told.ranked,
        "prioritised": told.prioritised,
        "data_until": told.run.summary.data_until,
        "facts": json.dumps(run_info.summary_to_json(told.run.summary)),
    }
    return pa.Table.from_pylist([row])


def _published(row: dict[str, object]) -> Published:
    plain = {
        **row,
        "as_of": str(row["as_of"]),
        "scored_at": str(row["scored_at"]),
        "facts": json.loads(str(row["facts"])),
    }
    return run_info.from_json(plain)

"""What is served without a server: a folder of Parquet files, and a pointer file that is replaced in one step.

published/
    current                  {"current": run id, "before": [run ids, the last one served first]}
    runs/<run id>/           scores.parquet  run.json     written aside, then renamed; of the newest runs also
                             features, events, months and examples (see payrec.publish.details)
    monitor/<run id>.parquet
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from payrec.common import files
from payrec.common.errors import DataRefused, UsageError, file_errors
from payrec.publish import details, run_info
from payrec.publish.run_info import VERDICTS, Published, RunInfo

POINTER = "current"
ROW_GROUP = 65_536  # a page of the worklist reads one of them
RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
ASIDE = ".new-"


def commit(folder: Path, told: RunInfo, scores: pa.Table, keep: int, beside: details.Details) -> bool:
    """See :func:`payrec.publish.lists.commit`."""
    _checked(told.run_id)
    order = _order(folder)
    if order[:1] == [told.run_id]:
        with file_errors(folder):
            _clear(folder, order)  # it may have been killed before it came to that
        return False
    with file_errors(folder):
        (folder / "runs").mkdir(parents=True, exist_ok=True)
        if not run_folder(folder, told.run_id).is_dir():
            number = 1 + max((one.published_no for one in runs(folder)), default=0)
            _write(folder, run_info.counted(told, number, scores), scores, beside)
        order = [told.run_id, *(name for name in order if name != told.run_id)][:keep]
        _point(folder, order)
        _clear(folder, order)
    return True


def run_folder(folder: Path, run_id: str) -> Path:
    """Return where a run's files are."""
    return folder / "runs" / _checked(run_id)


def scores_file(folder: Path, run_id: str) -> Path:
    """Return the Parquet file of a run's list, for readers that page through it."""
    return run_folder(folder, run_id) / "scores.parquet"


def detail_file(folder: Path, run_id: str, name: str) -> Path:
    """Return where one of the details of a run is (see :mod:`payrec.publish.details`), if it is there."""
    return run_folder(folder, run_id) / f"{name}.parquet"


def detail(folder: Path, run_id: str, name: str) -> pa.Table | None:
    """See :func:`payrec.publish.lists.detail`."""
    path = detail_file(folder, run_id, name)
    return pyarrow.parquet.read_table(path, partitioning=None) if path.is_file() else None


def runs(folder: Path) -> list[Published]:
    """See :func:`payrec.publish.lists.runs`."""
    return [_read(folder, name) for name in _order(folder)]


def scores(folder: Path, run_id: str) -> pa.Table:
    """See :func:`payrec.publish.lists.scores`."""
    path = scores_file(folder, run_id)
    if not path.is_file():
        raise UsageError(
            f"there is no published run {run_id} in {folder}; kept are: {', '.join(_order(folder)) or 'none'}"
        )
    return pyarrow.parquet.read_table(path, partitioning=None)


def retire(folder: Path, before: datetime) -> list[str]:
    """See :func:`payrec.publish.lists.retire`."""
    old = [one.run.run_id for one in runs(folder)[1:] if one.run.as_of < before]
    if old:
        order = [name for name in _order(folder) if name not in old]
        with file_errors(folder):
            _point(folder, order)
            _clear(folder, order)
    return old


def add_monitor(folder: Path, run_id: str, history: pa.Table) -> None:
    """See :func:`payrec.publish.lists.add_monitor`."""
    path = folder / "monitor" / f"{_checked(run_id)}.parquet"
    with file_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(".*.tmp"):  # of a run that was killed in the middle
            left.unlink(missing_ok=True)
    with files.replacing(path) as sink:
        pyarrow.parquet.write_table(history.cast(VERDICTS), sink)


def monitor_history(folder: Path) -> pa.Table:
    """See :func:`payrec.publish.lists.monitor_history`."""
    found = sorted((folder / "monitor").glob("*.parquet"))
    tables = [pyarrow.parquet.read_table(path, schema=VERDICTS, partitioning=None) for path in found]
    return pa.concat_tables(tables) if tables else VERDICTS.empty_table()


def _write(folder: Path, told: Published, scores: pa.Table, beside: details.Details) -> None:
    aside = folder / "runs" / f"{ASIDE}{secrets.token_hex(8)}"
    aside.mkdir()
    try:
        with files.replacing(aside / "scores.parquet") as sink:
            pyarrow.parquet.write_table(scores, sink, compression="zstd", row_group_size=ROW_GROUP)
        for name, read in beside.items():
            _stream(aside / f"{name}.parquet", read())
        with files.replacing(aside / "run.json") as sink:
            sink.write(json.dumps(run_info.to_json(told), indent=1).encode())
        os.rename(aside, run_folder(folder, told.run.run_id))
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    files.sync_folder(folder / "runs")


def _stream(path: Path, batches: Iterator[pa.RecordBatch]) -> None:
    """Write batches as they come; without any there is no file."""
    first = next(batches, None)
    if first is None:
        return
    with files.replacing(path) as sink, pyarrow.parquet.ParquetWriter(sink, first.schema, compression="zstd") as writer:
        for batch in chain((first,), batches):
            writer.write_batch(batch)


def _point(folder: Path, order: list[str]) -> None:
    with files.replacing(folder / POINTER) as sink:
        sink.write(json.dumps({"current": order[0], "before": order[1:]}).encode())


def _clear(folder: Path, order: list[str]) -> None:
    """Take away what no pointer leads to; a reader that came just before may still hold its open files."""
    for path in (folder / "runs").iterdir():
        if path.name not in order and not path.name.startswith(ASIDE):
            gone = path.with_name(f"{ASIDE}{secrets.token_hex(8)}")  # never seen half empty under its own name
            os.rename(path, gone)
    for path in (folder / "runs").glob(f"{ASIDE}*"):
        shutil.rmtree(path, ignore_errors=True)
    for run_id in order[details.KEPT_RUNS :]:
        for name in details.NAMES:
            detail_file(folder, run_id, name).unlink(missing_ok=True)
    for path in folder.glob(f".{POINTER}.*.tmp"):  # of a run that was killed while it wrote the pointer
        path.unlink(missing_ok=True)


def _order(folder: Path) -> list[str]:
    path = folder / POINTER
    if not path.is_file():
        return []
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
        return [_checked(name) for name in (found["current"], *found["before"])]
    except (ValueError, KeyError, TypeError) as error:
        raise DataRefused(f"{path} is damaged: {error}\npublish again (payrec run)") from error


def _read(folder: Path, run_id: str) -> Published:
    path = run_folder(folder, run_id) / "run.json"
    try:
        return run_info.from_json(json.loads(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataRefused(f"{path} is missing or damaged: {error}\npublish again (payrec run)") from error


def _checked(run_id: str) -> str:
    """Refuse a run id that would lead out of the folder."""
    if not isinstance(run_id, str) or not RUN_ID.fullmatch(run_id):
        raise UsageError(f"found the run id {run_id!r}, expected letters, digits, _ . -")
    return run_id

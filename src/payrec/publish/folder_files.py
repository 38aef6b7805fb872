"""The files of a published folder: written in one step each, read with the damage named."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from payrec.common import files
from payrec.common.errors import DataRefused, file_errors
from payrec.publish import run_info
from payrec.publish.folder_repair import foreign_columns, problem_of_parquet
from payrec.publish.run_info import Published

ROW_GROUP = 8_192  # of a detail: a page of the list by customer reads all columns of one


def write_run(folder: Path, published: Published) -> None:
    """Write ``run.json``, with the names of the details that are there."""
    kept = sorted(path.stem for path in folder.glob("*.parquet") if path.name != "scores.parquet")
    content = json.dumps(run_info.to_json(published) | {"details": kept}, indent=1).encode()
    path = folder / "run.json"
    if not path.is_file() or path.read_bytes() != content:
        with files.replacing(path) as sink:
            sink.write(content)


def read_parquet(path: Path, filters: Any = None, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the rows of a file, all columns or some that it has; one that cannot be read is refused."""
    try:
        if foreign := foreign_columns(path):
            raise ValueError(foreign)
        names = list(columns) if columns else None
        return pyarrow.parquet.read_table(path, partitioning=None, filters=filters, columns=names)
    except (OSError, ValueError) as error:
        raise DataRefused(f"{path} is damaged: {str(error).splitlines()[0]}\npublish again: payrec run") from error


def write_batches(path: Path, batches: Iterator[pa.RecordBatch]) -> None:
    """Write batches as they come; without any there is no file."""
    first = next(batches, None)
    if first is None:
        return
    with files.replacing(path) as sink, pyarrow.parquet.ParquetWriter(sink, first.schema, compression="zstd") as writer:
        for batch in chain((first,), batches):
            writer.write_batch(batch, row_group_size=ROW_GROUP)


def write_of_run(path: Path, rows: pa.Table) -> None:
    """Write rows that stay when the list of their run is retired."""
    with file_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.glob(".*.tmp"):  # of a run that was killed
            left.unlink(missing_ok=True)
    with files.replacing(path) as sink:
        pyarrow.parquet.write_table(rows, sink)


def read_of_runs(folder: Path, schema: pa.Schema) -> pa.Table:
    """Return the rows of all runs in a folder; damaged files are left out."""
    whole = [path for path in sorted(folder.glob("*.parquet")) if not problem_of_parquet(path, schema)]
    tables = [pyarrow.parquet.read_table(path, schema=schema, partitioning=None) for path in whole]
    return pa.concat_tables(tables) if tables else schema.empty_table()

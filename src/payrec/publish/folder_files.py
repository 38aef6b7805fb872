"""The files of a published folder: written in one step each, read with the damage named."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from payrec.common import files
from payrec.common.arrow import pc
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


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the rows of a file, all columns or some that it has; one that cannot be read is refused."""
    with _damage_named(path):
        return pyarrow.parquet.read_table(path, partitioning=None, columns=list(columns) if columns else None)


def read_rows_of(path: Path, column: str, value: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the rows of a file in which ``column`` is ``value``; refused as by :func:`read_parquet`.

    The other columns are read only where a row group has such a row.
    """
    names = list(columns) if columns else None
    with _damage_named(path), pyarrow.parquet.ParquetFile(path) as file:
        empty = file.schema_arrow.empty_table()
        parts = [empty.select([name for name in names if name in empty.column_names]) if names else empty]
        for group in range(file.num_row_groups):
            is_wanted = pc.equal(file.read_row_group(group, columns=[column])[column], value)
            if pc.any(is_wanted).as_py():
                parts.append(file.read_row_group(group, columns=names).filter(is_wanted).select(parts[0].column_names))
    return pa.concat_tables(parts)


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        if foreign := foreign_columns(path):
            raise ValueError(foreign)
        yield
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

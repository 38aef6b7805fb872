"""Rows between Spark and Arrow: one set of types, functions sent to the workers, batches that stream in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import pyarrow as pa

from payrec.common.errors import UsageError
from payrec.data.engines import RowFunction
from payrec.data.engines.rows import fitted, normalised, read_schema
from payrec.data.engines.spark_sql import arrow_type, spark_type, ticked

PACKED = "payrec_batch BINARY"  # what the workers send of a batch that is packed


def schema_of(frame: Any) -> pa.Schema:
    """Return the types of a plan's rows as they are handed out; one that no table keeps is refused."""
    kinds = [(field.name, field.dataType.simpleString()) for field in frame.schema]
    return read_schema(pa.schema([(name, arrow_type(word) or pa.list_(pa.null())) for name, word in kinds]))


def arrow_of(frame: Any) -> pa.Table:
    """Return the rows of a plan as Arrow, with the types as Spark names them."""
    rows: pa.Table
    if hasattr(frame, "toArrow"):
        rows = frame.toArrow()
        return rows
    if hasattr(frame, "_plan"):  # pyspark 3.5 over Connect
        client = frame._session.client
        rows, _ = client.to_table(frame._plan.to_proto(client))
        return rows
    from pyspark.sql.pandas.types import to_arrow_schema

    return pa.Table.from_batches(frame._collect_as_arrow(), to_arrow_schema(frame.schema))


def frame_of(session: Any, rows: pa.Table) -> Any:
    """Return a plan of rows that stand in this program."""
    if hasattr(type(session.range(1)), "toArrow"):
        return session.createDataFrame(rows)
    kinds = ", ".join(f"{ticked(column.name)} {spark_type(column.type)}" for column in rows.schema)  # pyspark 3.5
    return session.createDataFrame([tuple(row.values()) for row in rows.to_pylist()], kinds)


def handed_out(rows: pa.Table) -> pa.Table:
    """Return rows of Spark in the types that the engines agree on."""
    plain = [_without_zone(batch) for batch in rows.to_batches()]
    shown = plain[0] if plain else _without_zone(pa.RecordBatch.from_pylist([], rows.schema))
    schema = read_schema(shown.schema)
    return pa.Table.from_batches([normalised(batch, schema) for batch in plain], schema)


def _without_zone(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Take off the zone of times, which is UTC by the settings: DATE_TRUNC and its like add it."""
    columns = [
        column.cast(pa.timestamp("us")) if pa.types.is_timestamp(column.type) and column.type.tz else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def in_worker(
    function: RowFunction | None, schema: pa.Schema, into: str = "", *, pack: bool = False
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return ``function`` as Spark's workers call it; with ``pack`` each batch leaves as one value, to be streamed."""
    ours = version("payrec")

    def called(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        theirs = version("payrec")
        if theirs != ours:
            raise UsageError(f"Spark's workers have payrec {theirs}, this program has {ours}: install one version")
        for batch in batches:
            if not batch.num_rows:
                continue
            plain = _without_zone(batch)
            plain = normalised(plain, read_schema(plain.schema))
            if function:
                plain = fitted(function(plain), into, schema)
            if plain.num_rows:
                yield _packed(plain) if pack else plain

    return called


def _packed(batch: pa.RecordBatch) -> pa.RecordBatch:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return pa.record_batch({"payrec_batch": pa.array([sink.getvalue().to_pybytes()], pa.binary())})


def unpacked(content: bytes, names: list[str]) -> pa.RecordBatch:
    """Return the batch that a worker has packed."""
    batch = pa.ipc.open_stream(content).read_next_batch()
    return pa.RecordBatch.from_arrays(batch.columns, names=names)

"""Between Arrow and Spark's plans: one set of types, columns that fit their table, functions sent to the workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from payrec.common.errors import UsageError
from payrec.data.engines import RowFunction, rows
from payrec.data.engines.rows import normalised, read_schema
from payrec.data.engines.spark_session import whatever_pandas
from payrec.data.engines.spark_sql import Column, Shape


def struct(schema: pa.Schema) -> Any:
    """Return Spark's type of rows of ``schema``."""
    from pyspark.sql.pandas.types import from_arrow_schema

    return from_arrow_schema(schema, prefer_timestamp_ntz=True)


def arrow(frame: Any) -> pa.Schema:
    """Return the Arrow schema under which the rows of a plan are handed out."""
    from pyspark.sql.pandas.types import to_arrow_schema

    return read_schema(to_arrow_schema(frame.schema, timezone="UTC"))


def shape(schema: pa.Schema) -> Shape:
    """Return the shape of a table for rows of ``schema``."""
    return Shape(tuple(Column(field.name, field.type) for field in read_schema(schema)))


def agreed(frame: Any) -> Any:
    """Return a plan in the types of :mod:`payrec.data.engines.rows`.

    Where Spark knows no more than NULL, that is text. Where it made a time with a zone of one without, as DATE_TRUNC
    does, the zone is UTC (see the settings), so taking it off changes no value.
    """
    kinds = {at: _AGREED.get(field.dataType.typeName()) for at, field in enumerate(frame.schema)}
    if not any(kinds.values()):
        return frame
    names = frame.columns
    numbered = frame.toDF(*[f"c{at}" for at in range(len(names))])
    columns = [numbered[f"c{at}"].cast(kind) if kind else numbered[f"c{at}"] for at, kind in kinds.items()]
    return numbered.select(*columns).toDF(*names)


_AGREED = {"void": "string", "timestamp": "timestamp_ntz"}


def fitted(frame: Any, columns: list[str], schema: pa.Schema) -> Any:
    """Return a plan with all columns of a table: its own are those of ``columns``, in order; the others are NULL."""
    from pyspark.sql import functions

    if len(frame.columns) != len(columns) or not set(columns) <= set(schema.names):
        msg = f"found {len(frame.columns)} values for the columns {', '.join(columns)}"
        raise UsageError(f"{msg}\nexpected one for each, and only columns of the table: {', '.join(schema.names)}")
    numbered = frame.toDF(*[f"c{at}" for at in range(len(columns))])
    column_of = {name: numbered[f"c{at}"] for at, name in enumerate(columns)}
    kinds = struct(schema)
    return numbered.select(
        *[column_of.get(field.name, functions.lit(None)).cast(field.dataType).alias(field.name) for field in kinds]
    )


def first_row(frame: Any) -> pa.RecordBatch:
    """Return the first row of a plan, or none if it has none."""
    schema = arrow(frame)
    rows_of_it = frame.limit(1).toArrow().cast(schema).to_batches()
    return rows_of_it[0] if rows_of_it else pa.RecordBatch.from_pylist([], schema)


def made_by(function: RowFunction, frame: Any) -> pa.Schema:
    """Return the columns that a function makes of the rows of a plan, which an empty batch shows."""
    return read_schema(function(pa.RecordBatch.from_pylist([], arrow(frame))).schema)


def mapped(frame: Any, function: RowFunction, schema: pa.Schema, into: str = "") -> Any:
    """Return the plan that sends a function to the workers, and the rows of ``frame`` through it to ``schema``."""
    with whatever_pandas():
        return frame.mapInArrow(in_worker(function, schema, into), struct(schema))


def in_worker(
    function: RowFunction, schema: pa.Schema, into: str
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return ``function`` as Spark's workers call it: with the batches of a partition, in payrec's types."""

    def called(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if batch.num_rows:
                yield rows.fitted(function(normalised(batch, read_schema(batch.schema))), into, schema)

    return called

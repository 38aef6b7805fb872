"""Rows are the same on every engine: reading gives one set of Arrow types, writing fits rows to their table.

SQL type          Arrow type           SQL type     Arrow type
SMALLINT          int16                VARCHAR      string
INTEGER           int32                DATE         date32
BIGINT            int64                TIMESTAMP    timestamp[us], no zone (UTC)
DECIMAL(p, s)     decimal128(p, s)     BOOLEAN      bool
DOUBLE PRECISION  float64              REAL         float32
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from payrec.common.errors import DataRefused, UsageError
from payrec.common.text import sql_identifier

BATCH_ROWS = 122_880  # largest batch read or written at once; DuckDB's own row group

_SQL_TYPES: dict[pa.DataType, str] = {
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float32(): "REAL",
    pa.float64(): "DOUBLE PRECISION",
    pa.bool_(): "BOOLEAN",
    pa.string(): "VARCHAR",
    pa.binary(): "BYTEA",
    pa.date32(): "DATE",
    pa.timestamp("us"): "TIMESTAMP",
}
_ADVICE = {
    "decimal": "CAST it: a sum AS BIGINT, or an amount AS DECIMAL(18, 2)",
    "zone": "CAST it AS TIMESTAMP: times are UTC without zone",
    "other": f"CAST it AS one of {', '.join(_SQL_TYPES.values())} or DECIMAL(p, s)",
}


def query(select: str) -> str:
    """Return ``select`` as it can stand inside other SQL, in parentheses."""
    return select.strip().removesuffix(";") + "\n"  # its last line may be a comment


def sql_type(kind: pa.DataType) -> str:
    """Name in SQL of a type of the table above; other types are refused."""
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    if kind not in _SQL_TYPES:
        expected = ", ".join(map(str, _SQL_TYPES))
        msg = f"found rows of the Arrow type {kind}, which no table keeps\nexpected one of {expected}"
        raise UsageError(msg)
    return _SQL_TYPES[kind]


def read_type(name: str, kind: pa.DataType) -> pa.DataType:
    """Type under which a column is handed out.

    Raises
    ------
    UsageError
        The engines would give different types or values for it.
    """
    if kind in _SQL_TYPES:
        return kind
    if pa.types.is_null(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_timestamp(kind) and kind.tz is None:
        return pa.timestamp("us")
    # a sum of whole numbers or amounts is 38 digits wide on one engine and has no width on the other
    if pa.types.is_decimal128(kind) and kind.precision < 38:
        return kind
    advice = "decimal" if pa.types.is_decimal(kind) else "zone" if pa.types.is_timestamp(kind) else "other"
    msg = f"column {name} has the type {kind}, which the engines do not agree on\n{_ADVICE[advice]}"
    raise UsageError(msg)


def read_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema under which rows are handed out: no metadata, everything may be NULL."""
    return pa.schema([pa.field(field.name, read_type(field.name, field.type)) for field in schema])


def normalised(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return ``batch`` with exactly ``schema``, column by column in order (names may repeat)."""
    columns = []
    for column, field in zip(batch.columns, schema, strict=True):
        try:
            columns.append(column if column.type == field.type else pc.cast(column, field.type))
        except pa.ArrowInvalid as error:  # NaN and infinity in a DECIMAL, or a time finer than a microsecond
            msg = f"column {field.name} has a value that is no {sql_type(field.type)}: {str(error).splitlines()[0]}"
            raise DataRefused(msg) from error
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def rebatched(batches: Iterable[pa.RecordBatch], rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
    """Yield the same rows in batches of exactly ``rows``, the last one shorter; empty batches vanish."""
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        start = 0
        while batch.num_rows - start >= rows - count:
            waiting.append(batch.slice(start, rows - count))
            start += rows - count
            yield _joined(waiting)
            waiting, count = [], 0
        if start < batch.num_rows:
            waiting.append(batch.slice(start))
            count += batch.num_rows - start
    if waiting:
        yield _joined(waiting)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    for batch in batches:
        if not batch.schema.equals(batches[0].schema):
            msg = f"found batches of different columns or types: {batch.schema.names} after {batches[0].schema.names}"
            raise DataRefused(msg)
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


def fitted(batch: pa.RecordBatch, table: str, schema: pa.Schema) -> pa.RecordBatch:
    """Return ``batch`` with all columns of ``table`` in their order and type; a column it lacks is NULL.

    Raises
    ------
    DataRefused
        A column that the table does not have, one that is there twice, or a value that does not fit its type
        without loss.
    """
    names = batch.schema.names
    if len(set(names)) < len(names):
        msg = f"found a column name twice in the rows for {table}: {', '.join(names)}"
        raise DataRefused(msg)
    unknown = [name for name in names if name not in schema.names]
    if unknown:
        msg = f"table {table} has no column {', '.join(unknown)}\nexpected some of: {', '.join(schema.names)}"
        raise DataRefused(msg)
    columns = [
        _cast(batch.column(field.name), field, table)
        if field.name in names and not pa.types.is_null(batch.schema.field(field.name).type)
        else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _cast(column: pa.Array[Any], field: pa.Field[Any], table: str) -> pa.Array[Any]:
    if column.type == field.type:
        return column
    try:
        if pa.types.is_decimal(field.type) and pa.types.is_integer(column.type):
            column = pc.cast(column, pa.decimal128(38, field.type.scale))  # Arrow wants room for any integer first
        converted = pc.cast(column, field.type)
        if pa.types.is_date(field.type) and not pc.cast(converted, column.type).equals(column):
            raise pa.ArrowInvalid("a time of day would be lost")  # Arrow drops it without a word
        return converted
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        reason = str(error).splitlines()[0]
        msg = (
            f"column {field.name} of table {table} takes {sql_type(field.type)}, found {column.type} that does not fit"
        )
        raise DataRefused(f"{msg}: {reason}") from error


def definition(schema: pa.Schema, text_collation: str = "") -> str:
    """Columns of a table for rows of ``schema``, as CREATE TABLE takes them."""
    kinds = [sql_type(read_type(field.name, field.type)) for field in schema]
    return ", ".join(
        f"{sql_identifier(field.name)} {kind}{text_collation if kind == 'VARCHAR' else ''}"
        for field, kind in zip(schema, kinds, strict=True)
    )

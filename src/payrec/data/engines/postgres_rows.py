"""What the PostgreSQL driver reads, in the types that every engine hands out."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from payrec.data.engines.rows import BATCH_ROWS, normalised, read_schema


def _typed(schema: pa.Schema) -> pa.Schema:
    """Give NUMERIC its precision and scale: the driver returns text, with the type modifier as metadata."""
    fields = []
    for field in schema:
        metadata = field.metadata or {}
        kind = field.type
        if metadata.get(b"POSTGRESQL:type") == b"numeric":
            modifier = int(metadata.get(b"POSTGRESQL:typmod", b"-1")) - 4
            precision, scale = (modifier >> 16, modifier & 0x7FF) if modifier >= 0 else (38, 0)
            kind = pa.decimal128(min(precision, 38), scale)  # of any width, or too wide: refused by its 38 digits
        fields.append(pa.field(field.name, kind))
    return pa.schema(fields)


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the columns without the driver's wrapping of types it does not know."""
    columns = [c.storage if isinstance(c, pa.ExtensionArray) else c for c in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def handed_out(reader: pa.RecordBatchReader) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Return the schema, and the rows in batches of at most ``BATCH_ROWS``, as every engine hands them out."""
    schema = read_schema(_typed(reader.schema))
    batches = (normalised(_plain(batch), schema) for batch in reader)
    return schema, (part for batch in batches for part in _slices(batch))


def _slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    for start in range(0, batch.num_rows, BATCH_ROWS):
        yield batch.slice(start, BATCH_ROWS)

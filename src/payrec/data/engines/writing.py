"""How rows get into tables, the same way on every engine: staged, checked for one row per key, then swapped in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import chain
from typing import Protocol

import pyarrow as pa

from payrec.common.errors import DataRefused
from payrec.common.text import sql_identifier, sql_identifiers
from payrec.data.engines import RowFunction
from payrec.data.engines.rows import definition, fitted, query, rebatched


class Reader(Protocol):
    """What answers a query."""

    def read(self, select: str) -> pa.Table:
        """Return all rows of ``select``."""
        ...


class Store(Reader, Protocol):
    """What writing needs of an engine."""

    text_collation: str  # what a text column of a new table needs so that it sorts by bytes

    def run(self, sql: str) -> None:
        """Run one or more statements."""
        ...

    def tables(self) -> frozenset[str]:
        """Names of the tables and views."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing."""
        ...

    def stage(self, table: str) -> str:
        """Make an empty temporary table with the columns of ``table``; return its name."""
        ...

    def columns_to_write(self, table: str, names: list[str]) -> str:
        """Return as SQL the columns that rows with the columns ``names`` fill."""
        ...

    def append(self, table: str, batch: pa.RecordBatch, *, staged: bool) -> None:
        """Add rows to a table, or to a staged one; they have its columns in their order and type."""
        ...

    def move(self, staged: str, table: str, columns: str) -> None:
        """Add the rows of a staged table to its table; ``columns`` is the list of those that the rows have in SQL."""
        ...

    def settled(self, table: str, rows: int) -> None:
        """Do what a table needs after many rows came in."""
        ...


def write(store: Store, table: str, rows: Iterable[pa.RecordBatch], key: tuple[str, ...]) -> int:
    """Put rows into ``table`` in one transaction; see :meth:`payrec.data.engines.Engine.write`."""
    with store.transaction():
        batches = rebatched(rows)
        first = next(batches, None)
        names = [*key, *(first.schema.names if first is not None else [])]
        columns = store.columns_to_write(table, names)
        schema = store.read(f"SELECT {columns} FROM {sql_identifier(table)} LIMIT 0").schema
        expect_key(table, schema, key)
        staged = store.stage(table) if key and _filled(store, table) else None
        written = 0
        for batch in chain([] if first is None else [first], batches):
            store.append(staged or table, fitted(batch, table, schema), staged=staged is not None)
            written += batch.num_rows
        if key and written:
            expect_one_row_per_key(store, staged or table, table, key)
        if key:  # without a staged table, the table was empty
            expect_all(table, written, _count(store, staged or table))
        if staged is not None:
            _swap_in(store, staged, table, schema, key, written)
        store.settled(table, written)
    return written


def write_mapped(
    store: Store, select: str, batches: Iterator[pa.RecordBatch], into: str, key: tuple[str, ...], function: RowFunction
) -> int:
    """Put ``function`` of each batch of ``select`` into table ``into``; see :meth:`payrec.data.engines.Engine.map`."""
    with store.transaction():
        batch = next(batches, None)
        absent = into not in store.tables()
        if batch is None and not absent:
            return 0
        if batch is None:  # no rows: the table is made all the same, so its shape is asked for
            batch = pa.RecordBatch.from_pylist(
                [], store.read(f"SELECT * FROM ({query(select)}) AS shape LIMIT 0").schema
            )
        first = function(batch)
        if absent:
            columns = definition(first.schema, store.text_collation)
            store.run(f"CREATE TABLE {sql_identifier(into)} ({columns})")
        return write(store, into, chain([first], map(function, batches)), key)


def _filled(store: Store, table: str) -> bool:
    return store.read(f"SELECT 1 AS one FROM {sql_identifier(table)} LIMIT 1").num_rows > 0


def expect_key(table: str, schema: pa.Schema, key: tuple[str, ...]) -> None:
    """Refuse a key that the table has no columns for."""
    missing = [name for name in key if name not in schema.names]
    if missing:
        expected = ", ".join(schema.names)
        msg = f"table {table} has no column {', '.join(missing)} to be its key\nexpected some of: {expected}"
        raise DataRefused(msg)


def expect_one_row_per_key(store: Reader, source: str, table: str, key: tuple[str, ...]) -> None:
    """Refuse rows in ``source``, meant for ``table``, that lack a part of the key or share one."""
    columns = sql_identifiers(key)
    unknown = " OR ".join(f"{sql_identifier(name)} IS NULL" for name in key)
    repeated = store.read(
        f"(SELECT {columns} FROM {sql_identifier(source)} WHERE {unknown} LIMIT 1) UNION ALL "
        f"(SELECT {columns} FROM {sql_identifier(source)} GROUP BY {columns} HAVING COUNT(*) > 1 LIMIT 1)"
    )
    if repeated.num_rows:
        values = ", ".join(f"{name} = {value}" for name, value in repeated.to_pylist()[0].items())
        msg = f"rows for table {table} have no key, or share one: {values}\nexpected one row for each {', '.join(key)}"
        raise DataRefused(msg)


def _count(store: Store, table: str) -> int:
    return int(store.read(f"SELECT COUNT(*) AS n FROM {sql_identifier(table)}")["n"][0].as_py())


def expect_all(table: str, written: int, arrived: int) -> None:
    """Refuse a write of which the table has fewer rows, or more, than were handed to it."""
    if arrived != written:
        msg = f"wrote {written:,} rows into table {table}, and it took {arrived:,} of them: nothing is kept"
        raise DataRefused(f"{msg}\na trigger or a rule of the table drops or adds rows: take it off the table")


def _swap_in(store: Store, staged: str, table: str, schema: pa.Schema, key: tuple[str, ...], written: int) -> None:
    same = " AND ".join(f"t.{sql_identifier(name)} = s.{sql_identifier(name)}" for name in key)
    if written:
        store.run(f"DELETE FROM {sql_identifier(table)} AS t USING {sql_identifier(staged)} AS s WHERE {same}")
        store.move(staged, table, sql_identifiers(schema.names))
    store.run(f"DROP TABLE {sql_identifier(staged)}")

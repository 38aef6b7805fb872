"""The company's Spark: its sessions, its catalog, its tables.

``sc://HOST:PORT/?schema=…`` (Spark Connect) and ``spark-session:?schema=…`` (the session of a notebook). The SQL runs
as it stands; tables and their views are those of :mod:`payrec.data.engines.spark_views`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from itertools import chain
from typing import Any, Self

import pyarrow as pa

from payrec.common.errors import MissingExtra, PayrecError, UsageError
from payrec.common.text import sql_identifier
from payrec.data.engines import RowFunction, Rows, spark_lock, spark_session, spark_views
from payrec.data.engines.retry import Interrupted
from payrec.data.engines.rows import BATCH_ROWS, fitted, query, read_schema, rebatched
from payrec.data.engines.sole import SoleProcess
from payrec.data.engines.spark_arrow import PACKED, frame_of, in_worker, schema_of, unpacked
from payrec.data.engines.spark_edits import HANDED_IN, add, carry_out, checked
from payrec.data.engines.spark_session import translated, whatever_pandas
from payrec.data.engines.spark_sql import Column, Shape, spark_type, statements, ticked
from payrec.data.engines.spark_views import Catalog, Part, Table
from payrec.data.engines.spark_workspace import Workspace
from payrec.data.engines.writing import expect_key


class Spark(SoleProcess):
    """An :class:`payrec.data.engines.Engine` over the tables of one schema of a cluster's catalog."""

    name = "spark"
    row_hash = ""  # taking rows out of a table of files costs as much as making it again

    def __init__(self, url: str) -> None:
        self._address = spark_session.address(url)
        if find_spec("pyspark") is None:
            raise MissingExtra("a database address of Spark", "spark")
        self._spark = spark_session.opened(self._address)
        is_own = self._address.catalog in ("", "spark_catalog")  # the session's own, whose views are listed as tables
        form, version = self._address.format or ("parquet" if is_own else ""), spark_session.version(self._spark)
        self._space = Workspace(Catalog(self._spark, form, is_own, takes_scripts=version >= (4, 2)))
        self._depth = 0
        self._failed = False
        self._hashes: dict[str, str] = {}
        if spark_views.JOURNAL in self._space.catalog.names():  # a program was killed as it published
            with self.transaction():
                self._space.lock()

    def __repr__(self) -> str:
        return f"Spark({self._address.server.partition(';')[0]}, {self._address.schema or 'default'})"

    def read(self, select: str) -> pa.Table:
        """Return all rows of ``select``."""
        return self._once_more(lambda: self._space.read(select))

    def _once_more(self, work: Callable[[], pa.Table]) -> pa.Table:
        """Do ``work``, again if another program replaced a table in between."""
        with self._noting():
            try:
                return work()
            except Interrupted:
                if self._depth:
                    raise
                return work()

    def read_batches(self, select: str, through: RowFunction | None = None) -> Generator[pa.RecordBatch, None, None]:
        """Yield the rows of ``select``, or what ``through`` makes of them in Spark's workers."""
        with self._noting(), translated():
            frame = self._space.frame(select)
            schema = schema_of(frame)
            if through:
                schema = read_schema(through(pa.RecordBatch.from_pylist([], schema)).schema)
            with whatever_pandas():
                packed = frame.mapInArrow(in_worker(through, schema, pack=True), PACKED)
            for row in packed.toLocalIterator():
                batch = unpacked(bytes(row[0]), schema.names)
                for start in range(0, batch.num_rows, BATCH_ROWS):
                    yield batch.slice(start, BATCH_ROWS)

    def tables(self) -> frozenset[str]:
        """Names of the tables and views."""
        return self._space.names()

    def fingerprint(self, table: str) -> str:
        """Return a hash of a table's rows, whatever their order."""
        view = self._space.of(table)
        known = str(view.parts) if isinstance(view, Table) else ""  # the files of a part never change
        if not known or known not in self._hashes:
            source = sql_identifier(table)
            columns = [sql_identifier(name) for name in self._space.columns(f"SELECT * FROM {source}").names]
            hashed = ", ".join(f"{column}, {column} IS NULL" for column in columns)
            total = f"CAST(SUM(CAST(xxhash64({hashed}) AS DECIMAL(30, 0))) AS VARCHAR(40))"
            (row,) = self.read(f"SELECT COUNT(*) AS n, {total} AS h FROM {source}").to_pylist()
            self._hashes[known] = f"{row['n']}:{row['h']}"
        return self._hashes[known]

    def run(self, sql: str) -> None:
        """Run one or more statements; several are one transaction."""
        with self._noting():
            parsed = statements(sql)
        if parsed:
            with self.transaction(), self._noting():
                for statement in parsed:
                    carry_out(self._space, statement)

    def view(self, name: str, select: str) -> None:
        """Make or replace view ``name``."""
        with self.transaction(), self._noting():
            if isinstance(self._space.of(name), Table):
                raise UsageError(f"found a table named {name}, expected a view or nothing")
            self._space.change(name, checked(self._space, select))

    def write(self, table: str, rows: Rows, key: tuple[str, ...]) -> int:
        """Insert rows by column name; a known key is replaced."""
        batches: Iterable[pa.RecordBatch] = rows.to_batches(BATCH_ROWS) if isinstance(rows, pa.Table) else rows
        with self.transaction(), self._noting():
            schema = self._space.table(table).schema
            expect_key(table, schema, key)
            part, count = self._handed_in(batches, table, schema)
            if part:
                add(self._space, table, part, key)
        return count

    def _handed_in(self, batches: Iterable[pa.RecordBatch], name: str, schema: pa.Schema) -> tuple[Part | None, int]:
        """Send rows to Spark, batch by batch; return them as a part, and their number."""
        stream = (fitted(batch, name, schema) for batch in rebatched(batches))
        first, second = next(stream, None), next(stream, None)
        if first is None:
            return None, 0
        if second is None and first.num_rows * len(schema) <= spark_views.SMALL_CELLS:
            return Part(spark_views.values(schema, first.to_pylist())), first.num_rows
        count, part = 0, None
        for batch in chain([first], [] if second is None else [second], stream):
            self._see(frame_of, self._spark, pa.Table.from_batches([batch]))
            if part is None:
                part = self._space.written(name, f"SELECT * FROM {HANDED_IN}")
            else:
                self._space.catalog.run(f"INSERT INTO {ticked(part.table)} SELECT * FROM {HANDED_IN}")
            count += batch.num_rows
        return part, count

    @staticmethod
    def _see(frame: Callable[..., Any], *given: object) -> None:
        with translated(), whatever_pandas():
            frame(*given).createOrReplaceTempView(HANDED_IN)

    def map(self, select: str, into: str, key: tuple[str, ...], function: RowFunction) -> int:
        """Stream ``select`` through ``function``, in Spark's workers, into table ``into``."""
        space = self._space
        with self.transaction(), self._noting():
            incoming = space.columns(select)
            if into not in space.names():  # what becomes of the first row shows the columns
                first = self.read(f"SELECT * FROM ({query(select)}) AS first LIMIT 1").combine_chunks().to_batches()
                result = function(first[0] if first else pa.RecordBatch.from_pylist([], incoming))
                columns = (Column(field.name, field.type) for field in read_schema(result.schema))
                space.change(into, Table(Shape(tuple(columns))))
            schema = space.table(into).schema
            kinds = ", ".join(f"{ticked(column.name)} {spark_type(column.type)}" for column in schema)
            self._see(space.frame(select).mapInArrow, in_worker(function, schema, into), kinds)
            part = space.written(into, f"SELECT * FROM {HANDED_IN}")
            rows = space.rows(f"SELECT COUNT(*) AS n FROM {ticked(part.table)}").to_pylist()[0]["n"]
            if rows:
                add(space, into, part, key)
            return int(rows)

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Remember that a statement failed: its transaction can keep nothing."""
        try:
            yield
        except PayrecError:
            self._failed = True
            raise

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; nested calls join the outermost."""
        if self._depth:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
            return
        self._depth, self._failed = 1, False
        try:
            yield
            if self._failed:
                msg = "the transaction was undone: a statement in it failed, and the failure was passed over"
                raise PayrecError(msg)
            self._space.commit()
        finally:
            self._depth = 0
            self._space.end()

    def purge(self) -> None:
        """Drop the tables of former views: with them go the rows that were deleted."""
        with self.transaction(), self._noting():
            for name in self._space.names():
                table = self._space.of(name)
                if isinstance(table, Table) and table.former:
                    self._space.change(name, table)

    def run_lock(self, holder: str, wait_s: float) -> AbstractContextManager[spark_lock.Lock]:
        """Hold the lock of a nightly run, which the catalog keeps."""
        return spark_lock.locked(self._space.catalog, spark_lock.RUN, holder, wait_s)

    def close(self) -> None:
        """Give the session back."""
        self._space.end()
        if self._address.server != spark_session.NOTEBOOK:
            spark_session.give_back(self._spark)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

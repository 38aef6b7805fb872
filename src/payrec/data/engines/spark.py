"""Spark, for what is too large for one machine: ``spark-local://N?warehouse=DIR`` or ``spark://HOST:PORT?warehouse=DIR``.

Tables are Parquet files in the warehouse folder, which every machine of the cluster must see under the same path. The
SQL runs as it stands; keys, rules, DELETE and transactions, which Spark does not have over files, are made here (see
:mod:`payrec.data.engines.spark_catalog` and :mod:`payrec.data.engines.spark_rows`).
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from payrec.common.errors import MissingExtra, PayrecError, UsageError
from payrec.data.engines import RowFunction, Rows, spark_frames, spark_rows, spark_session
from payrec.data.engines.retry import Interrupted
from payrec.data.engines.rows import BATCH_ROWS, normalised, query, read_schema
from payrec.data.engines.sole import SoleProcess
from payrec.data.engines.spark_catalog import Part, State, Table, Warehouse
from payrec.data.engines.spark_session import address, translated
from payrec.data.engines.spark_sql import spelled, statements, words
from payrec.data.engines.spark_statements import do
from payrec.data.engines.writing import expect_key


class Spark(SoleProcess):
    """An :class:`payrec.data.engines.Engine` on Spark, over the Parquet files of one warehouse folder."""

    name = "spark"
    row_hash = ""  # a table is a folder of files: taking rows out of it costs as much as making it anew

    def __init__(self, url: str) -> None:
        self._cluster, folder = address(url)
        if find_spec("pyspark") is None:
            raise MissingExtra("a database address of Spark", "spark")
        self._warehouse = Warehouse(folder)
        self._parts = spark_rows.Parts(self._warehouse)
        self._session: Any = None  # started by the first query: to load rows needs none
        self._shown: dict[str, Table | str] = {}
        self.state = State()  # the tables as they will be, inside of a transaction
        self._depth = 0
        self._failed = False

    def __repr__(self) -> str:
        return f"Spark({self._cluster.master}, {self._warehouse.folder})"

    @property
    def _now(self) -> State:
        return self.state if self._depth else self._warehouse.state()

    def run(self, sql: str) -> None:
        """Run one or more statements; several are one transaction."""
        with self._noting():
            parsed = statements(sql)
        if parsed:
            with self.transaction(), self._noting():
                for statement in parsed:
                    do(self, statement)

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Remember that a statement failed: its transaction can keep nothing."""
        try:
            yield
        except PayrecError:
            self._failed = True
            raise

    def view(self, name: str, select: str) -> None:
        """Make or replace view ``name``."""
        with self._noting(), self.transaction():
            if name in self.state.tables:
                raise UsageError(f"found a table named {name}, expected a view or nothing")
            self.plan(select)
            self.state = self.state.with_view(name, query(select))

    def read(self, select: str) -> pa.Table:
        """Return all rows of ``select``."""
        with self._noting():
            batches, schema = self._answer(select)
            return pa.Table.from_batches(batches, schema)

    def read_batches(self, select: str, through: RowFunction | None = None) -> Generator[pa.RecordBatch, None, None]:
        """Yield the rows of ``select``, or what ``through`` makes of them in Spark's workers."""
        with self._noting():
            batches, _ = self._answer(select, through)
            yield from (batch for batch in batches if batch.num_rows)

    def _answer(self, select: str, through: RowFunction | None = None) -> tuple[Iterator[pa.RecordBatch], pa.Schema]:
        """Ask Spark, once more if another program replaced a table in between."""
        try:
            return self._query(select, through)
        except Interrupted:
            if self._depth:
                raise
            self._shown.clear()
            return self._query(select, through)

    def _query(self, select: str, through: RowFunction | None) -> tuple[Iterator[pa.RecordBatch], pa.Schema]:
        at_hand = None if through else self._parts.at_hand(select, self._now.tables)
        if at_hand is not None:
            return iter(at_hand.to_batches(BATCH_ROWS)), at_hand.schema
        frame = self.plan(select)
        if through:
            frame = spark_frames.mapped(frame, through, spark_frames.made_by(through, frame))
        if self._is_small(select):
            with translated():
                rows = frame.toArrow()
            schema = read_schema(rows.schema)
            return (normalised(batch, schema) for batch in rows.to_batches(BATCH_ROWS)), schema
        names = frame.columns
        stream = self._through_files(frame.toDF(*[f"c{at}" for at in range(len(names))]), names)
        schema = next(stream)
        return stream, schema

    def _through_files(self, frame: Any, names: list[str]) -> Generator[Any, None, None]:
        """Yield the schema, then the rows, which Spark writes first: so the driver never holds them all."""
        with self._warehouse.reading() as path:
            with translated():
                frame.write.parquet(str(path))
            files = sorted(path.glob("part-*.parquet"))
            schema = read_schema(pq.read_schema(files[0]))
            yield pa.schema([field.with_name(name) for field, name in zip(schema, names, strict=True)])
            for file in files:
                for batch in pq.ParquetFile(file).iter_batches(BATCH_ROWS):
                    yield pa.RecordBatch.from_arrays(normalised(batch, schema).columns, names=names)

    def _spark(self) -> Any:
        if self._session is None:
            self._session = spark_session.session(self._cluster)
        return self._session

    def plan(self, select: str) -> Any:
        """Return Spark's plan of a query, in the types that the engines agree on."""
        spark = self._spark()
        self._show(select)
        with translated():
            spark._jsparkSession.sessionState().sqlParser().parseQuery(spelled(select.strip().removesuffix(";")))
            return spark_frames.agreed(spark.sql(spelled(select)))

    def _mentioned(self, select: str) -> list[str]:
        """Tables and views that a query needs, each after those that it needs itself."""
        state, names = self._now, []
        for name in sorted(words(select) & (state.tables.keys() | state.views.keys())):
            inner = self._mentioned(state.views[name]) if name in state.views else []
            names += [one for one in (*inner, name) if one not in names]
        return names

    def _is_small(self, select: str) -> bool:
        tables = self._now.tables
        return sum(tables[name].rows for name in self._mentioned(select) if name in tables) <= spark_rows.SMALL_ROWS

    def _show(self, select: str) -> None:
        """Let Spark see the tables and views of a query as they are now."""
        state, needed = self._now, self._mentioned(select)
        with translated():
            for name in words(select) & (self._shown.keys() - needed):
                self._spark().catalog.dropTempView(name)
                del self._shown[name]
            for name in needed:
                wanted = state.tables.get(name) or state.views[name]
                if self._shown.get(name) != wanted:
                    self._show_one(name, wanted)
                    self._shown[name] = wanted

    def _show_one(self, name: str, wanted: Table | str) -> None:
        ticked = "`" + name.replace("`", "``") + "`"
        if isinstance(wanted, str):
            self._spark().sql(f"CREATE OR REPLACE TEMPORARY VIEW {ticked} AS {spelled(wanted)}")
        elif wanted.rows <= spark_rows.SMALL_ROWS:
            self._spark().createDataFrame(self._parts.rows(wanted)).createOrReplaceTempView(ticked)
        else:
            kinds = spark_frames.struct(wanted.schema)
            files = self._parts.files(wanted.parts)
            self._spark().read.schema(kinds).parquet(*files).createOrReplaceTempView(ticked)

    def write(self, table: str, rows: Rows, key: tuple[str, ...]) -> int:
        """Insert rows by column name; a known key is replaced."""
        batches: Iterable[pa.RecordBatch] = rows.to_batches(BATCH_ROWS) if isinstance(rows, pa.Table) else rows
        with self.transaction():
            schema = self.table(table).schema
            expect_key(table, schema, key)
            return self.add(table, self._parts.written(batches, table, schema), key)

    def map(self, select: str, into: str, key: tuple[str, ...], function: RowFunction) -> int:
        """Stream ``select`` through ``function``, in Spark's workers, into table ``into``."""
        with self._noting(), self.transaction():
            frame = self.plan(select)
            if into not in self.state.tables:  # what becomes of the first row shows the columns
                with translated():
                    first = function(spark_frames.first_row(frame))
                self.create(into, Table(spark_frames.shape(first.schema)))
            schema = self.table(into).schema
            return self.add(into, self._written(spark_frames.mapped(frame, function, schema, into)), key)

    def _written(self, frame: Any) -> Part:
        """Have Spark write the rows of a plan into a new part."""
        folder = self._warehouse.new_part()
        with translated():
            frame.write.parquet(str(self._warehouse.path(folder)))
        return self._parts.counted(folder)

    def table(self, name: str) -> Table:
        """Return a table; one that is not there is refused."""
        table = self._now.tables.get(name)
        if table is None:
            raise UsageError(f"found no table {name} in {self._warehouse.folder}\nmake it first, or check its name")
        return table

    def create(self, name: str, table: Table) -> None:
        """Add a table; a name that is taken is refused."""
        if name in self.state.tables or name in self.state.views:
            raise UsageError(f"found a table or view {name} already, expected none\ndrop it first")
        self.state = self.state.with_table(name, table)

    def add(self, name: str, part: Part, key: tuple[str, ...] = ()) -> int:
        """Judge a part by the rules of a table, and put it beside its others; rows of known keys are replaced."""
        table = self.table(name)
        parts = self._parts.merged(name, table, part, key)
        self.state = self.state.with_table(name, replace(table, parts=parts))
        return part.rows

    def part(self, schema: pa.Schema, select: str, columns: list[str]) -> Part:
        """Write the rows of a query into a part with the columns of a table; ``columns`` says which are given."""
        frame = self.plan(select)
        with translated():
            whole = spark_frames.fitted(frame, columns, schema)
        return self.kept(whole, schema, select)

    def kept(self, frame: Any, schema: pa.Schema, select: str) -> Part:
        """Write the rows of the plan of a query, which has the columns of ``schema``, into a part."""
        if not self._is_small(select):
            return self._written(frame)
        with translated():
            return self._parts.written(frame.toArrow().to_batches(), "", schema)

    def tables(self) -> frozenset[str]:
        """Names of the tables and views."""
        state = self._now
        return frozenset(state.views) | {name for name, table in state.tables.items() if not table.temporary}

    def fingerprint(self, table: str) -> str:
        """Return a hash of a table's rows, whatever their order."""
        return self._parts.fingerprint(self.table(table))

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
        with self._warehouse.locked():
            before = self.state = self._warehouse.state()
            self._depth, self._failed = 1, False
            try:
                yield
                self._commit(before)
            except BaseException:
                self._warehouse.remove(frozenset(self._warehouse.new_parts) - before.folders)
                raise
            finally:
                self._depth = 0
                self._warehouse.new_parts.clear()

    def _commit(self, before: State) -> None:
        if self._failed:
            raise PayrecError("the transaction was undone: a statement in it failed, and the failure was passed over")
        lasting = {name: table for name, table in self.state.tables.items() if not table.temporary}
        after = State(lasting, self.state.views)
        if after != before:
            self._warehouse.commit(after)
        self._warehouse.remove((before.folders | self._warehouse.new_parts) - after.folders)

    def close(self) -> None:
        """Let go of the tables; Spark itself ends with the process."""
        self._shown.clear()
        self._session = None
        self._parts.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

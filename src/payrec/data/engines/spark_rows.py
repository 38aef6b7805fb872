"""Rows on their way into the parts of a warehouse: written, judged by the rules of their table, put beside the others.

All rows that are handed in pass through this process, so it is here that they are judged, by DuckDB over the Parquet
files of the parts; it needs no Spark, and streams whatever the size. Spark answers the queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from payrec.common import duck
from payrec.common.errors import DatabaseUnreachable, DataRefused
from payrec.common.text import sql_identifier, sql_identifiers, sql_literal
from payrec.data.engines.retry import Interrupted
from payrec.data.engines.rows import fitted, rebatched
from payrec.data.engines.spark_catalog import Part, Table, Warehouse
from payrec.data.engines.spark_sql import plain
from payrec.data.engines.writing import expect_one_row_per_key

SMALL_ROWS = 20_000  # up to here rows are handed to Spark from memory: reading files would cost more than the query
_NEW, _OLD = "new_rows", "old_rows"


@contextmanager
def _folder_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, duckdb.IOException) as error:
        msg = f"cannot write to the warehouse folder {folder}: {str(error).splitlines()[0]}"
        raise DatabaseUnreachable(f"{msg}\nwhat was there before is unharmed") from error


class Parts:
    """What can be done with the parts of a warehouse without Spark."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._db = duck.connect(reads_files=True)
        self._hashes: dict[str, int] = {}
        self._tables: dict[tuple[Part, ...], pa.Table] = {}

    def close(self) -> None:
        """Give back what is held."""
        self._db.close()

    def read(self, select: str) -> pa.Table:
        """Return all rows of ``select``, which speaks of ``new_rows`` and ``old_rows``."""
        rows: pa.Table = self._db.sql(select).to_arrow_table()
        return rows

    def written(self, batches: Iterable[pa.RecordBatch], table: str, schema: pa.Schema) -> Part:
        """Write rows, made to fit ``schema``, into a new part; without rows no folder is made."""
        folder, rows = self._warehouse.new_part(), 0
        stream = rebatched(batches)
        first = next(stream, None)
        if first is None:
            return Part(folder, 0)
        path = self._warehouse.path(folder)
        with _folder_errors(path):
            path.mkdir()
            with pq.ParquetWriter(path / "0.parquet", schema) as sink:
                for batch in chain([first], stream):
                    sink.write_batch(fitted(batch, table, schema))
                    rows += batch.num_rows
        return Part(folder, rows)

    def counted(self, folder: str) -> Part:
        """Return a part that Spark has written, with its number of rows."""
        return Part(folder, sum(pq.read_metadata(file).num_rows for file in self.files((Part(folder, 0),))))

    def files(self, parts: Iterable[Part]) -> list[str]:
        """Return the Parquet files of parts, in the order of their rows."""
        return [
            str(file) for part in parts for file in sorted(self._warehouse.path(part.folder).glob("[!_.]*.parquet"))
        ]

    def rows(self, table: Table) -> pa.Table:
        """Return the rows of a small table."""
        parts = tuple(part for part in table.parts if part.rows)
        if not parts:
            return table.schema.empty_table()
        if parts not in self._tables:
            if len(self._tables) > 100:
                self._tables.clear()
            files = self.files(parts)
            try:
                if not files:
                    raise FileNotFoundError
                self._tables[parts] = pa.concat_tables(pq.ParquetFile(file).read() for file in files)
            except FileNotFoundError as error:
                raise Interrupted("a table was replaced while it was read\ntry again") from error
        return self._tables[parts].cast(table.schema)

    def at_hand(self, select: str, tables: dict[str, Table]) -> pa.Table | None:
        """Answer a query without Spark where the catalog or a small table says it all; None: ask Spark."""
        parsed = plain(select)
        table = tables.get(parsed.table) if parsed else None
        if parsed is None or table is None:
            return None
        if parsed.counted:
            return pa.table({"n": pa.array([table.rows], pa.int64())})
        if table.rows > SMALL_ROWS or not set(parsed.columns) <= set(table.schema.names):
            return None
        rows = self.rows(table)
        return rows.select(list(parsed.columns)) if parsed.columns else rows

    def fingerprint(self, table: Table) -> str:
        """Return a hash of a table's rows, whatever their order and the parts they are in."""
        for part in table.parts:
            if part.folder not in self._hashes:
                self._look(_OLD, (part,), table)
                (row_hash,) = self.read(f"SELECT CAST(SUM(hash(t)) AS VARCHAR) AS h FROM {_OLD} AS t")["h"].to_pylist()
                self._hashes[part.folder] = int(row_hash or 0)
        return f"{table.rows}:{sum(self._hashes[part.folder] for part in table.parts)}"

    def merged(self, name: str, table: Table, part: Part, key: tuple[str, ...]) -> tuple[Part, ...]:
        """Judge the rows of a new part; return the parts of the table with it, rows of known keys replaced.

        Parts without any of these keys stay as they are, so that a new day touches no other.

        Raises
        ------
        DataRefused
            A row breaks a rule of the table, or two rows share a key.
        """
        if not part.rows:
            return table.parts
        self._look(_NEW, (part,), table)
        self._expect_rules(name, table)
        if key:
            expect_one_row_per_key(self, _NEW, name, key)
        kept = self._without_known(table, key) if key else table.parts
        for columns in (columns for columns in table.shape.keys if set(columns) != set(key)):
            expect_one_row_per_key(self, _NEW, name, columns)
            self._expect_new(name, table, kept, columns)
        parts = (*kept, part)
        small = sum(one.rows for one in parts) <= SMALL_ROWS and len(parts) > 1
        return (self._copied(parts, table, f"SELECT * FROM {_OLD}"),) if small else parts

    def _look(self, view: str, parts: tuple[Part, ...], table: Table) -> None:
        """Let SQL see the rows of parts under a name, with the columns of their table."""
        names = sql_identifiers(table.schema.names)
        files = self.files(part for part in parts if part.rows)
        if files:
            listing = ", ".join(map(sql_literal, files))
            source = f"SELECT {names}, filename FROM read_parquet([{listing}], filename = true)"
        else:
            self._db.register("_empty", table.schema.empty_table())
            source = f"SELECT {names}, '' AS filename FROM _empty"
        self._db.sql(f"CREATE OR REPLACE TEMP VIEW {view}_and_files AS {source}")
        columns = f"SELECT {names} FROM {view}_and_files"
        self._db.sql(f"CREATE OR REPLACE TEMP VIEW {view} AS {columns}")

    def _expect_rules(self, name: str, table: Table) -> None:
        needed = [f"{sql_identifier(column.name)} IS NOT NULL" for column in table.shape.columns if column.needed]
        rules = [*needed, *table.shape.rules]
        if not rules:
            return
        broken = ", ".join(f"COUNT(*) FILTER (WHERE NOT ({rule}))" for rule in rules)
        (counts,) = self._db.sql(f"SELECT {broken} FROM {_NEW}").fetchall()
        for rule, count in zip(rules, counts, strict=True):
            if count:
                msg = f"found {count} rows for table {name} that break its rule: {rule}"
                raise DataRefused(f"{msg}\nnothing was written; correct the rows, then try again")

    def _expect_new(self, name: str, table: Table, kept: tuple[Part, ...], columns: tuple[str, ...]) -> None:
        self._look(_OLD, kept, table)
        repeated = self.read(
            f"SELECT {sql_identifiers(columns)} FROM {_OLD} SEMI JOIN {_NEW} USING ({sql_identifiers(columns)}) LIMIT 1"
        )
        if repeated.num_rows:
            values = ", ".join(f"{column} = {value}" for column, value in repeated.to_pylist()[0].items())
            msg = f"found a row for table {name} whose key is there already: {values}"
            raise DataRefused(f"{msg}\nexpected one row for each {', '.join(columns)}; nothing was written")

    def _without_known(self, table: Table, key: tuple[str, ...]) -> tuple[Part, ...]:
        """Return the parts without the rows whose key the new rows have; only the parts that have some are remade."""
        self._look(_OLD, table.parts, table)
        select = f"SELECT DISTINCT filename FROM {_OLD}_and_files SEMI JOIN {_NEW} USING ({sql_identifiers(key)})"
        touched = {Path(str(file)).parent.name for file in self.read(select)["filename"].to_pylist()}
        remade = tuple(part for part in table.parts if part.folder in touched)
        kept = tuple(part for part in table.parts if part.folder not in touched)
        if not remade:
            return kept
        rest = self._copied(remade, table, f"SELECT * FROM {_OLD} ANTI JOIN {_NEW} USING ({sql_identifiers(key)})")
        return (*kept, rest) if rest.rows else kept

    def _copied(self, parts: tuple[Part, ...], table: Table, select: str) -> Part:
        self._look(_OLD, parts, table)
        folder = self._warehouse.new_part()
        path = self._warehouse.path(folder)
        with _folder_errors(path):
            path.mkdir()
            target = sql_literal(str(path / "0.parquet"))
            self._db.execute(f"COPY ({select}) TO {target} (FORMAT parquet)")
        return self.counted(folder)

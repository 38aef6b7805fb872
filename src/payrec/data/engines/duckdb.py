"""DuckDB, embedded: one file, one writer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import duckdb
import pyarrow as pa

from payrec.data.engines import Rows
from payrec.errors import DatabaseUnreachable

BATCH_ROWS = 122_880  # DuckDB's own row group


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class DuckDB:
    """An :class:`payrec.data.engines.Engine` on one DuckDB file, or in memory for ``duckdb://``."""

    name = "duckdb"

    def __init__(self, url: str) -> None:
        path = url.removeprefix("duckdb://").removeprefix("/")
        if path not in ("", ":memory:"):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = duckdb.connect(path or ":memory:")
        except (duckdb.IOException, duckdb.BinderException) as error:
            reason = str(error).splitlines()[0]
            msg = f"cannot open the DuckDB file {path}: {reason}\nclose the other program that has it open, or name another file"
            raise DatabaseUnreachable(msg) from error
        self._db.execute("SET TimeZone = 'UTC'")
        self._db.execute("SET enable_progress_bar = false")
        self._depth = 0

    def run(self, sql: str) -> None:
        """Run one or more statements."""
        self._db.execute(sql)

    def view(self, name: str, select: str) -> None:
        """Make or replace view ``name``."""
        self._db.execute(f"CREATE OR REPLACE VIEW {_quoted(name)} AS {select}")

    def read(self, select: str) -> pa.Table:
        """Return all rows of ``select``."""
        return self._db.cursor().execute(select).to_arrow_table() if self._depth == 0 else self._read_inside(select)

    def _read_inside(self, select: str) -> pa.Table:
        # a cursor is another connection: inside a transaction it would not see what was just written
        return self._db.execute(select).to_arrow_table()

    def read_batches(self, select: str) -> Iterator[pa.RecordBatch]:
        """Yield the rows of ``select`` in batches."""
        source = self._db if self._depth else self._db.cursor()
        yield from source.execute(select).to_arrow_reader(BATCH_ROWS)

    def write(self, table: str, rows: Rows, key: tuple[str, ...]) -> int:
        """Insert rows by column name; a known key is replaced."""
        batches = iter(rows.to_batches()) if isinstance(rows, pa.Table) else rows
        written = 0
        with self.transaction():
            for batch in batches:
                self._write_batch(table, batch, key)
                written += batch.num_rows
        return written

    def _write_batch(self, table: str, batch: pa.RecordBatch, key: tuple[str, ...]) -> None:
        columns = ", ".join(_quoted(name) for name in batch.schema.names)
        self._db.register("_payrec_batch", pa.Table.from_batches([batch]))
        try:
            if key:
                same = " AND ".join(f"t.{_quoted(k)} = b.{_quoted(k)}" for k in key)
                self._db.execute(f"DELETE FROM {_quoted(table)} AS t USING _payrec_batch AS b WHERE {same}")
            self._db.execute(f"INSERT INTO {_quoted(table)} ({columns}) SELECT {columns} FROM _payrec_batch")
        finally:
            self._db.unregister("_payrec_batch")

    def map(
        self, select: str, into: str, key: tuple[str, ...], function: Callable[[pa.RecordBatch], pa.RecordBatch]
    ) -> int:
        """Stream ``select`` through ``function`` into table ``into``."""
        written = 0
        with self.transaction():
            reader = self._db.cursor().execute(select).to_arrow_reader(BATCH_ROWS)
            for batch in reader:
                made = function(batch)
                if into not in self.tables():
                    self._db.register("_payrec_shape", pa.Table.from_batches([made]).slice(0, 0))
                    self._db.execute(f"CREATE TABLE {_quoted(into)} AS SELECT * FROM _payrec_shape")
                    self._db.unregister("_payrec_shape")
                self._write_batch(into, made, key)
                written += made.num_rows
        return written

    def tables(self) -> frozenset[str]:
        """Names of the tables and views."""
        found = self._db.execute("SELECT table_name FROM information_schema.tables").fetchall()
        return frozenset(str(row[0]) for row in found)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; nested calls join the outermost."""
        if self._depth == 0:
            self._db.execute("BEGIN TRANSACTION")
        self._depth += 1
        try:
            yield
        except BaseException:
            self._depth -= 1
            if self._depth == 0:
                self._db.execute("ROLLBACK")
            raise
        self._depth -= 1
        if self._depth == 0:
            self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


__all__ = ["BATCH_ROWS", "DuckDB"]

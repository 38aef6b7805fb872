"""DuckDB, embedded: one file, one writing process.

The address takes options: ``duckdb:///payrec.duckdb?memory_limit=2GB&threads=2&temp_directory=/scratch``.
SQL that runs here reaches no other file and no network.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl

import duckdb
import pyarrow as pa

from payrec.common import duck
from payrec.common.errors import DatabaseUnreachable, DataRefused, Locked, PayrecError, UsageError
from payrec.common.text import sql_identifier
from payrec.data.engines import RowFunction, Rows, duckdb_file
from payrec.data.engines.rows import BATCH_ROWS, definition, normalised, read_schema
from payrec.data.engines.sole import SoleProcess
from payrec.data.engines.writing import write, write_mapped

OPTIONS = ("memory_limit", "threads", "temp_directory", "access_mode")
RESTORE = "restore the file from a backup, or move it away and load the exports again: payrec load"
_DAMAGED = re.compile(
    "not a valid DuckDB|read enough bytes|checksum|[Cc]orrupt|[Dd]eserializ|INTERNAL Error|is a directory", re.I
)
_KINDS: tuple[tuple[type[duckdb.Error], type[PayrecError]], ...] = (
    (duckdb.ConstraintException, DataRefused),
    (duckdb.DataError, DataRefused),
    (duckdb.OutOfMemoryException, DatabaseUnreachable),
    (duckdb.IOException, DatabaseUnreachable),
    (duckdb.FatalException, DatabaseUnreachable),
    (duckdb.InternalException, DatabaseUnreachable),
    (duckdb.SerializationException, DatabaseUnreachable),
    (duckdb.ProgrammingError, UsageError),
)


def _payrec_error(error: duckdb.Error) -> PayrecError:
    kind = next((ours for theirs, ours in _KINDS if isinstance(error, theirs)), PayrecError)
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and "^" not in line]
    said = "DuckDB: " + " / ".join(lines[:3])
    if "No space left on device" in said:
        advice = "make room, or name a database on another disk; what was there before is unharmed"
        return DatabaseUnreachable(f"{said}\nthe disk is full: {advice}")
    is_damaged = kind is DatabaseUnreachable and _DAMAGED.search(str(error))
    return kind(f"{said}\nthe database file is damaged: {RESTORE}" if is_damaged else said)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what DuckDB raises into payrec's own errors."""
    try:
        yield
    except duckdb.Error as error:
        raise _payrec_error(error) from error


def _address(url: str) -> tuple[str, dict[str, str]]:
    """File (or ``:memory:``) and options that an address names."""
    address, _, query = url.removeprefix("duckdb://").partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    unknown = [name for name in options if name not in OPTIONS]
    if unknown:
        msg = f"found {', '.join(unknown)} in the address of the DuckDB file, expected some of: {', '.join(OPTIONS)}"
        raise UsageError(msg)
    return address.removeprefix("/") or duck.MEMORY, options


def _opened(path: str, options: dict[str, str]) -> duckdb.DuckDBPyConnection:
    try:
        if path != duck.MEMORY:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        return duck.connect(path, options)
    except (duckdb.Error, OSError) as error:
        reason = str(error).splitlines()[0].split("Error: ", 1)[-1]
        holder = re.search(r"held in (\S+) \(PID (\d+)\)", reason)
        if holder:
            msg = f"the DuckDB file {path} is open in another program: process {holder[2]} ({Path(holder[1]).name})"
            raise Locked(f"{msg}\nwait until it ends or close it, then try again") from error
        advice = (
            RESTORE if _DAMAGED.search(str(error)) else "name another file, or correct its folder, rights or options"
        )
        msg = f"cannot open the DuckDB file {path}: {reason}\n{advice}"
        raise DatabaseUnreachable(msg) from error


class DuckDB(SoleProcess):
    """An :class:`payrec.data.engines.Engine` on one DuckDB file, or in memory for ``duckdb://``."""

    name = "duckdb"
    row_hash = "hash(t)"
    text_collation = ""  # text sorts by bytes as it is

    def __init__(self, url: str) -> None:
        self.path, self._options = _address(url)
        self._db = _opened(self.path, self._options)
        self._depth = 0
        self._temporary_tables = 0  # temporary tables so far, for their names

    def __repr__(self) -> str:
        return f"DuckDB({self.path})"

    def run(self, sql: str) -> None:
        """Run one or more statements; several are one transaction."""
        with _translated():
            statements = duckdb.extract_statements(sql)
        if len(statements) > 1:
            with self.transaction():
                self._do(sql)
        elif statements:
            self._do(sql)

    def _do(self, sql: str) -> None:
        with _translated():
            self._db.execute(sql)
            self._db.complete()  # a result that nobody reads would block the connection

    def view(self, name: str, select: str) -> None:
        """Make or replace view ``name``."""
        self._do(f"CREATE OR REPLACE VIEW {sql_identifier(name)} AS {select}")

    def read(self, select: str) -> pa.Table:
        """Return all rows of ``select``."""
        with _translated(), self._reader() as reader:
            rows = reader.sql(select).to_arrow_table()
        schema = read_schema(rows.schema)
        return pa.Table.from_batches([normalised(batch, schema) for batch in rows.to_batches()], schema)

    @contextmanager
    def _reader(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a connection of its own, or inside a transaction the one that sees what was just written."""
        if self._depth:
            yield self._db
        else:
            with closing(self._db.cursor()) as reader:
                yield reader

    def read_batches(self, select: str, through: RowFunction | None = None) -> Generator[pa.RecordBatch, None, None]:
        """Yield the rows of ``select`` in batches of at most ``BATCH_ROWS``, or what ``through`` makes of each."""
        batches = self._pages(select) if self._depth else self._stream(select)
        return (through(batch) for batch in batches) if through else batches

    def _stream(self, select: str) -> Generator[pa.RecordBatch, None, None]:
        with _translated(), closing(self._db.cursor()) as reader:
            stream = reader.sql(select).to_arrow_reader(BATCH_ROWS)
            schema = read_schema(stream.schema)
            for batch in stream:
                yield normalised(batch, schema)

    def _pages(self, select: str) -> Generator[pa.RecordBatch, None, None]:
        # one connection has one open result, and the transaction may write between two batches: so rows are set aside
        aside = self._temporary_name()
        self._do(f"CREATE TEMP TABLE {sql_identifier(aside)} AS {select}")
        try:
            # rows of an open transaction are numbered on from a very high number
            (bounds,) = self.read(
                f"SELECT MIN(rowid) AS first, MAX(rowid) AS last FROM {sql_identifier(aside)}"
            ).to_pylist()
            for start in range(bounds["first"] or 0, (bounds["last"] or -1) + 1, BATCH_ROWS):
                inside = f"rowid >= {start} AND rowid < {start + BATCH_ROWS}"
                page = self.read(f"SELECT * FROM {sql_identifier(aside)} WHERE {inside} ORDER BY rowid")
                yield page.combine_chunks().to_batches()[0]
        finally:
            with suppress(PayrecError):  # of a transaction that failed nothing is left to drop
                self._do(f"DROP TABLE {sql_identifier(aside)}")

    def write(self, table: str, rows: Rows, key: tuple[str, ...]) -> int:
        """Insert rows by column name; a known key is replaced."""
        return write(self, table, rows.to_batches(BATCH_ROWS) if isinstance(rows, pa.Table) else rows, key)

    def map(self, select: str, into: str, key: tuple[str, ...], function: RowFunction) -> int:
        """Stream ``select`` through ``function`` into table ``into``."""
        with closing(self.read_batches(select)) as batches:
            return write_mapped(self, select, batches, into, key, function)

    def _temporary_name(self) -> str:
        self._temporary_tables += 1
        return f"_payrec_{self._temporary_tables}"

    def stage(self, table: str) -> str:
        """Make an empty temporary table like ``table``."""
        name = self._temporary_name()
        shape = self.read(f"SELECT * FROM {sql_identifier(table)} LIMIT 0").schema
        self._do(f"CREATE TEMP TABLE {sql_identifier(name)} ({definition(shape)})")
        return name

    def columns_to_write(self, table: str, names: list[str]) -> str:
        """Return all columns: rows are added by position."""
        return "*"

    def append(self, table: str, batch: pa.RecordBatch, *, staged: bool) -> None:
        """Add rows to a table; ``staged`` makes no difference here.

        The first row goes alone, here and in :meth:`move`. DuckDB 2.0.0 loses rows if a statement that added none to
        a table is followed, in the same transaction, by one that adds a whole row group to it.
        """
        with _translated():
            for part in (batch.slice(0, 1), batch.slice(1)):
                if part.num_rows:
                    self._db.from_arrow(pa.Table.from_batches([part])).insert_into(sql_identifier(table))

    def move(self, staged: str, table: str, columns: str) -> None:
        """Add the rows of a staged table to its table."""
        for which in ("=", "<>"):
            first = f"rowid {which} (SELECT MIN(rowid) FROM {sql_identifier(staged)})"
            rows = f"SELECT {columns} FROM {sql_identifier(staged)} WHERE {first}"
            self._do(f"INSERT INTO {sql_identifier(table)} ({columns}) {rows}")

    def settled(self, table: str, rows: int) -> None:
        """Nothing is needed here."""

    def fingerprint(self, table: str) -> str:
        """Return a hash of a table's rows in any order."""
        summed = f"CAST(COUNT(*) AS VARCHAR) || ':' || CAST(SUM({self.row_hash}) AS VARCHAR)"
        return str(self.read(f"SELECT {summed} AS f FROM {sql_identifier(table)} AS t")["f"][0].as_py())

    def tables(self) -> frozenset[str]:
        """Names of the tables and views."""
        rows = self.read(
            "SELECT table_name FROM information_schema.tables "
            "WHERE table_schema = 'main' AND table_type <> 'LOCAL TEMPORARY'"
        )
        return frozenset(map(str, rows["table_name"].to_pylist()))

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
        self._do("BEGIN TRANSACTION")
        self._depth = 1
        try:
            yield
            self._expect_alive()
        except BaseException:
            self._depth = 0
            self._undo()
            raise
        self._depth = 0
        self._do("COMMIT")

    def _expect_alive(self) -> None:
        # COMMIT of a transaction in which a statement failed says nothing and keeps nothing
        try:
            self._do("SELECT 1")
        except PayrecError as error:
            msg = "the transaction was undone: a statement in it failed, and the failure was passed over"
            raise PayrecError(msg) from error

    def _undo(self) -> None:
        with suppress(PayrecError):  # DuckDB may have ended it already; either way nothing of it is kept
            self._do("ROLLBACK")

    def purge(self) -> None:
        """Write the file again: deleted rows stay in it otherwise, even after CHECKPOINT and VACUUM (DuckDB 2.0.0)."""
        if self.path == duck.MEMORY:
            return
        self._do("FORCE CHECKPOINT")
        self._db.close()
        try:
            duckdb_file.rewrite(Path(self.path).resolve())
        except (duckdb.Error, OSError) as error:
            msg = f"cannot write {self.path} again without deleted rows: {str(error).splitlines()[0]}\n"
            msg += "the rows are deleted, but parts of them stay in the file; free some space and repeat the command"
            raise DatabaseUnreachable(msg) from error
        finally:
            self._db = _opened(self.path, self._options)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

"""PostgreSQL: statements, bulk reads and binary COPY over ADBC, all of them able to share one transaction.

The address takes libpq's options and ``schema``, ``statement_timeout``, ``lock_timeout``, ``work_mem``:
``postgresql://payrec@db.example/billing?schema=payrec,billing&statement_timeout=600s&sslmode=require``.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Self

import pyarrow as pa

from payrec.common.errors import PayrecError, UsageError
from payrec.common.text import sql_identifier, sql_identifiers, sql_literal, sql_literals
from payrec.data.engines import RowFunction, Rows
from payrec.data.engines.postgres_catalog import OWN_TABLES, TABLES, expect_only_ours_read
from payrec.data.engines.postgres_rows import handed_out
from payrec.data.engines.postgres_session import Session, address
from payrec.data.engines.retry import LostLease, committing, retrying
from payrec.data.engines.rows import BATCH_ROWS, query
from payrec.data.engines.writing import expect_all, write, write_mapped

LOST_LEASE = (
    "the server ended the connection that kept others from reading or rebuilding the layers\n"
    "nothing was changed; run this again"
)
LAYERS_KEY = 0x7061_7972_6C61  # "payrla" in ASCII: the advisory lock of the layers
SETTLE_ROWS = 10_000  # from here on the table is analysed at once; autovacuum would take a minute
VIEW_COMMENT = "made by payrec"  # the comment on our views: only these may be dropped to make room for a new one


class Postgres:
    """An :class:`payrec.data.engines.Engine` on a PostgreSQL database.

    Outside a transaction each call borrows a connection, so that a stream that is being read does not block the next
    call; inside, all calls share the transaction's own. One thread at a time.
    """

    name = "postgres"
    row_hash = "pg_catalog.hash_record_extended(t, 0)"
    text_collation = ' COLLATE "C"'

    def __init__(self, url: str) -> None:
        self.address = address(url)
        self._idle: list[Session] = []
        self._current: Session | None = None  # the session of the open transaction
        self._exclusive: Session | None = None  # the session that keeps others from the layers
        self._temporary_names = 0  # temporary tables and cursors so far, for their names
        self._give_back(self._checked(Session(self.address)))

    def __repr__(self) -> str:
        return f"Postgres({self.address.shown})"

    def _checked(self, session: Session) -> Session:
        for name in self.address.schemas:
            schema = f"pg_catalog.to_regnamespace({sql_literal(sql_identifier(name))})"
            if session.read(f"SELECT {schema} IS NULL AS absent")["absent"][0].as_py():
                session.run(f"CREATE SCHEMA {sql_identifier(name)}")
        return session

    @contextmanager
    def _session(self) -> Iterator[Session]:
        """Give the transaction's session, or lend one."""
        if self._current is not None:
            yield self._current
        else:
            with self._lent() as session:
                yield session

    @contextmanager
    def _lent(self) -> Iterator[Session]:
        """Lend a session that is alive."""
        session = self._borrowed()
        try:
            yield session
        except GeneratorExit:  # a stream that nobody reads to its end: the connection is in the middle of it
            session.close()
            raise
        except BaseException:
            self._give_back(session)
            raise
        self._give_back(session)

    def _borrowed(self) -> Session:
        while self._idle:
            session = self._idle.pop()
            if session.alive():
                return session
            session.close()
        return Session(self.address)

    def _give_back(self, session: Session) -> None:
        if session.state == "idle":
            self._idle.append(session)
        else:
            session.close()

    def run(self, sql: str) -> None:
        """Run one or more statements; several are one transaction."""
        if not re.sub(r"--[^\n]*|[\s;]", "", sql):
            return
        if self._current is not None:
            self._current.run(sql)
        else:
            retrying(lambda: self._run_alone(sql))

    def _run_alone(self, sql: str) -> None:
        with self._lent() as session, committing(session):
            session.run(sql)

    def view(self, name: str, select: str) -> None:
        """Make or replace view ``name``; views of ours that read it are dropped if its columns change."""
        create = f"CREATE OR REPLACE VIEW {sql_identifier(name)} AS {query(select)}"
        with self.transaction():
            self.run("SAVEPOINT view_before")
            try:
                self.run(create)
            except UsageError as error:
                if getattr(error.__cause__, "sqlstate", "") != "42P16":  # the columns it has may not change
                    raise
                self.run("ROLLBACK TO SAVEPOINT view_before")
                expect_only_ours_read(self.read, name, VIEW_COMMENT)
                self.run(f"DROP VIEW {sql_identifier(name)} CASCADE")
                self.run(create)
            self.run(f"COMMENT ON VIEW {sql_identifier(name)} IS {sql_literal(VIEW_COMMENT)}")

    def read(self, select: str) -> pa.Table:
        """Return all rows of ``select``."""
        return self._read(select) if self._current is not None else retrying(lambda: self._read(select))

    def _read(self, select: str) -> pa.Table:
        with self._session() as session, session.stream(query(select)) as reader:
            schema, batches = handed_out(reader)
            return pa.Table.from_batches(list(batches), schema)

    def read_batches(self, select: str, through: RowFunction | None = None) -> Generator[pa.RecordBatch, None, None]:
        """Yield the rows of ``select`` in batches of at most ``BATCH_ROWS``, or what ``through`` makes of each."""
        batches = self._stream(select) if self._current is None else self._pages(self._current, select)
        return (through(batch) for batch in batches) if through else batches

    def _stream(self, select: str) -> Generator[pa.RecordBatch, None, None]:
        with self._lent() as session, session.stream(query(select)) as reader:
            yield from handed_out(reader)[1]

    def _pages(self, session: Session, select: str) -> Generator[pa.RecordBatch, None, None]:
        # the transaction may write between two batches, so its connection may not be in the middle of a COPY
        cursor = sql_identifier(self._temporary_name())
        session.run(f"DECLARE {cursor} NO SCROLL CURSOR FOR {query(select)}")
        try:
            rows = BATCH_ROWS
            while rows == BATCH_ROWS:
                with session.stream(f"FETCH FORWARD {BATCH_ROWS} FROM {cursor}", copied=False) as reader:
                    schema, batches = handed_out(reader)
                    page = pa.Table.from_batches(list(batches), schema).combine_chunks()
                rows = page.num_rows
                yield from page.to_batches()
        finally:
            with suppress(PayrecError):  # of a transaction that failed nothing is left to close
                session.run(f"CLOSE {cursor}")

    def write(self, table: str, rows: Rows, key: tuple[str, ...]) -> int:
        """Insert rows by column name; a known key is replaced."""
        if not isinstance(rows, pa.Table):
            return write(self, table, rows, key)
        if self._current is not None:
            return write(self, table, rows.to_batches(BATCH_ROWS), key)
        return retrying(lambda: write(self, table, rows.to_batches(BATCH_ROWS), key))

    def map(self, select: str, into: str, key: tuple[str, ...], function: RowFunction) -> int:
        """Stream ``select`` through ``function`` into table ``into``."""
        if self._current is not None:
            return self._map(select, into, key, function)
        return retrying(lambda: self._map(select, into, key, function))

    def _map(self, select: str, into: str, key: tuple[str, ...], function: RowFunction) -> int:
        with closing(self.read_batches(select)) as batches:
            return write_mapped(self, select, batches, into, key, function)

    def _temporary_name(self) -> str:
        self._temporary_names += 1
        return f"_payrec_{self._temporary_names}"

    def stage(self, table: str) -> str:
        """Make an empty temporary table like ``table``, without its rules: rows may lack columns that others added."""
        name = self._temporary_name()
        shape = f"TABLE {sql_identifier(table)} WITH NO DATA"
        self.run(f"CREATE TEMP TABLE {sql_identifier(name)} ON COMMIT DROP AS {shape}")
        return name

    def columns_to_write(self, table: str, names: list[str]) -> str:
        """Return the columns of ``table`` among ``names``, as SQL; the others get their default, or are generated."""
        of_table = f"attrelid = pg_catalog.to_regclass({sql_literal(sql_identifier(table))})"
        where = f"{of_table} AND attnum > 0 AND attname IN ({sql_literals(names or ('',))})"
        known = self.read(f"SELECT attname AS name FROM pg_catalog.pg_attribute WHERE {where} ORDER BY attnum")["name"]
        return sql_identifiers(map(str, known.to_pylist())) or "*"

    def append(self, table: str, batch: pa.RecordBatch, *, staged: bool) -> None:
        """Add rows to a table by binary COPY."""
        with self._session() as session:
            schema = None if staged else session.schema_of(table)
            session.ingest(schema, table, batch)

    def move(self, staged: str, table: str, columns: str) -> None:
        """Add the rows of a staged table to its table."""
        source = sql_identifier(staged)
        with self._session() as session:
            moved = session.change(f"INSERT INTO {sql_identifier(table)} ({columns}) SELECT {columns} FROM {source}")
            expect_all(table, session.read(f"SELECT pg_catalog.count(*) AS n FROM {source}")["n"][0].as_py(), moved)

    def settled(self, table: str, rows: int) -> None:
        """Tell the planner about many new rows."""
        if rows >= SETTLE_ROWS:
            self.run(f"ANALYZE {sql_identifier(table)}")

    def fingerprint(self, table: str) -> str:
        """Return a hash of a table's rows in any order."""
        summed = f"CAST(COUNT(*) AS VARCHAR) || ':' || CAST(SUM({self.row_hash}) AS VARCHAR)"
        return str(self.read(f"SELECT {summed} AS f FROM {sql_identifier(table)} AS t")["f"][0].as_py())

    def tables(self) -> frozenset[str]:
        """Names of the tables and views."""
        return frozenset(map(str, self.read(TABLES)["name"].to_pylist()))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; nested calls join the outermost."""
        if self._current is not None:
            yield
            return
        with self._lent() as session:
            session.run("BEGIN")
            self._current = session
            try:
                yield
                session.expect_sound()
                if self._exclusive is not None and not self._exclusive.alive():
                    raise LostLease(LOST_LEASE)
            except BaseException:
                with suppress(PayrecError):  # a lost connection has undone everything
                    session.run("ROLLBACK")
                raise
            finally:
                self._current = None
            with committing(session):
                session.run("COMMIT")

    @contextmanager
    def lease(self, *, exclusive: bool, wait_s: float) -> Iterator[bool]:
        """Hold the lock of the layers on a connection of its own; it ends with the connection at the latest."""
        session = self._borrowed()
        try:
            is_free = session.advisory_lock(LAYERS_KEY, shared=not exclusive, wait_s=wait_s)
            self._exclusive = session if is_free and exclusive else None
            yield is_free
        finally:
            self._exclusive = None
            with suppress(PayrecError):  # a busy server notices late that a connection was closed
                session.run("SELECT pg_catalog.pg_advisory_unlock_all()")
            session.close()

    @contextmanager
    def private(self, views: tuple[str, ...], copies: tuple[str, ...]) -> Iterator[None]:
        """Work in temporary tables of one transaction, which is rolled back."""
        with self._lent() as session:
            session.run("BEGIN")
            self._current = session
            try:
                for kind, name in [*(("VIEW", name) for name in views), *(("TABLE", name) for name in copies)]:
                    source = f"{sql_identifier(session.schema_of(name))}.{sql_identifier(name)}"
                    session.run(f"CREATE TEMP {kind} {sql_identifier(name)} AS SELECT * FROM {source}")
                session.run("SET LOCAL search_path = pg_temp")
                yield
            finally:
                self._current = None
                with suppress(PayrecError):  # a connection that is gone undid everything by itself
                    session.run("ROLLBACK")

    def purge(self) -> None:
        """Write payrec's tables again, and their statistics, which contain frequent values."""
        for name in map(str, self.read(OWN_TABLES)["name"].to_pylist()):
            with self._lent() as session:
                session.run(f"VACUUM (FULL, ANALYZE) {name}")

    def close(self) -> None:
        """Give back all connections; an open transaction is undone."""
        for session in [*self._idle, *([self._current] if self._current else [])]:
            session.close()
        self._idle.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

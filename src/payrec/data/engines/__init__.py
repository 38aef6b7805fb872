"""The one seam between payrec and a database: ``connect(url)`` gives an :class:`Engine`.

``duckdb:///path/file.duckdb`` (embedded, the default), ``duckdb://`` (in memory), ``postgresql://user@host/name``,
``sc://host:15002/?schema=payrec`` (Spark Connect), ``spark-session:?schema=payrec`` (the running session of Spark).
Arrow goes in and out; every other module is blind to which engine it talks to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol, Self

import pyarrow as pa

from payrec.common.errors import UsageError

Rows = pa.Table | Iterator[pa.RecordBatch]
RowFunction = Callable[[pa.RecordBatch], pa.RecordBatch]


class Engine(Protocol):
    """What payrec asks of a database. All text is UTF-8 and sorts by bytes; all times are UTC without zone.

    Errors are payrec's own, the same on every engine: :class:`~payrec.common.errors.UsageError` for SQL that is wrong
    or not allowed, :class:`~payrec.common.errors.DataRefused` for rows that break a rule of their table,
    :class:`~payrec.common.errors.DatabaseUnreachable` for a database that does not answer. A whole transaction that was
    interrupted may be done again by :func:`payrec.data.engines.retry.retrying`; single calls do so themselves.
    One thread at a time.
    """

    name: str
    row_hash: str
    """SQL for a hash of the row ``t``, a whole number; empty where there is no cheap one."""

    def run(self, sql: str) -> None:
        """Run one or more statements separated by semicolons; several are one transaction."""
        ...

    def view(self, name: str, select: str) -> None:
        """Make or replace view ``name``."""
        ...

    def read(self, select: str) -> pa.Table:
        """Return all rows of ``select``, in the Arrow types of :mod:`payrec.data.engines.rows`; others are refused."""
        ...

    def read_batches(self, select: str, through: RowFunction | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the rows of ``select`` in batches of at most ``rows.BATCH_ROWS``, for what may be large.

        With ``through``, what it makes of each batch is yielded instead. It runs where the rows are, on Spark in the
        workers, so it may depend on nothing but its batch; its columns are those that it makes of an empty batch.
        """
        ...

    def write(self, table: str, rows: Rows, key: tuple[str, ...]) -> int:
        """Put rows into an existing table by column name, all or none; a row with a known key replaces the old one.

        Columns of the table that ``rows`` lacks become NULL; a column that the table lacks, a value that does not fit
        without loss, and two rows with one key are refused. An empty key appends. Returns the rows handed in.
        """
        ...

    def map(self, select: str, into: str, key: tuple[str, ...], function: RowFunction) -> int:
        """Stream ``select`` through ``function`` into table ``into`` (made if absent), all or none; return the rows.

        Where there are no rows and no table, ``function`` gets one empty batch, to show the table's columns.
        """
        ...

    def tables(self) -> frozenset[str]:
        """Names of the tables and views that exist in payrec's schema."""
        ...

    def fingerprint(self, table: str) -> str:
        """Return a hash of a table's rows in any order; it changes with any value, and differs by engine."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """Everything inside happens as a whole or not at all. May be nested; the outermost decides."""
        ...

    def lease(self, *, exclusive: bool, wait_s: float) -> AbstractContextManager[bool]:
        """Keep the layers to oneself, or from being rebuilt by others (shared); give whether that was free in time.

        An engine that one process has to itself is always free.
        """
        ...

    def private(self, views: tuple[str, ...], copies: tuple[str, ...]) -> AbstractContextManager[None]:
        """Work in a space of one's own, which sees only these tables and is gone at the end.

        ``views`` are read through, ``copies`` may be changed without a trace. For engines with leases that are not
        always free.
        """
        ...

    def purge(self) -> None:
        """Remove the content of deleted rows from the disk, as far as the engine can; not inside a transaction.

        DuckDB writes its file again, which needs as much free space; PostgreSQL runs ``VACUUM FULL``, which locks each
        table for the time; Spark drops the tables that readers of the former views may still be reading.
        """
        ...

    def close(self) -> None:
        """Give back connections and files."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...


def is_cluster(url: str) -> bool:
    """Say whether ``url`` names the catalog of a Spark."""
    return url.startswith(("sc://", "spark-session:"))


def keeps_lists(url: str) -> bool:
    """Say whether published lists are kept in the database that ``url`` names, rather than in a folder of files.

    A server answers many at a time; an embedded database is for the nightly run alone.
    """
    return url.startswith(("postgresql://", "postgres://")) or is_cluster(url)


def connect(url: str) -> Engine:
    """Open the engine that ``url`` names.

    Raises
    ------
    UsageError
        The url has no known scheme.
    MissingExtra
        The engine's package is not installed.
    DatabaseUnreachable
        The server does not answer or refuses the sign-in.
    """
    scheme = url.split(":", 1)[0]
    if scheme == "duckdb":
        from payrec.data.engines import duckdb

        return duckdb.DuckDB(url)
    if scheme in ("postgresql", "postgres"):
        from payrec.data.engines import postgres

        return postgres.Postgres(url)
    if is_cluster(url):
        from payrec.data.engines import spark

        return spark.Spark(url)
    msg = f"found the database address {scheme}://…, expected duckdb:///FILE, postgresql://USER@HOST/NAME"
    msg += " or sc://HOST:PORT/?schema=NAME"
    if scheme in ("spark", "spark-local"):
        msg += "\nthe warehouse folders of payrec 0.1 are no longer read: start a Spark Connect server"
        msg += "\n(docs/engines.md has the command), and load the exports again into sc://HOST:PORT/?schema=NAME"
    raise UsageError(msg)

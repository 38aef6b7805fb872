"""The tables of a schema as one session sees them: in a transaction as they will be, else as the catalog has them."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any

import pyarrow as pa

from payrec.common.errors import PayrecError, UsageError
from payrec.data.engines import spark_lock, spark_views
from payrec.data.engines.retry import Interrupted
from payrec.data.engines.rows import query
from payrec.data.engines.spark_arrow import arrow_of, handed_out, schema_of
from payrec.data.engines.spark_session import translated
from payrec.data.engines.spark_sql import Column, Shape, in_backticks, spark_type, ticked, words
from payrec.data.engines.spark_views import Catalog, Part, Table

View = Table | str  # a table of payrec's, or the text of a view


class Workspace:
    """What a transaction changes. Nothing of it is seen by others before :meth:`commit`."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._changed: dict[str, View | None] = {}  # None: dropped
        self._before: dict[str, View | None] = {}  # what the catalog has, as far as the transaction looked
        self._listed: frozenset[str] | None = None
        self._seen: set[str] = set()  # temporary views of the session
        self._current: set[str] = set()  # those of them that show the tables as they are now
        self._new_files: set[str] = set()
        self._locks = ExitStack()
        self._lock: spark_lock.Lock | None = None

    # reading

    def frame(self, select: str) -> Any:
        """Return Spark's plan of a query; anything but a query is refused, since it stands in parentheses."""
        self._let_see_changes(select)
        return self.catalog.spark.sql(f"SELECT * FROM (\n{query(in_backticks(select))})")

    def _let_see_changes(self, select: str) -> None:
        if self._changed:
            for name in sorted(words(select) & (self._names() | self._changed.keys())):
                self._let_see(name)

    def _let_see(self, name: str) -> None:
        """Show the session a table that was changed, and a view, which may rest on one."""
        view = None if name in self._current else self.of(name)
        if isinstance(view, str):
            for inner in sorted(words(view) & (self._names() | self._changed.keys()) - {name}):
                self._let_see(inner)
        if isinstance(view, str) or (view and name in self._changed):
            text = view if isinstance(view, str) else view.text()
            self.catalog.run(f"CREATE OR REPLACE TEMPORARY VIEW {ticked(name)} AS {text}")
            self._seen.add(name)
            self._current.add(name)

    def read(self, select: str) -> pa.Table:
        """Return all rows of ``select``."""
        with translated():
            return handed_out(arrow_of(self.frame(select)))

    def rows(self, select: str) -> pa.Table:
        """Return the rows of a query that is in Spark's own words and reads parts of tables."""
        with translated():
            return handed_out(arrow_of(self.catalog.spark.sql(select)))

    def columns(self, select: str) -> pa.Schema:
        """Return the columns of a query, which Spark judges."""
        with translated():
            return schema_of(self.frame(select))

    # tables

    def _names(self) -> frozenset[str]:
        if self._lock is None:
            return spark_views.known(self.catalog.names())
        if self._listed is None:
            self._listed = spark_views.known(self._lock.names)
        return self._listed

    def names(self) -> frozenset[str]:
        """Names of the tables and views."""
        ended = {name for name, view in self._changed.items() if view is None}
        new = {name for name, view in self._changed.items() if isinstance(view, str) or (view and not view.temporary)}
        return (self._names() - ended) | new

    def of(self, name: str) -> View | None:
        """Return a table, or the text of a view; None for what is not there, and for a table of somebody else's."""
        if name in self._changed:
            return self._changed[name]
        if self._lock is not None and name in self._before:
            return self._before[name]
        text = self.catalog.text(name) if name in self._names() else None
        self._before[name] = text and (spark_views.noted(text) or text)
        return self._before[name]

    def table(self, name: str) -> Table:
        """Return a table to change; one that is not there, or not payrec's, is refused."""
        view = self.of(name)
        if isinstance(view, Table):
            return view
        if name in self.names():
            raise UsageError(f"{name} is a table or view of yours: payrec reads it where it lies and never changes it")
        raise UsageError(f"found no table {name} in this schema\nmake it first, or check its name")

    def change(self, name: str, view: View | None) -> None:
        """Put a table or view in the place of the one of that name; None: end it."""
        self.lock()
        self.of(name)  # remember what the catalog has
        self._changed[name] = view
        if view is None and name in self._seen:
            with translated():
                self.catalog.spark.catalog.dropTempView(name)
            self._seen.discard(name)
        self._current.discard(name)  # the next query that names it makes it

    # parts

    def written(self, name: str, select: str) -> Part:
        """Write the rows of a query (in Spark's words) into a new table; return it as a part of ``name``."""
        self.lock()
        part = self.catalog.write(name, select)
        self._new_files.add(part.table)
        return part

    def small_or_written(self, name: str, select: str, schema: pa.Schema, *, is_small: bool) -> tuple[Part, ...]:
        """Return the rows of a query (in Spark's words) as a part; few rows, where they are expected, in its view."""
        most = spark_views.SMALL_CELLS // len(schema)
        if is_small and most:
            few = self.rows(f"SELECT * FROM ({select}) AS few LIMIT {most + 1}")
            if few.num_rows <= most:
                return (Part(spark_views.values(schema, few.to_pylist())),) if few.num_rows else ()
        return (self.written(name, select),)

    def new_table(self, name: str, select: str) -> Table:
        """Write the rows of a query into a new table, in the types that the engines agree on."""
        self._let_see_changes(select)
        part = self.written(name, query(in_backticks(select)))  # Spark judges a long query once: that is dear
        with translated():
            frame = self.catalog.spark.sql(part.select)
            schema = schema_of(frame)
            kinds = [field.dataType.simpleString().upper().replace(",", ", ") for field in frame.schema.fields]
        if kinds != [spark_type(kind) for kind in schema.types]:
            part = self.written(name, casts(part.select, schema, {each: at for at, each in enumerate(schema.names)}))
        return Table(Shape(tuple(Column(field.name, field.type) for field in schema)), (part,))

    # the transaction

    def lock(self) -> None:
        """Keep other programs from changing tables until the end; complete what a killed one has left."""
        if self._lock is None:
            holder = f"process {os.getpid()} on {socket.gethostname()}"
            held = spark_lock.locked(self.catalog, spark_lock.WRITERS, holder, spark_lock.LOCK_WAIT_S)
            self._lock = self._locks.enter_context(held)
            self._before.clear()

    def commit(self) -> None:
        """Show others what was changed, as a whole."""
        if self._lock is None:
            return
        after: dict[str, str | None] = {}
        kept: set[str] = set()
        outdated = set(self._new_files)
        for name, view in self._changed.items():
            before = self._before.get(name)
            final = None if isinstance(view, Table) and view.temporary else view
            if isinstance(before, Table):
                outdated |= {*before.files, *before.former}
            if isinstance(final, Table):
                former = before.files - final.files if isinstance(before, Table) else frozenset()
                final = replace(final, former=tuple(sorted(former)))
                kept |= {*final.files, *final.former}
            if final != before:
                after[name] = final.text() if isinstance(final, Table) else final
        self._publish(after, [f"DROP TABLE IF EXISTS {ticked(table)}" for table in sorted(outdated - kept)])

    def _publish(self, after: dict[str, str | None], cleaning: list[str]) -> None:
        lock = self._lock
        if lock is None:
            return
        forgotten = [f"DROP VIEW IF EXISTS {ticked(name)}" for name in self._seen]
        self._seen.clear()
        self._current.clear()
        held = [lock.still_held()] if after else []
        try:
            self.catalog.publish(after, [*held, *forgotten], [lock.given_back(), *cleaning])
        except PayrecError as error:
            is_of_lock = lock.view in str(error) or "does not support views" in str(error)  # said of none by Iceberg
            if is_of_lock and not lock.is_held():
                raise Interrupted("another program took the lock of the tables away\ntry again") from error
            raise
        lock.is_given_back = True
        self._new_files.clear()

    def end(self) -> None:
        """Drop what was made and not kept, and give the lock back."""
        for name in self._seen:
            with suppress(Exception):
                self.catalog.spark.catalog.dropTempView(name)
        self.catalog.drop(self._new_files)
        self._locks.close()
        self._lock, self._listed = None, None
        for left in (self._changed, self._before, self._seen, self._current, self._new_files):
            left.clear()


def casts(select: str, schema: pa.Schema, position: dict[str, int]) -> str:
    """Return in Spark's words the rows of a query with the columns of ``schema``.

    ``position``: at which place the query has a column; one that it lacks is NULL.
    """
    numbered = ", ".join(f"c{at}" for at in range(len(position)))
    columns = ", ".join(
        f"CAST({f'c{position[field.name]}' if field.name in position else 'NULL'} AS {spark_type(field.type)})"
        f" AS {ticked(field.name)}"
        for field in schema
    )
    return f"SELECT {columns} FROM (\n{query(in_backticks(select))}) AS t({numbered})"

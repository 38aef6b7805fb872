"""What each statement does to the tables of a warehouse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

import pyarrow as pa

from payrec.common.errors import UsageError
from payrec.common.text import sql_identifier, sql_identifiers
from payrec.data.engines import spark_frames
from payrec.data.engines.spark_catalog import Part, State, Table
from payrec.data.engines.spark_sql import Statement, assignments, names, shape


class Tables(Protocol):
    """What the statements need of the engine."""

    state: State  # inside of a transaction: the tables as they will be

    def plan(self, select: str) -> Any:
        """Return Spark's plan of a query."""
        ...

    def table(self, name: str) -> Table:
        """Return a table."""
        ...

    def create(self, name: str, table: Table) -> None:
        """Add a table."""
        ...

    def part(self, schema: pa.Schema, select: str, columns: list[str]) -> Part:
        """Write the rows of a query into a part with the columns of a table; ``columns`` says which are given."""
        ...

    def kept(self, frame: Any, schema: pa.Schema, select: str) -> Part:
        """Write the rows of the plan of a query, which has the columns of ``schema``, into a part."""
        ...

    def add(self, name: str, part: Part) -> int:
        """Judge a part by the rules of a table, and put it beside its others."""
        ...


def do(tables: Tables, statement: Statement) -> None:
    """Do what one statement asks, inside of a transaction."""
    _DO[statement.verb](tables, statement)


def _create(tables: Tables, told: Statement) -> None:
    if not (told.if_there and told.name in tables.state.tables):
        tables.create(told.name, Table(shape(told.body), temporary=told.temporary))


def _create_as(tables: Tables, told: Statement) -> None:
    if told.if_there and told.name in tables.state.tables:
        return
    frame = tables.plan(told.body)
    made = spark_frames.shape(spark_frames.arrow(frame))
    tables.create(told.name, Table(made, temporary=told.temporary))
    tables.add(told.name, tables.kept(frame, made.schema, told.body))


def _view(tables: Tables, told: Statement) -> None:
    if told.name in tables.state.tables or told.name in tables.state.views:
        raise UsageError(f"found a table or view {told.name} already, expected none\ndrop it first")
    tables.plan(told.body)
    tables.state = tables.state.with_view(told.name, told.body)


def _drop(tables: Tables, told: Statement) -> None:
    found = tables.state.views if told.verb == "drop view" else tables.state.tables
    if told.name in found:
        tables.state = tables.state.without(told.name)
    elif not told.if_there:
        raise UsageError(f"found no {told.verb.removeprefix('drop ')} {told.name} to drop")


def _delete(tables: Tables, told: Statement) -> None:
    table = tables.table(told.name)
    kept: tuple[Part, ...] = ()
    if told.body and table.rows:
        columns = table.schema.names
        rest = f"SELECT {sql_identifiers(columns)} FROM {sql_identifier(told.name)} WHERE ({told.body}) IS NOT TRUE"
        part = tables.part(table.schema, rest, columns)
        kept = (part,) if part.rows else ()
    tables.state = tables.state.with_table(told.name, replace(table, parts=kept))


def _update(tables: Tables, told: Statement) -> None:
    table, values = tables.table(told.name), assignments(told.listed)
    columns = table.schema.names
    if not values.keys() <= set(columns):
        raise UsageError(f"found SET {told.listed[:60]}, expected columns of {told.name}: {', '.join(columns)}")
    where = told.body or "1 = 1"
    changed = [
        f"CASE WHEN {where} THEN {values[name]} ELSE {sql_identifier(name)} END"
        if name in values
        else sql_identifier(name)
        for name in columns
    ]
    part = tables.part(table.schema, f"SELECT {', '.join(changed)} FROM {sql_identifier(told.name)}", columns)
    tables.state = tables.state.with_table(told.name, replace(table, parts=()))
    tables.add(told.name, part)


def _insert(tables: Tables, told: Statement) -> None:
    schema = tables.table(told.name).schema
    columns = names(told.listed) if told.listed else schema.names
    tables.add(told.name, tables.part(schema, told.body, columns))


def _alter(tables: Tables, told: Statement) -> None:
    table, more = tables.table(told.name), shape(told.body)
    (column,) = more.columns
    if column.name in table.schema.names:
        if told.if_there:
            return
        raise UsageError(f"found column {column.name} in {told.name} already, expected none")
    before = table.schema.names
    wider = replace(table.shape, columns=(*table.shape.columns, column), rules=(*table.shape.rules, *more.rules))
    part = tables.part(wider.schema, f"SELECT {sql_identifiers(before)} FROM {sql_identifier(told.name)}", before)
    tables.state = tables.state.with_table(told.name, Table(wider))
    tables.add(told.name, part)


def _analyze(tables: Tables, told: Statement) -> None:
    tables.table(told.name)  # Parquet files carry their own figures


def _query(tables: Tables, told: Statement) -> None:
    tables.plan(told.body)


_DO: dict[str, Callable[[Tables, Statement], None]] = {
    "create": _create,
    "create as": _create_as,
    "view": _view,
    "drop table": _drop,
    "drop view": _drop,
    "delete": _delete,
    "update": _update,
    "insert": _insert,
    "alter": _alter,
    "analyze": _analyze,
    "query": _query,
}

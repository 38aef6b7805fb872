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


def _create(tables: Tables, statement: Statement) -> None:
    if not (statement.if_there and statement.name in tables.state.tables):
        tables.create(statement.name, Table(shape(statement.body), temporary=statement.temporary))


def _create_as(tables: Tables, statement: Statement) -> None:
    if statement.if_there and statement.name in tables.state.tables:
        return
    frame = tables.plan(statement.body)
    new_shape = spark_frames.shape(spark_frames.arrow(frame))
    tables.create(statement.name, Table(new_shape, temporary=statement.temporary))
    tables.add(statement.name, tables.kept(frame, new_shape.schema, statement.body))


def _view(tables: Tables, statement: Statement) -> None:
    if statement.name in tables.state.tables or statement.name in tables.state.views:
        raise UsageError(f"found a table or view {statement.name} already, expected none\ndrop it first")
    tables.plan(statement.body)
    tables.state = tables.state.with_view(statement.name, statement.body)


def _drop(tables: Tables, statement: Statement) -> None:
    names_in_use = tables.state.views if statement.verb == "drop view" else tables.state.tables
    if statement.name in names_in_use:
        tables.state = tables.state.without(statement.name)
    elif not statement.if_there:
        raise UsageError(f"found no {statement.verb.removeprefix('drop ')} {statement.name} to drop")


def _delete(tables: Tables, statement: Statement) -> None:
    table = tables.table(statement.name)
    kept: tuple[Part, ...] = ()
    if statement.body and table.rows:
        columns = table.schema.names
        source = f"{sql_identifier(statement.name)} WHERE ({statement.body}) IS NOT TRUE"
        part = tables.part(table.schema, f"SELECT {sql_identifiers(columns)} FROM {source}", columns)
        kept = (part,) if part.rows else ()
    tables.state = tables.state.with_table(statement.name, replace(table, parts=kept))


def _update(tables: Tables, statement: Statement) -> None:
    table, values = tables.table(statement.name), assignments(statement.listed)
    columns = table.schema.names
    if not values.keys() <= set(columns):
        raise UsageError(
            f"found SET {statement.listed[:60]}, expected columns of {statement.name}: {', '.join(columns)}"
        )
    where = statement.body or "1 = 1"
    changed = [
        f"CASE WHEN {where} THEN {values[name]} ELSE {sql_identifier(name)} END"
        if name in values
        else sql_identifier(name)
        for name in columns
    ]
    part = tables.part(table.schema, f"SELECT {', '.join(changed)} FROM {sql_identifier(statement.name)}", columns)
    tables.state = tables.state.with_table(statement.name, replace(table, parts=()))
    tables.add(statement.name, part)


def _insert(tables: Tables, statement: Statement) -> None:
    schema = tables.table(statement.name).schema
    columns = names(statement.listed) if statement.listed else schema.names
    tables.add(statement.name, tables.part(schema, statement.body, columns))


def _alter(tables: Tables, statement: Statement) -> None:
    table, more = tables.table(statement.name), shape(statement.body)
    (column,) = more.columns
    if column.name in table.schema.names:
        if statement.if_there:
            return
        raise UsageError(f"found column {column.name} in {statement.name} already, expected none")
    before = table.schema.names
    wider = replace(table.shape, columns=(*table.shape.columns, column), rules=(*table.shape.rules, *more.rules))
    part = tables.part(wider.schema, f"SELECT {sql_identifiers(before)} FROM {sql_identifier(statement.name)}", before)
    tables.state = tables.state.with_table(statement.name, Table(wider))
    tables.add(statement.name, part)


def _analyze(tables: Tables, statement: Statement) -> None:
    tables.table(statement.name)  # Parquet files carry their own figures


def _query(tables: Tables, statement: Statement) -> None:
    tables.plan(statement.body)


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

"""How statements and rows that are handed in change tables: each change is a new list of the parts of a table."""

from __future__ import annotations

from dataclasses import replace

from payrec.common.errors import DataRefused, UsageError
from payrec.common.text import sql_identifier
from payrec.data.engines.rows import query
from payrec.data.engines.spark_sql import Shape, Statement, assignments, in_backticks, names, shape, spark_type, ticked
from payrec.data.engines.spark_views import Part, Table
from payrec.data.engines.spark_workspace import Workspace, casts
from payrec.data.engines.writing import expect_one_row_per_key

HANDED_IN = "payrec_rows"  # a view of the session on the rows that are being written
MOST_PARTS = 16  # more are put together


def carry_out(space: Workspace, statement: Statement) -> None:
    """Do what one statement says, inside a transaction."""
    verb = statement.verb
    if verb in ("create", "create as", "view"):
        _create(space, statement)
    elif verb in ("drop table", "drop view"):
        _drop(space, statement)
    elif verb == "lock":
        space.lock()  # the one lock of the schema
    elif verb == "query":
        space.columns(statement.body)
    elif verb == "alter":
        _add_column(space, statement)
    elif verb != "analyze":  # tables of files carry their own figures
        _rewrite(space, statement)


def _create(space: Workspace, statement: Statement) -> None:
    name, body = statement.name, statement.body
    if name in space.names() or space.of(name) is not None:
        if statement.if_there:
            return
        raise UsageError(f"found a table or view {name} already, expected none\ndrop it first")
    if statement.verb == "view":
        space.change(name, checked(space, body))
        return
    table = Table(shape(body)) if statement.verb == "create" else space.new_table(name, body)
    space.change(name, replace(table, temporary=statement.temporary))


def checked(space: Workspace, select: str) -> str:
    """Return a query in Spark's words, once Spark has judged it."""
    space.columns(select)
    return query(in_backticks(select)).strip()


def _drop(space: Workspace, statement: Statement) -> None:
    view = space.of(statement.name)
    if view is None and not statement.if_there:
        kind = statement.verb.removeprefix("drop ")
        raise UsageError(f"found no {kind} {statement.name} of payrec's to drop")
    if view is not None and isinstance(view, Table) == (statement.verb == "drop table"):
        space.change(statement.name, None)


def _add_column(space: Workspace, statement: Statement) -> None:
    name, more = statement.name, shape(statement.body)
    (column,) = more.columns
    if column.name in space.columns(f"SELECT * FROM {sql_identifier(name)}").names:
        if statement.if_there:
            return
        raise UsageError(f"found column {column.name} in {name} already, expected none")
    table = space.table(name)
    wider = Shape((*table.shape.columns, column), rules=(*table.shape.rules, *more.rules))
    null = f"CAST(NULL AS {spark_type(column.kind)}) AS {ticked(column.name)}"
    parts = tuple(replace(part, select=f"SELECT *, {null} FROM ({part.select}) AS t") for part in table.parts)
    space.change(name, replace(table, shape=wider, parts=parts))


def _rewrite(space: Workspace, statement: Statement) -> None:
    """Carry out INSERT, UPDATE and DELETE."""
    name, table = statement.name, space.table(statement.name)
    own = table.schema.names
    if statement.verb == "insert":
        given = names(statement.listed) if statement.listed else own
        parts = (*table.parts, *_part(space, name, statement.body, given))
    elif statement.verb == "update":
        values = assignments(statement.listed)
        if not values.keys() <= set(own):
            msg = f"found SET {statement.listed[:60]}, expected columns of {name}: {', '.join(own)}"
            raise UsageError(msg)
        where, quoted = statement.body or "1 = 1", {column: sql_identifier(column) for column in own}
        changed = [
            f"CASE WHEN {where} THEN {values[column]} ELSE {quoted[column]} END" if column in values else quoted[column]
            for column in own
        ]
        parts = _part(space, name, f"SELECT {', '.join(changed)} FROM {sql_identifier(name)}", own)
    else:
        parts = _without(space, name, table, statement.body) if statement.body else ()
    space.change(name, replace(table, parts=_put_together(space, name, table, parts)))


def _part(space: Workspace, name: str, select: str, given: list[str]) -> tuple[Part, ...]:
    """Return the rows of a query as a part of a table; ``given`` says which columns the query has."""
    table, count = space.table(name), len(space.columns(select).names)
    schema = table.schema
    if count != len(given) or not set(given) <= set(schema.names):
        msg = f"found {count} values for the columns {', '.join(given)}"
        raise UsageError(f"{msg}\nexpected one for each, and only columns of the table: {', '.join(schema.names)}")
    rows = casts(select, schema, {column: at for at, column in enumerate(given)})
    parts = space.small_or_written(name, rows, schema, is_small=not table.files)
    for part in parts:
        _expect_rules(space, name, table, part)
    return parts


def _without(space: Workspace, name: str, table: Table, where: str) -> tuple[Part, ...]:
    """Return the parts without the rows of a condition; a part without such rows stays as it is."""
    kept: list[Part] = []
    condition = in_backticks(where)
    for part in table.parts:
        source = f"({part.select}) AS {ticked(name)}"
        counts = f"COUNT(*) AS n, COUNT(CASE WHEN ({condition}) IS TRUE THEN 1 END) AS gone"
        (count,) = space.rows(f"SELECT {counts} FROM {source}").to_pylist()
        if not count["gone"]:
            kept.append(part)
        elif count["gone"] < count["n"]:
            rest = f"SELECT * FROM {source} WHERE ({condition}) IS NOT TRUE"
            kept += space.small_or_written(name, rest, table.schema, is_small=not part.table)
    return tuple(kept)


def _put_together(space: Workspace, name: str, table: Table, parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Merge the small parts, and all where they are many: rows that come every night would leave a table in pieces."""
    merged = parts if len(parts) > MOST_PARTS else tuple(part for part in parts if not part.table)
    if len(merged) < 2:
        return parts
    select = " UNION ALL ".join(part.select for part in merged)
    is_small = not any(part.table for part in merged)
    rest = tuple(part for part in parts if part not in merged)
    return (*rest, *space.small_or_written(name, select, table.schema, is_small=is_small))


def add(space: Workspace, name: str, part: Part, key: tuple[str, ...]) -> None:
    """Judge a part by the rules of a table, and add it to the others; rows of known keys are replaced."""
    table = space.table(name)
    _expect_rules(space, name, table, part)
    parts = table.parts
    if key:
        space.catalog.run(f"CREATE OR REPLACE TEMPORARY VIEW {HANDED_IN} AS {part.select}")
        expect_one_row_per_key(space, HANDED_IN, name, key)
        parts = tuple(kept for old in parts for kept in _unreplaced(space, name, old, part, key))
    space.change(name, replace(table, parts=_put_together(space, name, table, (*parts, part))))


def _unreplaced(space: Workspace, name: str, old: Part, new: Part, key: tuple[str, ...]) -> tuple[Part, ...]:
    using = f"({new.select}) AS n USING ({', '.join(map(ticked, key))})"
    known = space.rows(f"SELECT COUNT(*) AS n FROM ({old.select}) AS o LEFT SEMI JOIN {using}")["n"].to_pylist()
    if known == [0]:
        return (old,)
    rest = f"SELECT * FROM ({old.select}) AS o LEFT ANTI JOIN {using}"
    return space.small_or_written(name, rest, space.table(name).schema, is_small=not old.table)


def _expect_rules(space: Workspace, name: str, table: Table, part: Part) -> None:
    needed = [f"{ticked(column.name)} IS NOT NULL" for column in table.shape.columns if column.needed]
    rules = [*needed, *map(in_backticks, table.shape.rules)]
    if not rules:
        return
    broken = ", ".join(f"COUNT(CASE WHEN NOT ({rule}) THEN 1 END) AS c{at}" for at, rule in enumerate(rules))
    (counts,) = space.rows(f"SELECT {broken} FROM ({part.select}) AS t").to_pylist()
    for rule, count in zip(rules, counts.values(), strict=True):
        if count:
            msg = f"found {count} rows for table {name} that break its rule: {rule.replace('`', '')}"
            raise DataRefused(f"{msg}\nnothing was written; correct the rows, then try again")

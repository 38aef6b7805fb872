"""A source's tables in a PostgreSQL schema, read through the engine as text; nothing is written there."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

import numpy as np
import pyarrow as pa

from payrec.common.errors import DataRefused, UsageError
from payrec.common.text import sql_identifier, sql_literal, sql_literals
from payrec.data.engines import Engine, connect
from payrec.data.load.records import Rows
from payrec.data.sources.export_files import input_of
from payrec.data.sources.packs import Input, Pack

OWN_PATH = "pg_catalog"  # tables are named with their schema, so nobody's functions are on the search path


@dataclass(frozen=True)
class TableColumns:
    """A table: ``names`` of its columns, those in JSON columns as ``a.b``, and the SQL of each as text."""

    engine: Engine
    table: str
    names: tuple[str, ...]
    cells: tuple[str, ...]

    def rows(self, positions: Collection[int]) -> Iterator[Rows]:
        """Yield columns ``c0``, ``c1``, … of these places, and ``line``: the number of the row as it was read."""
        cells = ", ".join(f"{self.cells[position]} AS c{position}" for position in positions)
        read = 0
        for batch in self.engine.read_batches(f"SELECT {cells} FROM {self.table}"):
            lines = pa.array(np.arange(read + 1, read + 1 + batch.num_rows), pa.int64())
            yield Rows(pa.Table.from_batches([batch]).append_column("line", lines), ())
            read += batch.num_rows


@dataclass(frozen=True)
class DatabaseTables:
    """Tables of one schema of a database that another program fills."""

    url: str  # may hold a password: never printed
    schema: str

    def __repr__(self) -> str:
        return f"DatabaseTables(schema={self.schema!r})"

    def exports(self, pack: Pack) -> Iterator[tuple[str, TableColumns, Input]]:
        """Yield the tables of a source with the input that each is.

        Raises
        ------
        DatabaseUnreachable
            The server does not answer or refuses the sign-in.
        DataRefused
            The schema has none of the tables, or a table lacks columns.
        """
        with connect(self.url) as engine:
            columns = _columns_by_table(engine, self.schema)
            named = [(name, each) for each in pack.inputs for name in each.tables if name in columns]
            if not named:
                expected = ", ".join(each.tables[0] for each in pack.inputs)
                raise DataRefused(
                    f"found no table of {pack.name} in schema {self.schema}, expected {expected}\n"
                    "name the schema that the copy is in: ?schema=NAME; the user needs the right to read its tables"
                )
            for name, source_input in named:
                table = f"{sql_identifier(self.schema)}.{sql_identifier(name)}"
                cells = _cells(source_input, columns[name])
                export = TableColumns(engine, table, tuple(cells), tuple(cells.values()))
                yield name, export, input_of(pack, [source_input], export.names, f"table {self.schema}.{name}")


def database_tables(url: str) -> DatabaseTables:
    """Return the tables that ``postgresql://…?schema=NAME`` names; the schema is ``public`` if the address has none.

    Raises
    ------
    UsageError
        The address is of no PostgreSQL database.
    """
    if not re.match(r"postgres(ql)?://", url):
        raise UsageError(
            f"found the address {url.split('://', 1)[0]}://…, expected postgresql://USER@HOST/NAME?schema=SCHEMA\n"
            "files are given by name: payrec load source NAME FILE"
        )
    server, _, query = url.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    schema = options.pop("schema", "public")
    return DatabaseTables(f"{server}?{urlencode({**options, 'schema': OWN_PATH})}", schema)


def _columns_by_table(engine: Engine, schema: str) -> dict[str, dict[str, str]]:
    rows = engine.read(
        "SELECT CAST(table_name AS VARCHAR) AS name, CAST(column_name AS VARCHAR) AS col, "
        "CAST(data_type AS VARCHAR) AS type FROM information_schema.columns "
        f"WHERE table_schema = {sql_literal(schema)} ORDER BY table_name, ordinal_position"
    ).to_pylist()
    tables: dict[str, dict[str, str]] = {}
    for row in rows:
        tables.setdefault(row["name"], {})[row["col"]] = row["type"]
    return tables


def _cells(source_input: Input, types: dict[str, str]) -> dict[str, str]:
    """Return name → SQL of all columns as text, and of the values inside JSON columns that the input names."""
    cells = {name: _text(sql_identifier(name), type_name) for name, type_name in types.items()}
    for headers in source_input.columns.values():
        for header in headers:
            first, *inner = header.split(".")
            if inner and header not in cells and types.get(first) in ("json", "jsonb"):
                cells[header] = f"({sql_identifier(first)} #>> ARRAY[{sql_literals(inner)}])"
    return cells


def _text(column: str, type_name: str) -> str:
    if type_name == "timestamp with time zone":  # the session is in UTC
        column = f"CAST({column} AS TIMESTAMP)"
    if type_name in ("json", "jsonb"):  # a text in JSON comes without its quotes
        return f"({column} #>> ARRAY[]::VARCHAR[])"
    return f"CAST({column} AS VARCHAR)"

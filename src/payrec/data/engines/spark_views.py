"""Tables in the catalog of a Spark cluster: each name is a view over tables that are written once.

A change writes new tables of the catalog's own format (Parquet, Iceberg, Delta), and then replaces the view, which
every catalog does in one step. Where several names change together, the new views are first written down in one more
view, the journal; whoever finds a journal completes it before anything else. A small table has no files: its rows stand
in its view.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from payrec.common.errors import PayrecError, UsageError
from payrec.data.engines.spark_session import translated
from payrec.data.engines.spark_sql import Column, Shape, arrow_type, spark_type, ticked

JOURNAL = "payrec_journal"
SMALL_CELLS = 300  # up to here rows stand in the view: a file and its job would cost more than the query
COMMITS = 5
_OURS = re.compile(rf"\w+__[0-9a-f]{{8}}|{JOURNAL}|\w+__lock_\d+")
_VIEW = re.compile(r"CREATE [^\n]*\bVIEW\b.*?\nAS\s(.*)", re.DOTALL)
_NOTE = re.compile(r"/\* payrec (\{.*?\}) \*/")


@dataclass(frozen=True)
class Part:
    """Rows of a table: a SELECT, and the table that it reads; none where the rows stand in the SELECT itself."""

    select: str
    table: str = ""


@dataclass(frozen=True)
class Table:
    """A table: its columns and rules, and the parts that hold its rows.

    ``former``: tables of the view before, which readers may still be reading; the next change drops them.
    """

    shape: Shape
    parts: tuple[Part, ...] = ()
    former: tuple[str, ...] = ()
    temporary: bool = False

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema of the rows."""
        return self.shape.schema

    @property
    def files(self) -> frozenset[str]:
        """Tables of the catalog that hold the rows."""
        return frozenset(part.table for part in self.parts if part.table)

    def text(self) -> str:
        """Return the text of the view; what it does not say of itself stands in a comment of it."""
        columns = [[column.name, spark_type(column.kind), column.needed] for column in self.shape.columns]
        parts = [[part.select, part.table] for part in self.parts]
        note = {"columns": columns, "rules": self.shape.rules, "parts": parts, "former": self.former}
        names = ", ".join(ticked(column.name) for column in self.shape.columns)
        rows = " UNION ALL ".join(part.select for part in self.parts) or values(self.schema, [])
        return f"SELECT /* payrec {_comment(note)} */ {names} FROM ({rows}) AS parts"


def _comment(note: dict[str, Any]) -> str:
    return json.dumps(note).replace("/", "\\u002f")  # so that it cannot end or begin a comment


def _listed(tables: Any) -> frozenset[str]:
    return frozenset(row["tableName"] for row in tables.collect() if not row["isTemporary"])


def known(names: Iterable[str]) -> frozenset[str]:
    """Return those of ``names`` that people know: no parts, journal or locks."""
    return frozenset(name for name in names if not _OURS.fullmatch(name))


def noted(text: str) -> Table | None:
    """Return the table whose view has this text; None for a view that is no table of payrec's."""
    match = _NOTE.search(text)
    if match is None:
        return None
    note = json.loads(match[1])
    kinds = [(str(name), arrow_type(word) or pa.string(), bool(needed)) for name, word, needed in note["columns"]]
    parts = tuple(Part(str(select), str(table)) for select, table in note["parts"])
    return Table(
        Shape(tuple(Column(*kind) for kind in kinds), rules=tuple(note["rules"])), parts, tuple(note["former"])
    )


def values(schema: pa.Schema, rows: list[dict[str, Any]]) -> str:
    """Return the SELECT in which these rows stand."""
    casts = ", ".join(
        f"CAST(c{at} AS {spark_type(column.type)}) AS {ticked(column.name)}" for at, column in enumerate(schema)
    )
    aliases = ", ".join(f"c{at}" for at in range(len(schema)))
    listed = ", ".join(f"({', '.join(literal(row[name]) for name in schema.names)})" for row in rows)
    if not rows:
        return f"SELECT {casts} FROM VALUES ({', '.join('NULL' for _ in schema)}) AS r({aliases}) WHERE 1 = 0"
    return f"SELECT {casts} FROM VALUES {listed} AS r({aliases})"


def literal(value: Any) -> str:
    """Return a value as it stands in SQL, as text or NULL."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    text = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"


def _replaced(changes: dict[str, str | None]) -> list[str]:
    journal = {JOURNAL: None} if len(changes) > 1 else {}
    return [
        f"DROP VIEW IF EXISTS {ticked(name)}" if text is None else f"CREATE OR REPLACE VIEW {ticked(name)} AS {text}"
        for name, text in (changes | journal).items()
    ]


@dataclass(frozen=True)
class Catalog:
    """The schema of a catalog, as one session sees it; ``using``: the format of new tables, empty: the catalog's."""

    spark: Any
    using: str = ""
    lists_views: bool = True  # SHOW TABLES has them too
    takes_scripts: bool = True  # Spark 4.1 takes them, but hides what went wrong in one

    def run(self, sql: str) -> Any:
        """Run one statement; return its rows as Spark has them.

        Where another statement changed the same view of Iceberg meanwhile, nothing was changed, and it is run again.
        """
        for rest in reversed(range(COMMITS)):
            try:
                with translated():
                    return self.spark.sql(sql)
            except PayrecError as error:
                if not rest or "CommitFailedException" not in str(error):
                    raise
        return None

    def names(self) -> frozenset[str]:
        """Names of all tables and views of the schema, those of payrec's own making included."""
        with translated():
            listed = _listed(self.spark.sql("SHOW TABLES"))
            views = [] if self.lists_views else self.spark.sql("SHOW VIEWS").collect()
        return listed | {row["viewName"] for row in views if not row["isTemporary"]}

    def creating(self, name: str) -> str:
        """Return the statement that makes a table or view; empty if there is none of this name."""
        try:
            (row,) = self.run(f"SHOW CREATE TABLE {ticked(name)}").collect()
        except UsageError:
            return ""
        return str(row[0])

    def text(self, name: str) -> str | None:
        """Return the text of a view; None if there is none of this name, or if it is a table."""
        match = _VIEW.fullmatch(self.creating(name))
        return match[1] if match else None

    def write(self, name: str, select: str) -> Part:
        """Write the rows of a query into a new table; return it as a part of table ``name``."""
        table = f"{name}__{secrets.token_hex(4)}"
        using = f" USING {self.using}" if self.using else ""
        self.run(f"CREATE TABLE {ticked(table)}{using} AS {select}")
        return Part(f"SELECT * FROM {ticked(table)}", table)

    def drop(self, tables: Iterable[str]) -> None:
        """Drop tables; one that resists is left to the next who cleans."""
        for table in tables:
            with suppress(PayrecError):
                self.run(f"DROP TABLE IF EXISTS {ticked(table)}")

    def run_all(self, statements: list[str]) -> None:
        """Run statements one after another, in one message where the server takes scripts."""
        if len(statements) > 1 and self.takes_scripts:
            script = "\n;\n".join(statements)  # the last line of a statement may be a comment
            statements = [f"BEGIN\n{script}\n;\nEND"]
        for statement in statements:
            self.run(statement)

    def publish(self, changes: dict[str, str | None], before: list[str], after: list[str]) -> None:
        """Replace views as a whole: ``changes`` has the new text of each, None where it ends.

        ``before`` and ``after`` are run around it; if ``before`` fails, nothing is changed.
        """
        journal = []
        if len(changes) > 1:
            journal = [f"CREATE OR REPLACE VIEW {JOURNAL} AS SELECT /* payrec {_comment(changes)} */ 1 AS one"]
        self.run_all([*before, *journal, *_replaced(changes), *after])

    def recover(self, names: frozenset[str]) -> None:
        """Complete the journal of a program that ended while it published; drop tables that no view reads."""
        if JOURNAL in names:
            match = _NOTE.search(self.text(JOURNAL) or "")
            if match:
                self.run_all(_replaced(json.loads(match[1]) | {JOURNAL: None}))
        names = self.names()
        tables = [table for name in known(names) if (table := noted(self.text(name) or ""))]
        kept = {name for table in tables for name in (*table.files, *table.former)}
        self.drop(name for name in names - kept if re.fullmatch(r"\w+__[0-9a-f]{8}", name))

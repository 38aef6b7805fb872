"""A file's rows in an embedded database of their own: as text, then as values, with what is wrong marked.

Tables or views made in this order: ``staged`` (line, s0, s1, … as text, or as values if they are plain, rest: a hash of
the columns not read, sparse: the cells of a row that may be no record), ``bad_lines``, ``report_lines`` and ``kept``
(by ``selection``: the records that are meant), ``typed`` (line, our columns, ok, row_hash) and ``dropped`` (lines of
duplicates).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from payrec.common.errors import DataRefused
from payrec.common.text import sql_literal, sql_literals
from payrec.data.load import plain_columns, report_lines, whole_ids
from payrec.data.load.layout import LoadPlan
from payrec.data.load.origins import FromColumn
from payrec.data.load.plain_columns import Plain
from payrec.data.load.readings import TYPES, Reading, staged_text
from payrec.data.load.records import Rows
from payrec.data.load.tables import FileTable

HELD = "held"  # the rows in memory that ``staged`` is a view of
HELD_BYTES = 400_000_000  # beyond it rows go into a table, which may go to the disk
WAITING_BYTES = 32_000_000  # inserted at once: row groups are filled
MOST_READINGS = 5  # of a file; in the last one no column is plain
LONGEST = 4_000  # characters that are kept of a cell; every column takes fewer
BAD_LINES = 100_000  # up to here a file may consist of bad lines


@dataclass(frozen=True)
class Staged:
    """How many rows and bad lines a file has, its plain columns, and the rows, if they are in memory."""

    count: int
    plain: Plain
    rows: pa.Table | None

    def names(self) -> list[str]:
        """Names of our columns that are plain."""
        return [column.name for column in self.plain.values()]


def stage(db: duckdb.DuckDBPyConnection, table: FileTable, plan: LoadPlan, now: datetime | None) -> Staged:
    """Put all rows into ``staged``, the bad lines into ``bad_lines``; their order is that of ``line`` alone.

    If a value is not plain, the file is read again from its start, and its column as text.

    Raises
    ------
    DataRefused
        Most of the first lines are no rows.
    """
    plain, readings = plain_columns.candidates(plan), 1
    while True:
        try:
            return _stage(db, table.rows(plan.positions), plan, (plain, now))
        except _NotPlain as others:
            readings += 1
            plain = {
                at: column for at, column in plain.items() if readings < MOST_READINGS and at not in others.positions
            }
            db.execute("DROP TABLE IF EXISTS staged; DROP TABLE bad_lines")


class _NotPlain(Exception):
    """Columns that are not plain, by position: the next reading takes them as text."""

    def __init__(self, positions: Iterable[int]) -> None:
        super().__init__()
        self.positions = frozenset(positions)


def _stage(
    db: duckdb.DuckDBPyConnection, rows: Iterable[Rows], plan: LoadPlan, read_as: tuple[Plain, datetime | None]
) -> Staged:
    db.execute("CREATE TABLE bad_lines (line BIGINT, text VARCHAR, reason VARCHAR)")
    held = _Held(db, plan)
    count, bad_count = 0, 0
    for batch in rows:
        count += batch.table.num_rows + len(batch.bad)
        bad_count += len(batch.bad)
        _check_bad_lines(bad_count, count, plan)
        if batch.bad:
            bad = [{"line": each.line, "text": each.text, "reason": each.reason} for each in batch.bad]
            with _registered(db, pa.Table.from_pylist(bad)):
                db.execute("INSERT INTO bad_lines SELECT line, text, reason FROM incoming")
        is_sparse = report_lines.are_sparse(batch.table, plan)
        if is_sparse and read_as[0]:  # what lines hold that are no records is text
            raise _NotPlain(read_as[0])
        held.add(_cells(batch.table, plan, *read_as), _others(db, batch.table, plan, is_sparse=is_sparse))
    return Staged(count, read_as[0], held.close())


def _check_bad_lines(bad: int, count: int, plan: LoadPlan) -> None:
    """Refuse early what is no table at all, before its bad lines fill memory and disk."""
    if bad > BAD_LINES and 2 * bad > count:
        raise DataRefused(
            f"{plan.file}: {bad:,} of the first {count:,} lines do not have {len(plan.dialect.header)} columns\n"
            "nothing was loaded; is this the right file, and the right delimiter?"
        )


def _cells(table: pa.Table, plan: LoadPlan, plain: Plain, now: datetime | None) -> pa.Table:
    """Return ``line`` and the columns that are read: trimmed, NULL where they are empty, plain ones as values.

    Raises
    ------
    _NotPlain
        The columns that have other values.
    """
    names = [f"c{position}" for position in plan.positions]
    texts: list[Any] = [_cut(pc.utf8_trim_whitespace(table.column(name))) for name in names]  # in SQL ten times dearer
    columns = {at: _filled(each) for at, each in zip(plan.positions, texts, strict=True)}
    columns |= {at: plain_columns.typed(columns[at], column, now) for at, column in plain.items()}
    if others := [at for at, values in columns.items() if values is None]:
        raise _NotPlain(others)
    return pa.table([table.column("line"), *columns.values()], names=["line", *names])


def _cut(cells: Any) -> Any:
    """Cut what is too long for any column, and mark it, so that it is rejected as before and fits into memory."""
    longest: int = pc.max(pc.binary_length(cells)).as_py() or 0
    if longest <= LONGEST:
        return cells
    long: Any = pc.greater(pc.utf8_length(cells), pa.scalar(LONGEST))
    start: Any = pc.binary_join_element_wise(pc.utf8_slice_codeunits(cells, 0, LONGEST), "…", "")
    return pc.if_else(long, start, cells)


def _filled(cells: Any) -> Any:
    if pc.min(pc.binary_length(cells)).as_py() != 0:
        return cells
    return pc.if_else(pc.equal(cells, pa.scalar("")), pa.scalar(None, pa.string()), cells)


def _others(db: duckdb.DuckDBPyConnection, table: pa.Table, plan: LoadPlan, *, is_sparse: bool) -> pa.Table:
    """Return ``rest`` of the rows, a hash of the columns that are not read, and the cells of those that are sparse."""
    unused = [f"c{position}" for position in range(len(plan.dialect.header)) if position not in plan.positions]
    if not unused and not is_sparse:
        return table.select([])
    rest = f"hash({', '.join(unused)})" if unused else "CAST(0 AS UBIGINT)"
    sparse = f", {report_lines.sparse_sql(plan)} AS sparse" if is_sparse else ""
    with _registered(db, table):
        rows: pa.Table = db.sql(f"SELECT {rest} AS rest{sparse} FROM incoming").to_arrow_table()
    return rows


@contextmanager
def _registered(db: duckdb.DuckDBPyConnection, rows: pa.Table) -> Iterator[None]:
    db.register("incoming", rows)
    yield
    db.unregister("incoming")


class _Held:
    """Rows on their way into ``staged``: a view of rows in memory, or a table if they are many."""

    def __init__(self, db: duckdb.DuckDBPyConnection, plan: LoadPlan) -> None:
        self._db, self._plan = db, plan
        self._tables: list[pa.Table] = []
        self._bytes = 0
        self._is_table = False

    def add(self, cells: pa.Table, others: pa.Table) -> None:
        """Add rows, and what is known of their other columns."""
        for name in others.column_names:
            cells = cells.append_column(name, others.column(name))
        self._tables.append(cells)
        self._bytes += cells.nbytes
        if self._bytes > (WAITING_BYTES if self._is_table else HELD_BYTES):
            self._insert()

    def close(self) -> pa.Table | None:
        """Leave all rows in ``staged``; return them if they are in memory."""
        if self._is_table:
            self._insert()
        if self._is_table or not self._tables:
            return None
        rows = pa.concat_tables(self._tables, promote_options="default")
        self._db.register(HELD, rows)
        self._db.execute(f"CREATE VIEW staged AS {self._select(rows, HELD)}")
        return rows

    def _insert(self) -> None:
        if not self._tables:
            return
        rows = pa.concat_tables(self._tables, promote_options="default")
        with _registered(self._db, rows):
            into = "INSERT INTO staged" if self._is_table else "CREATE TABLE staged AS"
            self._db.execute(f"{into} {self._select(rows, 'incoming')}")
        self._tables, self._bytes, self._is_table = [], 0, True

    def _select(self, rows: pa.Table, source: str) -> str:
        rest = "rest" if "rest" in rows.column_names else "CAST(0 AS UBIGINT) AS rest"
        sparse = f"CAST({'sparse' if 'sparse' in rows.column_names else 'NULL'} AS VARCHAR[]) AS sparse"
        cells = "".join(f", {_cell(f'c{at}', self._plan.mapping.empty)} AS s{at}" for at in self._plan.positions)
        return f"SELECT line, {rest}, {sparse}{cells} FROM {source}"


def _cell(column: str, empty: tuple[str, ...]) -> str:
    if not empty:
        return column
    words = sql_literals([word.strip().lower() for word in empty])
    return f"CASE WHEN lower({column}) NOT IN ({words}) THEN {column} END"


def is_view(db: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether ``staged`` or ``typed`` is no table."""
    return number(db, f"SELECT COUNT(*) FROM duckdb_views() WHERE view_name = {sql_literal(name)}") > 0


def as_table(db: duckdb.DuckDBPyConnection, name: str) -> None:
    """Turn ``staged`` or ``typed`` into a table, so that it can be updated, if it is a view."""
    if is_view(db, name):
        db.execute(
            f"CREATE TABLE {name}_table AS FROM {name}; DROP VIEW {name}; ALTER TABLE {name}_table RENAME TO {name}"
        )


def read_whole_ids(db: duckdb.DuckDBPyConnection, plan: LoadPlan) -> tuple[str, ...]:
    """Read ids that a program made decimals (``12345.0``) without the point, where a column has whole numbers alone.

    Returns
    -------
    tuple
        A note for each such column.
    """
    notes = []
    ids = [each for each in plan.columns if each.column.name.endswith("_id") and isinstance(each.origin, FromColumn)]
    for planned in ids:
        if whole_ids.have_points(db, staged_text(planned.origin), "kept"):
            as_table(db, "staged")
            for table in ("staged", "carried") if plan.carried else ("staged",):
                whole_ids.drop_points(db, table, (f"s{position}" for position in planned.positions()))
            notes.append(whole_ids.note([planned.column.name]))
    return tuple(notes)


def example(struct: object) -> tuple[str, int] | None:
    """Return a struct (line, text) of SQL as (text, line), cut for a message."""
    if isinstance(struct, dict):
        struct = tuple(struct.values())
    return (str(struct[1])[:40], int(struct[0])) if isinstance(struct, tuple) else None


def type_rows(db: duckdb.DuckDBPyConnection, readings: tuple[Reading, ...], plan: LoadPlan) -> None:
    """Make ``parsed`` (a view: r_… and p_… of each column) and ``typed`` of ``kept``: a view, if all is plain."""
    steps = [f"{each.text} AS r_{each.column.name}, {each.value} AS p_{each.column.name}" for each in readings]
    db.execute(f"CREATE VIEW parsed AS SELECT *, {', '.join(steps)} FROM kept")
    values = []
    for each in readings:
        value = f"p_{each.column.name}"
        value = value if each.accepted == "TRUE" else f"CASE WHEN {each.accepted} THEN {value} END"
        values.append(f"CAST({value} AS {TYPES[each.column.holds]}) AS {each.column.name}")
    bad = " OR ".join(each.bad for each in readings if not each.is_plain) or "FALSE"
    staged = [f"s{position}" for position in plan.positions]
    row_hash = f"hash({', '.join(['rest', *staged])})"
    kind = "VIEW" if all(each.is_plain for each in readings) else "TABLE"
    db.execute(
        f"CREATE {kind} typed AS SELECT line, {', '.join(values)}, NOT ({bad}) AS ok, {row_hash} AS row_hash "
        "FROM parsed"
    )


def first_row(db: duckdb.DuckDBPyConnection, select: str) -> tuple[Any, ...]:
    """Return the first row of a SELECT (all are fetched: the connection allows no unfinished result)."""
    return tuple(db.execute(select).fetchall()[0])


def number(db: duckdb.DuckDBPyConnection, select: str) -> int:
    """Return the one number that a SELECT gives."""
    return int(first_row(db, select)[0])


def count(db: duckdb.DuckDBPyConnection, table: str) -> int:
    """Return the number of rows of a table or of a SELECT in brackets."""
    return number(db, f"SELECT COUNT(*) FROM {table}")

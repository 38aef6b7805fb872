"""A file's rows in an embedded database of their own: as text, then as values, with what is wrong marked.

Tables made in this order: ``staged`` (line, s0, s1, …, rest: a hash of the columns not read, sparse: the cells of a
row that may be no record), ``bad_lines``, ``report_lines`` and ``kept`` (by ``selection``: the records that are meant),
``typed`` (line, our columns, ok, row_hash) and ``dropped`` (lines of duplicates).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from payrec.common.errors import DataRefused
from payrec.common.text import sql_literal, sql_literals
from payrec.data.load import dates, numbers, report_lines, zones
from payrec.data.load.layout import LoadPlan
from payrec.data.load.origins import Absent, FromColumn, Shift
from payrec.data.load.readings import TYPES, Form, Reading, staged_text, text_of, texts_of
from payrec.data.load.records import Rows

GROUP_ROWS = 122_880  # a row group of DuckDB
WAITING_BYTES = 256_000_000
LONGEST = 4_000  # characters that are kept of a cell; every column takes fewer
BAD_LINES = 100_000  # up to here a file may consist of bad lines


def stage(db: duckdb.DuckDBPyConnection, rows: Iterable[Rows], plan: LoadPlan) -> int:
    """Put all rows into ``staged`` and the bad lines into ``bad_lines``; return how many of both there were.

    Raises
    ------
    DataRefused
        Most of the first lines are no rows.
    """
    positions = plan.positions
    unused = [f"c{position}" for position in range(len(plan.dialect.header)) if position not in positions]
    columns = "".join(f", s{position} VARCHAR" for position in positions)
    db.execute(f"CREATE TABLE staged (line BIGINT, rest UBIGINT, sparse VARCHAR[]{columns})")
    db.execute("CREATE TABLE bad_lines (line BIGINT, text VARCHAR, reason VARCHAR)")
    rest = f"hash({', '.join(unused)})" if unused else "0"
    cells = "".join(f", {_cell(f'c{position}', plan.mapping.empty)}" for position in positions)
    sparse = report_lines.sparse_sql(plan)

    def insert(table: pa.Table) -> None:
        cells_kept = sparse if report_lines.may_be_sparse(table, plan) else report_lines.NOT_SPARSE
        _insert(db, "staged", table, f"line, {rest}, {cells_kept}{cells}")

    count, bad_count, waiting = 0, 0, _Waiting([], 0, 0)
    for batch in rows:
        count += batch.table.num_rows + len(batch.bad)
        bad_count += len(batch.bad)
        _check_bad_lines(bad_count, count, plan)
        table = batch.table
        for position in positions:  # Arrow trims ten times cheaper than SQL
            at = table.schema.get_field_index(f"c{position}")
            table = table.set_column(at, f"c{position}", _cut(pc.utf8_trim_whitespace(table.column(at))))
        waiting = _insert_groups(waiting.plus(table), insert)
        if batch.bad:
            bad = [{"line": each.line, "text": each.text, "reason": each.reason} for each in batch.bad]
            _insert(db, "bad_lines", pa.Table.from_pylist(bad), "line, text, reason")
    for table in waiting.tables:
        insert(table)
    return count


def _check_bad_lines(bad: int, count: int, plan: LoadPlan) -> None:
    """Refuse early what is no table at all, before its bad lines fill memory and disk."""
    if bad > BAD_LINES and 2 * bad > count:
        raise DataRefused(
            f"{plan.file}: {bad:,} of the first {count:,} lines do not have {len(plan.dialect.header)} columns\n"
            "nothing was loaded; is this the right file, and the right delimiter?"
        )


@dataclass(frozen=True)
class _Waiting:
    """Tables that are not inserted yet, their rows and bytes."""

    tables: list[pa.Table]
    rows: int
    size: int

    def plus(self, table: pa.Table) -> _Waiting:
        return _Waiting([*self.tables, table], self.rows + table.num_rows, self.size + table.nbytes)


def _insert_groups(waiting: _Waiting, insert: Callable[[pa.Table], None]) -> _Waiting:
    """Insert whole row groups only: an insert of fewer rows costs four times as much a row."""
    is_long = waiting.size > WAITING_BYTES  # of rows so long that a group of them would fill memory
    if waiting.rows < GROUP_ROWS and not is_long:
        return waiting
    table = pa.concat_tables(waiting.tables)
    whole = table.num_rows if is_long else table.num_rows // GROUP_ROWS * GROUP_ROWS
    insert(table.slice(0, whole))
    return _Waiting([], 0, 0).plus(table.slice(whole))


def _insert(db: duckdb.DuckDBPyConnection, table: str, rows: pa.Table, select: str) -> None:
    db.register("incoming", rows)
    db.execute(f"INSERT INTO {table} SELECT {select} FROM incoming")
    db.unregister("incoming")


def _cut(cells: Any) -> Any:
    """Cut what is too long for any column, and mark it, so that it is rejected as before and fits into memory."""
    longest: int = pc.max(pc.binary_length(cells)).as_py() or 0
    if longest <= LONGEST:
        return cells
    long: Any = pc.greater(pc.utf8_length(cells), pa.scalar(LONGEST))
    start: Any = pc.binary_join_element_wise(pc.utf8_slice_codeunits(cells, 0, LONGEST), "…", "")
    return pc.if_else(long, start, cells)


def _cell(column: str, empty: tuple[str, ...]) -> str:
    if not empty:
        return f"nullif({column}, '')"
    words = sql_literals(["", *(word.strip().lower() for word in empty)])
    return f"CASE WHEN lower({column}) NOT IN ({words}) THEN {column} END"


def read_whole_ids(db: duckdb.DuckDBPyConnection, plan: LoadPlan) -> tuple[str, ...]:
    """Read ids that a program made decimals (``12345.0``) without the point, where a column has whole numbers alone.

    Returns
    -------
    tuple
        A note for each such column.
    """
    notes = []
    tables = ("staged", "carried") if plan.carried else ("staged",)
    ids = [each for each in plan.columns if each.column.name.endswith("_id") and isinstance(each.origin, FromColumn)]
    for planned in ids:
        text = staged_text(planned.origin)
        if not count(db, f"(SELECT 1 FROM kept WHERE suffix({text}, '.0') LIMIT 1)"):
            continue
        if first_row(db, f"SELECT bool_and(regexp_full_match({text}, '\\d+(\\.0)?')) FROM kept")[0]:
            for table, at in product(tables, planned.positions()):
                db.execute(f"UPDATE {table} SET s{at} = s{at}[:-3] WHERE suffix(s{at}, '.0')")
            notes.append(f"{planned.column.name} has whole numbers written as decimals: 12345.0 is read as 12345")
    return tuple(notes)


def forms(db: duckdb.DuckDBPyConnection, plan: LoadPlan) -> dict[str, Form]:
    """Settle, from all kept values, how each date and number column is read.

    Raises
    ------
    DataRefused
        A form is neither declared nor proven.
    """
    forms: dict[str, Form] = {}
    for planned in plan.columns:
        column = planned.column
        if isinstance(planned.origin, Absent | Shift):
            continue
        if column.holds in ("day", "time"):
            text = text_of(planned, plan)
            date_form = forms[column.name] = _date_form(db, text, column.name, plan)
            if column.holds == "time":
                zones.check(db, plan, zones.word_sql(text, date_form.declared, plan.zone), column.name)
        elif column.holds in ("amount", "rate"):
            forms[column.name] = _number_form(
                db, texts_of(planned, plan), column.name, plan, is_money=column.holds == "amount"
            )
    return forms


def _date_form(db: duckdb.DuckDBPyConnection, text: str, column: str, plan: LoadPlan) -> dates.Form:
    declared = plan.mapping.formats.get(column, plan.mapping.date_format)
    if declared is not None:
        _check_format(db, declared, column, plan)
        form = dates.choose(dates.Evidence(0, 0), declared, column, plan.file)
        return replace(form, has_typed_cells=plan.dialect.form != "CSV" and declared != "iso")
    source = f"(SELECT line, {text} AS x FROM kept WHERE {text} IS NOT NULL)"
    filled, iso = first_row(db, f"SELECT {dates.first_look('x')} FROM {source}")
    evidence = dates.Evidence(filled, iso)
    if iso < filled:
        counts = first_row(db, f"SELECT {dates.closer_look('x')} FROM {source} WHERE x NOT LIKE '____-__-__%'")
        evidence = dates.Evidence(filled, iso, *counts[:3], *map(example, counts[3:]))
    return dates.choose(evidence, None, column, plan.file)


def _check_format(db: duckdb.DuckDBPyConnection, declared: str, column: str, plan: LoadPlan) -> None:
    if declared in dates.WORDS:
        return
    try:
        db.execute(f"SELECT try_strptime('', {sql_literal(declared)})").fetchall()
        is_format = "%" in declared and "%Z" not in declared[:-2]
    except duckdb.Error:
        is_format = False
    if not is_format:
        raise DataRefused(
            f"{plan.mapping.name}: the format {declared!r} for {column} is none that can be read\n"
            f'expected {", ".join(dates.WORDS)}, or day, month and year such as "%d/%m/%Y" or "%d-%b-%y"'
        )
    holds = next(planned.column.holds for planned in plan.columns if planned.column.name == column)
    if holds == "day" and "%z" in declared and plan.mapping.time_zone is None:
        msg = f'{plan.mapping.name}: {column} is a day, and %z gives a moment\nsay whose day: time_zone = "Europe/Rome"'
        raise DataRefused(msg)


def _number_form(
    db: duckdb.DuckDBPyConnection, texts: tuple[str, ...], column: str, plan: LoadPlan, *, is_money: bool
) -> numbers.Form:
    mapping = plan.mapping
    declared = numbers.Form(mapping.decimal or "", mapping.thousands or "", mapping.strip, mapping.negative)
    values = (numbers.stripped(text, mapping.strip, mapping.negative) for text in texts)
    source = f"({' UNION ALL '.join(f'SELECT line, {value} AS x FROM kept' for value in values)})"
    evidence = numbers.Evidence()
    if not declared.decimal:
        evidence = numbers.Evidence(*map(example, first_row(db, f"SELECT {numbers.look('x')} FROM {source}")))
    return numbers.choose(evidence, declared, column, plan.file, is_money=is_money)


def example(struct: object) -> tuple[str, int] | None:
    """Return a struct (line, text) of SQL as (text, line), cut for a message."""
    if isinstance(struct, dict):
        struct = tuple(struct.values())
    return (str(struct[1])[:40], int(struct[0])) if isinstance(struct, tuple) else None


def type_rows(db: duckdb.DuckDBPyConnection, readings: tuple[Reading, ...], plan: LoadPlan) -> None:
    """Make ``parsed`` (a view: r_… and p_… of each column) and ``typed`` of ``kept``."""
    steps = [f"{each.text} AS r_{each.column.name}, {each.value} AS p_{each.column.name}" for each in readings]
    db.execute(f"CREATE VIEW parsed AS SELECT *, {', '.join(steps)} FROM kept")
    values = []
    for each in readings:
        value = f"p_{each.column.name}"
        value = value if each.accepted == "TRUE" else f"CASE WHEN {each.accepted} THEN {value} END"
        values.append(f"CAST({value} AS {TYPES[each.column.holds]}) AS {each.column.name}")
    bad = " OR ".join(each.bad for each in readings)
    staged = [f"s{position}" for position in plan.positions]
    row_hash = f"hash({', '.join(['rest', *staged])})"
    db.execute(
        f"CREATE TABLE typed AS SELECT line, {', '.join(values)}, NOT ({bad}) AS ok, {row_hash} AS row_hash FROM parsed"
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

"""Which of the staged rows are meant: the records, with [carry], by [only], and of one key the [first] or [last]."""

from __future__ import annotations

import csv

import duckdb

from payrec.common.errors import DataRefused
from payrec.common.text import sql_literal, sql_literals
from payrec.data.load import report_lines
from payrec.data.load.layout import Carried, Condition, LoadPlan
from payrec.data.load.records import SHOWN_CHARACTERS, WRONG_WIDTH
from payrec.data.load.staging import count, example, first_row, number

LEFT_OUT_BY_MAP = "left out by the map"


def keep(db: duckdb.DuckDBPyConnection, plan: LoadPlan) -> dict[str, int]:
    """Make ``kept`` of ``staged``: records, with the map's carried columns, and only those that ``only`` asks for.

    Returns
    -------
    dict
        What was left out → how many lines: totals and the like (``report_lines``), and ``left out by the map``.

    Raises
    ------
    DataRefused
        ``only`` leaves out every row.
    """
    left_out = report_lines.set_apart(db, plan)
    by_width = _leave_out_by_width(db, plan)
    if plan.carried:
        db.execute(f"CREATE TABLE carried AS SELECT *, {', '.join(map(_carried, plan.carried))} FROM staged")
    tests = ["line NOT IN (SELECT line FROM report_lines)"] if number(db, "SELECT COUNT(*) FROM report_lines") else []
    tests += [_meets(condition) for condition in plan.only]
    source = "carried" if plan.carried else "staged"
    chosen = f"SELECT * FROM {source}{' WHERE ' + ' AND '.join(tests) if tests else ''}"
    if plan.one_per:
        chosen = _one_row_per_key(db, chosen, plan)
    db.execute(f"CREATE VIEW kept AS {chosen}")
    records = count(db, "staged") - number(db, "SELECT COUNT(*) FROM staged JOIN report_lines USING (line)")
    by_map = records - count(db, "kept") if plan.only or plan.one_per else 0
    if by_map and by_map == records:
        conditions = " and ".join(f"{column} = {' or '.join(words)}" for column, words in plan.mapping.only.items())
        msg = f"{plan.file}: no row has {conditions}, which {plan.mapping.name} asks for in [only]\nnothing was loaded"
        raise DataRefused(msg)
    by_map += by_width
    return {**({LEFT_OUT_BY_MAP: by_map} if by_map else {}), **left_out}


def _leave_out_by_width(db: duckdb.DuckDBPyConnection, plan: LoadPlan) -> int:
    """Take lines of another width than the header from ``bad_lines`` that [only] does not ask for; count them.

    Files of records of several types have lines of several widths; the type stands in each.
    """
    if not plan.only or plan.dialect.form != "CSV":
        return 0
    lines = []
    for line, text in db.execute(
        f"SELECT line, text FROM bad_lines WHERE contains(reason, {sql_literal(WRONG_WIDTH)})"
    ).fetchall():
        cells = next(csv.reader([text], delimiter=plan.dialect.delimiter), [])
        cells = cells[:-1] if len(text) >= SHOWN_CHARACTERS else cells  # of which the last may be cut
        if any(
            position < len(cells) and cells[position].strip().lower() not in {word.strip().lower() for word in words}
            for position, words in plan.only
        ):
            lines.append((line,))
    if lines:
        db.executemany("DELETE FROM bad_lines WHERE line = ?", lines)
    return len(lines)


def _one_row_per_key(db: duckdb.DuckDBPyConnection, records: str, plan: LoadPlan) -> str:
    """Return SQL: of the records with one key the first or last; those without a key all stay.

    Raises
    ------
    DataRefused
        The column to order by holds neither numbers alone nor dates that sort as text.
    """
    per, by = plan.one_per or (0, None)
    key, direction = "line", "ASC" if plan.mapping.first else "DESC"
    if by is not None:
        is_date, is_number = f"s{by} LIKE '____-__-__%'", f"TRY_CAST(s{by} AS DECIMAL(35, 6)) IS NOT NULL"
        row = first_row(
            db,
            f"SELECT bool_and({is_date}), bool_and({is_number}), MIN((line, s{by})) "
            f"FILTER (WHERE NOT {is_date} AND NOT {is_number}) FROM ({records}) WHERE s{by} IS NOT NULL",
        )
        if not row[0] and not row[1]:
            name, bad = plan.header.name(by), example(row[2])
            shown = f" such as {bad[0]!r} (line {bad[1]})" if bad else ", some dates and some numbers"
            raise DataRefused(
                f"{plan.file}: {name} has values{shown}, by which [{'first' if plan.mapping.first else 'last'}] cannot "
                "order rows\nexpected numbers, or dates that sort as text: 2025-01-31; without by their order counts"
            )
        key = f"{f's{by}' if row[0] else f'CAST(s{by} AS DECIMAL(35, 6))'} {direction} NULLS LAST, line"
    number_each = f"ROW_NUMBER() OVER (PARTITION BY s{per} ORDER BY {key} {direction})"
    return f"SELECT * EXCLUDE (n) FROM (SELECT *, {number_each} AS n FROM ({records})) WHERE n = 1 OR s{per} IS NULL"


def _meets(condition: Condition) -> str:
    position, words = condition
    return f"coalesce(lower(s{position}), '') IN ({sql_literals(word.strip().lower() for word in words)})"


def _carried(each: Carried) -> str:
    """Return SQL: the last value so far in the case, this row included, never of a later row."""
    tests = " AND ".join(map(_meets, each.conditions))
    value = f"CASE WHEN {tests} THEN s{each.source} END" if tests else f"s{each.source}"
    return f"last_value({value} IGNORE NULLS) OVER (PARTITION BY s{each.by} ORDER BY line) AS s{each.position}"

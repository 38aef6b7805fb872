"""Lines of a report that are no records, recognised by what they are: left out, counted, and shown in the account.

Reports for people have section titles, subtotals, totals, blank lines, and headers that come again on each page. Such a
line lacks the columns that every record has. It is a total if it begins with a word such as *Total*; a title if it has
one cell only, in a file that has totals or lines above its header: elsewhere one lonely cell is a damaged row.
"""

from __future__ import annotations

import csv
import re
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from payrec.common.text import sql_literal
from payrec.data.load.layout import LoadPlan
from payrec.data.load.records import SHOWN_CHARACTERS, WRONG_WIDTH

TOTAL = (
    r"(?i)^((grand |sub[- ]?|report |overall )*totals?\b.*|.* (sub)?totals?|(sub)?totale?\b.*|soma\b.*|suma\b.*|"
    r"sum\b.*|somme\b.*|(zwischen|end|gesamt)?summe\b.*|gesamt(betrag)?\b.*|(sub)?totaal\b.*|totalt\b.*|razem\b.*)$"
)
MIN_KEYS = 2  # columns that every record has, and a title or total does not; with fewer nothing is recognised


def are_sparse(rows: pa.Table, plan: LoadPlan) -> bool:
    """Return whether some rows may be no records: most have all columns, and this is cheaper than to look at cells."""
    keys, names = _keys(plan), plan.dialect.header
    if len(keys) < MIN_KEYS or not rows.num_rows:
        return False
    columns: list[Any] = [rows.column(f"c{key}") for key in keys]
    if pc.any(pc.match_like(columns[0], names[keys[0]], ignore_case=True)).as_py():
        return True
    empty = [pc.fill_null(pc.equal(column, pa.scalar("")), True) for column in columns]
    counts: Any = pc.cast(empty[0], pa.int32())
    for each in empty[1:]:
        counts = pc.add(counts, pc.cast(each, pa.int32()))
    return bool(pc.max(counts).as_py() >= len(keys) - 1)


def sparse_sql(plan: LoadPlan) -> str:
    """Return SQL over a row of the file (c0, c1, …): its filled cells if it may be no record, else NULL."""
    keys = _keys(plan)
    names = plan.dialect.header
    empty = " + ".join(f"CAST(coalesce(c{key}, '') = '' AS INTEGER)" for key in keys)
    is_header = f"lower(c{keys[0]}) = {sql_literal(names[keys[0]].lower())}"
    cells = ", ".join(f"c{position}" for position in range(len(names)))
    filled = f"list_filter(list_transform([{cells}], lambda x: trim(x)), lambda x: x <> '')"
    return f"CASE WHEN {empty} >= {len(keys) - 1} OR {is_header} THEN {filled} END"


def _keys(plan: LoadPlan) -> list[int]:
    """Return the places of the columns that every record has; a total may have an amount and a currency too."""
    needed = [
        each
        for each in plan.columns
        if each.column.filled and each.column.holds not in ("amount", "rate") and each.positions()
    ]
    if plan.kind != "fx":
        needed = [each for each in needed if each.column.holds != "currency"]
    return sorted({position for each in needed for position in each.positions() if position < len(plan.dialect.header)})


def set_apart(db: duckdb.DuckDBPyConnection, plan: LoadPlan) -> dict[str, int]:
    """Make ``report_lines`` (line, what) of lines that are no records, and take them from ``bad_lines``; count them."""
    names = [name.lower() for name in plan.dialect.header if name]
    header = f"[{', '.join(map(sql_literal, names))}]"
    db.execute(
        "CREATE TABLE report_lines AS SELECT line, CASE "
        f"WHEN len(sparse) = 0 THEN 'empty lines' "
        f"WHEN list_transform(sparse, lambda x: lower(x)) = {header} THEN 'repeated headers' "
        f"WHEN regexp_full_match(sparse[1], {sql_literal(TOTAL)}) THEN 'totals' "
        "WHEN len(sparse) = 1 THEN 'titles' END AS what FROM staged WHERE sparse IS NOT NULL"
    )
    if short := _short_lines(db, plan):
        db.executemany("INSERT INTO report_lines VALUES (?, ?)", short)
    totals = db.execute("SELECT COUNT(*) FROM report_lines WHERE what = 'totals'").fetchall()[0][0]
    is_report = bool(totals or plan.dialect.titles)
    unknown = "what IS NULL" if is_report else "what IS NULL OR what = 'titles'"
    db.execute(f"DELETE FROM report_lines WHERE {unknown}")
    db.execute("DELETE FROM bad_lines WHERE line IN (SELECT line FROM report_lines)")
    counts = db.execute("SELECT what, COUNT(*) FROM report_lines GROUP BY what ORDER BY what").fetchall()
    return {str(what): int(count) for what, count in counts}


def _short_lines(db: duckdb.DuckDBPyConnection, plan: LoadPlan) -> list[tuple[int, str]]:
    """Return (line, what) of titles and totals that have fewer cells than the header."""
    lines = []
    bad = db.execute(f"SELECT line, text FROM bad_lines WHERE contains(reason, {sql_literal(WRONG_WIDTH)})").fetchall()
    for line, text in bad if plan.dialect.form == "CSV" and len(_keys(plan)) >= MIN_KEYS else []:
        cells = next(csv.reader([text], delimiter=plan.dialect.delimiter), [])
        filled = [cell.strip() for cell in cells if cell.strip()]
        if len(cells) >= len(plan.dialect.header) or len(text) >= SHOWN_CHARACTERS or not filled:
            continue
        if re.fullmatch(TOTAL, filled[0]):
            lines.append((line, "totals"))
        elif len(filled) == 1:
            lines.append((line, "titles"))
    return lines

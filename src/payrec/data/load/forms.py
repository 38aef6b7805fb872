"""How each column of dates or numbers is read: declared by the map, or proven by all its kept values."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import duckdb

from payrec.common.errors import DataRefused
from payrec.common.text import sql_literal
from payrec.data.load import dates, numbers, zones
from payrec.data.load.layout import LoadPlan
from payrec.data.load.origins import Absent, Shift
from payrec.data.load.readings import Form, text_of, texts_of
from payrec.data.load.staging import example, first_row


def forms(db: duckdb.DuckDBPyConnection, plan: LoadPlan, plain: Collection[str]) -> dict[str, Form]:
    """Settle, from all kept values, how each date and number column is read that is not plain.

    Raises
    ------
    DataRefused
        A form is neither declared nor proven.
    """
    forms: dict[str, Form] = {}
    for planned in plan.columns:
        column = planned.column
        if isinstance(planned.origin, Absent | Shift) or column.name in plain:
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

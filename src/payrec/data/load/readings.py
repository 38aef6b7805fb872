"""The SQL that reads one column of ours from the staged text: its text, its value, what is accepted, why it was not.

In this SQL ``s0``, ``s1``, … are the file's columns by place (text, NULL if empty), ``r_x`` is the text given for our
column ``x`` after translation, ``p_x`` the same as a value, and ``x`` the value if it is accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from payrec.common.text import sql_literal, sql_literals, terminal_text
from payrec.data.load import amounts, dates, numbers, workbook, zones
from payrec.data.load.layout import LoadPlan
from payrec.data.load.map_values import Texts
from payrec.data.load.origins import (
    Absent,
    Constant,
    Difference,
    FromColumn,
    Minor,
    Origin,
    Part,
    PlannedColumn,
    Scaled,
    Shift,
    Template,
)
from payrec.data.load.targets import EVENT_TYPES, STATUS_WORDS, Column

TYPES = {
    "text": "VARCHAR",
    "currency": "VARCHAR",
    "event_type": "VARCHAR",
    "status": "VARCHAR",
    "amount": "DECIMAL(18, 2)",  # of which 13 digits before the point are read: hundredths are summed in 64 bits
    "rate": "DECIMAL(18, 8)",
    "integer": "INTEGER",
    "flag": "SMALLINT",
    "day": "DATE",
    "time": "TIMESTAMP",
}
_YES, _NO = ("1", "true", "t", "yes", "y", "1.0"), ("0", "false", "f", "no", "n", "0.0")
_NULL_WORDS = ("null", "none", "na", "n/a", "nan", "nat", "\\n", "-", "#n/a")

Form = dates.Form | numbers.Form
Reasons = list[tuple[str, str]]  # (SQL condition, sentence), the first that holds counts; the last is for all the rest
_ALWAYS = "TRUE"


@dataclass(frozen=True)
class Reading:
    """How one of our columns is read; all fields are SQL."""

    column: Column
    text: str  # over the staged columns
    value: str  # over r_… and p_… of columns before it
    accepted: str  # a condition on p_…; 'TRUE' if all are
    reason: str  # over r_… and p_…: why a value is not accepted
    is_plain: bool = False  # staged as values, all of them accepted

    @property
    def bad(self) -> str:
        """SQL condition: the cell is not acceptable."""
        name = self.column.name
        return f"({name} IS NULL{'' if self.column.filled else f' AND r_{name} IS NOT NULL'})"


def staged_text(origin: Origin) -> str:
    """Return SQL: the text that stands for our column, before translation; NULL where it is empty."""
    match origin:
        case FromColumn(positions):
            cells = ", ".join(f"s{position}" for position in positions)
            return f"coalesce({cells})" if len(positions) > 1 else cells
        case Constant(value) | Shift(days=int(value)):
            return f"nullif({sql_literal(str(value).strip())}, '')"
        case Template(parts):
            return f"({' || '.join(map(_part, parts))})"
        case Scaled(position) | Minor(position) | Shift(position=position):
            return f"s{position}"
        case Difference(position, less):
            return f"nullif(concat_ws(' - ', s{position}, s{less}), '')"
        case Absent():
            return "CAST(NULL AS VARCHAR)"


def _part(part: str | Part) -> str:
    if isinstance(part, str):
        return sql_literal(part)
    text = "CAST(line AS VARCHAR)" if part.position is None else f"s{part.position}"
    return f"{text}[:{part.characters}]" if part.characters else text


def translated(text: str, values: Texts) -> str:
    """Return SQL: the text after the map's translation; what is not listed stays, capital letters do not count."""
    if not values:
        return text
    cases = [
        f"WHEN lower({text}) = {sql_literal(old.lower())} THEN {sql_literal(new)}" for old, new in values.items() if old
    ]
    empty = f"WHEN {text} IS NULL THEN {sql_literal(values[''])}" if "" in values else ""
    return f"(CASE {empty} {' '.join(cases)} ELSE {text} END)"


def text_of(planned: PlannedColumn, plan: LoadPlan) -> str:
    """Return SQL: the text of our column over the staged columns."""
    text, pattern = staged_text(planned.origin), plan.mapping.extract.get(planned.column.name)
    if pattern is not None:
        text = f"nullif(regexp_extract({text}, {sql_literal(pattern)}, 1), '')"
    return translated(text, plan.mapping.values.get(planned.column.name, {}))


def texts_of(planned: PlannedColumn, plan: LoadPlan) -> tuple[str, ...]:
    """Return SQL: the texts whose values prove how our column is read; of a difference there are two."""
    if isinstance(planned.origin, Difference):
        return f"s{planned.origin.position}", f"s{planned.origin.less}"
    return (text_of(planned, plan),)


def readings(
    plan: LoadPlan, forms: dict[str, Form], now: datetime | None, plain: Collection[str] = ()
) -> tuple[Reading, ...]:
    """Return the readings of all columns, those that build on others last."""
    # minor units build on the currency, shifted dates on a date
    planned = sorted(plan.columns, key=lambda each: (isinstance(each.origin, Shift), _needs_currency(each, plan)))
    return tuple(
        _plain_reading(each) if each.column.name in plain else _reading(each, plan, forms.get(each.column.name), now)
        for each in planned
    )


def _plain_reading(planned: PlannedColumn) -> Reading:
    name = planned.column.name
    return Reading(planned.column, staged_text(planned.origin), f"r_{name}", _ALWAYS, "''", is_plain=True)


def _needs_currency(planned: PlannedColumn, plan: LoadPlan) -> bool:
    return plan.kind == "events" and planned.column.holds == "amount"


def _reading(planned: PlannedColumn, plan: LoadPlan, form: Form | None, now: datetime | None) -> Reading:
    column = planned.column
    text = f"upper({text_of(planned, plan)})" if column.holds == "currency" else text_of(planned, plan)
    if isinstance(planned.origin, Absent):
        value = f"CAST(NULL AS {TYPES[column.holds]})"
        return Reading(column, text, value, _ALWAYS, "'is missing'", is_plain=not column.filled)
    accepted = _ALWAYS
    if isinstance(planned.origin, Shift):
        value, reasons = _shifted(planned.origin, column)
    elif isinstance(form, dates.Form):
        value, reasons = _dated(column, form, plan)
    elif isinstance(form, numbers.Form):
        may_round = bool(plan.mapping.third_decimal)
        value, accepted, reasons = amounts.value_sql(column, form, planned.origin, may_round=may_round)
    else:
        value, reasons = _WORDED.get(column.holds, _text)(column)
    if column.holds in ("day", "time"):
        accepted, reason = _in_range(column, now)
        reasons = [reason, *reasons]
    if plan.dialect.form == "XLSX":
        errors = f"regexp_matches(r_{column.name}, '{'|'.join(workbook.ERRORS)}')"
        accepted = f"{accepted} AND NOT coalesce({errors}, FALSE)"
        reasons = [(errors, "is an error of the spreadsheet: correct its formula, or leave the cell empty"), *reasons]
    empty = "is empty"
    if isinstance(planned.origin, Template) and len(planned.positions()) > 1:
        positions = [part.position for part in planned.origin.parts if isinstance(part, Part)]
        names = ", ".join(f'"{terminal_text(plan.header.name(each))}"' for each in positions if each is not None)
        empty += (
            f": its text in [derived] needs all columns; to take the first that is filled: {column.name} = [{names}]"
        )
    reasons = [(f"r_{column.name} IS NULL", empty), *reasons]
    return Reading(column, text, value, accepted, _case(f"r_{column.name}", reasons, column))


def _case(r: str, reasons: Reasons, column: Column) -> str:
    """Return SQL: the sentence of the first condition that holds; the first reason is that there is no value."""
    first = reasons[:1]
    if column.holds not in ("text", "currency", "status"):
        words = _NULL_WORDS if column.holds not in ("amount", "rate") else set(_NULL_WORDS) - {"nan"}
        first.append((f"lower({r}) IN ({sql_literals(sorted(words))})", 'no value? add it to the map: empty = ["…"]'))
    cases = " ".join(f"WHEN {test} THEN {sql_literal(sentence)}" for test, sentence in [*first, *reasons[1:]])
    return f"CASE {cases} END"


def _in_range(column: Column, now: datetime | None) -> tuple[str, tuple[str, str]]:
    """Return SQL: the condition that a date or time lies in the accepted range, and the reason if not."""
    p, kind, latest = f"p_{column.name}", TYPES[column.holds], dates.latest(column, now).isoformat(sep=" ")
    accepted = f"{p} BETWEEN {kind} '{dates.EARLIEST}' AND CAST(TIMESTAMP {sql_literal(latest)} AS {kind})"
    return accepted, (f"{p} IS NOT NULL", f"is outside {dates.EARLIEST} to {latest[:10]}")


def _dated(column: Column, form: dates.Form, plan: LoadPlan) -> tuple[str, Reasons]:
    r, zone = f"r_{column.name}", plan.mapping.time_zone
    written, utc = dates.moment_sql(r, form, zone)
    word = zones.word_sql(r, form.declared, plan.zone)
    if word and column.holds == "time":
        utc = dates.in_zone_sql(r, written, utc, zones.zone_sql(word, plan.mapping.zones, zone))
    value = utc
    if column.holds == "day":
        is_midnight = f"{written} = date_trunc('day', {written})"
        there = f"{utc} AT TIME ZONE 'UTC' AT TIME ZONE {sql_literal(zone or 'UTC')}"
        value = f"CAST({f'CASE WHEN {is_midnight} THEN {written} ELSE {there} END' if zone else written} AS DATE)"
        if form.is_iso_only:  # nearly always so: the cheapest test first
            value = f"CASE WHEN strlen({r}) = 10 THEN TRY_CAST({r} AS DATE) ELSE {value} END"
    expected = form.declared or (f"2025-01-31 or {form.order}" if form.order else "2025-01-31")
    return value, [
        (f"regexp_full_match({r}, '\\d{{5}}(\\.\\d+)?')", "looks like a spreadsheet's day: declare the format excel"),
        (f"regexp_full_match({r}, '\\d{{9,13}}')", "looks like an epoch: declare the format epoch or epoch_ms"),
        (
            f"regexp_full_match({r}, '.*:\\d\\d ?[A-Z]{{3,5}}')",
            "ends with a time zone: declare a format with %Z at its end",
        ),
        (_ALWAYS, f"is no date of the calendar in the form {expected}"),
    ]


def _text(column: Column) -> tuple[str, Reasons]:
    r, most = f"r_{column.name}", column.length
    # bytes are counted faster than characters, and are never fewer
    value = f"CASE WHEN strlen({r}) <= {most} OR length({r}) <= {most} THEN {r} END"
    return value, [(_ALWAYS, f"is longer than {most} characters")]


def _currency(column: Column) -> tuple[str, Reasons]:
    r = f"r_{column.name}"
    return f"CASE WHEN regexp_full_match({r}, '[A-Z]{{3}}') THEN {r} END", [
        (_ALWAYS, "is no currency of three letters")
    ]


def _event_type(column: Column) -> tuple[str, Reasons]:
    word = f"replace(replace(lower(r_{column.name}), ' ', '_'), '-', '_')"
    sentence = f"is none of {', '.join(EVENT_TYPES)}; translate it in [values.event_type]"
    return f"CASE WHEN {word} IN ({sql_literals(EVENT_TYPES)}) THEN {word} END", [(_ALWAYS, sentence)]


def _status(column: Column) -> tuple[str, Reasons]:
    """Turn the words that exports use into ours; any other text is kept, and means nothing."""
    word = f"regexp_replace(lower(r_{column.name}), '[ -]+', '_', 'g')"
    ours = " ".join(f"WHEN {word} IN ({sql_literals((one, *more))}) THEN '{one}'" for one, more in STATUS_WORDS.items())
    value, reasons = _text(column)
    return f"CASE {ours} ELSE {value} END", reasons


def _integer(column: Column) -> tuple[str, Reasons]:
    r = f"r_{column.name}"
    value = (
        f"CASE WHEN regexp_full_match({r}, '\\+?\\d{{1,9}}(\\.0+)?') THEN CAST(split_part({r}, '.', 1) AS INTEGER) END"
    )
    return value, [(_ALWAYS, "is no whole number from 0 to 999999999")]


def _flag(column: Column) -> tuple[str, Reasons]:
    word = f"lower(r_{column.name})"
    value = f"CASE WHEN {word} IN ({sql_literals(_YES)}) THEN 1 WHEN {word} IN ({sql_literals(_NO)}) THEN 0 END"
    return f"CAST({value} AS SMALLINT)", [(_ALWAYS, "is neither 0 or 1 nor yes or no")]


_WORDED: dict[str, Callable[[Column], tuple[str, Reasons]]] = {
    "currency": _currency,
    "event_type": _event_type,
    "status": _status,
    "integer": _integer,
    "flag": _flag,
}


def _shifted(origin: Shift, column: Column) -> tuple[str, Reasons]:
    r, base = f"r_{column.name}", f"p_{origin.base}"
    is_whole = f"regexp_full_match({r}, '[+\\-]?\\d{{1,5}}(\\.0+)?')"
    days = f"CASE WHEN {is_whole} THEN CAST(split_part({r}, '.', 1) AS INTEGER) END"
    value = f"CAST({base} {origin.sign} to_days({days}) AS {TYPES[column.holds]})"
    return value, [(f"{base} IS NULL", f"has no {origin.base} to count from"), (_ALWAYS, "is no whole number of days")]

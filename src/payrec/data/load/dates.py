"""Dates and times in a file's text: which form a column has, proven by the whole column, and the SQL that reads it.

ISO (``2025-01-31``), year first (``2025/01/31``) and month names with a full year are clear alone. ``31/01/2025``
proves day before month for its column if no other value contradicts. Everything else must be declared.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from payrec.common.errors import DataRefused
from payrec.common.text import sql_literal
from payrec.data.load.targets import Column

Order = Literal["day first", "month first", None]

EARLIEST = "1990-01-01"
_LATEST_DAYS = {"fact": 1, "invoice": 731, "due": 3653}  # after the present
_NO_NOW = datetime(2100, 1, 1)
_REST = r"([T ][0-9:.,+\- ]*Z?)?$"
_NUMERIC = r"^(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4})" + _REST
_YEAR_FIRST = r"^(\d{4})[/.](\d{1,2})[/.](\d{1,2})" + _REST
_NAMED = r"^(\d{1,2}[ \-][A-Za-z]{3,9}[ \-]\d{4}|[A-Za-z]{3,9} \d{1,2},? \d{4})$"
_NAMED_FORMATS = ("%d-%b-%Y", "%d %b %Y", "%d-%B-%Y", "%d %B %Y", "%b %d, %Y", "%b %d %Y", "%B %d, %Y", "%B %d %Y")
_ISO = r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+\-](0\d|1[0-4])(:?[0-5]\d)?)?)?"
_PLAIN = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d"  # the most frequent: UTC, and a cast without zones is the cheapest
_NEARLY_ISO = (
    r"\d{4}-\d\d-\d\d[T ]\d{1,2}:\d\d(:\d\d([.,]\d{1,9})?)?( ?(Z|UTC|[+\-]00:?00 UTC|[+\-](0\d|1[0-4])(:?[0-5]\d)?))?"
)
_EPOCHS = {"epoch": (1_000_000, 11), "epoch_ms": (1_000, 14)}  # microseconds in one, digits that can be meant
WORDS = ("iso", "excel", *_EPOCHS)

# what a value that cannot be read may be, and the format to declare for it
_SUGGEST: tuple[tuple[str, str], ...] = (
    (r"\d{1,2}-[A-Za-z]{3}-\d{2}", "%d-%b-%y"),
    (r"\d{1,2} [A-Za-z]{3} \d{2}", "%d %b %y"),
    (r"\d{1,2}/\d{1,2}/\d{2}", "%d/%m/%y"),
    (r"\d{1,2}\.\d{1,2}\.\d{2}", "%d.%m.%y"),
    (r"\d{1,2}/\d{1,2}/\d{4}.*[AaPp][Mm]", "%m/%d/%Y %I:%M %p"),
    (r"(19|20)\d{6}(\.0+)?", "%Y%m%d"),
    (r"\d{1,2}(0[1-9]|1[0-2])(19|20)\d\d(\.0+)?", "%d%m%Y"),
    (r"\d{5}(\.\d+)?", "excel"),
    (r"\d{9,10}", "epoch"),
    (r"\d{12,13}", "epoch_ms"),
)


@dataclass(frozen=True)
class Evidence:
    """What the values of one date column look like: counts, and the first examples as (text, line)."""

    filled: int
    iso: int
    year_first: int = 0
    named: int = 0
    numeric: int = 0
    day_first: tuple[str, int] | None = None
    month_first: tuple[str, int] | None = None
    unclear: tuple[str, int] | None = None  # a numeric date that may be read both ways
    other: tuple[str, int] | None = None


@dataclass(frozen=True)
class Form:
    """How a column is read: declared (a strptime format or one of ``WORDS``), or recognised, with a proven order."""

    declared: str | None = None
    order: Order = None
    has_other_forms: bool = False  # year first, month names: rarely there, so not asked of every value
    has_typed_cells: bool = False  # of a file whose cells may be dates: they are ISO, whatever form text has
    proof: str = ""

    @property
    def is_iso_only(self) -> bool:
        """Nothing but ISO can be read."""
        return self.declared == "iso" or (self.declared is None and self.order is None and not self.has_other_forms)


def latest(column: Column, now: datetime | None) -> datetime:
    """Return the latest time that a column may hold, by the present (None: it is not known)."""
    with suppress(OverflowError):
        return now + timedelta(days=_LATEST_DAYS[column.latest]) if now is not None else _NO_NOW
    return _NO_NOW


def first_look(text: str) -> str:
    """Return SQL: how many values are filled, how many of them ISO."""
    return f"COUNT({text}), COUNT(*) FILTER (WHERE {text} LIKE '____-__-__%')"


def closer_look(text: str) -> str:
    """Return SQL: the fields of :class:`Evidence` after the first two; the source has a column ``line``."""
    parts = f"regexp_extract({text}, {sql_literal(_NUMERIC)}, ['a', 'b', 'y', 'rest'])"
    a, b = f"TRY_CAST({parts}.a AS INTEGER)", f"TRY_CAST({parts}.b AS INTEGER)"
    is_numeric = f"regexp_matches({text}, {sql_literal(_NUMERIC)})"
    is_year_first = f"regexp_matches({text}, {sql_literal(_YEAR_FIRST)})"
    is_named = f"regexp_matches({text}, {sql_literal(_NAMED)})"
    is_other = f"NOT ({is_numeric} OR {is_year_first} OR {is_named} OR {text} LIKE '____-__-__%')"
    tests = (
        f"{is_numeric} AND {a} > 12 AND {a} <= 31 AND {b} <= 12",
        f"{is_numeric} AND {b} > 12 AND {b} <= 31 AND {a} <= 12",
        f"{is_numeric} AND {a} <= 12 AND {b} <= 12 AND {a} <> {b}",
        is_other,
    )
    counts = [f"COUNT(*) FILTER (WHERE {test})" for test in (is_year_first, is_named, is_numeric)]
    examples = [f"MIN((line, {text})) FILTER (WHERE {test})" for test in tests]
    return ", ".join([*counts, *examples])


def choose(evidence: Evidence, declared: str | None, column: str, file: str) -> Form:
    """Settle how a column is read.

    Raises
    ------
    DataRefused
        The form is neither declared nor proven; the message says what to add to the map.
    """
    if declared is not None:
        return Form(declared=declared, proof=f"declared as {declared}")
    if evidence.day_first and evidence.month_first:
        raise DataRefused(
            f"{file}: {column} has {_at(evidence.day_first)} and {_at(evidence.month_first)}: day and month swap\n"
            f'declare the right one, the others are rejected: [formats] {column} = "%d/%m/%Y"'
        )
    has_clear = evidence.iso + evidence.year_first + evidence.named > 0
    others = evidence.year_first + evidence.named > 0
    if evidence.day_first or evidence.month_first:
        order: Order = "day first" if evidence.day_first else "month first"
        proof = f"{order}, proven by {_at(evidence.day_first or evidence.month_first)}"
        return Form(order=order, has_other_forms=others, proof=proof)
    if evidence.numeric and not has_clear:
        raise DataRefused(
            f"{file}: {column} has dates such as {_at(evidence.unclear)}, and no value proves which number is the day\n"
            f'add to the map: [formats] {column} = "%d/%m/%Y" (day first) or "%m/%d/%Y" (month first)'
        )
    if evidence.other and not has_clear:
        _refuse_unknown(evidence.other, column, file)
    return Form(has_other_forms=others)


def _at(example: tuple[str, int] | None) -> str:
    return "01/02/2025" if example is None else f"{example[0]!r} (line {example[1]})"


def _refuse_unknown(example: tuple[str, int], column: str, file: str) -> None:
    text = example[0]
    formats = [form for pattern, form in _SUGGEST if re.fullmatch(pattern, text)]
    if not formats:
        return  # text that is no date at all: its rows are rejected one by one
    both = f' (day first) or "{formats[0].replace("%d/%m", "%m/%d")}" (month first)' if "/%m/%y" in formats[0] else ""
    raise DataRefused(
        f"{file}: {column} has {_at(example)}, expected dates such as 2025-01-31\n"
        f'if this is their form add to the map: [formats] {column} = "{formats[0]}"{both}'
    )


def moment_sql(text: str, form: Form, zone: str | None) -> tuple[str, str]:
    """Return SQL of (time as written, the same in UTC), TIMESTAMP or NULL; the session's zone is ``zone`` or UTC."""
    if form.has_typed_cells:
        pairs = (moment_sql(text, each, zone) for each in (replace(form, has_typed_cells=False), Form()))
        at, moment = (f"coalesce({', '.join(each)})" for each in zip(*pairs, strict=True))
        return at, moment
    if form.declared in _EPOCHS:
        scale, digits = _EPOCHS[form.declared]
        at = f"make_timestamp(CAST(TRY_CAST({text} AS DECIMAL(20, 6)) * CAST({scale} AS DECIMAL(7, 0)) AS BIGINT))"
        at = f"CASE WHEN regexp_full_match({text}, '\\d{{1,{digits}}}(\\.\\d{{1,6}})?') THEN {at} END"
        return (f"({at} AT TIME ZONE 'UTC' AT TIME ZONE {sql_literal(zone)})" if zone else at), at
    if form.declared == "excel":
        days = f"CASE WHEN regexp_full_match({text}, '\\d{{1,6}}(\\.\\d+)?') THEN TRY_CAST({text} AS DOUBLE) END"
        written = f"(TIMESTAMP '1899-12-30' + to_seconds(CAST(ROUND({days} * 86400) AS BIGINT)))"
        return written, _in_utc(written, f"CAST({written} AS TIMESTAMPTZ)")
    if form.declared not in (None, "iso"):
        text, declared = _declared_text(text, str(form.declared))
        parsed = f"try_strptime({text}, {sql_literal(declared)})"
        if "%z" in str(form.declared):
            at = f"({parsed} AT TIME ZONE 'UTC')"
            return f"({parsed} AT TIME ZONE {sql_literal(zone or 'UTC')})", at
        return f"CAST({parsed} AS TIMESTAMP)", _in_utc(f"CAST({parsed} AS TIMESTAMP)", f"CAST({parsed} AS TIMESTAMPTZ)")
    iso = _iso_text(text, form)  # as DuckDB reads it or nearly: its cast alone would take 10:00 PM for 10:00
    tight = (
        f"regexp_replace(regexp_replace(replace({iso}, ',', '.'), '( ?[+-]00:?00)? ?(UTC|Z)$', 'Z'), ' ([+-])', '\\1')"
    )
    readable, nearly = (f"regexp_full_match({iso}, {sql_literal(form)})" for form in (_ISO, _NEARLY_ISO))
    times = [f"TRY_CAST({text} AS TIMESTAMP)" for text in (iso, tight)]
    zoned = [f"TRY_CAST({text} AS TIMESTAMPTZ)" for text in (iso, tight)]
    utc = [_in_utc(*pair) for pair in zip(times, zoned, strict=True)]
    plain = f"WHEN strlen({iso}) = 19 AND regexp_full_match({iso}, {sql_literal(_PLAIN)}) THEN {times[0]}"
    return (
        f"CASE WHEN {readable} THEN {times[0]} WHEN {nearly} THEN {times[1]} END",
        f"CASE {'' if zone else plain} WHEN {readable} THEN {utc[0]} WHEN {nearly} THEN {utc[1]} END",
    )


def _declared_text(text: str, declared: str) -> tuple[str, str]:
    """Return SQL of the text, and its format: without a zone at the end, and without what floats add or take away."""
    if declared.endswith("%Z"):
        return f"regexp_replace({text}, ' *[A-Za-z][A-Za-z_/]*$', '')", declared.removesuffix("%Z").rstrip()
    if not re.fullmatch("(%[YymdHMS])+", declared):
        return text, declared
    digits = sum(4 if sign == "Y" else 2 for sign in declared if sign != "%")
    whole = f"regexp_replace({text}, '\\.0+$', '')"  # a column with blanks that went through floats, or lost a zero
    return f"CASE WHEN strlen({whole}) = {digits - 1} THEN '0' || {whole} ELSE {whole} END", declared


def in_zone_sql(text: str, written: str, utc: str, zone: str) -> str:
    """Return SQL: the time in UTC, if it was written in the zone of its row; a day, or a time with an offset, stays."""
    has_offset = f"regexp_matches({text}, '(Z|UTC|[+\\-]\\d\\d(:?\\d\\d)?)$')"
    is_day = f"{written} = date_trunc('day', {written})"
    return f"CASE WHEN {is_day} OR {has_offset} THEN {utc} ELSE timezone('UTC', timezone({zone}, {written})) END"


def _in_utc(written: str, zoned: str) -> str:
    """Return SQL: midnight as written stands for the whole day and is not moved; any other time is moved to UTC."""
    return f"CASE WHEN {written} = date_trunc('day', {written}) THEN {written} ELSE {zoned} AT TIME ZONE 'UTC' END"


def _iso_text(text: str, form: Form) -> str:
    """Return SQL: the value in ISO form, if its form is clear or proven; else as it is (and then not read)."""
    if form.is_iso_only:
        return text
    cases = []
    if form.order is not None:
        day, month = ("a", "b") if form.order == "day first" else ("b", "a")
        cases.append(_assembled(text, _NUMERIC, ["a", "b", "y", "rest"], ("y", month, day)))
    if form.has_other_forms:
        cases.append(_assembled(text, _YEAR_FIRST, ["y", "m", "d", "rest"], ("y", "m", "d")))
        formats = ", ".join(sql_literal(each) for each in _NAMED_FORMATS)
        named = f"strftime(try_strptime({text}, [{formats}]), '%Y-%m-%d')"
        cases.append(f"WHEN regexp_matches({text}, {sql_literal(_NAMED)}) THEN {named}")
    return f"(CASE WHEN {text} LIKE '____-__-__%' THEN {text} {' '.join(cases)} ELSE {text} END)"


def _assembled(text: str, pattern: str, names: list[str], ymd: tuple[str, str, str]) -> str:
    parts = f"regexp_extract({text}, {sql_literal(pattern)}, {names})"
    year, month, day = (f"{parts}.{part}" for part in ymd)
    iso = f"{year} || '-' || lpad({month}, 2, '0') || '-' || lpad({day}, 2, '0') || {parts}.rest"
    return f"WHEN regexp_matches({text}, {sql_literal(pattern)}) THEN {iso}"

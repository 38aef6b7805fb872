"""Numbers in a file's text: which mark is the decimal one, proven or declared, and the SQL that reads them.

Plain numbers (``1234.50``) need no proof. ``1.234,50``, ``12,5`` or ``1.234.567`` prove the comma, ``1,234.50`` the
point.
``1,234`` alone proves nothing and is refused, as is a column whose every point has three digits behind it (``1.234``).

The forms of accounting need no proof: ``(7.00)``, ``7.00-`` and ``- 7.00`` are below 0, U+2212 is a minus, and
``1'000`` has a thousands mark. ``1,00,000`` proves the point.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from payrec.common.errors import DataRefused
from payrec.common.text import sql_literal

_PLAIN = r"[+\-]?(\d+(\.\d+)?|\.\d+)"
_POINT = r"[+\-]?(\d+|[1-9]\d{0,2}(,\d{3})+|[1-9]\d?(,\d\d)+,\d{3})(\.\d+)?"
_COMMA = r"[+\-]?(\d+|[1-9]\d{0,2}(\.\d{3})+)(,\d+)?"
_THREE_BEHIND_POINT = r"[+\-]?[1-9]\d{0,2}\.\d{3}"
_BELOW_ZERO = r"^(?:\( ?(D) ?\)|(D) ?-|- +(D))$".replace("D", "[0-9.,'\u2019 \u00a0\u202f]*[0-9]")
_GROUPED_BY_APOSTROPHE = r"[+\-]?\d{1,3}(['’]\d{3})+([.,]\d+)?"


@dataclass(frozen=True)
class Evidence:
    """What the values of one number column look like: the first examples as (text, line)."""

    point_only: tuple[str, int] | None = None  # can only be read with a decimal point
    comma_only: tuple[str, int] | None = None  # can only be read with a decimal comma
    unclear: tuple[str, int] | None = None  # '1,234' or '1.234'


@dataclass(frozen=True)
class Form:
    """How a column is read. ``is_mixed``: both marks were proven, so only what is beyond doubt loads."""

    decimal: str = "."
    thousands: str = ""
    strip: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    is_mixed: bool = False
    proof: str = ""


def look(text: str) -> str:
    """Return SQL: the fields of :class:`Evidence`; the source has a column ``line``."""
    text = f"CASE WHEN regexp_full_match({text}, {sql_literal(_PLAIN)}) THEN {text} ELSE {_usual(text)} END"

    def full(pattern: str) -> str:
        return f"regexp_full_match({text}, {sql_literal(pattern)})"

    def example(test: str) -> str:
        return f"MIN((line, {text})) FILTER (WHERE {test})"

    return ", ".join(
        [
            example(f"{full(_POINT)} AND NOT {full(_COMMA)}"),
            example(f"{full(_COMMA)} AND NOT {full(_POINT)}"),
            example(f"{full(_COMMA)} AND {full(_POINT)} AND regexp_matches({text}, '[.,]')"),
        ]
    )


def stripped(text: str, strip: tuple[str, ...], negative: tuple[str, ...] = ()) -> str:
    """Return SQL: the value without the words to take out and the blanks left around it.

    A word of ``negative`` before or behind it is a minus; then a minus of its own is one too many.
    """
    for word in strip:
        text = f"replace({text}, {sql_literal(word)}, '')"
    text = f"nullif(trim({text}), '')" if strip else text
    for word in negative:
        pattern = sql_literal(rf"(?i)^(?:{re.escape(word)}\s*(.*\d.*)|(.*\d.*?)\s*{re.escape(word)})$")
        text = f"regexp_replace({text}, {pattern}, '-\\1\\2')"
    return text


def _usual(text: str) -> str:
    """Return SQL: a form of accounting with its minus in front and without apostrophes; other text as it is."""
    sign = rf"regexp_replace(replace({text}, '−', '-'), {sql_literal(_BELOW_ZERO)}, '-\1\2\3')"
    bare = f"replace(replace({sign}, '''', ''), '’', '')"
    return f"(CASE WHEN regexp_full_match({sign}, {sql_literal(_GROUPED_BY_APOSTROPHE)}) THEN {bare} ELSE {sign} END)"


def choose(evidence: Evidence, declared: Form, column: str, file: str, *, is_money: bool = True) -> Form:
    """Settle the decimal mark of a column; ``declared`` has an empty ``decimal`` if the map says nothing.

    Of what is not money (rates) three digits behind a point are usual, and taken as they stand.

    Raises
    ------
    DataRefused
        The mark is neither declared nor proven; the message says what to add to the map.
    """
    if declared.decimal:
        other = "," if declared.decimal == "." else "."
        return replace(declared, thousands=declared.thousands or other, proof=f"declared {declared.decimal!r}")
    if declared.thousands in (",", "."):
        decimal = "." if declared.thousands == "," else ","
        return replace(declared, decimal=decimal, proof=f"declared by thousands {declared.thousands!r}")
    thousands = declared.thousands
    if evidence.point_only and evidence.comma_only:
        return replace(declared, decimal=".", is_mixed=True)
    if evidence.comma_only:
        proof = f"decimal comma, proven by {_at(evidence.comma_only)}"
        return replace(declared, decimal=",", thousands=thousands or ".", proof=proof)
    if evidence.point_only:
        return replace(declared, decimal=".", thousands=thousands or ",")
    if evidence.unclear and (is_money or "," in evidence.unclear[0]):
        raise DataRefused(
            f"{file}: {column} has {_at(evidence.unclear)}, and no value proves which mark is the decimal one\n"
            'add to the map: decimal = "." (then 1,234 is 1234) or decimal = "," (then 1.234 is 1234)'
        )
    return replace(declared, decimal=".")


def _at(example: tuple[str, int]) -> str:
    return f"{example[0]!r} (line {example[1]})"


def plain_sql(text: str, form: Form) -> str:
    """Return SQL: the value as a plain number in text (``-1234.50``); NULL if it is none in this form."""
    text = stripped(text, form.strip, form.negative)
    usual = _usual(text)
    if form.is_mixed:
        is_clear = f"regexp_full_match({usual}, {sql_literal(_PLAIN)})"
        is_unclear = f"regexp_full_match({usual}, {sql_literal(_THREE_BEHIND_POINT)})"
        return f"CASE WHEN {is_clear} AND NOT {is_unclear} THEN {usual} END"
    # most values are plain, and the test for that is the cheapest
    quick = f"WHEN regexp_full_match({text}, {sql_literal(_PLAIN)}) THEN {text} " if form.decimal == "." else ""
    if form.decimal == "." and not form.thousands:
        return f"CASE {quick}WHEN regexp_full_match({usual}, {sql_literal(_PLAIN)}) THEN {usual} END"
    group, point = re.escape(form.thousands), re.escape(form.decimal)
    # \xa0 and \u202f are the blanks that stand for a thousands mark in many languages
    group = "[ \u00a0\u202f]" if form.thousands == " " else group
    indian = r"|[1-9]\d?(,\d\d)+,\d{3}" if form.thousands == "," else ""
    pattern = rf"[+\-]?(\d+|\d{{1,3}}({group}\d{{3}})+{indian}|)({point}\d+)?"
    bare = f"regexp_replace({usual}, {sql_literal(group)}, '', 'g')"
    number = f"replace({bare}, ',', '.')" if form.decimal == "," else bare
    is_number = f"regexp_full_match({usual}, {sql_literal(pattern)}) AND regexp_matches({usual}, '\\d')"
    return f"CASE {quick}WHEN {is_number} THEN {number} END"

"""Text that comes from data, made safe for where it goes: SQL, a terminal, Markdown, a spreadsheet."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from payrec.common.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

MESSAGE_CHARACTERS = 40  # longest text of a file that a message cites

# control characters (with escape, the start of terminal commands), and the marks that turn the direction of writing
_SPACES = "[\t\n\x0b\x0c\r\x85\u2028\u2029]"
CONTROLS = "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
# what a spreadsheet takes for a formula: its sign, also full-width, behind blanks, or behind a delimiter of any locale
_SIGNS = "[=+\\-@\uff1d\uff0b\uff0d\uff20]"
_FORMULA = f"^[\\s\x00]*{_SIGNS}|^[\t\r\n\x00]"
_INNER_FORMULA = f'([;|])([ "]*{_SIGNS})'
_RISKY = f"{_FORMULA}|{_INNER_FORMULA}|{_SPACES}|{CONTROLS}"
_MARK = "\ufffd"  # stands for a character that was taken out


def sql_identifier(name: str) -> str:
    """Return ``name`` as an SQL identifier.

    Raises
    ------
    UsageError
        It is empty, or holds a NUL character.
    """
    if "\0" in name or not name:
        msg = "found an empty table or column name, or one with a NUL in it"
        raise UsageError(msg)
    return '"' + name.replace('"', '""') + '"'


def sql_identifiers(names: Iterable[str], prefix: str = "") -> str:
    """Return names as a list of SQL identifiers, each with ``prefix`` before it."""
    return ", ".join(prefix + sql_identifier(name) for name in names)


def sql_literal(text: str) -> str:
    """Return ``text`` as an SQL literal (standard quoting: only the quote itself is special).

    >>> sql_literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def sql_literals(texts: Iterable[str]) -> str:
    """Return texts as a comma-separated list of SQL literals."""
    return ", ".join(map(sql_literal, texts))


def sql_timestamp(moment: datetime) -> str:
    """Return a time (UTC, without zone) as an SQL literal.

    >>> sql_timestamp(datetime(2026, 5, 2, 9, 30))
    "TIMESTAMP '2026-05-02 09:30:00'"
    """
    return f"TIMESTAMP '{moment.isoformat(sep=' ')}'"


def counted(count: int, one: str, many: str) -> str:
    """Return a count with its words, ``one`` for 1.

    >>> counted(1, "row has", "rows have"), counted(1200, "row has", "rows have")
    ('1 row has', '1,200 rows have')
    """
    return f"{count:,} {one if count == 1 else many}"


def terminal_text(text: str) -> str:
    r"""Return text for a message: as it is if it can be printed, else with its marks spelt out; cut at 40 characters.

    >>> terminal_text("amount"), terminal_text("red \x1b[31m")
    ('amount', "'red \\x1b[31m'")
    """
    text = text[:MESSAGE_CHARACTERS]
    return text if text.isprintable() else repr(text)


def error_text(error: Exception) -> str:
    r"""Return the first line of a library's error, which may cite a file: marks spelt out, cut at 200 characters.

    >>> error_text(ValueError("bad cell \x1b[31m"))
    'bad cell \\x1b[31m'
    """
    line = next(iter(str(error).splitlines()), type(error).__name__)[:200]
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in line)


def markdown_text(text: object) -> str:
    r"""Return text so that Markdown shows it as it is.

    >>> markdown_text("<b>*x*</b> $1$ :red[y]")
    '&lt;b&gt;\\*x\\*&lt;/b&gt; \\$1\\$ \\:red\\[y\\]'
    """
    safe = str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", " ")
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]()#+!|$:~" else sign for sign in safe)


def plain_text(text: str) -> str:
    r"""Return text without control and direction characters: breaks become spaces, the others a visible mark.

    >>> ascii(plain_text("red\x1b[31m\nsecond line"))
    "'red\\ufffd[31m second line'"
    """
    return re.sub(CONTROLS, _MARK, re.sub(_SPACES, " ", text))


def plain_column(column: pa.Array[Any] | pa.ChunkedArray[Any]) -> Any:
    """Return a text column with :func:`plain_text` applied to every value; a column that needs nothing stays as is."""
    from payrec.common.arrow import one_chunk, pc  # takes long to import, and the command line needs none

    values = one_chunk(column)
    if not pc.any(pc.match_substring_regex(values, f"{_SPACES}|{CONTROLS}")).as_py():
        return values
    spaced = pc.replace_substring_regex(values, _SPACES, " ")
    return pc.replace_substring_regex(spaced, CONTROLS, _MARK)


def spreadsheet_column(column: pa.Array[Any] | pa.ChunkedArray[Any]) -> Any:
    """Return a text column for CSV: plain, and with ``'`` before what a spreadsheet takes for a formula.

    A spreadsheet of another locale splits a line at its own delimiter, so the text behind one is guarded, too.
    """
    from payrec.common.arrow import make, one_chunk, pc

    values = one_chunk(column)
    if not pc.any(pc.match_substring_regex(values, _RISKY)).as_py():
        return values
    risky = pc.match_substring_regex(values, _FORMULA)
    clean = pc.replace_substring_regex(plain_column(values), _INNER_FORMULA, "\\1'\\2")
    return pc.if_else(risky, pc.binary_join_element_wise(make.scalar("'"), clean, ""), clean)

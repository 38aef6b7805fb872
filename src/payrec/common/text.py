"""Text of strangers made harmless: no formula for a spreadsheet, no terminal command, no hidden direction marks."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa

from payrec.common.arrow import make, one_chunk, pc

# control characters (with escape, the start of terminal commands), and the marks that turn the direction of writing
_SPACES = "[\t\n\x0b\x0c\r\x85\u2028\u2029]"
_CONTROLS = "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
# what a spreadsheet takes for a formula, also behind spaces, in wide letters, or behind a border of another locale
_FORMULA = "^[\\s\x00]*[=+\\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n\x00]"
_INNER_FORMULA = ";([ ]*[=+\\-@])"
_ANYTHING = f"{_FORMULA}|{_INNER_FORMULA}|{_SPACES}|{_CONTROLS}"
_MARK = "\ufffd"  # shows that something was there


def plain(text: str) -> str:
    r"""Return the text without control and direction characters: breaks become spaces, the others a visible mark.

    >>> ascii(plain("red\x1b[31m\nsecond line"))
    "'red\\ufffd[31m second line'"
    """
    return re.sub(_CONTROLS, _MARK, re.sub(_SPACES, " ", text))


def plain_column(column: pa.Array[Any] | pa.ChunkedArray[Any]) -> Any:
    """Return a text column with :func:`plain` applied to every value; most columns need nothing and come back as is."""
    values = one_chunk(column)
    if not pc.any(pc.match_substring_regex(values, f"{_SPACES}|{_CONTROLS}")).as_py():
        return values
    spaced = pc.replace_substring_regex(values, _SPACES, " ")
    return pc.replace_substring_regex(spaced, _CONTROLS, _MARK)


def cell_column(column: pa.Array[Any] | pa.ChunkedArray[Any]) -> Any:
    """Return a text column for CSV: plain, and with ``'`` before whatever a spreadsheet would take for a formula."""
    values = one_chunk(column)
    if not pc.any(pc.match_substring_regex(values, _ANYTHING)).as_py():
        return values
    risky = pc.match_substring_regex(values, _FORMULA)
    clean = pc.replace_substring_regex(plain_column(values), _INNER_FORMULA, ";'\\1")
    return pc.if_else(risky, pc.binary_join_element_wise(make.scalar("'"), clean, ""), clean)

"""Text from a file, put into a message: no control or direction marks reach a terminal, and nothing is endless."""

from __future__ import annotations

MOST = 40


def shown(text: str) -> str:
    r"""Return text as it is if it can be printed, else with its marks spelt out; cut at ``MOST`` characters.

    >>> shown("amount"), shown("red \x1b[31m")
    ('amount', "'red \\x1b[31m'")
    """
    text = text[:MOST]
    return text if text.isprintable() else repr(text)


def first_line(error: Exception) -> str:
    r"""Return the first line of what a library said of a file, which may cite it: marks spelt out, cut at 200.

    >>> first_line(ValueError("bad cell \x1b[31m"))
    'bad cell \\x1b[31m'
    """
    said = next(iter(str(error).splitlines()), type(error).__name__)[:200]
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in said)

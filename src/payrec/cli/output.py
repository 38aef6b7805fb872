"""What the commands print: results on stdout, everything else on stderr, one JSON document with ``--json``.

All text passes through :func:`payrec.common.text.plain_text` here, so that nothing from data commands a terminal.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from payrec.common.errors import UsageError
from payrec.common.text import plain_text

LOG_WIDTH = 150  # of tables in a file or a pipe, which has no width of its own


def _safe(text: str) -> str:
    return plain_text(text.encode(errors="replace").decode())  # a lone surrogate has no form in any encoding


class PrintFailed(UsageError):
    """Stdout cannot be written: a full disk, or a stream that is closed."""


def console(*, err: bool = False) -> Console:
    """Return a console on the stream as it is now; markup in data is printed as it is."""
    stream = Console(file=sys.stderr if err else sys.stdout, markup=False, highlight=False, soft_wrap=True)
    if not stream.is_terminal:
        stream.width = LOG_WIDTH
    return stream


def survive_encodings() -> None:
    """Print ``?`` for a letter that the encoding of stdout or stderr lacks, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def say(line: str = "") -> None:
    """Print one line of the result."""
    with _printing():
        console().print(_safe(line))


def note(line: str) -> None:
    """Print one line on stderr; where that cannot be written, nobody reads it."""
    with suppress(OSError):
        console(err=True).print(_safe(line))
        sys.stderr.flush()


def emit(document: dict[str, Any], as_json: bool, render: Callable[[], None], kept: str = "") -> None:
    """Print ``document`` as the one JSON document, or let ``render`` print it for people.

    ``kept`` names what the command has stored. It stays stored if printing fails, so that is then only a warning;
    a command that only prints raises PrintFailed.
    """
    try:
        with _printing():
            if as_json:
                from payrec.common.json import readable_json

                sys.stdout.write(readable_json(document) + "\n")
            else:
                render()
            sys.stdout.flush()
    except PrintFailed as error:
        if not kept:
            raise
        note(f"warning: {str(error).splitlines()[0]}; {kept}")


@contextmanager
def _printing() -> Iterator[None]:
    """Turn a failure to write stdout into PrintFailed; a reader that closed the pipe wants no more, which is fine."""
    try:
        yield
    except OSError as error:
        with suppress(OSError):  # what is still buffered would fail again when Python ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return
        msg = f"cannot print the result: {(error.strerror or type(error).__name__).lower()}"
        raise PrintFailed(f"{msg}\nsend the output to a disk with free space, or to a terminal") from error


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str | None = None) -> None:
    """Print rows as a table; numbers to the right, data printed as it is."""
    grid = Table(title=title and _safe(title), title_justify="left", box=None, pad_edge=False, header_style="bold")
    for position, name in enumerate(columns):
        is_number = all(isinstance(r[position], int | float | Decimal) or _looks_numeric(r[position]) for r in rows)
        grid.add_column(_safe(name), justify="right" if rows and is_number else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(Text("" if cell is None else _safe(str(cell))) for cell in row))
    with _printing():
        console().print(grid)


def _looks_numeric(cell: Any) -> bool:
    return isinstance(cell, str) and cell[:1].isdigit() and cell[-1:] in "0123456789%"


@contextmanager
def steps(as_json: bool) -> Iterator[Callable[[str], None]]:
    """Return a function that shows the current step: a spinner on a terminal, plain lines elsewhere, none for JSON."""
    out = console(err=True)
    if as_json:
        yield lambda _: None
    elif out.is_terminal:
        with out.status("starting") as status:
            yield lambda line: status.update(Text(_safe(line)))
    else:
        yield note

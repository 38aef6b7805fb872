"""What the commands print: results on stdout, everything else on stderr, one JSON document with ``--json``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

LOG_WIDTH = 150  # of tables in a file or a pipe, which has no width of its own


def console(*, err: bool = False) -> Console:
    """Return a console on the stream as it is now; markup in data is printed as it is."""
    stream = Console(file=sys.stderr if err else sys.stdout, markup=False, highlight=False, soft_wrap=True)
    if not stream.is_terminal:
        stream.width = LOG_WIDTH
    return stream


def say(line: str = "") -> None:
    """Print one line of the result."""
    console().print(line)


def note(line: str) -> None:
    """Print one line on stderr."""
    console(err=True).print(line)


def emit(document: dict[str, Any], as_json: bool, render: Callable[[], None]) -> None:
    """Print ``document`` as the one JSON document, or let ``render`` print it for people."""
    if as_json:
        from payrec.common.json import readable_json

        sys.stdout.write(readable_json(document) + "\n")
    else:
        render()


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str | None = None) -> None:
    """Print rows as a table; numbers to the right, data printed as it is."""
    grid = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for position, name in enumerate(columns):
        is_number = all(isinstance(r[position], int | float | Decimal) or _looks_numeric(r[position]) for r in rows)
        grid.add_column(name, justify="right" if rows and is_number else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
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
            yield lambda line: status.update(Text(line))
    else:
        yield out.print

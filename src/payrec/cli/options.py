"""Options that many commands share, each with its one meaning, and how their values are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from payrec.common.errors import UsageError

if TYPE_CHECKING:
    from payrec.common.settings import Settings
    from payrec.data.engines import Engine
    from payrec.publish.store import ListStore

Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help="duckdb:///FILE, postgresql://USER@HOST/NAME or spark-local://CORES?warehouse=DIR.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="TIME", help="Ask from this time (UTC); default: the end of the observed data."),
]
Until = Annotated[
    str | None,
    typer.Option("--observed-until", metavar="TIME", help="Declare the end of the complete data (UTC)."),
]
Horizon = Annotated[
    int | None, typer.Option("--horizon", min=1, max=365, metavar="DAYS", help="Days in which a payment counts.")
]
Recipe = Annotated[str, typer.Option("--recipe", help="logistic, xgboost, auto, or original (the plain baseline).")]
Out = Annotated[Path, typer.Option("--out", metavar="FILE", help="File to write.")]


def now() -> datetime:
    """Return the present (UTC, naive): the only place that reads the clock."""
    return datetime.now(UTC).replace(tzinfo=None)


def configured() -> Settings:
    """Read the settings from the environment; what reads them takes long to import, and ``--help`` needs none."""
    from payrec.common.settings import read_settings

    return read_settings()


def moment(text: str | None, option: str) -> datetime | None:
    """Read a time given on the command line: a date, or a date and time, taken as UTC unless it carries an offset."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"found {option} {text!r}, expected a date or time such as 2026-06-30 or 2026-06-30T06:00"
        raise UsageError(msg) from error
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


def day(text: str | None, option: str) -> date | None:
    """Read a day given on the command line."""
    found = moment(text, option)
    return found.date() if found else None


def ages(text: str | None) -> tuple[int, ...] | None:
    """Read a list of ages in days, such as 0,7,14."""
    if text is None:
        return None
    try:
        return tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError as error:
        msg = f"found --ages {text!r}, expected days separated by commas, such as 0,7,14"
        raise UsageError(msg) from error


@contextmanager
def database(url: str | None, settings: Settings) -> Iterator[Engine]:
    """Open the database named on the command line, else the configured one."""
    from payrec.data.engines import connect

    with connect(url or settings.database_url()) as engine:
        yield engine


@contextmanager
def published_store(settings: Settings, url: str | None) -> Iterator[ListStore]:
    """Open the store of the published lists: the folder, or the database."""
    from payrec.data.engines import keeps_lists
    from payrec.publish.store import open_store

    address = url or settings.database_url()
    if not keeps_lists(address):
        yield open_store(settings.published_dir)
        return
    with database(url, settings) as engine:
        yield open_store(engine)

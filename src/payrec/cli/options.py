"""Options that many commands share, each with one meaning, and how their values are read."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import payrec
from payrec.common.errors import UsageError
from payrec.common.text import terminal_text

if TYPE_CHECKING:
    from payrec.common.settings import Settings

EARLIEST_YEAR, LATEST_YEAR = 1900, 2199  # of a time on the command line; horizons and ages reach beyond it
EARLIEST_DAYS, OLDEST_DAYS = -365, 3650  # of an age

Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help="duckdb:///FILE, postgresql://USER@HOST/NAME or sc://HOST:PORT/?schema=NAME.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="TIME", help="Time to score at (UTC); default: the end of the observed data."),
]
Until = Annotated[
    str | None, typer.Option("--observed-until", metavar="TIME", help="Declare the end of the complete data (UTC).")
]
PaymentsUntil = Annotated[
    str | None,
    typer.Option(
        "--payments-until", metavar="TIME", help="All payments are known until then (UTC): no list is as of later."
    ),
]
Horizon = Annotated[
    int | None,
    typer.Option("--horizon", min=1, max=365, metavar="DAYS", help="Days within which a payment counts as recovered."),
]
Recipe = Annotated[
    str, typer.Option("--recipe", help="logistic, xgboost, average (of both), auto, or original (the plain baseline).")
]
PolicyFile = Annotated[Path | None, typer.Option("--policy", metavar="policy.toml", help="Capacity, costs, rules.")]
Capacity = Annotated[
    int | None,
    typer.Option("--capacity", min=0, max=2**31 - 1, metavar="K", help="Number of contacts available."),
]


def now() -> datetime:
    """Return the present (UTC, naive); the command line reads the clock only here."""
    return datetime.now(UTC).replace(tzinfo=None)


def configured() -> Settings:
    """Read the settings from the environment; what reads them takes long to import, and ``--help`` needs none."""
    from payrec.common.settings import read_settings

    return read_settings()


def learning(settings: Settings, horizon_days: int | None) -> dict[str, Any]:
    """Return the arguments of training and testing that come from the settings."""
    return {
        "horizon_days": horizon_days or settings.horizon_days,
        "landmark_ages": settings.landmark_ages,
        "seed": settings.seed,
        "max_rows": settings.train_max_rows,
    }


def operation(settings: Settings) -> dict[str, Any]:
    """Return the arguments of a run that come from the settings."""
    secrets = (settings.db_pass, settings.alerts, settings.privacy_key)
    return {
        "lock_folder": settings.out_dir,
        "alert_to": settings.alerts.get_secret_value() if settings.alerts else None,
        "secrets": tuple(secret.get_secret_value() for secret in secrets if secret is not None),
        "retention_days": settings.retention_days,
    }


def privacy_key(settings: Settings) -> str | None:
    """Return the key of the hashes that stand for erased customers."""
    return settings.privacy_key.get_secret_value() if settings.privacy_key else None


def moment(text: str | None, option: str) -> datetime | None:
    """Read a time given on the command line: a date, or a date and time, taken as UTC unless it carries an offset."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
        time = time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
    except (ValueError, OverflowError) as error:
        msg = f"found {option} {terminal_text(text)!r}, expected a date or time such as 2026-06-30 or 2026-06-30T06:00"
        raise UsageError(msg) from error
    if not EARLIEST_YEAR <= time.year <= LATEST_YEAR:
        msg = f"found {option} {terminal_text(text)}, expected a time between {EARLIEST_YEAR} and {LATEST_YEAR}"
        raise UsageError(msg)
    return time


def day(text: str | None, option: str) -> date | None:
    """Read a day given on the command line."""
    time = moment(text, option)
    return time.date() if time else None


def money(text: str | None, option: str) -> Decimal | None:
    """Read an amount given on the command line, with a point for its decimals."""
    if text is None:
        return None
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise UsageError(f"found {option} {terminal_text(text)!r}, expected an amount such as 120.00") from error


def user() -> str:
    """Return the name under which this process runs, which the environment cannot change."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container without that user
        return f"uid {os.getuid()}"


def ages(text: str | None) -> tuple[int, ...] | None:
    """Read a list of ages in days, such as 0,7,14."""
    if text is None:
        return None
    try:
        days = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        days = ()
    if not days or days[0] < EARLIEST_DAYS or days[-1] > OLDEST_DAYS:
        msg = f"found --ages {terminal_text(text)!r}, expected days from {EARLIEST_DAYS} to {OLDEST_DAYS}"
        raise UsageError(f"{msg}, separated by commas, such as 0,7,14")
    return days


def database(url: str | None, settings: Settings) -> payrec.Engine:
    """Open the database named on the command line, else the configured one."""
    return payrec.connect(url or settings.database_url())


def published(url: str | None, settings: Settings) -> AbstractContextManager[Any]:
    """Open the published lists: in the configured folder, or in the database."""
    from payrec.commands.published import open_lists

    return open_lists(url or settings.database_url(), settings.published_dir)

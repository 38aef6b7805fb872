"""The command line: ``payrec VERB``, one function each: it parses, calls the function of that name, prints."""

from __future__ import annotations

import os
import signal
import sys

import typer

from payrec.cli import (
    data,
    demo,
    effect,
    holdout,
    lists,
    log,
    model,
    models,
    output,
    privacy,
    runs,
    simulate,
    sources,
    web,
)
from payrec.common.errors import PayrecError, UsageError
from payrec.common.text import terminal_text

app = typer.Typer(
    name="payrec",
    help="Which failed or unpaid payments will be recovered in the next 30 days, and whom to contact first.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
VERBS = (
    *(demo.demo, simulate.simulate, data.load, data.check, data.build),
    *(model.train, model.backtest),
    *(lists.score, lists.worklist, lists.forecast, model.explain, model.report),
    *(log.log, runs.run, runs.monitor, data.sql, web.app),
)
for verb in VERBS:
    app.command()(verb)
app.add_typer(models.models_app, name="models")
app.add_typer(sources.sources_app, name="sources")
app.add_typer(privacy.privacy_app, name="privacy")
app.add_typer(holdout.holdout_app, name="holdout")
app.add_typer(effect.effect_app, name="effect")


@app.callback()
def _options(debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error.")) -> None:
    """Accept the options that come before the verb; they are read in :func:`main`."""


def main(arguments: list[str] | None = None) -> None:
    """Run one command; a PayrecError becomes one to three lines on stderr and its exit code."""
    if arguments is None:
        signal.signal(signal.SIGTERM, _stop)
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    given = [a for a in given if a != "--debug"]
    output.survive_encodings()
    try:
        _expect_utf8(given)
        code = app(args=given, prog_name="payrec", standalone_mode=False) or 0
    except Exception as error:
        if debug and not isinstance(error, typer.TyperException):
            raise
        code = _show(error)
    sys.exit(code)


def _expect_utf8(arguments: list[str]) -> None:
    for text in arguments:
        try:
            os.fsencode(text).decode()
        except UnicodeError as error:
            msg = f"found the argument {terminal_text(text)}, expected UTF-8\nrename the file, or use a UTF-8 terminal"
            raise UsageError(msg) from error


def _show(error: Exception) -> int:
    """Print what went wrong in one to three lines on stderr; return the exit code."""
    if isinstance(error, typer.Abort):
        return 128 + signal.SIGINT
    if isinstance(error, typer.TyperException) and error.format_message().startswith("Usage:"):
        typer.echo(error.format_message(), err=True)  # no arguments: the help
        return 2
    refusal = _refusal(error)
    if refusal is None:
        output.note(f"internal error in payrec (your data is fine): {type(error).__name__}: {_first_line(error)}")
        output.note("run it again with --debug and report what it shows")
        return 1
    for line in str(refusal).splitlines() or [type(refusal).__name__]:
        output.note(line)
    return refusal.exit_code


def _refusal(error: Exception) -> PayrecError | None:
    """Return the error as one of payrec's own; None for a fault of payrec."""
    if isinstance(error, PayrecError):
        return error
    if isinstance(error, typer.TyperException):
        command = getattr(getattr(error, "ctx", None), "command_path", "payrec")
        return UsageError(f"{' '.join(error.format_message().split())}\n{command} --help shows what it takes")
    if isinstance(error, UnicodeEncodeError):
        msg = f"cannot encode {terminal_text(error.object)} as {error.encoding}"
        return UsageError(f"{msg}\nrun payrec in a UTF-8 locale: LC_ALL=C.UTF-8")
    if isinstance(error, OSError) and error.filename is not None:
        reason = (error.strerror or "input or output error").lower()
        msg = f"cannot use {terminal_text(str(error.filename))}: {reason}"
        return UsageError(f"{msg}\nname another path, or correct what is there")
    return None


def _stop(number: int, _frame: object) -> None:
    """Exit as a shell expects of a stopped command, through every ``finally``: locks and scratch files are removed."""
    sys.exit(128 + number)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:300]

"""The command line: ``payrec VERB``, one function each: it parses, calls the function of that name, prints."""

from __future__ import annotations

import signal
import sys

import typer

from payrec.cli import data, demo, lists, model, models, output, privacy, runs, web
from payrec.common.errors import PayrecError

app = typer.Typer(
    name="payrec",
    help="Which failed or unpaid payments will be recovered in the next 30 days, and whom to contact first.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
VERBS = (
    *(demo.demo, data.simulate, data.load, data.check, data.build),
    *(model.train, model.backtest),
    *(lists.score, lists.worklist, model.explain, model.report),
    *(runs.run, runs.monitor, data.sql, web.app),
)
for verb in VERBS:
    app.command()(verb)
app.add_typer(models.models_app, name="models")
app.add_typer(privacy.privacy_app, name="privacy")


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
    try:
        sys.exit(app(args=given, prog_name="payrec", standalone_mode=True) or 0)
    except PayrecError as error:
        if debug:
            raise
        for line in str(error).splitlines() or [type(error).__name__]:
            output.note(line)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:
        if debug:
            raise
        output.note(f"internal error in payrec (your data is fine): {type(error).__name__}: {_first_line(error)}")
        output.note("run it again with --debug and report what it shows")
        sys.exit(1)


def _stop(number: int, _frame: object) -> None:
    """Exit as a shell expects of a stopped command, through every ``finally``: locks and scratch files are removed."""
    sys.exit(128 + number)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:300]

"""Commands from raw files to the feature view: load, check, build, sql."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import payrec
from payrec.cli import options, output
from payrec.cli.options import AsOf, Database, Horizon, Json, Until
from payrec.cli.sources import unknown_kind
from payrec.common.errors import DataRefused, UsageError

if TYPE_CHECKING:
    from payrec.common.settings import Settings

Files = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="FILE",
        help="CSV, JSON (also gzipped), XLSX or Parquet; or a folder of parts. After source: its NAME and its files.",
        show_default=False,
    ),
]
MapFile = Annotated[
    Path | None, typer.Option("--map", metavar="MAP.toml", help="TOML file that maps columns and values.")
]
Rejects = Annotated[
    Path | None, typer.Option("--rejects", metavar="FILE", help="File for rejected rows; a folder, if FILE is one.")
]
FeatureFile = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Also write the feature view of the open orders: .csv or .parquet."),
]
PaymentsFrom = Annotated[
    bool | None,
    typer.Option(
        "--payments-from-events/--payments-from-dates",
        help="Take payments from events, or from payment_date.",
        show_default=False,
    ),
]
Full = Annotated[bool, typer.Option("--full", help="Rebuild everything, also orders that have not changed.")]
Encoding = Annotated[str | None, typer.Option("--encoding", help="Encoding of the file, if it is not UTF-8.")]
Reporting = Annotated[
    str | None, typer.Option("--reporting-currency", metavar="EUR", help="Currency that the rates convert to.")
]
StatedAt = Annotated[
    str | None,
    typer.Option("--stated-at", metavar="TIME", help="When outstanding, status and the like were true (UTC)."),
]
Complete = Annotated[
    bool, typer.Option("--complete", help="All open orders are in the file: what is gone from it was settled.")
]
FromUrl = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="URL", help="After source NAME: postgresql://…?schema=NAME that another tool keeps filled."
    ),
]
WriteMap = Annotated[
    Path | None,
    typer.Option(
        "--write-map", metavar="MAP.toml", help="Load nothing: write the map that the file would be read with."
    ),
]
Tolerance = Annotated[
    float,
    typer.Option("--tolerance", min=0.0, max=1.0, help="Largest share of rejected rows."),
]


class FileKind(StrEnum):
    """What a file holds."""

    transactions = "transactions"
    events = "events"
    fx = "fx"
    customers = "customers"
    actions = "actions"
    source = "source"


def load(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="transactions, events, fx, customers, actions, or source NAME; or a file, to see which source it is.",
        ),
    ],
    files: Files = None,
    map_file: MapFile = None,
    rejects: Rejects = None,
    encoding: Encoding = None,
    tolerance: Tolerance = 0.05,
    stated_at: StatedAt = None,
    complete: Complete = False,
    from_url: FromUrl = None,
    write_map: WriteMap = None,
    payments_from_events: PaymentsFrom = None,
    reporting_currency: Reporting = None,
    url: Database = None,
    as_json: Json = False,
) -> None:
    """Load a file: each row is either loaded or listed as rejected."""
    settings, files = options.configured(), files or []
    _require_files(kind, files, from_url, encoding)
    mapping = payrec.load.mapping_of(map_file, reporting_currency)
    stated = options.moment(stated_at, "--stated-at")
    reading = payrec.load.Options(
        encoding, tolerance, stated_at=stated, complete=complete or None, payments_from_events=payments_from_events,
        privacy_key=options.privacy_key(settings),
    )  # fmt: skip
    if kind == FileKind.actions or write_map is not None:
        if write_map is not None:
            _write_map(kind, files, write_map, reading, as_json)
        else:
            no_use = {
                "--map": map_file, "--rejects": rejects, "--stated-at": stated_at, "--complete": complete or None,
                "--reporting-currency": reporting_currency, "--payments-from-…": payments_from_events,
            }  # fmt: skip
            _load_actions(files[0], encoding, no_use, settings, url, as_json)
        return
    if kind == FileKind.source:
        with options.database(url, settings) as engine, output.steps(as_json) as step:
            report: Any = payrec.load.source(
                engine, str(files[0]), files[1:], mapping, rejects or settings.out_dir, options.now(), reading,
                from_url, step,
            )  # fmt: skip
    else:
        file = files[0]
        plan = payrec.load.plan(file, kind, mapping, reading)  # type: ignore[arg-type]
        for line in () if as_json else plan.lines():
            output.note(line)
        if rejects is None:
            rejects = settings.out_dir if file.is_dir() else settings.out_dir / f"{file.name.split('.')[0]}.rejects.csv"
        with options.database(url, settings) as engine, output.steps(as_json) as step:
            command = getattr(payrec.load, kind)
            report = command(engine, file, mapping, rejects, options.now(), reading, progress=step)

    def render() -> None:
        for line in report.lines():
            output.say(line)

    output.emit(asdict(report), as_json, render, kept="the rows are loaded")


def _load_actions(
    file: Path, encoding: str | None, no_use: dict[str, Any], settings: Settings, url: str | None, as_json: Any
) -> None:
    for name in (name for name, value in no_use.items() if value is not None):
        raise UsageError(f"found {name} after actions, expected none: the columns of the sheet are fixed")
    with options.published(url, settings) as store:
        loaded = payrec.load.actions(file, options.now(), options.user(), store, encoding)
    first, *refused = loaded.lines()
    for line in refused:
        output.note(line)
    output.emit(asdict(loaded), as_json, lambda: output.say(first), kept="the actions are recorded")
    loaded.require_all()


def _write_map(kind: str, files: list[Path], path: Path, reading: payrec.load.Options, as_json: bool) -> None:
    if kind in (FileKind.source, FileKind.actions):
        raise UsageError(f"found --write-map after {kind}, expected transactions, events or fx\n{kind} needs no map")
    written = payrec.load.write_map(files[0], kind, path, reading)  # type: ignore[arg-type]
    command = f"payrec load {kind} {files[0]} --map {written}"
    output.emit({"map": written}, as_json, lambda: output.say(f"{written} is written: complete it, then {command}"))


def _require_files(kind: str, files: list[Path], from_url: str | None, encoding: str | None) -> None:
    if kind not in list(FileKind):
        raise unknown_kind(kind, files, encoding)
    if kind == FileKind.source and (len(files) != 1 if from_url else len(files) < 2):
        raise UsageError(
            f"found {len(files)} words after source{' and --from' if from_url else ''}, "
            f"expected NAME{'' if from_url else ' and at least one file'}\n"
            "payrec load source stripe-dashboard payments.csv; payrec sources list names all"
        )
    if kind != FileKind.source and (len(files) != 1 or from_url):
        given = f"{len(files)} files{' and --from' if from_url else ''}"
        msg = f"found {given} after {kind}, expected one file\npayrec load {kind} FILE"
        raise UsageError(f"{msg}; several files of one table are loaded as a folder")


def build(
    as_of: AsOf = None, observed_until: Until = None, horizon_days: Horizon = None, out: FeatureFile = None,
    full: Full = False, payments_from_events: PaymentsFrom = None, url: Database = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Build snapshots, features and labels from the raw tables.

    Orders whose raw rows have not changed since the last build keep their staging rows, unless most have changed.
    """
    settings = options.configured()
    with options.database(url, settings) as engine, output.steps(as_json) as step:
        built = payrec.build(
            engine, options.moment(as_of, "--as-of"), horizon_days or settings.horizon_days,
            options.moment(observed_until, "--observed-until"), out, full, settings.landmark_ages,
            payments_from_events, step,
        )  # fmt: skip

    def render() -> None:
        output.table(["table", "rows"], [(name, f"{n:,}") for name, n in built.rows.items()])
        if built.orders_remade is not None:
            output.say(f"{built.orders_remade:,} orders changed since the last build; only their staging rows are new")
        if built.observed_until:
            output.say(f"observed until {built.observed_until:%Y-%m-%d %H:%M} UTC; labels after that are unknown")

    output.emit(asdict(built), as_json, render, kept="the tables are built")


def check(
    observed_until: Until = None, horizon_days: Horizon = None, url: Database = None, as_json: Json = False
) -> None:
    """Audit the data; exit 3 if training on it would be unsafe."""
    settings = options.configured()
    with options.database(url, settings) as engine, output.steps(as_json) as step:
        audit = payrec.check(
            engine, horizon_days or settings.horizon_days, options.moment(observed_until, "--observed-until"),
            options.now(), settings.landmark_ages, step,
        )  # fmt: skip
    document = {
        "findings": [asdict(f) for f in audit.findings],
        "counts": audit.counts,
        "safe": not audit.refusals,
        "freshness": [asdict(feed) for feed in audit.feeds],
        "missing_months": [asdict(gap) for gap in audit.missing_months],
    }

    def render() -> None:
        output.say(", ".join(f"{n:,} {name}" for name, n in audit.counts.items()))
        subject = ""
        for finding in audit.findings:
            if finding.about != subject:
                subject = finding.about
                output.say(f"{subject}:")
            lines = finding.message.splitlines()
            output.say(f"{finding.level:>6}  {lines[0]}")
            for line in lines[1:]:
                output.say(f"        {line}")

    output.emit(document, as_json, render)
    if audit.refusals:
        first = audit.refusals[0]
        msg = f"{len(audit.refusals)} finding(s) make training unsafe: {', '.join(f.code for f in audit.refusals)}"
        raise DataRefused(msg if as_json is False else f"{msg}\n{first.message.splitlines()[0]}")


def sql(
    name: Annotated[str | None, typer.Argument(help="A layer or check to print.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """List the SQL files in the order of running, or print one."""
    files = payrec.sql(name)
    if name is None:
        rows = [(n, text.splitlines()[0].removeprefix("-- ")) for n, text in files.items()]
        output.emit({"files": dict(rows)}, as_json, lambda: output.table(["file", "what one row is"], rows))
        return
    ((file, text),) = files.items()
    output.emit({"file": file, "sql": text}, as_json, lambda: print(text, end=""))  # noqa: T201

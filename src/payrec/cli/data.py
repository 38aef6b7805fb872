"""Commands from raw files to the feature view: simulate, load, check, build, sql."""

from __future__ import annotations

from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from payrec.cli import output
from payrec.cli.options import AsOf, Database, Horizon, Json, Until, configured, database, moment, now
from payrec.common.errors import DataRefused, UsageError

load_app = typer.Typer(
    help="Load a file into the raw tables: show how it is read, then every row is loaded or listed as rejected."
)

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="CSV (also gzipped) or Parquet; or a folder of such parts.", show_default=False
    ),
]
MapFile = Annotated[
    Path | None, typer.Option("--map", metavar="MAP.toml", help="How its columns and values are meant.")
]
Rejects = Annotated[
    Path | None, typer.Option("--rejects", metavar="FILE", help="Where rejected rows go; a folder, if FILE is one.")
]
FeatureFile = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Also write the feature view of the open orders: .csv or .parquet."),
]
Full = Annotated[bool, typer.Option("--full", help="Make everything anew, also what has not changed.")]
Encoding = Annotated[str | None, typer.Option("--encoding", help="Encoding of the file, if it is not UTF-8.")]
Reporting = Annotated[
    str | None, typer.Option("--reporting-currency", metavar="EUR", help="What the rates convert to.")
]
Tolerance = Annotated[float, typer.Option("--tolerance", min=0.0, max=1.0, help="Largest share of rejected rows.")]


def simulate(
    orders: Annotated[int, typer.Option("--orders", min=1, help="How many orders.")] = 50_000,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same bytes.")] = 1,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write to.")] = Path("out/simulated"),
    as_json: Json = False,
) -> None:
    """Make a portfolio with known truth: transactions.csv, events.csv, fx.csv and truth.parquet."""
    from payrec.simulate.simulator import portfolio as simulated
    from payrec.simulate.simulator import write

    with output.steps(as_json) as step:
        step(f"simulating {orders:,} orders")
        portfolio = simulated(orders, seed)
        write(portfolio, out)
    document = {
        "folder": out,
        "transactions": portfolio.transactions.num_rows,
        "events": portfolio.events.num_rows,
        "truth": portfolio.truth.num_rows,
    }

    def render() -> None:
        output.say(
            f"{document['transactions']:,} orders and {document['events']:,} events in {out}, "
            f"with the truth of {document['truth']:,} snapshots"
        )

    output.emit(document, as_json, render)


class Kind(StrEnum):
    """What a file holds."""

    transactions = "transactions"
    events = "events"
    fx = "fx"


def load(
    kind: Annotated[Kind, typer.Argument(help="What the file holds: orders, events, or dated rates.")],
    file: File,
    map_file: MapFile = None,
    rejects: Rejects = None,
    encoding: Encoding = None,
    tolerance: Tolerance = 0.05,
    reporting_currency: Reporting = None,
    url: Database = None,
    as_json: Json = False,
) -> None:
    """Load a file into the raw tables: show how it is read, then every row is either loaded or listed as rejected."""
    from payrec.data import layers
    from payrec.data import load as loader

    settings = configured()
    mapping = loader.read_mapping(map_file) if map_file else None
    if reporting_currency:
        mapping = replace(mapping or loader.Mapping(), reporting_currency=reporting_currency.upper())
    options = loader.Options(max_rejected_share=tolerance, encoding=encoding)
    plan = loader.plan(loader.parts(file)[0], kind.value, mapping, options)
    if not as_json:
        for line in plan.lines():
            output.note(line)
    loading = {"transactions": loader.transactions, "events": loader.events, "fx": loader.fx}[kind]
    with database(url, settings) as engine, output.steps(as_json) as step:

        def load_one(part: Path) -> loader.LoadReport:
            step(f"loading {part.name}")
            beside = f"{part.name if part != file else part.name.split('.')[0]}.rejects.csv"
            bad = rejects if rejects and part == file else (rejects or settings.out_dir) / beside
            return loading(engine, part, mapping, bad, now(), options)

        layers.prepare(engine)
        report = layers.change(engine, lambda: loader.in_parts(file, load_one))

    def render() -> None:
        for line in report.lines():
            output.say(line)

    output.emit(asdict(report), as_json, render)


def build(
    as_of: AsOf = None, until: Until = None, horizon: Horizon = None, out: FeatureFile = None,
    full: Full = False, url: Database = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Build staging, snapshots, features and labels from the raw tables.

    Orders whose raw rows have not changed since the last build keep their staging rows, unless most have changed.
    """
    from payrec import commands

    settings = configured()
    asked = commands.parameters(settings, moment(as_of, "--as-of"), horizon, moment(until, "--observed-until"))
    with database(url, settings) as engine, output.steps(as_json) as step:
        built = commands.build(engine, asked, lambda file: step(f"building {file}"), full=full)
        if out is not None and built.as_of:
            from payrec.api import preparing

            preparing.features(engine, built.as_of[-1], out)

    def render() -> None:
        output.table(["table", "rows"], [(name, f"{n:,}") for name, n in built.rows.items()])
        if built.orders_remade is not None:
            output.say(
                f"{built.orders_remade:,} orders changed since the last build, only their staging rows were made anew"
            )
        if built.observed_until:
            output.say(f"observed until {built.observed_until:%Y-%m-%d %H:%M} UTC; labels after that are unknown")

    output.emit(asdict(built), as_json, render)


def check(until: Until = None, horizon: Horizon = None, url: Database = None, as_json: Json = False) -> None:
    """Audit the data; exit 3 if training on it would be unsafe, and say why."""
    from payrec import commands

    settings = configured()
    asked = commands.parameters(settings, None, horizon, moment(until, "--observed-until"))
    with database(url, settings) as engine, output.steps(as_json) as step:
        found = commands.check(engine, asked, now(), step)
    document = {"findings": [asdict(f) for f in found.findings], "counts": found.counts, "safe": not found.refusals}

    def render() -> None:
        output.say(", ".join(f"{n:,} {name}" for name, n in found.counts.items()))
        for finding in found.findings:
            lines = finding.message.splitlines()
            output.say(f"{finding.level:>6}  {lines[0]}")
            for line in lines[1:]:
                output.say(f"        {line}")

    output.emit(document, as_json, render)
    if found.refusals:
        first = found.refusals[0]
        msg = f"{len(found.refusals)} finding(s) make training unsafe: {', '.join(f.code for f in found.refusals)}"
        raise DataRefused(msg if as_json is False else f"{msg}\n{first.message}")


def sql(
    name: Annotated[str | None, typer.Argument(help="A layer or check to print.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """List the SQL files in the order of running, or print one."""
    from payrec.data import layers

    files = dict(layers.layers()) | {f"checks/{n}.sql": text for n, text in layers.check_files()}
    if name is None:
        rows = [(n, text.splitlines()[0].removeprefix("-- ")) for n, text in files.items()]
        output.emit({"files": dict(rows)}, as_json, lambda: output.table(["file", "what one row is"], rows))
        return
    found = [n for n in files if name in (n, n.removesuffix(".sql"), n.split("_", 1)[-1].removesuffix(".sql"))]
    if not found:
        msg = f"found no SQL file {name!r}, expected one of {', '.join(files)}"
        raise UsageError(msg)
    output.emit({"file": found[0], "sql": files[found[0]]}, as_json, lambda: print(files[found[0]], end=""))  # noqa: T201

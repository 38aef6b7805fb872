"""Commands that end in a list of orders: score, worklist."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import payrec
from payrec.cli import options, output
from payrec.cli.options import AsOf, Capacity, Database, Json, PaymentsUntil, PolicyFile
from payrec.cli.summaries import show_list
from payrec.common.errors import UsageError

if TYPE_CHECKING:
    from payrec.commands.forecast import Forecast

Features = Annotated[
    Path | None, typer.Option("--features", metavar="FILE.csv", help="An exported feature view; needs no database.")
]


def score(
    as_of: AsOf = None, capacity: Capacity = None, policy: PolicyFile = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help=".csv, .xlsx or .parquet.")] = None,
    features: Features = None, payments_until: PaymentsUntil = None,
    url: Database = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Score and rank the open orders, without publishing."""
    settings, now = options.configured(), options.now()
    known_until = options.moment(payments_until, "--payments-until")
    if features is not None and known_until is not None:
        raise UsageError("found --payments-until with --features, expected one of them: a file has its own time")
    out = out or settings.out_dir / f"worklist_{now:%Y%m%d_%H%M%S}.csv"
    request = (settings.models_dir, options.moment(as_of, "--as-of"), policy or settings.policy, capacity, out, now)
    with output.steps(as_json) as step:
        if features is not None:
            ranked = payrec.score_file(features, *request, progress=step)
        else:
            with options.database(url, settings) as engine:
                ranked = payrec.score(engine, *request, known_until, settings.published_dir, progress=step)
    document = ranked.summary() | {"file": out, "too_old": ranked.too_old}

    def render() -> None:
        show_list(document, known_until)
        output.say(f"the ranked list is in {out}")

    output.emit(document, as_json, render, kept=f"the ranked list is in {out}")


class Unit(StrEnum):
    """What one row of a list is."""

    customer = "customer"
    order = "order"


class ToolName(StrEnum):
    """A tool that imports a list."""

    mail_merge = "mail-merge"
    salesforce = "salesforce"
    hubspot = "hubspot"
    zendesk = "zendesk"


def worklist(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=".csv, .xlsx or .parquet.")],
    capacity: Capacity = None,
    payments_until: PaymentsUntil = None,
    by: Annotated[
        Unit | None, typer.Option("--by", help="One row a customer, or an order; left out: as the policy's unit says.")
    ] = None,
    tool: Annotated[
        ToolName | None, typer.Option("--for", help="Columns that this tool imports, one row a customer.")
    ] = None,
    with_contact: Annotated[
        bool, typer.Option("--with-contact", help="Put names and ways to reach customers into the file.")
    ] = False,
    owner: Annotated[str | None, typer.Option("--owner", metavar="NAME", help="Only the rows of this person.")] = None,
    machine: Annotated[
        bool, typer.Option("--machine", help="Customers who need no person: payments to retry, new cards to ask for.")
    ] = False,
    url: Database = None,
    as_json: Json = False,
) -> None:
    """Export the first K customers, or orders, of the published list."""
    settings = options.configured()
    with options.published(url, settings) as store:
        known_until = options.moment(payments_until, "--payments-until")
        kept = payrec.worklist(
            store, capacity, out, known_until, by.value if by else None, tool.value if tool else None, with_contact,
            owner, machine,
        )  # fmt: skip
    run = kept.run
    unit = "customer" if tool else by.value if by else run.summary.unit
    rows = (kept.customers if unit == "customer" else kept.ranked).num_rows
    value = kept.summary()["value"]
    document = {"file": out, "by": unit, "rows": rows, "run_id": run.run_id, "as_of": run.as_of, "value": value}

    def render() -> None:
        output.say(f"{rows:,} {unit}s as of {run.as_of:%Y-%m-%d %H:%M} UTC in {out}")
        for line in kept.expected:
            output.say(line)

    output.emit(document, as_json, render, kept=f"the list is in {out}")


def forecast(
    weeks: Annotated[int, typer.Option("--weeks", metavar="N", help="Number of weeks, up to 13.")] = 13,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help=".csv, .xlsx or .parquet.")] = None,
    url: Database = None,
    as_json: Json = False,
) -> None:
    """Forecast by week what open orders bring in."""
    settings = options.configured()
    with options.published(url, settings) as store:
        forecasted = payrec.forecast(store, settings.models_dir, weeks, out)
    run = forecasted.run
    document = {
        "run_id": run.run_id, "as_of": run.as_of, "model_id": run.model_id, "weeks": forecasted.table.to_pylist(),
        "totals": {unit: total.expected / 100 for unit, total in forecasted.totals.items()},
        "matured_weeks": {u: {"weeks": n, "inside": m} for u, (n, m) in forecasted.coverage.items()},
        **vars(run.summary.spread), "left_out": forecasted.left_out, "file": out,
    }  # fmt: skip
    output.emit(document, as_json, lambda: _show_forecast(forecasted), kept=f"the forecast is in {out}" if out else "")


def _show_forecast(forecasted: Forecast) -> None:
    output.say(f"open orders as of {forecasted.run.as_of:%Y-%m-%d %H:%M} UTC; orders that fail later are not in it")
    rows = [
        (
            one.currency, f"{one.from_at:%Y-%m-%d}", f"{one.money.expected / 100:,.0f}",
            f"{one.money.low_80 / 100:,.0f} to {one.money.high_80 / 100:,.0f}",
            f"{one.money.low_95 / 100:,.0f} to {one.money.high_95 / 100:,.0f}",
        )
        for one in forecasted.weeks
    ]  # fmt: skip
    output.table(["", "week from", "expected", "80 % interval", "95 % interval"], rows)
    for unit, total in forecasted.totals.items():
        output.say(
            f"together {unit} {total.expected / 100:,.0f}; 95 % interval {total.low_95 / 100:,.0f} to "
            f"{total.high_95 / 100:,.0f}"
        )
    for unit, (weeks, inside) in forecasted.coverage.items():
        output.say(f"of {weeks} past weeks {inside} lay in the 80 % interval ({unit})")
    if forecasted.left_out:
        output.say(f"{forecasted.left_out:,} open orders are in no sum: without a probability, or without a rate")

"""payrec simulate: a portfolio whose outcome is known, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import payrec
from payrec.cli import output
from payrec.cli.options import Json
from payrec.simulate.complications import RATES, complications
from payrec.simulate.customer_behaviour import USUAL, Behaviour


def simulate(
    orders: Annotated[int, typer.Option("--orders", min=1, help="Number of orders.")] = 50_000,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same bytes.")] = 1,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write to.")] = Path("out/simulated"),
    with_names: Annotated[
        str | None,
        typer.Option(
            "--with", metavar="NAME,NAME", help=f"What real data also contain: everything, or {', '.join(RATES)}."
        ),
    ] = None,
    stop_payments_days: Annotated[
        int, typer.Option("--stop-payments-days", metavar="N", help="Leave out all money of the last N days.")
    ] = 0,
    missing_month: Annotated[
        list[str] | None,
        typer.Option("--missing-month", metavar="YYYY-MM", help="Leave out all events of a month. Repeatable."),
    ] = None,
    as_source: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Also write the files of a source, such as stripe-api.")
    ] = None,
    contact_effect: Annotated[
        str, typer.Option("--contact-effect", help="What decides whom a contact changes: hidden, seen, or none.")
    ] = USUAL.contact_effect,
    weekly_shock: Annotated[
        float,
        typer.Option("--weekly-shock", metavar="SD", help="Shock to the log hazard that all orders of a week share."),
    ] = USUAL.weekly_shock_sd,
    held_out: Annotated[
        float, typer.Option("--held-out", metavar="SHARE", help="Share of the customers never contacted, at random.")
    ] = USUAL.held_out,
    as_json: Json = False,
) -> None:
    """Simulate a portfolio whose outcome is known, as files.

    Writes transactions.csv, events.csv, fx.csv and truth.parquet. With --with, --stop-payments-days or
    --missing-month the orders also have a status, and truth_status.parquet says where each of them truly stands on
    twelve days a week apart.
    """
    names = [name.strip() for name in with_names.split(",")] if with_names is not None else []
    complicated = complications(names, stop_payments_days=stop_payments_days, missing_months=missing_month or ())
    with output.steps(as_json) as step:
        behaviour = Behaviour(contact_effect, weekly_shock, held_out)  # type: ignore[arg-type]
        portfolio = payrec.simulate(orders, seed, out, step, complicated, as_source, behaviour)
    document = {
        "folder": out,
        "transactions": portfolio.transactions.num_rows,
        "events": portfolio.events.num_rows,
        "truth": portfolio.truth.num_rows,
    }
    line = (
        f"{document['transactions']:,} orders and {document['events']:,} events in {out}, "
        f"with the truth of {document['truth']:,} snapshots"
    )
    if as_source:
        document["source_files"] = out / as_source
        line += f"; files of {as_source} in {out / as_source}"
    output.emit(document, as_json, lambda: output.say(line), kept=f"the files are in {out}")

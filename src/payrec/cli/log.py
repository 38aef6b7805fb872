"""What people did: log."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, cast

import typer

import payrec
from payrec.cli import options, output
from payrec.cli.options import Database, Json

if TYPE_CHECKING:
    from payrec.publish.actions import Kind


class ActionKind(StrEnum):
    """What a person did."""

    contacted = "contacted"
    promised = "promised"
    disputed = "disputed"
    dispute_solved = "dispute-solved"
    snoozed = "snoozed"
    assigned = "assigned"
    note = "note"
    do_not_contact = "do-not-contact"
    undone = "undone"


def log(
    kind: Annotated[ActionKind, typer.Argument(metavar="KIND", help=", ".join(ActionKind) + ".")],
    customer_id: Annotated[str, typer.Option("--customer", metavar="ID", help="The customer's id, as in the data.")],
    orders: Annotated[
        list[str] | None,
        typer.Option("--order", metavar="ID", help="Only about this order. Repeatable.", show_default=False),
    ] = None,
    channel: Annotated[str | None, typer.Option("--channel", metavar="NAME", help="Such as phone or email.")] = None,
    outcome: Annotated[
        str | None,
        typer.Option("--outcome", help="Of a contact: no_answer, left_message, spoke, refused or wrong_number."),
    ] = None,
    owner: Annotated[str | None, typer.Option("--owner", metavar="NAME", help="Who is assigned.")] = None,
    amount: Annotated[
        str | None, typer.Option("--amount", metavar="120.00", help="Promised; default: what the orders owe.")
    ] = None,
    currency: Annotated[str | None, typer.Option("--currency", metavar="EUR", help="Currency of the amount.")] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="DATE", help="Day of the promise, or end of the snooze.")
    ] = None,
    note: Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Up to 1,000 characters.")] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="When it happened (UTC); default: now.")
    ] = None,
    action: Annotated[
        str | None, typer.Option("--action", metavar="ID", help="Action to undo; default: the customer's last.")
    ] = None,
    url: Database = None,
    as_json: Json = False,
) -> None:
    """Record what a person did with a customer."""
    settings, amount_given = options.configured(), options.money(amount, "--amount")
    with options.published(url, settings) as store:
        logged = payrec.log(
            cast("Kind", kind.name), customer_id, options.now(), options.user(), store, orders, channel, outcome, owner,
            amount_given, currency, options.day(until, "--until"), note, options.moment(at, "--at"), action,
        )  # fmt: skip
    for warning in logged.warnings:
        output.note(f"warning: {warning}")
    done = f"{kind} of customer {logged.action.customer_id}, action {logged.action.action_id}"
    line = f"recorded: {done}" if logged.is_new else f"recorded before: {done}"
    output.emit(asdict(logged), as_json, lambda: output.say(line), kept="the action is recorded")

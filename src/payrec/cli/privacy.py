"""Commands about one person: privacy export, privacy erase."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import payrec
from payrec.cli import options, output
from payrec.cli.options import Database, Json

privacy_app = typer.Typer(help="Export or erase one customer's data.", no_args_is_help=True)
Customer = Annotated[str, typer.Argument(metavar="CUSTOMER_ID", help="The customer's id, as in the data.")]
KeepOut = Annotated[
    bool | None,
    typer.Option(
        "--keep-out/--no-keep-out",
        help="Leave this customer out of later loads, or take them again; needs PAYREC_PRIVACY_KEY.",
        show_default=False,
    ),
]


@privacy_app.command("export")
def privacy_export(
    customer_id: Customer,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.json", help="File to write it to.", show_default=False)
    ] = None,
    url: Database = None,
    as_json: Json = False,
) -> None:
    """Export all data of a customer: rows, lists, downloads."""
    held = payrec.privacy.export(**_request(customer_id, url), out=out)

    def render() -> None:
        for name in (*payrec.privacy.RAW, "feature_view", "lists"):
            output.say(f"{len(held[name]):>9,} rows  {name}")
        _show_elsewhere(held["exports"], held["mentioned_in"], held["unreadable"])
        output.say(f"written to {out}" if out else "--out FILE.json writes all of it, --json prints it")

    output.emit(held, as_json, render, kept=f"the data are in {out}" if out else "")


@privacy_app.command("erase")
def privacy_erase(customer_id: Customer, keep_out: KeepOut = None, url: Database = None, as_json: Json = False) -> None:
    """Erase a customer; the record of it stays, without the id."""
    erased = payrec.privacy.erase(**_request(customer_id, url), keep_out=keep_out)

    def render() -> None:
        if erased.is_empty:
            output.say("nothing is held of this customer")
        for name, rows in {**erased.raw, "published": erased.published}.items():
            output.say(f"{rows:>9,} rows  taken out of {name}")
        if erased.lines:
            output.say(f"{erased.lines:>9,} lines taken out of rejects and the export log")
        _show_elsewhere(erased.exports, erased.mentioned_in, erased.unreadable)
        if keep_out is not None:
            output.say(f"later loads {'leave this customer out' if keep_out else 'take this customer again'}")
        output.say("backups and the server's own logs are yours to look after")

    output.emit({"found": not erased.is_empty, **vars(erased)}, as_json, render, kept="the customer is erased")


def _show_elsewhere(exports: list[dict[str, Any]], files: list[str], unreadable: list[str]) -> None:
    for line in exports:
        output.say(f"a download may hold them: {line['file']}, taken by {line['who']} at {line['at']}")
    for path in files:
        output.say(f"a file names them: {path}")
    for file in unreadable:
        output.say(f"a file cannot be searched: {file}")


def _request(customer_id: str, url: str | None) -> dict[str, Any]:
    settings = options.configured()
    return {
        "url": url or settings.database_url(),
        "customer_id": customer_id,
        "now": options.now(),
        "published": settings.published_dir,
        "out_folder": settings.out_dir,
        "others": (settings.models_dir, *([settings.policy] if settings.policy else [])),
        "key": options.privacy_key(settings),
    }

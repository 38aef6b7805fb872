"""Commands about one person: privacy export, privacy erase."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from payrec.cli import output
from payrec.cli.options import Database, Json, configured, now

if TYPE_CHECKING:
    from payrec.commands.privacy import Request
    from payrec.common.settings import Settings
    from payrec.data.engines import Engine
    from payrec.publish.store import ListStore

privacy_app = typer.Typer(help="What is held of one customer: hand it over, or take it out.", no_args_is_help=True)
Customer = Annotated[str, typer.Argument(metavar="CUSTOMER_ID", help="The customer's id, as in the data.")]


@privacy_app.command("export")
def privacy_export(
    customer_id: Customer,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.json", help="File to write it to.", show_default=False)
    ] = None,
    url: Database = None,
    as_json: Json = False,
) -> None:
    """Show all that is held of a customer: raw rows, features, lists, and which downloads were made of those lists."""
    from payrec.commands import privacy
    from payrec.common import files
    from payrec.data.engines import connect

    settings = configured()
    address = url or settings.database_url()
    with connect(address) as engine:
        found = privacy.export(engine, _store(settings, engine), _request(settings, customer_id))
    if out is not None:
        with files.replacing(out) as sink:
            sink.write(json.dumps(found, default=output.plain, indent=2, ensure_ascii=False).encode())

    def render() -> None:
        for name in (*privacy.RAW, "feature_view", "lists"):
            output.say(f"{len(found[name]):>9,} rows  {name}")
        _show_elsewhere(found["exports"], found["mentioned_in"])
        output.say(f"written to {out}" if out else "--out FILE.json writes all of it, --json prints it")

    output.emit(found, as_json, render)


@privacy_app.command("erase")
def privacy_erase(customer_id: Customer, url: Database = None, as_json: Json = False) -> None:
    """Take a customer out of raw tables, layers and published lists; the audit row stays, without their id."""
    from payrec.commands import privacy
    from payrec.data.engines import connect
    from payrec.publish import lock

    settings = configured()
    address = url or settings.database_url()
    holder = lock.Holder(os.getpid(), socket.gethostname(), now())
    with lock.held(address, settings.out_dir, holder, 0.0), connect(address) as engine:
        done = privacy.erase(engine, _store(settings, engine), _request(settings, customer_id))

    def render() -> None:
        if not done.found:
            output.say("nothing is held of this customer")
        for name, rows in {**done.raw, "published": done.published}.items():
            output.say(f"{rows:>9,} rows  taken out of {name}")
        _show_elsewhere(done.exports, done.mentioned_in)
        output.say("backups and the server's own logs are yours to look after")

    output.emit({"found": done.found, **vars(done)}, as_json, render)


def _show_elsewhere(exports: list[dict[str, Any]], files: list[str]) -> None:
    for line in exports:
        output.say(f"a download may hold them: {line['file']}, taken by {line['who']} at {line['at']}")
    for path in files:
        output.say(f"a file names them: {path}")


def _store(settings: Settings, engine: Engine) -> ListStore:
    from payrec.publish.store import open_store

    return open_store(engine if engine.name == "postgres" else settings.published_dir)


def _request(settings: Settings, customer_id: str) -> Request:
    from payrec.commands.privacy import Request
    from payrec.publish import personal

    key = settings.privacy_key.get_secret_value() if settings.privacy_key else None
    who = f"{socket.gethostname()} pid {os.getpid()}"
    return Request(customer_id, personal.tag(customer_id, key), who, now(), settings.out_dir)

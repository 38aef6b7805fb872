"""The command that opens the web app."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from payrec.cli import output


def app(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")] = 8501,
    address: Annotated[
        str,
        typer.Option(
            "--address", metavar="ADDRESS",
            help="Address to listen on; any other address is reachable from the network.",
        ),
    ] = "127.0.0.1",
    host: Annotated[
        list[str] | None,
        typer.Option("--host", metavar="NAME", help="Host name that browsers may use; may be repeated."),
    ] = None,
) -> None:  # fmt: skip
    """Open the web app; stop it with Ctrl-C."""
    from payrec.commands.app import server_command

    command = server_command(port, address, tuple(host or ()))
    output.note(f"the app is at http://{address if address not in ('0.0.0.0', '::') else 'localhost'}:{port}")  # noqa: S104
    os.execv(command[0], command)  # noqa: S606 - the same interpreter

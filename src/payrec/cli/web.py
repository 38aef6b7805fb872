"""The command that opens the web app."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from payrec.cli import options, output


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
    without_sign_in: Annotated[
        bool,
        typer.Option("--without-sign-in", help="Let everybody in who reaches the address."),
    ] = False,
) -> None:  # fmt: skip
    """Open the web app; stop it with Ctrl-C."""
    from payrec.commands.app import named_databases, server_command

    named_databases(options.configured())  # a setting that cannot be read is reported before the server starts
    command = server_command(port, address, tuple(host or ()), without_sign_in=without_sign_in)
    reached = "localhost" if address in ("0.0.0.0", "::") else f"[{address}]" if ":" in address else address  # noqa: S104
    output.note(f"the app is at http://{reached}:{port}")
    os.execv(command[0], command)  # noqa: S606 - the same interpreter

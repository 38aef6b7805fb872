"""The command that opens the web app."""

from __future__ import annotations

import os
import sys
from importlib.resources import files
from importlib.util import find_spec
from typing import Annotated

import typer

from payrec.cli import output
from payrec.common.errors import MissingExtra

SAFE = {
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "server.maxUploadSize": "200",
    "server.enableXsrfProtection": "true",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    "client.disableDataExport": "true",
    "client.toolbarMode": "minimal",
    "browser.gatherUsageStats": "false",
}
"""Settings of the server that nothing beside the app may loosen; the look stands in ``app/.streamlit/config.toml``."""
LOOPBACK = ("localhost", "127.0.0.1")


def app(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")] = 8501,
    address: Annotated[
        str, typer.Option("--address", metavar="ADDRESS", help="Address to listen on; others can reach any but this.")
    ] = "127.0.0.1",
    host: Annotated[
        list[str] | None,
        typer.Option("--host", metavar="NAME", help="A name under which browsers may ask for it; may be repeated."),
    ] = None,
) -> None:
    """Open the web app: worklist, score a file, orders, model, health. Stop it with Ctrl-C."""
    if find_spec("streamlit") is None:
        raise MissingExtra("the web app", "app")
    names = [*LOOPBACK, *(host or [])]
    output.note(f"the app is at http://{address if address not in ('0.0.0.0', '::') else 'localhost'}:{port}")  # noqa: S104
    os.execv(sys.executable, command(port, address, names))  # noqa: S606 - the same interpreter


def command(port: int, address: str, names: list[str]) -> list[str]:
    """Return the command that runs the app's server."""
    options = SAFE | {"server.port": str(port), "server.address": address}
    main = str(files("payrec.app") / "main.py")
    flags = [f"--{name}={value}" for name, value in options.items()]
    flags += [f"--server.allowedHosts={name}" for name in names]  # a list is given one by one
    return [sys.executable, "-m", "streamlit", "run", main, *flags]

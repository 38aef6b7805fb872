"""payrec app: the server of the web app."""

from __future__ import annotations

import sys
from importlib.resources import files
from importlib.util import find_spec

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
"""Settings of the server that only the app sets; the look stands in ``app/.streamlit/config.toml``."""
LOOPBACK = ("localhost", "127.0.0.1")


def server_command(port: int = 8501, address: str = "127.0.0.1", host: tuple[str, ...] = ()) -> list[str]:
    """Return the words that start the app's server; ``host``: names, besides this machine's, that browsers may use.

    Raises
    ------
    MissingExtra
        Streamlit is not installed.
    """
    if find_spec("streamlit") is None:
        raise MissingExtra("the web app", "app")
    options = SAFE | {"server.port": str(port), "server.address": address}
    flags = [f"--{name}={value}" for name, value in options.items()]
    flags += [f"--server.allowedHosts={name}" for name in (*LOOPBACK, *host)]  # one flag for each name
    return [sys.executable, "-m", "streamlit", "run", str(files("payrec.app") / "main.py"), *flags]

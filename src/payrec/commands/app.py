"""payrec app: the server of the web app, who can reach it, and the databases that its visitors may choose."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.resources import files
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path

from payrec.common.errors import MissingExtra, UsageError
from payrec.common.settings import Settings

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
    "global.disableWidgetStateDuplicationWarning": "true",  # a saved view sets fields that have a default
}
"""Settings of the server that only the app sets; the look stands in ``app/.streamlit/config.toml``."""
LOOPBACK = ("localhost", "127.0.0.1")
WITHOUT_SIGN_IN = "--without-sign-in"


def server_command(
    port: int = 8501, address: str = "127.0.0.1", host: tuple[str, ...] = (), *, without_sign_in: bool = False
) -> list[str]:
    """Return the words that start the app's server; ``host``: names, besides this machine's, that browsers may use.

    Raises
    ------
    MissingExtra
        Streamlit is not installed.
    UsageError
        ``address`` is reachable from the network, and no sign-in is configured.
    """
    if find_spec("streamlit") is None:
        raise MissingExtra("the web app", "app")
    if not (without_sign_in or is_loopback(address) or _has_sign_in()):
        raise UsageError(
            f"{address} is reachable from the network and no sign-in is configured, so anybody could see the lists\n"
            "configure [auth] in .streamlit/secrets.toml and PAYREC_APP_USERS, leave out --address, "
            f"or add {WITHOUT_SIGN_IN}"
        )
    options = SAFE | {"server.port": str(port), "server.address": address}
    flags = [f"--{name}={value}" for name, value in options.items()]
    flags += [f"--server.allowedHosts={name}" for name in (*LOOPBACK, *host)]  # one flag for each name
    own = ["--", WITHOUT_SIGN_IN] if without_sign_in else []
    return [sys.executable, "-m", "streamlit", "run", str(files("payrec.app") / "main.py"), *flags, *own]


def is_loopback(address: str) -> bool:
    """Say whether only this machine reaches an address.

    >>> [is_loopback(address) for address in ("localhost", "127.0.0.1", "::1", "0.0.0.0", "db.example", "")]
    [True, True, True, False, False, False]
    """
    try:
        return address == "localhost" or ip_address(address).is_loopback
    except ValueError:
        return False


def _has_sign_in() -> bool:
    """Say whether a file of secrets that Streamlit reads configures sign-in; the app checks again on every page."""
    for folder in (Path.home(), Path.cwd()):
        try:
            if "auth" in tomllib.loads((folder / ".streamlit" / "secrets.toml").read_text(encoding="utf-8")):
                return True
        except (OSError, ValueError):  # missing or not TOML: no sign-in
            continue
    return False


def named_databases(settings: Settings) -> dict[str, str]:
    """Return name -> address of the databases that visitors of the app may choose; an address may hold a password.

    Raises
    ------
    UsageError
        PAYREC_APP_CONNECTIONS cannot be read.
    """
    text = settings.app_connections.get_secret_value() if settings.app_connections else ""
    pairs = [re.fullmatch(r"([\w.-]+)=(postgres(?:ql)?://\S+)", part) for part in text.split()]
    databases = {pair[1]: pair[2] for pair in pairs if pair}
    if len(databases) < len(pairs):
        unreadable = [str(number) for number, pair in enumerate(pairs, 1) if pair is None]
        problem = f"cannot read part {', '.join(unreadable)}" if unreadable else "found a name twice"
        raise UsageError(
            f"PAYREC_APP_CONNECTIONS: {problem}, expected NAME=postgresql://USER@HOST/DATABASE, separated by spaces\n"
            "correct the setting, or unset it"
        )
    return databases

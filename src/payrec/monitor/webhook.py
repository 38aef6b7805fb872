"""One HTTP POST with an end: no redirect is followed, and after the time-out it is over, whoever is on the line."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from urllib.parse import urlsplit

Outcome = tuple[str | None, bool]


def post(url: str, document: Mapping[str, object], timeout_s: float) -> Outcome:
    """Send ``document`` as JSON; return None or what went wrong, and whether another try may help."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    statuses: list[int] = []

    def call() -> str | None:
        body = json.dumps(document).encode()
        connection.request("POST", path, body, {"Content-Type": "application/json", "User-Agent": "payrec"})
        statuses.append(connection.getresponse().status)
        return _failure_of(statuses[0])

    try:
        failure, again = bounded(call, timeout_s)
    finally:
        _hang_up(connection)
    if statuses:
        again = statuses[0] >= 500 or statuses[0] == 429
    return failure, again


def _failure_of(status: int) -> str | None:
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return f"answered with a redirect ({status}), which is not followed"
    return f"answered with HTTP {status}"


def _hang_up(connection: http.client.HTTPConnection) -> None:
    """Close the line also under a thread that still reads from it."""
    if connection.sock is not None:
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
    connection.close()


def bounded(call: Callable[[], str | None], timeout_s: float) -> Outcome:
    """Run ``call`` for at most ``timeout_s``; return its failure (None: fine), and whether another try may help.

    In a thread of its own: a socket's time-out restarts with every byte, and looking up a name has none.
    """
    failures: list[str | None] = []

    def run() -> None:
        try:
            failures.append(call())
        except TimeoutError:
            pass  # said below
        except Exception as error:  # whatever it is, the run goes on: the caller records it
            reason = error.strerror if isinstance(error, OSError) else None
            failures.append(f"{type(error).__name__}: {reason or 'no connection'}")

    thread = threading.Thread(target=run, name="payrec-alert", daemon=True)
    thread.start()
    thread.join(timeout_s)
    return (failures[0] if failures else f"no answer within {timeout_s:g} s"), True

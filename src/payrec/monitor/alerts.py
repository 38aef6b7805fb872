"""Tell people that a run failed or a number is alarming: by webhook (Slack form), or by anything apprise can reach.

A target that does not answer never stops a run: what happened to each message is returned as a :class:`Delivery`. No
redirect is followed, so nobody can send the message on to another machine. The targets_ are secrets (a webhook's
address is its password): they are in no message, no log and no repr.
"""

from __future__ import annotations

import logging
import re
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from payrec.common.errors import MissingExtra, UsageError
from payrec.common.text import plain_text
from payrec.monitor import webhook
from payrec.monitor.verdicts import Level, Verdict

ATTEMPTS = 3
TIMEOUT_S = 5.0
LONGEST_TEXT = 3_000
MOST_LINES = 20
HIDDEN = "***"

_ADDRESS = re.compile(r"\b([a-z][a-z0-9+.-]*://)[^\s\"'<>]+", re.IGNORECASE)
_NAMED_SECRET = re.compile(
    r"\b(\w*(?:pass(?:w(?:or)?d)?|pwd|secret|token|api[_-]?key))\b(\s*[=:]\s*)\S+", re.IGNORECASE
)


@dataclass(frozen=True)
class Target:
    """A target to tell: shown by its label only."""

    label: str
    kind: Literal["webhook", "apprise"]
    address: str = field(repr=False)


@dataclass(frozen=True)
class Alert:
    """What to say: one title, and lines below it."""

    title: str
    lines: tuple[str, ...] = ()
    level: Level = "alarm"


@dataclass(frozen=True)
class Delivery:
    """What became of an alert at one target."""

    target: str
    delivered: bool
    attempts: int
    failure: str | None = None


def targets(addresses: str | None) -> tuple[Target, ...]:
    """Read targets_ from a setting: addresses with spaces between. ``https://…`` is a webhook, the rest is apprise's.

    Raises
    ------
    UsageError
        An address that cannot be meant; it is not repeated in the message.
    MissingExtra
        An address for apprise, which is not installed.
    """
    return tuple(_target(address, number) for number, address in enumerate((addresses or "").split(), start=1))


def _target(address: str, number: int) -> Target:
    try:
        parts = urlsplit(address)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise UsageError(f"alert address no. {number} is not an address") from None
    if parts.scheme in ("http", "https"):
        if not parts.hostname or parts.username is not None:
            raise UsageError(f"alert address no. {number} has no host, or a user in it; expected https://HOST/PATH")
        return Target(f"{parts.scheme}://{parts.hostname}{port}", "webhook", address)
    if not parts.scheme or "://" not in address:
        raise UsageError(f"alert address no. {number} is not an address, expected https://… or one that apprise knows")
    if not _service(address):
        raise UsageError(f"alert address no. {number} is of no kind that apprise knows, or is not complete")
    return Target(parts.scheme, "apprise", address)  # elsewhere in it may be a token


def send(
    alert: Alert,
    receivers: Iterable[Target],
    secrets: Iterable[str] = (),
    wait: Callable[[float], None] = time.sleep,
    timeout_s: float = TIMEOUT_S,
) -> list[Delivery]:
    """Tell every target, up to three times each, and say what became of it; never raises for a target that fails.

    ``secrets`` are taken out of the text wherever they stand, as are addresses and what looks like a password.
    """
    everywhere = tuple(receivers)
    known = (*secrets, *(target.address for target in everywhere))
    text = written(alert, known)
    return [_delivered(target, alert, text, known, wait, timeout_s) for target in everywhere]


def written(alert: Alert, secrets: Iterable[str] = ()) -> str:
    """Return the text of an alert: plain, short, without secrets."""
    lines = [alert.title, *alert.lines[:MOST_LINES]]
    if len(alert.lines) > MOST_LINES:
        lines.append(f"… and {len(alert.lines) - MOST_LINES} more")
    return "\n".join(plain_text(redacted(line, secrets)) for line in lines)[:LONGEST_TEXT]


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """Return the text without secrets, addresses and what is named a password, token or key.

    >>> redacted("cannot open postgresql://me:pw@db/x with password=abc")
    'cannot open postgresql://*** with password=***'
    """
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= 4:
            text = text.replace(secret, HIDDEN)
    return _NAMED_SECRET.sub(rf"\1\2{HIDDEN}", _ADDRESS.sub(rf"\1{HIDDEN}", text))


def of_verdicts(verdicts: Iterable[Verdict], run: str) -> Alert | None:
    """Return the alert for what is alarming in a run, None if nothing is."""
    alarming = [one for one in verdicts if one.level == "alarm"]
    if not alarming:
        return None
    return Alert(f"payrec: {len(alarming)} alarms in run {run}", tuple(one.sentence for one in alarming))


def of_failure(error: BaseException, step: str) -> Alert:
    """Return the alert for a run that failed at ``step``."""
    said = str(error).splitlines() or [type(error).__name__]
    return Alert(f"payrec: the run failed at {step}", tuple(said[:3]))


def _delivered(
    target: Target, alert: Alert, text: str, secrets: tuple[str, ...], wait: Callable[[float], None], timeout_s: float
) -> Delivery:
    attempt = 0
    while True:
        attempt += 1
        failure, again = _attempt(target, alert, text, timeout_s)
        if failure is None:
            return Delivery(target.label, True, attempt)
        if not again or attempt == ATTEMPTS:
            return Delivery(target.label, False, attempt, plain_text(redacted(failure, secrets)))
        wait(2.0 ** (attempt - 1))


def _attempt(target: Target, alert: Alert, text: str, timeout_s: float) -> tuple[str | None, bool]:
    """Try once: None, or what went wrong; and whether another try may help."""
    if target.kind == "webhook":
        return webhook.post(target.address, {"text": _slack(text)}, timeout_s)
    return webhook.bounded(lambda: _by_apprise(target.address, alert, text), timeout_s)


def _slack(text: str) -> str:
    """Escape what Slack reads as a link or a mention, and make the first line bold."""
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    title, _, rest = safe.partition("\n")
    return f"*{title}*\n{rest}" if rest else f"*{title}*"


def _by_apprise(address: str, alert: Alert, text: str) -> str | None:
    apprise = _apprise()
    log = logging.getLogger("apprise")
    log.disabled = True  # its warnings name hosts and paths
    try:
        service = _service(address)
        kind = apprise.NotifyType.FAILURE if alert.level == "alarm" else apprise.NotifyType.WARNING
        title, _, body = text.partition("\n")
        sent = service.notify(body=body or title, title=title, notify_type=kind)
    finally:
        log.disabled = False
    return None if sent else "apprise could not deliver it"


def _apprise() -> Any:  # a package without types, and perhaps not there
    try:
        import apprise
    except ImportError as error:
        raise MissingExtra("an alert by apprise", "alerts") from error
    return apprise


def _service(address: str) -> Any:  # apprise's object for an address, None if it knows no such kind
    apprise = _apprise()
    asset = apprise.AppriseAsset(http_redirects=False, secure_logging=True, async_mode=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the many services it loads, not of ours
        service = apprise.Apprise.instantiate(address, asset=asset)
    if service:
        service.redirects = False  # also where the address asks for them
    return service

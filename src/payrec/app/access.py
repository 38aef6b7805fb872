"""Who may enter. Without sign-in the app is for the person at this machine; with it, for those listed.

Sign-in is Streamlit's own (OpenID Connect, ``[auth]`` in ``.streamlit/secrets.toml``); ``PAYREC_APP_USERS`` lists who
may enter. Either without the other lets nobody in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

UNNAMED = "without sign-in"


@dataclass(frozen=True)
class Visitor:
    """Whether someone may enter and under which name; if not, why, and whether signing in would help."""

    name: str
    may_enter: bool
    says: str = ""
    may_sign_in: bool = False


def listed(text: str) -> frozenset[str]:
    """Read the list of who may enter.

    >>> sorted(listed("Ana@Example.com, bo@example.com,"))
    ['ana@example.com', 'bo@example.com']
    """
    return frozenset(name.strip().casefold() for name in text.split(",") if name.strip())


def visitor(
    has_sign_in: bool, user: Mapping[str, Any], allowed: frozenset[str], *, is_reachable: bool = False
) -> Visitor:
    """Decide on someone by what the identity provider states; ``is_reachable``: others than this machine's user come.

    Every page decides again.
    """
    if not has_sign_in:
        if allowed:
            says = "PAYREC_APP_USERS lists who may enter, but no sign-in is configured, so nobody can be identified."
        elif is_reachable:
            says = "This app can be reached from the network, but no sign-in is configured, so it shows nothing."
        else:
            return Visitor(UNNAMED, True)
        return Visitor("", False, f"{says} Configure [auth] in .streamlit/secrets.toml, or see `payrec app --help`.")
    if not user.get("is_logged_in"):
        return Visitor("", False, "Sign in to see the lists.", may_sign_in=True)
    email = str(user.get("email") or "").strip().casefold()
    if user.get("email_verified") is False:
        return Visitor(email, False, "Your provider has not verified your e-mail address; verify it and sign in again.")
    if not email or email not in allowed:
        return Visitor(email, False, "You are signed in, but not listed in PAYREC_APP_USERS; ask who runs payrec here.")
    return Visitor(email, True)

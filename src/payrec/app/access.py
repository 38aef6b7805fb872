"""Who may enter. Without sign-in configured the app is for the person at this machine; with it, for those listed.

Sign-in is Streamlit's own (OpenID Connect, ``[auth]`` in ``.streamlit/secrets.toml``); ``PAYREC_APP_USERS`` lists who
may enter. Either without the other lets nobody in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LOCAL = "this machine's user"


@dataclass(frozen=True)
class Visitor:
    """Whether someone may enter and under which name; else what to tell them, and whether signing in would help."""

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


def visitor(has_sign_in: bool, user: Mapping[str, Any], allowed: frozenset[str]) -> Visitor:
    """Decide on someone, by what the identity provider says of them; asked anew on every page."""
    if not has_sign_in:
        if allowed:
            says = "PAYREC_APP_USERS lists who may enter, but no sign-in is configured, so nobody can be told apart."
            return Visitor("", False, f"{says} Configure [auth] in .streamlit/secrets.toml, or take the list away.")
        return Visitor(LOCAL, True)
    if not user.get("is_logged_in"):
        return Visitor("", False, "Sign in to see the lists.", may_sign_in=True)
    email = str(user.get("email") or "").strip().casefold()
    if user.get("email_verified") is False:
        return Visitor(email, False, "Your provider has not verified your e-mail address; verify it and sign in again.")
    if not email or email not in allowed:
        return Visitor(
            email, False, "You are signed in, but not on the list of who may enter; ask whoever runs payrec."
        )
    return Visitor(email, True)

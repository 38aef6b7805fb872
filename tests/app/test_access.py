"""Who may enter: nobody by mistake."""

from __future__ import annotations

import pytest

from payrec.app import access

LISTED = frozenset({"ana@example.com"})
ANA = {"is_logged_in": True, "email": "Ana@Example.com"}


def test_without_sign_in_the_person_at_the_machine_may() -> None:
    assert access.visitor(False, {}, frozenset()).may_enter


def test_who_is_listed_may() -> None:
    found = access.visitor(True, ANA, LISTED)
    assert found.may_enter
    assert found.name == "ana@example.com"


@pytest.mark.parametrize(
    ("has_sign_in", "user", "allowed"),
    [
        (False, {}, LISTED),
        (True, {}, LISTED),
        (True, {"is_logged_in": False, "email": "ana@example.com"}, LISTED),
        (True, ANA, frozenset()),
        (True, ANA | {"email": "eve@example.com"}, LISTED),
        (True, ANA | {"email_verified": False}, LISTED),
        (True, {"is_logged_in": True}, LISTED),
        (True, ANA | {"email": None}, frozenset({"none", ""})),
    ],
)
def test_nobody_else_may(has_sign_in: bool, user: dict[str, object], allowed: frozenset[str]) -> None:
    found = access.visitor(has_sign_in, user, allowed)
    assert not found.may_enter
    assert found.says.endswith(".")


@pytest.mark.parametrize(("is_reachable", "may_enter"), [(False, True), (True, False)])
def test_without_sign_in_an_app_that_others_reach_shows_nothing(is_reachable: bool, may_enter: bool) -> None:
    assert access.visitor(False, {}, frozenset(), is_reachable=is_reachable).may_enter == may_enter

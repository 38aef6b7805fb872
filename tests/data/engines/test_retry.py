"""Work that was interrupted is done again, a few times; nothing else is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from payrec.common.errors import DatabaseUnreachable, DataRefused
from payrec.data.engines.retry import PAUSES_S, Interrupted, retrying


def failing(*errors: Exception) -> Callable[[], str]:
    left = list(errors)

    def work() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return work


def test_three_interruptions_are_survived_with_growing_pauses() -> None:
    pauses: list[float] = []
    assert retrying(failing(*[Interrupted("x")] * 3), pauses.append) == "done"
    assert pauses == list(PAUSES_S) == sorted(pauses)


def test_the_fourth_interruption_is_said() -> None:
    with pytest.raises(Interrupted):
        retrying(failing(*[Interrupted("x")] * 4), lambda _: None)


def test_a_server_that_is_starting_again_is_waited_for() -> None:
    assert retrying(failing(Interrupted("cut"), DatabaseUnreachable("refused")), lambda _: None) == "done"


@pytest.mark.parametrize("error", [DatabaseUnreachable("refused"), DataRefused("bad"), ZeroDivisionError()])
def test_other_failures_are_said_at_once(error: Exception) -> None:
    pauses: list[float] = []
    with pytest.raises(type(error)):
        retrying(failing(error), pauses.append)
    assert pauses == []

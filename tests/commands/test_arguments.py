"""Whatever is handed over on the command line is text, and what it names is found or is not there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.commands.conftest import Site
from tests.faults.test_injection import HOSTILE, expect_plain

Payrec = Callable[..., int]


def test_fault_38_no_argument_reaches_sql(site: Site, payrec: Payrec, capsys: pytest.CaptureFixture[str]) -> None:
    site.night()
    with site.open() as engine:
        before = {table: engine.fingerprint(table) for table in ("raw_transactions", "raw_events")}
    for text in HOSTILE[:2]:
        for words in (
            ("explain", text), ("privacy", "export", text), ("privacy", "erase", text), ("run", "--replay", text),
            ("run", "--as-of", text), ("models", "show", text), ("build", "--as-of", text),
            ("load", "fx", text, "--reporting-currency", text), ("load", "transactions", text, "--encoding", text),
        ):  # fmt: skip
            assert payrec(*words) in (0, 2, 3, 7), words
            expect_plain(capsys.readouterr().err)
    with site.open() as engine:
        assert {table: engine.fingerprint(table) for table in before} == before

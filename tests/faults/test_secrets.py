"""Secrets are planted, every command is run, and all that comes out is searched for them."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

import postgres_server
from tests.commands.conftest import Site
from tests.commands.receiver import receiving

Payrec = Callable[..., int]
TOKEN, KEY, PASS = "t0ken", "planted-Privacy-key", "planted-Pass"
UNREACHABLE = f"postgresql://payrec:{PASS}@127.0.0.1:9/none"


def commands(site: Site) -> list[tuple[str, ...]]:
    """Return every command that reads or writes, those that must fail among them, with and without its traceback."""
    order = site.made.transactions["order_id"][0].as_py()
    out = site.folder
    right = [
        ("check",), ("build",), ("run",), ("run", "--json"), ("monitor",), ("monitor", "--json"),
        ("score", "--out", str(out / "scores.csv")), ("worklist", "--capacity", "5", "--out", str(out / "list.xlsx")),
        ("models", "list"), ("models", "show"), ("report", "--out", str(out / "report.html")), ("sql",),
        ("backtest", "--recipe", "original", "--folds", "1"), ("explain", order),
        ("privacy", "export", "c1", "--json"), ("privacy", "erase", "nobody"),
    ]  # fmt: skip
    wrong = [
        ("run", "--database", UNREACHABLE), ("--debug", "check", "--database", UNREACHABLE),
        ("build", "--as-of", "nonsense"), ("load", "transactions", str(out / "missing.csv")),
        ("run", "--policy", str(out / "wrong.toml")), ("worklist", "--out", str(out / "none" / "list.csv")),
    ]  # fmt: skip
    return right + wrong


def test_fault_44_a_planted_secret_is_in_no_output_file_table_or_message(
    site: Site, payrec: Payrec, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (site.folder / "wrong.toml").write_text("nonsense = 1\n")
    said = ""
    with receiving() as receiver:
        monkeypatch.setenv("PAYREC_ALERTS", receiver.url)
        monkeypatch.setenv("PAYREC_PRIVACY_KEY", KEY)
        monkeypatch.setenv("PAYREC_DB_PASS", PASS)
        for words in commands(site):
            try:
                payrec(*words)
            except Exception as error:  # --debug shows the error itself
                said += "".join(traceback.format_exception(error))
            told = capfd.readouterr()
            assert "Traceback" not in told.err
            said += told.out + told.err
    assert said.count("\n") > 100
    with site.open() as engine:
        tables = sorted(name for name in engine.tables() if name.startswith("payrec_"))
        rows = repr([engine.read(f"SELECT * FROM {name}").to_pylist() for name in tables])
    for secret in (TOKEN, KEY, PASS, postgres_server.PASSWORD):
        assert secret not in said
        assert secret not in repr(receiver.got)
        assert secret not in rows
        assert [path for path in files(site.folder) if secret.encode() in path.read_bytes()] == []


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]

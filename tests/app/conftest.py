"""A filled working directory, made once by the commands themselves, and what the pages need to run in a test."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit import config

from payrec import cli

NIGHTS = ("2026-05-18", "2026-05-25", "2026-06-27")


def command(*words: str) -> None:
    """Run a command of payrec in this process; drift alarms of the small portfolio (exit 1) are no failure."""
    with pytest.raises(SystemExit) as ended:
        cli.main([*words, "--json"])
    assert ended.value.code in (0, 1), words


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a model and three published nights."""
    home = tmp_path_factory.mktemp("home")
    with contextlib.chdir(home), pytest.MonkeyPatch.context() as patched:
        for name in ("PAYREC_DATABASE", "PAYREC_DB_HOST"):
            patched.delenv(name, raising=False)
        command("simulate", "--orders", "4000", "--seed", "5", "--out", "made")
        command("load", "transactions", "made/transactions.csv")
        command("load", "events", "made/events.csv")
        command("train", "--recipe", "logistic")
        for night in NIGHTS:
            command("run", "--as-of", night)
    shutil.copytree(Path(__file__).parents[2] / "data", home / "data")
    return home


@pytest.fixture(autouse=True)
def loopback() -> Iterator[None]:
    """The address at which the tested app listens, as the command and the app's own file set it."""
    before = config.get_option("server.address")
    config.set_option("server.address", "127.0.0.1")
    yield
    config.set_option("server.address", before)


@pytest.fixture
def home(filled: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The filled directory as the working directory."""
    monkeypatch.chdir(filled)
    monkeypatch.delenv("PAYREC_DATABASE", raising=False)
    yield filled
    (filled / "out" / "published" / "exports.jsonl").unlink(missing_ok=True)
    shutil.rmtree(filled / "out" / "published" / "views", ignore_errors=True)


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory in which nothing was done yet, as the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PAYREC_DATABASE", raising=False)
    return tmp_path

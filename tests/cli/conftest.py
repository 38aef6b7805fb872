"""One small demo, made once by the real command, for all tests of the commands; none of them changes it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(sys.executable).with_name("payrec")


@dataclass(frozen=True)
class Done:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


def payrec(folder: Path, *arguments: str, **environment: str) -> Done:
    """Run the installed command in ``folder``, with no setting but those given."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PAYREC_")}
    done = subprocess.run(
        [str(PROGRAM), *arguments], cwd=folder, capture_output=True, text=True, env=clean | environment, check=False
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder in which `payrec demo` has run; to be read only."""
    folder = tmp_path_factory.mktemp("demo")
    done = payrec(folder, "demo", "--orders", "4000", "--json")
    assert done.code == 0, done.err
    (folder / "demo.json").write_text(done.out)
    return folder


@pytest.fixture
def own(made: Path, tmp_path: Path) -> Path:
    """A copy of the demo's folder that a test may change."""
    return Path(shutil.copytree(made, tmp_path / "own"))


@pytest.fixture
def run(made: Path) -> Callable[..., Done]:
    """Run a command in the demo's folder."""
    return lambda *arguments, **environment: payrec(made, *arguments, **environment)

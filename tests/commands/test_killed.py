"""Run, load, training and publishing fail at any step: the old or the new stands, whole; the next run ends right.

Here a sample of the steps and faults; ``make faults`` does all of them (see tests/faults/harness).
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.commands.conftest import Site
from tests.faults.harness import every, originals, verdict

MOST = {"load": 9, "train": 9, "run": 14, "publish": 12}
EACH = {"kill", "error", "full"}
KINDS = {  # of the steps that are found in a run
    "duckdb": {"begin", "inside", "batch", "commit", "open", "write", "sync", "rename", "mkdir"},
    "postgresql": {"begin", "inside", "batch", "commit", "read"},
}


@pytest.fixture
def small(engine_url: str, tmp_path: Path, models: Path) -> Site:
    """A small installation after its first night, on the evening before the second; its store is its own."""
    folder = tmp_path / "site"
    folder.mkdir()
    url = engine_url
    if url.startswith("duckdb"):
        shutil.move(tmp_path / "payrec.duckdb", folder / "payrec.duckdb")
        url = f"duckdb:///{folder / 'payrec.duckdb'}"
    return originals.installed(url, folder, models)


def failed(name: str, site: Site, request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """Have a command fail at some of its steps; return what the harness saw, the undisturbed run first."""
    copies = site.folder.parent / "copies"
    copies.mkdir()
    folder = str(site.folder)
    told = {
        **originals.command(name, site),
        "url": site.url.replace(quote(folder, safe=""), "{folder_quoted}").replace(folder, "{folder}"),
        "folder": folder,
        "scratch": str(copies),
        "admin": request.getfixturevalue("postgres_admin") if site.url.startswith("postgresql") else None,
        "most": MOST[name],
        "most_s": every.MOST_S,
        "of": [],
        "faults": every.FAULTS,
    }
    first, *seen = every.start(told, timeout_s=1_800)
    assert len(seen) == min(told["most"], first["trials"])
    for trial in seen:
        assert verdict.problems(first, trial) == [], trial
    return [first, *seen]


@pytest.mark.parametrize("name", ["run", "publish", "train"])
def test_a_command_that_fails_at_any_step(small: Site, request: pytest.FixtureRequest, name: str) -> None:
    first, *seen = failed(name, small, request)
    on_server = small.url.startswith("postgresql")
    assert {trial["fault"] for trial in seen} >= EACH | ({"cut"} if on_server else set())
    if name == "run":
        assert {kind for kind, _ in first["steps"]} >= KINDS[small.url.partition(":")[0]]
    what = "champion" if name == "train" else "served"
    assert first["before"][what] != first["after"][what]
    left = [trial["left"][what] for trial in seen]
    assert first["before"][what] in left, "some die before the new one is out"
    assert first["after"][what] in left, "some after"


def test_a_load_that_fails_at_any_step(small: Site, request: pytest.FixtureRequest) -> None:
    first, *seen = failed("load", small, request)
    assert first["before"]["raw"] != first["after"]["raw"]
    assert all(trial["left"]["lists"] == first["before"]["lists"] for trial in seen), "what is served is not touched"

"""Damage done to every file of a site after three nights: the next run ends with a documented code and a way back."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from payrec.model.store import versions
from payrec.publish.folder_store import FolderStore
from payrec.simulate import simulator
from tests.commands.conftest import DAY, FIRST_NIGHT, Site
from tests.publish.test_folder_repair import append, cut_in_half, empty, make_folder, make_unreadable, remove

DAMAGES = (remove, empty, cut_in_half, append, make_folder, make_unreadable)
LAST_NIGHT = FIRST_NIGHT + 3 * DAY
EXPECTED = {"published": (0, 1), "models": (0, 7), "payrec.duckdb": (0, 1, 3, 6), "other": (0, 1)}


@pytest.fixture(scope="module")
def used(portfolio: simulator.Portfolio, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site after three nights, with an older version of the model, an export and a log. Nobody may change it."""
    folder = tmp_path_factory.mktemp("used")
    shutil.copytree(models, folder / "models")
    site = Site(f"duckdb:///{folder / 'payrec.duckdb'}", folder, folder / "models", portfolio)
    for night in range(3):
        site.arrive(FIRST_NIGHT + night * DAY)
        site.night(FIRST_NIGHT + night * DAY)
    site.arrive(LAST_NIGHT)
    (folder / "today.csv").write_text("rank,order_id\n1,o\n")
    (folder / "published" / "exports.jsonl").write_text("{}\n")
    (folder / "payrec.lock.holder").write_text("{}")
    return folder


def room_of(path: Path) -> str:
    """Return the part of a site that a file belongs to, given its path in the site."""
    name = path.parts[0]
    return name if name in EXPECTED else "other"


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("room", EXPECTED)
def test_fault_58_a_damaged_file_ends_a_run_as_documented(
    tmp_path: Path, used: Path, room: str, damage: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from payrec import cli

    names = [path.relative_to(used) for path in sorted(used.rglob("*")) if path.is_file()]
    names = [name for name in names if room_of(name) == room]
    for at, name in enumerate(names):
        if room == "published" and at % len(DAMAGES) != DAMAGES.index(damage):
            continue  # each file once here; tests/publish/test_folder_repair.py damages each in every way
        folder = tmp_path / str(at)
        shutil.copytree(used, folder)
        damage(folder / name)
        monkeypatch.setenv("PAYREC_DATABASE", f"duckdb:///{folder / 'payrec.duckdb'}")
        for variable, part in (("OUT", "."), ("PUBLISHED", "published"), ("MODELS", "models")):
            monkeypatch.setenv(f"PAYREC_{variable}_DIR", str(folder / part))
        monkeypatch.setattr("payrec.cli.options.now", lambda: LAST_NIGHT)
        with pytest.raises(SystemExit) as ended:
            cli.main(["run"])
        message = capsys.readouterr().err
        code = int(ended.value.code or 0)
        assert code in EXPECTED[room], (name, message)
        assert "Traceback" not in message, (name, message)
        assert "Internal error" not in message, (name, message)
        if code in (3, 6, 7):
            assert re.search(r"payrec (load|models promote|train)|rights", message), (name, message)
            assert "payrec run" not in message, (name, message)
        else:
            store = FolderStore(folder / "published")
            served = store.current()
            assert served is not None, name
            assert served.run.as_of >= LAST_NIGHT - DAY, name
            assert store.scores(served.run.run_id).num_rows == served.orders, name
            assert served.run.run_id in store.verdicts()["run_id"].to_pylist(), name
        if command := re.search(r"payrec (models promote \w+)", message):
            with pytest.raises(SystemExit) as promoted:
                cli.main(command[1].split())
            assert not promoted.value.code, (name, capsys.readouterr().err)
            assert versions.champion_id(folder / "models") == command[1].split()[-1]
        shutil.rmtree(folder)

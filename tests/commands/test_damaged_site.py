"""Damage done to every file of a site after three nights: the next run ends with a documented code and a way back."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest

from payrec.commands import effect, holdout
from payrec.model.store import versions
from payrec.publish import actions, saved_views
from payrec.publish.actions import Action
from payrec.publish.folder_store import FolderStore
from payrec.publish.saved_views import SavedView
from payrec.simulate import simulator
from tests.commands.conftest import DAY, FIRST_NIGHT, Site
from tests.publish.test_folder_repair import (
    another_version,
    append,
    change_a_byte,
    cut_in_half,
    empty,
    make_folder,
    make_unreadable,
    remove,
)

DAMAGES = (remove, empty, cut_in_half, append, make_folder, make_unreadable, another_version, change_a_byte)
LAST_NIGHT = FIRST_NIGHT + 3 * DAY
EXPECTED = {"published": (0, 1), "models": (7,), "payrec.duckdb": (0, 1, 3, 6)}  # or as undamaged


@pytest.fixture(scope="module")
def used(portfolio: simulator.Portfolio, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site after three nights, with actions, a saved view, an experiment and an export. Nobody may change it."""
    folder = tmp_path_factory.mktemp("used")
    shutil.copytree(models, folder / "models")
    site = Site(f"duckdb:///{folder / 'payrec.duckdb'}", folder, folder / "models", portfolio)
    lists = FolderStore(folder / "published")
    for night in range(3):
        at = FIRST_NIGHT + night * DAY
        site.arrive(at)
        if night == 1:
            with site.open() as engine:
                holdout.start(engine, at, without_check=True)
        listed = site.night(at).ranked.sort_by("rank")["customer_id"].to_pylist()
        for kind in ("contacted", "promised"):
            customer, due = listed[len(kind)], (at + DAY).date()
            outcome = "spoke" if kind == "contacted" else None
            one = Action(str(uuid4()), at, "ann", customer, kind, (), None, outcome, Decimal(9), "EUR", due)
            actions.add(lists, one, at)
    saved_views.add(lists, SavedView(str(uuid4()), FIRST_NIGHT, "ann", "mine", "owner=ann"), FIRST_NIGHT)
    with site.open() as engine:
        effect.train(engine, folder / "models")
    site.arrive(LAST_NIGHT)
    (folder / "today.csv").write_text("rank,order_id\n1,o\n")
    (folder / "published" / "exports.jsonl").write_text("{}\n")
    (folder / "payrec.lock.holder").write_text("{}")
    return folder


def room_of(path: Path) -> str:
    """Return the part of a site that a file belongs to, given its path in the site; outputs count as published."""
    name = path.parts[0]
    return name if name in EXPECTED else "published"


def payrec(folder: Path, *words: str) -> int:
    """Run a command in the last night on a site, and return its exit code."""
    from payrec import cli

    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PAYREC_DATABASE", f"duckdb:///{folder / 'payrec.duckdb'}")
        for variable, part in (("OUT", "."), ("PUBLISHED", "published"), ("MODELS", "models")):
            patched.setenv(f"PAYREC_{variable}_DIR", str(folder / part))
        patched.setattr("payrec.cli.options.now", lambda: LAST_NIGHT)
        with pytest.raises(SystemExit) as ended:
            cli.main([*words])
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def undamaged(used: Path, tmp_path_factory: pytest.TempPathFactory) -> int:
    """The exit code of the last night on the site as it is: 1 if a figure of its few orders raises an alarm."""
    code = payrec(Path(shutil.copytree(used, tmp_path_factory.mktemp("undamaged") / "site")), "run")
    assert code in (0, 1)
    return code


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("room", EXPECTED)
def test_fault_58_a_damaged_file_ends_a_run_as_documented(
    tmp_path: Path, used: Path, undamaged: int, room: str, damage: Callable[[Path], None],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    names = [path.relative_to(used) for path in sorted(used.rglob("*")) if path.is_file()]
    names = [name for name in names if room_of(name) == room]
    # each file of a site once; tests/publish/test_folder_repair.py damages each of a published folder in every way
    mine = names[DAMAGES.index(damage) % len(names) :: len(DAMAGES)]
    for at, together in enumerate([mine] if room == "published" else [[name] for name in mine]):
        folder = tmp_path / str(at)
        shutil.copytree(used, folder)
        for name in together:
            damage(folder / name)
        code = payrec(folder, "run")
        message = capsys.readouterr().err
        assert code in (undamaged, *EXPECTED[room]), (together, message)
        assert "Traceback" not in message, (together, message)
        assert "internal error" not in message.lower(), (together, message)
        if code in (3, 6, 7):
            assert re.search(r"payrec (load|models promote|train)|rights", message), (together, message)
            assert "payrec run" not in message, (together, message)
        else:
            store = FolderStore(folder / "published")
            served = store.current()
            assert served is not None, together
            assert served.run.as_of >= LAST_NIGHT - DAY, together
            assert store.scores(served.run.run_id).num_rows == served.orders, together
            assert served.run.run_id in store.verdicts()["run_id"].to_pylist(), together
        if command := re.search(r"payrec (models promote \w+)", message):
            assert not payrec(folder, *command[1].split()), (together, capsys.readouterr().err)
            assert versions.champion_id(folder / "models") == command[1].split()[-1]
        shutil.rmtree(folder)

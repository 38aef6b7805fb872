"""The model store: versions, champion, rollback."""

from __future__ import annotations

import errno
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.publish.test_folder_repair import DAMAGES, change_a_byte

from payrec.common.errors import ModelRefused, UsageError
from payrec.model.recipes.model import Model
from payrec.model.store import versions


@pytest.fixture
def folder(models: dict[str, Model], tmp_path: Path) -> Path:
    for recipe in ("original", "logistic", "xgboost"):
        versions.add(tmp_path / "models", models[recipe], {"n": 1})
    return tmp_path / "models"


def test_a_version_is_named_by_its_content(models: dict[str, Model], folder: Path) -> None:
    known = versions.ids(folder)
    assert len(known) == 3
    assert versions.add(folder, models["logistic"], {"n": 1}) in known
    assert versions.ids(folder) == known
    assert versions.add(folder, models["logistic"], {"n": 2}) not in known
    assert sorted(path.name for path in folder.iterdir()) == list(versions.ids(folder))


def test_an_empty_store(tmp_path: Path) -> None:
    assert versions.ids(tmp_path / "nowhere") == ()
    assert versions.versions(tmp_path / "nowhere") == ()
    assert versions.champion_id(tmp_path / "nowhere") is None
    with pytest.raises(ModelRefused, match="no version is there"):
        versions.champion(tmp_path / "nowhere")


def test_promote_and_roll_back(folder: Path) -> None:
    first, second, third = versions.ids(folder)
    for model_id in (first, second, third, second):
        assert versions.promote(folder, model_id) == model_id
        assert versions.champion(folder).model_id == model_id
    assert [versions.rollback(folder) for _ in range(3)] == [third, second, first]
    assert versions.champion_id(folder) == first
    with pytest.raises(UsageError, match="no earlier champion"):
        versions.rollback(folder)


def test_promoting_the_champion_again_changes_nothing(folder: Path) -> None:
    first, second, _ = versions.ids(folder)
    versions.promote(folder, first)
    versions.promote(folder, second)
    before = (folder / "champion").read_bytes()
    versions.promote(folder, "champion")
    assert (folder / "champion").read_bytes() == before


def test_the_start_of_an_id_is_enough(folder: Path) -> None:
    first = versions.ids(folder)[0]
    assert versions.resolve(folder, first[:8]) == first
    for nonsense in ("xyz", "", "../", first + "0"):
        with pytest.raises(UsageError, match=f"no version .*{first}"):
            versions.resolve(folder, nonsense)


def test_several_versions_under_one_start(folder: Path) -> None:
    twin = versions.ids(folder)[0][:11]
    other = twin + ("0" if versions.ids(folder)[0][11] != "0" else "1")
    shutil.copytree(folder / versions.ids(folder)[0], folder / other)
    with pytest.raises(UsageError, match="several versions"):
        versions.resolve(folder, twin)


def test_a_damaged_version_is_listed_with_its_problem_and_never_promoted(folder: Path) -> None:
    good, bad, _ = versions.ids(folder)
    versions.promote(folder, good)
    whole = (folder / bad / "model.json").read_bytes()
    (folder / bad / "model.json").write_bytes(whole.replace(b"0", b"1", 1))
    by_id = {version.model_id: version for version in versions.versions(folder)}
    assert "model.json" in by_id[bad].problem
    assert by_id[good].is_champion
    assert by_id[good].problem == ""
    with pytest.raises(ModelRefused):
        versions.promote(folder, bad)
    assert versions.champion(folder).model_id == good


@pytest.mark.parametrize("damage", [*DAMAGES, change_a_byte])
def test_damage_to_any_file_of_the_champion_is_refused_and_another_version_serves(
    folder: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    serving, *others = versions.ids(folder)
    versions.promote(folder, serving)
    for name in ("champion", *(f"{serving}/{path.name}" for path in sorted((folder / serving).iterdir()))):
        copy = tmp_path / name.replace("/", "-")
        shutil.copytree(folder, copy)
        damage(copy / name)
        with pytest.raises(ModelRefused, match=r"payrec (models promote|train)"):
            versions.champion(copy)
        assert versions.promote(copy, others[0]) == versions.champion(copy).model_id


def test_a_version_under_a_foreign_name_is_a_problem(folder: Path) -> None:
    first = versions.ids(folder)[0]
    (folder / first).rename(folder / ("0" * 12))
    by_id = {version.model_id: version for version in versions.versions(folder)}
    assert first in by_id["0" * 12].problem


def test_a_missing_champion_is_refused_with_the_versions(folder: Path) -> None:
    first, second, _ = versions.ids(folder)
    versions.promote(folder, first)
    shutil.rmtree(folder / first)
    with pytest.raises(ModelRefused, match=f"{first} missing.*{second}"):
        versions.champion(folder)
    with pytest.raises(ModelRefused, match="missing"):
        versions.show(folder, "champion")


def test_rolling_back_to_what_is_gone_is_refused(folder: Path) -> None:
    first, second, _ = versions.ids(folder)
    versions.promote(folder, first)
    versions.promote(folder, second)
    shutil.rmtree(folder / first)
    with pytest.raises(ModelRefused, match=f"{first} missing"):
        versions.rollback(folder)
    assert versions.champion_id(folder) == second


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b'{"champion":"../../etc","before":[]}',
        b'{"champion":"0123456789ab","before":["/"]}',
        b'{"champion":null,"before":[]}',
        pickle.dumps({"champion": "0123456789ab", "before": []}),
    ],
)
def test_a_damaged_pointer_is_refused(folder: Path, content: bytes) -> None:
    (folder / "champion").write_bytes(content)
    with pytest.raises(ModelRefused, match="damaged pointer"):
        versions.champion(folder)


def test_what_was_left_aside_by_a_crash_is_no_version(folder: Path) -> None:
    known = versions.ids(folder)
    shutil.copytree(folder / known[0], folder / ".new-crashed")
    (folder / "notes.txt").write_text("hello")
    assert versions.ids(folder) == known


def test_a_failed_save_leaves_nothing(models: dict[str, Model], tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        versions.add(tmp_path / "models", models["logistic"], {"not": object()})
    assert list((tmp_path / "models").iterdir()) == []


def test_fault_11_a_full_disk_is_named_and_leaves_what_was_there(
    folder: Path, models: dict[str, Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, _ = versions.ids(folder)
    versions.promote(folder, first)
    before = versions.ids(folder)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match=r"cannot write .*models: the disk is full"):
        versions.add(folder, models["logistic"], {"n": 3})
    with pytest.raises(UsageError, match=r"cannot write .*champion: the disk is full"):
        versions.promote(folder, second)
    assert versions.ids(folder) == before
    assert versions.champion_id(folder) == first
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_the_pointer_is_plain_text(folder: Path) -> None:
    first, second, _ = versions.ids(folder)
    versions.promote(folder, first)
    versions.promote(folder, second)
    assert json.loads((folder / "champion").read_text()) == {"champion": second, "before": [first]}


def test_fault_02_what_a_killed_training_left_aside_is_taken_away_after_a_day(
    folder: Path, models: dict[str, Model]
) -> None:
    for name, age_s in (("old", 2 * versions.ABANDONED_S), ("new", 60)):
        aside = folder / f"{versions.ASIDE}{name}"
        aside.mkdir()
        written = aside.stat().st_mtime - age_s
        os.utime(aside, (written, written))
    versions.add(folder, models["logistic"], {"n": 2})
    assert [path.name for path in folder.glob(f"{versions.ASIDE}*")] == [f"{versions.ASIDE}new"]

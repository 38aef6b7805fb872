"""A bundle says exactly what was saved, or nothing at all."""

from __future__ import annotations

import hashlib
import json
import pickle
import pickletools
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rows import feature_rows

from payrec.common.errors import ModelRefused
from payrec.model.features import declarations
from payrec.model.recipes.model import Model, predict
from payrec.model.store import bundle
from payrec.model.store import model_json as document

ROWS = feature_rows(300, seed=31)
CARD = {"title": "a card", "metrics": {"pr_auc": 0.5}, "notes": ["ä", "€"]}


@pytest.fixture
def saved(model: Model, tmp_path: Path) -> Path:
    return bundle.save(model, tmp_path / "a model", CARD)


@pytest.fixture(scope="session")
def of_trees(models: dict[str, Model], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle.save(models["xgboost"], tmp_path_factory.mktemp("bundles") / "trees", CARD)


@pytest.fixture(scope="session")
def of_tables(models: dict[str, Model], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle.save(models["logistic"], tmp_path_factory.mktemp("bundles") / "tables", CARD)


def copied(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy", dirs_exist_ok=True))


def resealed(folder: Path) -> Path:
    """Write the manifest anew, as someone would who changed a file on purpose."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] = {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in manifest["files"]}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def edited(folder: Path, change: object) -> Path:
    """Apply ``change`` to the parsed model.json, write it canonically, and reseal."""
    document = json.loads((folder / "model.json").read_text())
    change(document)  # type: ignore[operator]
    (folder / "model.json").write_text(json.dumps(document, sort_keys=True, separators=(",", ":")) + "\n")
    return resealed(folder)


def refusal(folder: Path) -> str:
    with pytest.raises(ModelRefused) as refused:
        bundle.load(folder)
    text = str(refused.value)
    assert refused.value.exit_code == 7
    assert text.startswith("found ")
    assert len(text.splitlines()) <= 3
    return text


def test_what_was_saved_is_loaded(model: Model, saved: Path) -> None:
    found = bundle.read(saved)
    assert found.card == CARD
    assert np.array_equal(predict(found.model, ROWS), predict(model, ROWS))
    assert found.model.training == model.training
    assert found.model == model


def test_saving_what_was_loaded_gives_the_same_bytes(saved: Path, tmp_path: Path) -> None:
    again = bundle.save(bundle.load(saved), tmp_path / "again", CARD)
    for path in saved.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes()
    assert bundle.model_id(again) == bundle.model_id(saved)


def test_a_model_travels_as_the_files_of_its_bundle_and_is_opened_once(model: Model) -> None:
    sent = pickle.dumps(bundle.Portable(model))
    assert document.dump(model, None) in sent
    named = {str(told) for opcode, told, _ in pickletools.genops(sent) if "UNICODE" in opcode.name}
    assert named == {"payrec.model.store.bundle", "_opened"}, "nothing but its bytes, and who is to read them"
    arrived = pickle.loads(sent)
    assert pickle.loads(sent) is arrived
    rows = feature_rows(200, 3)
    np.testing.assert_array_equal(predict(arrived.model, rows), predict(model, rows))


def test_the_card_is_part_of_the_id(models: dict[str, Model], of_tables: Path, tmp_path: Path) -> None:
    other = bundle.save(models["logistic"], tmp_path / "other", None)
    assert bundle.model_id(other) != bundle.model_id(of_tables)


def test_golden_rows_hold_no_customer(saved: Path) -> None:
    columns = json.loads((saved / "golden.json").read_text())["columns"]
    assert set(columns) == set(declarations.NEEDED)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_changed_byte_is_refused(of_trees: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["model.json", "booster.json", "golden.json", "manifest.json"]))
    path = of_trees / name
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytes([whole[at] ^ (1 << data.draw(st.integers(0, 7)))])
    try:
        path.write_bytes(whole[:at] + flipped + whole[at + 1 :])
        if name == "manifest.json" and json_files(path) == json.loads(whole)["files"]:
            return  # the change did not touch what the manifest says
        refusal(of_trees)
    finally:
        path.write_bytes(whole)


def json_files(path: Path) -> object:
    try:
        return json.loads(path.read_bytes())["files"]
    except (ValueError, KeyError, TypeError):
        return None


@pytest.mark.parametrize("name", ["model.json", "booster.json", "golden.json", "manifest.json"])
def test_a_truncated_file_is_refused(of_trees: Path, tmp_path: Path, name: str) -> None:
    folder = copied(of_trees, tmp_path)
    whole = (folder / name).read_bytes()
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        (folder / name).write_bytes(whole[:length])
        if name != "manifest.json" or length < len(whole) - 1:
            refusal(folder)


@pytest.mark.parametrize("name", ["booster.json"])
def test_truncated_trees_with_a_right_hash_are_refused(of_trees: Path, tmp_path: Path, name: str) -> None:
    folder = copied(of_trees, tmp_path)
    whole = (folder / name).read_bytes()
    for content in (b"", b"{", whole[: len(whole) // 2], b"\x80\x04" + whole):
        (folder / name).write_bytes(content)
        assert "booster.json" in refusal(resealed(folder))


@pytest.mark.parametrize("name", ["model.json", "booster.json", "golden.json", "manifest.json"])
def test_a_missing_file_is_named(of_trees: Path, tmp_path: Path, name: str) -> None:
    folder = copied(of_trees, tmp_path)
    (folder / name).unlink()
    assert name in refusal(folder)


def test_a_booster_in_the_former_binary_form_is_to_be_trained_again(of_trees: Path, tmp_path: Path) -> None:
    folder = copied(of_trees, tmp_path)
    (folder / "booster.json").rename(folder / "model.ubj")
    manifest = (folder / "manifest.json").read_text().replace("booster.json", "model.ubj")
    (folder / "manifest.json").write_text(manifest)
    assert refusal(folder).endswith("\ntrain again: payrec train")


def test_no_folder_at_all(tmp_path: Path) -> None:
    assert "nothing" in refusal(tmp_path / "nowhere")


class Bomb:
    """What a pickle would run."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (self.mark,))  # type: ignore[return-value]


@pytest.mark.parametrize("name", ["model_calibrated.joblib", "model.pkl", "model"])
def test_a_pickle_is_refused_and_not_run(tmp_path: Path, name: str) -> None:
    mark = tmp_path / "it ran"
    (tmp_path / name).write_bytes(pickle.dumps(Bomb(mark)))
    assert "a pickle or joblib file" in refusal(tmp_path / name)
    assert not mark.exists()


@pytest.mark.parametrize("name", ["model.json", "booster.json", "golden.json", "manifest.json"])
def test_a_pickle_in_the_place_of_a_file_is_refused_and_not_run(of_trees: Path, tmp_path: Path, name: str) -> None:
    folder, mark = copied(of_trees, tmp_path), tmp_path / "it ran"
    (folder / name).write_bytes(pickle.dumps(Bomb(mark)))
    refusal(folder if name == "manifest.json" else resealed(folder))
    assert not mark.exists()


def test_other_features_are_refused_with_both_versions(of_tables: Path, tmp_path: Path) -> None:
    def change(document: dict[str, object]) -> None:
        document["schema"] = "0123456789abcdef"

    text = refusal(edited(copied(of_tables, tmp_path), change))
    assert "0123456789abcdef" in text
    assert declarations.schema_hash() in text
    assert "made with" in text
    assert "; here " in text


def test_another_format_is_refused(of_tables: Path, tmp_path: Path) -> None:
    assert "format 2" in refusal(edited(copied(of_tables, tmp_path), lambda d: d.update(format=2)))


def test_changed_coefficients_are_found_by_the_reference_rows(of_tables: Path, tmp_path: Path) -> None:
    def change(document: dict[str, dict[str, float]]) -> None:
        document["tables"]["intercept"] += 0.01

    text = refusal(edited(copied(of_tables, tmp_path), change))
    assert "reference rows" in text
    assert "numpy" in text


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(surprise=1),
        lambda d: d["tables"].update(surprise=1),
        lambda d: d.pop("calibration"),
        lambda d: d["calibration"].update(kind="isotonic"),
        lambda d: d["calibration"].update(low="1.0"),
        lambda d: d["tables"]["curves"][0]["values"].append(0.0),
        lambda d: d["tables"]["curves"][0].update(feature="shoe_size"),
        lambda d: d["tables"]["curves"][0].update(high=d["tables"]["curves"][0]["low"]),
        lambda d: d["tables"]["levels"][0]["values"].pop(),
        lambda d: d["tables"]["pairs"][0]["cells"].__setitem__(0, 10**6),
        lambda d: d["tables"]["pairs"][0].update(features=["reason_code"]),
        lambda d: d["tables"]["slopes"][0]["slopes"].pop(),
        lambda d: d["vocabulary"]["levels"].pop("country"),
        lambda d: d["vocabulary"]["segment_means"].pop(),
        lambda d: d.update(tables=None),
        lambda d: d.update(recipe="xgboost"),
        lambda d: d.update(horizon_days=30.5),
        lambda d: d.update(base_log_odds=float("nan")),
        lambda d: d.update(base_log_odds=float("inf")),
    ],
)
def test_what_does_not_belong_is_refused(of_tables: Path, tmp_path: Path, change: object) -> None:
    refusal(edited(copied(of_tables, tmp_path), change))


@pytest.mark.parametrize(
    "content",
    [b"[]", b"{}", b"null", b'{"columns":{},"probability":[]}', b"[" * 100_000, b'{"columns":1,"probability":[0.5]}'],
)
def test_foreign_json_is_refused(of_tables: Path, tmp_path: Path, content: bytes) -> None:
    for name in ("model.json", "golden.json"):
        folder = copied(of_tables, tmp_path)
        (folder / name).write_bytes(content)
        refusal(resealed(folder))
    (folder / "manifest.json").write_bytes(content)
    refusal(folder)


def test_a_huge_file_is_refused_unread(of_tables: Path, tmp_path: Path) -> None:
    folder = copied(of_tables, tmp_path)
    with (folder / "golden.json").open("r+b") as file:
        file.truncate(10**12)  # sparse: no disk is used
    assert "1,000,000,000,000" in refusal(folder)


def test_the_manifest_may_not_name_other_files(of_tables: Path, tmp_path: Path) -> None:
    folder = copied(of_tables, tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["../outside"] = "0" * 64
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert "manifest" in refusal(folder)

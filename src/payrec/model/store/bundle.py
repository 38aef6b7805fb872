"""A model as a folder of plain data: saved, verified and loaded without a pickle.

    model.json     vocabulary, additive model, calibration, training summary, card
    booster.json   the trees of XGBoost in its JSON form (recipe xgboost only)
    golden.json    reference rows: simulated rows and their probabilities
    manifest.json  sha256 of each of these

Loading verifies the hashes, then parses strictly, then scores the reference rows again; any difference is refused.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from payrec.common.errors import ModelRefused
from payrec.common.files import write_synced
from payrec.common.json import canonical_json
from payrec.common.short_repr import short_repr
from payrec.model.recipes.model import Model, predict
from payrec.model.store import model_json, reference_rows
from payrec.model.store.model_json import AGAIN

MANIFEST = "manifest.json"
LARGEST = {"model.json": 64_000_000, "booster.json": 64_000_000, "golden.json": 4_000_000, MANIFEST: 10_000}
FORMER_BOOSTER = "model.ubj"  # XGBoost's binary form, written before booster.json
DIGEST = re.compile(r"[0-9a-f]{64}")
TOLERANCE = 1e-6


@short_repr
@dataclass(frozen=True)
class Bundle:
    """A verified model with its card and its id: the first 12 hex digits of the manifest's sha256."""

    model: Model
    card: dict[str, Any] | None
    model_id: str


@short_repr
@dataclass(frozen=True)
class Portable:
    """A model that travels to another process as the files of its bundle, and is opened there once."""

    model: Model

    def __reduce__(self) -> tuple[Any, ...]:
        return _opened, (model_json.dump(self.model, None), model_json.trees(self.model))


@lru_cache(maxsize=2)
def _opened(content: bytes, trees: bytes | None) -> Portable:
    return Portable(model_json.parse(content, trees, "the model that was sent")[0])


def save(model: Model, folder: Path, card: dict[str, Any] | None = None) -> Path:
    """Write ``model`` into ``folder`` (made if absent), each file synced to the disk; the manifest comes last.

    The same model and card give the same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "model.json": model_json.dump(model, card),
        "golden.json": reference_rows.dump(reference_rows.record(model)),
    }
    trees = model_json.trees(model)
    if trees is not None:
        files["booster.json"] = trees
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    for name, content in [*files.items(), (MANIFEST, canonical_json({"files": hashes}))]:
        write_synced(folder / name, content)
    return folder


def load(folder: Path) -> Model:
    """Return the model in ``folder``. Nothing in it is executed.

    Raises
    ------
    ModelRefused
        A file is missing, changed, malformed or foreign; the model was made for other features; or the reference rows
        get other probabilities here.
    """
    return read(folder).model


def read(folder: Path) -> Bundle:
    """Return the model in ``folder`` with its card and id; raises as :func:`load`."""
    manifest = _manifest(folder)
    files = {name: _bounded(folder, name) for name in manifest}
    for name, content in files.items():
        if hashlib.sha256(content).hexdigest() != manifest[name]:
            msg = f"found {name} of {folder.name} changed since it was saved, expected sha256 {manifest[name][:12]}…"
            raise ModelRefused(f"{msg}\n{AGAIN}")
    model, card = model_json.parse(files["model.json"], files.get("booster.json"), folder.name)
    expected = reference_rows.parse(files["golden.json"], folder.name)
    probability = predict(model, expected.rows)
    worst = float(np.abs(probability - expected.probability).max())
    if not worst <= TOLERANCE:
        versions = model_json.versions_line(files["model.json"])
        msg = f"found reference rows of {folder.name} that differ by {worst:.2g}, expected at most {TOLERANCE:g}"
        raise ModelRefused(f"{msg}\n{versions}\n{AGAIN}")
    return Bundle(model, card, model_id(folder))


def model_id(folder: Path) -> str:
    """Return the id of the bundle in ``folder``, which follows from its content alone."""
    return hashlib.sha256(_bounded(folder, MANIFEST)).hexdigest()[:12]


def _manifest(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        kind = _kind_of_file(folder) if folder.is_file() else "nothing"
        msg = f"found {kind} at {folder}, expected a model's folder with {MANIFEST}; nothing of it was run"
        raise ModelRefused(f"{msg}\n{AGAIN}")
    try:
        files = json.loads(_bounded(folder, MANIFEST))["files"]
        names = set(files)
        if FORMER_BOOSTER in names:
            msg = f"found {FORMER_BOOSTER} in {folder}, in XGBoost's binary form, expected booster.json"
            raise ModelRefused(f"{msg}\ntrain again: payrec train")
        fits = {"model.json", "golden.json"} <= names <= set(LARGEST) - {MANIFEST}
        if not fits or not all(DIGEST.fullmatch(digest) for digest in files.values()):
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        msg = f"found a damaged {MANIFEST} in {folder}, expected the hashes of the model's files\n{AGAIN}"
        raise ModelRefused(msg) from error
    return dict(files)


def _kind_of_file(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(2)
    pickled = start[:1] == b"\x80" or path.suffix in (".pkl", ".pickle", ".joblib")
    return "a pickle or joblib file" if pickled else "a file"


def _bounded(folder: Path, name: str) -> bytes:
    path = folder / name
    if not path.is_file():
        raise ModelRefused(f"found no {name} in {folder}, expected every file of a model\n{AGAIN}")
    if path.stat().st_size > LARGEST[name]:
        msg = f"found {name} of {path.stat().st_size:,} bytes, expected at most {LARGEST[name]:,}\n{AGAIN}"
        raise ModelRefused(msg)
    return path.read_bytes()

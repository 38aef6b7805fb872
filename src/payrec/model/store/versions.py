"""Versions of the model in one folder, and which of them is champion: a pointer file, replaced atomically.

models/3f2a9c…/   a bundle, named by its content
models/champion   {"champion": id, "before": [ids, the last served first]}
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from payrec.common.errors import ModelRefused, UsageError, file_errors
from payrec.common.files import replacing, sync_folder
from payrec.common.json import canonical_json
from payrec.common.short_repr import short_repr
from payrec.model.recipes.model import Model
from payrec.model.store import bundle
from payrec.model.store.bundle import Bundle

POINTER = "champion"
KEPT = 50  # pointers remembered for rollback
ASIDE = ".new-"
ABANDONED_S = 86_400  # older leftovers belong to a killed training
MODEL_ID = re.compile(r"[0-9a-f]{12}")


@short_repr
@dataclass(frozen=True)
class Version:
    """One model in the store; ``problem`` says why it cannot serve, and then ``bundle`` is None."""

    model_id: str
    is_champion: bool
    bundle: Bundle | None
    problem: str


def add(folder: Path, model: Model, card: dict[str, Any] | None = None) -> str:
    """Save ``model`` as a version and return its id; a crash leaves all of it or nothing.

    A model that is there already is left as it is, unless its files are damaged.

    Raises
    ------
    UsageError
        The folder cannot be written, or the disk is full.
    """
    with file_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        aside = Path(tempfile.mkdtemp(prefix=ASIDE, dir=folder))
        try:
            bundle.save(model, aside, card)
            model_id = bundle.model_id(aside)
            if (folder / model_id).exists():
                bundle.read(folder / model_id)
            else:
                sync_folder(aside)
                aside.chmod(0o755)
                aside.rename(folder / model_id)
                sync_folder(folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return model_id


def _sweep(folder: Path) -> None:
    """Remove leftovers of killed trainings; their age comes from the disk, so no clock is read."""
    left = [path for path in folder.iterdir() if path.name.startswith(ASIDE)]
    with tempfile.TemporaryFile(dir=folder) as probe:
        newest = os.fstat(probe.fileno()).st_mtime
    for path in left:
        if newest - path.stat().st_mtime > ABANDONED_S:
            shutil.rmtree(path, ignore_errors=True)


def ids(folder: Path) -> tuple[str, ...]:
    """Return the ids of all versions, sorted; they are not verified."""
    if not folder.is_dir():
        return ()
    return tuple(sorted(path.name for path in folder.iterdir() if MODEL_ID.fullmatch(path.name) and path.is_dir()))


def versions(folder: Path) -> tuple[Version, ...]:
    """Return all versions, each verified, the newest training window first."""
    serving = champion_id(folder)
    stored = [_version(folder, model_id, serving) for model_id in ids(folder)]

    def newest(version: Version) -> tuple[str, str]:
        return version.bundle.model.training.last_as_of.isoformat() if version.bundle else "", version.model_id

    return tuple(sorted(stored, key=newest, reverse=True))


def champion_id(folder: Path) -> str | None:
    """Return the id of the model that serves, or None before the first was promoted."""
    return _pointer(folder)[0]


def champion(folder: Path) -> Bundle:
    """Return the model that serves.

    Raises
    ------
    ModelRefused
        None was promoted yet, the pointer is damaged, or its model is missing or refused.
    """
    try:
        serving = champion_id(folder)
        if serving is None:
            raise ModelRefused(f"found no champion in {folder}, expected a promoted model")
        return show(folder, serving)
    except ModelRefused as error:
        raise ModelRefused(f"{str(error).splitlines()[0]}\n{_way_back(folder)}") from error


def show(folder: Path, reference: str) -> Bundle:
    """Return the version that ``reference`` names: ``champion``, an id, or the unique start of one.

    Raises
    ------
    UsageError
        No such version, or several.
    ModelRefused
        The version is damaged, or the champion's folder is gone.
    """
    return bundle.read(folder / resolve(folder, reference))


def resolve(folder: Path, reference: str) -> str:
    """Return the id that ``reference`` names; raises as :func:`show`."""
    known = ids(folder)
    if reference in known:
        return reference  # also where the pointer is damaged
    serving = champion_id(folder)
    if reference in (POINTER, serving) and serving is not None:
        if serving not in known:
            msg = f"found the champion {serving} missing from {folder}, expected its folder ({_known(folder)})\n"
            raise ModelRefused(msg + "promote another: payrec models promote ID")
        return serving
    matches = [model_id for model_id in known if reference and model_id.startswith(reference)]
    if len(matches) != 1:
        count = "several versions" if matches else "no version"
        raise UsageError(f"found {count} of the model named {reference!r} in {folder}, expected one ({_known(folder)})")
    return matches[0]


def promote(folder: Path, reference: str) -> str:
    """Make a version the champion, once it has been verified, and return its id."""
    model_id = resolve(folder, reference)
    bundle.read(folder / model_id)
    pointer = folder / POINTER
    try:
        serving, before = _pointer(folder)
    except ModelRefused:  # a damaged pointer is replaced
        serving, before = None, ()
        if not pointer.is_file():
            pointer.rename(folder / f"{ASIDE}{POINTER}-{model_id}")
    if serving != model_id:
        _point(folder, model_id, ((serving,) if serving else ()) + before)
    return model_id


def rollback(folder: Path) -> str:
    """Make the model that served before the champion again, once it has been verified, and return its id."""
    before = _pointer(folder)[1]
    if not before:
        raise UsageError(f"found no earlier champion in {folder}, expected one to go back to ({_known(folder)})")
    if before[0] not in ids(folder):
        msg = f"found the earlier champion {before[0]} missing from {folder}, expected its folder ({_known(folder)})"
        raise ModelRefused(msg)
    bundle.read(folder / before[0])
    _point(folder, before[0], before[1:])
    return before[0]


def _version(folder: Path, model_id: str, serving: str | None) -> Version:
    try:
        content = bundle.read(folder / model_id)
    except ModelRefused as error:
        return Version(model_id, model_id == serving, None, str(error).splitlines()[0])
    if content.model_id != model_id:
        return Version(model_id, model_id == serving, None, f"its content is that of {content.model_id}")
    return Version(model_id, model_id == serving, content, "")


def _pointer(folder: Path) -> tuple[str | None, tuple[str, ...]]:
    path = folder / POINTER
    if not os.path.lexists(path):
        return None, ()
    try:
        if not path.is_file():  # to read a pipe would wait for ever
            raise ValueError
        content = json.loads(path.read_bytes()[:10_000])
        serving, before = content["champion"], tuple(content["before"])
        if not all(MODEL_ID.fullmatch(model_id) for model_id in (serving, *before)):
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError, OSError) as error:
        msg = f"found a damaged pointer {path}, expected the id of a model ({_known(folder)})\n"
        raise ModelRefused(msg + "promote one: payrec models promote ID") from error
    return serving, before


def _point(folder: Path, model_id: str, before: tuple[str, ...]) -> None:
    with replacing(folder / POINTER) as sink:
        sink.write(canonical_json({"champion": model_id, "before": before[:KEPT]}))


def _way_back(folder: Path) -> str:
    """Return what to do without a champion: promote a version that works, or train one."""
    usable = [model_id for model_id in ids(folder) if not _version(folder, model_id, None).problem]
    if usable:
        return f"versions that work: {', '.join(usable[:10])}\npromote one: payrec models promote {usable[0]}"
    return f"no version {'there works' if ids(folder) else 'is there'}\ntrain one: payrec train"


def _known(folder: Path) -> str:
    known = ids(folder)
    return (
        f"versions there: {', '.join(known[:10])}{' …' if len(known) > 10 else ''}" if known else "no version is there"
    )

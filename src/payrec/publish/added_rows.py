"""Rows that are only ever added to a folder: one JSON file each, ``DAY/ID.json``, written aside and renamed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from payrec.common import files
from payrec.common.errors import DataRefused, UsageError, file_errors
from payrec.publish.folder_repair import Damage, require_file, set_aside

Row = TypeVar("Row")


def add(folder: Path, row_id: str, added_at: datetime, values: Mapping[str, Any]) -> bool:
    """Write a row without its empty values; return False if its id is there already."""
    if paths(folder, row_id):
        return False
    path = folder / f"{added_at:%Y-%m-%d}" / f"{row_id}.json"
    with file_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, values)
    return True


def write(path: Path, values: Mapping[str, Any]) -> None:
    """Write the file of a row, or replace it."""
    stated = {name: value for name, value in values.items() if value is not None}
    with files.replacing(path) as sink:
        sink.write(json.dumps(stated, default=str, ensure_ascii=False).encode())


def paths(folder: Path, row_id: str = "*", since: datetime | None = None) -> list[Path]:
    """Return the files of a row, or of all rows of the day ``since`` and later; there is none before the first."""
    first_day = f"{since:%Y-%m-%d}" if since else ""
    return sorted(path for path in folder.glob(f"*-*-*/{row_id}.json") if path.parent.name >= first_day)


def read(path: Path, parse: Callable[[dict[str, Any]], Row], noun: str) -> Row:
    """Return the row in a file, called ``noun`` in messages.

    Raises
    ------
    DataRefused
        The file is damaged.
    """
    try:
        require_file(path)
        return parse(json.loads(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError, UsageError) as error:
        msg = f"the {noun} in {path} is damaged: {type(error).__name__}"
        raise DataRefused(f"{msg}\nrestore the file from a backup, or delete it: one {noun} is lost") from error


def repair(published: Path, name: str, parse: Callable[[dict[str, Any]], Row], noun: str) -> list[Damage]:
    """Move the damaged rows in ``name``, a folder of the published folder, out of the way, under the caller's lock."""
    folder = published / name
    with file_errors(folder):
        folders = (folder, *sorted(folder.glob("*-*-*")))
        not_folders = [path for path in folders if os.path.lexists(path) and not path.is_dir()]
        damages = [set_aside(published, path, "it is not a folder") for path in not_folders]
        for path in paths(folder):
            try:
                read(path, parse, noun)
            except DataRefused as error:
                damages.append(set_aside(published, path, type(error.__cause__).__name__))
    return damages

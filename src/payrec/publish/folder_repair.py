"""Damaged files of a published folder: recognised, moved to ``.damaged-…`` in that folder, and reported.

A file is damaged if it is missing, unreadable, not a regular file, or without the structure of its kind. Parquet files
are checked by their footers, which a truncated, emptied or extended file does not have.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from payrec.common.errors import PayrecError
from payrec.publish.run_info import FORECASTS, VERDICTS, Published, from_json

DAMAGED = ".damaged-"
KEYS = {
    "scores": ("order_id", "customer_id", "rank"),
    **dict.fromkeys(("features", "events", "examples"), ("order_id",)),
    **dict.fromkeys(("contacts", "customers"), ("customer_id",)),
}
"""Columns without which a file of a run is another one's, whatever the version that wrote it."""


@dataclass(frozen=True)
class Damage:
    """A damaged file, relative to the published folder; what is wrong; the name it was moved to, None if it is gone."""

    path: str
    problem: str
    moved_to: str | None

    def __str__(self) -> str:
        return f"{self.path} is damaged ({self.problem})" + (f"; moved to {self.moved_to}" if self.moved_to else "")


def read_run(path: Path) -> Published:
    """Read ``run.json``.

    Raises
    ------
    OSError, ValueError, KeyError, TypeError
        It is damaged.
    """
    require_file(path)
    published = from_json(json.loads(path.read_bytes()))
    if published.run.run_id != path.parent.name:
        raise ValueError(f"it names the run {published.run.run_id!r}")
    return published


def problem_of_run(folder: Path) -> str | None:
    """Return what makes the folder of a run unusable: its ``run.json`` or its list; None if nothing does."""
    name = "run.json"
    try:
        published = read_run(folder / name)
        name = "scores.parquet"
        rows = _rows(folder / name)
        if foreign := foreign_columns(folder / name):
            return f"{name}: {foreign}"
    except (OSError, ValueError, KeyError, TypeError, PayrecError) as error:
        return f"{name}: {_one_line(error)}"
    # an erasure leaves fewer rows than were published
    return None if rows <= published.orders else f"{name}: {rows:,} rows, expected at most {published.orders:,}"


def problem_of_parquet(path: Path, schema: pa.Schema | None = None) -> str | None:
    """Return what is wrong with a Parquet file, None if nothing is; ``schema``: the columns it must have."""
    try:
        _rows(path)
        return foreign_columns(path, None if schema is None else schema.names)
    except (OSError, ValueError) as error:
        return _one_line(error)


def foreign_columns(path: Path, expected: list[str] | None = None) -> str | None:
    """Return what is wrong with the columns of a file: not the ``expected`` ones, or without the key of its kind."""
    names = pyarrow.parquet.read_schema(path).names
    fits = set(KEYS.get(path.stem, ())) <= set(names) if expected is None else names == expected
    return None if fits else f"its columns are {', '.join(names)[:100]}, not those of this kind of file"


def set_aside(folder: Path, path: Path, problem: str) -> Damage:
    """Move a damaged file or folder to ``.damaged-NAME-…`` in ``folder``, the published folder."""
    name = str(path.relative_to(folder))
    if not os.path.lexists(path):
        return Damage(name, problem, None)
    aside = folder / f"{DAMAGED}{name.replace('/', '-')}-{secrets.token_hex(4)}"
    os.rename(path, aside)
    return Damage(name, problem, aside.name)


def delete_set_aside(folder: Path, before: float | None = None) -> None:
    """Delete what was set aside; with ``before`` (seconds since 1970) only what changed last before that time."""
    for path in folder.glob(f"{DAMAGED}*"):
        if before is not None and path.lstat().st_mtime >= before:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def damaged_details(folder: Path, run: Path, kept: bool) -> list[Damage]:
    """Set aside the damaged details of a run, ``run`` being its folder; of a ``kept`` run none may be missing."""
    names = json.loads((run / "run.json").read_bytes()).get("details", ()) if kept else ()
    paths = sorted({run / f"{name}.parquet" for name in names} | set(run.glob("*.parquet")) - {run / "scores.parquet"})
    return [set_aside(folder, path, problem) for path in paths if (problem := problem_of_parquet(path))]


def damaged_of_runs(folder: Path) -> list[Damage]:
    """Set aside damaged files of verdicts and forecasts."""
    kinds = (("monitor", VERDICTS), ("forecasts", FORECASTS))
    paths = [(path, schema) for kind, schema in kinds for path in sorted((folder / kind).glob("*.parquet"))]
    return [set_aside(folder, path, problem) for path, schema in paths if (problem := problem_of_parquet(path, schema))]


def _rows(path: Path) -> int:
    require_file(path)
    return int(pyarrow.parquet.read_metadata(path).num_rows)


def require_file(path: Path) -> None:
    """Refuse what is no regular file; reading a pipe would wait for ever."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("it is not a regular file")


def _one_line(error: BaseException) -> str:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return reason.splitlines()[0][:200]

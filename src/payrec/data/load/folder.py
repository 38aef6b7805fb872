"""A folder of parts, as Spark and other exports write them: one file after the other, accounted for as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from payrec.common.errors import DataRefused, UsageError
from payrec.data.load.load_report import LoadReport


def parts(path: Path) -> tuple[Path, ...]:
    """Return the files of a folder in the order of their names, or a file as its only part.

    Left out are what begins with a dot or an underscore, such as ``_SUCCESS``: programs write it for programs.

    Raises
    ------
    UsageError
        The folder has no files, or has folders in it: their names may hold columns, which would be lost.
    """
    if not path.is_dir():
        return (path,)
    found = sorted(each for each in path.iterdir() if each.name[0] not in "._")
    folders = [each.name for each in found if each.is_dir()]
    if folders:
        msg = f"found the folder {folders[0]} in {path}, expected files alone"
        raise UsageError(f"{msg}\nload each folder by itself; what its name says must be a column of its files")
    if not found:
        raise UsageError(f"found no files in {path}, expected parts in CSV or Parquet")
    return tuple(found)


def in_parts(path: Path, loading: Callable[[Path], LoadReport]) -> LoadReport:
    """Load every part of a folder, or a file, and return one account of all; to be called in a transaction.

    Raises
    ------
    DataRefused
        A part has other columns than the first.
    """
    reports: list[LoadReport] = []
    for part in parts(path):
        reports.append(loading(part))
        names, first = (sorted((*told.used, *told.ignored)) for told in (reports[-1], reports[0]))
        if names != first:
            msg = f"found the columns {', '.join(names)} in {part.name}, expected those of {reports[0].file}:"
            raise DataRefused(f"{msg} {', '.join(first)}\nnothing was loaded; the parts are not of one table")
    return reports[0] if len(reports) == 1 else _together(path, reports)


def _together(path: Path, reports: list[LoadReport]) -> LoadReport:
    sums = {
        name: sum(getattr(one, name) for one in reports)
        for name in ("rows_in", "loaded", "rejected", "duplicates", "left_out")
    }
    notes = [f"{one.file}: {note}" for one in reports for note in one.notes]
    notes += [f"{one.file}: rejects are in {one.rejects_path}" for one in reports if one.rejects_path]
    name = f"{path.name}, {len(reports)} parts"
    return replace(reports[0], file=name, notes=tuple(notes), rejects_path=None, **sums)

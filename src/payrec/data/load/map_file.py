"""The map that a file would be read with, as TOML to be completed: names that are equal, never names that are alike."""

from __future__ import annotations

import json
from pathlib import Path

from payrec.common.text import terminal_text
from payrec.data.load.file_bytes import opened
from payrec.data.load.parsing import Options
from payrec.data.load.tables import FORMS, Hints, table_of
from payrec.data.load.targets import TARGETS, Kind


def map_text(path: Path, kind: Kind, options: Options) -> str:
    """Return a map for a file: its columns that have our names, and a comment for each required one that it lacks.

    Raises
    ------
    UsageError, DataRefused
        The file cannot be opened or is of no kind that can be read.
    """
    target = TARGETS[kind]
    wanted = frozenset(target.names())
    with opened(path, options.limits, FORMS) as file:
        header = table_of(file, Hints(wanted, encoding=options.encoding)).dialect.header
    by_name = {name.casefold(): name for name in header if name}
    lines = [f'kind = "{kind}"', "", "[columns]"]
    for column in target.columns:
        if column.name in by_name:
            lines.append(f"{column.name} = {json.dumps(by_name[column.name], ensure_ascii=False)}")
        elif column.required:
            lines.append(f'# {column.name} = "…"  required: a column of the file')
    unread = [terminal_text(name) for name in header if name and name.casefold() not in wanted]
    lines += ["", "# columns of the file that are not read:", *(f"#   {name}" for name in unread)] if unread else []
    return "\n".join(lines) + "\n"

"""A log of downloads: who took which rows of which run, when, in which file. Lines are added and never changed."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from payrec.common.errors import PayrecError, file_errors
from payrec.data.engines import connect
from payrec.publish import ledger

FILE = "exports.jsonl"


@dataclass(frozen=True)
class Export:
    """One downloaded file: its name, its hash, the number of rows of which run, and their view."""

    at: datetime
    who: str
    file: str
    sha256: str
    rows: int
    run_id: str
    view: str


def add(folder: Path, export: Export, url: str | None = None) -> None:
    """Record an export in the published folder and, where the role may write there, in the database's ledger.

    Raises
    ------
    UsageError
        It cannot be recorded; then nothing may be downloaded.
    """
    path = folder / FILE
    line = (json.dumps({**vars(export), "at": export.at.isoformat()}, ensure_ascii=False) + "\n").encode()
    with file_errors(path):
        folder.mkdir(parents=True, exist_ok=True)
        number = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            size = os.fstat(number).st_size
            is_cut = size > 0 and os.pread(number, 1, size - 1) != b"\n"  # the last line, by a full disk or a crash
            os.write(number, b"\n" * is_cut + line)  # one write: lines of several sessions do not mix
            os.fsync(number)
        finally:
            os.close(number)
    if url is None:
        return
    detail = f"{export.file} sha256={export.sha256} rows={export.rows} view={export.view}"
    with suppress(PayrecError), connect(url) as engine:  # a role that may only read leaves the file above as the record
        ledger.add(engine, ledger.Entry(export.at, export.who, "export", export.run_id, "done", detail))


def read(folder: Path, most: int = 20) -> list[dict[str, object]]:
    """Return the newest exports, newest first; a line that cannot be read is named in column ``file``."""
    path = folder / FILE
    if not path.is_file():
        return []
    lines = list(enumerate(path.read_bytes().splitlines(), 1))[-most:]
    return [_entry(line, f"line {number} of {FILE} cannot be read") for number, line in reversed(lines) if line.strip()]


def _entry(line: bytes, problem: str) -> dict[str, object]:
    try:
        entry: dict[str, object] = json.loads(line)
        return entry if isinstance(entry, dict) else {"file": problem}
    except ValueError:
        return {"file": problem}

"""Every export is written down: who took which rows of which run, when, as what. Lines are added and never changed."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from payrec.common.errors import PayrecError, file_errors
from payrec.data.engines import connect
from payrec.publish import ledger

FILE = "exports.jsonl"


@dataclass(frozen=True)
class Export:
    """One file that left: its name, its hash, how many rows of which run, and what view they were."""

    at: datetime
    who: str
    file: str
    sha256: str
    rows: int
    run_id: str
    view: str


def add(folder: Path, what: Export, url: str | None = None) -> None:
    """Write an export down beside the published lists and, where the role may write there, in the database's ledger.

    Raises
    ------
    UsageError
        It cannot be written; then nothing may leave.
    """
    path = folder / FILE
    line = json.dumps({**vars(what), "at": what.at.isoformat()}, ensure_ascii=False) + "\n"
    with file_errors(path):
        folder.mkdir(parents=True, exist_ok=True)
        number = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(number, line.encode())  # one write: lines of several sessions do not mix
            os.fsync(number)
        finally:
            os.close(number)
    if url is not None:
        _in_ledger(url, what)


def _in_ledger(url: str, what: Export) -> None:
    """Tell the database too; a role that may only read cannot, and the file above stays the trail."""
    detail = f"{what.file} sha256={what.sha256} rows={what.rows} view={what.view}"
    try:
        with connect(url) as engine:
            ledger.add(engine, ledger.Entry(what.at, what.who, "export", what.run_id, "done", detail))
    except PayrecError:
        return


def read(folder: Path, most: int = 20) -> list[dict[str, object]]:
    """Return the newest exports, newest first."""
    path = folder / FILE
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()[-most:]
    return [json.loads(line) for line in reversed(lines) if line.strip()]

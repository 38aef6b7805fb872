"""The promises of the layers: files of ``sql/checks``, each of which selects the rows that break one."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

from payrec.data.engines import Engine


@dataclass(frozen=True)
class Check:
    """One file of ``sql/checks``: its promise, and how many rows break it."""

    name: str
    promise: str
    offending_rows: int
    example: str


def check(engine: Engine) -> tuple[Check, ...]:
    """Run every file of ``sql/checks``; each selects the rows that break its promise, which is its first line."""
    return tuple(_run_check(engine, name, sql) for name, sql in check_files())


def check_files() -> tuple[tuple[str, str], ...]:
    """Return (name, SQL) of every check, by name."""
    folder = resources.files("payrec.data").joinpath("sql", "checks")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return tuple((file.name.removesuffix(".sql"), file.read_text(encoding="utf-8")) for file in files)


def _run_check(engine: Engine, name: str, sql: str) -> Check:
    rows = engine.read(sql.rstrip().rstrip(";"))
    example = ", ".join(f"{k}={v}" for k, v in rows.slice(0, 1).to_pylist()[0].items()) if rows.num_rows else ""
    promise = sql.splitlines()[0].removeprefix("--").strip()
    return Check(name, promise, rows.num_rows, example)

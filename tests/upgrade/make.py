"""Make the installation that tests/upgrade keeps of one version, by that version's own code.

    python tests/upgrade/make.py SOURCE NAME

SOURCE is a checkout of the version, NAME what it is called here. Made are ``NAME.tar.xz`` (a DuckDB file, the models,
what is published; the models of the other) and ``NAME.sql.xz`` (a database of PostgreSQL after the same commands,
without the rows of the layers, which are made anew).
"""

from __future__ import annotations

import lzma
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import postgres_server  # noqa: E402

COMMANDS = (
    "load transactions sim/transactions.csv",
    "load events sim/events.csv",
    "load fx sim/fx.csv --map fx.toml",
    "train --recipe logistic",
    "models promote {model}",
    "run --as-of 2026-06-29",
    "run --as-of 2026-06-30",
)
KEPT = ("embedded/payrec.duckdb", "embedded/models", "embedded/published", "served/models")
MADE_ANEW = (
    "stg_*",
    "*_numbers",
    "accounts",
    "event_types",
    "snapshots",
    "customer_*",
    "context_history",
    "features",
    "labels",
    "built_*",
)


def commands(source: Path, folder: Path, url: str) -> None:
    """Run all commands of a version in a folder."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PAYREC_")}
    environment |= {"PYTHONPATH": str(source / "src"), "PAYREC_DATABASE": url, "PAYREC_PUBLISHED_DIR": "published"}
    (folder / "fx.toml").write_text('reporting_currency = "EUR"\n', encoding="utf-8")
    for line in ("simulate --orders 700 --seed 3 --out sim", *COMMANDS):
        model = "".join(path.name for path in (folder / "models").glob("*") if path.is_dir())
        called = [sys.executable, "-c", "from payrec.cli import main; main()", *line.format(model=model).split()]
        done = subprocess.run(called, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1, 4):  # an alarm and the gate are not in the way
            raise RuntimeError(f"payrec {line}: {done.stderr}")


def packed(folder: Path, path: Path) -> None:
    """Pack what is kept of an installation; nobody's name and no time in it."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = member.mtime = 0
        member.uname = member.gname = ""
        return member

    with tarfile.open(path, "w:xz") as pack:
        for name in KEPT:
            pack.add(folder / name, name, filter=plain)


def dumped(source: Path, folder: Path, path: Path) -> None:
    """Keep a database of PostgreSQL as SQL that any client can run."""
    with postgres_server.running() as server:
        postgres_server.create_database(server.url("postgres"), "old")
        commands(source, folder, server.url("old"))
        left_out = [f"--exclude-table-data={name}" for name in MADE_ANEW]
        done = subprocess.run(
            [server.binaries / "pg_dump", "--rows-per-insert=500", "--no-owner", "--no-privileges", "--no-comments",
             *left_out, server.url("old")],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    # lines for psql alone, and settings of newer servers, are left out
    text = re.sub(r"^(\\.*|SET (transaction_timeout|idle_in).*)\n", "", done.stdout, flags=re.MULTILINE)
    path.write_bytes(lzma.compress(text.encode(), preset=9))


def main(source: Path, name: str) -> None:
    """Make both."""
    with tempfile.TemporaryDirectory() as folder:
        embedded, served = Path(folder, "embedded"), Path(folder, "served")
        embedded.mkdir()
        served.mkdir()
        commands(source, embedded, "duckdb:///payrec.duckdb")
        dumped(source, served, Path(__file__).with_name(f"{name}.sql.xz"))
        packed(Path(folder), Path(__file__).with_name(f"{name}.tar.xz"))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2])

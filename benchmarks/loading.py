"""CSV into a DuckDB file: payrec load beside DuckDB's own reader; and the first list from a Stripe payments export."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
from pyarrow import csv

import payrec
from benchmarks import inputs
from benchmarks.measure import timed
from payrec.simulate import source_files

FILES = ("transactions", "events")
CHARGES = 28_000
STATED_AT = "2026-07-01"


def _csv(orders: int, name: str) -> Path:
    return inputs.Portfolio(orders, inputs.AS_USUAL).folder / f"{name}.csv"


def prepared(orders: int) -> None:
    """Simulate, and write orders and events as CSV, unless they are there."""
    portfolio = inputs.Portfolio(orders, inputs.AS_USUAL)
    inputs.generated(portfolio)
    for name in FILES:
        if not _csv(orders, name).exists():
            csv.write_csv(portfolio.table(name), _csv(orders, name))


def with_payrec(orders: int) -> dict[str, Any]:
    """Load orders, then events, into an empty DuckDB file."""
    with TemporaryDirectory() as folder, timed() as cost, payrec.connect(f"duckdb:///{folder}/loaded.duckdb") as engine:
        loaded = [getattr(payrec.load, name)(engine, _csv(orders, name)).loaded for name in FILES]
    return {"rows": sum(loaded), **vars(cost)}


def with_duckdb(orders: int) -> dict[str, Any]:
    """Read the same files into tables of a DuckDB file, types as DuckDB sniffs them, nothing checked."""
    with TemporaryDirectory() as folder, timed() as cost, duckdb.connect(f"{folder}/read.duckdb") as db:
        read = [
            db.execute(f"CREATE TABLE {name} AS FROM read_csv('{_csv(orders, name)}')").fetchall()[0][0]
            for name in FILES
        ]
    return {"rows": sum(read), **vars(cost)}


def _payments(orders: int) -> Path:
    return inputs.Portfolio(orders, inputs.AS_USUAL).folder / "stripe" / "payments.csv"


def prepared_export(orders: int) -> None:
    """Write the export, unless it is there."""
    if not _payments(orders).exists():
        stripe_payments(_payments(orders).parent)


def stripe_payments(folder: Path) -> Path:
    """Write the payments export of Stripe's dashboard, cut to its last ``CHARGES`` charges; return its file."""
    drawn = payrec.simulate(CHARGES, inputs.SEED)
    source_files.write(drawn.transactions, drawn.events, "stripe-dashboard", folder)
    file = folder / "payments.csv"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join([lines[0], *lines[-CHARGES:]]))
    return file


def first_list(orders: int) -> dict[str, Any]:
    """Load the export and run: two commands, without a map."""
    file = _payments(orders).resolve()
    with TemporaryDirectory() as folder, timed() as cost:
        for words in (["load", "source", "stripe-dashboard", str(file)], ["run", "--as-of", STATED_AT]):
            command = [Path(sys.executable).with_name("payrec"), *words]
            if subprocess.run(command, cwd=folder, check=False, capture_output=True).returncode > 1:  # 1: an alarm
                raise SystemExit(f"payrec {' '.join(words)} failed")
    return {"rows": CHARGES, **vars(cost)}

"""The main job on real data, by the commands of the README: ``python -m benchmarks.real_data``.

Writes docs/real-data.md.

Every set is loaded, checked, built, backtested by its split, trained, and run for one night, on DuckDB and on
PostgreSQL, in a folder that is thrown away. The data lie in ``PAYREC_REAL_DATA``, else in ``../shared/data``.
Figures already measured are kept in ``out/real-data.json``, so that one set can be measured anew (``--only``).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from copy import copy
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from pyarrow import parquet

from benchmarks import real_data_page
from benchmarks.real_sets import SETS, RealSet
from payrec.data.engines import connect

ROOT = Path(__file__).resolve().parent.parent
PAGE, MAPS, KEPT = ROOT / "docs" / "real-data.md", ROOT / "docs" / "maps", ROOT / "out" / "real-data.json"
RECIPES = ("logistic", "xgboost", "average", "original")
LIST_LENGTH = 100
TRAIN_ROWS = 150_000  # enough for these sets, so that a busy machine gets done
FINE, ALARM, GATE = 0, 1, 4


class Commands:
    """Runs commands of payrec in one folder on one database, and keeps the seconds of each."""

    def __init__(self, folder: Path, url: str, real: RealSet) -> None:
        self.folder, self.url, self.seconds = folder, url, {}
        self.environment = {**os.environ, "PAYREC_DATABASE": url, "PAYREC_LANDMARK_AGES": real.ages}

    seconds: dict[str, float]

    def limited(self, rows: int) -> Commands:
        """Return the same, but that training draws at most so many snapshots."""
        other = copy(self)
        other.environment = {**self.environment, "PAYREC_TRAIN_MAX_ROWS": str(rows)}
        return other

    def __call__(self, *words: str, accept: tuple[int, ...] = (FINE,)) -> dict[str, Any]:
        """Run ``payrec words --json``; return its document with the exit code in it.

        Raises
        ------
        RuntimeError
            An exit code that is not one of ``accept``, with what the command said.
        """
        program = Path(sys.executable).with_name("payrec")
        begun = time.monotonic()
        done = subprocess.run(
            [str(program), *words, "--json"], cwd=self.folder, env=self.environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        name = " ".join(words[:2]) if words[0] in ("load", "models") else words[0]
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - begun, 1)
        if done.returncode not in accept:
            msg = f"payrec {' '.join(words)} ended with {done.returncode}:\n{done.stderr[-2000:]}{done.stdout[-2000:]}"
            raise RuntimeError(msg)
        document: dict[str, Any] = json.loads(done.stdout)
        return document | {"exit_code": done.returncode}


def data_folder() -> Path:
    """Where the real data lie."""
    return Path(os.environ.get("PAYREC_REAL_DATA", ROOT.parent / "shared" / "data")).resolve()


def load(payrec: Commands, files: list[tuple[str, Path, Path]]) -> list[dict[str, Any]]:
    """Load (kind, file, map) in this order; return the reports."""
    return [payrec("load", kind, str(file), "--map", str(of_map)) for kind, file, of_map in files]


def as_mapped(real: RealSet, data: Path) -> list[tuple[str, Path, Path]]:
    """Return (kind, file, map) of a set by the maps of the documentation."""
    return [(kind, data / file, MAPS / f"{of_map}.toml") for kind, file, of_map in real.loads]


def backtest(payrec: Commands, real: RealSet, recipe: str) -> tuple[dict[str, Any], list[tuple[str, float]]]:
    """Backtest a recipe by the set's split at age 0; return its figures and the probability of each order."""
    file = f"{recipe}.parquet"
    until = [] if real.until is None else ["--until", real.until]
    words = ["--split", real.split, *until, "--ages", "0", "--recipe", recipe, "--predictions", file]
    report = payrec("backtest", *words)
    rows = parquet.read_table(payrec.folder / file).sort_by("order_id")
    keep = ("rows", "base_rate", "pr_auc", "roc_auc", "brier", "ece", "ci95")
    figures = {name: report[name] for name in keep} | {"history_rate": report["baselines"]["history_rate"]}
    pairs: Any = zip(rows["order_id"].to_pylist(), rows["p_recover"].to_pylist(), strict=True)
    return figures, list(pairs)


def orders_in_window(payrec: Commands, real: RealSet) -> int:
    """Count the orders of the test window, also those paid on their first day, which are never asked about."""
    until = "" if real.until is None else f" AND known_at < TIMESTAMP '{real.until} 00:00:00'"
    at_risk = f"known_at >= TIMESTAMP '{real.split} 00:00:00'{until} AND amount_minor > 0"
    with connect(payrec.url) as engine:
        return int(engine.read(f"SELECT COUNT(*) AS n FROM stg_orders WHERE {at_risk}")["n"][0].as_py() or 0)


def night(payrec: Commands, real: RealSet) -> dict[str, Any]:
    """Train, run one night, take the first hundred of the list, and see what became of them."""
    trained = payrec.limited(TRAIN_ROWS)("train", "--as-of", real.train_as_of, accept=(FINE, GATE))
    if trained["exit_code"] == GATE:
        payrec("models", "promote", trained["model_id"])
    ran = payrec("run", "--as-of", real.run_as_of, accept=(FINE, ALARM))
    payrec("worklist", "--by", "order", "--capacity", str(LIST_LENGTH), "--out", "list.parquet")
    listed = parquet.read_table(payrec.folder / "list.parquet")
    moment = datetime.fromisoformat(real.run_as_of)
    with connect(payrec.url) as engine:
        select = f"SELECT order_id, label_recovered_30d AS paid FROM v_feature_view WHERE as_of = TIMESTAMP '{moment}'"
        measured = engine.read(select)
    labels: Any = zip(measured["order_id"].to_pylist(), measured["paid"].to_pylist(), strict=True)
    paid: dict[str, int | None] = dict(labels)
    expected = np.array(listed["ev_recovered"].to_pylist(), float)
    owed: Any = zip(listed["order_id"].to_pylist(), listed["outstanding"].to_pylist(), strict=True)
    came = sum(float(outstanding) * (paid[order] or 0) for order, outstanding in owed)
    return {
        "recipe": trained["recipe"], "gate": trained["failures"], "exit_code": ran["exit_code"], "open": len(paid),
        "listed": listed.num_rows, "expected": float(expected.sum()), "came": float(came),
    }  # fmt: skip


def at_invoice_date(real: RealSet, data: Path, folder: Path) -> list[tuple[str, Path, Path]]:
    """Return (kind, file, map) of a set whose ages count from the invoice date, as the question of its mark does.

    The map loses its due date. Supplier invoices get their terms in days as a column, since they differ, and the band
    of the delay from invoice to entry, which only the map of :func:`with_entry_delay` reads.
    """
    if not real.due_date:
        return as_mapped(real, data)
    ((kind, source, of_map),) = as_mapped(real, data)
    text = of_map.read_text(encoding="utf-8").replace(real.due_date, "")
    if real.entry_delay:
        text = text.replace("[columns]\n", '[columns]\npayment_method = "Terms"\n')
        text = text.replace('["Outstanding"]', '["Outstanding", "Due_Date"]')  # else its name says what it is
        extended = folder / "with_terms.csv"
        with source.open(newline="", encoding="utf-8") as read, extended.open("w", newline="", encoding="utf-8") as to:
            rows = csv.DictReader(read)
            out = csv.DictWriter(to, [*(rows.fieldnames or ()), "Terms", "Entry_Delay"])
            out.writeheader()
            for row in rows:
                invoiced, due = (datetime.strptime(row[name], "%d-%b-%y") for name in ("Invoice_Date", "Due_Date"))
                delay = _delay(invoiced, row["Created"])
                out.writerow(row | {"Terms": f"{(due - invoiced).days} days", "Entry_Delay": delay})
        source = extended
    without = folder / f"{of_map.stem}_at_invoice_date.toml"
    without.write_text(text, encoding="utf-8")
    return [(kind, source, without)]


def with_entry_delay(files: list[tuple[str, Path, Path]]) -> list[tuple[str, Path, Path]]:
    """Return the same files, with a map that also reads the delay from invoice to entry."""
    ((kind, file, of_map),) = files
    map_file = of_map.with_name("with_delay.toml")
    text = of_map.read_text(encoding="utf-8")
    map_file.write_text(text.replace("[columns]\n", '[columns]\ndevice = "Entry_Delay"\n'), encoding="utf-8")
    return [(kind, file, map_file)]


def _delay(invoiced: datetime, entered: str) -> str:
    days = (datetime.strptime(entered, "%d-%m-%Y %H:%M") - invoiced).days
    return next(
        (band for most, band in ((0, "none"), (7, "a week"), (14, "two"), (30, "a month")) if days <= most), "more"
    )


def measure(real: RealSet, url: str, data: Path) -> dict[str, Any]:
    """Do the whole job for one set on one database."""
    with tempfile.TemporaryDirectory() as scratch:
        payrec = Commands(Path(scratch), url.replace("SCRATCH", scratch), real)
        files = at_invoice_date(real, data, Path(scratch))
        loaded = load(payrec, files)
        checked = payrec("check", accept=(FINE, 3))
        built = payrec("build")
        tests = {recipe: backtest(payrec, real, recipe) for recipe in RECIPES}
        result: dict[str, Any] = {
            "loads": [{k: r[k] for k in ("rows_in", "loaded", "rejected", "duplicates", "left_out")} for r in loaded],
            "findings": [f["message"].splitlines()[0] for f in checked["findings"]],
            "orders_in_window": orders_in_window(payrec, real),
            "snapshots": built["rows"]["snapshots"],
            "tests": {recipe: figures for recipe, (figures, _) in tests.items()},
            "predictions": {recipe: measured for recipe, (_, measured) in tests.items()},
            "night": night(payrec, real),
            "seconds": payrec.seconds,
        }
        if real.due_date and url.startswith("duckdb"):
            other = Commands(Path(scratch), f"duckdb:///{scratch}/due.duckdb", real)
            load(other, as_mapped(real, data))
            other("build")
            result["at_due_date"] = {recipe: backtest(other, real, recipe)[0] for recipe in RECIPES}
        if real.entry_delay and url.startswith("duckdb"):
            other = Commands(Path(scratch), f"duckdb:///{scratch}/delay.duckdb", real)
            load(other, with_entry_delay(files))
            other("build")
            result["with_entry_delay"] = {recipe: backtest(other, real, recipe)[0] for recipe in RECIPES}
        return result


def difference(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Largest difference between the probabilities of the same orders on two engines.

    Raises
    ------
    RuntimeError
        The engines did not test the same orders.
    """
    largest = 0.0
    for recipe in RECIPES:
        a, b = (dict(map(tuple, measured["predictions"][recipe])) for measured in (one, other))
        if a.keys() != b.keys():
            msg = f"{recipe}: {len(a)} orders tested on one engine, {len(b)} on the other, not the same"
            raise RuntimeError(msg)
        largest = max(largest, *(abs(a[order] - b[order]) for order in a))
    return largest


@contextmanager
def servers(given: str | None) -> Iterator[str]:
    """Give the address of a PostgreSQL server as a role that may make databases; start one if none is given."""
    if given:
        yield given
        return
    from tests import postgres_server

    with postgres_server.running() as server:
        yield server.url("postgres")


def on_postgres(real: RealSet, admin: str, data: Path) -> dict[str, Any]:
    """Measure a set in a database made for it."""
    from tests import postgres_server

    name = f"payrec_real_{os.getpid()}"
    postgres_server.create_database(admin, name)
    try:
        return measure(real, postgres_server.with_database(admin, name), data)
    finally:
        postgres_server.drop_database(admin, name)


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--database", metavar="URL", help="PostgreSQL as a role that may make databases; else one is started"
    )
    parser.add_argument(
        "--only", choices=[real.name for real in SETS], action="append", help="measure only this set anew"
    )
    parser.add_argument("--duckdb", action="store_true", help="on DuckDB alone")
    options = parser.parse_args()
    data = data_folder()
    if not data.is_dir():
        parser.error(f"found no folder {data}, expected the real data there: set PAYREC_REAL_DATA")
    kept: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    with (
        nullcontext("")
        if options.duckdb
        else servers(options.database or os.environ.get("PAYREC_TEST_POSTGRES")) as admin
    ):
        for real in SETS:
            if options.only and real.name not in options.only:
                continue
            print(f"{real.name}: DuckDB", file=sys.stderr, flush=True)
            measured = {"duckdb": measure(real, "duckdb:///SCRATCH/payrec.duckdb", data)}
            if admin:
                print(f"{real.name}: PostgreSQL", file=sys.stderr, flush=True)
                measured["postgres"] = on_postgres(real, admin, data)
            largest = difference(measured["duckdb"], measured["postgres"]) if admin else None
            for engine in measured.values():
                del engine["predictions"]
            kept[real.name] = {**measured, "largest_difference": largest}
            KEPT.parent.mkdir(exist_ok=True)
            KEPT.write_text(json.dumps(kept, indent=1))
            PAGE.write_text(real_data_page.page(kept, PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()

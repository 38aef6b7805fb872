"""`make soak`: many nights in a row on DuckDB and PostgreSQL, and their figures; exit 1 if something grows.

python -m tests.soak [--nights 200] [--orders 12000] [--engines duckdb postgres]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

from tests.soak import arrivals, judged, nights

END = date(2026, 6, 30)
RETENTION_DAYS = 30
DAYS = 400  # of orders, so that 200 nights double them


def main() -> int:
    """Run the nights on each engine, print what they used, and judge it."""
    options = _options()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="payrec-soak-") as scratch:
        simulated = arrivals.simulated(options.orders, DAYS, END, Path(scratch) / "files")
        first = datetime(END.year, END.month, END.day) - options.nights * arrivals.DAY
        nights.train(simulated, first, Path(scratch) / "models")
        soak = nights.Soak(simulated, Path(scratch) / "models", first, options.nights, RETENTION_DAYS)
        for name in options.engines:
            folder = Path(scratch) / name
            folder.mkdir()
            used = []
            with _database(name, folder) as database:
                for one in nights.run(database, soak):
                    used.append(one)
                    print(f"\r{name}: night {one.night} of {options.nights}", end="", file=sys.stderr, flush=True)
            print(file=sys.stderr)
            problems = judged.problems(used, RETENTION_DAYS, with_time=True)
            print(f"{name}: {options.nights} nights\n\n{judged.table(used)}\n")
            print("\n".join(f"{name}: {problem}" for problem in problems) or f"{name}: nothing grows that should not")
            failed += len(problems)
    return 1 if failed else 0


@contextmanager
def _database(name: str, folder: Path) -> Iterator[nights.Place]:
    if name == "duckdb":
        yield nights.Place(f"duckdb:///{folder / 'payrec.duckdb'}", folder)
        return
    with nights.on_postgres(folder) as database:
        yield database


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=str(__doc__).splitlines()[0])
    parser.add_argument("--nights", type=int, default=200)
    parser.add_argument("--orders", type=int, default=12_000)
    parser.add_argument("--engines", nargs="+", choices=("duckdb", "postgres"), default=["duckdb", "postgres"])
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())

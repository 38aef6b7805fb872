"""Run the measurements, each in a process of its own; print a table; write JSON, docs/benchmarks.md and docs/scale.md."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import page, page_scale, tables
from benchmarks.inputs import FOLDER
from benchmarks.one import MEASUREMENTS, Measurement

RESULTS = FOLDER / "results.json"
Results = dict[str, dict[str, Any]]


def main() -> int:
    """Run what was asked for; 1 if a measurement failed."""
    options = _arguments()
    if options.afresh:
        RESULTS.unlink(missing_ok=True)
    chosen = [m for m in MEASUREMENTS.values() if not options.names or {m.group, m.name} & set(options.names)]
    failed = []
    for orders in options.orders if chosen else ():
        for one in chosen:
            if not _measured(one, orders):
                failed.append(f"{one.name} at {orders:,}")
    results = _kept()
    if find_spec("polars"):
        page.write(results, Path("docs/benchmarks.md"))
        page_scale.write(results, Path("docs/scale.md"))
    else:
        print("docs: not written, since the peers are not here; make bench has them", file=sys.stderr)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    for name in failed:
        print(f"failed: {name}", file=sys.stderr)
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = sorted({m.group for m in MEASUREMENTS.values()}) + list(MEASUREMENTS)
    parser.add_argument("names", nargs="*", metavar="name", help=f"all, or some of: {', '.join(names)}")
    parser.add_argument("--orders", nargs="+", type=int, default=[100_000, 1_000_000], help="sizes of the portfolio")
    parser.add_argument("--json", type=Path, help="also write the results here")
    parser.add_argument("--afresh", action="store_true", help="forget the results of earlier calls")
    options = parser.parse_args()
    unknown = set(options.names) - set(names)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; expected some of {', '.join(names)}")
    return options


def _kept() -> Results:
    results: Results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return results


def _measured(one: Measurement, orders: int) -> bool:
    command = [sys.executable, "-m", "benchmarks.one", one.name, str(orders)]
    prepared = subprocess.run([*command, "--prepare"], check=False)
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True) if not prepared.returncode else None
    if done is None or done.returncode:
        return False
    result = {"group": one.group, "name": one.name, "title": one.title, "orders": orders, **json.loads(done.stdout)}
    FOLDER.mkdir(parents=True, exist_ok=True)
    kept = {**_kept(), f"{one.name}@{orders}": result}  # read again: another call may have added to it meanwhile
    RESULTS.write_text(json.dumps(kept, indent=1, sort_keys=True))
    print(tables.line(result), flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())

"""What the guards of a night cost: their share of the CPU of a whole run. `python -m tests.soak.guards`.

The guards are the lock, the lease of the layers, the ledger, the proofs before the commit, and the search for damaged
files. The CPU is that of this process; what a PostgreSQL server spends on a few rows of each is not in it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

from payrec.commands import run as run_command
from payrec.commands.run import execute
from payrec.data import layers
from payrec.data.engines import connect
from payrec.data.engines.postgres import Postgres
from payrec.publish import ledger, lock
from tests.soak import arrivals, nights

END = date(2026, 6, 30)
FUNCTIONS = {
    "ledger": [(ledger, name) for name in ("add", "add_of_run", "entries", "ended", "begin", "fence")],
    "proofs before the commit": [(ledger, "require_newest"), (layers, "build_number")],
    "damaged files": [(run_command, "repaired"), (run_command, "restored_verdicts")],
}


class Meter:
    """CPU seconds by guard; what one guard calls of another counts as its own."""

    def __init__(self) -> None:
        self.cpu_s: Counter[str] = Counter()
        self._inside = False

    def metered(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that does the same and adds its CPU."""

        def measured(*args: Any, **options: Any) -> Any:
            if self._inside:
                return work(*args, **options)
            self._inside, began = True, time.process_time()
            try:
                return work(*args, **options)
            finally:
                self._inside = False
                self.cpu_s[name] += time.process_time() - began

        return measured

    def entered(self, name: str, work: Callable[..., AbstractContextManager[Any]]) -> Callable[..., Any]:
        """Return a context manager that does the same and adds the CPU of its beginning and end."""

        @contextmanager
        def measured(*args: Any, **options: Any) -> Iterator[Any]:
            with ExitStack() as stack:
                value = self.metered(name, lambda: stack.enter_context(work(*args, **options)))()
                yield self.metered("proofs before the commit", value) if callable(value) else value
                self.metered(name, stack.close)()

        return measured


def measure(database: nights.Place, soak: nights.Soak) -> tuple[float, Counter[str]]:
    """Run two nights; return the CPU seconds of the second, and those of its guards."""
    meter = Meter()
    with connect(database.url) as engine:
        layers.prepare(engine)
        soak.arrivals.hand_over(engine, None, soak.first)
    execute(nights.config(database, soak, soak.first), lambda _: None)
    with connect(database.url) as engine:
        soak.arrivals.hand_over(engine, soak.first, soak.first + arrivals.DAY)
    for name, functions in FUNCTIONS.items():
        for module, function in functions:
            setattr(module, function, meter.metered(name, getattr(module, function)))
    lock.held = meter.entered("lock", lock.held)
    Postgres.lease = meter.entered("lease", Postgres.lease)  # type: ignore[method-assign]
    began = time.process_time()
    execute(nights.config(database, soak, soak.first + arrivals.DAY), lambda _: None)
    return time.process_time() - began, meter.cpu_s


def main() -> None:
    """Print the table of one engine."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.guards", description=str(__doc__).splitlines()[0])
    parser.add_argument("--orders", type=int, default=12_000)
    parser.add_argument("--engine", choices=("duckdb", "postgres"), default="duckdb")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="payrec-guards-") as scratch, ExitStack() as stack:
        folder = Path(scratch)
        simulated = arrivals.simulated(options.orders, 400, END, folder / "files")
        first = datetime(END.year, END.month, END.day) - 10 * arrivals.DAY
        nights.train(simulated, first, folder / "models")
        soak = nights.Soak(simulated, folder / "models", first, 2, 30)
        database = nights.Place(f"duckdb:///{folder / 'payrec.duckdb'}", folder)
        if options.engine == "postgres":
            database = stack.enter_context(nights.on_postgres(folder))
        whole, guards = measure(database, soak)
    print(f"| {options.engine}, {options.orders:,} orders | CPU s | share |\n|---|--:|--:|")
    for name, cpu_s in sorted(guards.items()):
        print(f"| {name} | {cpu_s:.3f} | {cpu_s / whole:.1%} |")
    print(f"| all guards | {guards.total():.3f} | {guards.total() / whole:.1%} |\n| the run | {whole:.2f} | |")


if __name__ == "__main__":
    main()

"""payrec simulate: a portfolio whose future is known."""

from __future__ import annotations

from pathlib import Path

from payrec.common.progress import Progress, silent
from payrec.simulate.simulator import Portfolio, portfolio, write


def simulate(
    orders: int = 50_000, seed: int = 1, out: Path | str | None = None, progress: Progress = silent
) -> Portfolio:
    """Simulate a portfolio with its true probabilities; ``out`` also writes it as files, to be loaded like an export.

    >>> simulated = payrec.simulate(orders=300, seed=1)
    >>> simulated.transactions.num_rows, "p_recover_30d" in simulated.truth.column_names
    (300, True)
    """
    progress(f"simulating {orders:,} orders")
    simulated = portfolio(orders, seed)
    if out is not None:
        write(simulated, Path(out))
    return simulated

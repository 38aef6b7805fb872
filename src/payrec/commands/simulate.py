"""payrec simulate: a portfolio whose future is known."""

from __future__ import annotations

from pathlib import Path

from payrec.common.errors import UsageError
from payrec.common.progress import Progress, silent
from payrec.simulate import source_files
from payrec.simulate.complications import PLAIN, Complications
from payrec.simulate.customer_behaviour import USUAL, Behaviour
from payrec.simulate.exports import Portfolio
from payrec.simulate.simulator import portfolio, write


def simulate(
    orders: int = 50_000,
    seed: int = 1,
    out: Path | str | None = None,
    progress: Progress = silent,
    options: Complications = PLAIN,
    as_source: str | None = None,
    behaviour: Behaviour = USUAL,
) -> Portfolio:
    """Simulate a portfolio with its true probabilities; ``out`` also writes it as files, to be loaded like an export.

    ``options`` adds what real data also contain, and gaps in the export:
    :func:`payrec.simulate.complications.complications` makes them from names. ``behaviour`` says whom a contact
    changes, whether weeks share shocks, and how many customers are held out at random.

    ``as_source`` also writes the files that a source would export (:mod:`payrec.simulate.source_files`), into a folder
    of its name; a UsageError if it is none.

    >>> simulated = payrec.simulate(orders=300, seed=1)
    >>> simulated.transactions.num_rows, "p_recover_30d" in simulated.truth.column_names
    (300, True)
    >>> from payrec.simulate.complications import complications
    >>> messy = payrec.simulate(orders=300, seed=1, options=complications(["voids", "due_dates"]))
    >>> "void" in messy.transactions["status"].to_pylist()
    True
    """
    if as_source is not None and (out is None or as_source not in source_files.forms()):
        raise UsageError(
            f"found the source {as_source!r}{'' if out else ' without a folder'}, expected a folder and one of "
            f"{', '.join(source_files.forms())}"
        )
    progress(f"simulating {orders:,} orders")
    simulated = portfolio(orders, seed, options=options, behaviour=behaviour)
    if out is not None:
        write(simulated, Path(out))
        if as_source is not None:
            source_files.write(simulated.transactions, simulated.events, as_source, Path(out) / as_source)
    return simulated

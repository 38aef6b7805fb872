"""payrec worklist: the published list, or its first rows, as a file."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from payrec.commands.list_summary import chosen
from payrec.commands.published import Location, current, store_of
from payrec.commands.scoring import Worklist
from payrec.data import freshness
from payrec.publish import export


def worklist(
    published: Location = "out/published",
    capacity: int | None = None,
    out: Path | str | None = None,
    payments_until: datetime | None = None,
) -> Worklist:
    """Return the published list: the rows to act on, or the first ``capacity`` that are worth a contact.

    Parameters
    ----------
    published
        Folder of the published lists, the PostgreSQL engine that holds them, or their open store.
    out
        Also write it: ``.csv``, ``.xlsx`` or ``.parquet``.
    payments_until
        Time until which all payments are known (UTC, without zone).

    Raises
    ------
    UsageError
        Nothing has been published.
    DataRefused
        The payments of the list are older than its orders by more than three usual gaps, and ``payments_until`` does
        not reach its time.

    >>> payrec.worklist(published, capacity=5).ranked["rank"].to_pylist()
    [1, 2, 3, 4, 5]
    """
    store = store_of(published)
    run = current(store).run
    freshness.require_fresh_payments(run.summary.feeds, run.as_of, payments_until)
    rows = store.scores(run.run_id)
    pays = pc.and_(pc.is_valid(rows["rank"]), pc.greater_equal(rows["net_value"], pa.scalar(Decimal(0))))
    kept = chosen(rows) if capacity is None else rows.filter(pays).slice(0, capacity)
    if out is not None:
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        export.write(kept, Path(out), run.stamp)
    return Worklist(kept, run, rows["p_recover_30d"].null_count)

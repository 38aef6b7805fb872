"""Facts of the export's day: the time from which they count, and what a complete file of open items leaves out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from payrec.common.errors import DataRefused
from payrec.common.text import sql_literal
from payrec.data.engines import Engine
from payrec.data.load.layout import LoadPlan
from payrec.data.load.origins import Absent

OF_THE_DAY = ("status", "outstanding", "result_status", "chargeback_flag", "reason_code")
ENDED = ("paid", "refunded", "void", "draft", "written_off")
NEWEST_FACT = """
    SELECT MAX(known_at) AS known_at FROM (
        SELECT CAST(MAX(invoice_date) AS TIMESTAMP) + INTERVAL '1' DAY AS known_at FROM raw_transactions
        UNION ALL SELECT CAST(MAX(payment_date) AS TIMESTAMP) + INTERVAL '1' DAY FROM raw_transactions
        UNION ALL SELECT MAX(COALESCE(recorded_ts, event_ts)) FROM raw_events
    ) AS facts
"""


def fill(db: duckdb.DuckDBPyConnection, plan: LoadPlan, stated_at: datetime | None) -> tuple[str, ...]:
    """Fill ``stated_at`` of the typed rows that have none, and say from when the facts of the export's day count.

    ``stated_at`` (UTC, without zone) comes from the caller; else the end of the data that the map declares counts. With
    neither, such facts count from the newest known fact on, which moves with the data.
    """
    of_the_day = [
        planned.column.name
        for planned in plan.columns
        if planned.column.name in OF_THE_DAY and not isinstance(planned.origin, Absent)
    ]
    if plan.kind != "transactions":
        return ()
    time, source = stated_at, "as asked"
    if time is None and of_the_day:
        time, source = plan.mapping.observed_until, f"the end of the data by {plan.mapping.name}"
    if time is not None:
        moment = f"TIMESTAMP {sql_literal(time.isoformat(sep=' '))}"
        db.execute(f"UPDATE typed SET stated_at = {moment} WHERE ok AND stated_at IS NULL")
    if not of_the_day:
        return ()
    missing = db.execute("SELECT COUNT(*) FROM typed WHERE ok AND stated_at IS NULL").fetchall()[0][0]
    if time is None and missing:
        return (
            f"{', '.join(of_the_day)} count from the end of the data on: say when they were true with --stated-at TIME",
        )
    since = f"{time:%Y-%m-%d %H:%M} UTC on, {source}" if time else "stated_at of each row on"
    return (f"{', '.join(of_the_day)} count from {since}",)


def require_whole(rejected: int, file: str) -> None:
    """Raise DataRefused if rows of a complete file were rejected: their orders would count as gone from it."""
    if rejected:
        raise DataRefused(
            f"{file}: {rejected:,} rows cannot be read, expected none in a file that is declared complete\n"
            "their orders would count as settled; mend the rows, or load the file without --complete"
        )


def close_missing(engine: Engine, file: pa.Table, stated_at: datetime | None) -> str:
    """Settle orders without a payment that are not in a complete file: 0.00 outstanding, at its time; say how many.

    Parameters
    ----------
    file
        ``order_id, provider, stated_at`` of the file's rows. Orders of other providers are not touched: a file of one
        provider says nothing of the others'.
    stated_at
        The time of the file; None: the newest in it, else that of the newest fact known.
    """
    time = stated_at or pc.max(file["stated_at"]).as_py() or engine.read(NEWEST_FACT)["known_at"][0].as_py()
    candidates = engine.read("SELECT * FROM raw_transactions WHERE payment_date IS NULL")
    column: dict[str, Any] = {name: candidates[name] for name in candidates.column_names}
    in_file: Any = file["order_id"].combine_chunks()
    providers: Any = file["provider"].unique()
    gone: Any = pc.invert(pc.is_in(column["order_id"], value_set=in_file))
    covered: Any = pc.is_in(column["provider"], value_set=providers)
    ended: Any = pc.is_in(pc.fill_null(pc.utf8_lower(column["status"]), ""), value_set=pa.array(ENDED))
    settled_before: Any = pc.fill_null(pc.less_equal(column["outstanding"], pa.scalar(0)), False)
    newer: Any = pc.fill_null(pc.greater(column["stated_at"], pa.scalar(time, pa.timestamp("us"))), False)
    kept: Any = pc.or_(pc.or_(ended, settled_before), newer)
    is_closed: Any = pc.and_(pc.and_(gone, covered), pc.invert(kept))
    closed = candidates.filter(is_closed)
    for name, value in (("outstanding", 0), ("stated_at", time)):
        settled: Any = pa.array([value] * closed.num_rows, closed.schema.field(name).type)
        closed = closed.set_column(closed.schema.get_field_index(name), name, settled)
    if closed.num_rows:
        engine.write("raw_transactions", closed, key=("order_id",))
    count = f"{closed.num_rows:,} orders without a payment are not in this complete file"
    return f"{count}: settled at an unknown time before {time:%Y-%m-%d %H:%M} UTC"

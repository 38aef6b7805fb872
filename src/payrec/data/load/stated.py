"""Facts of the export's day: the time from which they count, and what a complete file of open items leaves out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from payrec.common.errors import DataRefused
from payrec.common.text import counted, sql_literal, sql_literals
from payrec.data.engines import Engine
from payrec.data.load.layout import LoadPlan
from payrec.data.load.origins import Absent
from payrec.data.load.staging import as_table
from payrec.data.load.targets import ENDED

Accounts = list[tuple[str, str]]
OF_THE_DAY = ("status", "outstanding", "result_status", "chargeback_flag", "reason_code")
IS_OPEN = (
    f"payment_date IS NULL AND COALESCE(LOWER(status), '') NOT IN ({sql_literals(ENDED)}) "
    "AND COALESCE(outstanding, 1) > 0"
)
NEWEST_FACT = """
    SELECT MAX(known_at) AS known_at FROM (
        SELECT CAST(MAX(invoice_date) AS TIMESTAMP) + INTERVAL '1' DAY AS known_at FROM raw_transactions
        UNION ALL SELECT CAST(MAX(payment_date) AS TIMESTAMP) + INTERVAL '1' DAY FROM raw_transactions
        UNION ALL SELECT MAX(COALESCE(recorded_ts, event_ts)) FROM raw_events
        UNION ALL SELECT MAX(stated_at) FROM raw_transactions
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
        as_table(db, "typed")
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
            f"{file}: {counted(rejected, 'row', 'rows')} cannot be read, expected none in a file declared complete\n"
            "their orders would count as settled; correct the rows, or load the file without --complete"
        )


def require_newest(engine: Engine, rows: pa.Table, accounts: Accounts, stated_at: datetime | None, file: str) -> None:
    """Raise DataRefused if a complete file is older than what is loaded of its account: it would open paid orders."""
    time = stated_at or pc.max(rows["stated_at"]).as_py()
    newest = _one(engine, f"SELECT MAX(stated_at) AS at FROM raw_transactions WHERE {_is_of(accounts)}")
    if time is not None and newest is not None and newest > time:
        raise DataRefused(
            f"{file} is of {time:%Y-%m-%d %H:%M} UTC, and orders as of {newest:%Y-%m-%d %H:%M} are loaded\n"
            "orders that were settled since would be open again; load complete files in the order of their days"
        )


def close_missing(engine: Engine, rows: pa.Table, accounts: Accounts, stated_at: datetime | None) -> str:
    """Settle orders without a payment date that are not in a complete file: 0.00 outstanding, at its time; count them.

    Parameters
    ----------
    rows
        ``order_id, stated_at`` of the file's rows.
    accounts
        Of its rows. Orders of other providers, and of other sources or accounts of one provider, are not touched: the
        file says nothing of them.
    stated_at
        The time of the file; None: the newest in it, else that of the newest fact known.
    """
    time = stated_at or pc.max(rows["stated_at"]).as_py() or _one(engine, NEWEST_FACT)
    candidates = engine.read(f"SELECT * FROM raw_transactions WHERE {IS_OPEN} AND {_is_of(accounts)}")
    gone: Any = pc.invert(pc.is_in(candidates["order_id"], value_set=rows["order_id"].combine_chunks()))
    closed = candidates.filter(gone)
    for name, value in (("outstanding", 0), ("stated_at", time)):
        settled: Any = pa.array([value] * closed.num_rows, closed.schema.field(name).type)
        closed = closed.set_column(closed.schema.get_field_index(name), name, settled)
    if closed.num_rows:
        engine.write("raw_transactions", closed, key=("order_id",))
    orders = counted(closed.num_rows, "order without a payment date is not", "orders without a payment date are not")
    count = f"{orders} in this complete file"
    return f"{count}: settled at an unknown time before {time:%Y-%m-%d %H:%M} UTC"


def open_orders(engine: Engine, accounts: Accounts) -> int:
    """Count the orders of these accounts that have no payment date and are not called settled."""
    if not accounts:
        return 0
    return int(_one(engine, f"SELECT COUNT(*) AS n FROM raw_transactions WHERE {IS_OPEN} AND {_is_of(accounts)}"))


def missing(before: int, loaded: int, after: int) -> tuple[str, ...]:
    """Say how many open orders are not in a list of open items that shares orders with what was loaded before it."""
    if after <= loaded or before + loaded == after:
        return ()
    gone = counted(
        after - loaded,
        "open order that was loaded before is not in this file: it stays open",
        "open orders that were loaded before are not in this file: they stay open",
    )
    return (f"{gone}; if it holds all that is open, load it with --complete",)


def _is_of(accounts: Accounts) -> str:
    each = [
        f"(COALESCE(provider, '') = {sql_literal(provider)} AND COALESCE(source_account, '') = {sql_literal(account)})"
        for provider, account in accounts
    ]
    return f"({' OR '.join(each)})"


def _one(engine: Engine, select: str) -> Any:
    return engine.read(select).column(0)[0].as_py()

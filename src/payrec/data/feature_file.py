"""An exported feature view, read back: a CSV with the columns of ``v_feature_view``, or those of the original project.

Its rows were made elsewhere; what is missing counts as unknown. One row an order, or it is refused.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from payrec.common.errors import DataRefused, UsageError
from payrec.common.text import error_text, terminal_text
from payrec.data.load.file_bytes import Limits, opened

_TEXT = (
    "order_id", "customer_id", "currency", "amount_bucket", "provider", "payment_method", "country", "device",
    "transaction_type", "reason_code", "last_event_type",
)  # fmt: skip
_WHOLE = (
    "is_landmark", "age_days", "horizon_days", "amount_minor", "outstanding_minor", "amount_reporting_minor",
    "outstanding_reporting_minor", "days_since_last_event", "attempts", "contacts", "days_to_due", "paid_minor",
    "is_disputed", "has_chargeback", "is_written_off", "is_opted_out", "is_not_due", "is_covered_by_cash",
    "cust_tenure_days", "cust_orders", "cust_failures", "cust_open",
    "cust_recovered", "cust_decided", "cust_recovered_in_time", "cust_decided_weight", "cust_in_time_weight",
    "cust_weight_today", "cust_days_to_pay_sum", "cust_days_to_pay_last",
    "cust_days_to_pay_last3_sum", "cust_days_to_pay_min", "cust_days_to_pay_max", "cust_days_since_payment",
    "cust_open_minor", "cust_orders_90d", "cust_failures_90d", "provider_decided_90d", "provider_recovered_90d",
    "reason_decided_90d", "reason_recovered_90d", "country_decided_90d", "country_recovered_90d", "label_recovered_30d",
)  # fmt: skip
_FIELDS: list[pa.Field[Any]] = [
    *(pa.field(name, pa.string()) for name in _TEXT),
    *(pa.field(name, pa.int64()) for name in _WHOLE),
    pa.field("as_of", pa.timestamp("us")),
    pa.field("promised_until", pa.timestamp("us")),
    pa.field("pending_since", pa.timestamp("us")),
    pa.field("snoozed_until", pa.timestamp("us")),
    pa.field("amount", pa.decimal128(18, 2)),
]
SCHEMA = pa.schema(_FIELDS)
# the original project's names for what was known at the time; its final values (retries, result_status) stay out
ALIASES = {
    "days_since_invoice": "age_days",
    "prev_total_cnt": "cust_decided",
    "prev_success_cnt": "cust_recovered_in_time",
}
EPOCH, ONE_DAY = datetime(1970, 1, 1), timedelta(days=1)
REQUIRED = ("order_id", "customer_id", "amount", "currency", "age_days")


def is_feature_view(names: list[str]) -> bool:
    """Whether a file with these columns is an exported feature view, ours or the original's."""
    known = {ALIASES.get(name.strip().lower(), name.strip().lower()) for name in names}
    return known >= set(REQUIRED)


def read(path: Path, as_of: datetime | None) -> pa.Table:
    """Return the rows of an exported feature view that can be scored, typed; one row an order, of one ``as_of``.

    Parameters
    ----------
    path
        CSV (also gzipped) or Parquet.
    as_of
        When the rows were true (UTC, naive); needed if the file does not say.

    Raises
    ------
    UsageError
        The file cannot be opened, or does not say when its rows were true.
    DataRefused
        Columns are missing, values cannot be read, orders stand twice, or rows were true at several times.
    """
    rows = _named(_raw(path), path)
    columns: dict[str, Any] = {f.name: _typed(rows[f.name], f, path) for f in SCHEMA if f.name in rows.column_names}
    n = rows.num_rows
    open_rows = _is_owed(rows)
    if "as_of" not in columns or columns["as_of"].null_count == n:
        as_of = _stated_time(rows.filter(open_rows), columns["age_days"].filter(open_rows), as_of, path)
        if as_of is None:
            msg = f"{path.name} does not say when its rows were true, expected a column as_of\nsay it with --as-of TIME"
            raise UsageError(msg)
        columns["as_of"] = pa.array([as_of] * n, pa.timestamp("us"))
    minor = pc.cast(pc.multiply(columns["amount"], pa.scalar(100)), pa.int64())
    columns.setdefault("amount_minor", minor)
    columns.setdefault("outstanding_minor", minor)
    return _one_row_an_order(pa.table(columns).filter(open_rows), path)


def _raw(path: Path) -> pa.Table:
    try:
        with opened(path, Limits()) as file:
            if file.form == "parquet":
                rows = parquet.read_table(file.stream)
                return rows.rename_columns(list(rows.column_names))  # which says whether the names are text
            names = csv.open_csv(file.stream).schema.names
        options = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True)
        with opened(path, Limits()) as file:
            return csv.read_csv(file.stream, convert_options=options)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        msg = f"{path.name} is not a CSV or Parquet file of a feature view: {error_text(error)}"
        raise DataRefused(msg) from error


def _named(rows: pa.Table, path: Path) -> pa.Table:
    names = [ALIASES.get(name.strip().lower(), name.strip().lower()) for name in rows.column_names]
    twice = sorted({name for name in names if names.count(name) > 1})
    missing = [name for name in REQUIRED if name not in names]
    if twice or missing:
        what = (
            f"has {', '.join(map(terminal_text, twice[:10]))} more than once"
            if twice
            else f"lacks {', '.join(missing)}"
        )
        msg = f"{path.name} {what}, expected the columns of the feature view, each once: {', '.join(REQUIRED)}, …"
        raise DataRefused(msg)
    return rows.rename_columns(names)


def _typed(cells: pa.ChunkedArray[Any], field: pa.Field[Any], path: Path) -> Any:  # an Array of the field's type
    column: Any = cells.combine_chunks()
    try:
        if pa.types.is_string(column.type):
            column = pc.replace_with_mask(column, _is_blank(column), pa.scalar(None, pa.string()))
            if pa.types.is_integer(field.type):
                return column.cast(pa.float64()).cast(field.type)  # "3.0", as pandas writes a whole number
            if pa.types.is_decimal(field.type):
                return column.cast(pa.decimal128(38, 10)).cast(field.type)
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        msg = f"{path.name}: column {field.name} has a value that is no {field.type}: {error_text(error)}"
        raise DataRefused(msg) from error


def _is_owed(rows: pa.Table) -> Any:  # an array of booleans
    """Mark what was neither paid nor written off (a column of payrec 0.1), where the file says so."""
    owed = pa.array([True] * rows.num_rows)
    if "payment_date" in rows.column_names:
        owed = _is_blank(rows["payment_date"].cast(pa.string()))
    if "is_written_off" in rows.column_names:
        flags = pc.utf8_trim_whitespace(rows["is_written_off"].cast(pa.string()))
        kept = pc.or_(_is_blank(flags), pc.is_in(flags, pa.array(["0", "0.0", "false", "False"])))
        owed = pc.and_(owed, kept)
    return owed


def _stated_time(rows: pa.Table, age_days: Any, as_of: datetime | None, path: Path) -> datetime | None:
    """Return the day at which the ages of open rows were true: invoice date plus age; ``as_of`` where nothing says so.

    The original project's file holds the age that each order had when its own row was made: rows of many days are no
    list of one day, and an age of 5 on an invoice of last year would promise money of a window that has closed.
    """
    if "invoice_date" not in rows.column_names or not rows.num_rows:
        return as_of
    try:
        days = rows["invoice_date"].cast(pa.timestamp("us")).cast(pa.date32()).cast(pa.int32())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        msg = f"{path.name}: column invoice_date has a value that is no date: {error_text(error)}"
        raise DataRefused(msg) from error
    true_on = pc.add(days.cast(pa.int64()), age_days).drop_null()
    if not len(true_on):
        return as_of
    first, last = (EPOCH + timedelta(days=day + 1) for day in (pc.min(true_on).as_py(), pc.max(true_on).as_py()))
    if last - first > ONE_DAY:
        count = len(pc.unique(true_on))
        msg = (
            f"{path.name} has rows of {count:,} days: invoice date plus age gives {first:%Y-%m-%d} to {last:%Y-%m-%d}\n"
            "expected the open orders of one day, each with its age on that day\n"
            "load it as orders, and each gets the age it has: payrec load transactions FILE"
        )
        raise DataRefused(msg)
    if as_of is not None and abs(as_of - last) > ONE_DAY:
        msg = (
            f"{path.name} holds ages of {last:%Y-%m-%d} by its invoice dates, --as-of says {as_of:%Y-%m-%d}\n"
            "expected the same day; leave --as-of out, or export the file again"
        )
        raise DataRefused(msg)
    return as_of or last


def _is_blank(column: Any) -> Any:  # a column of text -> a column of booleans, true for NULL too
    return pc.fill_null(pc.equal(pc.utf8_trim_whitespace(column), pa.scalar("")), True)


def _one_row_an_order(rows: pa.Table, path: Path) -> pa.Table:
    times = rows["as_of"].unique().to_pylist()
    if len(times) > 1:
        msg = f"{path.name} has rows of {len(times)} times, expected the open orders of one as_of\nexport one as_of"
        raise DataRefused(msg)
    counts = rows.group_by("order_id").aggregate([([], "count_all")])
    twice = counts.filter(pc.field("count_all") > 1)["order_id"].drop_null().to_pylist()
    if twice or rows["order_id"].null_count:
        blank = f"{rows['order_id'].null_count:,} rows without order_id" if rows["order_id"].null_count else ""
        doubled = (
            f"{len(twice):,} orders in more than one row, for example {terminal_text(str(twice[0]))}" if twice else ""
        )
        msg = f"{path.name} has {' and '.join(filter(None, (blank, doubled)))}, expected one row an order"
        raise DataRefused(msg)
    return rows

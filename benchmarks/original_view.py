"""The feature view as most projects have it: one SQL view over the table of orders, here on DuckDB.

It makes far less than payrec's view, and peeks. One row per order, at the end of its first day, whatever became of it:
the order's own columns, how many orders its customer had made before and how many of these were paid, and whether it
was paid within 30 days. No events, so nothing of the order's state on day 3, 7 or 14; no context, no money of the
customer's. What it peeks at: an earlier order counts as paid even if it was paid after this one was made; the retries
and the reason are the last ones, not those of the day; and of two orders of one day either may come first. An order
too young to have been paid within 30 days is labelled as not paid.
"""

from __future__ import annotations

from typing import Any

import duckdb

from benchmarks import inputs
from benchmarks.measure import timed

VIEW = """
CREATE VIEW feature_view AS
SELECT
    order_id, customer_id, provider, payment_method, currency, amount, country, device, transaction_type,
    reason_code, retries, invoice_date,
    EXTRACT(ISODOW FROM invoice_date) AS weekday,
    EXTRACT(DAY FROM invoice_date) AS day_of_month,
    COUNT(*) OVER earlier AS customer_orders_before,
    COUNT(payment_date) OVER earlier AS customer_orders_paid_before,
    COALESCE(payment_date <= invoice_date + INTERVAL '30' DAY, FALSE)::INTEGER AS recovered_in_30_days
FROM read_parquet('{path}')
WINDOW earlier AS (
    PARTITION BY customer_id ORDER BY invoice_date ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
)
"""


def measured(orders: int) -> dict[str, Any]:
    """Read the whole view into memory, as Arrow."""
    portfolio = inputs.Portfolio(orders, inputs.ALL_FAILED)
    with timed() as cost, duckdb.connect() as connection:
        connection.execute(VIEW.format(path=portfolio.folder / "transactions.parquet"))
        rows = connection.sql("SELECT * FROM feature_view").to_arrow_table()
    cost.figures["columns"] = rows.num_columns
    return {"rows": rows.num_rows, **vars(cost)}

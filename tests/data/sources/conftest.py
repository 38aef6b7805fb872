"""A simulated portfolio with what sources differ in: yen and dinar, guests, partial refunds, disputes, void orders."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

import payrec
from payrec.simulate.complications import complications

ORDERS = """
SELECT * REPLACE (
    REPLACE(currency, 'PLN', 'KWD') AS currency,
    customer_id || CASE WHEN CAST(customer_id[2:] AS BIGINT) % 7 = 0 THEN '@example.com' ELSE '' END AS customer_id,
    CASE WHEN currency = 'JPY' THEN ROUND(outstanding) ELSE outstanding END::DECIMAL(18, 2) AS outstanding
)
FROM drawn_orders
"""
EVENTS = """
SELECT e.* REPLACE (
    REPLACE(e.currency, 'PLN', 'KWD') AS currency,
    CASE WHEN COALESCE(e.currency, o.currency) = 'JPY' THEN ROUND(e.amount) ELSE e.amount END::DECIMAL(18, 2) AS amount
)
FROM drawn_events AS e
JOIN drawn_orders AS o ON o.order_id = e.order_id
"""


@pytest.fixture(scope="module")
def portfolio() -> tuple[pa.Table, pa.Table]:
    """Orders and events: orders in zloty are in dinar, yen are whole, every seventh customer is a guest."""
    drawn = payrec.simulate(400, 3, options=complications(["everything"]))
    with duckdb.connect() as db:
        db.register("drawn_orders", drawn.transactions)
        db.register("drawn_events", drawn.events)
        return db.sql(ORDERS).to_arrow_table(), db.sql(EVENTS).to_arrow_table()

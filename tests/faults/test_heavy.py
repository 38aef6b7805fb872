"""One customer with very many orders: quadratic work would neither fit nor end."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa

from payrec.data import layers, promises
from payrec.data.engines import connect

ORDERS = 60_000


def test_fault_33_a_customer_with_very_many_orders_fits_into_little_memory(tmp_path: Path) -> None:
    first = date(2024, 1, 1)
    days = [first + timedelta(days=at % 700) for at in range(ORDERS)]
    rows = pa.table(
        {
            "order_id": [f"o{at:06}" for at in range(ORDERS)],
            "customer_id": ["the same"] * ORDERS,
            "currency": ["EUR"] * ORDERS,
            "amount": pa.array([100.0] * ORDERS).cast(pa.decimal128(18, 2)),
            "invoice_date": days,
            "payment_date": [day + timedelta(days=at % 45) if at % 3 else None for at, day in enumerate(days)],
        }
    )
    with connect(f"duckdb:///{tmp_path / 'heavy.duckdb'}?memory_limit=400MB&threads=1") as engine:
        layers.prepare(engine)
        engine.write("raw_transactions", rows, key=())
        layers.build(engine, layers.Parameters((), (0, 7), 30))
        assert layers.count(engine, layers.VIEW) > ORDERS
        assert not [check for check in promises.check(engine) if check.offending_rows]

"""Open orders made by hand, for the tests of the list, of publishing and of monitoring."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import settings

settings.register_profile("payrec", deadline=None)  # a busy machine is no failure
settings.load_profile("payrec")

AS_OF = datetime.fromisoformat("2026-01-31")

COLUMNS: dict[str, tuple[pa.DataType, Any]] = {
    "order_id": (pa.string(), None),
    "as_of": (pa.timestamp("us"), AS_OF),
    "customer_id": (pa.string(), "c1"),
    "amount": (pa.decimal128(18, 2), None),
    "currency": (pa.string(), "EUR"),
    "outstanding_minor": (pa.int64(), 10_000),
    "outstanding_reporting_minor": (pa.int64(), None),
    "horizon_days": (pa.int32(), 30),
    "age_days": (pa.int32(), 5),
    "provider": (pa.string(), None),
    "payment_method": (pa.string(), None),
    "country": (pa.string(), None),
    "reason_code": (pa.string(), None),
    "is_disputed": (pa.int16(), 0),
    "has_chargeback": (pa.int16(), 0),
    "is_opted_out": (pa.int16(), 0),
    "is_covered_by_cash": (pa.int16(), 0),
    "promised_until": (pa.timestamp("us"), None),
    "p_recover_30d": (pa.float64(), 0.5),
}


def table_of(*orders: dict[str, Any]) -> pa.Table:
    rows = []
    for number, order in enumerate(orders):
        row = {name: value for name, (_, value) in COLUMNS.items()} | {"order_id": f"o{number}"} | order
        if row["amount"] is None:
            row["amount"] = pa.scalar(row["outstanding_minor"], pa.int64()).as_py() / 100
        rows.append(row)
    made = {
        name: pa.array([float(row[name]) for row in rows]).cast(kind)
        if name == "amount"
        else pa.array([row[name] for row in rows], kind)
        for name, (kind, _) in COLUMNS.items()
    }
    return pa.table(made)


@pytest.fixture(scope="session")
def open_orders() -> Callable[..., pa.Table]:
    """Make feature rows: one dict of what differs from an undisputed order of 100 EUR with p = 0.5."""
    return table_of

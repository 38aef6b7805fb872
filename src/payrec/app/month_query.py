"""Billing months of a published list, by SQL over their Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from payrec.app.list_query import query


def month_currencies(file: Path) -> list[str]:
    """Return the currencies of the months, the one of most failed payments first."""
    sql = "SELECT currency FROM read_parquet($file) GROUP BY currency ORDER BY SUM(failed_orders) DESC, currency"
    return query(sql, {"file": str(file)}).to_pydict()["currency"]


def decided_month(file: Path) -> dict[str, Any] | None:
    """Return ``billing_month, decided_orders, recovered_orders`` of the newest month that is all decided, if any."""
    sql = """
        SELECT billing_month, SUM(decided_orders)::BIGINT AS decided_orders,
            SUM(recovered_orders)::BIGINT AS recovered_orders
        FROM read_parquet($file) GROUP BY billing_month
        HAVING SUM(decided_orders) > 0 AND SUM(decided_orders) = SUM(failed_orders)
        ORDER BY billing_month DESC LIMIT 1"""
    newest = query(sql, {"file": str(file)}).to_pylist()
    return newest[0] if newest else None


def months(file: Path, currency: str | None) -> pa.Table:
    """Return the billing months, summed over the currencies (counts only) or of one currency (counts and money)."""
    passing = "TRUE" if currency is None else "currency = $currency"
    sql = f"""
        SELECT billing_month, SUM(orders)::BIGINT AS orders, SUM(failed_orders)::BIGINT AS failed_orders,
            SUM(failed_minor)::DOUBLE / 100 AS failed, SUM(decided_orders)::BIGINT AS decided_orders,
            SUM(recovered_orders)::BIGINT AS recovered_orders, SUM(decided_minor)::DOUBLE / 100 AS decided,
            SUM(recovered_minor)::DOUBLE / 100 AS recovered
        FROM read_parquet($file) WHERE {passing} GROUP BY billing_month ORDER BY billing_month"""
    return query(sql, {"file": str(file)} | ({} if currency is None else {"currency": currency}))

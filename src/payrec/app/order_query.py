"""One order: its row, its events, its features, and the outcomes of similar past orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from payrec.app import list_query
from payrec.model import explain
from payrec.model.recipes import curve
from payrec.model.recipes.model import Model

ENOUGH = 30
"""Orders that are enough for a share; with fewer, the next looser likeness is tried."""
LIKENESS = (
    (("currency", "provider", "reason_code"), "the same currency, provider and reason"),
    (("currency", "reason_code"), "the same currency and reason"),
    (("currency",), "the same currency"),
    ((), "any kind"),
)


@dataclass(frozen=True)
class SimilarOrders:
    """Past orders that were still open at the same age: what they share, how many, how many recovered, the nearest."""

    words: str
    orders: int
    recovered: int
    rows: pa.Table


def row(file: Path, order_id: str) -> dict[str, Any] | None:
    """Return an order's row of the list, None if it is not on it."""
    sql = "SELECT * FROM read_parquet($file) WHERE order_id = $order_id"
    rows = list_query.query(sql, {"file": str(file), "order_id": order_id}).to_pylist()
    return rows[0] if rows else None


def first_orders(file: Path, most: int = 5) -> list[str]:
    """Return the ids of the first orders of a list."""
    sql = f"SELECT order_id FROM read_parquet($file) WHERE rank <= {int(most)} ORDER BY rank"
    return list_query.query(sql, {"file": str(file)}).to_pydict()["order_id"]


def events(file: Path, *order_ids: str) -> pa.Table | None:
    """Return what happened to orders so far, in order of time; None where no events are published."""
    if not file.is_file():
        return None
    sql = (
        "SELECT order_id, known_at, event_type, amount::DOUBLE AS amount, channel, last_reason_code, promised_until "
        "FROM read_parquet($file) WHERE order_id IN (SELECT UNNEST($order_ids)) ORDER BY known_at"
    )
    return list_query.query(sql, {"file": str(file), "order_ids": list(order_ids)})


def curve_of(row: Mapping[str, Any]) -> list[tuple[int, float]]:
    """Return (days, probability to recover within them) of an order, as far as the model knows; rising."""
    columns = {**dict(zip(curve.DAYS, curve.COLUMNS, strict=True)), row["horizon_days"]: "p_recover_30d"}
    return [(days, float(row[name])) for days, name in sorted(columns.items()) if row.get(name) is not None]


def waterfall(file: Path, order_id: str, model: Model) -> explain.Waterfall | None:
    """Return the parts of an order's chance; None where its features are not published or it is too old."""
    if not file.is_file():
        return None
    features = list_query.query(
        "SELECT * FROM read_parquet($file) WHERE order_id = $order_id", {"file": str(file), "order_id": order_id}
    )
    if features.num_rows == 0 or not model.covers(features["age_days"].to_numpy())[0]:
        return None
    return explain.waterfall(model, features)


def similar_orders(file: Path, of: dict[str, Any]) -> SimilarOrders | None:
    """Return past orders like this one that were still open at its age and whose outcome is known.

    The strictest likeness with at least 30 orders counts; its rows are the 20 nearest in amount.
    """
    if not file.is_file():
        return None
    for names, words in LIKENESS:
        similar = _alike(file, of, names)
        if similar.orders >= ENOUGH or not names:
            return SimilarOrders(words, similar.orders, similar.recovered, similar.rows)
    return None


def _alike(file: Path, of: dict[str, Any], names: tuple[str, ...]) -> SimilarOrders:
    same = "".join(f" AND {name} IS NOT DISTINCT FROM ${name}" for name in names)
    age, horizon = int(of["age_days"]), int(of["horizon_days"])
    inside = f"""
        FROM (
            SELECT *, known_at + {age} * INTERVAL '1' DAY AS observed_at,
                known_at + {age + horizon} * INTERVAL '1' DAY AS decided_at
            FROM read_parquet($file)
        )
        WHERE (recovered_at IS NULL OR recovered_at > observed_at) AND decided_at <= $as_of
            AND order_id <> $order_id{same}"""
    values = {name: of[name] for name in names}
    values |= {"file": str(file), "as_of": of["as_of"], "order_id": of["order_id"]}
    ended = "recovered_at IS NOT NULL AND recovered_at <= decided_at"
    count = list_query.query(f"SELECT COUNT(*) AS n, COUNT(*) FILTER (WHERE {ended}) AS paid {inside}", values)
    rows = f"""
        SELECT order_id, currency, amount_minor / 100.0 AS amount, country, provider, reason_code, known_at,
            CASE WHEN {ended} THEN 'recovered after ' || date_diff('day', known_at, recovered_at) || ' days'
                ELSE 'not recovered in time' END AS ending {inside}
        ORDER BY ABS(amount_minor / 100.0 - $amount), known_at DESC LIMIT 20"""
    summary = count.to_pylist()[0]
    return SimilarOrders(
        "", summary["n"], summary["paid"], list_query.query(rows, values | {"amount": float(of["amount"])})
    )

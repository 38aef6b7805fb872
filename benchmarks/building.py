"""The feature view of orders × 4 landmarks: payrec's SQL on DuckDB, and plain vectorised pandas beside it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import inputs
from benchmarks.measure import cpu_s, timed
from payrec.data import warehouse
from payrec.data.engines import connect

DAY = pd.Timedelta(days=1)
HORIZON = 30 * DAY
RECENT = 90 * DAY


def prepared(orders: int) -> None:
    """Simulate with every first charge failed, so that all orders are at risk, and load."""
    inputs.loaded(inputs.Portfolio(orders, inputs.ALL_FAILED))


def prepared_scoring(orders: int) -> None:
    """Load a portfolio of which nearly half is open when the data end."""
    inputs.loaded(inputs.Portfolio(orders, inputs.MANY_OPEN))


def on_duckdb(orders: int) -> dict[str, Any]:
    """Build every layer, and say where the CPU seconds went."""
    path = inputs.copy_of(inputs.Portfolio(orders, inputs.ALL_FAILED), "build.duckdb")
    marks: list[tuple[str, float]] = []
    with connect(f"duckdb:///{path}") as engine, timed() as cost:
        built = warehouse.build(
            engine, warehouse.Parameters((), inputs.BUILD_AGES), lambda name: marks.append((name, cpu_s()))
        )
        marks.append(("counts, hash of the inputs, commit", cpu_s()))
    path.unlink()
    layers = {name: after - cpu for (name, cpu), (_, after) in itertools.pairwise(marks)}
    cost.figures["layers_cpu_s"] = {name: round(spent, 2) for name, spent in layers.items() if spent >= 0.05}
    return {"rows": built.rows["snapshots"], **vars(cost)}


def scoring_only(orders: int) -> dict[str, Any]:
    """Build for one time to score at, the end of the data: what a night needs."""
    path = inputs.copy_of(inputs.Portfolio(orders, inputs.MANY_OPEN), "build-scoring.duckdb")
    with connect(f"duckdb:///{path}") as engine, timed() as cost:
        built = warehouse.build(engine, warehouse.Parameters(None, ()))
    path.unlink()
    return {"rows": built.rows["snapshots"], **vars(cost)}


def with_pandas(orders: int) -> dict[str, Any]:
    """Work out the order's state, the customer's history and the label in pandas, from the same Parquet files.

    Fewer columns than the feature view (no amounts in other currencies, no context rates, no refunds): a plain
    script, fair to pandas.
    """
    portfolio = inputs.Portfolio(orders, inputs.ALL_FAILED)
    with timed() as cost:
        rows = _pandas_rows(portfolio)
    cost.figures["columns"] = rows.shape[1]
    return {"rows": len(rows), **vars(cost)}


def _pandas_rows(portfolio: inputs.Portfolio) -> pd.DataFrame:
    orders = portfolio.table("transactions").to_pandas()
    events = portfolio.table("events").to_pandas()
    orders["known_at"] = pd.to_datetime(orders["invoice_date"]) + DAY
    orders["customer"] = pd.factorize(orders["customer_id"])[0]
    orders["number"] = np.arange(len(orders))
    events["number"] = (
        pd.Series(orders["number"].to_numpy(), index=orders["order_id"]).reindex(events["order_id"]).to_numpy()
    )
    events["known_at"] = events["recorded_ts"].fillna(events["event_ts"])
    events = events.sort_values(["known_at", "event_id"])
    paid_at = events[events["event_type"] == "payment"].groupby("number")["known_at"].min()
    orders["paid_at"] = paid_at.reindex(orders["number"]).to_numpy()
    rows = _snapshots(orders, events["known_at"].max())
    rows = _with_state(rows, events)
    return _with_history(rows, orders)


def _snapshots(orders: pd.DataFrame, until: pd.Timestamp) -> pd.DataFrame:
    orders = orders[~(orders["paid_at"] <= orders["known_at"])]
    parts = []
    for age in inputs.BUILD_AGES:
        as_of = orders["known_at"] + age * DAY
        is_open = (as_of <= until) & ~(orders["paid_at"] <= as_of)
        parts.append(orders[is_open].assign(as_of=as_of[is_open], age_days=age))
    rows = pd.concat(parts, ignore_index=True)
    rows["label"] = (rows["paid_at"] <= rows["as_of"] + HORIZON).astype(float)
    rows.loc[rows["as_of"] + HORIZON > until, "label"] = np.nan
    return rows.sort_values("as_of", ignore_index=True)


def _with_state(rows: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    by_order = events.groupby("number")
    state = pd.DataFrame(
        {
            "number": events["number"],
            "known_at": events["known_at"],
            "last_event_at": events["known_at"],
            "last_event_type": events["event_type"],
            "last_reason": by_order["reason_code"].ffill(),
        }
    )
    for name, kind in (("attempts", "attempt"), ("contacts", "contact"), ("chargebacks", "chargeback")):
        state[name] = (events["event_type"] == kind).astype(np.int32).groupby(events["number"]).cumsum()
    opened = (events["event_type"] == "dispute_opened").astype(np.int32) - (events["event_type"] == "dispute_closed")
    state["disputed"] = opened.groupby(events["number"]).cumsum()
    rows = pd.merge_asof(rows, state, left_on="as_of", right_on="known_at", by="number", suffixes=("", "_event"))
    rows["days_since_last_event"] = (rows["as_of"] - rows["last_event_at"]).dt.days
    return rows


def _with_history(rows: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    paid = orders.dropna(subset=["paid_at"])
    in_time = paid["paid_at"] <= paid["known_at"] + HORIZON
    days_to_pay = (paid["paid_at"] - paid["known_at"]).dt.days
    facts = {
        "orders": (orders["customer"], orders["known_at"], 1),
        "orders_before_90d": (orders["customer"], orders["known_at"] + RECENT + pd.Timedelta(microseconds=1), 1),
        "recovered": (paid["customer"], paid["paid_at"], 1),
        "days_to_pay": (paid["customer"], paid["paid_at"], days_to_pay),
        "decided": (orders["customer"], orders["known_at"] + HORIZON, 1),
        "in_time": (paid["customer"][in_time], (paid["known_at"] + HORIZON)[in_time], 1),
    }
    for name, (customer, at, amount) in facts.items():
        rows[f"cust_{name}"] = _known_so_far(rows, customer, at, amount)
    last = pd.DataFrame({"customer": paid["customer"], "paid_last": paid["paid_at"]}).sort_values("paid_last")
    rows = pd.merge_asof(rows, last, left_on="as_of", right_on="paid_last", by="customer")
    rows["cust_days_since_payment"] = (rows["as_of"] - rows["paid_last"]).dt.days
    rows["cust_orders_90d"] = rows["cust_orders"] - rows["cust_orders_before_90d"]
    return rows


def _known_so_far(rows: pd.DataFrame, customer: pd.Series, at: pd.Series, amount: Any) -> np.ndarray:
    """Sum of ``amount`` over the customer's facts known by as_of."""
    facts = pd.DataFrame({"customer": customer, "at": at, "amount": amount}).sort_values("at")
    facts["so_far"] = facts.groupby("customer")["amount"].cumsum()
    found = pd.merge_asof(
        rows[["customer", "as_of"]], facts[["customer", "at", "so_far"]], left_on="as_of", right_on="at", by="customer"
    )
    return found["so_far"].fillna(0).to_numpy()

"""The feature view in pandas: what one would write instead of payrec, from the same Parquet files.

The same rows and columns as ``v_feature_view`` at the ages BUILD_AGES (``python -m benchmarks.same`` proves it), from
sorted frames, running sums by key and look-ups of the last thing known; no loop over rows.

What this leaves out, because no made portfolio has it: events without the time at which they were recorded; columns
declared as known at creation, and payments known from dates alone; amounts of 0 and payments without an amount;
currencies without a rate; events of unknown orders; promises without a date; tables in another order than that of
their times. It cannot score at given times, goes on from nothing, and keeps everything in memory.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from benchmarks import inputs
from benchmarks.measure import timed
from payrec.simulate import simulator

Array = np.ndarray[Any, Any]
DAY = pd.Timedelta(days=1)
HORIZON, RECENT = 30 * DAY, 90 * DAY
LAST_DAY = 31 * 128 - 1  # from which on the weight of a decision stays
CODED = ("provider", "payment_method", "currency", "country", "device", "transaction_type")
BAND_ENDS = np.array([10, 25, 50, 100, 250, 500, 1000, 2500, 10_000]) * 100
BANDS = ("0-10", "10-25", "25-50", "50-100", "100-250", "250-500", "500-1000", "1000-2500", "2500-10000", "10000+")
SIGNS = {"payment": 1, "credit": 1, "refund": -1, "chargeback": -1}


def measured(orders: int) -> dict[str, Any]:
    """Build from a portfolio in which every first charge failed."""
    with timed() as cost:
        rows = feature_view(inputs.Portfolio(orders, inputs.ALL_FAILED))
    cost.figures["columns"] = rows.shape[1]
    return {"rows": len(rows), **vars(cost)}


def feature_view(portfolio: inputs.Portfolio) -> pd.DataFrame:
    """Return the rows and columns of ``v_feature_view``, in no promised order."""
    orders = _orders(portfolio)
    events = _events(portfolio, orders)
    until = max(orders["known_at"].max(), events["known_at"].max())
    balances = _balances(orders, events)
    state = _states(events)
    orders = _with_outcomes(orders, balances, state)
    opted_out_at = _first_opt_out(orders, events)
    del events
    rows = _snapshots(orders, balances, until)
    parts = [
        _fixed(rows, orders),
        _amounts(rows, orders, portfolio),
        _own_state(rows, orders, state),
        _history(rows, orders),
        _payments(rows, orders, balances),
        _paces(rows, orders),
    ]
    view = pd.concat([rows.drop(columns=["number"]), *parts], axis=1)
    view["is_opted_out"] = (opted_out_at[view.pop("customer")] <= rows["as_of"].to_numpy()).astype(np.int16)
    for name in ("provider", "reason", "country"):
        column = "reason_code" if name == "reason" else name
        decided, recovered = _context(orders, f"{name}_at_opening", view[column], rows["as_of"])
        view[f"{name}_decided_90d"], view[f"{name}_recovered_90d"] = decided, recovered
    return view


def _orders(portfolio: inputs.Portfolio) -> pd.DataFrame:
    """Return one row per order, whose place in the frame is its number from now on."""
    columns = ["order_id", "customer_id", *CODED, "amount", "invoice_date", "due_date"]
    table = parquet.read_table(portfolio.folder / "transactions.parquet", columns=columns, read_dictionary=list(CODED))
    orders = _with_minor(table).to_pandas(date_as_object=False)
    orders["known_at"] = orders.pop("invoice_date") + DAY
    orders["amount"] = orders["amount_minor"] / 100
    orders["customer"] = pd.factorize(orders["customer_id"])[0]
    return orders


def _with_minor(table: pa.Table) -> pa.Table:
    """Put whole hundredths in the place of decimals, which pandas has only as objects."""
    minor = pc.cast(pc.multiply(table["amount"], pa.scalar(Decimal(100))), pa.int64())
    return table.drop_columns("amount").append_column("amount_minor", minor)


def _events(portfolio: inputs.Portfolio, orders: pd.DataFrame) -> pd.DataFrame:
    """Return the events in the order in which they became known; the file is in the order of event_id."""
    columns = ["order_id", "event_ts", "recorded_ts", "event_type", "amount", "reason_code", "detail"]
    table = parquet.read_table(
        portfolio.folder / "events.parquet", columns=columns, read_dictionary=["event_type", "reason_code", "detail"]
    )
    number = pc.index_in(table["order_id"], pa.array(orders["order_id"]))
    events = _with_minor(table.drop_columns("order_id")).append_column("number", number).to_pandas()
    events["known_at"] = events.pop("recorded_ts").fillna(events.pop("event_ts"))
    return events.sort_values("known_at", kind="stable", ignore_index=True)


def _balances(orders: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """Return what is outstanding from which time on, of the orders that were unpaid at the end of their first day."""
    money = events[events["event_type"].isin(list(SIGNS))]
    number, sign = money["number"].to_numpy(), money["event_type"].map(SIGNS).astype(np.int64)
    opened_at = orders["known_at"].to_numpy()
    paid = pd.DataFrame(
        {
            "number": number,
            "from_at": np.maximum(money["known_at"].to_numpy(), opened_at[number]),
            "paid_minor": (sign * money["amount_minor"]).astype(np.int64),
        }
    )
    opening = pd.DataFrame({"number": orders.index, "from_at": opened_at, "paid_minor": 0})
    moments = pd.concat([opening, paid]).groupby(["number", "from_at"], as_index=False)["paid_minor"].sum()
    amount = orders["amount_minor"].to_numpy()[moments["number"]]
    left = amount - moments.groupby("number")["paid_minor"].cumsum()
    moments["outstanding_minor"], moments["is_open"] = left.clip(lower=0), left * 20 > amount
    moments["is_opening"] = moments["from_at"].to_numpy() == opened_at[moments["number"]]
    failed = np.zeros(len(orders), np.bool_)
    failed[moments.loc[moments["is_opening"] & moments["is_open"], "number"]] = True
    return moments[failed[moments["number"]]].sort_values("from_at", kind="stable", ignore_index=True)


def _states(events: pd.DataFrame) -> pd.DataFrame:
    """Return the state of its order after each event."""
    kind, by_order = events["event_type"], events["number"]
    counted = {"attempts": "attempt", "contacts": "contact", "chargebacks": "chargeback"}
    added = pd.DataFrame({name: kind == word for name, word in counted.items()}).astype(np.int32)
    added["disputes"] = (kind == "dispute_opened").astype(np.int32) - (kind == "dispute_closed").astype(np.int32)
    so_far = added.groupby(by_order).cumsum()
    reason, promised = events["reason_code"].cat, events["detail"].cat
    codes = pd.DataFrame({"reason": reason.codes, "promise": promised.codes.where(kind == "promise", -1)})
    codes = codes.where(codes >= 0).groupby(by_order).ffill().fillna(-1).astype(np.int32)
    dates = pd.to_datetime(promised.categories.str[:10]).to_numpy("datetime64[us]")
    return pd.DataFrame(
        {
            "number": by_order,
            "known_at": events["known_at"],
            "last_event_type": kind,
            "attempts": so_far["attempts"],
            "contacts": so_far["contacts"],
            "is_disputed": so_far["disputes"] > 0,
            "has_chargeback": so_far["chargebacks"] > 0,
            "reason_code": pd.Categorical.from_codes(codes["reason"], reason.categories),
            "promised_until": np.append(dates, np.datetime64("NaT", "us"))[codes["promise"]],
        }
    )


def _last_known(key: Any, at: Any, fact_key: Any, fact_at: Any, *, or_at: bool = True) -> Array:
    """Return for each (key, at) the place of its key's last fact by then, -1 for none; both are in order of time."""
    facts = pd.DataFrame({"key": np.asarray(fact_key), "at": np.asarray(fact_at)})
    facts["place"] = np.arange(len(facts))
    lookups = pd.DataFrame({"key": np.asarray(key, facts["key"].dtype), "at": np.asarray(at)})
    latest = pd.merge_asof(lookups, facts, on="at", by="key", allow_exact_matches=or_at)
    return latest["place"].fillna(-1).to_numpy(np.int64)


def _at(column: Any, position: Array, missing: Any) -> Array:
    """Return the column at these places, ``missing`` at -1."""
    return np.append(np.asarray(column), missing)[position]


def _with_outcomes(orders: pd.DataFrame, balances: pd.DataFrame, state: pd.DataFrame) -> pd.DataFrame:
    """Add whether an order failed, when it was first recovered, whether in time, and what was known at its opening."""
    orders["failed"] = False
    orders.loc[balances["number"].unique(), "failed"] = True
    recovered_at = balances[~balances["is_open"]].groupby("number")["from_at"].min()
    orders["recovered_at"] = recovered_at.reindex(orders.index)
    due = _last_known(orders.index, orders["known_at"] + HORIZON, balances["number"], balances["from_at"])
    orders["in_time"] = orders["failed"] & ~_at(balances["is_open"], due, True)
    last = _last_known(orders.index, orders["known_at"], state["number"], state["known_at"])
    orders["reason_at_opening"] = state["reason_code"].array.take(last, allow_fill=True)
    orders["provider_at_opening"], orders["country_at_opening"] = orders["provider"], orders["country"]
    return orders


def _first_opt_out(orders: pd.DataFrame, events: pd.DataFrame) -> Array:
    """Return when each customer opted out."""
    opt_outs = events[events["event_type"] == "opt_out"]
    customer = orders["customer"].to_numpy()[opt_outs["number"]]
    first = opt_outs["known_at"].groupby(customer).min()
    return first.reindex(np.arange(orders["customer"].max() + 1)).to_numpy()


def _snapshots(orders: pd.DataFrame, balances: pd.DataFrame, until: pd.Timestamp) -> pd.DataFrame:
    """Return order, time, what is outstanding and the label, at every age at which the order is open."""
    failed = np.flatnonzero(orders["failed"])
    ages = np.repeat(np.array(inputs.BUILD_AGES, np.int32), len(failed))
    rows = pd.DataFrame({"number": np.tile(failed, len(inputs.BUILD_AGES)), "age_days": ages})
    rows["as_of"] = orders["known_at"].to_numpy()[rows["number"]] + rows["age_days"].to_numpy() * DAY.to_timedelta64()
    rows = rows[rows["as_of"] <= until].sort_values("as_of", kind="stable", ignore_index=True)
    now = _last_known(rows["number"], rows["as_of"], balances["number"], balances["from_at"])
    rows["outstanding_minor"] = balances["outstanding_minor"].to_numpy()[now]
    rows = rows[balances["is_open"].to_numpy()[now]].reset_index(drop=True)
    deadline = rows["as_of"] + HORIZON
    then = _last_known(rows["number"], deadline, balances["number"], balances["from_at"])
    label = pd.Series(1.0 - balances["is_open"].to_numpy()[then])
    rows["label_recovered_30d"] = label.where(deadline <= until)
    return rows


def _fixed(rows: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """Return what is fixed when the order is made."""
    columns = ["order_id", "customer_id", "customer", *CODED, "amount", "amount_minor"]
    fixed = orders[columns].take(rows["number"]).reset_index(drop=True)
    fixed["days_to_due"] = (orders["due_date"].to_numpy()[rows["number"]] - rows["as_of"]).dt.days + 1
    tenure = orders["known_at"] - orders.groupby("customer")["known_at"].transform("min")
    fixed["cust_tenure_days"] = tenure.dt.days.to_numpy()[rows["number"]]
    fixed["paid_minor"] = fixed["amount_minor"] - rows["outstanding_minor"]
    fixed["is_landmark"], fixed["horizon_days"] = np.int16(1), np.int32(HORIZON.days)
    return fixed


def _amounts(rows: pd.DataFrame, orders: pd.DataFrame, portfolio: inputs.Portfolio) -> pd.DataFrame:
    """Return the amounts by the newest rate known, in whole hundredths of the reporting currency, and the band."""
    table = parquet.read_table(portfolio.folder / "fx.parquet")
    rate = pc.cast(pc.multiply(table["rate_to_reporting"], pa.scalar(Decimal(10**8))), pa.int64()).to_numpy()
    fx = table.drop_columns("rate_to_reporting").to_pandas(date_as_object=False).assign(rate=rate)
    fx = fx.sort_values("rate_date", kind="stable")
    currency = orders["currency"].cat
    names = pd.Categorical(fx["currency"], categories=currency.categories).codes
    currencies = currency.codes.to_numpy()[rows["number"]]
    known = fx["rate"].to_numpy()[_last_known(currencies, rows["as_of"], names, fx["rate_date"] + DAY)]
    known = np.where(currencies == currency.categories.get_loc(simulator.REPORTING_CURRENCY), 10**8, known)
    amount = (orders["amount_minor"].to_numpy()[rows["number"]] * known + 10**8 // 2) // 10**8
    bands = [f"{simulator.REPORTING_CURRENCY} {band}" for band in BANDS]
    return pd.DataFrame(
        {
            "amount_reporting_minor": amount,
            "outstanding_reporting_minor": (rows["outstanding_minor"] * known + 10**8 // 2) // 10**8,
            "amount_bucket": pd.Categorical.from_codes(np.searchsorted(BAND_ENDS, amount, side="right"), bands),
        }
    )


def _own_state(rows: pd.DataFrame, orders: pd.DataFrame, state: pd.DataFrame) -> pd.DataFrame:
    """Return the order's own state by the last event known."""
    position = _last_known(rows["number"], rows["as_of"], state["number"], state["known_at"])
    last_at = _at(state["known_at"], position, np.datetime64("NaT", "us"))
    last_at = np.where(position < 0, orders["known_at"].to_numpy()[rows["number"]], last_at)
    own = {"days_since_last_event": (rows["as_of"] - last_at).dt.days.astype(np.int32)}
    for name in ("attempts", "contacts", "is_disputed", "has_chargeback"):
        own[name] = _at(state[name], position, 0).astype(np.int32)
    for name in ("last_event_type", "reason_code"):
        own[name] = state[name].array.take(position, allow_fill=True)
    own["promised_until"] = _at(state["promised_until"], position, np.datetime64("NaT", "us"))
    return pd.DataFrame(own)


def _weight(day: np.ndarray) -> np.ndarray:
    """Return the weight of a decision so many days after the customer's first order."""
    day = np.minimum(day, LAST_DAY).astype(np.int64)
    return (128 + (day & 127)) << (day >> 7)


def _history(rows: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """Return what the customer's other orders had shown: now, a horizon ago (decided) and 90 days ago (not recent)."""
    counted = orders[["failed", "in_time"]].assign(orders=1).astype(np.int32)
    so_far = counted.groupby(orders["customer"]).cumsum()
    customer = orders["customer"].to_numpy()
    tenure = (orders["known_at"] - orders.groupby("customer")["known_at"].transform("min")).dt.days.to_numpy()
    own_weight = _weight(tenure + HORIZON.days)
    weights = orders[["failed", "in_time"]].astype(np.int64).mul(own_weight, axis=0)
    weights = weights.groupby(orders["customer"]).cumsum()
    today = np.minimum(tenure[rows["number"]] + rows["age_days"].to_numpy(), LAST_DAY)
    customers, facts = customer[rows["number"]], (customer, orders["known_at"])
    now = so_far.take(_last_known(customers, rows["as_of"], *facts)).to_numpy()
    decided = _last_known(customers, rows["as_of"] - HORIZON, *facts)
    older = _last_known(customers, rows["as_of"] - RECENT, *facts, or_at=False)
    own_decided = rows["age_days"] >= HORIZON.days
    own_recent = rows["age_days"] <= RECENT.days
    own_in_time = own_decided & orders["in_time"].to_numpy()[rows["number"]]
    return pd.DataFrame(
        {
            "cust_orders": now[:, 2] - 1,
            "cust_failures": now[:, 0] - 1,
            "cust_decided": _at(so_far["failed"], decided, 0) - own_decided,
            "cust_recovered_in_time": _at(so_far["in_time"], decided, 0) - own_in_time,
            "cust_decided_weight": _at(weights["failed"], decided, 0) - own_decided * own_weight[rows["number"]]
            >> (today >> 7),
            "cust_in_time_weight": _at(weights["in_time"], decided, 0) - own_in_time * own_weight[rows["number"]]
            >> (today >> 7),
            "cust_weight_today": 128 + (today & 127),
            "cust_orders_90d": now[:, 2] - _at(so_far["orders"], older, 0) - own_recent,
            "cust_failures_90d": now[:, 0] - _at(so_far["failed"], older, 0) - own_recent,
        }
    )


def _payments(rows: pd.DataFrame, orders: pd.DataFrame, balances: pd.DataFrame) -> pd.DataFrame:
    """Return what the customer's other orders owed by then, and when the customer last paid."""
    number, at = balances["number"].to_numpy(), balances["from_at"]
    customer, currency = orders["customer"].to_numpy(), orders["currency"].cat.codes.to_numpy().astype(np.int64)
    owed = (balances["outstanding_minor"] * balances["is_open"]).groupby(number).diff()
    owed = owed.fillna(balances["outstanding_minor"]).astype(np.int64)
    opened = balances["is_open"].astype(np.int32).groupby(number).diff().fillna(1).astype(np.int32)
    purse = customer * 1000 + currency  # one for each currency of a customer
    owed_so_far = owed.groupby(purse[number]).cumsum()
    open_so_far = opened.groupby(customer[number]).cumsum()
    in_purse = _last_known(purse[rows["number"]], rows["as_of"], purse[number], at)
    of_customer = _last_known(customer[rows["number"]], rows["as_of"], customer[number], at)
    pays = balances[~balances["is_opening"] & (balances["paid_minor"] > 0)]
    at_once = orders[~orders["failed"]]
    paid = pd.DataFrame(
        {
            "customer": np.append(customer[pays["number"]], at_once["customer"]),
            "at": np.append(pays["from_at"], at_once["known_at"]),
        }
    ).sort_values("at", kind="stable")
    last = _last_known(customer[rows["number"]], rows["as_of"], paid["customer"], paid["at"])
    return pd.DataFrame(
        {
            "cust_open_minor": owed_so_far.to_numpy()[in_purse] - rows["outstanding_minor"],
            "cust_open": open_so_far.to_numpy()[of_customer] - 1,
            "cust_days_since_payment": (rows["as_of"] - _at(paid["at"], last, np.datetime64("NaT", "us"))).dt.days,
        }
    )


def _paces(rows: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """Return in how many days the customer's other orders were recovered: sum, last, last three, least and most."""
    done = orders[orders["recovered_at"].notna()].sort_values(["recovered_at", "order_id"])
    customer, days = done["customer"].to_numpy(), (done["recovered_at"] - done["known_at"]).dt.days
    by_customer = days.groupby(customer)
    last3 = days + by_customer.shift(1, fill_value=0) + by_customer.shift(2, fill_value=0)
    paces = {"last": days, "last3_sum": last3, "min": by_customer.cummin(), "max": by_customer.cummax()}
    position = _last_known(orders["customer"].to_numpy()[rows["number"]], rows["as_of"], customer, done["recovered_at"])
    recovered_at = orders["recovered_at"].to_numpy()[rows["number"]]
    own = recovered_at <= rows["as_of"].to_numpy()  # recovered before, and then undone
    own_days = (pd.Series(recovered_at) - orders["known_at"].to_numpy()[rows["number"]]).dt.days
    columns = {
        "cust_recovered": _at(by_customer.cumcount() + 1, position, 0) - own,
        "cust_days_to_pay_sum": _at(by_customer.cumsum(), position, 0) - own_days.where(own, 0),
    }
    for name, pace in paces.items():
        columns[f"cust_days_to_pay_{name}"] = np.where(own, np.nan, _at(pace.astype(float), position, np.nan))
    return pd.DataFrame(columns)


def _context(orders: pd.DataFrame, column: str, groups: pd.Series, as_of: pd.Series) -> tuple[Array, Array]:
    """Return how many orders of the same provider, reason or country were decided in 90 days, and how many in time."""
    failed = orders[orders["failed"]]
    first = failed["known_at"].min()
    days = (as_of.max() - first).days + 1
    decided_on = (failed["known_at"] + HORIZON - first).dt.days.to_numpy()
    failed, decided_on = failed[decided_on < days], decided_on[decided_on < days]
    value = failed[column].cat.codes.to_numpy() + 1  # the unknown one is 0
    values = len(failed[column].cat.categories) + 1
    cells = value.astype(np.int64) * days + decided_on
    at = groups.cat.codes.to_numpy() + 1, (as_of - first).dt.days.to_numpy()

    def in_90_days(counted: Array) -> Array:
        so_far = np.bincount(cells, counted, values * days).astype(np.int64).reshape(values, days).cumsum(axis=1)
        before = np.zeros_like(so_far)
        before[:, RECENT.days + 1 :] = so_far[:, : -RECENT.days - 1]
        return (so_far - before)[at]

    return in_90_days(np.ones(len(failed))), in_90_days(failed["in_time"].to_numpy())

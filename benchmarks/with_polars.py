"""The feature view in polars: what one would write instead of payrec, from the same Parquet files.

The same rows and columns as ``v_feature_view`` at the ages BUILD_AGES (``python -m benchmarks.same`` proves it), from
lazy frames, running sums over a key, and ``join_asof`` for the last thing known.

What this leaves out is what :mod:`benchmarks.with_pandas` leaves out, because no made portfolio has it: events without
the time at which they were recorded; columns declared as known at creation, and payments known from dates alone;
amounts of 0 and payments without an amount; currencies without a rate; events of unknown orders; promises without a
date; tables in another order than that of their times. It cannot score at given times, goes on from nothing, and keeps
everything in memory.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl

from benchmarks import inputs
from benchmarks.measure import timed
from benchmarks.with_pandas import BAND_ENDS, BANDS, LAST_DAY, SIGNS
from payrec.simulate import simulator

DAY = timedelta(days=1)
HORIZON, RECENT = 30 * DAY, 90 * DAY
CODED = ("provider", "payment_method", "currency", "country", "device", "transaction_type")
FIXED = ("order_id", "customer_id", "amount", "due_at")
col = pl.col


def measured(orders: int) -> dict[str, Any]:
    """Build from a portfolio in which every first charge failed."""
    with timed() as cost:
        rows = feature_view(inputs.Portfolio(orders, inputs.ALL_FAILED))
    cost.figures["columns"] = rows.width
    return {"rows": rows.height, **vars(cost)}


def feature_view(portfolio: inputs.Portfolio) -> pl.DataFrame:
    """Return the rows and columns of ``v_feature_view``, in no promised order."""
    orders = _orders(portfolio).collect()
    events = _events(portfolio, orders).collect()
    until = max(orders["known_at"].max(), events["known_at"].max())
    opted_out = _first_opt_out(orders, events).lazy()
    balances = _balances(orders, events)
    state = _states(events)
    del events
    orders = _with_outcomes(orders, balances, state)
    snapshots = _snapshots(orders, balances, until)
    rows = _with_history(snapshots.lazy(), orders.lazy())
    rows = _with_paces(rows, orders.lazy())
    rows = _with_payments(rows, orders.lazy(), balances.lazy())
    rows = _last_known(rows, state.lazy(), "number", "known_at")
    joined = rows.join(opted_out, on="customer", how="left", maintain_order="left").collect()
    fixed = orders.select(*FIXED, *CODED)[snapshots["number"]]
    rows = _with_rates(pl.concat([joined, fixed], how="horizontal").lazy(), portfolio).collect()
    for name in ("provider", "reason", "country"):
        rows = _with_context(rows.lazy(), orders.lazy(), name).collect()
    return _view(rows.lazy()).collect()


def _orders(portfolio: inputs.Portfolio) -> pl.LazyFrame:
    """Return one row per order, with a number for it, its customer, and its customer's debts in its currency."""
    return (
        pl.scan_parquet(portfolio.folder / "transactions.parquet")
        .select(
            "order_id", "customer_id", "amount",
            col(CODED).cast(pl.Categorical),
            known_at=col("invoice_date").cast(pl.Datetime("us")) + DAY,
            due_at=col("due_date").cast(pl.Datetime("us")),
            amount_minor=(col("amount") * 100).cast(pl.Int64),
            customer=_code("customer_id"),
            purse=_code("customer_id") * 1000 + _code("currency"),
        )
        .with_columns(cust_tenure_days=(col("known_at") - col("known_at").min().over("customer")).dt.total_days())
        .with_row_index("number")
    )  # fmt: skip


def _code(column: str) -> pl.Expr:
    return col(column).cast(pl.Categorical).to_physical().cast(pl.Int64)


def _events(portfolio: inputs.Portfolio, orders: pl.DataFrame) -> pl.LazyFrame:
    """Return each order's events in the order in which they became known; the file is in the order of event_id."""
    promised = pl.when(col("event_type") == "promise").then(col("detail").str.slice(0, 10).str.to_datetime("%Y-%m-%d"))
    return (
        pl.scan_parquet(portfolio.folder / "events.parquet")
        .select(
            "order_id",
            col("event_type", "reason_code").cast(pl.Categorical),
            promised_until=promised,
            known_at=pl.coalesce("recorded_ts", "event_ts"),
            amount_minor=(col("amount") * 100).cast(pl.Int64),
        )
        .join(orders.lazy().select("order_id", "number"), on="order_id", how="left", maintain_order="left")
        .drop("order_id")
        .sort("known_at", maintain_order=True)
        .sort("number", maintain_order=True)
    )  # fmt: skip


def _balances(orders: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Return what is outstanding from which time on, of the orders that were unpaid at the end of their first day."""
    paid = (
        events.lazy()
        .filter(col("event_type").is_in(list(SIGNS)))
        .join(orders.lazy().select("number", opened_at="known_at"), on="number")
        .select(
            "number",
            from_at=pl.max_horizontal("known_at", "opened_at"),
            paid_minor=col("amount_minor") * col("event_type").replace_strict(SIGNS, return_dtype=pl.Int64),
        )
    )
    opening = orders.lazy().select("number", from_at="known_at", paid_minor=pl.lit(0, pl.Int64))
    left = col("amount_minor") - _so_far(col("paid_minor"))
    return (
        pl.concat([opening, paid])
        .group_by("number", "from_at")
        .agg(col("paid_minor").sum())
        .join(orders.lazy().select("number", "amount_minor", "known_at"), on="number")
        .sort("number", "from_at")
        .select(
            "number", "from_at", "paid_minor",
            outstanding_minor=left.clip(lower_bound=0),
            is_open=left * 20 > col("amount_minor"),
            is_opening=col("from_at") == col("known_at"),
        )
        .filter(pl.when(_is_first()).then("is_open").forward_fill())
        .collect()
    )  # fmt: skip


def _is_first(key: str = "number") -> pl.Expr:
    """Whether a row is its key's first, in a frame sorted by that key; what follows needs no grouping then."""
    return (col(key) != col(key).shift(1)).fill_null(True)


def _so_far(added: pl.Expr, key: str = "number") -> pl.Expr:
    """Sum up over the key's rows, this one included."""
    total = added.cum_sum()
    return total - pl.when(_is_first(key)).then(total - added).forward_fill()


def _carried(value: pl.Expr) -> pl.Expr:
    """Return the order's last value that is not NULL."""
    carried_from = pl.when(value.is_not_null()).then("number").forward_fill()
    return pl.when(carried_from == col("number")).then(value.forward_fill())


def _states(events: pl.DataFrame) -> pl.DataFrame:
    """Return the state of its order after each event."""

    def count(kind: str) -> pl.Expr:
        return _so_far((col("event_type") == kind).cast(pl.Int32))

    return (
        events.lazy()
        .select(
            "number", "known_at",
            last_event_at="known_at",
            last_event_type="event_type",
            attempts=count("attempt"),
            contacts=count("contact"),
            is_disputed=count("dispute_opened") > count("dispute_closed"),
            has_chargeback=count("chargeback") > 0,
            reason_code=_carried(col("reason_code")),
            promised_until=_carried(col("promised_until")),
        )
        .collect()
    )  # fmt: skip


def _last_known(rows: pl.LazyFrame, facts: pl.LazyFrame, by: str, at: str, **options: Any) -> pl.LazyFrame:
    """Add to each row the last fact of the same key by as_of, or by ``options["left_on"]``."""
    facts = facts.rename({at: "fact_at"})
    options = {"left_on": "as_of", "check_sortedness": False, **options}
    return rows.join_asof(facts, right_on="fact_at", by=by, **options).drop("fact_at")


def _with_outcomes(orders: pl.DataFrame, balances: pl.DataFrame, state: pl.DataFrame) -> pl.DataFrame:
    """Add whether an order failed, when it was first recovered, whether in time, and its reason at the opening."""
    closed = balances.lazy().filter(~col("is_open")).group_by("number").agg(recovered_at=col("from_at").min())
    decided = orders.lazy().with_columns(decided_at=col("known_at") + HORIZON)
    decided = _last_known(
        decided, balances.lazy().select("number", "from_at", "is_open"), "number", "from_at", left_on="decided_at"
    )
    reasons = state.lazy().select("number", "known_at", reason_at_opening="reason_code")
    return (
        _last_known(decided, reasons, "number", "known_at", left_on="known_at")
        .join(closed, on="number", how="left", maintain_order="left")
        .with_columns(failed=col("is_open").is_not_null(), in_time=~col("is_open").fill_null(True))
        .collect()
    )


def _first_opt_out(orders: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Return when each customer opted out."""
    opt_outs = events.filter(col("event_type") == "opt_out").join(orders.select("number", "customer"), on="number")
    return opt_outs.group_by("customer").agg(opted_out_at=col("known_at").min())


def _snapshots(orders: pl.DataFrame, balances: pl.DataFrame, until: Any) -> pl.DataFrame:
    """Return order, time, what is outstanding and the label, at every age at which the order is open.

    By order and time first, then by customer and time: ``join_asof`` needs the times in order for each key alone, and
    is three times as quick when a key's rows lie together.
    """
    known = balances.lazy().select("number", "from_at", "is_open", "outstanding_minor")
    later = balances.lazy().select("number", "from_at", open_then="is_open")
    aged = (
        orders.lazy()
        .filter("failed")
        .select(
            "number",
            "customer",
            "purse",
            "known_at",
            "amount_minor",
            "recovered_at",
            "cust_tenure_days",
            own_in_time="in_time",
        )
        .join(pl.LazyFrame({"age_days": inputs.BUILD_AGES}, schema={"age_days": pl.Int32}), how="cross")
        .with_columns(as_of=col("known_at") + pl.duration(days="age_days"))
        .filter(col("as_of") <= until)
        .sort("number", maintain_order=True)
    )
    opened = _last_known(aged, known, "number", "from_at").filter("is_open")
    opened = opened.with_columns(
        deadline=col("as_of") + HORIZON, decided_by=col("as_of") - HORIZON, recent_from=col("as_of") - RECENT
    )
    label = pl.when(col("deadline") <= until).then(1 - col("open_then").cast(pl.Int16))
    rows = _last_known(opened, later, "number", "from_at", left_on="deadline")
    rows = rows.with_columns(label_recovered_30d=label).drop("open_then", "is_open", "deadline")
    return rows.sort("as_of").sort("customer", maintain_order=True).collect()


def _with_history(rows: pl.LazyFrame, orders: pl.LazyFrame) -> pl.LazyFrame:
    """Add what the customer's orders had shown: now, a horizon ago (decided) and 90 days ago (no longer recent)."""
    facts = orders.sort("customer", maintain_order=True).select(
        "customer", "known_at",
        orders=_so_far(col("known_at").is_not_null().cast(pl.Int32), "customer"),
        failures=_so_far(col("failed").cast(pl.Int32), "customer"),
        in_time=_so_far(col("in_time").cast(pl.Int32), "customer"),
        failed_weight=_so_far(col("failed") * _own_weight(), "customer"),
        in_time_weight=_so_far(col("in_time") * _own_weight(), "customer"),
    )  # fmt: skip
    rows = _last_known(rows, facts.select("customer", "known_at", "orders", "failures"), "customer", "known_at")
    decided = facts.select("customer", "known_at", "in_time", "failed_weight", "in_time_weight", decided="failures")
    rows = _last_known(rows, decided, "customer", "known_at", left_on="decided_by")
    older = facts.select("customer", "known_at", orders_before="orders", failures_before="failures")
    return _last_known(rows, older, "customer", "known_at", left_on="recent_from", allow_exact_matches=False)


def _weight(day: pl.Expr) -> pl.Expr:
    """Return the weight of a decision so many days after the customer's first order."""
    day = day.clip(upper_bound=LAST_DAY).cast(pl.Int64)
    return (128 + day % 128) * pl.lit(2, pl.Int64).pow(day // 128)


def _own_weight() -> pl.Expr:
    return _weight(col("cust_tenure_days") + HORIZON.days)


def _with_payments(rows: pl.LazyFrame, orders: pl.LazyFrame, balances: pl.LazyFrame) -> pl.LazyFrame:
    """Add what the customer's orders owed by then, and when the customer last paid."""
    changes = (
        balances.with_columns(owed=col("outstanding_minor") * col("is_open"), opened=col("is_open").cast(pl.Int32))
        .with_columns(
            pl.when(_is_first()).then(name).otherwise(col(name) - col(name).shift(1)).alias(name)
            for name in ("owed", "opened")
        )
        .join(orders.select("number", "customer", "purse"), on="number")
        .sort("from_at")
        .sort("customer", maintain_order=True)
    )
    owed = changes.select("purse", "from_at", cust_open_minor=col("owed").cum_sum().over("purse"))
    opened = changes.select("customer", "from_at", cust_open=_so_far(col("opened"), "customer"))
    pays = changes.filter(~col("is_opening") & (col("paid_minor") > 0)).select("customer", paid_at="from_at")
    at_once = orders.filter(~col("failed")).select("customer", paid_at="known_at")
    paid = pl.concat([pays, at_once]).sort("customer", "paid_at").with_columns(last_paid_at="paid_at")
    rows = _last_known(rows, owed, "purse", "from_at")
    rows = _last_known(rows, opened, "customer", "from_at")
    return _last_known(rows, paid, "customer", "paid_at")


def _with_paces(rows: pl.LazyFrame, orders: pl.LazyFrame) -> pl.LazyFrame:
    """Add in how many days the customer's orders were recovered: sum, last, last three, least and most."""
    days = (col("recovered_at") - col("known_at")).dt.total_days()
    paces = (
        orders.filter(col("recovered_at").is_not_null())
        .sort("customer", "recovered_at", "order_id")
        .select(
            "customer", "recovered_at",
            recovered=col("number").cum_count().over("customer"),
            days_sum=_so_far(days, "customer"),
            last=days,
            last3_sum=(days + sum(days.shift(n, fill_value=0).over("customer") for n in (1, 2))),
            min=days.cum_min().over("customer"),
            max=days.cum_max().over("customer"),
        )
        .rename({"recovered_at": "at"})
    )  # fmt: skip
    return _last_known(rows, paces, "customer", "at")


def _with_rates(rows: pl.LazyFrame, portfolio: inputs.Portfolio) -> pl.LazyFrame:
    """Add the newest rate known, in hundred-millionths."""
    rates = (
        pl.scan_parquet(portfolio.folder / "fx.parquet")
        .select(
            col("currency").cast(pl.Categorical),
            rate_at=col("rate_date").cast(pl.Datetime("us")) + DAY,
            rate=(col("rate_to_reporting") * 10**8).cast(pl.Int64),
        )
        .sort("rate_at")
    )
    own = col("currency") == simulator.REPORTING_CURRENCY
    dates = rows.select("currency", "as_of").unique().sort("as_of")
    latest = _last_known(dates, rates, "currency", "rate_at")
    latest = latest.with_columns(rate=pl.when(own).then(10**8).otherwise("rate"))
    return rows.join(latest, on=["currency", "as_of"], how="left")


def _with_context(rows: pl.LazyFrame, orders: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """Add how many orders of the same provider, reason or country were decided in 90 days, and how many in time."""
    column = "reason_code" if name == "reason" else name
    opening = "reason_at_opening" if name == "reason" else name
    value = pl.col(opening).fill_null("").alias("value")
    facts = (
        orders.filter("failed")
        .group_by(value, day=col("known_at") + HORIZON)
        .agg(decided=pl.len().cast(pl.Int64), recovered=col("in_time").cast(pl.Int64).sum())
        .sort("day")
        .with_columns(col("decided", "recovered").cum_sum().over("value"))
    )
    days = rows.select(col(column).fill_null("").alias("value"), "as_of").unique().sort("as_of")
    days = days.with_columns(before=col("as_of") - RECENT)
    now = _last_known(days, facts, "value", "day")
    older = facts.rename({"decided": "decided_before", "recovered": "recovered_before"})
    rates = _last_known(now, older, "value", "day", left_on="before", allow_exact_matches=False)
    counts = {
        f"{name}_{what}_90d": col(what).fill_null(0) - col(f"{what}_before").fill_null(0)
        for what in ("decided", "recovered")
    }
    key = rows.with_columns(value=col(column).fill_null(""))
    return key.join(rates.select("value", "as_of", **counts), on=["value", "as_of"], how="left").drop("value")


def _view(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Choose and name the columns."""
    amounts = {
        f"{name}_reporting_minor": (col(f"{name}_minor") * col("rate") + 10**8 // 2) // 10**8
        for name in ("amount", "outstanding")
    }
    bands = [f"{simulator.REPORTING_CURRENCY} {band}" for band in BANDS]
    return rows.select(
        "order_id", "as_of", "customer_id", "age_days", "amount", "currency", "amount_minor", "outstanding_minor",
        "provider", "payment_method", "country", "device", "transaction_type", "reason_code", "last_event_type",
        "promised_until", "label_recovered_30d", "cust_tenure_days", "^.*_90d$",
        is_landmark=pl.lit(1, pl.Int16),
        horizon_days=pl.lit(HORIZON.days, pl.Int32),
        **amounts,
        amount_bucket=amounts["amount_reporting_minor"].cut(BAND_ENDS.tolist(), labels=bands, left_closed=True),
        days_since_last_event=(col("as_of") - pl.coalesce("last_event_at", "known_at")).dt.total_days(),
        **{name: col(name).fill_null(0) for name in ("attempts", "contacts")},
        **{name: col(name).fill_null(False) for name in ("is_disputed", "has_chargeback")},
        is_opted_out=(col("opted_out_at") <= col("as_of")).fill_null(False),
        days_to_due=(col("due_at") - col("as_of")).dt.total_days() + 1,
        paid_minor=col("amount_minor") - col("outstanding_minor"),
        **_of_customer(),
    )  # fmt: skip


def _of_customer() -> dict[str, pl.Expr]:
    """Return the customer's columns, with the order's own share taken off."""
    is_own_decided = col("age_days") >= HORIZON.days
    is_own_recent = (col("age_days") <= RECENT.days).cast(pl.Int32)
    is_own_recovered = (col("recovered_at") <= col("as_of")).fill_null(False)  # recovered before, and then undone
    own_days = (col("recovered_at") - col("known_at")).dt.total_days()
    today = (col("cust_tenure_days") + col("age_days")).clip(upper_bound=LAST_DAY).cast(pl.Int64)
    doubled = pl.lit(2, pl.Int64).pow(today // 128)
    paces = {
        f"cust_days_to_pay_{name}": pl.when(~is_own_recovered).then(name)
        for name in ("last", "last3_sum", "min", "max")
    }
    return {
        "cust_orders": col("orders") - 1,
        "cust_failures": col("failures") - 1,
        "cust_open": col("cust_open") - 1,
        "cust_open_minor": col("cust_open_minor") - col("outstanding_minor"),
        "cust_recovered": col("recovered").fill_null(0) - is_own_recovered.cast(pl.Int32),
        "cust_decided": col("decided").fill_null(0) - is_own_decided.cast(pl.Int32),
        "cust_recovered_in_time": col("in_time").fill_null(0) - (is_own_decided & col("own_in_time")).cast(pl.Int32),
        "cust_decided_weight": (col("failed_weight").fill_null(0) - is_own_decided * _own_weight()) // doubled,
        "cust_in_time_weight": (
            (col("in_time_weight").fill_null(0) - (is_own_decided & col("own_in_time")) * _own_weight()) // doubled
        ),
        "cust_weight_today": 128 + today % 128,
        "cust_days_to_pay_sum": col("days_sum").fill_null(0) - pl.when(is_own_recovered).then(own_days).otherwise(0),
        **paces,
        "cust_days_since_payment": (col("as_of") - col("last_paid_at")).dt.total_days(),
        "cust_orders_90d": col("orders") - col("orders_before").fill_null(0) - is_own_recent,
        "cust_failures_90d": col("failures") - col("failures_before").fill_null(0) - is_own_recent,
    }

"""Is anybody chased who has paid? A simulated portfolio with every complication, twelve nights a week apart.

On each night payrec gets the export of that day alone; the simulation knows how every order truly stands. Counted are
orders on the list that are not to be chased, orders to be chased that are not on it, and how far the share of open
orders that payrec counts as recovered within 30 days is from the true share.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.measure import timed
from payrec.data import layers
from payrec.data.engines import Engine, connect
from payrec.simulate import exports, simulator
from payrec.simulate.complications import complications
from payrec.simulate.standing import STATES, standing_at
from payrec.worklist import suppression, value
from payrec.worklist.policy import Policy

SEED = 14
HORIZON = timedelta(days=30)
NO_MONEY = {"void", "credited"}  # an order that ends so has no label


def prepared(_: int) -> None:
    """Nothing: simulating takes a second."""


def on_duckdb(orders: int) -> dict[str, Any]:
    """Count the wrongly chased and the missing over all nights, and measure the bias of the recovery rate."""
    portfolio = simulator.portfolio(orders, SEED, options=complications(["everything"]))
    assert portfolio.facts
    nights = simulator.weekly(portfolio.facts)
    chased: set[tuple[str, datetime]] = set()
    with timed() as cost:
        for night in nights:
            chased |= _chased(exports.at(portfolio, night), night)
    true = standing_at(portfolio.facts, nights).to_pylist()
    chaseable = {(row["order_id"], row["as_of"]) for row in true if row["is_chaseable"]}
    rates = _recovery_rates(portfolio, [night - 5 * timedelta(days=7) for night in nights])
    cost.figures.update(
        nights=len(nights),
        wrongly_chased=len(chased - chaseable),
        chaseable_missing=len(chaseable - chased),
        recovery_rate=rates[0],
        true_recovery_rate=rates[1],
        bias_points=100 * (rates[0] - rates[1]),
    )
    return {"rows": len(chased), **vars(cost)}


def _load(engine: Engine, exported: simulator.Portfolio) -> None:
    layers.prepare(engine)
    for name, rows in (
        ("raw_transactions", exported.transactions),
        ("raw_events", exported.events),
        ("fx_rates", exported.fx),
    ):
        engine.write(name, rows, ())
    engine.write("payment_source", pa.table({"source": ["events"]}), ())
    engine.write("reporting_currency", pa.table({"currency": [simulator.REPORTING_CURRENCY]}), ())


def _chased(exported: simulator.Portfolio, night: datetime) -> set[tuple[str, datetime]]:
    """Open orders that nothing in the data keeps off the list; capacity and the team's own rules are left out."""
    with connect("duckdb://") as engine:
        _load(engine, exported)
        layers.build(engine, layers.Parameters((night,), (), observed_until=night))
        rows = engine.read(f"SELECT * FROM {layers.VIEW}")
    n = rows.num_rows
    context = suppression.RuleContext(night, Policy(), value.value_of(rows, Policy()), np.ones(n, dtype=bool), None)
    held = np.zeros(n, dtype=bool)
    for rule in (rule for name, rule in suppression.RULES_IN_ORDER.items() if name in STATES):
        for one in rule(rows, context):
            held |= one.hit
    return {(name, night) for name, off in zip(rows["order_id"].to_pylist(), held.tolist(), strict=True) if not off}


def _recovery_rates(portfolio: simulator.Portfolio, times: list[datetime]) -> tuple[float, float]:
    """Share of the open orders recovered within 30 days: by the labels, and in truth."""
    with connect("duckdb://") as engine:
        _load(engine, portfolio)
        layers.build(engine, layers.Parameters(tuple(times), (), observed_until=max(times) + 5 * timedelta(days=7)))
        labels = engine.read(f"SELECT label_recovered_30d AS label FROM {layers.VIEW} ORDER BY order_id, as_of")
    known = labels["label"].drop_null().to_numpy()
    assert portfolio.facts
    recovered = ended = 0
    for at in times:
        now, later = (
            {row["order_id"]: row["state"] for row in standing_at(portfolio.facts, [moment]).to_pylist()}
            for moment in (at, at + HORIZON)
        )
        ends = [later[name] for name, state in now.items() if state not in ("paid", "written_off", *NO_MONEY)]
        recovered += ends.count("paid")
        ended += sum(end not in NO_MONEY for end in ends)
    return float(known.mean()), recovered / ended

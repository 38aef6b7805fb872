"""A played year: the figure of the experiment is what the truth says, on average and within its interval."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from payrec.commands import simulated_year
from payrec.worklist.assignment import Experiment
from payrec.worklist.policy import Policy

FIRST = datetime.fromisoformat("2025-01-06")


def portfolio(open_orders: Callable[..., pa.Table], effect: float) -> pa.Table:
    """Twelve weeks of 60 orders of 300 customers; the model is wrong by a level, as models are."""
    rng = np.random.default_rng(3)
    weeks = []
    for week in range(12):
        orders = [
            {"order_id": f"o{week}-{n}", "customer_id": f"c{rng.integers(300)}", "as_of": FIRST + timedelta(weeks=week),
             "outstanding_minor": int(rng.lognormal(9, 0.5)), "p_recover_30d": float(rng.uniform(0.2, 0.8))}
            for n in range(60)
        ]  # fmt: skip
        weeks.append(open_orders(*orders))
    rows = pa.concat_tables(weeks)
    p = rows["p_recover_30d"].to_numpy()
    rows = rows.append_column("p_uncontacted_30d", pa.array(p * 0.8))
    return rows.append_column("contact_effect_30d", pa.array(np.full(p.size, effect)))


@pytest.mark.parametrize("effect", [0.0, 0.15])
def test_the_extra_money_is_what_the_truth_says(open_orders: Callable[..., pa.Table], effect: float) -> None:
    rows, errors, covered, ses = portfolio(open_orders, effect), [], 0, []
    for seed in range(5):
        year = simulated_year.play(rows, Experiment("e", seed, 0.2), Policy(), 15, seed)
        money = year.status.figures[-1].estimate
        assert year.status.refusal is None
        assert year.came_back > 0
        covered += money.low <= year.true_extra <= money.high
        errors.append(money.total - year.true_extra)
        ses.append((money.plain_high - money.plain_low) / 3.92)
    assert covered == 5
    assert abs(np.mean(errors)) <= 3 * np.mean(ses) / 5**0.5
    assert (effect == 0) == (year.true_extra == 0)

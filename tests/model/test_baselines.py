"""What the baselines rank by, and in which currency amounts may meet."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from payrec.model.evaluate import baselines
from payrec.model.evaluate.baselines import REPORTING


def table(**columns: list) -> pa.Table:
    n = len(next(iter(columns.values())))
    whole = {
        "outstanding_minor": [1000, 2000, 3000, 500_000][:n],
        "currency": ["EUR", "EUR", "EUR", "JPY"][:n],
        "age_days": [0, 30, 7, 7][:n],
        "cust_decided": [0, 10, 2, 1][:n],
        "cust_recovered_in_time": [0, 9, 0, 1][:n],
    }
    return pa.table({**whole, **columns})


def test_converted_amounts_are_used_only_if_every_row_has_one() -> None:
    whole = baselines.money(table(outstanding_reporting_minor=pa.array([1000, 2000, 3000, 3100])))
    assert whole.names == (REPORTING,)
    assert whole.outstanding_minor.tolist() == [1000, 2000, 3000, 3100]
    assert set(whole.unit.tolist()) == {0}
    gap = baselines.money(table(outstanding_reporting_minor=pa.array([1000, 2000, 3000, None])))
    assert gap.names == ("EUR", "JPY")
    assert gap.outstanding_minor.tolist() == [1000, 2000, 3000, 500_000]
    assert gap.unit.tolist() == [0, 0, 0, 1]


def test_an_unknown_currency_is_its_own_bucket() -> None:
    money = baselines.money(table(currency=["EUR", None, "EUR", None]))
    assert money.names == ("EUR", "unknown")
    assert money.unit.tolist() == [0, 1, 0, 1]


def test_history_is_drawn_to_the_mean_where_it_is_short() -> None:
    rng = np.random.default_rng(1)
    decided = rng.integers(0, 30, 3000)
    recovered = rng.binomial(decided, rng.beta(4, 6, 3000))
    learnt = pa.table({"cust_decided": decided, "cust_recovered_in_time": recovered})
    rates = baselines.history_rate(table(age_days=[0, 0, 0, 0]), learnt)
    assert rates[0] == pytest.approx(0.4, abs=0.02)
    assert rates[0] < rates[3] < rates[1] < 0.9
    assert rates[2] < rates[0]


def test_rankings() -> None:
    rows = table(age_days=[0, 30, 7, 7])
    p, history = np.array([0.9, 0.1, 0.5, 0.2]), np.array([0.4, 0.8, 0.3, 0.5])
    ranked = baselines.rankings(rows, p, history, baselines.money(rows))
    assert set(ranked) == {"model", *baselines.NAMES}
    assert ranked["model"].money.tolist() == [900.0, 200.0, 1500.0, 100_000.0]
    assert ranked["p_only"].money is ranked["p_only"].who
    assert ranked["oldest_first"].who.tolist() == [0, 30, 7, 7]
    assert np.ptp(ranked["random"].who) == 0
    assert ranked["history_rate"].money.tolist() == pytest.approx([400, 1600, 900, 250_000])
    # the middle of three in EUR, and the only one in JPY, stand in the middle of their currency
    assert ranked["amount"].who.tolist() == pytest.approx([1 / 6, 3 / 6, 5 / 6, 1 / 2])

"""What the contacts brought: worked by hand, unbiased, covered, always valid; and what refuses a figure."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payrec.monitor import experiment_status, extra_money
from payrec.monitor.extra_money import Units
from payrec.worklist.assignment import SCHEMA, Experiment

AT = datetime.fromisoformat("2026-03-01")
Array = Any


def units(contact: Array, share: float = 0.2, customer: Array | None = None) -> Units:
    n = len(contact)
    who = np.arange(n) if customer is None else customer
    return Units(who, np.zeros(n, dtype=np.int64), np.asarray(contact, dtype=bool), np.full(n, 1 - share))


def world(n: int, rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    """Draw amounts with a heavy tail, several orders a customer; return each order's customer and a, and both r."""
    of = np.repeat(np.arange(n), 1 + rng.poisson(0.6, n))
    amount = np.exp(rng.normal(np.log(60), 1.0, of.size))
    tail = rng.random(of.size) < 0.05
    amount[tail] = np.minimum(200 * (rng.pareto(1.8, tail.sum()) + 1), 5_000)
    p, u = rng.beta(1.2, 2, of.size), rng.random(of.size)
    contacted = u < np.clip(p + rng.normal(0.05, 0.05, of.size), 0, 1)
    return of, amount, contacted - p, (u < p) - p


def test_worked_by_hand() -> None:
    """Four contacted with 3, 1, 2, 2 and one held out with 1: 2 − 1 a customer, five customers with e = 0.8 make 4."""
    one = extra_money.estimate(units([1, 1, 1, 1, 0]), np.array([3.0, 1, 2, 2, 1]), 100)
    assert one.total == pytest.approx(4)
    assert one.low < one.plain_low < 4 < one.plain_high < one.high


@settings(max_examples=50)
@given(
    values=st.lists(st.floats(-1e4, 1e4), min_size=4, max_size=30), shift=st.floats(-1e4, 1e4),
    factor=st.floats(0.01, 100),
)  # fmt: skip
def test_a_shift_of_both_arms_changes_nothing_and_a_unit_only_scales(
    values: list[float], shift: float, factor: float
) -> None:
    contact = [number % 3 != 0 for number in range(len(values))]
    r, tolerance = np.array(values), {"abs": 1e-6 * (1 + abs(shift)) * len(values)}
    one = extra_money.estimate(units(contact), r, 50)
    assert extra_money.estimate(units(contact), r + shift, 50).total == pytest.approx(one.total, **tolerance)
    assert extra_money.estimate(units(contact), r * factor, 50).high == pytest.approx(
        one.high * factor, rel=1e-6, abs=1e-6
    )
    means = [r[np.array(contact) == arm].mean() for arm in (True, False)]
    assert one.total == pytest.approx(0.8 * len(values) * (means[0] - means[1]), **tolerance)


def test_the_extra_money_is_unbiased_and_covered_with_heavy_tails() -> None:
    """300 assignments of one portfolio; within three standard errors of what simulation itself leaves uncertain."""
    rng = np.random.default_rng(5)
    n = 1_500
    of, amount, contacted, held = world(n, rng)
    r1, r0 = (np.bincount(of, amount * surprise, n) for surprise in (contacted, held))
    truth = 0.8 * (r1 - r0).sum()
    errors, covered, ses = [], 0, []
    for _ in range(300):
        contact = rng.random(n) >= 0.2
        one = extra_money.estimate(units(contact), np.where(contact, r1, r0), n)
        errors.append(one.total - truth)
        ses.append((one.plain_high - one.plain_low) / 3.92)
        covered += one.plain_low <= truth <= one.plain_high
    assert abs(np.mean(errors)) <= 3 * np.std(errors) / 300**0.5
    assert 0.91 <= covered / 300 <= 0.99
    assert np.mean(ses) == pytest.approx(np.std(errors), rel=0.15)


def test_the_sequence_may_be_looked_at_every_week() -> None:
    """40 years without an effect, 100 customers a week, some of them again and again: at most 2 ever leave out 0."""
    missed = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        n = 5_200
        of, amount, _, held = world(n, rng)
        r, contact, customer = np.bincount(of, amount * held, n), rng.random(n) >= 0.2, rng.integers(0, 4_000, n)
        looks = [slice(0, 100 * week) for week in range(10, 53)]
        known = [
            extra_money.estimate(units(contact[look], customer=customer[look]), r[look], 2_600).is_known
            for look in looks
        ]
        missed += any(known)
    assert missed <= 2


def test_the_plan_says_the_median_week() -> None:
    rng = np.random.default_rng(1)
    effect, weeks = 0.10, []
    r = rng.choice([0.6, -0.4], 4_000, p=[0.4, 0.6])
    planned = extra_money.planned_customers(r, effect, 0.2)
    for _ in range(40):
        contact = rng.random(4_000) >= 0.2
        observed = np.where(rng.random(4_000) < 0.4 + effect * contact, 0.6, -0.4)
        known = (
            week for week in range(3, 41)
            if extra_money.estimate(units(contact[: 100 * week]), observed[: 100 * week], planned).low > 0
        )  # fmt: skip
        weeks.append(next(known, 99))
    assert extra_money.forecast(r, effect, 0.2, 100, 0).weeks == pytest.approx(np.median(weeks), rel=0.2)


def test_a_larger_share_is_faster_and_gives_up_more_for_one_customer() -> None:
    r = np.random.default_rng(1).normal(size=500)
    rows = [extra_money.forecast(r, 0.1, share, 100, 4) for share in (0.5, 0.2, 0.1, 0.05)]
    assert [row.weeks for row in rows] == sorted(row.weeks for row in rows)
    assert [row.given_up for row in rows] == sorted((row.given_up for row in rows), reverse=True)


def test_an_a_a_check_covers_zero() -> None:
    r = np.random.default_rng(2).lognormal(3, 1, 800)
    assert 0.9 <= extra_money.placebo_coverage(r, 0.2, 1) <= 0.99


def drawn(arms: list[str], as_of: datetime = AT, stratum: str = "top") -> pa.Table:
    e = {"top": 0.8, "exempt": 1.0}[stratum]
    rows = [
        {"customer_id": f"{stratum[0]}{n}", "epoch": 1, "random_number": 0.5, "arm": arm, "propensity": e,
         "stratum": stratum, "rank_if_free": n + 1, "as_of": as_of}
        for n, arm in enumerate(arms)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def orders(assigned: pa.Table, recovered: Any, amount: Any = lambda n: 100, contacted: Any = lambda arm: 0) -> pa.Table:
    rows = [
        {"customer_id": row["customer_id"], "epoch": 1, "outstanding_value": f"{amount(n)}.00", "ev_currency": "EUR",
         "p_recover": 0.5, "label": recovered(n, row["arm"]), "is_contacted": contacted(row["arm"])}
        for n, row in enumerate(assigned.to_pylist())
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows)
    return table.set_column(2, "outstanding_value", table["outstanding_value"].cast(pa.decimal128(18, 2)))


def status(assigned: pa.Table, rows: pa.Table, until: datetime | None = AT + timedelta(days=31)) -> Any:
    return experiment_status.status(Experiment("e1", 1, 0.2), AT, None, assigned, rows, until)


ARMS = ["hold" if n % 5 == 0 else "contact" for n in range(600)]


def test_three_figures_in_one_order_with_words() -> None:
    assigned = pa.concat_tables([drawn(ARMS), drawn(["contact"] * 3, stratum="exempt")])
    rows = orders(
        assigned, lambda n, arm: int(n % 10 < (9 if arm == "contact" else 5)),
        contacted=lambda arm: int(arm == "contact"),
    )  # fmt: skip
    now = status(assigned, rows)
    assert [(one.measure, one.unit) for one in now.figures] == [("points", "%"), ("capped", "EUR"), ("money", "EUR")]
    assert now.verdict == "more"
    assert now.exempt == 3
    assert now.contacted == {"contact": 1.0, "hold": 0.0}
    words = experiment_status.sentences(now)
    assert words[0].startswith("Recovery: the list brought back ")
    assert "since 1 March 2026" in words[2]
    assert words[-1].startswith("3 customers that owe more than the limit")


@pytest.mark.parametrize(
    ("assigned", "until", "reason"),
    [
        (drawn(ARMS), AT + timedelta(days=29), "no epoch has ended"),
        (drawn(ARMS), None, "no epoch has ended"),
        (drawn(["contact"] * 9), AT + timedelta(days=60), "nobody of the arm hold"),
        (drawn(["contact"] * 300 + ["hold"] * 10), AT + timedelta(days=60), "other shares than they were drawn with"),
    ],
)
def test_no_comparison_without_mature_epochs_both_arms_and_the_shares_drawn(
    assigned: pa.Table, until: datetime | None, reason: str
) -> None:
    now = status(assigned, orders(assigned, lambda n, arm: n % 2), until)
    assert now.verdict == "cannot tell"
    assert reason in now.refusal
    assert any(reason in line for line in experiment_status.sentences(now))


def test_held_out_customers_that_people_contact_are_counted_and_above_half_refused() -> None:
    assigned = drawn(ARMS)
    now = status(assigned, orders(assigned, lambda n, arm: n % 2, contacted=lambda arm: 1))
    assert now.refusal == "100% of the customers held out were contacted all the same"
    assert "and 100% of those held out." in experiment_status.sentences(now)[-1]


def test_few_recovered_orders_and_one_giant_give_no_money_figure() -> None:
    assigned = drawn(ARMS[:100])
    now = status(assigned, orders(assigned, lambda n, arm: n % 2))
    assert [one.refusal is None for one in now.figures] == [True, False, False]
    assert "only 10 recovered orders in the smaller arm" in now.figures[1].refusal
    giant = status(drawn(ARMS), orders(drawn(ARMS), lambda n, arm: n % 2, lambda n: 100_000 if n == 7 else 50))
    assert [one.refusal is None for one in giant.figures] == [True, True, False]
    assert "largest customers carry 100% of the variance; see the capped figure" in giant.figures[2].refusal


def test_equal_amounts_are_no_trouble() -> None:
    now = status(drawn(ARMS), orders(drawn(ARMS), lambda n, arm: n % 2))
    assert all(math.isfinite(one.estimate.total) for one in now.figures)
    assert now.figures[1].estimate == now.figures[2].estimate

"""Arms of an experiment: random by hash, one a customer and epoch, drawn before the list, the same on a replay."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payrec.worklist import rank
from payrec.worklist.assignment import (
    CONTACT,
    EXEMPT,
    EXPLORED,
    HOLD,
    SCHEMA,
    TOP,
    Experiment,
    Running,
    drawn,
    random_numbers,
)
from payrec.worklist.policy import Owner, Policy

Make = Callable[..., pa.Table]
AS_OF = datetime.fromisoformat("2026-01-31")

order = st.fixed_dictionaries(
    {
        "outstanding_minor": st.integers(1, 60_000),
        "p_recover_30d": st.one_of(st.none(), st.floats(0, 1)),
        "currency": st.sampled_from(["EUR", "EUR", "EUR", "USD"]),
        "is_disputed": st.sampled_from([0, 0, 0, 1]),
        "is_opted_out": st.sampled_from([0, 0, 0, 0, 1]),
        "customer_id": st.sampled_from([f"c{number}" for number in range(12)]),
        "country": st.sampled_from(["DE", "FR"]),
    }
)
portfolios = st.lists(order, min_size=1, max_size=30)
experiments = st.builds(
    Experiment,
    experiment_id=st.just("e1"),
    seed=st.integers(0, 2**40),
    share=st.sampled_from([0.05, 0.2, 0.5]),
    explore_share=st.sampled_from([0.0, 0.2, 0.5]),
    max_amount=st.sampled_from([{}, {"EUR": Decimal(300)}]),
)


def lists(rows: pa.Table, policy: Policy, experiment: Experiment, earlier: pa.Table | None = None) -> Any:
    running = Running(experiment, SCHEMA.empty_table() if earlier is None else earlier)
    return rank.assigned_lists(rows, policy, None, running)


def test_numbers_worked_by_hand() -> None:
    """First 53 bits of the output of: printf '[7, "e1", "arm", 1, "c1"]' | sha256sum, which begins with d2005fdd."""
    assert random_numbers(Experiment("e1", 7, 0.2), ["c1"], [1]).tolist() == [7388769606425621 / 2**53]


@settings(max_examples=150)
@given(
    listed=portfolios,
    experiment=experiments,
    most=st.one_of(st.none(), st.integers(0, 6)),
    owners=st.booleans(),
)
def test_every_flag_has_an_arm_and_a_holdout_hides_no_other_reason(
    open_orders: Make, listed: list[dict[str, Any]], experiment: Experiment, most: int | None, owners: bool
) -> None:
    by_owner = {"owner": Owner(column="country", of={"DE": "ana", "FR": "bo"})} if owners else {}
    limits = {"total": most} | ({"owner": {"ana": 1, "bo": 2}} if owners else {})
    policy, rows = Policy(capacity=limits, **by_owner), open_orders(*listed)
    free_orders, free = rank.ranked_lists(rows, policy)
    orders, customers, arms = lists(rows, policy, experiment)
    new = {row["customer_id"]: row for row in arms.new.to_pylist()}
    held = {name for name, row in new.items() if row["arm"] == HOLD}
    assert len(new) == arms.new.num_rows, "one arm a customer, whatever it owes"
    for row in customers.to_pylist():
        name = row["customer_id"]
        assert row["arm"] == (new[name]["arm"] if name in new else None)
        if row["priority_flag"]:
            assert row["arm"] == CONTACT
        if row["rank"] is not None:
            assert name not in held
    owed = {row["customer_id"] for row in free.to_pylist() if row["ev_currency"] == "EUR"
            and row["outstanding_value"] > experiment.max_amount.get("EUR", 10**9)}  # fmt: skip
    assert not owed & held
    assert all((row["stratum"] == EXEMPT) == (name in owed) == (row["propensity"] == 1) for name, row in new.items())
    before = {row["order_id"]: row for row in free_orders.to_pylist()}
    for row in orders.to_pylist():
        was = before[row["order_id"]]
        expected = "held_out" if row["customer_id"] in held and was["rank"] else was["suppressed_reason"]
        assert row["suppressed_reason"] == expected
    flagged = sum(row["priority_flag"] for row in customers.to_pylist())
    paying = sum(1 for row in customers.to_pylist() if row["rank"] and row["net_value"] >= 0)
    if not owners:
        assert flagged == (paying if most is None else min(most, paying)), "a holdout leaves no contact unused"
        explored = sum(row["stratum"] == EXPLORED and row["arm"] == CONTACT for row in new.values())
        assert explored <= paying
        assert {row["rank_if_free"] > (most or 0) for row in new.values() if row["stratum"] == EXPLORED} <= {True}


@settings(max_examples=60)
@given(listed=portfolios, experiment=experiments, most=st.integers(0, 6), seed=st.integers(0, 99))
def test_arms_depend_on_no_order_of_rows_and_stay_for_the_epoch(
    open_orders: Make, listed: list[dict[str, Any]], experiment: Experiment, most: int, seed: int
) -> None:
    policy, rows = Policy(capacity={"total": most}), open_orders(*listed)
    _, _, first = lists(rows, policy, experiment)
    shuffled = rows.take(pa.array(np.random.default_rng(seed).permutation(rows.num_rows)))
    assert lists(shuffled, policy, experiment)[2].new == first.new
    for days, number in ((-1, 1), (1, 1), (29, 1), (30, 2)):  # a clock that goes back changes no arm
        at = pa.array([AS_OF + timedelta(days=days)] * rows.num_rows, pa.timestamp("us"))
        later = rows.set_column(rows.column_names.index("as_of"), "as_of", at)
        _, customers, arms = lists(later, policy, experiment, first.new)
        again = {row["customer_id"]: row["epoch"] for row in arms.new.to_pylist()}
        arm_of = {row["customer_id"]: row["arm"] for row in first.new.to_pylist()}
        if number == 1:
            assert not set(again) & set(arm_of), "nobody is drawn twice in an epoch"
            assert {
                r["arm"] == arm_of[r["customer_id"]] for r in customers.to_pylist() if r["customer_id"] in arm_of
            } <= {True}
        assert all(epoch == (number if name in arm_of else 1) for name, epoch in again.items())


def test_each_stratum_is_held_out_with_its_probability(open_orders: Make) -> None:
    """400 seeds, 40 customers, 10 contacts: shares within four standard errors of what the propensity says."""
    rows = open_orders(*({"customer_id": f"c{n}", "outstanding_minor": 100 * (n + 1)} for n in range(40)))
    _, customers = rank.ranked_lists(rows, Policy(capacity={"total": 10}))
    counts = {(stratum, arm): 0 for stratum in (TOP, EXPLORED) for arm in (CONTACT, HOLD)}
    first_held = 0
    for seed in range(400):
        arms = drawn(customers, Running(Experiment("e", seed, 0.2), SCHEMA.empty_table()), AS_OF, 10)
        new = arms.new.to_pylist()
        for row in new:
            counts[row["stratum"], row["arm"]] += 1
            first_held += row["rank_if_free"] == 1 and row["arm"] == HOLD
        assert sum(row["arm"] == CONTACT for row in new) == 10
    for stratum, held in ((TOP, 0.2), (EXPLORED, 0.5)):
        count = counts[stratum, CONTACT] + counts[stratum, HOLD]
        assert counts[stratum, HOLD] / count == pytest.approx(held, abs=4 * (held * (1 - held) / count) ** 0.5)
    assert first_held / 400 == pytest.approx(0.2, abs=0.08)
    assert counts[EXPLORED, CONTACT] / 400 == pytest.approx(2, abs=0.3), "a fifth of the contacts"


def test_explored_customers_stand_among_the_first_for_three_days(open_orders: Make) -> None:
    rows = open_orders(*({"customer_id": f"c{n:02}", "outstanding_minor": 100 * (n + 1)} for n in range(50)))
    policy, experiment = Policy(capacity={"total": 10}), Experiment("e", 3, 0.2)
    _, customers, arms = lists(rows, policy, experiment)
    explored = set(arms.explored.to_pylist())
    assert explored
    flagged = {row["customer_id"]: row["rank"] for row in customers.to_pylist() if row["priority_flag"]}
    assert explored <= set(flagged)
    assert max(flagged.values()) == 10
    for days, still in ((2, True), (3, False)):
        at = pa.array([AS_OF + timedelta(days=days)] * rows.num_rows, pa.timestamp("us"))
        later = rows.set_column(rows.column_names.index("as_of"), "as_of", at)
        _, _, now = lists(later, policy, experiment, arms.new)
        assert (explored <= set(now.explored.to_pylist())) is still


def test_a_customer_held_out_that_comes_to_owe_more_than_the_limit_is_free(open_orders: Make) -> None:
    rows = open_orders({"customer_id": "c1", "outstanding_minor": 20_000})
    experiment = Experiment("e", 0, 0.999, max_amount={"EUR": Decimal(300)})
    _, _, first = lists(rows, Policy(), experiment)
    assert first.held.to_pylist() == ["c1"]
    richer = open_orders({"customer_id": "c1", "outstanding_minor": 40_000})
    _, customers, arms = lists(richer, Policy(), experiment, first.new)
    assert arms.held.to_pylist() == []
    assert customers["priority_flag"].to_pylist() == [1]

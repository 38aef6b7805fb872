"""The list by customer: sums, ranks, capacity, and which orders silence their customer."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import combinations
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payrec.worklist import action_marks, customer_list, rank
from payrec.worklist.policy import Channel, Policy

Make = Callable[..., pa.Table]
MONEY = ("ev_recovered", "outstanding_value")

order = st.fixed_dictionaries(
    {
        "outstanding_minor": st.integers(1, 30_000),
        "p_recover_30d": st.one_of(st.none(), st.floats(0, 1)),
        "currency": st.sampled_from(["EUR", "EUR", "USD"]),
        "is_disputed": st.sampled_from([0, 0, 0, 1]),
        "is_opted_out": st.sampled_from([0, 0, 0, 0, 1]),
        "customer_id": st.sampled_from(["a", "b", "c", "d"]),
        "age_days": st.integers(0, 200),
    }
)
orders = st.lists(order, min_size=1, max_size=12)


def policy(cost: str = "0", **settings: Any) -> Policy:
    amount = Decimal(cost)
    return Policy(channel=(Channel(name="call", cost={"EUR": amount, "USD": amount}),), **settings)


def total(rows: list[dict[str, Any]], column: str, currency: str) -> Decimal:
    return sum((row[column] or Decimal() for row in rows if row["ev_currency"] == currency), Decimal())


@settings(max_examples=40)
@given(listed=orders, most=st.integers(0, 5))
def test_sums_of_customers_are_sums_of_orders_in_each_currency(
    open_orders: Make, listed: list[dict[str, Any]], most: int
) -> None:
    by_order, by_customer = (
        table.to_pylist() for table in rank.ranked_lists(open_orders(*listed), policy(capacity={"total": most}))
    )
    for currency in ("EUR", "USD"):
        open_value = total(by_order, "outstanding_value", currency)
        ranked = [row for row in by_order if row["rank"]]
        assert total(by_customer, "outstanding_value", currency) == open_value
        assert total(by_customer, "ev_recovered", currency) == total(ranked, "ev_recovered", currency)
        assert sum(total(by_customer, name, currency) for name in customer_list.AGED) == open_value
        disputed = [row for row in by_order if "disputed" in f"{row['suppressed_reason']},{row['suppressed_also']}"]
        assert total(by_customer, "disputed_value", currency) == total(disputed, "outstanding_value", currency)
    assert sum(row["orders_open"] for row in by_customer) == len(by_order)
    assert sum(row["orders_ranked"] for row in by_customer) == sum(row["rank"] is not None for row in by_order)
    ranks = [row["rank"] for row in by_customer if row["rank"]]
    assert ranks == list(range(1, len(ranks) + 1))
    assert sum(row["priority_flag"] for row in by_customer) == min(most, len(ranks))
    where = {(row["customer_id"], row["ev_currency"]): row["rank"] for row in by_customer}
    assert all(row["customer_rank"] == where[row["customer_id"], row["ev_currency"]] for row in by_order)
    assert all((row["rank"] is None) == (row["suppressed_reason"] is not None) for row in by_customer)


@settings(max_examples=40)
@given(listed=orders, most=st.integers(0, 5))
def test_the_chosen_orders_are_worth_what_the_chosen_customers_are(
    open_orders: Make, listed: list[dict[str, Any]], most: int
) -> None:
    by_order, by_customer = rank.ranked_lists(open_orders(*listed), policy(capacity={"total": most}))
    chosen = by_order.filter(pa.array(customer_list.chosen_orders(by_order, by_customer))).to_pylist()
    flagged = [row for row in by_customer.to_pylist() if row["priority_flag"]]
    for currency in ("EUR", "USD"):
        assert total(chosen, "ev_recovered", currency) == total(flagged, "ev_recovered", currency)
    assert len(chosen) == sum(row["orders_ranked"] for row in flagged)
    own_flags = customer_list.chosen_orders(by_order, None)
    assert own_flags.tolist() == [row["priority_flag"] == 1 for row in by_order.to_pylist()]


@settings(max_examples=40)
@given(listed=orders)
def test_the_list_of_orders_does_not_depend_on_the_unit(open_orders: Make, listed: list[dict[str, Any]]) -> None:
    rows = open_orders(*listed)
    assert rank.rank(rows, policy(unit="order")) == rank.rank(rows, policy(unit="customer"))


@settings(max_examples=40)
@given(listed=orders)
def test_a_suppressed_order_adds_no_value(open_orders: Make, listed: list[dict[str, Any]]) -> None:
    disputed = {"customer_id": "a", "is_disputed": 1, "outstanding_minor": 99_999}
    before, after = (
        {
            (row["customer_id"], row["ev_currency"]): (row["rank"], row["ev_recovered"], row["net_value"])
            for row in rank.ranked_lists(open_orders(*rows), policy("1.50"))[1].to_pylist()
        }
        for rows in (listed, [*listed, disputed])
    )
    assert {key: value for key, value in after.items() if key in before} == before


@settings(max_examples=40)
@given(listed=orders)
def test_with_one_order_per_customer_both_lists_are_one(open_orders: Make, listed: list[dict[str, Any]]) -> None:
    own = [row | {"customer_id": f"o{at}"} for at, row in enumerate(listed)]  # the id of the order
    by_order, by_customer = rank.ranked_lists(open_orders(*own), policy("1.50", capacity={"total": 3}))
    same = ("rank", "priority_flag", "net_value", "suppressed_reason", "owner", "channel")
    left = {row["customer_id"]: [row[name] for name in same] for row in by_order.to_pylist()}
    right = {row["customer_id"]: [row[name] for name in same] for row in by_customer.to_pylist()}
    for row in by_order.to_pylist():
        if row["rank"] is None:  # of an order without a rank the net value is only shown
            left[row["customer_id"]][2] = right[row["customer_id"]][2] = None
    assert left == right


@settings(max_examples=40)
@given(listed=orders, most=st.integers(0, 3))
def test_no_other_customers_are_worth_more(open_orders: Make, listed: list[dict[str, Any]], most: int) -> None:
    euro = [row | {"currency": "EUR"} for row in listed]
    rows = rank.ranked_lists(open_orders(*euro), policy("3.00", capacity={"total": most}))[1].to_pylist()
    chosen = sum((row["net_value"] for row in rows if row["priority_flag"]), Decimal())
    values = [row["net_value"] for row in rows if row["rank"]]
    for size in range(min(most, len(values)) + 1):
        assert all(sum(others, Decimal()) <= chosen for others in combinations(values, size))


def test_two_orders_of_one_customer_cost_one_call(open_orders: Make) -> None:
    rows = open_orders(
        {"customer_id": "a", "outstanding_minor": 10_000, "age_days": 10},  # 50.00 expected
        {"customer_id": "a", "outstanding_minor": 6_000, "age_days": 100},  # 30.00
        {"customer_id": "b", "outstanding_minor": 12_000, "age_days": 0},  # 60.00
    )
    first, second = rank.ranked_lists(rows, policy("4.00", capacity={"total": 1}))[1].to_pylist()
    assert (first["customer_id"], first["ev_recovered"], first["net_value"]) == (
        "a",
        Decimal("80.00"),
        Decimal("76.00"),
    )
    assert (first["aged_1_30"], first["aged_over_90"], first["overdue_value"]) == tuple(map(Decimal, (100, 60, 160)))
    assert (first["top_order_id"], first["orders_ranked"], first["oldest_age_days"]) == ("o0", 2, 100)
    assert (second["customer_id"], second["priority_flag"], second["aged_current"]) == ("b", 0, Decimal(120))


@pytest.mark.parametrize(("column", "quiet"), [("is_opted_out", True), ("is_disputed", False)])
def test_which_orders_silence_their_customer(open_orders: Make, column: str, quiet: bool) -> None:
    rows = open_orders({"customer_id": "a"}, {"customer_id": "a", column: 1})
    (row,) = rank.ranked_lists(rows, policy())[1].to_pylist()
    assert (row["rank"] is None) == quiet
    assert row["suppressed_reason"] == ("opted_out" if quiet else None)
    assert row["disputed_value"] == (0 if quiet else 100)
    assert row["ev_recovered"] == 50  # what its other order would bring, so that sums agree


def test_who_works_a_customer_is_assigned_else_loaded_else_of_the_policy(open_orders: Make) -> None:
    rows = open_orders(*({"customer_id": name, "order_id": name} for name in "abcd"))
    marks = pa.Table.from_pylist(
        [
            {"customer_id": "a", "mark": "loaded_owner", "text": "kim"},
            {"customer_id": "b", "mark": "loaded_owner", "text": "kim"},
            {"customer_id": "b", "mark": "assigned", "text": "lee"},
            {"customer_id": "b", "mark": "assigned", "text": "ann"},
            {"customer_id": "c", "mark": "assigned", "order_id": "other", "text": "lee"},
        ],
        schema=action_marks.SCHEMA,
    )
    ruled = policy(owner={"column": "customer_id", "of": {"a": "rule", "b": "rule", "d": "rule"}})
    by_order, by_customer = rank.ranked_lists(rows, ruled, marks=marks)
    owners = {"a": "kim", "b": "ann", "c": None, "d": "rule"}
    assert {row["customer_id"]: row["owner"] for row in by_order.to_pylist()} == owners
    assert {row["customer_id"]: row["owner"] for row in by_customer.to_pylist()} == owners

"""Customers of one parent are one contact; what needs no person takes up no contact."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.open_orders import AS_OF
from tests.worklist.test_customer_list import order, policy

from payrec.common.errors import UsageError
from payrec.worklist import action_marks, policy_tables, rank
from payrec.worklist.assignment import SCHEMA, Experiment, Running
from payrec.worklist.policy import Cap, Policy

Make = Callable[..., pa.Table]
NAMES = ("a", "b", "c", "d")
orders = st.lists(order, min_size=1, max_size=12)
parents = st.dictionaries(st.sampled_from(NAMES), st.sampled_from([*NAMES, "holding", "other"]))
OF_CONTACT = {"rank", "net_value", "channel", "priority_flag", "contact_group", "contact_no"}


def marks(parent_of: dict[str, str]) -> pa.Table:
    rows = [{"customer_id": name, "mark": "parent", "text": parent} for name, parent in parent_of.items()]
    return pa.Table.from_pylist([row for row in rows if row["customer_id"] != row["text"]], schema=action_marks.SCHEMA)


def by_key(customers: pa.Table) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["customer_id"], row["ev_currency"]): row for row in customers.to_pylist()}


@settings(max_examples=40)
@given(listed=orders, parent_of=parents, most=st.integers(0, 4))
def test_a_group_is_one_contact_with_one_cost_and_each_customer_keeps_sums_and_suppressions(
    open_orders: Make, listed: list[dict[str, Any]], parent_of: dict[str, str], most: int
) -> None:
    rows = open_orders(*listed)
    grouped, alone = (
        by_key(
            rank.ranked_lists(rows, policy("1", capacity={"total": most}, customer=rules), marks=marks(parent_of))[1]
        )
        for rules in ({}, {"by_parent": False})
    )
    kept = [{name: value for name, value in row.items() if name not in OF_CONTACT} for row in grouped.values()]
    assert kept == [{name: value for name, value in alone[key].items() if name not in OF_CONTACT} for key in grouped]
    ranked = sorted((row for row in grouped.values() if row["rank"]), key=lambda row: row["rank"])
    assert [row["rank"] for row in ranked] == list(range(1, len(ranked) + 1))
    numbers = [row["contact_no"] for row in ranked]
    assert numbers == sorted(numbers), "those of a contact stand together"
    contacts: dict[int, list[dict[str, Any]]] = {}
    for row in ranked:
        contacts.setdefault(row["contact_no"], []).append(row)
    assert list(contacts) == list(range(1, len(contacts) + 1))
    values = [sum(row["net_value"] for row in of) for of in contacts.values()]
    for value, of in zip(values, contacts.values(), strict=True):
        assert len({(row["contact_group"] or row["customer_id"], row["ev_currency"]) for row in of}) == 1
        assert value == sum(row["ev_recovered"] for row in of) - Decimal(1)
        assert len({row["priority_flag"] for row in of}) == 1
    flagged = [of for of in contacts.values() if of[0]["priority_flag"]]
    assert len(flagged) == min(most, sum(value >= 0 for value in values))


@settings(max_examples=30)
@given(listed=orders, parent_of=parents, seed=st.integers(0, 2**40), share=st.sampled_from([0.2, 0.5]))
def test_customers_of_one_parent_have_one_arm_tonight_and_on_the_next_night(
    open_orders: Make, listed: list[dict[str, Any]], parent_of: dict[str, str], seed: int, share: float
) -> None:
    experiment, rules = Experiment("e1", seed, share, 0.5), Policy(capacity={"total": 2})
    earlier = SCHEMA.empty_table()
    for night in range(2):
        rows = open_orders(*listed[: len(listed) // (2 - night)] or listed)
        moment = pa.array([AS_OF + timedelta(days=night)] * rows.num_rows, pa.timestamp("us"))
        rows = rows.set_column(rows.column_names.index("as_of"), "as_of", moment)
        _, customers, arms = rank.assigned_lists(rows, rules, None, Running(experiment, earlier), marks(parent_of))
        arm_of: dict[str, set[str]] = {}
        for row in customers.to_pylist():
            if row["arm"]:
                arm_of.setdefault(row["contact_group"] or row["customer_id"], set()).add(row["arm"])
        assert all(len(of_group) == 1 for of_group in arm_of.values())
        assert arms is not None
        earlier = pa.concat_tables([earlier, arms.new])


def test_a_contact_with_one_customer_of_a_parent_counts_in_the_caps_of_the_others(open_orders: Make) -> None:
    rows = open_orders({"customer_id": "a"}, {"customer_id": "b"}, {"customer_id": "c"})
    call = {"customer_id": "a", "order_id": None, "event_type": "contact", "channel": None}
    recent = pa.Table.from_pylist([call | {"known_at": AS_OF - timedelta(days=1)}])
    recent = recent.set_column(4, "known_at", recent["known_at"].cast(pa.timestamp("us")))
    rules = Policy(cap=(Cap(count=1, window_days=7),))
    listed = rank.ranked_lists(rows, rules, recent, marks({"a": "holding", "b": "holding"}))[1].to_pylist()
    reasons = {row["customer_id"]: row["suppressed_reason"] for row in listed}
    assert reasons == {"a": "contact_cap", "b": "contact_cap", "c": None}
    assert {row["contact_group"] for row in listed} == {"holding", None}


def test_what_a_machine_does_takes_up_no_contact(open_orders: Make) -> None:
    codes = {"a": "insufficient_funds", "b": "expired_card", "c": None, "d": "insufficient_funds"}
    listed = [{"customer_id": name, "reason_code": code, "provider": "stripe", "outstanding_minor": 50_000 - at}
              for at, (name, code) in enumerate(codes.items())]  # fmt: skip
    rows = open_orders(*listed, {"customer_id": "d", "outstanding_minor": 1})
    one_list = by_key(rank.ranked_lists(rows, Policy(capacity={"total": 2}))[1])
    assert {name for (name, _), row in one_list.items() if row["priority_flag"]} == {"a", "b"}
    two_lists = by_key(rank.ranked_lists(rows, Policy(capacity={"total": 2, "retry": 1}))[1])
    assert {name for (name, _), row in two_lists.items() if row["priority_flag"]} == {"c", "d"}, "d has an invoice, too"
    assert {name: row["machine_flag"] for (name, _), row in two_lists.items()} == {"a": 1, "b": 0, "c": None, "d": None}
    assert [row["outstanding_value"] for row in two_lists.values()] == [
        one_list[key]["outstanding_value"] for key in two_lists
    ]


def test_a_list_of_retries_has_no_part_of_its_own_for_a_machine() -> None:
    with pytest.raises(UsageError, match=r"capacity\.retry is a part of the list of customers"):
        policy_tables.validated(Policy, {"action": "retry", "capacity": {"retry": 5}}, "policy.toml")

"""Ranking by what a contact adds: to the cent, within the ranks assigned at random, and only where it was measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from payrec.common.errors import CannotTell
from payrec.model.recipes.contact_effect import ContactEffect, EffectColumn
from payrec.worklist import rank
from payrec.worklist.policy import Policy, Valuation, fingerprint

Make = Callable[..., pa.Table]
PUSH = ContactEffect(0.0, 1.0, (), 0.2, 100)  # from 0.5 to 0.731058579, from 0.9 to 0.960729
BY_COUNTRY = replace(PUSH, push=0.0, columns=(EffectColumn("country", "DE", 0.0, 1.0, 0.0, 1.0),))


def lists(rows: pa.Table, effect: ContactEffect | None, rank_by: Any = "auto") -> tuple[Any, Any]:
    policy = Policy(value=Valuation(rank_by=rank_by))
    orders, customers, _ = rank.assigned_lists(rows, policy, effect=effect)
    return orders, customers


def portfolio(open_orders: Make) -> pa.Table:
    """A sure payer that owes most, one in the middle, and one in a country where no contact moves anybody."""
    return open_orders(
        {"order_id": "o1", "customer_id": "c1", "outstanding_minor": 12_000, "p_recover_30d": 0.9, "country": "DE"},
        {"order_id": "o2", "customer_id": "c2", "outstanding_minor": 10_000, "p_recover_30d": 0.5, "country": "DE"},
        {"order_id": "o3", "customer_id": "c3", "outstanding_minor": 11_000, "p_recover_30d": 0.5, "country": "FR"},
    )


def test_extra_money_worked_by_hand(open_orders: Make) -> None:
    """100.00 at 0.5: a push of one moves it to 0.731058579, so 23.11 are added; 120.00 at 0.9 gain 0.060729."""
    orders, customers = lists(portfolio(open_orders), PUSH)
    by_id = {row["order_id"]: row for row in orders.to_pylist()}
    assert by_id["o2"]["p_if_not"] == 0.5
    assert by_id["o2"]["p_if_contacted"] == 0.731058579
    assert [by_id[name]["extra_recovered"] for name in ("o1", "o2", "o3")] == [
        Decimal("7.29"), Decimal("23.11"), Decimal("25.42"),
    ]  # fmt: skip
    assert orders["order_id"].to_pylist() == ["o3", "o2", "o1"]
    assert customers["customer_id"].to_pylist() == ["c3", "c2", "c1"]
    assert customers["net_value"].to_pylist() == customers["extra_recovered"].to_pylist()
    assert [by_id[name]["contact_kind"] for name in ("o1", "o2")] == ["pays anyway", "can be moved"]
    assert by_id["o1"]["ev_recovered"] == Decimal("108.00"), "expected money is what it was"


def test_what_a_contact_does_not_change_comes_last_and_harm_is_left_alone(open_orders: Make) -> None:
    orders, _ = lists(portfolio(open_orders), BY_COUNTRY)
    assert orders["order_id"].to_pylist() == ["o2", "o1", "o3"]
    orders, customers = lists(portfolio(open_orders), replace(PUSH, push=-1.0))
    assert set(orders["contact_kind"].to_pylist()) == {"better left alone"}
    assert customers["priority_flag"].to_pylist() == [0, 0, 0]


def test_customers_beyond_the_ranks_that_were_assigned_follow_by_expected_money(open_orders: Make) -> None:
    """By expected money c1, c3, c2; only the first two were in reach."""
    _, customers = lists(portfolio(open_orders), replace(PUSH, reach=2))
    assert customers["customer_id"].to_pylist() == ["c3", "c1", "c2"]
    assert customers["net_value"].to_pylist() == [Decimal("25.42"), Decimal("7.29"), Decimal("50.00")]


def test_expected_ranks_as_without_an_effect_and_extra_needs_one(open_orders: Make) -> None:
    rows = portfolio(open_orders)
    plain, measured = (lists(rows, effect, "expected") for effect in (None, PUSH))
    for one, other in zip(plain, measured, strict=True):
        new = [name for name in one.column_names if name not in (
            "p_if_contacted", "p_if_not", "extra_recovered", "contact_kind")]  # fmt: skip
        assert one.select(new).equals(other.select(new))
    assert plain[0]["p_if_contacted"].null_count == 3
    assert lists(rows, None, "auto")[1].equals(plain[1])
    with pytest.raises(CannotTell, match="no experiment shows"):
        lists(rows, None, "extra")


def test_policies_from_before_rank_by_keep_their_fingerprint() -> None:
    assert fingerprint(Policy()) == fingerprint(Policy(value=Valuation(rank_by="auto")))
    assert fingerprint(Policy()) != fingerprint(Policy(value=Valuation(rank_by="extra")))

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payrec.common.errors import DataRefused
from payrec.worklist import policy as policies
from payrec.worklist import rank

Make = Callable[..., pa.Table]

order = st.fixed_dictionaries(
    {
        "outstanding_minor": st.integers(-50, 3_000),
        "p_recover_30d": st.one_of(st.none(), st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(0, 1)),
        "currency": st.sampled_from(["EUR", "EUR", "USD"]),
        "is_disputed": st.sampled_from([0, 0, 0, 1, None]),
        "is_opted_out": st.sampled_from([0, 0, 0, 1]),
        "customer_id": st.sampled_from(["a", "b", "c"]),
    }
)
orders = st.lists(order, max_size=8)


def policy(**settings: Any) -> policies.Policy:
    return policies.Policy(**settings)


def channels(cost: str) -> tuple[policies.Channel, ...]:
    money = Decimal(cost)
    return (policies.Channel(name="email", cost={"EUR": money, "USD": money}),)


@given(found=orders, total=st.integers(0, 9))
def test_ranked_rows_are_a_permutation_and_never_suppressed(
    open_orders: Make, found: list[dict[str, Any]], total: int
) -> None:
    ranked = rank.rank(open_orders(*found), policy(capacity={"total": total}))
    assert ranked.schema == rank.SCHEMA
    assert ranked.num_rows == sum(row["outstanding_minor"] > 0 for row in found)
    ranks = ranked["rank"].drop_null().to_pylist()
    assert ranks == list(range(1, len(ranks) + 1))
    for row in ranked.to_pylist():
        assert (row["rank"] is None) == (row["suppressed_reason"] is not None)
        assert (row["suppressed_reason"] is None) == (row["lifted_by"] is None)
        assert row["priority_flag"] == int(row["rank"] is not None and row["rank"] <= total)


@given(found=orders, seed=st.integers(0, 2**32))
def test_order_of_the_rows_does_not_matter(open_orders: Make, found: list[dict[str, Any]], seed: int) -> None:
    rows = open_orders(*found)
    shuffled = rows.take(pa.array(np.random.default_rng(seed).permutation(rows.num_rows)))
    rules = policy(capacity={"total": 3}, channel=channels("1.50"))
    assert rank.rank(shuffled, rules) == rank.rank(rows, rules)


@given(found=orders.filter(len), data=st.data())
def test_a_higher_probability_never_ranks_lower(
    open_orders: Make, found: list[dict[str, Any]], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(found) - 1))
    before = found[at]["p_recover_30d"]
    if before is None:
        return
    after = data.draw(st.floats(before, 1))
    raised = [row | ({"p_recover_30d": after} if number == at else {}) for number, row in enumerate(found)]
    ranks = [
        dict(zip(table["order_id"].to_pylist(), table["rank"].to_pylist(), strict=True)).get(f"o{at}")
        for table in (rank.rank(open_orders(*rows), policy()) for rows in (found, raised))
    ]
    if ranks[0] is not None:
        assert ranks[1] <= ranks[0]


@given(found=orders, total=st.integers(0, 4), cost=st.sampled_from(["0", "0.50", "8"]))
def test_no_other_choice_of_as_many_orders_brings_more(
    open_orders: Make, found: list[dict[str, Any]], total: int, cost: str
) -> None:
    one_currency = [row | {"currency": "EUR"} for row in found]
    ranked = rank.rank(open_orders(*one_currency), policy(capacity={"total": total}, channel=channels(cost)))
    free = [row["net_value"] for row in ranked.to_pylist() if row["suppressed_reason"] is None]
    taken = sum((row["net_value"] for row in ranked.to_pylist() if row["priority_flag"]), Decimal())
    best = max(sum(some, Decimal()) for size in range(total + 1) for some in combinations(free, size))
    assert taken == best


@given(st.lists(st.tuples(st.integers(1, 9 * 10**15), st.floats(0, 1)), min_size=1, max_size=5))
def test_expected_value_is_exact_to_the_cent(open_orders: Make, found: list[tuple[int, float]]) -> None:
    rows = open_orders(*({"outstanding_minor": minor, "amount": 1, "p_recover_30d": p} for minor, p in found))
    for row in rank.rank(rows, policy()).to_pylist():
        exact = row["outstanding"] * Decimal(repr(row["p_recover_30d"]))
        assert abs(row["ev_recovered"] - exact) <= Decimal("0.005")
        assert row["outstanding"] * 100 == found[int(row["order_id"][1:])][0]


def test_numbers_worked_by_hand(open_orders: Make) -> None:
    rows = open_orders(
        {"order_id": "b", "outstanding_minor": 10_000, "p_recover_30d": 0.5},  # 50.00
        {"order_id": "a", "outstanding_minor": 20_000, "p_recover_30d": 0.25},  # 50.00: a tie, a comes first
        {"order_id": "c", "outstanding_minor": 33_333, "p_recover_30d": 0.9},  # 299.997 -> 300.00
        {"order_id": "d", "outstanding_minor": 999, "p_recover_30d": 0.1},  # 1.00 (0.999), costs 2.00
        {"order_id": "e", "is_disputed": 1, "is_opted_out": 1},
    )
    ranked = rank.rank(rows, policy(capacity={"total": 10}, channel=channels("2.00")))
    assert ranked["order_id"].to_pylist() == ["c", "a", "b", "d", "e"]
    assert ranked["ev_recovered"].to_pylist() == [
        Decimal(text) for text in ("300.00", "50.00", "50.00", "1.00", "50.00")
    ]
    assert ranked["net_value"].to_pylist()[:4] == [Decimal(text) for text in ("298.00", "48.00", "48.00", "-1.00")]
    assert ranked["priority_flag"].to_pylist() == [1, 1, 1, 0, 0]
    last = ranked.to_pylist()[-1]
    assert (last["suppressed_reason"], last["suppressed_also"]) == ("opted_out", "disputed")
    assert last["lifted_by"] == "a new consent of the customer"


def test_currencies_without_rates_share_the_list_and_are_not_compared(open_orders: Make) -> None:
    yen = [{"order_id": f"j{at}", "currency": "JPY", "outstanding_minor": 1_000_000 - at} for at in range(2)]
    euro = [{"order_id": f"e{at}", "outstanding_minor": 100 - at} for at in range(4)]
    ranked = rank.rank(open_orders(*yen, *euro), policy(capacity={"total": 3}))
    # places of two yen orders: 1/4, 3/4; of four euro orders: 1/8, 3/8, 5/8, 7/8
    assert ranked["order_id"].to_pylist() == ["e0", "j0", "e1", "e2", "j1", "e3"]
    assert ranked["ev_currency"].to_pylist() == ["EUR", "JPY", "EUR", "EUR", "JPY", "EUR"]
    assert pc.sum(ranked["priority_flag"]).as_py() == 3


def test_reporting_currency_compares_by_the_rates(open_orders: Make) -> None:
    rows = open_orders(
        {"order_id": "e", "outstanding_minor": 1_000, "outstanding_reporting_minor": 1_000},
        {"order_id": "u", "currency": "USD", "outstanding_minor": 1_500, "outstanding_reporting_minor": 1_400},
        {"order_id": "x", "currency": "XAU", "outstanding_minor": 99, "outstanding_reporting_minor": None},
    )
    ranked = rank.rank(rows, policy(reporting_currency="EUR")).to_pylist()
    assert [row["order_id"] for row in ranked] == ["u", "e", "x"]
    assert [row["ev_recovered"] for row in ranked] == [Decimal("7.00"), Decimal("5.00"), None]
    assert ranked[2]["suppressed_reason"] == "no_exchange_rate"
    assert ranked[2]["lifted_by"] == "a rate from the order's currency to EUR"
    assert {row["ev_currency"] for row in ranked} == {"EUR"}


def test_older_than_the_model_is_listed_apart_without_a_value(open_orders: Make) -> None:
    ranked = rank.rank(open_orders({"age_days": 500, "p_recover_30d": None}, {}), policy()).to_pylist()
    assert [row["suppressed_reason"] for row in ranked] == [None, "older_than_model"]
    assert (ranked[1]["p_recover_30d"], ranked[1]["ev_recovered"], ranked[1]["net_value"]) == (None, None, None)


def test_nothing_in_nothing_out(open_orders: Make) -> None:
    assert rank.rank(open_orders(), policy()) == rank.SCHEMA.empty_table()
    only_credit = open_orders({"amount": -5, "outstanding_minor": -500}, {"amount": 0, "outstanding_minor": 0})
    assert rank.rank(only_credit, policy()).num_rows == 0


def test_capacity_by_channel_and_owner(open_orders: Make) -> None:
    rules = policy(
        capacity={"total": 3, "channel": {"phone": 1}, "owner": {"anna": 1}},
        channel=[{"name": "email"}, {"name": "phone", "from_outstanding": {"EUR": 50}}],
        owner={"column": "country", "of": {"DE": "anna", "FR": "ben"}},
    )
    rows = open_orders(
        {"order_id": "1", "outstanding_minor": 9_000, "country": "DE"},  # phone, anna
        {"order_id": "2", "outstanding_minor": 8_000, "country": "FR"},  # phone is full
        {"order_id": "3", "outstanding_minor": 4_000, "country": "DE"},  # anna is full
        {"order_id": "4", "outstanding_minor": 3_000, "country": "FR"},
        {"order_id": "5", "outstanding_minor": 2_000},
        {"order_id": "6", "outstanding_minor": 1_000},  # the total is full
    )
    ranked = rank.rank(rows, rules)
    assert ranked["priority_flag"].to_pylist() == [1, 0, 0, 1, 1, 0]
    assert ranked["channel"].to_pylist() == ["phone", "phone", "email", "email", "email", "email"]
    assert ranked["owner"].to_pylist() == ["anna", "ben", "anna", "ben", None, None]


def test_the_list_itself_keeps_to_the_contact_cap(open_orders: Make) -> None:
    recent = pa.table(
        {
            "customer_id": ["a"],
            "order_id": ["z"],
            "event_type": ["contact"],
            "known_at": [datetime.fromisoformat("2026-01-30")],
        }
    )
    rules = policy(cap=[{"count": 2, "window_days": 7}])
    rows = open_orders(*({"customer_id": name} for name in "aabbb"))
    ranked = rank.rank(rows, rules, recent)
    assert ranked["priority_flag"].to_pylist() == [1, 0, 1, 1, 0]
    assert ranked["suppressed_reason"].null_count == 5


@pytest.mark.parametrize(
    ("rows", "settings", "said"),
    [
        ([{"order_id": "x"}, {"order_id": "x"}], {}, "'x' more than once"),
        ([{}, {"as_of": datetime.fromisoformat("2026-02-01")}], {}, "2 different as_of"),
        ([{"currency": None}], {}, "1 orders without a currency"),
        ([{"p_recover_30d": float("nan")}], {}, "1 probabilities that are not between 0 and 1"),
        ([{"p_recover_30d": 1.5}], {}, "1 probabilities that are not between 0 and 1"),
        ([{"currency": "USD"}], {"reporting_currency": "EUR"}, "no order is in EUR and there are no rates"),
        ([{"outstanding_reporting_minor": 11_000}], {"reporting_currency": "EUR"}, "convert to another currency"),
        ([{"currency": "JPY"}], {"channel": channels("1")}, "cost of email in EUR, USD, but orders are in JPY"),
        ([{}], {"horizon_days": 14}, "over 30 days, but the policy asks for 14 days"),
        ([{}], {"cap": [{"count": 1, "window_days": 7}]}, "no record of contacts so far"),
    ],
)
def test_refusals(open_orders: Make, rows: list[dict[str, Any]], settings: dict[str, Any], said: str) -> None:
    with pytest.raises(DataRefused, match=said):
        rank.rank(open_orders(*rows), policy(**settings))

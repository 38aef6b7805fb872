from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest

from payrec.monitor import outcomes as outcome
from payrec.monitor.drift import Figure
from payrec.monitor.limits import Limits
from payrec.monitor.verdicts import verdicts_of
from payrec.worklist import rank
from payrec.worklist.policy import Capacity, Policy

Make = Callable[..., pa.Table]
AS_OF = datetime.fromisoformat("2026-01-31")


def by_name(numbers: list[Figure]) -> dict[str, Figure]:
    return {number.metric: number for number in numbers}


def scores(open_orders: Make, p: list[float | None], value: int = 10_000) -> pa.Table:
    return rank.rank(open_orders(*({"p_recover_30d": one, "outstanding_minor": value} for one in p)), Policy())


def outcomes(labels: list[int | None], at: str = "2026-01-31") -> pa.Table:
    return pa.table(
        {
            "order_id": [f"o{number}" for number in range(len(labels))],
            "as_of": pa.array([datetime.fromisoformat(at)] * len(labels), pa.timestamp("us")),
            "label_recovered_30d": pa.array(labels, pa.int16()),
        }
    )


def test_maturity() -> None:
    assert outcome.matured(AS_OF, 30, datetime.fromisoformat("2026-03-02"))
    assert not outcome.matured(AS_OF, 30, datetime.fromisoformat("2026-03-01T23:59:59"))


def test_a_matured_cohort_by_hand(open_orders: Make) -> None:
    found = by_name(outcome.cohort(scores(open_orders, [0.9, 0.6, 0.2, None]), outcomes([1, 0, 0, 1])))
    assert found["matured_rows"].value == 3
    assert found["recovered_share"] == Figure(
        "recovered_share", "2026-01-31", pytest.approx(1 / 3), pytest.approx(1.7 / 3)
    )
    assert found["brier"].value == pytest.approx((0.01 + 0.36 + 0.04) / 3)
    assert found["pr_auc"].value == 1.0
    # ranks 0.9, 0.6, 0.2: 0.9 · 1 + 0.6 · (1 + 0.9) / 2 + 0.2 · (1 + 1.5) / 3, over 1.7
    assert found["expected_pr_auc"].value == pytest.approx((0.9 + 0.57 + 0.5 / 3) / 1.7)


def test_outcomes_of_another_time_or_order_are_not_taken(open_orders: Make) -> None:
    made = scores(open_orders, [0.9, 0.6])
    assert by_name(outcome.cohort(made, outcomes([1, 1], "2026-01-30")))["matured_rows"].value == 0
    both = pa.concat_tables([outcomes([0, 0], "2026-01-30"), outcomes([1])])
    assert by_name(outcome.cohort(made, both))["matured_rows"].value == 1
    assert outcome.joined(made, both)["label"].to_pylist() == [1.0, None]


def test_an_immature_cohort_only_expects(open_orders: Make) -> None:
    found = outcome.cohort(scores(open_orders, [0.5, 0.5]), None)
    assert {number.metric for number in found} == {"expected_share", "expected_pr_auc", "expected_brier"}
    assert outcome.cohort(scores(open_orders, [None]), None) == []


def test_expected_pr_auc_is_what_true_probabilities_give() -> None:
    rng = np.random.default_rng(3)
    p = rng.beta(0.8, 1.6, 3_000)
    seen = [outcome.metrics.pr_auc((rng.random(p.size) < p).astype(float), p) for _ in range(30)]
    assert outcome.expected_pr_auc(p) == pytest.approx(np.mean(seen), abs=0.005)
    assert math.isnan(outcome.expected_pr_auc(np.zeros(3)))


def test_money_by_hand(open_orders: Make) -> None:
    found = by_name(list(outcome.money(scores(open_orders, [1.0, 1.0, 0.0]), outcomes([1, 0, 0]))))
    assert (found["money_expected"].subject, found["money_expected"].value) == ("2026-01-26 EUR", 200.0)
    assert (found["money_low"].value, found["money_high"].value) == (200.0, 200.0)
    assert (found["money_recovered"].value, found["money_recovered"].reference) == (100.0, 200.0)
    assert found["money_outside"].value == -100.0
    assert "money_recovered" not in by_name(list(outcome.money(scores(open_orders, [0.5]), None)))
    assert list(outcome.money(scores(open_orders, [None]), None)) == []


def test_money_is_never_added_across_currencies(open_orders: Make) -> None:
    made = rank.rank(open_orders({}, {"currency": "USD"}), Policy())
    sums = [(one.subject, one.value) for one in outcome.money(made, None) if one.metric == "money_expected"]
    assert sums == [("2026-01-26 EUR", 50.0), ("2026-01-26 USD", 50.0)]


def test_the_money_of_the_chosen_orders_has_figures_of_its_own(open_orders: Make) -> None:
    rows = open_orders({"p_recover_30d": 1.0}, {"p_recover_30d": 1.0, "outstanding_minor": 5_000})
    ranked = rank.rank(rows, Policy(capacity=Capacity(total=1)))
    figures = list(outcome.money(ranked, outcomes([0, 1])))
    named = by_name(figures)
    assert (named["money_expected"].value, named["chosen_money_expected"].value) == (150.0, 100.0)
    assert (named["money_recovered"].value, named["chosen_money_recovered"].value) == (50.0, 0.0)
    assert outcome.coverage(figures) == {"EUR": (1, 0)}
    came = [Figure("chosen_money_outside", f"2026-0{month}-05 EUR", 0.0) for month in (1, 2)]
    assert outcome.coverage([*came, *figures]) == {"EUR": (3, 2)}


def test_the_money_of_a_chosen_customer_is_that_of_all_its_ranked_orders(open_orders: Make) -> None:
    small, large, other = ({"customer_id": name, "p_recover_30d": 1.0, "outstanding_minor": minor}
                           for name, minor in (("a", 5_000), ("a", 10_000), ("b", 12_000)))  # fmt: skip
    by_order, by_customer = rank.ranked_lists(open_orders(small, large, other), Policy(capacity=Capacity(total=1)))
    named = by_name(list(outcome.money(by_order, None, customers=by_customer)))
    assert (named["money_expected"].value, named["chosen_money_expected"].value) == (270.0, 150.0)


def test_the_first_week_of_a_forecast_by_hand(open_orders: Make) -> None:
    """Two of three orders of 100.00 pay within the week: 200.00 came, 20.00 above the 80 % interval."""
    row = {"week": 1, "as_of": AS_OF, "currency": "EUR", "expected": 120.0, "low_80": 60.0, "high_80": 180.0}
    stored = pa.Table.from_pylist([row | {"low_95": 30.0, "high_95": 210.0}, row | {"week": 2}])
    figures = [*outcome.forecast(scores(open_orders, [0.5, 0.4, 0.3]), outcomes([1, 1, 0]), stored)]
    assert [(one.metric, one.subject, one.value) for one in figures] == [
        ("forecast_recovered", "2026-01-26 EUR", 200.0),
        ("forecast_outside_80", "2026-01-26 EUR", 20.0),
        ("forecast_outside_95", "2026-01-26 EUR", 0.0),
    ]
    earlier = [Figure("forecast_outside_80", f"2026-01-{day:02d} EUR", 0.0) for day in (5, 12, 19)]
    cover = [*outcome.forecast_coverage([*earlier, *figures, *figures])]
    assert cover == [Figure("forecast_cover_80", "EUR", 0.75, 4.0), Figure("forecast_cover_95", "EUR", 1.0, 1.0)]


@pytest.mark.parametrize(("inside", "level"), [(20, "ok"), (16, "ok"), (13, "alarm")])
def test_coverage_alarms_where_luck_is_unlikely(inside: int, level: str) -> None:
    """Of 24 weeks at 80 %: 13 or fewer come once in 260 times by luck, 16 or fewer once in 11."""
    (verdict,) = verdicts_of([Figure("forecast_cover_80", "EUR", inside / 24, 24.0)], Limits())
    assert (verdict.level, verdict.sentence) == (level, f"of 24 forecast weeks in EUR {inside} lay in the 80% interval")


def test_one_run_speaks_for_a_week() -> None:
    days = [
        datetime.fromisoformat(day) for day in ("2026-02-01", "2026-01-28", "2026-02-02", "2026-02-05", "2026-01-26")
    ]
    assert outcome.first_of_each_week(days) == [datetime.fromisoformat(d) for d in ("2026-01-26", "2026-02-02")]

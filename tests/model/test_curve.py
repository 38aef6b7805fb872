"""One curve for all horizons: by hand, never falling, exact at the horizon, and honest about what was never seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from payrec.model.recipes import curve, payment_book
from payrec.model.recipes.curve import HorizonCurve
from payrec.model.recipes.payment_book import Exposures

ratio = st.floats(0, 1)
row = st.tuples(ratio, ratio, ratio, ratio).map(
    lambda r: (min(r[0], r[1]), max(r[0], r[1]), 1 + min(r[2], r[3]), 1 + max(r[2], r[3]))
)


@example([(0.0, 0.0, 1.0, 1.0)] * 2, [0.0, 1.0], 0)
@given(st.lists(row, min_size=2, max_size=2), st.lists(st.floats(0, 1), min_size=1, max_size=9), st.integers(-5, 40))
def test_a_curve_never_falls_and_goes_through_the_model(
    ratios: list[tuple[float, ...]], p: list[float], age: int
) -> None:
    known = HorizonCurve((0, 30), tuple(ratios))
    at_30 = np.array(p)
    within = curve.probabilities(known, at_30, np.full(len(p), float(age)), (1, 2, 3, 4))
    path = np.column_stack([within[:, :2], at_30, within[:, 2:]])
    assert (np.diff(path, axis=1) >= -1e-12).all()
    assert ((path >= 0) & (path <= 1)).all()


def _seen(days_to_payment: list[float], seen_days: float) -> Exposures:
    """Orders of age 0 with the hazard 1 over the horizon, from day 0, paid after so many days (inf: never)."""
    paid = np.array(days_to_payment)
    n = len(paid)
    return Exposures(np.zeros(n, np.intp), np.zeros(n), np.minimum(paid, seen_days), paid <= seen_days, np.ones(n))


def test_the_hazard_is_flat_where_payments_come_evenly() -> None:
    """Payment times are exponential: the hazard cumulated to a day is proportional to the day."""
    rng = np.random.default_rng(2)
    learnt = curve.learn(_seen(rng.exponential(60, 40_000).tolist(), 120), (0,), 30)
    assert [learnt.ratios[0][day - 1] for day in curve.DAYS] == pytest.approx([7 / 30, 14 / 30, 2, 3], rel=0.05)
    assert learnt.ratios[0][29] == 1


def test_days_that_too_few_orders_were_seen_for_are_not_known() -> None:
    learnt = curve.learn(_seen([5.0, 20.0] * 50 + [np.inf] * 100, 45), (0,), 30)
    assert None not in learnt.ratios[0][:45]
    assert set(learnt.ratios[0][45:]) == {None}
    assert set(curve.by_day(learnt, 0.5, 0)) == {7, 14}
    assert curve.by_day(None, 0.5, 0) == {}


def test_censored_orders_count_for_the_days_they_were_seen() -> None:
    """Day 1: 2 of 4 hazards; the two left were seen for half of day 2, in which one paid."""
    seen = Exposures(
        np.zeros(4, np.intp), np.zeros(4), np.array([1.0, 1.0, 1.5, 1.5]), np.array([1, 1, 1, 0], bool), np.ones(4)
    )
    hazard, orders = payment_book.hazard_by_day(seen, 1, 2)
    assert hazard[0] == pytest.approx([(2 + 0.25) / 4, (1 + 0.25) / 1])
    assert orders[0].tolist() == [4, 2]

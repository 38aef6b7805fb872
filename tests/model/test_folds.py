"""The embargo: whatever the times, nothing is learnt before it was known, and nothing is both learnt and tested."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payrec.common.errors import DataRefused, UsageError
from payrec.model.evaluate.folds import rolling, split_at

START = datetime(2024, 2, 27)
HORIZONS = st.sampled_from([7, 14, 30, 60, 90])
HOURS = st.lists(st.integers(0, 24 * 900), min_size=5, max_size=80)


def times(hours: list[int]) -> np.ndarray:
    return np.array([START + timedelta(hours=hour) for hour in hours], "datetime64[us]")


def check(folds: tuple, as_of: np.ndarray, horizon: int) -> None:
    for fold in folds:
        learn, test = fold.train(as_of, horizon), fold.test(as_of)
        cut = np.datetime64(fold.test_from)
        assert (as_of[learn] + np.timedelta64(horizon, "D") <= cut).all()
        assert (as_of[test] >= cut).all()
        assert not (learn & test).any()
        # nothing that could have been learnt is left out
        assert (as_of[~learn] + np.timedelta64(horizon, "D") > cut).all()


@given(HOURS, HORIZONS, st.integers(0, 900), st.integers(1, 400) | st.none())
@settings(max_examples=60, deadline=None)
def test_one_split(hours: list[int], horizon: int, day: int, length: int | None) -> None:
    split = START.date() + timedelta(days=day)
    until = None if length is None else split + timedelta(days=length)
    folds = split_at(split, until)
    as_of = times(hours)
    check(folds, as_of, horizon)
    assert len(folds) == 1
    inside = as_of >= np.datetime64(split)
    assert (folds[0].test(as_of) == (inside if until is None else inside & (as_of < np.datetime64(until)))).all()


@given(HOURS, HORIZONS, st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_rolling_origin(hours: list[int], horizon: int, count: int) -> None:
    as_of = times([*hours, 0, 24 * 900])
    folds = rolling(as_of, horizon, count)
    check(folds, as_of, horizon)
    tested = np.sum([fold.test(as_of) for fold in folds], axis=0)
    assert tested.max() == 1
    assert (tested[as_of >= np.datetime64(folds[0].test_from)] == 1).all()
    assert [fold.number for fold in folds] == list(range(count))
    lengths = [(fold.test_until - fold.test_from).days for fold in folds]
    assert max(lengths) - min(lengths) <= 1
    for earlier, later in pairwise(folds):
        assert earlier.test_until == later.test_from
        assert (earlier.train(as_of, horizon) <= later.train(as_of, horizon)).all()


def test_the_border_is_exact() -> None:
    (fold,) = split_at(date(2024, 3, 31), date(2024, 4, 1))
    as_of = np.array(
        ["2024-03-01T00:00", "2024-03-01T00:00:00.000001", "2024-03-30T23:59", "2024-03-31", "2024-04-01"],
        "datetime64[us]",
    )
    assert fold.train(as_of, 30).tolist() == [True, False, False, False, False]
    assert fold.test(as_of).tolist() == [False, False, False, True, False]


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(UsageError, match="not after --split"):
        split_at(date(2024, 3, 1), date(2024, 3, 1))
    with pytest.raises(UsageError, match="at least one fold"):
        rolling(times([0, 24 * 900]), 30, 0)
    with pytest.raises(DataRefused, match="No snapshot has matured"):
        rolling(times([]), 30, 5)
    with pytest.raises(DataRefused, match="span 80 days"):
        rolling(times([0, 24 * 80]), 30, 5)
    with pytest.raises(DataRefused, match="a test day for each"):
        rolling(times([0, 24 * 30]), 7, 20)

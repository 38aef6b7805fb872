"""Which snapshots may be judged: all are accounted for, and a label that is missing for the wrong reason is refused."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from rows import AGES, feature_rows

from payrec.common.errors import DataRefused, UsageError
from payrec.model.evaluate import landmarks
from payrec.model.evaluate.folds import rolling, split_at


def replaced(rows: pa.Table, column: str, values: object) -> pa.Table:
    at = rows.column_names.index(column)
    return rows.set_column(at, rows.schema.field(at), pa.array(values, rows.schema.field(at).type))


def test_missing_labels_are_missing_by_time_alone() -> None:
    rows = feature_rows(2000, 1)
    found = landmarks.select(rows, None, 30)
    assert 0 < (~found.known).sum() < 2000
    assert found.as_of[found.known].max() < found.as_of[~found.known].min()


def test_a_label_missing_for_another_reason_is_refused() -> None:
    rows = feature_rows(2000, 1)
    labels = rows["label_recovered_30d"].to_pylist()
    only_payers = replaced(rows, "label_recovered_30d", [label if label else None for label in labels])
    with pytest.raises(DataRefused, match="have no label although others"):
        landmarks.select(only_payers, None, 30)


def test_labels_that_the_layers_leave_out_are_counted() -> None:
    """Every tenth label is missing, as of voids: with the endings of the orders such rows are left out, not refused."""
    rows = feature_rows(2000, 1)
    labels = rows["label_recovered_30d"].to_pylist()
    gaps = replaced(rows, "label_recovered_30d", [None if at % 10 == 0 else label for at, label in enumerate(labels)])
    selected = landmarks.select(gaps.append_column("ended_by", pa.nulls(2000, pa.string())), None, 30)
    last = selected.as_of[selected.known].max()
    without = int((~selected.known & (selected.as_of <= last)).sum())
    assert without > 100
    assert landmarks.excluded(selected, (), 30, None)["no_outcome"] == without


def test_other_horizons_and_ages_are_refused() -> None:
    rows = feature_rows(200, 1)
    with pytest.raises(DataRefused, match="over 30 days, expected 14"):
        landmarks.select(rows, None, 14)
    with pytest.raises(UsageError, match="ages built: 0, 3, 7"):
        landmarks.select(rows, [5], 30)
    with pytest.raises(DataRefused, match="None of 200 snapshots"):
        landmarks.select(replaced(rows, "is_landmark", [0] * 200), None, 30)


@pytest.mark.parametrize("ages", [None, (0,), (0, 7, 30)])
@pytest.mark.parametrize("until", [None, date(2025, 6, 1)])
def test_every_row_is_accounted_for(ages: tuple[int, ...] | None, until: date | None) -> None:
    rows = feature_rows(4000, 2)
    scoring = np.arange(4000) % 10 == 0
    rows = replaced(rows, "is_landmark", np.where(scoring, 0, 1))
    found = landmarks.select(rows, ages, 30)
    folds = split_at(date(2025, 1, 1), until)
    reasons = landmarks.excluded(found, folds, 30, until)
    tested = int((folds[0].test(found.as_of) & found.known).sum())
    no_rows = reasons.pop("already_recovered")
    assert no_rows > 0 or ages == (0,)
    assert tested + sum(reasons.values()) == 4000
    assert reasons["not_landmark"] == 400
    assert reasons["embargo"] > 0
    assert (reasons["after_until"] > 0) == (until is not None)
    assert (reasons["other_ages"] > 0) == (ages is not None)


def test_rolling_folds_account_for_every_row_too() -> None:
    rows = feature_rows(4000, 3)
    found = landmarks.select(rows, None, 30)
    folds = rolling(found.as_of[found.known], 30, 4)
    reasons = landmarks.excluded(found, folds, 30, None)
    tested = sum(int((fold.test(found.as_of) & found.known).sum()) for fold in folds)
    del reasons["already_recovered"]
    assert tested + sum(reasons.values()) == 4000
    assert reasons["immature"] == int((~found.known).sum())


def test_snapshots_of_orders_that_were_recovered_by_then_are_counted() -> None:
    """Three orders of one day; one is open at all ages, one to age 3, one at age 0 only."""
    ages = [*AGES, 0, 3, 0]
    born = np.datetime64("2024-06-01", "us")
    rows = pa.table(
        {
            "order_id": ["a"] * len(AGES) + ["b", "b", "c"],
            "as_of": pa.array([born + np.timedelta64(age, "D") for age in ages], pa.timestamp("us")),
            "age_days": pa.array(ages, pa.int32()),
            "is_landmark": pa.array([1] * len(ages), pa.int16()),
            "horizon_days": pa.array([30] * len(ages), pa.int32()),
            "label_recovered_30d": pa.array([0] * len(ages), pa.int16()),
        }
    )
    found = landmarks.select(rows, None, 30)
    assert landmarks.excluded(found, split_at(date(2024, 6, 1), None), 30, None)["already_recovered"] == 6 + 7
    # from 15 June on: ages 14 to 60 of b and c
    assert landmarks.excluded(found, split_at(date(2024, 6, 15), None), 30, None)["already_recovered"] == 5 + 5
    young = landmarks.select(rows, (0, 3), 30)
    assert landmarks.excluded(young, split_at(date(2024, 6, 1), None), 30, None)["already_recovered"] == 1

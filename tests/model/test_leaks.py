"""Columns that give the outcome away are found; columns that are only good are not."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from tests.model.rows import feature_rows

from payrec.model.evaluate import leaks
from payrec.model.recipes import training
from payrec.model.recipes.training import TrainSpec

ROWS = feature_rows(6_000, seed=3)
LABEL = ROWS["label_recovered_30d"].to_numpy(zero_copy_only=False)


def with_column(name: str, values: list[object] | np.ndarray) -> pa.Table:
    table = ROWS.drop_columns([name])
    return table.append_column(name, pa.array(values))


def names(rows: pa.Table) -> list[tuple[str, str]]:
    return [(leak.column, leak.verdict) for leak in leaks.find(rows)]


def test_an_honest_portfolio_has_no_leak():
    assert names(ROWS) == []
    ended = ROWS.append_column("ended_by", pa.array(np.where(LABEL == 1, "payment", "void")))
    assert names(ended) == []  # training reads it for the level, never as an input


@pytest.mark.parametrize("column", ["reason_code", "device", "provider"])
def test_a_text_column_that_is_the_outcome_is_refused(column):
    assert (column, "refuse") in names(with_column(column, ["paid" if y == 1 else "open" for y in LABEL]))


def test_one_level_that_only_the_paid_have_is_refused():
    drawn = np.random.default_rng(1).random(len(LABEL))
    values = ["settled" if y == 1 and u < 0.45 else "other" for y, u in zip(LABEL, drawn, strict=True)]
    (leak,) = leaks.find(with_column("transaction_type", values))
    assert (leak.column, leak.verdict) == ("transaction_type", "refuse")
    assert "'settled'" in leak.message


def test_a_level_that_pays_sooner_is_no_leak_where_all_pay_in_the_end():
    """Invoices at 6 days: nearly all recovered within 30 days, all others later."""
    drawn = np.random.default_rng(1).random(len(LABEL))
    short = with_column("payment_method", np.where((LABEL == 1) & (drawn < 0.45), "6 days", "30 days"))
    assert names(short) == [("payment_method", "refuse")]
    assert names(short.append_column("ended_by", pa.array(["payment"] * len(LABEL)))) == []


def test_a_final_value_of_orders_that_were_paid_late_is_refused():
    """An order marked as settled may be paid after its horizon; none of them stays unpaid."""
    drawn = np.random.default_rng(1).random(len(LABEL))
    ended = np.where((LABEL == 1) | (drawn < 0.2), "payment", "write_off")
    settled = np.where((ended == "payment") & (drawn < 0.45 * (0.2 + 0.8 * LABEL)), "settled", "other")
    rows = with_column("device", settled).append_column("ended_by", pa.array(ended))
    assert names(rows) == [("device", "refuse")]


@pytest.mark.parametrize(("slips", "expected"), [(0.0, [("device", "warn")]), (0.15, [])])
def test_a_level_that_only_the_unpaid_have_is_a_warning_and_one_that_seldom_pays_is_none(slips, expected):
    drawn = np.random.default_rng(1).random(len(LABEL))
    values = np.where(drawn < np.where(LABEL == 0, 0.45, slips), "given up", "other")
    assert names(with_column("device", values)) == expected


def test_a_level_that_is_good_at_first_and_worse_later_is_no_leak():
    age = ROWS["age_days"].to_numpy()
    drawn = np.random.default_rng(2).random(len(LABEL))
    chance = np.where(LABEL == 1, np.where(age == 0, 0.5, 0.3), np.where(age == 0, 0.01, 0.15))
    assert names(with_column("device", np.where(drawn < chance, "direct", "other"))) == []


@pytest.mark.parametrize("share_of_noise", [0.0, 0.01])
def test_a_number_that_is_the_outcome_is_refused(share_of_noise):
    drawn = np.random.default_rng(4).random(len(LABEL))
    days = np.where((LABEL == 1) != (drawn < share_of_noise), -5, 12)
    assert ("days_to_due", "refuse") in names(with_column("days_to_due", days))


def test_a_number_that_is_known_only_where_paid_is_refused():
    days = pa.array(np.where(LABEL == 1, 3.0, np.nan), from_pandas=True)
    assert ("days_to_due", "refuse") in names(with_column("days_to_due", days))


def test_free_text_that_differs_in_every_row_is_no_leak():
    assert names(with_column("device", [f"d{n}" for n in range(len(LABEL))])) == []


@pytest.mark.parametrize("recipe", ["auto", "logistic", "xgboost", "original"])
def test_training_survives_perfect_separation(recipe):
    rows = with_column("reason_code", ["paid" if y == 1 else "open" for y in LABEL])
    model = training.train(rows, TrainSpec(recipe))
    p = model.predict_proba(rows)
    assert np.isfinite(p).all()

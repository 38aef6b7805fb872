"""The ranking by rule: the published table, moved by a company's own rows as far as they speak."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import feature_rows

from payrec.model.explain import waterfall
from payrec.model.features.declarations import AGE_BANDS, LABEL
from payrec.model.recipes import rule_rates
from payrec.model.recipes.model import predict
from payrec.model.recipes.rule_rates import Rates, fit, prior
from payrec.model.store import bundle

CLASSES = tuple(prior().reasons)


def chance(rates: Rates, age: str, reason: str) -> float:
    return float(1 / (1 + np.exp(-(rates.level + rates.ages[age] + rates.reasons[reason]))))


def rows_of(n: int, age: str, reason: str) -> tuple[rule_rates.Names, rule_rates.Names]:
    return np.repeat(age, n), np.repeat(reason, n)


def test_the_table_names_every_age_band_and_a_chance_that_falls_with_age() -> None:
    table = prior()
    assert tuple(table.ages) == AGE_BANDS
    values = [table.ages[band] for band in AGE_BANDS[2:]]
    assert values == sorted(values, reverse=True), "from the due date on"
    assert chance(table, "0", "hard_decline") < chance(table, "0", "insufficient_funds")


def test_without_rows_of_its_own_a_company_gets_the_table() -> None:
    nothing = np.zeros(0)
    assert fit(*rows_of(0, "0", "none"), nothing, nothing, prior()) == prior()


@settings(max_examples=60, deadline=None)
@given(age=st.sampled_from(AGE_BANDS), reason=st.sampled_from(CLASSES), share=st.floats(0, 1), n=st.integers(1, 400))
def test_the_rate_lies_between_the_table_and_the_companys_own_and_nears_it_with_more_rows(
    age: str, reason: str, share: float, n: int
) -> None:
    label = (np.arange(n) < round(share * n)).astype(float)
    before, own = chance(prior(), age, reason), label.mean()
    after = chance(fit(*rows_of(n, age, reason), label, np.ones(n), prior()), age, reason)
    assert min(before, own) - 1e-9 <= after <= max(before, own) + 1e-9
    more = np.tile(label, 4)
    nearer = chance(fit(*rows_of(4 * n, age, reason), more, np.ones(4 * n), prior()), age, reason)
    assert abs(nearer - own) <= abs(after - own) + 1e-9


def test_worked_by_hand_one_row_moves_the_level_by_one_newton_balance() -> None:
    """With one value left free, the minimum solves weight · (p - label) + (level - prior) / spread² = 0."""
    flat = Rates(0.0, {"0": 0.0}, {"none": 0.0})
    rates = fit(*rows_of(1, "0", "none"), np.ones(1), np.ones(1), flat, (1.0, 1e-6))
    assert 1 / (1 + np.exp(-rates.level)) - 1 + rates.level == pytest.approx(0.0, abs=1e-6)


def test_an_order_counts_once_however_often_it_was_observed() -> None:
    rows = feature_rows(400, seed=3)
    reasons = np.array(["unknown"] * rows.num_rows)
    twice = pa.concat_tables([rows, rows])
    once = rule_rates.model(rows, reasons, learns=True)
    again = rule_rates.model(twice, np.tile(reasons, 2), learns=True)
    assert predict(again, rows) == pytest.approx(predict(once, rows), abs=1e-12)


def test_labels_that_may_not_be_trusted_move_nothing() -> None:
    rows = feature_rows(200, seed=4)
    reasons = np.array(["insufficient_funds"] * rows.num_rows)
    paid = rows.set_column(rows.schema.get_field_index(LABEL), LABEL, pa.array([1] * rows.num_rows, pa.int16()))
    left = predict(rule_rates.model(rows, reasons, learns=False), rows)
    assert (predict(rule_rates.model(paid, reasons, learns=False), rows) == left).all()
    assert predict(rule_rates.model(paid, reasons, learns=True), rows).mean() > left.mean()


def test_it_is_stored_explained_and_read_like_any_model(tmp_path: Path) -> None:
    rows = feature_rows(60, seed=5)
    reasons = np.array(["no such class", *["mandate"] * (rows.num_rows - 1)])
    model = rule_rates.model(rows, reasons, learns=True)
    again = bundle.load(bundle.save(model, tmp_path / "m"))
    assert (predict(again, rows) == predict(model, rows)).all()
    fall = waterfall(again, rows.slice(0, 1))
    assert fall.base + sum(step.points for step in fall.steps) == pytest.approx(fall.probability, abs=1e-9)
    assert {step.group for step in fall.steps} <= {"age", "reason"} or len(fall.steps) <= 2

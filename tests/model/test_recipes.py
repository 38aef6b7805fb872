"""Training and predicting: what every recipe keeps."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rows import feature_rows, portfolio

from payrec.common.errors import DataRefused, UsageError
from payrec.model.features import matrix
from payrec.model.features.declarations import LABEL, NEEDED
from payrec.model.recipes import sample, training
from payrec.model.recipes.model import Average, Model, predict, score
from payrec.model.recipes.training import TrainSpec
from payrec.model.recipes.training_summary import best_of, choice
from payrec.model.store import bundle

OTHER_ROWS = feature_rows(500, seed=22)
TEXT_NEEDED = [name for name in NEEDED if pa.types.is_string(OTHER_ROWS.schema.field(name).type)]


def with_column(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return rows.set_column(rows.schema.get_field_index(name), name, values)


def labelled(positives: int, negatives: int) -> pa.Table:
    """Rows with so many known outcomes of each kind, and one without."""
    rows = feature_rows(positives + negatives + 1, seed=3)
    label = np.array([1] * positives + [0] * negatives + [0])
    label = np.random.default_rng(1).permutation(label[:-1]).tolist()
    return with_column(rows, LABEL, pa.array([*label, None], pa.int16()))


def test_probabilities_are_probabilities(model: Model) -> None:
    found = predict(model, OTHER_ROWS)
    assert found.dtype == np.float64
    assert found.shape == (500,)
    assert ((found > 0) & (found < 1)).all()


def test_recipes_rank_far_better_than_chance(model: Model) -> None:
    made = portfolio(3000, seed=77)
    found = predict(model, made.rows)
    assert np.corrcoef(found, made.truth)[0, 1] > 0.7
    assert abs(found.mean() - made.truth.mean()) < 0.05


@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 500), max_size=4))
def test_batches_do_not_matter(model: Model, cuts: list[int]) -> None:
    whole = predict(model, OTHER_ROWS)
    edges = [0, *sorted(cuts), 500]
    parts = [OTHER_ROWS.slice(a, b - a) for a, b in pairwise(edges)]
    assert np.array_equal(np.concatenate([predict(model, part) for part in parts]), whole)


def test_single_rows_score_as_in_the_whole(model: Model) -> None:
    whole = predict(model, OTHER_ROWS)
    for at in (0, 17, 499):
        assert predict(model, OTHER_ROWS.slice(at, 1))[0] == whole[at]


def test_order_of_rows_is_kept(model: Model) -> None:
    order = np.random.default_rng(4).permutation(500)
    assert np.array_equal(predict(model, OTHER_ROWS.take(order)), predict(model, OTHER_ROWS)[order])


def test_no_rows_no_probabilities(model: Model) -> None:
    assert predict(model, OTHER_ROWS.slice(0, 0)).shape == (0,)


@pytest.mark.parametrize("column", NEEDED)
def test_a_null_column_scores(models: dict[str, Model], column: str) -> None:
    null = with_column(OTHER_ROWS, column, pa.nulls(500, OTHER_ROWS.schema.field(column).type))
    for model in models.values():
        assert np.isfinite(predict(model, null)).all()


@pytest.mark.parametrize("column", TEXT_NEEDED)
def test_an_unknown_category_scores(models: dict[str, Model], column: str) -> None:
    unknown = with_column(OTHER_ROWS, column, pa.array(["'; drop table --"] * 500))
    for model in models.values():
        assert np.isfinite(predict(model, unknown)).all()


def test_rows_with_nothing_known_score(model: Model) -> None:
    assert np.isfinite(predict(model, pa.table({"order_id": ["a", "b"]}))).all()


def test_the_label_is_never_read_by_predict(model: Model) -> None:
    without = OTHER_ROWS.drop_columns([LABEL, "order_id", "customer_id"])
    assert np.array_equal(predict(model, without), predict(model, OTHER_ROWS))


def test_more_recovered_in_time_never_lowers_the_trees_chance(models: dict[str, Model]) -> None:
    rows = with_column(OTHER_ROWS, "cust_decided", pa.array([9] * 500, pa.int64()))
    rows = with_column(rows, "cust_decided_weight", pa.array([9 * 90] * 500, pa.int64()))
    chances = []
    for count in range(10):
        counted = with_column(rows, "cust_recovered_in_time", pa.array([count] * 500))
        chances.append(
            predict(models["xgboost"], with_column(counted, "cust_in_time_weight", pa.array([count * 90] * 500)))
        )
    assert (np.diff(chances, axis=0) >= 0).all()
    assert chances[-1].mean() > chances[0].mean() + 0.05


def test_same_rows_in_any_order_and_same_seed_give_the_same_bytes(
    models: dict[str, Model], training_rows: pa.Table, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shuffled = training_rows.take(np.random.default_rng(9).permutation(training_rows.num_rows))
    for name, model in models.items():
        again = training.train(shuffled, TrainSpec(name, seed=5))
        ids = {bundle.model_id(bundle.save(made, tmp_path_factory.mktemp(name))) for made in (model, again)}
        assert len(ids) == 1, name


def test_a_model_says_what_it_was_trained_on(models: dict[str, Model], training_rows: pa.Table) -> None:
    known = training_rows.filter(pc.is_valid(training_rows[LABEL]))
    for name, model in models.items():
        training = model.training
        assert model.recipe == name
        assert training.rows == known.num_rows
        assert training.left_out["immature"] == training_rows.num_rows - known.num_rows
        assert training.last_as_of == pc.max(known["as_of"]).as_py()
        assert (model.min_age_days, model.max_age_days) == (0, 60)
        assert model.covers(np.array([-1, 0, 60, 61])).tolist() == [False, True, True, False]
        assert model.base_rate == pytest.approx(pc.mean(known[LABEL]).as_py())
        assert "is_opted_out" in training.left_out_features
        assert training.calibrated_from is not None


def test_auto_takes_the_lower_log_loss_and_says_by_how_much(training_rows: pa.Table) -> None:
    model = training.train(training_rows, TrainSpec("auto"))
    losses = model.training.losses
    assert set(losses) == {"logistic", "xgboost", "average"}
    assert model.recipe == best_of(losses)
    assert re.search(rf"^{model.recipe} was chosen: log loss 0\.\d{{4}} .* less$", choice(model.training))


def test_the_average_is_taken_only_where_it_gains_enough_for_two_recipes() -> None:
    assert best_of({"logistic": 0.5, "xgboost": 0.51, "average": 0.4995}) == "logistic"
    assert best_of({"logistic": 0.5, "xgboost": 0.51, "average": 0.4985}) == "average"
    assert best_of({"logistic": 0.52, "xgboost": 0.51}) == "xgboost"


def test_an_average_is_the_mean_of_the_log_odds_of_both(models: dict[str, Model], training_rows: pa.Table) -> None:
    average = models["average"].scorer
    assert isinstance(average, Average)
    inputs = matrix.matrix(training_rows, models["average"].vocabulary)
    both = [score(one, inputs) for one in (average.tables, average.trees)]
    assert np.allclose(score(average, inputs), np.mean(both, axis=0))


def test_choice_is_silent_where_there_was_none(models: dict[str, Model]) -> None:
    assert choice(models["logistic"].training) == ""


@pytest.mark.parametrize(("positives", "negatives"), [(19, 400), (400, 19), (0, 400), (100, 99)])
def test_too_few_rows_are_refused_with_the_numbers(positives: int, negatives: int) -> None:
    with pytest.raises(
        DataRefused, match=rf"{positives + negatives} rows .* {positives} recovered and {negatives} not"
    ):
        training.train(labelled(positives, negatives), TrainSpec("logistic"))


@pytest.mark.parametrize("recipe", ["logistic", "original", "auto", "xgboost"])
def test_the_least_that_is_trained(recipe: str) -> None:
    rows = labelled(20, 180)
    model = training.train(rows, TrainSpec(recipe))
    assert model.training.left_out["immature"] == 1
    assert model.training.slices == {}
    found = predict(model, rows)
    assert abs(found.mean() - 0.1) < 0.05


def test_another_horizon_is_refused() -> None:
    with pytest.raises(DataRefused, match=r"over 30 days, expected 14.*--horizon 14"):
        training.train(feature_rows(400, 1), TrainSpec("logistic", horizon_days=14))


def test_an_unknown_recipe_is_refused() -> None:
    with pytest.raises(UsageError, match="'magic', expected one of logistic, xgboost, average, auto, original"):
        training.train(OTHER_ROWS, TrainSpec("magic"))


def test_rows_without_labels_are_refused() -> None:
    with pytest.raises(DataRefused, match=LABEL):
        training.train(OTHER_ROWS.drop_columns([LABEL]), TrainSpec("logistic"))


def test_rows_at_no_landmark_are_left_out_and_counted(training_rows: pa.Table) -> None:
    marks = np.ones(training_rows.num_rows, np.int16)
    marks[::10] = 0
    rows = with_column(training_rows, "is_landmark", pa.array(marks))
    drawn = sample.draw(rows, 30, 10**6, 1)
    assert drawn.left_out["not_at_a_landmark"] == (marks == 0).sum()


def test_the_cap_draws_evenly_by_seed(training_rows: pa.Table) -> None:
    drawn = sample.draw(training_rows, 30, 1000, 1)
    assert len(drawn.label) == 1000
    assert drawn.left_out["over_max_rows"] > 0
    assert drawn.rows.equals(sample.draw(training_rows, 30, 1000, 1).rows)
    assert not drawn.rows.equals(sample.draw(training_rows, 30, 1000, 2).rows)


def test_no_label_of_an_older_slice_looks_into_a_newer_one(training_rows: pa.Table) -> None:
    drawn = sample.draw(training_rows, 30, 10**6, 1)
    slices = sample.cut(drawn, 30)
    assert slices is not None
    assert drawn.day[slices.fit].max() + 30 <= drawn.day[slices.select].min()
    assert drawn.day[slices.older].max() + 30 <= drawn.day[slices.calibrate].min()
    assert set(slices.fit) | set(slices.select) <= set(slices.older)


def test_a_short_window_is_not_cut(training_rows: pa.Table) -> None:
    drawn = sample.draw(training_rows, 30, 10**6, 1)
    assert sample.cut(replace(drawn, day=np.full_like(drawn.day, 20_000)), 30) is None


def test_customers_are_coded_by_id() -> None:
    rows = pa.table({"customer_id": ["b", "a", None, "b"]})
    assert sample.customers(rows).tolist() == [1, 0, 2, 1]
    assert sample.customers(pa.table({"order_id": ["x", "y"]})).tolist() == [0, 1]

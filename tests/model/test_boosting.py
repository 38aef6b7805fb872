"""The trees: sizes, rounds, and what must not reach XGBoost's reader."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import feature_rows

from payrec.model.recipes import booster_check, boosting, training
from payrec.model.recipes.boosting import Trees
from payrec.model.recipes.model import Model

ROWS = feature_rows(200, seed=41)
TYPES = ["q", "q", "c"]


@pytest.fixture(scope="session")
def trees(models: dict[str, Model]) -> Trees:
    found = models["xgboost"].scorer
    assert isinstance(found, Trees)
    return found


@pytest.fixture(scope="session")
def few(trees: Trees) -> bytes:
    return bytes(trees.booster[:3].save_raw("json"))


def test_small_data_gets_small_trees() -> None:
    assert 2 ** boosting.parameters(19_999, 1)["max_depth"] == 8
    assert boosting.parameters(20_000, 1)["max_depth"] > 3


def test_a_constraint_stands_only_where_the_direction_is_sure() -> None:
    trends = boosting.parameters(100, 1)["monotone_constraints"].strip("()").split(",")
    up = [feature.name for feature, trend in zip(boosting.INPUTS, trends, strict=True) if trend == "1"]
    assert up == ["cust_in_time_rate", "cust_in_time_rate_recent"]


def test_early_stopping_keeps_the_best_count_of_trees(models: dict[str, Model]) -> None:
    model = models["xgboost"]
    inputs = training.matrix.matrix(ROWS, model.vocabulary)
    label = (np.arange(200) % 3 == 0).astype(float)  # nothing to learn
    found, rounds = boosting.fit_stopping(inputs, label, inputs, 1 - label, seed=1)
    assert rounds == found.booster.num_boosted_rounds()
    assert rounds < 5


def test_contributions_add_up_to_the_log_odds(trees: Trees, models: dict[str, Model]) -> None:
    inputs = training.matrix.matrix(ROWS, models["xgboost"].vocabulary)
    values, odds = boosting.contributions(trees, inputs)
    assert values.shape == (200, len(boosting.INPUTS))
    assert np.array_equal(odds, boosting.log_odds(trees, inputs))
    assert boosting.base(trees) + values.sum(axis=1) == pytest.approx(odds, abs=1e-9)


def test_what_xgboost_wrote_passes(trees: Trees, few: bytes) -> None:
    assert boosting.problem(trees.content) == ""
    assert boosting.problem(few) == ""


def test_trees_over_other_inputs_do_not_pass(few: bytes) -> None:
    assert booster_check.problem(few, TYPES) != ""


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_a_cut_or_changed_file_never_ends_the_process(few: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(few) - 1))
    bit = 1 << data.draw(st.integers(0, 7))
    for content in (few[:at], few[:at] + bytes([few[at] ^ bit]) + few[at + 1 :], few + few[at:]):
        if not boosting.problem(content):
            assert Trees(content).booster.num_boosted_rounds() == 3


def set_in_tree(name: str, at: int, value: int) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        document["learner"]["gradient_booster"]["model"]["trees"][1][name][at] = value

    return change


def in_model(change: Callable[[Any], object]) -> Callable[[Any], object]:
    return lambda document: change(document["learner"]["gradient_booster"]["model"])


@pytest.mark.parametrize(
    "change",
    [
        set_in_tree("left_children", 0, 10**6),
        set_in_tree("left_children", 0, 0),
        set_in_tree("left_children", 1, 0),
        set_in_tree("right_children", 0, -1),
        set_in_tree("parents", 1, 5),
        set_in_tree("split_indices", 0, 10**6),
        set_in_tree("split_indices", 0, -1),
        set_in_tree("split_type", 0, 7),
        set_in_tree("split_conditions", -1, 10**6),
        set_in_tree("sum_hessian", 0, 0),
        in_model(lambda m: m["trees"].pop()),
        in_model(lambda m: m["trees"][0].pop("parents")),
        in_model(lambda m: m["trees"][0].update(id=9)),
        in_model(lambda m: m["trees"][0]["tree_param"].update(num_nodes="99")),
        in_model(lambda m: m["trees"][0].update(split_indices=m["trees"][0]["split_indices"][:-1])),
        in_model(lambda m: m["trees"][0].update(categories_sizes=[n + 99 for n in m["trees"][0]["categories_nodes"]])),
        in_model(lambda m: m["tree_info"].__setitem__(0, 4)),
        in_model(lambda m: m["iteration_indptr"].__setitem__(1, 4)),
        in_model(lambda m: m.update(extra=1)),
        lambda d: d["learner"]["objective"].update(name="reg:squarederror"),
        lambda d: d["learner"]["learner_model_param"].update(base_score="nan"),
        lambda d: d["learner"]["learner_model_param"].update(num_target="4"),
        lambda d: d["learner"]["gradient_booster"].update(name="dart"),
        lambda d: d.update(version=[3, 2]),
    ],
)
def test_every_part_is_held_to_its_bounds(few: bytes, change: Callable[[Any], object]) -> None:
    document = booster_check.parse(few)
    assert booster_check._problem(document, boosting._types()) == ""
    change(document)
    with suppress(ValueError, KeyError, TypeError, IndexError):  # problem() tells these in words
        assert booster_check._problem(document, boosting._types())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"split_type":[0', b'"split_type":[false'),
        (b'"left_children":[1', b'"left_children":[1.0'),
        (b'"parents":[2147483647', b'"parents":[99999999999'),
        (b'"base_weights":[', b'"base_weights":[1e39,'),
        (b'"loss_changes":[', b'"loss_changes":[1e999,'),
        (b'"tree_info":[0', b'"tree_info":[false'),
        (b'"id":1', b'"id":true'),
    ],
)
def test_a_number_of_another_type_or_size_does_not_pass(few: bytes, old: bytes, new: bytes) -> None:
    assert old in few
    assert boosting.problem(few.replace(old, new, 1)) != ""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Expecting value"),
        (b"{", "Expecting"),
        (b"{}}", "Extra data"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "Infinity"),
        (b'{"a": 1, "a": 1}', "a key twice"),
        (b'{"\\u0061": 1}', "an escape"),
        ('{"ä": 1}'.encode(), "ascii"),
        ('{"a": 1}'.encode("utf-16"), "ascii"),
        (b"[" * 100_000, "recursion"),
        (b"1" * 5_000, "digits"),
    ],
)
def test_text_that_json_readers_may_read_differently_does_not_pass(content: bytes, words: str) -> None:
    assert words in boosting.problem(content)

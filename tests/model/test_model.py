"""A trained model in Python: its probabilities on a frame, and reprs that fit on a screen."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import fields, is_dataclass

import numpy as np
import pyarrow as pa
import pytest
from rows import feature_rows

import payrec.model
from payrec.common.errors import DataRefused
from payrec.common.short_repr import LONGEST
from payrec.model.recipes.model import Model, predict
from payrec.model.store.bundle import Portable
from payrec.worklist import score

ROWS = feature_rows(500, seed=51)
AGES = pa.array(np.where(np.arange(500) % 7 == 0, 400, ROWS["age_days"].to_numpy()))
WITH_OLD = ROWS.set_column(ROWS.column_names.index("age_days"), "age_days", AGES)


def test_probabilities_of_a_frame_are_those_of_score(model: Model) -> None:
    scored = score.scored(Portable(model), WITH_OLD.combine_chunks().to_batches()[0])
    expected = scored[score.SCORE].to_numpy(zero_copy_only=False)
    assert np.isnan(expected).sum() == 72
    for frame in (WITH_OLD, WITH_OLD.to_pandas(), WITH_OLD.combine_chunks().to_batches()[0]):
        np.testing.assert_allclose(model.predict_proba(frame), expected, rtol=0, atol=1e-12, equal_nan=True)


def test_a_missing_column_is_unknown(model: Model) -> None:
    names = ["provider", "attempts", "cust_decided", "customer_id"]
    nulls = ROWS
    for name in names:
        null = pa.nulls(ROWS.num_rows, ROWS.schema.field(name).type)
        nulls = nulls.set_column(nulls.column_names.index(name), name, null)
    for frame in (ROWS.drop_columns(names), ROWS.drop_columns(names).to_pandas(), nulls.to_pandas()):
        np.testing.assert_allclose(model.predict_proba(frame), predict(model, nulls), rtol=0, atol=1e-12)


def test_an_unknown_age_is_scored_and_no_rows_give_no_probabilities(model: Model) -> None:
    assert np.isfinite(model.predict_proba(ROWS.drop_columns(["age_days"]))).all()
    assert model.predict_proba(ROWS.slice(0, 0).to_pandas()).shape == (0,)


def test_a_frame_of_mixed_types_is_refused(model: Model) -> None:
    frame = ROWS.slice(0, 2).to_pandas()
    frame["attempts"] = np.array([1, "two"], dtype=object)
    with pytest.raises(DataRefused, match="attempts"):
        model.predict_proba(frame)


def test_the_repr_of_a_model_names_recipe_horizon_and_rows(model: Model) -> None:
    assert repr(model).startswith(f"<Model {model.recipe}, 30 days: ")
    assert len(repr(model)) <= LONGEST


def public_dataclasses() -> list[type]:
    modules = [importlib.import_module(m.name) for m in pkgutil.walk_packages(payrec.model.__path__, "payrec.model.")]
    return sorted(
        {
            part
            for module in modules
            for name, part in vars(module).items()
            if isinstance(part, type) and is_dataclass(part) and part.__module__ == module.__name__ and name[0] != "_"
        },
        key=lambda part: part.__qualname__,
    )


@pytest.mark.parametrize(
    "kind", [kind for kind in public_dataclasses() if kind is not Model], ids=lambda kind: kind.__name__
)
@pytest.mark.parametrize("content", ["x" * 10_000, ("y" * 1_000,) * 10_000, np.zeros((1_000, 30)), ROWS, {1: ROWS}])
def test_every_repr_fits_on_a_screen(kind: type, content: object) -> None:
    instance = object.__new__(kind)
    for field in fields(kind):
        object.__setattr__(instance, field.name, content)
    assert len(repr(instance)) <= LONGEST
    assert "\n" not in repr(instance)

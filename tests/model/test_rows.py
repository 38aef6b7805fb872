"""The made rows are what the tests of the model take them for."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from rows import AGES, feature_rows, portfolio


def test_rows_are_as_many_as_asked_for_and_unique() -> None:
    table = feature_rows(500, seed=1)
    assert table.num_rows == 500
    keys = pa.table({"order_id": table["order_id"], "as_of": table["as_of"]})
    assert keys.group_by(["order_id", "as_of"]).aggregate([]).num_rows == 500


def test_same_seed_same_rows() -> None:
    assert feature_rows(300, seed=2).equals(feature_rows(300, seed=2))
    assert not feature_rows(300, seed=2).equals(feature_rows(300, seed=3))


def test_newest_rows_have_no_label_and_every_age_is_there() -> None:
    table = feature_rows(2000, seed=4)
    assert set(pc.unique(table["age_days"]).to_pylist()) == set(AGES)
    newest = pc.max(pc.filter(table["as_of"], pc.is_valid(table["label_recovered_30d"])))
    assert newest.as_py() < pc.max(table["as_of"]).as_py()
    assert 0 < table["label_recovered_30d"].null_count < 500


def test_labels_follow_the_truth() -> None:
    made = portfolio(20_000, seed=5)
    label = made.rows["label_recovered_30d"]
    known = pc.is_valid(label).to_numpy()
    assert abs(made.truth[known].mean() - pc.mean(label).as_py()) < 0.02

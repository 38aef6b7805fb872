"""Promised against observed, by level and by segment: hand-worked, and every row is in exactly one place."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from rows import feature_rows

from payrec.model.evaluate import reliability
from payrec.model.evaluate.reliability import Predictions


def judged(n: int, seed: int) -> Predictions:
    rng = np.random.default_rng(seed)
    p = rng.beta(1.0, 2.0, n)
    return Predictions((rng.random(n) < p).astype(float), p, np.arange(n))


def test_hand_worked_bins() -> None:
    of = Predictions(np.array([0.0, 1.0, 1.0, 1.0]), np.array([0.1, 0.3, 0.6, 0.8]), np.arange(4))
    frame = reliability.table(of, bins=2)
    assert frame["mean_p"].tolist() == pytest.approx([0.2, 0.7])
    assert frame["observed"].tolist() == [0.5, 1.0]
    assert frame[["p_low", "p_high"]].to_numpy().tolist() == [[0.1, 0.3], [0.6, 0.8]]
    assert frame["rows"].tolist() == [2, 2]


def test_true_probabilities_lie_inside_their_intervals() -> None:
    frame = reliability.table(judged(20_000, 1))
    assert ((frame["low"] <= frame["mean_p"]) & (frame["mean_p"] <= frame["high"])).mean() >= 0.8
    assert frame["rows"].sum() == 20_000
    assert frame["mean_p"].is_monotonic_increasing


def test_every_row_is_in_one_segment_of_each_view() -> None:
    rows = feature_rows(3000, 2)
    of = judged(3000, 3)
    views = reliability.every_segment(of, rows)
    assert set(views) == {"age_days", "reason_code", "country", "customer"}
    for frame in views.values():
        assert frame["rows"].sum() == 3000
        assert frame["segment"].is_unique
        share = (frame["observed"] * frame["rows"]).sum() / 3000
        assert share == pytest.approx(of.y.mean())
    assert views["age_days"]["segment"].tolist() == ["0", "3", "7", "14", "21", "30", "45", "60"]
    assert "unknown" in views["reason_code"]["segment"].tolist()


def test_rare_values_go_together_and_the_rest_keep_their_rows() -> None:
    names = [f"code {i:02d}" for i in range(30) for _ in range(30 - i)]
    rows = pa.table({"reason_code": names})
    of = judged(len(names), 4)
    frame = reliability.by_text(of, rows, "reason_code")
    assert frame["segment"].tolist() == [f"code {i:02d}" for i in range(11)] + ["all others"]
    assert frame["rows"].tolist() == [30 - i for i in range(11)] + [sum(range(1, 20))]


def test_a_customer_is_new_until_it_has_failed() -> None:
    of = judged(4, 5)
    frame = reliability.by_customer(of, pa.table({"cust_failures": pa.array([0, 2, None, 1], pa.int64())}))
    assert dict(zip(frame["segment"], frame["rows"], strict=True)) == {"new customer": 2, "known customer": 2}
    assert frame["mean_p"][0] == pytest.approx(of.p[[0, 2]].mean())


def test_a_column_of_nulls_is_unknown() -> None:
    frame = reliability.by_text(judged(3, 6), pa.table({"country": pa.nulls(3)}), "country")
    assert frame["segment"].tolist() == ["unknown"]

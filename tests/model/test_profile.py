"""How features were spread at training."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from rows import feature_rows

from payrec.model.features import spreads
from payrec.model.features.declarations import FEATURES
from payrec.model.features.matrix import learn, matrix

ROWS = feature_rows(2000, seed=61)
VOCABULARY = learn(ROWS)
INPUTS = matrix(ROWS, VOCABULARY)


def test_every_feature_has_a_spread_that_adds_up() -> None:
    found = spreads.spreads(INPUTS, VOCABULARY)
    assert [spread.feature for spread in found] == [feature.name for feature in FEATURES]
    for spread in found:
        assert sum(spread.shares) == pytest.approx(1.0)
        assert len(spread.names) == len(spread.shares)
        assert spreads.like(spread, INPUTS) == pytest.approx(spread.shares)


def test_spread_of_a_number_by_hand() -> None:
    rows = pa.table({"age_days": [0] * 5 + [7] * 4 + [None]})
    spread = spreads.spreads(matrix(rows, VOCABULARY), VOCABULARY)[0]
    assert spread.feature == "age_days"
    assert spread.edges == (0.0, 7.0)
    assert spread.names == ("unknown", "<= 0", "<= 7", "> 7")
    assert spread.shares == pytest.approx((0.1, 0.5, 0.4, 0.0))
    other = matrix(pa.table({"age_days": [1, 8, 8, None]}), VOCABULARY)
    assert spreads.like(spread, other) == pytest.approx((0.25, 0.0, 0.25, 0.5))


def test_no_rows_have_no_shares() -> None:
    found = spreads.like(spreads.spreads(INPUTS, VOCABULARY)[0], INPUTS.take(np.array([], np.intp)))
    assert set(found) == {0.0}

"""A final column that the map declares known at creation is refused by `check` and `train`, whatever it says."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

import payrec
from payrec.common.errors import DataRefused
from payrec.data import layers
from payrec.data.engines import connect
from tests.data.portfolios import DAY, load, order

START = date(2025, 1, 1)


def test_a_value_that_only_paid_orders_have_refuses_check_and_training(tmp_path: Path) -> None:
    """45 % of the paid orders say "settled": the distance of the whole column stays small."""
    rows = [
        order(
            f"o{i}", f"c{i % 80}", START + (i % 330) * DAY,
            payment_date=START + (i % 330) * DAY + (i % 55) * DAY if i % 5 < 2 else None,
            transaction_type="settled" if i % 5 < 2 and i % 20 < 9 else "invoice",
        )
        for i in range(2_000)
    ]  # fmt: skip
    with connect("duckdb://") as engine:
        layers.prepare(engine)
        load(engine, rows)
        (finding,) = (f for f in payrec.check(engine).findings if f.code == "leak.transaction_type")
        assert finding.level == "refuse"
        assert "'settled'" in finding.message
        with pytest.raises(DataRefused, match="transaction_type"):
            payrec.train(engine, tmp_path / "models", recipe="logistic")
        assert pa.table(payrec.features(engine)).num_rows > 1_000

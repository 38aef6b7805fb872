"""payrec effect: refused without random assignment, judged with it, stored and read back."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from payrec.commands import effect
from payrec.common.errors import ModelRefused, UsageError
from payrec.worklist.assignment import SCHEMA
from tests.commands.conftest import Site

AT = datetime.fromisoformat("2026-03-01")


def test_without_an_experiment_nobody_can_tell(site: Site, tmp_path: Path) -> None:
    site.night()
    with site.open() as engine:
        report = effect.train(engine, tmp_path)
    assert not report.verdict.is_on
    assert "no customer was assigned at random" in report.verdict.reason
    assert effect.show(tmp_path).verdict.reason == report.verdict.reason


def test_what_was_not_trained_or_is_damaged_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="payrec effect train"):
        effect.show(tmp_path)
    (tmp_path / effect.FILE).write_text("{")
    with pytest.raises(ModelRefused, match="damaged"):
        effect.show(tmp_path)


def test_assigned_orders_are_judged_by_what_was_stored_with_them() -> None:
    rng = np.random.default_rng(4)
    n = 4_000
    names = [f"c{number}" for number in range(n)]
    contact, direct_debit = rng.random(n) < 0.8, rng.random(n) < 0.5
    p = rng.uniform(0.2, 0.7, n)
    recovered = rng.random(n) < p + np.where(direct_debit, 0.25, -0.1) * contact
    drawn = pa.Table.from_pylist(
        [
            {"customer_id": name, "epoch": 1, "random_number": 0.5, "arm": "contact" if arm else "hold",
             "propensity": 0.8, "stratum": "top", "rank_if_free": 1, "as_of": AT}
            for name, arm in zip(names, contact, strict=True)
        ],
        schema=SCHEMA,
    )  # fmt: skip
    features = [json.dumps({"age_days": 5, "payment_method": "debit" if one else "card"}) for one in direct_debit]
    orders = pa.table(
        {
            "customer_id": names, "epoch": [1] * n, "outstanding_value": rng.lognormal(4, 1, n).round(2),
            "ev_currency": ["EUR"] * n, "p_recover": p, "features": features, "label": recovered.astype(np.int16),
        }
    )  # fmt: skip
    report = effect.judged([drawn], [orders], 1, [])
    assert report.verdict.is_on
    assert report.orders == n
    assert report.coefficients["payment_method debit"] > 0.2
    assert "age" not in report.coefficients, "a column of one value says nothing"

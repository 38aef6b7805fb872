"""A project holds one database, its models and its policy; what it returns fits on a screen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import payrec
from payrec.common.errors import UsageError
from payrec.simulate.exports import Portfolio
from tests.commands.conftest import FIRST_NIGHT, Site

LONGEST = 500


@pytest.fixture
def project(duckdb_url: str, tmp_path: Path, models: Path, portfolio: Portfolio) -> payrec.Project:
    site = Site(duckdb_url, tmp_path, models, portfolio)
    site.arrive(FIRST_NIGHT)
    return payrec.open(site.url, models, tmp_path / "published")


def test_a_model_predicts_on_a_frame_what_score_gives(project: payrec.Project) -> None:
    built = project.build()
    listed = project.score(capacity=5)
    rows = project.features(built.as_of[-1])
    model = payrec.models.show(models=project.models).model
    scores = dict(zip(listed.ranked["order_id"].to_pylist(), listed.frame["p_recover_30d"].to_numpy(), strict=True))
    of_rows = np.array([scores[order] for order in rows["order_id"].to_pylist()], dtype=float)
    for frame in (rows, rows.to_pandas()):
        p = model.predict_proba(frame)
        assert np.isfinite(p).sum() > 50
        assert np.array_equal(np.isnan(p), np.isnan(of_rows))
        assert np.nanmax(np.abs(np.round(p, 9) - of_rows)) <= 1e-12, "lists hold nine decimals"
    project.close()


def test_every_result_fits_on_a_screen(
    project: payrec.Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with project:
        listed = project.score()
        results = [
            project, project.load, project.build(), project.check(), listed, payrec.simulate(orders=300),
            project.explain(listed.ranked.filter(listed.ranked["rank"].is_valid())["order_id"][0].as_py()),
            project.run(FIRST_NIGHT + timedelta(hours=3), lock_folder=tmp_path), payrec.monitor(project.published),
            payrec.worklist(project.published), payrec.report("r.html", models=project.models),
            payrec.models.list(project.models), payrec.models.show(models=project.models), payrec.Policy(),
        ]  # fmt: skip
        assert {type(one).__name__: len(repr(one)) for one in results if len(repr(one)) > LONGEST} == {}
        assert project.score().summary()["orders"] == listed.ranked.num_rows, "the database is open again after a run"


def test_a_worklist_shows_data_as_text(project: payrec.Project) -> None:
    listed = project.score()
    hostile = pa.array(["<script>alert(1)</script>"] * listed.ranked.num_rows)
    at = listed.ranked.column_names.index("customer_id")
    page = replace(listed, ranked=listed.ranked.set_column(at, "customer_id", hostile))._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    project.close()


def test_a_run_needs_a_database_that_others_can_open(models: Path) -> None:
    with payrec.open("duckdb://", models) as project, pytest.raises(UsageError, match="in memory"):
        project.run(FIRST_NIGHT)

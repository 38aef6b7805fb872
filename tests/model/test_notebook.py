"""The scikit-learn model for notebook users."""

from __future__ import annotations

from pathlib import Path

import joblib
import numpy as np
import pyarrow as pa
import pytest

from payrec.common.errors import DataRefused
from payrec.model.recipes import notebook
from payrec.model.recipes.model import Model, predict
from payrec.model.recipes.training import TrainSpec


def test_it_predicts_much_as_the_original_recipe_does(
    training_rows: pa.Table, models: dict[str, Model], tmp_path: Path
) -> None:
    path = notebook.export_joblib(training_rows, TrainSpec("original"), tmp_path / "models" / "model_calibrated.joblib")
    assert [found.name for found in path.parent.iterdir()] == ["model_calibrated.joblib"]
    found = joblib.load(path).predict_proba(notebook.frame(training_rows))[:, 1]
    assert np.corrcoef(found, predict(models["original"], training_rows))[0, 1] > 0.9
    assert abs(found.mean() - models["original"].base_rate) < 0.05


def test_unknown_categories_and_columns_score(training_rows: pa.Table, tmp_path: Path) -> None:
    path = notebook.export_joblib(training_rows, TrainSpec(), tmp_path / "model.joblib")
    rows = pa.table({"age_days": [3, None], "provider": ["never seen", None]})
    assert np.isfinite(joblib.load(path).predict_proba(notebook.frame(rows))).all()


def test_too_few_rows_leave_nothing_behind(training_rows: pa.Table, tmp_path: Path) -> None:
    with pytest.raises(DataRefused):
        notebook.export_joblib(training_rows.slice(0, 50), TrainSpec(), tmp_path / "model.joblib")
    assert list(tmp_path.iterdir()) == []

"""Made rows, shared by the tests of the model."""

from __future__ import annotations

import sys
from pathlib import Path

from payrec.model.recipes.model import Model

# the tests are imported from their files, so the folder of the shared generator is named here
sys.path.insert(0, str(Path(__file__).parent))

import pyarrow as pa
import pytest
from rows import feature_rows

from payrec.model.recipes import training

TRAINING_ROWS = 3000


@pytest.fixture(scope="session")
def training_rows() -> pa.Table:
    """Made rows that the shared models are trained on."""
    return feature_rows(TRAINING_ROWS, seed=21)


@pytest.fixture(scope="session")
def models(training_rows: pa.Table) -> dict[str, Model]:
    """One small model of each recipe, trained once."""
    names = ("original", "logistic", "xgboost", "average")
    return {name: training.train(training_rows, training.TrainSpec(name, seed=5)) for name in names}


@pytest.fixture(params=["original", "logistic", "xgboost", "average"])
def model(request: pytest.FixtureRequest, models: dict[str, Model]) -> Model:
    """Each of the shared models in turn."""
    return models[request.param]

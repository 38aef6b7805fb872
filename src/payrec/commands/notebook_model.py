"""The original's recipe as a scikit-learn object for notebooks; payrec writes it and never reads it."""

from __future__ import annotations

from pathlib import Path

from payrec.commands import HORIZON_DAYS, MAX_ROWS, SEED
from payrec.commands.build import parameters, reading
from payrec.common.progress import Progress, silent
from payrec.data import snapshots
from payrec.data.engines import Engine
from payrec.data.parameters import LANDMARK_AGES
from payrec.model.recipes import notebook
from payrec.model.recipes.training import TrainSpec


def export_notebook_model(
    engine: Engine,
    out: Path | str = "models/model_calibrated.joblib",
    horizon_days: int = HORIZON_DAYS,
    landmark_ages: tuple[int, ...] = LANDMARK_AGES,
    seed: int = SEED,
    max_rows: int = MAX_ROWS,
    progress: Progress = silent,
) -> Path:
    """Train the original's recipe in scikit-learn alone, and write the object with joblib; return its path."""
    with reading(engine, parameters(horizon_days, landmark_ages=landmark_ages), progress):
        rows = snapshots.training_rows(engine, max_rows, seed)
    return notebook.export_joblib(rows, TrainSpec("original", horizon_days, seed), Path(out))

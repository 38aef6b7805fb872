"""payrec backtest: a recipe tested on the past."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from pyarrow import parquet

from payrec.commands import HORIZON_DAYS, MAX_ROWS, SEED
from payrec.commands.build import parameters, reading
from payrec.commands.check import audited, require_safe
from payrec.commands.train import require_recipe
from payrec.common.errors import UsageError
from payrec.common.files import replacing
from payrec.common.progress import Progress, silent
from payrec.data import snapshots
from payrec.data.drawing import Draw
from payrec.data.engines import Engine
from payrec.data.parameters import LANDMARK_AGES
from payrec.model.evaluate import backtest as testing
from payrec.model.evaluate.backtest import Backtest, BacktestSpec


def backtest(
    engine: Engine,
    recipe: str = "auto",
    horizon_days: int = HORIZON_DAYS,
    folds: int = 5,
    split: date | None = None,
    until: date | None = None,
    ages_days: tuple[int, ...] | None = None,
    predictions: Path | str | None = None,
    observed_until: datetime | None = None,
    now: datetime | None = None,
    landmark_ages: tuple[int, ...] = LANDMARK_AGES,
    seed: int = SEED,
    max_rows: int = MAX_ROWS,
    progress: Progress = silent,
) -> Backtest:
    """Test a recipe on the past: trained on what was known then, tested on what came after.

    Parameters
    ----------
    folds
        Windows of a rolling origin; not used with ``split``.
    split, until
        One temporal split instead: train on what had matured by ``split``, test from there to before ``until``.
    ages_days
        Ages of the snapshots; None = all.
    predictions
        Also write the predictions, one row per test row, as Parquet.

    Raises
    ------
    DataRefused
        The audit finds training unsafe, or there are too few rows.

    >>> tested = payrec.backtest(engine, recipe="original", folds=2)
    >>> 0.5 < tested.document["roc_auc"] < 1.0
    True
    """
    require_recipe(recipe)
    if until is not None and split is None:
        raise UsageError("found --until without --split, expected both or neither")
    wanted = replace(parameters(horizon_days, None, observed_until, landmark_ages), draw=Draw(max_rows, seed))
    with reading(engine, wanted, progress):
        audit = audited(engine, now, progress)
        unsafe = [f for f in audit.refusals if f.code != "newest_cohorts_too_good"]  # a split may end before those
        require_safe(replace(audit, findings=tuple(unsafe)))
        rows = snapshots.landmark_rows(engine, max_rows, seed, progress)
    progress("training and testing, fold by fold")
    spec = BacktestSpec(recipe, horizon_days, folds, split, until, ages_days, seed=seed, max_rows=max_rows)
    tested = testing.run(rows, spec)
    if predictions is not None:
        with replacing(Path(predictions)) as sink:
            parquet.write_table(tested.predictions, sink)
    return tested

"""From the feature view to a model that can be trusted: train, backtest, report."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path

from payrec.api.preparing import HORIZON_DAYS, Progress, asked, present, quiet
from payrec.commands import learning
from payrec.common.errors import UsageError
from payrec.common.files import replacing
from payrec.data.engines import Engine
from payrec.model.evaluate import model_report as reporting
from payrec.model.evaluate.backtest import Backtest, BacktestSpec
from payrec.model.recipes import training
from payrec.model.store import versions

SEED = 20_260_101


def train(
    engine: Engine,
    models: Path | str = "models",
    recipe: str = "auto",
    horizon_days: int = HORIZON_DAYS,
    as_of: datetime | None = None,
    observed_until: datetime | None = None,
    now: datetime | None = None,
    progress: Progress = quiet,
) -> learning.Trained:
    """Train on the database's history, test it, store it, and let it serve if it passes the quality gate.

    Parameters
    ----------
    models
        Folder of the versions.
    recipe
        ``logistic``, ``xgboost``, ``auto`` (the better of both), or ``original`` (the plain baseline).
    as_of
        Learn only from what was known then (UTC, without zone); None: all that is known.

    Raises
    ------
    DataRefused
        The audit says why training would be unsafe, or there are too few rows.

    >>> tried = payrec.train(engine, models, recipe="original")
    >>> tried.model.recipe, tried.is_champion == (not tried.verdict.failures)
    ('original', True)
    """
    _known(recipe)
    wanted = asked(horizon_days, None, observed_until)
    at = present(engine, wanted, now, progress)
    spec = training.TrainSpec(recipe, horizon_days, SEED)
    return learning.train(engine, learning.Learning(wanted, spec, Path(models), at, as_of), progress)


def backtest(
    engine: Engine,
    recipe: str = "auto",
    horizon_days: int = HORIZON_DAYS,
    folds: int = 5,
    split: date | None = None,
    until: date | None = None,
    ages: tuple[int, ...] | None = None,
    observed_until: datetime | None = None,
    now: datetime | None = None,
    progress: Progress = quiet,
) -> Backtest:
    """Test a recipe on the past: trained as it would have been then, judged on what came after.

    Parameters
    ----------
    folds
        Windows of a rolling origin; not used with ``split``.
    split, until
        One temporal split instead: learn from what had matured by ``split``, test from there to before ``until``.
    ages
        Ages in days of the snapshots; None = all.

    >>> tested = payrec.backtest(engine, recipe="original", folds=2)
    >>> 0.5 < tested.document["roc_auc"] < 1.0
    True
    """
    _known(recipe)
    wanted = asked(horizon_days, None, observed_until)
    at = present(engine, wanted, now, progress)
    spec = BacktestSpec(recipe, horizon_days, folds, split, until, ages, seed=SEED)
    return learning.backtest(engine, wanted, spec, at, progress)


def _known(recipe: str) -> None:
    if recipe not in training.RECIPES:
        raise UsageError(f"found the recipe {recipe!r}, expected one of {', '.join(training.RECIPES)}")


def report(out: Path | str, reference: str = "champion", models: Path | str = "models") -> Path:
    """Write the report of a model, one file that opens anywhere, with its ``card.json`` beside it; return its path.

    >>> payrec.report(folder / "report.html", models=models).name
    'report.html'
    """
    found, page = versions.show(Path(models), reference), Path(out)
    if not found.card:
        raise UsageError(f"found no card with the model {found.model_id}, expected one\ntrain it again: payrec train")
    page.parent.mkdir(parents=True, exist_ok=True)
    with replacing(page) as sink:
        sink.write(reporting.html(found.card, found.model_id).encode())
    with replacing(page.with_name("card.json")) as sink:
        sink.write(json.dumps(found.card, indent=2, ensure_ascii=False).encode())
    return page

"""From rows of the feature view in memory to probabilities: rows per CPU second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from benchmarks import inputs
from benchmarks.measure import timed
from payrec.model import bundle, notebook, recipes
from payrec.model.features import schema_hash
from payrec.model.recipes import TrainSpec

TRAINED_ON = 200_000
BATCH = 100_000


def prepared(orders: int) -> None:
    """Train the models once, on the portfolio of 100,000 orders."""
    portfolio = inputs.Portfolio(100_000, inputs.AS_USUAL)
    inputs.features(inputs.Portfolio(orders, inputs.AS_USUAL))
    rows = parquet.read_table(inputs.features(portfolio))
    known = rows.filter(rows["label_recovered_30d"].is_valid())
    for recipe in ("logistic", "xgboost"):
        folder = folder_of(recipe)
        if not folder.exists():
            bundle.save(recipes.train(known, TrainSpec(recipe, max_rows=TRAINED_ON)), folder)
    joblib_file = inputs.FOLDER / "original.joblib"
    if not joblib_file.exists():
        notebook.export_joblib(known, TrainSpec("original", max_rows=TRAINED_ON), joblib_file)


def folder_of(recipe: str) -> Path:
    """Where the bundle lies: one made for other features would be refused, so each kind has its own."""
    return inputs.FOLDER / f"bundle-{recipe}-{schema_hash()}"


def _rows(orders: int, most: int) -> list[pa.RecordBatch]:
    table = parquet.read_table(inputs.Portfolio(orders, inputs.AS_USUAL).features)
    return table.slice(0, most).combine_chunks().to_batches(BATCH)


def bundled(recipe: str, orders: int, most: int) -> dict[str, Any]:
    """Score batches of Arrow with a bundle of ours."""
    model = bundle.load(folder_of(recipe))
    batches = _rows(orders, most)
    recipes.predict(model, batches[0].slice(0, 1_000))
    with timed() as cost:
        for batch in batches:
            recipes.predict(model, batch)
    return {"rows": sum(batch.num_rows for batch in batches), **vars(cost)}


def scikit_learn(orders: int, most: int) -> dict[str, Any]:
    """Score the same batches with the pipeline that a notebook user has: the file is our own, written just before."""
    import joblib

    model = joblib.load(inputs.FOLDER / "original.joblib")
    batches = _rows(orders, most)
    model.predict_proba(notebook.frame(batches[0].slice(0, 1_000)))
    with timed() as cost:
        for batch in batches:
            model.predict_proba(notebook.frame(batch))
    return {"rows": sum(batch.num_rows for batch in batches), **vars(cost)}

"""From rows of the feature view to probabilities in memory, and to a ranked list from file to file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from benchmarks import inputs
from benchmarks.inputs import NOW
from benchmarks.measure import timed
from payrec.commands.score import score_file
from payrec.model.features.declarations import schema_hash
from payrec.model.recipes import notebook, training
from payrec.model.recipes.model import predict
from payrec.model.recipes.training import TrainSpec
from payrec.model.store import bundle
from payrec.publish import export

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
            bundle.save(training.train(known, TrainSpec(recipe, max_rows=TRAINED_ON)), folder)
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
    predict(model, batches[0].slice(0, 1_000))
    with timed() as cost:
        for batch in batches:
            predict(model, batch)
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


def prepared_file(orders: int) -> None:
    """Keep the feature view of the open orders as a file."""
    prepared(100_000)
    inputs.open_orders(inputs.Portfolio(orders, inputs.MANY_OPEN))


def file_to_file(orders: int) -> dict[str, Any]:
    """Parquet of open orders → scored, ranked, explained, written as Parquet: what ``payrec score --features`` does."""
    rows, ranked = _files(orders, "ranked.parquet")
    champion = bundle.read(folder_of("logistic"))
    with timed() as cost:
        decided = score_file(rows, champion, now=NOW)
        export.write(decided.ranked, ranked, decided.run.stamp)
    cost.figures["bytes_out"] = ranked.stat().st_size
    ranked.unlink()
    return {"rows": decided.ranked.num_rows, **vars(cost)}


def duckdb_copy(orders: int) -> dict[str, Any]:
    """Let DuckDB copy the same file: what reading and writing it cost at the least."""
    import duckdb

    rows, copied = _files(orders, "copied.parquet")
    with duckdb.connect() as db, timed() as cost:
        copied_rows = db.execute(f"COPY (SELECT * FROM '{rows}') TO '{copied}' (FORMAT parquet)").fetchone()
    cost.figures["bytes_out"] = copied.stat().st_size
    copied.unlink()
    return {"rows": copied_rows[0] if copied_rows else 0, **vars(cost)}


def _files(orders: int, name: str) -> tuple[Path, Path]:
    portfolio = inputs.Portfolio(orders, inputs.MANY_OPEN)
    return inputs.open_orders(portfolio), portfolio.folder / name

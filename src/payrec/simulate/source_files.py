"""A simulated portfolio in the files that a provider or accounting program would export.

``forms/NAME/FILE.sql`` selects the rows of FILE (``.csv`` or ``.jsonl``) from the views of ``forms/portfolio.sql``.
"""

from __future__ import annotations

import io
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import duckdb
import pyarrow as pa
from pyarrow import csv

from payrec.common import duck
from payrec.common.errors import UsageError
from payrec.common.files import replacing

_FORMS = "forms"


def forms() -> tuple[str, ...]:
    """Return the names of the sources whose files can be written."""
    return tuple(sorted(each.name.replace("_", "-") for each in _folder().iterdir() if each.is_dir()))


def write(transactions: pa.Table, events: pa.Table, source: str, out: Path) -> tuple[Path, ...]:
    """Write the files of a source into the folder ``out``: those that have rows.

    Raises
    ------
    UsageError
        There is no form of that name.
    """
    if source not in forms():
        raise UsageError(f"found the source {source!r}, expected one of {', '.join(forms())}")
    out.mkdir(parents=True, exist_ok=True)
    texts: dict[Path, bytes] = {}
    with duck.connect() as db:
        db.register("orders", _with_column(transactions, "status"))
        db.register("events", _with_column(events, "currency"))
        db.execute(_folder().joinpath("portfolio.sql").read_text(encoding="utf-8"))
        for form in sorted(_folder().joinpath(source.replace("-", "_")).iterdir(), key=lambda each: each.name):
            path = out / form.name.removesuffix(".sql")
            texts[path] = _text(db, form, path.suffix)
    written = tuple(path for path, text in texts.items() if text)
    for path in written:
        with replacing(path) as sink:
            sink.write(texts[path])
    return written


def _with_column(table: pa.Table, name: str) -> pa.Table:
    """Return a table with a column that only portfolios with complications have."""
    return table if name in table.column_names else table.append_column(name, pa.nulls(table.num_rows, pa.string()))


def _folder() -> Traversable:
    return files("payrec.simulate").joinpath(_FORMS)


def _text(db: duckdb.DuckDBPyConnection, form: Traversable, suffix: str) -> bytes:
    select = form.read_text(encoding="utf-8")
    if suffix == ".jsonl":
        rows = db.execute(f"SELECT CAST(TO_JSON(t) AS VARCHAR) FROM ({select}) AS t").fetchall()
        return "".join(f"{text}\n" for (text,) in rows).encode()
    table = db.sql(select).to_arrow_table()
    sink = io.BytesIO()
    csv.write_csv(table.cast(pa.schema([(name, pa.string()) for name in table.column_names])), sink)
    return sink.getvalue() if table.num_rows else b""

"""The real sets, from the file to the feature view: both engines agree, and labels are those of the plain rule.

The files are looked for in ``PAYREC_REAL_DATA``, else beside the repository in ``../shared/data``; else it is skipped.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from payrec.data import layers, load, promises
from payrec.data.engines import Engine
from payrec.data.load.targets import Kind
from tests.data.test_engines_agree import assert_same_probabilities

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("PAYREC_REAL_DATA", ROOT.parent / "shared" / "data"))
NOW = datetime(2026, 1, 1)
AT_CREATION = layers.Parameters(None, (0,))
FINES = "traffic_fines/events.csv.gz"
EXTRACT = "traffic_fines/extract_10k_cases_eventdataR_MIT.csv.gz"
FILES: tuple[tuple[Kind, str, str], ...] = (
    ("transactions", "supplier_invoices/invoices.csv", "supplier_invoices"),
    ("transactions", "ibm_receivables/accounts_receivable.csv", "ibm_receivables"),
    ("transactions", EXTRACT, "traffic_fines"),
    ("transactions", EXTRACT, "traffic_fines_penalty"),
    ("events", EXTRACT, "traffic_fines_events"),
)


def load_into(engine: Engine, kind: Kind, file: str, name: str) -> load.LoadReport:
    path = DATA / file
    if not path.exists():
        pytest.skip(f"{path} is not there; PAYREC_REAL_DATA names the folder of the real data")
    mapping = load.read_mapping(ROOT / "docs" / "maps" / f"{name}.toml")
    return load.load_file(kind, engine, path, mapping, NOW)


def feature_view(engine: Engine) -> pa.Table:
    layers.build(engine, AT_CREATION)
    assert [check for check in promises.check(engine) if check.offending_rows] == []
    return engine.read(f"SELECT * FROM {layers.VIEW} ORDER BY order_id, as_of")


@pytest.mark.parametrize(("kind", "file", "name"), FILES, ids=[name for _, _, name in FILES])
def test_every_map_loads_and_the_counts_add_up(engine: Engine, kind: Kind, file: str, name: str) -> None:
    report = load_into(engine, kind, file, name)
    table = "raw_events" if kind == "events" else "raw_transactions"
    stored = engine.read(f"SELECT COUNT(*) AS n FROM {table}")["n"][0].as_py()
    assert report.loaded == stored > 0
    assert report.rows_in == report.loaded + report.rejected + report.duplicates + report.left_out


@pytest.mark.parametrize(
    "names", [("supplier_invoices",), ("traffic_fines", "traffic_fines_events")], ids=lambda n: n[0]
)
def test_engines_give_the_same_feature_view_and_probabilities(
    open_engine: Callable[[str], Engine], names: tuple[str, ...]
) -> None:
    views = []
    # of Spark one file: the build of the other takes it a minute of a core and shows nothing more
    engines = [open_engine(name) for name in ("duckdb", "postgres", *(["spark"] if len(names) > 1 else []))]
    for engine in engines:
        for kind, file, name in FILES:
            if name in names:
                load_into(engine, kind, file, name)
        views.append(feature_view(engine))
    assert views[0].num_rows > 1000
    for other in views[1:]:
        assert views[0].schema.names == other.schema.names
        for column in views[0].schema.names:
            assert views[0][column].to_pylist() == other[column].to_pylist(), column
    assert_same_probabilities(engines, "logistic")


@pytest.mark.parametrize(("kind", "file", "name"), FILES[:2], ids=[name for _, _, name in FILES[:2]])
def test_the_label_at_age_0_is_the_original_rule(duckdb_memory: Engine, kind: Kind, file: str, name: str) -> None:
    """Paid within 30 days of the due date, or of the invoice without one, for every order still unpaid then."""
    load_into(duckdb_memory, kind, file, name)
    view = feature_view(duckdb_memory)
    rule = "CASE WHEN payment_date <= GREATEST(invoice_date, due_date) + INTERVAL '30' DAY THEN 1 ELSE 0 END"
    raw = duckdb_memory.read(f"SELECT order_id, {rule} AS paid FROM raw_transactions")
    expected = dict(zip(raw["order_id"].to_pylist(), raw["paid"].to_pylist(), strict=True))
    found = dict(zip(view["order_id"].to_pylist(), view["label_recovered_30d"].to_pylist(), strict=True))
    known = {order: label for order, label in found.items() if label is not None}
    assert len(known) > 800
    assert known == {order: expected[order] for order in known}

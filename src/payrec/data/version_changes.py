"""What another version of the SQL layers makes of the same facts: labels and snapshots that it changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime

import pyarrow as pa

from payrec.data.engines import Engine
from payrec.data.findings import Finding, Limits, first_row

Layers = tuple[tuple[str, str], ...]  # (file name, SQL)

VIEW = "v_feature_view"
FORMER, VERSION = "former_labels", "layers_version"  # the labels of the version before; the SQL of the last build
_CHANGED = "version_changes"
_COMPARED = f"""
    CREATE TABLE {_CHANGED} AS
    SELECT CAST(COUNT(*) AS BIGINT) AS snapshots_former,
           CAST(COUNT(*) FILTER (WHERE now.order_id IS NULL) AS BIGINT) AS snapshots_gone,
           CAST(COUNT(*) FILTER (WHERE former.label IS NOT NULL AND now.order_id IS NOT NULL
                                       AND now.label_recovered_30d IS DISTINCT FROM former.label) AS BIGINT)
               AS labels_changed
    FROM {FORMER} AS former
    LEFT JOIN {VIEW} AS now ON now.order_id = former.order_id AND now.as_of = former.as_of
"""


def keep(engine: Engine, layers: Layers) -> None:
    """Keep the labels that stand, if other SQL than ``layers`` made them; the caller is in a transaction."""
    present = engine.tables()
    if VIEW in present and FORMER not in present and not _made_by(engine, present, layers):
        engine.run(
            f"CREATE TABLE {FORMER} AS SELECT order_id, as_of, label_recovered_30d AS label "
            f"FROM {VIEW} WHERE is_landmark = 1"
        )


def compare(engine: Engine, layers: Layers) -> None:
    """Compare the labels of the build that just ended with those kept; the caller is in a transaction."""
    present = engine.tables()
    if FORMER in present:
        engine.run(f"DROP TABLE IF EXISTS {_CHANGED}")
        engine.run(_COMPARED)
        engine.run(f"DROP TABLE {FORMER}")
    if not _made_by(engine, present, layers):
        engine.run(f"DROP TABLE IF EXISTS {VERSION}; CREATE TABLE {VERSION} (sql_sha256 VARCHAR(64) NOT NULL)")
        engine.write(VERSION, pa.table({"sql_sha256": [_sha256(layers)]}), key=())


def forget(engine: Engine) -> None:
    """Take the comparison away: a model has been trained on the labels of this version."""
    engine.run(f"DROP TABLE IF EXISTS {_CHANGED}")


def findings(engine: Engine, now: datetime, limits: Limits) -> Iterator[Finding]:
    """Yield a finding if this version changed labels or snapshots, until a model is trained on them."""
    if _CHANGED not in engine.tables():
        return
    changed = first_row(engine, f"SELECT snapshots_former, snapshots_gone, labels_changed FROM {_CHANGED}")
    rows = changed["snapshots_gone"] + changed["labels_changed"]
    if rows:
        text = (
            f"this version of payrec reads the same facts in another way than the one before: of "
            f"{changed['snapshots_former']:,} snapshots {changed['labels_changed']:,} have another label and "
            f"{changed['snapshots_gone']:,} are none any more\n"
            "what counts as recovered, ended or not due is in docs/meaning.md\n"
            "a model of before learnt from other labels: payrec train"
        )
        yield Finding("version_changes", "warn", rows, text)


def _made_by(engine: Engine, present: frozenset[str], layers: Layers) -> bool:
    if VERSION not in present:
        return False
    return bool(engine.read(f"SELECT sql_sha256 FROM {VERSION}")["sql_sha256"].to_pylist() == [_sha256(layers)])


def _sha256(layers: Layers) -> str:
    return hashlib.sha256("".join(sql for _, sql in layers).encode()).hexdigest()

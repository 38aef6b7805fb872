"""What another version of the SQL layers makes of the same facts: balances and labels that it changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime

import pyarrow as pa

from payrec.data.engines import Engine
from payrec.data.findings import Finding, Limits, first_row

Layers = tuple[tuple[str, str], ...]  # (file name, SQL)

VIEW = "v_feature_view"
FORMER, VERSION = "former_snapshots", "layers_version"  # what the version before made; the SQL of the last build
_CHANGED = "version_changes"
_COMPARED = f"""
    CREATE TABLE {_CHANGED} AS
    SELECT CAST(COUNT(*) AS BIGINT) AS snapshots,
           CAST(COUNT(*) FILTER (WHERE b.is_open = 1 AND b.outstanding_minor <> f.outstanding_minor) AS BIGINT)
               AS owe_another_amount,
           CAST(COUNT(*) FILTER (WHERE b.is_open IS DISTINCT FROM 1) AS BIGINT) AS ended,
           CAST(COUNT(*) FILTER (WHERE f.label IS NOT NULL AND v.order_id IS NOT NULL
                                       AND v.label_recovered_30d IS DISTINCT FROM f.label) AS BIGINT)
               AS labels_changed
    FROM {FORMER} AS f
    LEFT JOIN stg_orders AS o ON o.order_id = f.order_id
    LEFT JOIN stg_balances AS b
      ON b.order_no = o.order_no AND b.from_at <= f.as_of AND (b.until_at IS NULL OR b.until_at > f.as_of)
    LEFT JOIN {VIEW} AS v ON v.order_id = f.order_id AND v.as_of = f.as_of
"""


def keep(engine: Engine, layers: Layers) -> None:
    """Keep the snapshots that stand, if other SQL than ``layers`` made them; the caller is in a transaction."""
    present = engine.tables()
    if VIEW in present and FORMER not in present and not _made_by(engine, present, layers):
        engine.run(
            f"CREATE TABLE {FORMER} AS "
            f"SELECT order_id, as_of, outstanding_minor, label_recovered_30d AS label FROM {VIEW}"
        )


def compare(engine: Engine, layers: Layers) -> None:
    """Compare what was kept with the build that just ended; the caller is in a transaction."""
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
    """Yield a finding if this version changed balances or labels, until a model is trained on them."""
    if _CHANGED not in engine.tables():
        return
    changed = first_row(engine, f"SELECT snapshots, owe_another_amount, ended, labels_changed FROM {_CHANGED}")
    rows = changed["owe_another_amount"] + changed["ended"] + changed["labels_changed"]
    if rows:
        text = (
            f"this version of payrec reads the same facts in another way than the one before: of "
            f"{changed['snapshots']:,} snapshots of open orders {changed['ended']:,} were ended, "
            f"{changed['owe_another_amount']:,} owed another amount, {changed['labels_changed']:,} have another label\n"
            "what counts as owed, ended and recovered is in docs/meaning.md\n"
            "a model of before learnt from the former labels: payrec train"
        )
        yield Finding("version_changes", "warn", rows, text)


def _made_by(engine: Engine, present: frozenset[str], layers: Layers) -> bool:
    if VERSION not in present:
        return False
    return bool(engine.read(f"SELECT sql_sha256 FROM {VERSION}")["sql_sha256"].to_pylist() == [_sha256(layers)])


def _sha256(layers: Layers) -> str:
    return hashlib.sha256("".join(sql for _, sql in layers).encode()).hexdigest()

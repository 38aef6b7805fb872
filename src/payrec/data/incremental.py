"""Which orders' raw rows are not those of the last build, and rebuilding the layers of single orders for these alone.

The first layers (those that say so in their file) make an order's rows from its own raw rows only. So their rows stay
for every order whose raw rows have the hash they had at the last build; the layers after them are made in full.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pyarrow as pa

from payrec.common.text import sql_identifier, sql_identifiers
from payrec.data.engines import Engine
from payrec.data.load.targets import TARGETS

RAW = ("raw_transactions", "raw_events")
HASHES, BASIS = "built_orders", "built_basis"  # the raw rows of each order, and all else, that the last build rests on
MOST = 0.3  # with more changed orders than this share, everything is rebuilt
_NOW, _CHANGED, _DELTA = "now_orders", "changed_orders", "delta_"
MAKES_TABLE = re.compile(r"^CREATE TABLE (\w+) AS", re.MULTILINE)
_OF_ONE_ORDER = "-- Rows of an order come from its own raw rows alone."


def of_one_order(sql: str) -> bool:
    """Whether a layer says of itself that it makes an order's rows from the raw rows of this order only."""
    return _OF_ONE_ORDER in sql.splitlines()[:6]


def basis(layers: tuple[str, ...], declared: dict[str, list[dict[str, Any]]]) -> str:
    """Return a hash of what else the layers depend on: their SQL, and what was declared."""
    return hashlib.sha256(repr((layers, sorted(declared.items()))).encode()).hexdigest()


def changed_orders(engine: Engine, on: str, tables: frozenset[str]) -> int | None:
    """Hash the raw rows of every order, and return how many orders differ from the last build; None: rebuild all.

    ``on`` is the :func:`basis` of this build; if one of ``tables``, the layers of orders, is missing, all is rebuilt.
    The orders that differ, new and vanished ones included, are put aside for :func:`remake`; so are those with an
    undated fact of the export, where it meets other dated facts now that the end of the data has moved.
    :func:`remember` ends what this began.
    """
    if not engine.row_hash:
        return None
    _drop(engine, _NOW, _CHANGED)
    engine.run(
        f"CREATE TABLE {_NOW} AS SELECT order_id, COUNT(*) AS raw_rows, CAST(SUM(h) AS DECIMAL(37, 0)) AS rows_hash "
        f"FROM {_hashed(engine)} GROUP BY order_id; ANALYZE {_NOW}"
    )
    if not {HASHES, *tables} <= engine.tables() or not stands(engine, on):
        return None
    engine.run(
        f"CREATE TABLE {_CHANGED} AS SELECT k.order_id, k.order_no FROM {_NOW} AS n "
        f"FULL JOIN {HASHES} AS b ON b.order_id = n.order_id "
        f"JOIN order_numbers AS k ON k.order_id = COALESCE(n.order_id, b.order_id) "
        f"WHERE n.rows_hash IS DISTINCT FROM b.rows_hash "
        f"UNION SELECT k.order_id, k.order_no FROM stg_claims AS c CROSS JOIN stg_observed AS u "
        f"JOIN order_numbers AS k ON k.order_no = c.order_no WHERE c.is_undated = 1 AND c.from_at <> u.until "
        # an undated fact that said nothing new at the former end may do so at this one, or the other way round
        f"UNION SELECT k.order_id, k.order_no FROM stg_money AS m CROSS JOIN stg_observed AS u CROSS JOIN {BASIS} AS f "
        f"JOIN order_numbers AS k ON k.order_no = m.order_no "
        f"JOIN raw_transactions AS t ON t.order_id = k.order_id AND t.stated_at IS NULL "
        f"WHERE m.from_at > LEAST(f.until, u.until) AND m.from_at <= GREATEST(f.until, u.until); ANALYZE {_CHANGED}"
    )
    changed, orders = _count(engine, _CHANGED), _count(engine, _NOW)
    return changed if changed <= MOST * orders else None


def stands(engine: Engine, on: str) -> bool:
    """Whether the last build rests on the same :func:`basis`; not so one by the SQL of another version."""
    return BASIS in engine.tables() and engine.read(f"SELECT basis FROM {BASIS}")["basis"].to_pylist() == [on]


def remake(engine: Engine, layers: tuple[str, ...]) -> None:
    """Run the layers of single orders for the changed orders, and put their rows in the place of the former ones."""
    tables = [table for sql in layers for table in MAKES_TABLE.findall(sql)]
    names = re.compile(rf"\b({'|'.join((*RAW, *tables))})\b")
    _drop(engine, *(_DELTA + name for name in (*RAW, *tables)))
    for table in RAW:
        engine.run(
            f"CREATE TABLE {_DELTA}{table} AS SELECT * FROM {table} "
            f"WHERE order_id IN (SELECT order_id FROM {_CHANGED}); ANALYZE {_DELTA}{table}"
        )
    for sql in layers:
        engine.run(names.sub(rf"{_DELTA}\1", sql))
        for table in MAKES_TABLE.findall(sql):
            columns = ", ".join(map(sql_identifier, engine.read(f"SELECT * FROM {table} LIMIT 0").schema.names))
            engine.run(
                f"ANALYZE {_DELTA}{table}; DELETE FROM {table} WHERE order_no IN (SELECT order_no FROM {_CHANGED})"
            )
            # no ANALYZE: what the planner knows of the table still holds for most of its rows
            engine.run(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {_DELTA}{table}")
    _drop(engine, *(_DELTA + name for name in (*RAW, *tables)))


def remember(engine: Engine, on: str) -> None:
    """Store what this build rests on, with the hashes of :func:`changed_orders`, as those of the build that stands."""
    if engine.row_hash:
        _drop(engine, HASHES, _CHANGED)
        engine.run(f"ALTER TABLE {_NOW} RENAME TO {HASHES}")
    _drop(engine, BASIS)
    until = pa.array(engine.read("SELECT until FROM stg_observed")["until"].to_pylist(), pa.timestamp("us"))
    engine.run(f"CREATE TABLE {BASIS} (basis VARCHAR(64) NOT NULL, until TIMESTAMP)")
    engine.write(BASIS, pa.table({"basis": [on], "until": until}), key=())


def raw_rows(engine: Engine) -> str:
    """Return a hash of the raw rows as they are: the sum of those of the orders."""
    if not engine.row_hash:
        return str([engine.fingerprint(table) for table in RAW])
    return _summed(engine, f"SELECT COUNT(*) AS n, SUM(h) AS h FROM {_hashed(engine)}")


def built_rows(engine: Engine) -> str:
    """Return :func:`raw_rows` of the rows that the last build saw, from what it kept of them."""
    if not engine.row_hash:
        return raw_rows(engine)
    return _summed(engine, f"SELECT SUM(raw_rows) AS n, SUM(rows_hash) AS h FROM {HASHES}")


def _hashed(engine: Engine) -> str:
    """Hash the columns that payrec knows: others may have a type without a hash, such as json."""
    known = {target.table: sql_identifiers(target.names()) for target in TARGETS.values()}
    tables = (f"(SELECT {known[table]} FROM {table}) AS t" for table in RAW)
    selects = (f"SELECT order_id, {engine.row_hash} AS h FROM {table}" for table in tables)
    return f"({' UNION ALL '.join(selects)}) AS r"


def _summed(engine: Engine, select: str) -> str:
    text = "CAST(COALESCE(n, 0) AS VARCHAR) || ':' || COALESCE(CAST(h AS VARCHAR), '')"
    return str(engine.read(f"SELECT {text} AS f FROM ({select}) AS s")["f"][0].as_py())


def _drop(engine: Engine, *tables: str) -> None:
    engine.run("; ".join(f"DROP TABLE IF EXISTS {table}" for table in tables))


def _count(engine: Engine, table: str) -> int:
    return int(engine.read(f"SELECT COUNT(*) AS n FROM {table}")["n"][0].as_py())

"""The feature view of orders × 4 landmarks by payrec's SQL on DuckDB: every layer, or what a night needs; and by 0.1's."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from benchmarks import inputs
from benchmarks.measure import cpu_s, timed
from payrec.data import incremental, parameters
from payrec.data import layers as warehouse
from payrec.data.engines import connect

SCORING = warehouse.Parameters(None, ())
_PAYMENTS_OF_A_DAY = """
INSERT INTO raw_events (event_id, order_id, event_ts, event_type, amount)
SELECT 'next-day:' || t.order_id, t.order_id, e.newest_at + INTERVAL '1' DAY, 'payment', 1.00
FROM (SELECT order_id, ROW_NUMBER() OVER (ORDER BY order_id) AS n FROM raw_transactions) AS t
CROSS JOIN (SELECT MAX(event_ts) AS newest_at FROM raw_events) AS e
WHERE MOD(t.n, 100) = 0
"""
FIRST_RELEASE = Path(__file__).parent / "build_0_1"  # the layers of payrec 0.1.0 as they were released


def prepared(orders: int) -> None:
    """Simulate with every first charge failed, so that all orders are at risk, and load."""
    inputs.loaded(inputs.Portfolio(orders, inputs.ALL_FAILED))


def prepared_scoring(orders: int) -> None:
    """Load a portfolio of which nearly half is open when the data end."""
    inputs.loaded(inputs.Portfolio(orders, inputs.MANY_OPEN))


def on_duckdb(orders: int) -> dict[str, Any]:
    """Build every layer for the landmark ages, and say where the CPU seconds went."""
    path = inputs.copy_of(inputs.Portfolio(orders, inputs.ALL_FAILED), "build.duckdb")
    return _built(path, warehouse.Parameters((), inputs.BUILD_AGES))


def scoring_only(orders: int) -> dict[str, Any]:
    """Build for one time to score at, the end of the data: what a night needs."""
    return _built(inputs.copy_of(inputs.Portfolio(orders, inputs.MANY_OPEN), "build.duckdb"), SCORING)


def few_customers(orders_each: int | None, orders: int) -> dict[str, Any]:
    """Build the same landmarks as if each customer had made so many orders; None: as if one had made all."""
    portfolio = inputs.Portfolio(orders, inputs.ALL_FAILED)
    path = portfolio.folder / "few.duckdb"
    path.unlink(missing_ok=True)
    with connect(f"duckdb:///{path}") as engine:
        inputs.load_into(engine, portfolio, customers=orders // orders_each if orders_each else 1)
    return _built(path, warehouse.Parameters((), inputs.BUILD_AGES))


def next_day(orders: int) -> dict[str, Any]:
    """Build for one time to score at, a day and payments on one order in a hundred after the build before."""
    path = inputs.copy_of(inputs.Portfolio(orders, inputs.MANY_OPEN), "next-day.duckdb")
    with connect(f"duckdb:///{path}") as engine:
        warehouse.build(engine, SCORING)
        warehouse.change(engine, lambda: engine.run(_PAYMENTS_OF_A_DAY))
    return _built(path, SCORING)


def first_release(orders: int) -> dict[str, Any]:
    """Build the same landmarks, hashing the raw rows as well, by the SQL of payrec 0.1."""
    path = inputs.copy_of(inputs.Portfolio(orders, inputs.ALL_FAILED), "build-0-1.duckdb")
    files = sorted(FIRST_RELEASE.glob("*.sql"))
    with connect(f"duckdb:///{path}") as engine, timed() as cost:
        warehouse.prepare(engine)
        with engine.transaction():
            parameters.declare(engine, warehouse.Parameters((), inputs.BUILD_AGES))
            incremental.changed_orders(engine, "", frozenset())
            for file in files:
                sql = file.read_text(encoding="utf-8")
                engine.run("; ".join([sql, *(f"ANALYZE {table}" for table in incremental.MAKES_TABLE.findall(sql))]))
    with connect(f"duckdb:///{path}") as engine:
        rows = warehouse.count(engine, "snapshots")
    path.unlink()
    return {"rows": rows, **vars(cost)}


def _built(path: Path, wanted: warehouse.Parameters) -> dict[str, Any]:
    marks: list[tuple[str, float]] = []
    with connect(f"duckdb:///{path}") as engine, timed() as cost:
        built = warehouse.build(engine, wanted, lambda name: marks.append((name, cpu_s())))
        marks.append(("commit", cpu_s()))
    path.unlink()
    layers = {name: after - cpu for (name, cpu), (_, after) in itertools.pairwise(marks)}
    cost.figures["layers_cpu_s"] = {name: round(spent, 2) for name, spent in layers.items() if spent >= 0.05}
    return {"rows": built.rows["snapshots"], **vars(cost)}

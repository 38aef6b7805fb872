"""The feature view of orders × 4 landmarks by payrec's SQL on DuckDB: every layer, or what a night needs."""

from __future__ import annotations

import itertools
from typing import Any

from benchmarks import inputs
from benchmarks.measure import cpu_s, timed
from payrec.data import layers as warehouse
from payrec.data.engines import connect


def prepared(orders: int) -> None:
    """Simulate with every first charge failed, so that all orders are at risk, and load."""
    inputs.loaded(inputs.Portfolio(orders, inputs.ALL_FAILED))


def prepared_scoring(orders: int) -> None:
    """Load a portfolio of which nearly half is open when the data end."""
    inputs.loaded(inputs.Portfolio(orders, inputs.MANY_OPEN))


def on_duckdb(orders: int) -> dict[str, Any]:
    """Build every layer for the landmark ages, and say where the CPU seconds went."""
    return _built(inputs.Portfolio(orders, inputs.ALL_FAILED), warehouse.Parameters((), inputs.BUILD_AGES))


def scoring_only(orders: int) -> dict[str, Any]:
    """Build for one time to score at, the end of the data: what a night needs."""
    return _built(inputs.Portfolio(orders, inputs.MANY_OPEN), warehouse.Parameters(None, ()))


def _built(portfolio: inputs.Portfolio, parameters: warehouse.Parameters) -> dict[str, Any]:
    path = inputs.copy_of(portfolio, "build.duckdb")
    marks: list[tuple[str, float]] = []
    with connect(f"duckdb:///{path}") as engine, timed() as cost:
        built = warehouse.build(engine, parameters, lambda name: marks.append((name, cpu_s())))
        marks.append(("commit", cpu_s()))
    path.unlink()
    layers = {name: after - cpu for (name, cpu), (_, after) in itertools.pairwise(marks)}
    cost.figures["layers_cpu_s"] = {name: round(spent, 2) for name, spent in layers.items() if spent >= 0.05}
    return {"rows": built.rows["snapshots"], **vars(cost)}

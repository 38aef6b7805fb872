"""The whole job on made data whose future is known: so the list can be held against what then happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from payrec.commands.layers import Progress
from payrec.commands.learning import Learning, Trained, train
from payrec.commands.night import Night, Report, night
from payrec.common.errors import ModelRefused, UsageError
from payrec.data import layers, load
from payrec.data.engines import Engine, connect
from payrec.model.evaluate import metrics
from payrec.model.store import versions
from payrec.monitor import outcomes
from payrec.simulate.simulator import REPORTING_CURRENCY, portfolio, write

SEED = 1


@dataclass(frozen=True)
class Truth:
    """What the first K of a list brought within the horizon, in the reporting currency, against other orders of it."""

    contacted: int
    expected: float
    interval: tuple[float, float]
    came_back: float
    by_other_order: dict[str, float]
    best_possible: float


@dataclass(frozen=True)
class Demo:
    """What the demo did; ``trained`` is None if the champion already came from these data."""

    rows: dict[str, int]
    trained: Trained | None
    report: Report


def run(folder: Path, orders: int, learning: Learning, how: Night, progress: Progress) -> Demo:
    """Simulate, load, check, build, train, score, decide, publish; what has been done already is not done again.

    Raises
    ------
    UsageError
        The database holds orders that the demo did not make.
    """
    with connect(how.database_url) as engine:
        rows = _loaded(engine, folder, orders, how, progress)
        inputs = layers.fingerprint(engine)
        trained = None if _learnt_from(learning.models, inputs) else train(engine, learning, progress)
    return Demo(rows, trained, night(how, progress))


def _loaded(engine: Engine, folder: Path, orders: int, how: Night, progress: Progress) -> dict[str, int]:
    layers.prepare(engine)
    there = layers.count(engine, "raw_transactions")
    if not there:
        progress(f"simulating {orders:,} orders")
        write(portfolio(orders, SEED), folder)
        for name, loading, mapping in _FILES:
            progress(f"loading {name}")
            loading(engine, folder / name, mapping, None, how.now, None)
        layers.clear(engine)
    elif not (folder / "truth.parquet").exists() or there != parquet.read_metadata(folder / "truth.parquet").num_rows:
        _require_own(engine, folder, there)
    return {table: layers.count(engine, table) for table in ("raw_transactions", "raw_events", "fx_rates")}


_FILES: tuple[tuple[str, Callable[..., load.LoadReport], load.Mapping | None], ...] = (
    ("transactions.csv", load.transactions, None),
    ("events.csv", load.events, None),
    ("fx.csv", load.fx, load.Mapping(reporting_currency=REPORTING_CURRENCY)),
)


def _require_own(engine: Engine, folder: Path, there: int) -> None:
    strange = layers.count(engine, "raw_transactions", "order_id NOT LIKE 'o________' OR customer_id NOT LIKE 'c%'")
    if strange or not (folder / "truth.parquet").exists():
        msg = (
            f"found {there:,} orders in the database that the demo did not make, expected none or its own\n"
            "run it in another folder, or name an empty database with --database"
        )
        raise UsageError(msg)


def _learnt_from(models: Path, inputs: str) -> bool:
    try:
        return (versions.champion(models).card or {}).get("inputs_sha256") == inputs
    except ModelRefused:
        return False


def truth(ranked: pa.Table, folder: Path, k: int, seed: int) -> Truth | None:
    """Hold the first ``k`` of a ranked list against what then happened; None where the future is not known."""
    known = parquet.read_table(folder / "truth.parquet", columns=["order_id", "as_of", "recovered_after_days"])
    rows = _with_future(ranked, known)
    if rows.num_rows == 0:
        return None
    value = rows["outstanding_value"].cast(pa.float64()).to_numpy()
    days = rows["recovered_after_days"].cast(pa.float64()).to_numpy()
    gain = value * np.nan_to_num(days <= rows["horizon_days"][0].as_py(), nan=0.0)
    first = np.argsort(rows["rank"].to_numpy(), kind="stable")[:k]
    share = min(1.0, k / len(gain))
    scores = {
        "the largest amount first": value,
        "the oldest first": rows["age_days"].to_numpy().astype(float),
        "at random": np.zeros(len(gain)),
    }
    others = {name: float(metrics.captured(gain, score, [share])[0]) for name, score in scores.items()}
    expected = rows["ev_recovered"].cast(pa.float64()).to_numpy()[first].sum()
    chance = rows["p_recover_30d"].to_numpy()[first]
    low, high = outcomes.interval(np.rint(value[first] * 100).astype(np.int64), chance)
    best = float(np.sort(gain)[::-1][:k].sum())
    return Truth(len(first), float(expected), (low / 100, high / 100), float(gain[first].sum()), others, best)


def _with_future(ranked: pa.Table, known: pa.Table) -> pa.Table:
    listed = ranked.filter(ranked["rank"].is_valid())
    columns = [
        "order_id",
        "as_of",
        "rank",
        "outstanding_value",
        "ev_recovered",
        "p_recover_30d",
        "age_days",
        "horizon_days",
    ]
    joined: pa.Table = listed.select(columns).join(known, ["order_id", "as_of"], join_type="inner")
    return joined


def limited(how: Night, capacity: int) -> Night:
    """Return the night with room for ``capacity`` contacts."""
    return replace(how, policy=replace(how.policy, capacity=replace(how.policy.capacity, total=capacity)))


def plain(found: Truth | None) -> dict[str, Any] | None:
    """Return the comparison as plain values for JSON."""
    return None if found is None else vars(found)

"""Bias of the probabilities while the level of recovery moves: stable, seasonal, with a jump, back again, with a trend.

Simulated portfolios whose log hazard is shifted by calendar day. A regression is fitted every 28 days over the last
168 matured days, and gives the landmark snapshots of the next 28 days their probabilities, each at the level of its own
night. Held against the simulator's true probabilities, week by week and age by age; ``kept`` is the same without the
level: with the calibration that the newest matured slice gave. ``python -m benchmarks.levels`` prints the table.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from payrec.data import layers, snapshots
from payrec.data.engines import connect
from payrec.model.evaluate import backtest, landmarks
from payrec.model.features import view_columns
from payrec.model.recipes import curve, training
from payrec.model.recipes.training import TrainSpec
from payrec.simulate import hazard, simulator

Floats = npt.NDArray[np.float64]
END = np.datetime64(simulator.DEFAULT_END)
REFIT_DAYS, TESTED_DAYS, HORIZON_DAYS = 28, 168, 30


def _stable(days_to_end: Floats) -> Floats:
    return np.zeros_like(days_to_end)


def _season(days_to_end: Floats) -> Floats:
    return 0.35 * np.sin(2 * np.pi * days_to_end / 365)


def _jump(days_to_end: Floats) -> Floats:
    return np.where(days_to_end <= 100, -0.7, 0.0)


def _back(days_to_end: Floats) -> Floats:
    return np.where((days_to_end <= 170) & (days_to_end > 100), -0.7, 0.0)


def _trend(days_to_end: Floats) -> Floats:
    return -0.8 * np.clip(1 - days_to_end / 365, 0, 1)


WORLDS: dict[str, Callable[[Floats], Floats]] = {
    "stable": _stable, "season": _season, "jump": _jump, "back": _back, "trend": _trend,
}  # fmt: skip


def rows_of(world: str, orders: int, seed: int) -> pa.Table:
    """Simulate a world and return its landmark snapshots with endings and true probabilities."""
    plain = hazard.payday_lifts

    def lifted(first_day: np.datetime64, days: int) -> Floats:
        dates = first_day + np.arange(days)
        return plain(first_day, days) + WORLDS[world]((END - dates).astype(np.float64))

    with mock.patch.object(hazard, "payday_lifts", lifted):
        drawn = simulator.portfolio(orders, seed)
    with connect("duckdb://") as engine:
        layers.prepare(engine)
        for table, rows in (("raw_transactions", drawn.transactions), ("raw_events", drawn.events)):
            engine.write(table, rows, key=())
        engine.write("fx_rates", drawn.fx, key=())
        engine.write("payment_source", pa.table({"source": ["events"]}), key=())
        engine.write("reporting_currency", pa.table({"currency": [simulator.REPORTING_CURRENCY]}), key=())
        layers.build(engine, layers.Parameters())
        rows = snapshots.training_rows(engine, 10_000_000, 1)
    truth = drawn.truth.select(["order_id", "as_of", "p_recover_30d", *(f"p_recover_{d}d" for d in curve.DAYS)])
    return rows.join(truth, ["order_id", "as_of"], join_type="inner").sort_by([("as_of", "ascending")])


def biases(rows: pa.Table, recipe: str, *, follows: bool) -> dict[str, Any]:
    """Return the bias in points by week and age, the log loss above the truth's, and money at K of each week."""
    if not follows:
        rows = rows.drop([view_columns.ENDED_AT, view_columns.ENDED_BY])
    as_of = landmarks.times(rows)
    last = as_of.max().astype("datetime64[D]").astype(datetime)
    tested, p, within = [], [], []
    for back in range(TESTED_DAYS, 0, -REFIT_DAYS):
        start = np.datetime64(datetime(last.year, last.month, last.day) + timedelta(days=1 - back), "us")
        test = rows.filter(pa.array((as_of >= start) & (as_of < start + np.timedelta64(REFIT_DAYS, "D"))))
        learnt = rows.filter(pa.array(as_of + np.timedelta64(HORIZON_DAYS, "D") <= start))
        model = training.train(learnt, TrainSpec(recipe, HORIZON_DAYS))
        p.append(backtest.at_level(model, rows, test))
        tested.append(test)
        if model.curve:
            within.append(curve.probabilities(model.curve, p[-1], test["age_days"].to_numpy().astype(float)))
    figures = _judged(pa.concat_tables(tested), np.concatenate(p))
    return figures | (_horizons(pa.concat_tables(tested), np.concatenate(within)) if within else {})


def _horizons(rows: pa.Table, within: Floats) -> dict[str, Any]:
    """Return bias in points and divergence from the truth at the other horizons, known orders alone."""
    figures = {}
    for at, days in enumerate(curve.DAYS):
        known = ~np.isnan(within[:, at])
        true = rows[f"p_recover_{days}d"].to_numpy().astype(np.float64)[known]
        bias = float((within[known, at] - true).mean() * 100)
        figures[f"{days} d"] = {
            "known": float(known.mean()),
            "bias": bias,
            "divergence": _divergence(true, within[known, at]),
        }
    return {"horizons": figures, "falling": int((np.diff(within, axis=1) < -1e-12).sum())}


def _divergence(true: Floats, p: Floats) -> float:
    """Mean Kullback-Leibler divergence of the truth from p, times 10⁴."""
    kept = (true > 0) & (true < 1)
    true, p = true[kept], p[kept]
    return float((true * np.log(true / p) + (1 - true) * np.log((1 - true) / (1 - p))).mean() * 1e4)


def _judged(rows: pa.Table, p: Floats) -> dict[str, Any]:
    true = rows["p_recover_30d"].to_numpy().astype(np.float64)
    week = (landmarks.times(rows).max() - landmarks.times(rows)) // np.timedelta64(7, "D")
    age = rows["age_days"].to_numpy()
    by_week = np.array([(p - true)[week == w].mean() for w in np.unique(week)]) * 100
    by_age = {int(a): float((p - true)[age == a].mean() * 100) for a in np.unique(age)}
    return {
        "rows": rows.num_rows,
        "mean_bias": float(np.abs(by_week).mean()),
        "worst_bias": float(by_week[np.argmax(np.abs(by_week))]),
        "divergence": _divergence(true, p),
        "by_age": by_age,
    }


def measured(orders: int, seeds: int = 1, recipe: str = "logistic", worlds: tuple[str, ...] = tuple(WORLDS)) -> Any:
    """Return the figures by world, with and without the level."""
    figures: dict[str, Any] = {}
    for world in worlds:
        for seed in range(1, seeds + 1):
            rows = rows_of(world, orders, seed)
            for name, follows in (("kept", False), ("level", True)):
                figures[f"{world} {seed} {name}"] = (one := biases(rows, recipe, follows=follows))
                ages = " ".join(f"{age}:{bias:+.1f}" for age, bias in one["by_age"].items())
                print(
                    f"{world:7} {seed} {name:6} {recipe:8} mean |bias| {one['mean_bias']:.2f}  "
                    f"worst {one['worst_bias']:+.2f}  divergence {one['divergence']:.1f}  by age {ages}",
                    flush=True,
                )
                for days, horizon in one.get("horizons", {}).items():
                    print(f"        {days:>4}: {', '.join(f'{k} {v:.3f}' for k, v in horizon.items())}", flush=True)
    return figures


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.levels", description=__doc__)
    parser.add_argument("worlds", nargs="*", default=list(WORLDS), help=f"all, or some of: {', '.join(WORLDS)}")
    parser.add_argument("--orders", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--recipe", default="logistic")
    options = parser.parse_args()
    measured(options.orders, options.seeds, options.recipe, tuple(options.worlds))


if __name__ == "__main__":
    main()

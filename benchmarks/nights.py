"""Whether what a list says comes true, night by night: simulated portfolios, 20 weekly nights each.

A model is fitted twice, 23 weeks apart, on what had matured by then, over the last 46 weeks. The first 26 weeks teach φ, as a backtest
does; the last 20 are the nights. Each night's open orders get their probabilities at the level of that night, and are
held against the simulator's true probabilities, age by age (every day from 0 to 60), and their money against what came.
In a world with shocks all orders of a calendar week share a shift of the log hazard, an AR(1) of that standard
deviation. ``python -m benchmarks.nights --write`` puts the table into docs/model.md; each portfolio is kept in out/nights.
"""

from __future__ import annotations

import argparse
import json
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa

from benchmarks.levels import END, HORIZON_DAYS, WORLDS, Floats
from payrec.data import layers, snapshots
from payrec.data.engines import connect
from payrec.model.evaluate import backtest, figures, landmarks
from payrec.model.evaluate.expected_sum import Overdispersion, expected_sum
from payrec.model.evaluate.figures import TestedRows
from payrec.model.recipes import curve, training
from payrec.model.recipes.training import TrainSpec
from payrec.simulate import hazard, simulator, truth

NIGHTS, LEARNT_WEEKS, REFIT_WEEKS = 20, 26, 23
KS = (50, 200, 1_000)
FOLDER = Path("out/nights")
START, END_MARK = "<!-- figures: python -m benchmarks.nights -->", "<!-- end of the figures -->"
AR = 0.7  # of the shock of a week on that of the next
SHOCKS = {"stable": 0.0, "shock-0.15": 0.15, "shock-0.30": 0.3}


def _lifts(world: str, seed: int, first_day: np.datetime64, days: int, plain: Any) -> Floats:
    dates = first_day + np.arange(days)
    lifts: Floats = plain(first_day, days)
    if world in WORLDS and world not in SHOCKS:
        return lifts + WORLDS[world]((END - dates).astype(np.float64))
    rng, shock = np.random.default_rng(seed), np.zeros(days // 7 + 2)
    for week in range(1, shock.size):
        shock[week] = AR * shock[week - 1] + np.sqrt(1 - AR**2) * SHOCKS[world] * rng.standard_normal()
    return lifts + shock[(np.arange(days) // 7) + 1]


def simulated(world: str, orders: int, seed: int) -> tuple[pa.Table, list[pa.Table]]:
    """Simulate a world; return its landmark snapshots, and those of the nights with truth and outcome."""
    lifts = partial(_lifts, world, seed, plain=hazard.payday_lifts)
    every_day = (*truth.DAYS_BEFORE_DUE, *range(61))
    with mock.patch.object(hazard, "payday_lifts", lifts), mock.patch.object(truth, "LANDMARK_DAYS", every_day):
        drawn = simulator.portfolio(orders, seed)
    end = datetime.combine(simulator.DEFAULT_END, datetime.min.time())
    nights = tuple(end - timedelta(weeks=back) for back in range(NIGHTS, 0, -1))
    with connect("duckdb://") as engine:
        layers.prepare(engine)
        for table, rows in (("raw_transactions", drawn.transactions), ("raw_events", drawn.events)):
            engine.write(table, rows, key=())
        engine.write("fx_rates", drawn.fx, key=())
        engine.write("payment_source", pa.table({"source": ["events"]}), key=())
        engine.write("reporting_currency", pa.table({"currency": [simulator.REPORTING_CURRENCY]}), key=())
        layers.build(engine, layers.Parameters(as_of=nights))
        learnt = snapshots.landmark_rows(engine, 10_000_000, 1)
        listed = [engine.read(snapshots.scoring_select(night)) for night in nights]
    true = drawn.truth.select(["order_id", "as_of", "p_recover_30d", "recovered_after_days"])
    return learnt, [rows.join(true, ["order_id", "as_of"], join_type="inner").sort_by("order_id") for rows in listed]


def judged(world: str, orders: int, seed: int, recipe: str) -> dict[str, Any]:
    """Return sums over a world's nights, to be pooled: errors by age, money by K, hits of the intervals."""
    rows, nights = simulated(world, orders, seed)
    as_of, first = landmarks.times(rows), nights[0]["as_of"][0].as_py()
    out: dict[str, Any] = {"age": [], "p": [], "true": [], "is_new": [], "money": [], "falling": 0}
    seen: list[TestedRows] = []
    for week in range(-LEARNT_WEEKS, NIGHTS, REFIT_WEEKS):
        start, until = (np.datetime64(first + timedelta(weeks=at), "us") for at in (week, week + REFIT_WEEKS))
        matured = pa.array(as_of + np.timedelta64(HORIZON_DAYS, "D") <= start)
        model = training.train(rows.filter(matured), TrainSpec(recipe, HORIZON_DAYS))
        tested = rows.filter(pa.array((as_of >= start) & (as_of < min(until, np.datetime64(first, "us")))))
        tested = tested.filter(tested["label_recovered_30d"].is_valid())
        if tested.num_rows:
            y, none = landmarks.labels(tested).astype(np.float64), np.zeros(tested.num_rows)
            seen.append(TestedRows(tested, y, backtest.at_level(model, rows, tested), none, none))
        spread = _spread(seen)
        for night in nights:
            if start <= np.datetime64(night["as_of"][0].as_py(), "us") < until:
                _add(out, model, night, backtest.at_level(model, rows, night), spread)
    return out


def _spread(seen: list[TestedRows]) -> Overdispersion:
    parts = (np.concatenate([getattr(one, name) for one in seen]) for name in ("y", "p", "history", "age_rate"))
    return figures.overdispersion(TestedRows(pa.concat_tables([one.rows for one in seen]), *parts))


def _add(out: dict[str, Any], model: Any, night: pa.Table, p: Floats, spread: Overdispersion) -> None:
    true = night["p_recover_30d"].to_numpy().astype(np.float64)
    days = night["recovered_after_days"].cast(pa.float64()).to_numpy()
    came = np.nan_to_num(days, nan=np.inf) <= HORIZON_DAYS
    age = night["age_days"].to_numpy()
    value = night["outstanding_reporting_minor"].to_numpy().astype(np.int64)
    out["age"].append(age)
    out["p"].append(p)
    out["true"].append(true)
    out["is_new"].append(night["cust_failures"].to_numpy() == 0)
    if model.curve:
        within = curve.probabilities(model.curve, p, age.astype(float), (7, 14, 30, 60, 90))
        out["falling"] += int((np.diff(within, axis=1) < -1e-12).sum())
    order = np.argsort(-value * p, kind="stable")
    for k in (*KS, len(order)):
        at = np.sort(order[:k])
        total, brought = expected_sum(value[at], p[at], spread), float(value[at] @ came[at])
        out["money"].append(
            {
                "k": "all" if k == len(order) else str(k), "expected": total.expected, "true": float(value[at] @ true[at]),
                "came": brought, "in_80": total.low_80 <= brought <= total.high_80,
                "in_95": total.low_95 <= brought <= total.high_95, "phi": spread.phi,
            }
        )  # fmt: skip


def pooled(worlds: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of several seeds of one world."""
    age, p, true, is_new = (
        np.concatenate([np.array(part) for one in worlds for part in one[name]])
        for name in ("age", "p", "true", "is_new")
    )
    known = age >= 0
    bias = {int(a): float((p - true)[age == a].mean() * 100) for a in np.unique(age[known])}
    money = {}
    for k in (*map(str, KS), "all"):
        lists = [row for one in worlds for row in one["money"] if row["k"] == k]
        sums = {name: sum(row[name] for row in lists) for name in ("expected", "true", "came")}
        money[k] = {
            "truth_by_expected": sums["true"] / sums["expected"], "se": _ratio_error(worlds, k),
            "came_by_expected": sums["came"] / sums["expected"],
            "in_80": float(np.mean([row["in_80"] for row in lists])),
            "in_95": float(np.mean([row["in_95"] for row in lists])),
            "phi": float(np.mean([row["phi"] for row in lists])), "lists": len(lists),
        }  # fmt: skip
    return {
        "portfolios": len(worlds), "rows": int(known.sum()), "bias": float((p - true)[known].mean() * 100),
        "bias_by_age": bias, "ece_by_age": {a: _ece(p[age == a], true[age == a]) for a in bias},
        "bias_new_customers": float((p - true)[known & is_new].mean() * 100),
        "money": money, "falling": sum(one["falling"] for one in worlds),
    }  # fmt: skip


def _ratio_error(worlds: list[dict[str, Any]], k: str) -> float:
    """Standard error of Σ true / Σ expected between portfolios, by the jackknife: lists of one share orders and model."""
    sums = np.array(
        [[sum(row[name] for row in one["money"] if row["k"] == k) for name in ("true", "expected")] for one in worlds]
    )
    left = sums.sum(0) - sums
    ratios, n = left[:, 0] / left[:, 1], len(worlds)
    return float(np.sqrt((n - 1) / n * ((ratios - ratios.mean()) ** 2).sum()))


def _ece(p: Floats, true: Floats) -> float:
    """Mean distance of the mean p from the mean truth, in tenths of the rows by p: no luck of outcomes in it."""
    tenths = np.array_split(np.argsort(p, kind="stable"), 10)
    return float(sum(abs((p - true)[at].sum()) for at in tenths) / p.size)


def table(measured: dict[str, dict[str, Any]]) -> str:
    """Return the figures of worlds beside their marks, as Markdown."""
    rows: list[tuple[str, str, Any]] = [
        ("portfolios, rows", "", lambda w: f"{w['portfolios']}, {w['rows']:,}"),
        ("bias, all and new customers, points", "1", lambda w: f"{w['bias']:+.2f}, {w['bias_new_customers']:+.2f}"),
        ("worst bias at an exact age, points", "1", lambda w: "{1:+.2f} at {0}".format(*_worst(w["bias_by_age"]))),
        ("ECE by age: mean, worst", "0.02", lambda w: "{:.3f}, {:.3f}".format(*_mean_and_most(w["ece_by_age"]))),
        ("falling curves", "0", lambda w: f"{w['falling']:,}"),
        *(
            (f"true / expected money, {_list(k)}", "0.97–1.03", lambda w, k=k: f"{w['money'][k]['truth_by_expected']:.3f} ± {w['money'][k]['se']:.3f}")
            for k in ("50", "200", "all")
        ),
        *(
            (f"came inside {share} %, {_list(k)}", f"{mark} %", lambda w, k=k, share=share: f"{w['money'][k][f'in_{share}']:.1%}")
            for share, mark in ((80, "75–85"), (95, "92–98"))
            for k in ("50", "200", "all")
        ),
    ]  # fmt: skip
    lines = [("", "mark", *measured), ("---",) * (len(measured) + 2)]
    lines += [(name, mark, *(figure(of) for of in measured.values())) for name, mark, figure in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _list(k: str) -> str:
    return "all ranked" if k == "all" else f"K {k}"


def _worst(bias: dict[int, float]) -> tuple[int, float]:
    return max(bias.items(), key=lambda of_age: abs(of_age[1]))


def _mean_and_most(errors: dict[int, float]) -> tuple[float, float]:
    return float(np.mean(list(errors.values()))), max(errors.values())


def write(measured: dict[str, dict[str, Any]], page: Path) -> None:
    """Put the table between its marks in a page."""
    before, rest = page.read_text(encoding="utf-8").split(START, 1)
    _, after = rest.split(END_MARK, 1)
    page.write_text(f"{before}{START}\n{table(measured)}\n{END_MARK}{after}", encoding="utf-8")


def kept(world: str, orders: int, seed: int, recipe: str) -> dict[str, Any]:
    """Return what was measured of one portfolio, from its file if it was before."""
    file = FOLDER / f"{world}-{orders}-{recipe}-{seed}.json"
    if not file.exists():
        one = judged(world, orders, seed, recipe)
        for name in ("age", "p", "true", "is_new"):
            one[name] = [part.tolist() for part in one[name]]
        FOLDER.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(one))
    read: dict[str, Any] = json.loads(file.read_text())
    return read


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nights", description=__doc__)
    worlds = (*SHOCKS, "season", "jump", "back", "trend")
    parser.add_argument("worlds", nargs="*", default=list(worlds), help=f"all, or some of: {', '.join(worlds)}")
    parser.add_argument("--orders", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--recipe", default="logistic")
    parser.add_argument("--write", action="store_true", help="put the table into docs/model.md")
    options = parser.parse_args()
    measured = {}
    for world in options.worlds:
        seeds = range(1, options.seeds + 1)
        measured[world] = pooled([kept(world, options.orders, seed, options.recipe) for seed in seeds])
        print(table({world: measured[world]}), flush=True)
    if options.write:
        write(measured, Path("docs/model.md"))


if __name__ == "__main__":
    main()

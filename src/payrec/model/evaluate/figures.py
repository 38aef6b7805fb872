"""Figures of a backtest: every measure, baseline, interval, table and curve, ready for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from payrec.common.arrow import Floats
from payrec.common.short_repr import short_repr
from payrec.model.evaluate import baselines, expected_sum, intervals, metrics, reliability, worth
from payrec.model.evaluate.baselines import OutstandingAmounts, Ranking
from payrec.model.evaluate.expected_sum import Overdispersion
from payrec.model.evaluate.metrics import GroupCodes

CURVE_SHARES = np.unique(np.round(np.concatenate((np.arange(0.0, 0.2, 0.01), np.arange(0.2, 1.001, 0.025))), 6))


@short_repr
@dataclass(frozen=True)
class Capacity:
    """Contacts of one list, and the open orders that it is chosen from."""

    contacts: int
    open_orders: int


@short_repr
@dataclass(frozen=True)
class TestedRows:
    """Rows that a model has not seen, with its probabilities.

    Attributes
    ----------
    rows
        Rows of the feature view, n of them, all with a label.
    y, p, history, age_rate
        Label, probability, the customer's history rate as known then, and the share of its age, (n,) each.
    """

    rows: pa.Table
    y: Floats
    p: Floats
    history: Floats
    age_rate: Floats

    @cached_property
    def money(self) -> OutstandingAmounts:
        """Outstanding amount of each row, and the currency in which it may be summed."""
        return baselines.money(self.rows)

    @cached_property
    def rankings(self) -> dict[str, Ranking]:
        """Model and baselines."""
        return baselines.rankings(self.rows, self.p, self.history, self.money)

    @property
    def gain_minor(self) -> Floats:
        """Amount recovered from each row: its outstanding amount if recovered in time, else 0."""
        return self.y * self.money.outstanding_minor

    @cached_property
    def customer(self) -> GroupCodes:
        """Code of the customer of each row."""
        return intervals.cluster_codes(self.rows["customer_id"])


def figures(of: TestedRows, k_share: float) -> dict[str, Any]:
    """Figures of the model by their names in ``backtest --json``."""
    return {**metrics.of_probabilities(of.y, of.p, k_share), "value_at_k": _value(of, "model", k_share)}


def of_baselines(of: TestedRows, k_share: float) -> dict[str, dict[str, float]]:
    """``pr_auc``, ``roc_auc``, ``lift_at_k`` and ``value_at_k`` of each baseline."""
    by_baseline = {}
    for name in baselines.NAMES:
        who = of.rankings[name].who
        by_baseline[name] = {
            "pr_auc": metrics.pr_auc(of.y, who),
            "roc_auc": metrics.roc_auc(of.y, who),
            "lift_at_k": metrics.lift_at_k(of.y, who, k_share),
            "value_at_k": _value(of, name, k_share),
        }
    return by_baseline


def _value(of: TestedRows, name: str, k_share: float) -> float:
    return metrics.value_at_k(of.gain_minor, of.rankings[name].money, k_share, of.money.unit)


def value_by_currency(of: TestedRows, k_share: float) -> dict[str, dict[str, Any]]:
    """Money in the model's top K, the most possible there, and all that came back, in each currency, in hundredths."""
    by_currency: dict[str, dict[str, Any]] = {}
    for code, name in enumerate(of.money.names):
        at = np.flatnonzero(of.money.unit == code)
        gain, score = of.gain_minor[at], of.rankings["model"].money[at]
        share = [metrics.whole_rows_share(at.size, k_share)]
        by_currency[name] = {
            "rows": int(at.size),
            "captured_minor": round(float(metrics.captured(gain, score, share)[0])),
            "best_minor": round(float(metrics.captured(gain, gain, share)[0])),
            "recovered_minor": round(float(gain.sum())),
            "value_at_k": metrics.value_at_k(gain, score, k_share),
        }
    return by_currency


def ci95(of: TestedRows, k_share: float, resamples: int, seed: int) -> dict[str, list[float]]:
    """95 % intervals of the model's figures, and of how far it is above the history rate, by customer."""
    ranked = of.rankings["model"]
    history = of.rankings["history_rate"]
    who = intervals.discrimination(of.y, ranked.who)
    money = intervals.value(of.gain_minor, ranked.money, k_share, of.money.unit)
    rival_who = intervals.discrimination(of.y, history.who)
    rival_money = intervals.value(of.gain_minor, history.money, k_share, of.money.unit)
    statistics: Sequence[intervals.Statistic] = (
        intervals.truth(of.y, of.p),
        intervals.lift(of.y, ranked.who, k_share),
        intervals.paired("history_rate", who, rival_who),
        intervals.paired("history_rate", money, rival_money),
    )
    interval = intervals.bootstrap(of.customer, statistics, resamples, seed)
    if "ece" in interval:
        interval["ece"] = intervals.turned(interval["ece"], metrics.ece(of.y, of.p))
    return {name: list(pair) for name, pair in interval.items()}


def by_age(of: TestedRows, k_share: float) -> list[dict[str, Any]]:
    """Figures at each age by itself, where no row can win by being younger, with the history rate for comparison."""
    ages = of.rows["age_days"].to_numpy()
    rows = []
    for age in np.unique(ages):
        at = np.flatnonzero(ages == age)
        part = TestedRows(of.rows.take(at), of.y[at], of.p[at], of.history[at], of.age_rate[at])
        rival = metrics.pr_auc(part.y, part.history)
        rows.append({"age_days": int(age), **figures(part, k_share), "history_rate_pr_auc": rival})
    return rows


def curves(of: TestedRows, k_share: float) -> dict[str, Any]:
    """Shares found in the top shares of the list: of recovered rows (``gains``), of recovered value (``value``).

    ``shares`` is the grid; each curve has as many points. ``best`` knows the outcome.
    """
    shares = np.union1d(CURVE_SHARES, [k_share])
    rankings = {**of.rankings, "best": Ranking(of.y, of.gain_minor)}
    gains = {name: metrics.gains_curve(of.y, each.who, shares).tolist() for name, each in rankings.items()}
    value = {
        name: metrics.value_curve(of.gain_minor, each.money, shares, of.money.unit).tolist()
        for name, each in rankings.items()
    }
    return {"shares": shares.tolist(), "gains": gains, "value": value}


def overdispersion(of: TestedRows) -> Overdispersion:
    """Learn by how much more than independent orders the money of a week differs from what is expected.

    A week counts each order once, at its first snapshot in it; of several currencies the one with the most rows counts.
    """
    at = np.flatnonzero(of.money.unit == np.bincount(of.money.unit).argmax())
    week = (of.rows["as_of"].to_numpy().astype("datetime64[D]").astype(np.int64)[at] + 3) // 7
    order = intervals.cluster_codes(of.rows["order_id"])[at]
    _, first = np.unique(week * (order.max(initial=0) + 1) + order, return_index=True)  # rows are in order of time
    at, week = at[first], np.unique(week[first], return_inverse=True)[1]
    value, p = of.money.outstanding_minor[at], of.p[at]
    parts = (
        value * p,
        value * of.y[at],
        value**2 * p * (1 - p),
        value * (1 - p) * -np.log(np.maximum(1 - p, 1e-300)),
    )
    return expected_sum.learn(*(np.bincount(week, part).astype(np.float64) for part in parts))


def _worth(of: TestedRows, resamples: int, seed: int, capacity: Capacity | None) -> dict[str, Any]:
    """Compare with simple rules at several capacities, in the currency with the most rows, and within ages."""
    at = np.flatnonzero(of.money.unit == np.bincount(of.money.unit).argmax())
    age = of.rows["age_days"].to_numpy().astype(np.float64)
    rules = worth.money_by_rule(of.money, age, of.history, of.age_rate)
    ranked = of.gain_minor[at], of.rankings["model"].money[at], {name: score[at] for name, score in rules.items()}
    rows = worth.compare(*ranked, of.customer[at], resamples, seed)
    at_capacity = {}
    if capacity is not None and capacity.open_orders:
        share = capacity.contacts / capacity.open_orders
        compared = worth.at_capacity(
            *ranked, share, lambda ratios: intervals.bootstrap(of.customer[at], [ratios], resamples, seed)
        )
        words = worth.capacity_sentence(compared, capacity.contacts, capacity.open_orders)
        at_capacity = {"worth_at_capacity": compared | vars(capacity) | {"sentence": words}}
    within = worth.within_ages(of.y, of.p, age)
    interval = intervals.bootstrap(of.customer, [within], resamples, seed)
    return {
        "worth": rows,
        "worth_sentence": worth.sentence(rows),
        **at_capacity,
        **within(np.ones(of.y.size)),
        "roc_auc_within_ages_95": list(interval.get("roc_auc_within_ages", (np.nan, np.nan))),
    }


def tables(of: TestedRows) -> dict[str, Any]:
    """Reliability by level of the probability and by segment, and how p is spread, as lists of rows."""
    judged = reliability.Predictions(of.y, of.p, of.customer)
    views = reliability.every_segment(judged, of.rows)
    return {
        "reliability": _records(reliability.table(judged)),
        "spread": _records(reliability.spread(of.p)),
        "calibration": {name: _records(frame) for name, frame in views.items()},
    }


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def all_figures(
    of: TestedRows, k_share: float, resamples: int, seed: int, capacity: Capacity | None = None
) -> dict[str, Any]:
    """Every figure: baselines, intervals, tables and curves, by the keys of ``backtest --json``."""
    return {
        **figures(of, k_share),
        "ece_by_chance": metrics.ece_by_chance(of.p),
        "value_unit": of.money.names[0] if len(of.money.names) == 1 else "each currency by itself, averaged by rows",
        "value_by_currency": value_by_currency(of, k_share),
        "baselines": of_baselines(of, k_share),
        "ci95": ci95(of, k_share, resamples, seed),
        "overdispersion": vars(overdispersion(of)),
        **_worth(of, resamples, seed, capacity),
        "bootstrap": {"resamples": resamples, "unit": "customer"},
        "by_age": by_age(of, k_share),
        **tables(of),
        "curves": curves(of, k_share),
    }

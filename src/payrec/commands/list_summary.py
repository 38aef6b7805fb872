"""A ranked list in figures, per currency."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from payrec.common.arrow import floats, minor, pc
from payrec.common.errors import DataRefused
from payrec.data import freshness
from payrec.model.evaluate import expected_sum
from payrec.model.evaluate.expected_sum import ExpectedSum, Overdispersion
from payrec.monitor import outcomes, verdicts
from payrec.publish.run_info import RunInfo
from payrec.publish.store import ListStore
from payrec.worklist import customer_list

BY_RULE = "Ranked by rule, not by a model of yours: outstanding amount × a rate by reason and age"
_READ = [
    "order_id", "currency", "outstanding", "outstanding_value", "p_recover_30d", "ev_currency", "ev_recovered",
    "priority_flag", "rank", "suppressed_reason",
]  # fmt: skip


def summarise(
    ranked: pa.Table,
    customers: pa.Table,
    run: RunInfo,
    coverage: Mapping[str, tuple[int, int]] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return what is open (per currency), expected and expected of the chosen (per reporting currency).

    The chosen are the customers to act on with their ranked orders; where the policy's unit is the order, orders. Each
    expected sum has its intervals. ``coverage`` holds by currency how many lists have matured, and of how many the
    chosen orders came inside their 95 % interval.
    """
    rows = ranked.select(_READ).to_pandas()
    rows["listed"] = rows["rank"].notna()
    by_customer = run.summary.unit == "customer"
    rows["chosen"] = customer_list.chosen_orders(ranked, customers if by_customer else None)
    flagged = customers.filter(pc.equal(customers["priority_flag"], 1))["ev_currency"].to_pylist()
    by_currency = {}
    for name, part in rows.groupby("ev_currency", dropna=True):
        listed, chosen = part[part["listed"]], part[part["chosen"]]
        by_currency[str(name)] = {
            "ranked": len(listed),
            "chosen": len(chosen),
            "chosen_customers": flagged.count(name),
            "expected": float(listed["ev_recovered"].astype(float).sum()),
            "expected_of_chosen": float(chosen["ev_recovered"].astype(float).sum()),
            "interval": _interval(listed, run.summary.spread),
            "interval_of_chosen": _interval(chosen, run.summary.spread),
            "matured_lists": dict(zip(("lists", "inside"), coverage.get(str(name), (0, 0)), strict=True)),
        }
    opened = rows.groupby("currency")["outstanding"].agg(["size", "sum"])
    return {
        "run_id": run.run_id,
        "as_of": run.as_of,
        "model_id": run.model_id,
        "by_rule": run.summary.by_rule,
        "by_extra": run.summary.by_extra,
        "facts_reach": freshness.sentence(run.summary.feeds),
        "recovery_level": _recovery_level(run),
        "freshness": [dict(vars(feed)) for feed in run.summary.feeds],
        "unit": run.summary.unit,
        "orders": len(rows),
        "open": {str(c): {"orders": int(r["size"]), "outstanding": float(r["sum"])} for c, r in opened.iterrows()},
        "value": by_currency,
        "suppressed": {str(k): int(v) for k, v in rows["suppressed_reason"].value_counts().items()},
    }


def _interval(rows: pd.DataFrame, spread: Overdispersion) -> dict[str, Any]:
    """Return the intervals of an expected sum in the currency's units, and the orders that carry it."""
    value = np.rint(rows["outstanding_value"].astype(float).to_numpy() * 100).astype(np.int64)
    total = expected_sum.expected_sum(value, rows["p_recover_30d"].to_numpy(np.float64), spread)
    bounds = {name: round(getattr(total, name) / 100, 2) for name in ("low_80", "high_80", "low_95", "high_95")}
    carriers = rows["order_id"].iloc[list(total.carriers)].tolist()
    return bounds | vars(spread) | {"carried_by": carriers, "carried": total.carriers_sentence}


def expected_sums(rows: pa.Table, run: RunInfo) -> dict[str, ExpectedSum]:
    """Return currency -> expected sum of rows with ``ev_currency, outstanding_value, p_recover_30d``, in hundredths."""
    sums = {}
    for unit in pc.unique(rows["ev_currency"]).to_pylist():
        part = rows.filter(pc.equal(rows["ev_currency"], unit))
        value, p = minor(part, "outstanding_value"), floats(part, "p_recover_30d")
        sums[str(unit)] = expected_sum.expected_sum(value, p, run.summary.spread)
    return sums


def expected_lines(
    currency: str, value: Mapping[str, Any], who: Literal["the chosen", "all ranked", "these"] = "the chosen"
) -> list[str]:
    """Say what the chosen (or all ranked) orders bring, which few of them carry it, and how past lists came out.

    ``value``: the figures of a currency, of :func:`summarise`.
    """
    of = value["interval_of_chosen" if who == "the chosen" else "interval"]
    lines = [
        f"{who} bring {currency} {of['low_95']:,.0f} to {of['high_95']:,.0f} in 95 % of such months, "
        f"{of['low_80']:,.0f} to {of['high_80']:,.0f} in 80 %"
    ]
    if of["carried"]:
        lines.append(f"{of['carried']}: {', '.join(of['carried_by'])}")
    lists, inside = value["matured_lists"].values()
    if lists:
        lines.append(f"of the last {lists} matured lists {inside} lay inside their 95 % interval")
    return lines


def coverage_of(store: ListStore, run_id: str) -> dict[str, tuple[int, int]]:
    """Return by currency how many past lists had matured by a run, and of how many the money lay in the interval."""
    return outcomes.coverage(one.figure for one in verdicts.from_table(store.verdicts(), run_id))


def served_coverage(store: ListStore) -> dict[str, tuple[int, int]]:
    """Return :func:`coverage_of` the served run; empty before the first, and where its list is damaged."""
    try:
        served = store.current()
    except DataRefused:
        return {}
    return coverage_of(store, served.run.run_id) if served else {}


def _recovery_level(run: RunInfo) -> dict[str, Any] | None:
    """Return the level of the night in numbers and in words; None where the model does not follow it."""
    if run.summary.level is None:
        return None
    state = run.summary.level.state
    behind = (run.as_of - state.until) / timedelta(days=1)
    sentence = f"{state.sentence}; newest outcome {behind:.1f} days before as_of"
    return vars(state) | {"factor": round(math.exp(state.shift), 6), "sentence": sentence}


def headline(run: RunInfo) -> str:
    """Say above a list whether it is ranked by rule, and how far its facts reach."""
    return ". ".join(filter(None, [BY_RULE if run.summary.by_rule else "", freshness.sentence(run.summary.feeds)]))


def chosen(ranked: pa.Table) -> pa.Table:
    """Return the rows to act on."""
    return ranked.filter(ranked["priority_flag"].to_numpy() == 1)

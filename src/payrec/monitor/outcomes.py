"""What became of past lists: calibration of matured cohorts, and expected against recovered money.

A cohort is one run. It is matured when ``as_of + horizon`` lies inside the observed data; until then there are only
expectations, which hold if the probabilities do, and are named so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa

from payrec.common.arrow import TIME, Flags, Floats, Whole, constant, floats, make, minor, pc, text, times
from payrec.common.errors import DataRefused
from payrec.model.evaluate import expected_sum, metrics
from payrec.model.evaluate.expected_sum import Overdispersion
from payrec.monitor.drift import Figure
from payrec.worklist import customer_list


def matured(as_of: datetime, horizon_days: int, observed_until: datetime) -> bool:
    """Say whether the outcome of a list made at ``as_of`` is known in full."""
    return as_of + timedelta(days=horizon_days) <= observed_until


def joined(scores: pa.Table, outcomes: pa.Table) -> pa.Table:
    """Return the scored rows of one run with ``label`` (1 recovered, 0 not, NULL: the order is not there any more).

    ``outcomes`` has ``order_id, as_of, label_recovered_30d`` (of one or many times); the rows keep their order.
    """
    as_of = _one_as_of(scores)
    of_run = outcomes.filter(pc.equal(outcomes["as_of"].cast(TIME), as_of))
    positions = pc.index_in(text(scores, "order_id"), value_set=text(of_run, "order_id"))
    return scores.append_column(
        "label", of_run["label_recovered_30d"].cast(pa.float64()).combine_chunks().take(positions)
    )


def cohort(scores: pa.Table, outcomes: pa.Table | None) -> list[Figure]:
    """Measure one run: with ``outcomes`` what came true, without what is to be expected; subject = day of the run.

    Rows without a probability are left out. Figures of contacted orders are in it: that is what happened, not what
    would have happened without the list.
    """
    rows = scores.filter(pc.is_valid(scores["p_recover_30d"]))
    if rows.num_rows == 0:
        return []
    subject = _one_as_of(rows).date().isoformat()
    p = floats(rows, "p_recover_30d")
    expected = {
        "expected_share": p.mean(),
        "expected_pr_auc": expected_pr_auc(p),
        "expected_brier": (p * (1 - p)).mean(),
    }
    out = [Figure(name, subject, float(value)) for name, value in expected.items()]
    if outcomes is None:
        return out
    label = floats(joined(rows, outcomes), "label")
    there = ~np.isnan(label)
    y, p = label[there], p[there]
    out.append(Figure("matured_rows", subject, float(there.sum()), float(rows.num_rows)))
    if there.any():
        out += [
            Figure("recovered_share", subject, float(y.mean()), float(p.mean())),
            Figure("ece", subject, metrics.ece(y, p), metrics.ece_by_chance(p)),
            Figure("brier", subject, metrics.brier(y, p), float((p * (1 - p)).mean())),
            Figure("pr_auc", subject, metrics.pr_auc(y, p), expected_pr_auc(p)),
        ]
    return out


def expected_pr_auc(p: Floats) -> float:
    """Average precision to expect if every probability is exactly true, (n,) -> float; NaN if all are 0.

    By rank k of falling p: ``Σ p_k · (1 + Σ_{j<k} p_j) / k / Σ p``, the precision at k given that row k recovers.
    A ratio of expectations, close to the expected ratio for more than a few dozen recoveries.
    """
    if p.sum() <= 0:
        return math.nan
    ranked = np.sort(p)[::-1]
    precision = (1 + np.cumsum(ranked) - ranked) / np.arange(1, ranked.size + 1)
    return float((ranked * precision).sum() / ranked.sum())


def money(
    scores: pa.Table,
    outcomes: pa.Table | None,
    spread: Overdispersion = expected_sum.UNTRIED,
    customers: pa.Table | None = None,
) -> Iterator[Figure]:
    """Yield expected money of one run with its interval, and what came back, per currency; subject = ``week currency``.

    Metrics are ``money_…`` for all orders with a probability and ``chosen_money_…`` for those to act on: the ranked
    ones of the flagged ``customers``, or without them the flagged ones. Only runs a week apart may be added up: an
    order that is open for a month is on every list of that month, so a week is represented by its first run (see
    :func:`first_of_each_week`). ``money_recovered`` counts an order in full when its outstanding balance fell to at
    most 5 %, and not at all before: what the probability is about.
    """
    rows = scores.append_column("is_chosen", make.array(customer_list.chosen_orders(scores, customers)))
    rows = rows.filter(pc.and_(pc.is_valid(rows["p_recover_30d"]), pc.is_valid(rows["outstanding_value"])))
    if rows.num_rows == 0:
        return
    rows = (
        rows.append_column("label", constant(None, pa.float64(), rows.num_rows))
        if outcomes is None
        else joined(rows, outcomes)
    )
    week = week_of(_one_as_of(rows)).isoformat()
    for unit in sorted(pc.unique(rows["ev_currency"]).to_pylist()):
        part = rows.filter(pc.equal(rows["ev_currency"], unit))
        value, p, label = minor(part, "outstanding_value"), floats(part, "p_recover_30d"), floats(part, "label")
        chosen: Flags = part["is_chosen"].to_numpy()
        if outcomes is not None:
            there = ~np.isnan(label)
            value, p, label, chosen = value[there], p[there], label[there], chosen[there]
        yield from _sums("money", f"{week} {unit}", value, p, label if outcomes is not None else None, spread)
        if chosen.any():
            known = label[chosen] if outcomes is not None else None
            yield from _sums("chosen_money", f"{week} {unit}", value[chosen], p[chosen], known, spread)


def _sums(
    name: str, subject: str, value: Whole, p: Floats, label: Floats | None, spread: Overdispersion
) -> Iterator[Figure]:
    total = expected_sum.expected_sum(value, p, spread)
    yield Figure(f"{name}_expected", subject, total.expected / 100)
    yield Figure(f"{name}_low", subject, total.low_95 / 100)
    yield Figure(f"{name}_high", subject, total.high_95 / 100)
    if label is not None:
        came = float(value @ label)
        outside = max(came - total.high_95, 0) + min(came - total.low_95, 0)
        yield Figure(f"{name}_recovered", subject, came / 100, total.expected / 100)
        yield Figure(f"{name}_outside", subject, outside / 100)


OUTSIDE_80, OUTSIDE_95 = "forecast_outside_80", "forecast_outside_95"
FORECAST_DAYS = 7  # a forecast is judged by its first week, which no other forecast of the same weekday shares


def forecast(scores: pa.Table, outcomes: pa.Table, forecasts: pa.Table) -> Iterator[Figure]:
    """Yield what came in the first week of a run's forecast, and by how much it lay outside of its intervals.

    ``outcomes``: as of the run, within ``FORECAST_DAYS``; ``forecasts``: rows of the run. Subject = ``week currency``.
    """
    rows = scores.filter(pc.and_(pc.is_valid(scores["p_recover_30d"]), pc.is_valid(scores["outstanding_value"])))
    for week in forecasts.filter(pc.equal(forecasts["week"], 1)).to_pylist():
        part = joined(rows.filter(pc.equal(rows["ev_currency"], week["currency"])), outcomes)
        came = float(minor(part, "outstanding_value") @ np.nan_to_num(floats(part, "label"))) / 100
        subject = f"{week_of(week['as_of']).isoformat()} {week['currency']}"
        yield Figure("forecast_recovered", subject, came, week["expected"])
        for metric, share in ((OUTSIDE_80, 80), (OUTSIDE_95, 95)):
            low, high = week[f"low_{share}"], week[f"high_{share}"]
            yield Figure(metric, subject, max(came - high, 0) + min(came - low, 0))


def forecast_coverage(figures: Iterable[Figure]) -> Iterator[Figure]:
    """Yield by currency the share of forecast weeks that came inside, with their number; each subject counts once."""
    known = {(one.metric, one.subject): one for one in figures}
    for metric in (OUTSIDE_80, OUTSIDE_95):
        for unit, (weeks, inside) in coverage(known.values(), metric).items():
            yield Figure(f"forecast_cover_{metric[-2:]}", unit, inside / weeks, float(weeks))


def coverage(figures: Iterable[Figure], metric: str = "chosen_money_outside") -> dict[str, tuple[int, int]]:
    """Count by currency, of matured lists a week apart, how many there are and how many came inside their interval."""
    counts: dict[str, tuple[int, int]] = {}
    for one in figures:
        if one.metric == metric:
            unit = one.subject.split()[-1]
            lists, inside = counts.get(unit, (0, 0))
            counts[unit] = lists + 1, inside + (one.value == 0)
    return counts


def week_of(moment: datetime) -> date:
    """Monday of the week."""
    return moment.date() - timedelta(days=moment.weekday())


def first_of_each_week(as_of: list[datetime]) -> list[datetime]:
    """Return the earliest time of each week, in order."""
    first: dict[date, datetime] = {}
    for moment in sorted(as_of):
        first.setdefault(week_of(moment), moment)
    return list(first.values())


def _one_as_of(scores: pa.Table) -> datetime:
    moments = np.unique(times(scores, "as_of"))
    if moments.size != 1:
        raise DataRefused(f"found {moments.size} different as_of times, expected the scores of one run")
    moment: datetime = moments[0].astype(datetime)
    return moment

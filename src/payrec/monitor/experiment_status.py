"""Where an experiment stands: three figures in one order, checks of the assignment, and what they mean in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import zip_longest
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from payrec.common.arrow import TIME, Floats, Whole, floats, minor, one_chunk, pc, text, times
from payrec.monitor import extra_money
from payrec.monitor.extra_money import Estimate, Units
from payrec.worklist.assignment import CONTACT, EXEMPT, HOLD, Experiment

Verdict = Literal["more", "less", "cannot tell"]
HELD_CONTACTED_MOST = 0.5  # of the customers held out: above it there is no comparison


@dataclass(frozen=True)
class ExtraFigure:
    """One figure of what the contacts brought: ``measure`` is points, capped or money; ``unit`` is % or a currency.

    ``estimate`` is in hundredths of a currency, or in points of the contacted orders. ``on_contacted`` divides it by
    the difference that the assignment made to being contacted (NaN where contacts are not logged).
    """

    measure: str
    unit: str
    estimate: Estimate
    on_contacted: float
    refusal: str | None = None


@dataclass(frozen=True)
class ExperimentStatus:
    """An experiment after the assignments whose outcome is known.

    ``assigned``, ``matured``: customers by arm. ``contacted``: share contacted by arm, NaN if contacts are not logged.
    ``refusal``: why there is no comparison at all. ``known_by``: when it is probably known, None if that is not known.
    """

    experiment: Experiment
    started_at: datetime
    stopped_at: datetime | None
    assigned: Mapping[str, int]
    exempt: int
    matured: Mapping[str, int]
    sample_ratio_p: float
    contacted: Mapping[str, float]
    figures: tuple[ExtraFigure, ...]
    refusal: str | None
    known_by: date | None

    @property
    def verdict(self) -> Verdict:
        """What is known of the money: that of the first currency, or else of the capped money, or of the points."""
        known = [one.estimate for one in reversed(self.figures) if one.refusal is None and one.estimate.is_known]
        if self.refusal or not known:
            return "cannot tell"
        return "more" if known[0].low > 0 else "less"


def status(
    experiment: Experiment, started_at: datetime, stopped_at: datetime | None, drawn: pa.Table, orders: pa.Table,
    known_until: datetime | None,
) -> ExperimentStatus:  # fmt: skip
    """Compare the arms of the matured epochs; the exempt are left out.

    Parameters
    ----------
    drawn
        Assignments in the columns of ``assignment.SCHEMA``.
    orders
        ``customer_id, epoch, outstanding_value, ev_currency, p_recover, label, is_contacted`` of the assigned orders.
    known_until
        End of the observed payments: younger epochs are not compared, nor those that a stop cut short.
    """
    compared = drawn.filter(pc.not_equal(drawn["stratum"], EXEMPT))
    ends = times(compared, "as_of") + np.timedelta64(experiment.horizon_days, "D")
    until = min((at for at in (known_until, stopped_at) if at is not None), default=None)
    is_mature = ends <= np.datetime64(until, "us") if until else np.zeros(ends.size, dtype=np.bool_)
    mature = compared.filter(pa.array(is_mature))
    rows, of = _of_mature(orders, mature)
    contact = pc.equal(mature["arm"], CONTACT).to_numpy()
    units = Units(_codes(mature["customer_id"]), _codes(mature["stratum"]), contact, floats(mature, "propensity"))
    contacted = _contacted(rows, of, units)
    ratio = extra_money.sample_ratio_p(units)
    matured = _by_arm(mature)
    refusal = _refusal(matured, ratio, contacted)
    figures = () if refusal else _figures(rows, of, units, experiment.planned_customers, contacted)
    return ExperimentStatus(
        experiment, started_at, stopped_at, _by_arm(compared), drawn.num_rows - compared.num_rows, matured, ratio,
        contacted, figures, refusal, _known_by(figures, units, mature, experiment, until),
    )  # fmt: skip


def _by_arm(drawn: pa.Table) -> dict[str, int]:
    return {arm: int(pc.sum(pc.equal(drawn["arm"], arm)).as_py() or 0) for arm in (CONTACT, HOLD)}


def _codes(column: Any) -> Whole:
    codes: Whole = one_chunk(one_chunk(column).dictionary_encode()).indices.to_numpy().astype(np.int64)
    return codes


def _of_mature(orders: pa.Table, mature: pa.Table) -> tuple[pa.Table, Whole]:
    """Return the orders of the matured units with a known outcome, and the number of each one's unit."""
    at = pc.index_in(unit_key(orders), value_set=unit_key(mature))
    known = pc.and_(pc.is_valid(at), pc.is_valid(one_chunk(orders["label"])))
    return orders.filter(known), at.filter(known).to_numpy().astype(np.int64)


def unit_key(rows: pa.Table) -> Any:
    """Return a key of customer and epoch for each row."""
    return pc.binary_join_element_wise(pc.cast(one_chunk(rows["epoch"]), pa.string()), text(rows, "customer_id"), "\0")


def _contacted(rows: pa.Table, of: Whole, units: Units) -> dict[str, float]:
    logged = floats(rows, "is_contacted")
    if not logged.any():
        return {CONTACT: math.nan, HOLD: math.nan}
    reached = np.bincount(of, logged, units.contact.size) > 0
    return {
        arm: float(reached[units.contact == is_contact].mean()) if (units.contact == is_contact).any() else math.nan
        for arm, is_contact in ((CONTACT, True), (HOLD, False))
    }


def _refusal(matured: Mapping[str, int], ratio: float, contacted: Mapping[str, float]) -> str | None:
    if not sum(matured.values()):
        return "no epoch has ended whose payments are known"
    for arm, count in matured.items():
        if not count:
            return f"nobody of the arm {arm} has a known outcome"
    if ratio < extra_money.LEAST_SRM_P:
        return f"the arms hold other shares than they were drawn with (p = {ratio:.1g}): rows are missing or changed"
    if contacted[HOLD] > HELD_CONTACTED_MOST:
        return f"{contacted[HOLD]:.0%} of the customers held out were contacted all the same"
    return None


def _figures(
    rows: pa.Table, of: Whole, units: Units, planned: int, contacted: Mapping[str, float]
) -> tuple[ExtraFigure, ...]:
    """Return points, then for each currency capped money and money."""
    surprise = floats(rows, "label") - floats(rows, "p_recover")
    difference = contacted[CONTACT] - contacted[HOLD]

    def figure(measure: str, unit: str, weight: Floats, scale: float, refusal: str | None) -> ExtraFigure:
        residual = np.bincount(of, weight * surprise, units.contact.size)
        one = extra_money.estimate(units, residual / scale, planned)
        on_contacted = one.total / difference if difference > 0 else math.nan
        return ExtraFigure(measure, unit, one, on_contacted, refusal)

    expected_contacts = float(units.propensity[of].sum()) / 100  # orders, so that the sum becomes points
    figures = [figure("points", "%", np.ones(of.size), max(expected_contacts, 1e-9), None)]
    recovered = [int((floats(rows, "label") * (units.contact[of] == arm)).sum()) for arm in (True, False)]
    few = None
    if min(recovered) < extra_money.LEAST_RECOVERED:
        few = f"only {min(recovered)} recovered orders in the smaller arm, {extra_money.LEAST_RECOVERED} are needed"
    for unit in sorted(pc.unique(rows["ev_currency"]).to_pylist()):
        inside = pc.equal(text(rows, "ev_currency"), unit).to_numpy(zero_copy_only=False)
        value = minor(rows, "outstanding_value").astype(np.float64) * inside
        most = extra_money.cap(value[inside])
        figures.append(figure("capped", unit, np.minimum(value, most), 1.0, few))
        money = figure("money", unit, value, 1.0, few)
        share = money.estimate.largest_share
        if few is None and share >= 0.5:
            largest = f"the {extra_money.LARGEST} largest customers carry {share:.0%} of the variance"
            money = figure("money", unit, value, 1.0, f"{largest}; see the capped figure")
        figures.append(money)
    return tuple(figures)


def _known_by(
    figures: tuple[ExtraFigure, ...], units: Units, mature: pa.Table, experiment: Experiment, until: datetime | None
) -> date | None:
    """Return the day on which the last figure that is shown leaves out 0, if its estimate and the pace stay."""
    shown = [one.estimate for one in figures if one.refusal is None]
    begun = times(mature, "as_of")
    if not shown or until is None or shown[-1].is_known or not begun.size:
        return None
    n, one = units.contact.size, shown[-1]
    spread = (one.high - one.total) / (n * extra_money.width(n, experiment.planned_customers))
    mean, wanted = abs(one.total) / n, n
    while wanted < 100 * n and extra_money.width(wanted, experiment.planned_customers) * spread > mean:
        wanted = math.ceil(wanted * 1.05)
    first: datetime = begun.min().astype(datetime)
    days = (until - timedelta(days=experiment.horizon_days) - first) / timedelta(days=1)
    if wanted >= 100 * n or days <= 0:
        return None
    return (until + timedelta(days=days * (wanted - n) / n)).date()


_DETAIL: list[tuple[str, pa.DataType]] = [
    ("experiment_id", pa.string()), ("share", pa.float64()), ("started_at", TIME), ("stopped_at", TIME),
    *((f"{name}_{arm}", pa.int64()) for name in ("assigned", "matured") for arm in (CONTACT, HOLD)),
    ("verdict", pa.string()), ("measure", pa.string()), ("unit", pa.string()),
    *((name, pa.float64()) for name in ("total", "low", "high")), ("sentence", pa.string()),
]  # fmt: skip


def to_table(status: ExperimentStatus) -> pa.Table:
    """Return one row per sentence, those of the figures first, with their numbers in points or units of the currency.

    ``measure`` to ``high`` are NULL in the other rows, and where a figure is refused.
    """
    experiment = status.experiment
    every = {
        "experiment_id": experiment.experiment_id, "share": experiment.share, "verdict": status.verdict,
        "started_at": status.started_at, "stopped_at": status.stopped_at,
        **{f"assigned_{arm}": count for arm, count in status.assigned.items()},
        **{f"matured_{arm}": count for arm, count in status.matured.items()},
    }  # fmt: skip
    rows = []
    for figure, sentence in zip_longest(status.figures, sentences(status)):
        numbers = {}
        if figure and figure.refusal is None:
            scale = 1 if figure.unit == "%" else 100
            numbers = {name: getattr(figure.estimate, name) / scale for name in ("total", "low", "high")}
            numbers |= {"measure": figure.measure, "unit": figure.unit}
        rows.append(every | numbers | {"sentence": sentence})
    return pa.Table.from_pylist(rows, pa.schema(_DETAIL))


def sentences(status: ExperimentStatus) -> list[str]:
    """Return what a manager reads: each figure with its interval, then what limits it.

    Amounts are in hundredths inside and in whole units of the currency here.
    """
    since = f"since {status.started_at:%-d %B %Y}"
    lines = [_sentence(one, since) for one in status.figures]
    if status.refusal:
        lines.append(f"Cannot tell what the list brought: {status.refusal}.")
    elif status.verdict == "cannot tell":
        by = f"; by {status.known_by:%-d %B %Y} we will probably know" if status.known_by else ""
        lines.append(f"Cannot tell yet: the intervals reach from less to more{by}.")
    if not math.isnan(status.contacted[CONTACT]):
        lines.append(
            f"Contacted were {status.contacted[CONTACT]:.0%} of those to be contacted "
            f"and {status.contacted[HOLD]:.0%} of those held out."
        )
    elif sum(status.matured.values()):
        lines.append("No contact is logged, so nobody knows whether the arms were kept to.")
    if status.exempt:
        lines.append(f"{status.exempt:,} customers that owe more than the limit were never held out: not compared.")
    return lines


def _sentence(one: ExtraFigure, since: str) -> str:
    title = {"points": "Recovery", "capped": "Money, large orders cut", "money": "Money"}[one.measure]
    if one.refusal:
        return f"{title}: cannot tell, {one.refusal}."
    total, low, high = (_amount(value, one.unit) for value in (one.estimate.total, one.estimate.low, one.estimate.high))
    more = "" if math.isnan(one.on_contacted) else f"; {_amount(one.on_contacted, one.unit)} on those contacted"
    return f"{title}: the list brought back {total} more (between {low} and {high}) {since}{more}."


def _amount(value: float, unit: str) -> str:
    sign = "−" if value < 0 else ""
    return f"{sign}{abs(value):.1f} points" if unit == "%" else f"{sign}{abs(value) / 100:,.0f} {unit}"

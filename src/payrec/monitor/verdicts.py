"""Verdicts on the figures of monitoring: ok, watch or alarm, each with a sentence."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import pyarrow as pa

from payrec.common.arrow import TIME, constant, pc
from payrec.monitor.drift import Figure
from payrec.monitor.level_alarm import PAYMENTS_TO_TELL
from payrec.monitor.limits import Limits
from payrec.publish.run_info import VERDICTS

Level = Literal["ok", "watch", "alarm"]
SEVERITY: dict[Level, int] = {"ok": 0, "watch": 1, "alarm": 2}


@dataclass(frozen=True)
class Verdict:
    """A figure, its level, and a sentence that explains it."""

    figure: Figure
    level: Level
    sentence: str


VerdictRule = Callable[[Figure, Limits], tuple[Level, str]]


def verdicts_of(figures: Iterable[Figure], limits: Limits) -> list[Verdict]:
    """Return the verdict on each figure, the worst first, else in the order given; without a rule it is ok."""
    figures = list(figures)
    few = {one.subject for one in figures if one.metric == "matured_rows" and one.value < limits.matured_rows}
    verdicts = [_verdict_on(figure, limits, figure.subject in few) for figure in figures]
    return sorted(verdicts, key=lambda one: -SEVERITY[one.level])


def _verdict_on(figure: Figure, limits: Limits, few_rows: bool) -> Verdict:
    rule = _RULES.get(figure.metric)
    if rule is None or math.isnan(figure.value):
        of = f" of {figure.subject}" if figure.subject else ""
        return Verdict(figure, "ok", f"{figure.metric}{of}: {figure.value:.4g}")
    level, sentence = rule(figure, limits)
    if level != "ok" and few_rows and figure.metric in _NEEDS_ROWS:
        return Verdict(figure, "ok", f"{sentence} (too few matured rows to judge)")
    return Verdict(figure, level, sentence)


def worst(verdicts: Iterable[Verdict]) -> Level:
    """Return the most severe level."""
    return max((one.level for one in verdicts), key=SEVERITY.__getitem__, default="ok")


def to_table(verdicts: Iterable[Verdict], run_id: str, as_of: datetime) -> pa.Table:
    """Return verdicts as rows of ``run_info.VERDICTS``; key (run_id, metric, subject), of which the worst is kept."""
    by_key: dict[tuple[str, str], Verdict] = {}
    for one in sorted(verdicts, key=lambda one: -SEVERITY[one.level]):
        by_key.setdefault((one.figure.metric, one.figure.subject), one)
    rows = [
        {
            "run_id": run_id,
            "metric": one.figure.metric,
            "subject": one.figure.subject,
            "value": _finite(one.figure.value),
            "beside": _finite(one.figure.reference),
            "level": one.level,
            "sentence": one.sentence,
        }
        for one in by_key.values()
    ]
    table = pa.Table.from_pylist(rows, schema=VERDICTS)
    return table.set_column(1, VERDICTS.field("as_of"), constant(as_of, TIME, table.num_rows))


def from_table(stored: pa.Table, run_id: str) -> list[Verdict]:
    """Return the stored verdicts of a run, the worst first."""
    verdicts = [
        Verdict(
            Figure(row["metric"], row["subject"], _number(row["value"]), _number(row["beside"])),
            row["level"],
            row["sentence"],
        )
        for row in stored.filter(pc.equal(stored["run_id"], run_id)).to_pylist()
    ]
    return sorted(verdicts, key=lambda one: -SEVERITY[one.level])


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _psi(figure: Figure, limits: Limits) -> tuple[Level, str]:
    shift = figure.value - (0 if math.isnan(figure.reference) else figure.reference)
    level: Level = "alarm" if shift > limits.psi_alarm else "watch" if shift >= limits.psi_watch else "ok"
    word = {"ok": "is stable", "watch": "has moved", "alarm": "has shifted"}[level]
    return level, f"{figure.subject} {word} against the earlier run (PSI {figure.value:.2f})"


def _psi_clock(figure: Figure, limits: Limits) -> tuple[Level, str]:
    return "ok", f"{_psi(figure, limits)[1]}; it moves with the calendar"


def _recovery(figure: Figure, limits: Limits) -> tuple[Level, str]:
    change = figure.value / figure.reference - 1 if figure.reference else math.nan
    sentence = f"{figure.value:.1%} of the payments decided in the last 90 days were recovered in time"
    if math.isnan(change):
        return "ok", sentence
    return ("alarm" if abs(change) > limits.recovery_change else "ok"), f"{sentence}, {change:+.0%} of the earlier run"


def _rows(figure: Figure, limits: Limits) -> tuple[Level, str]:
    if figure.value == 0:
        return "alarm", "nothing to score: no order is open"
    if math.isnan(figure.reference) or figure.reference == 0:
        return "ok", f"{figure.value:,.0f} orders"
    change = figure.value / figure.reference - 1
    sentence = f"{figure.value:,.0f} orders, {change:+.0%} against the earlier run"
    return ("alarm" if abs(change) > limits.rows_change else "ok"), sentence


def _suppressed(figure: Figure, limits: Limits) -> tuple[Level, str]:
    change = figure.value - figure.reference
    jumped = not math.isnan(change) and abs(change) > limits.suppressed_change
    sentence = f"{figure.value:.0%} of the orders are suppressed" + (f", {change:+.0%} points" if jumped else "")
    return ("alarm" if jumped else "watch" if figure.value > limits.suppressed_share else "ok"), sentence


def _stale(figure: Figure, limits: Limits) -> tuple[Level, str]:
    sentence = f"the newest fact is {figure.value:.1f} days older than as_of"
    return ("alarm" if figure.value > limits.stale_days else "ok"), sentence


def _new(figure: Figure, limits: Limits) -> tuple[Level, str]:
    grown = figure.value - (0 if math.isnan(figure.reference) else figure.reference)
    sentence = f"{figure.value:.1%} of the orders have a {figure.subject} that the model does not know"
    return ("watch" if grown > limits.new_share else "ok"), sentence


def _vanished(figure: Figure, limits: Limits) -> tuple[Level, str]:
    sentence = f"{figure.subject} is gone; it was {figure.value:.1%} of the orders"
    return ("watch" if figure.value > limits.vanished_share else "ok"), sentence


def _ece(figure: Figure, limits: Limits) -> tuple[Level, str]:
    excess = figure.value - figure.reference
    sentence = f"calibration error of {figure.subject} is {figure.value:.3f}, {figure.reference:.3f} would be luck"
    return ("alarm" if excess > limits.ece else "ok"), sentence


def _pr_auc(figure: Figure, limits: Limits) -> tuple[Level, str]:
    sentence = f"PR AUC of {figure.subject} is {figure.value:.3f}, its probabilities promised {figure.reference:.3f}"
    return ("alarm" if figure.value < figure.reference - limits.pr_auc_drop else "ok"), sentence


def _money(figure: Figure, limits: Limits) -> tuple[Level, str]:
    del limits
    of = "money of the chosen orders" if figure.metric.startswith("chosen") else "money"
    if figure.value == 0:
        return "ok", f"{of} of week {figure.subject} came back as expected"
    side = "above" if figure.value > 0 else "below"
    return "watch", f"{of} of week {figure.subject} is {abs(figure.value):,.0f} {side} the expected interval"


def _forecast_cover(figure: Figure, limits: Limits) -> tuple[Level, str]:
    del limits
    promised, weeks = int(figure.metric[-2:]) / 100, round(figure.reference)
    inside = round(figure.value * weeks)
    luck = sum(math.comb(weeks, n) * promised**n * (1 - promised) ** (weeks - n) for n in range(inside + 1))
    sentence = f"of {weeks} forecast weeks in {figure.subject} {inside} lay in the {promised:.0%} interval"
    return ("alarm" if luck < COVER_BY_LUCK else "ok"), sentence


def _level(figure: Figure, limits: Limits) -> tuple[Level, str]:
    del limits
    return "ok", f"recovery is at ×{figure.value:.2f} of the model's level, at its training ×{figure.reference:.2f}"


def _level_change(figure: Figure, limits: Limits) -> tuple[Level, str]:
    change = "fell" if figure.metric == "level_fall" else "rose"
    if figure.value > limits.level_evidence:
        return "alarm", f"recovery {change} by about a third since the training: look for the cause, train again"
    days = math.ceil(PAYMENTS_TO_TELL / figure.reference) if figure.reference > 0 else None
    seen = f"one would show after about {days} days" if days else "no payment is expected, so none would show"
    kind = "fall" if figure.metric == "level_fall" else "rise"
    return "ok", f"no {kind} of recovery by a third since the training ({seen})"


def _damaged(figure: Figure, limits: Limits) -> tuple[Level, str]:
    del limits
    return "alarm", figure.subject


_RULES: dict[str, VerdictRule] = {
    "psi": _psi,
    "psi_clock": _psi_clock,
    "rows": _rows,
    "recovery_rate_90d": _recovery,
    "suppressed_share": _suppressed,
    "stale_days": _stale,
    "new_share": _new,
    "vanished_share": _vanished,
    "ece": _ece,
    "pr_auc": _pr_auc,
    "money_outside": _money,
    "chosen_money_outside": _money,
    "forecast_cover_80": _forecast_cover,
    "forecast_cover_95": _forecast_cover,
    "level": _level,
    "level_fall": _level_change,
    "level_rise": _level_change,
    "damaged": _damaged,
}
COVER_BY_LUCK = 0.01  # a coverage less likely than this by luck is an alarm
_NEEDS_ROWS = frozenset({"ece", "pr_auc"})

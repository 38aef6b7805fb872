"""What the numbers of monitoring mean: fine, worth a look, or an alarm. Numbers in, sentences out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import pyarrow as pa

from payrec.common.arrow import TIME, constant
from payrec.monitor.drift import Number
from payrec.worklist.policy import Limits

Level = Literal["ok", "watch", "alarm"]
SEVERITY: dict[Level, int] = {"ok": 0, "watch": 1, "alarm": 2}

_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("run_id", pa.string()),
    ("as_of", TIME),
    ("metric", pa.string()),
    ("subject", pa.string()),
    ("value", pa.float64()),
    ("beside", pa.float64()),
    ("level", pa.string()),
    ("sentence", pa.string()),
]
HISTORY = pa.schema(_COLUMNS)


@dataclass(frozen=True)
class Verdict:
    """A number and what it means."""

    number: Number
    level: Level
    sentence: str


Judge = Callable[[Number, Limits], tuple[Level, str]]


def judge(numbers: Iterable[Number], limits: Limits) -> list[Verdict]:
    """Judge each number; the worst come first, else in the order given. One without a rule only informs: it is ok."""
    made = [_judged(number, limits) for number in numbers]
    few = {number.subject for number in (one.number for one in made) if _too_few(number, limits)}
    calm = [
        Verdict(one.number, "ok", f"{one.sentence} (too few matured rows to judge)")
        if one.level != "ok" and one.number.metric in _NEEDS_ROWS and one.number.subject in few
        else one
        for one in made
    ]
    return sorted(calm, key=lambda one: -SEVERITY[one.level])


def worst(verdicts: Iterable[Verdict]) -> Level:
    """Return the gravest level."""
    return max((one.level for one in verdicts), key=SEVERITY.__getitem__, default="ok")


def history(verdicts: Iterable[Verdict], run_id: str, as_of: datetime) -> pa.Table:
    """Return the verdicts as rows of the history table; key (run_id, metric, subject), of which the worst is kept."""
    by_key: dict[tuple[str, str], Verdict] = {}
    for one in sorted(verdicts, key=lambda one: -SEVERITY[one.level]):
        by_key.setdefault((one.number.metric, one.number.subject), one)
    rows = [
        {
            "metric": one.number.metric,
            "subject": one.number.subject,
            "value": _finite(one.number.value),
            "beside": _finite(one.number.beside),
            "level": one.level,
            "sentence": one.sentence,
        }
        for one in by_key.values()
    ]
    table = pa.Table.from_pylist([{**row, "run_id": run_id} for row in rows], schema=HISTORY)
    return table.set_column(1, HISTORY.field("as_of"), constant(as_of, TIME, table.num_rows))


def of_history(history: pa.Table, run_id: str) -> list[Verdict]:
    """Return the verdicts of a run from the history table, the worst first."""
    rows = [row for row in history.to_pylist() if row["run_id"] == run_id]
    found = [
        Verdict(
            Number(row["metric"], row["subject"], _number(row["value"]), _number(row["beside"])),
            row["level"],
            row["sentence"],
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: -SEVERITY[one.level])


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _judged(number: Number, limits: Limits) -> Verdict:
    rule = _RULES.get(number.metric)
    if rule is None or math.isnan(number.value):
        of = f" of {number.subject}" if number.subject else ""
        return Verdict(number, "ok", f"{number.metric}{of}: {number.value:.4g}")
    level, sentence = rule(number, limits)
    return Verdict(number, level, sentence)


def _too_few(number: Number, limits: Limits) -> bool:
    return number.metric == "matured_rows" and number.value < limits.matured_rows


def _psi(number: Number, limits: Limits) -> tuple[Level, str]:
    shift = number.value - (0 if math.isnan(number.beside) else number.beside)
    level: Level = "alarm" if shift > limits.psi_alarm else "watch" if shift >= limits.psi_watch else "ok"
    word = {"ok": "is stable", "watch": "has moved", "alarm": "has shifted"}[level]
    return level, f"{number.subject} {word} against the earlier run (PSI {number.value:.2f})"


def _psi_clock(number: Number, limits: Limits) -> tuple[Level, str]:
    return "ok", f"{_psi(number, limits)[1]}; it moves with the calendar"


def _recovery(number: Number, limits: Limits) -> tuple[Level, str]:
    change = number.value / number.beside - 1 if number.beside else math.nan
    sentence = f"{number.value:.1%} of the payments decided in the last 90 days were recovered in time"
    if math.isnan(change):
        return "ok", sentence
    return ("alarm" if abs(change) > limits.recovery_change else "ok"), f"{sentence}, {change:+.0%} of the earlier run"


def _rows(number: Number, limits: Limits) -> tuple[Level, str]:
    if number.value == 0:
        return "alarm", "nothing to score: no order is open"
    if math.isnan(number.beside) or number.beside == 0:
        return "ok", f"{number.value:,.0f} orders"
    change = number.value / number.beside - 1
    sentence = f"{number.value:,.0f} orders, {change:+.0%} against the earlier run"
    return ("alarm" if abs(change) > limits.rows_change else "ok"), sentence


def _suppressed(number: Number, limits: Limits) -> tuple[Level, str]:
    change = number.value - number.beside
    jumped = not math.isnan(change) and abs(change) > limits.suppressed_change
    sentence = f"{number.value:.0%} of the orders are suppressed" + (f", {change:+.0%} points" if jumped else "")
    return ("alarm" if jumped else "watch" if number.value > limits.suppressed_share else "ok"), sentence


def _stale(number: Number, limits: Limits) -> tuple[Level, str]:
    sentence = f"the newest fact is {number.value:.1f} days older than as_of"
    return ("alarm" if number.value > limits.stale_days else "ok"), sentence


def _new(number: Number, limits: Limits) -> tuple[Level, str]:
    grown = number.value - (0 if math.isnan(number.beside) else number.beside)
    sentence = f"{number.value:.1%} of the orders have a {number.subject} that the model does not know"
    return ("watch" if grown > limits.new_share else "ok"), sentence


def _vanished(number: Number, limits: Limits) -> tuple[Level, str]:
    sentence = f"{number.subject} is gone; it was {number.value:.1%} of the orders"
    return ("watch" if number.value > limits.vanished_share else "ok"), sentence


def _ece(number: Number, limits: Limits) -> tuple[Level, str]:
    excess = number.value - number.beside
    sentence = f"calibration error of {number.subject} is {number.value:.3f}, {number.beside:.3f} would be luck"
    return ("alarm" if excess > limits.ece else "ok"), sentence


def _pr_auc(number: Number, limits: Limits) -> tuple[Level, str]:
    sentence = f"PR AUC of {number.subject} is {number.value:.3f}, its probabilities promised {number.beside:.3f}"
    return ("alarm" if number.value < number.beside - limits.pr_auc_drop else "ok"), sentence


def _money(number: Number, limits: Limits) -> tuple[Level, str]:
    del limits
    if number.value == 0:
        return "ok", f"money of week {number.subject} came back as expected"
    side = "above" if number.value > 0 else "below"
    return "watch", f"money of week {number.subject} is {abs(number.value):,.0f} {side} the expected interval"


_RULES: dict[str, Judge] = {
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
}
_NEEDS_ROWS = frozenset({"ece", "pr_auc"})

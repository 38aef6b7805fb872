"""The quality gate: whether a model may be promoted to champion.

The *gate* decides on figures. *Figures* are what a backtest measured (:mod:`figures`). A *verdict* is what
monitoring says of a model that serves (:mod:`payrec.monitor.verdicts`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from payrec.common.errors import QualityGate
from payrec.common.short_repr import short_repr


@short_repr
@dataclass(frozen=True)
class GateLimits:
    """Limits a model must keep to be promoted.

    Attributes
    ----------
    max_log_loss_increase
        Log loss over the champion's, on the same newly matured rows, as a share of the champion's.
    min_pr_auc_gain
        PR AUC over that of ranking by the customer's history rate.
    max_ece
        Expected calibration error.
    min_rows
        Matured rows that the figures need.
    min_within_ages
        Lower end of the 95 % interval of the ROC AUC among orders of one age: better than the age alone.
    min_worth
        Upper end of the 95 % interval of the money at 10 % of the list over that of the best simple rule, less 1.
    """

    max_log_loss_increase: float = 0.01
    min_pr_auc_gain: float = 0.0
    max_ece: float = 0.05
    min_rows: int = 200
    min_within_ages: float = 0.5
    min_worth: float = 0.0


@short_repr
@dataclass(frozen=True)
class GateFigures:
    """Figures on newly matured rows; ``champion_log_loss`` is None before the first champion.

    ``within_ages_low`` and ``worth_high`` are ends of intervals, None where there is none; ``rule`` is the simple one.
    """

    rows: int
    log_loss: float
    pr_auc: float
    ece: float
    history_rate_pr_auc: float
    champion_log_loss: float | None = None
    within_ages_low: float | None = None
    worth_high: float | None = None
    rule: str = ""


@short_repr
@dataclass(frozen=True)
class GateResult:
    """Reasons against promotion; none = passed."""

    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether the model may be promoted."""
        return not self.failures


def assess(numbers: GateFigures, limits: GateLimits = GateLimits()) -> GateResult:
    """Compare ``numbers`` with ``limits``; a number that is not finite fails its limit."""
    failures = []
    if numbers.rows < limits.min_rows:
        failures.append(f"only {numbers.rows} matured rows, expected at least {limits.min_rows}")
    if numbers.champion_log_loss is not None:
        most = numbers.champion_log_loss * (1 + limits.max_log_loss_increase)
        if not numbers.log_loss <= most:
            failures.append(
                f"log loss {numbers.log_loss:.4f} is worse than the champion's {numbers.champion_log_loss:.4f}, "
                f"expected at most {most:.4f}"
            )
    elif not math.isfinite(numbers.log_loss):
        failures.append(f"log loss {numbers.log_loss} is not a number")
    least = numbers.history_rate_pr_auc + limits.min_pr_auc_gain
    if not numbers.pr_auc > least:
        failures.append(
            f"PR AUC {numbers.pr_auc:.4f} is not better than the history rate's, expected more than {least:.4f}"
        )
    failures += _no_gain(numbers, limits)
    if not numbers.ece <= limits.max_ece:
        failures.append(f"calibration error {numbers.ece:.4f}, expected at most {limits.max_ece:.4f}")
    return GateResult(tuple(failures))


def _no_gain(numbers: GateFigures, limits: GateLimits) -> list[str]:
    """Return what speaks against the model, held against the age of the orders and the best simple rule."""
    failures = []
    if numbers.within_ages_low is not None and not numbers.within_ages_low > limits.min_within_ages:
        failures.append(
            f"ROC AUC among orders of one age may be {numbers.within_ages_low:.3f}, expected surely more than "
            f"{limits.min_within_ages:g}: it knows little besides the age"
        )
    if numbers.worth_high is not None and not numbers.worth_high >= limits.min_worth:
        failures.append(f"surely less money than by a simple rule, {numbers.rule} ({numbers.worth_high:+.1%} at most)")
    return failures


def require(result: GateResult) -> None:
    """Raise QualityGate with all failures in one line, unless there are none."""
    if result.failures:
        raise QualityGate(
            f"found {'; '.join(result.failures)}\nthe model is stored, not promoted; overrule: payrec models promote ID"
        )

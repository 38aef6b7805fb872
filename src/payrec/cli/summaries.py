"""Results of several commands, printed for people."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from payrec.cli import output

_BASELINES = ("random", "oldest_first", "amount", "history_rate")
_UNMAPPED_SHOWN = 10
_BY_RULE = (
    "ranked by rule, not by a model of yours: outstanding amount × a rate by reason and age\n"
    "when there is a history to learn from: payrec train"
)


def show_list(summary: dict[str, Any], payments_until: datetime | None = None) -> None:
    """Print the summary of a ranked list."""
    from payrec.commands.list_summary import expected_lines  # heavy; --help needs none of it

    output.say(f"as of {summary['as_of']:%Y-%m-%d %H:%M} UTC, model {summary['model_id']}, run {summary['run_id']}")
    notes = (
        summary["by_rule"] and _BY_RULE,
        summary["by_extra"] and "ranked by the extra money of a contact, not by expected money: payrec effect show",
        payments_until == summary["as_of"] and "not later, because payments are known until then (--payments-until)",
        summary["facts_reach"],
        summary["recovery_level"] and summary["recovery_level"]["sentence"],
    )
    for line in "\n".join(filter(None, notes)).splitlines():
        output.say(line)
    if not summary["orders"]:
        output.say("nothing to score: no order is open at this time")
        return
    rows = [(c, f"{v['orders']:,}", f"{v['outstanding']:,.2f}") for c, v in summary["open"].items()]
    output.table(["open, by currency", "orders", "outstanding"], rows)
    by_customer = summary["unit"] == "customer"
    money = [
        (
            c, f"{v['ranked']:,}", f"{v['expected']:,.2f}", *([f"{v['chosen_customers']:,}"] if by_customer else []),
            f"{v['chosen']:,}", f"{v['expected_of_chosen']:,.2f}",
        )
        for c, v in summary["value"].items()
    ]  # fmt: skip
    chosen = ["customers chosen", "their orders"] if by_customer else ["chosen"]
    output.table(["expected back, in", "ranked", "of all", *chosen, "of the chosen"], money)
    for currency, value in summary["value"].items():
        lines = expected_lines(currency, value) if value["chosen"] else []
        lines += expected_lines(currency, value, "all ranked") if value["ranked"] else []
        for line in dict.fromkeys(lines):
            output.say(line)
    if summary["suppressed"]:
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in summary["suppressed"].items())
        output.say(f"not ranked: {reasons}")


def show_figures(tested: dict[str, Any]) -> None:
    """Print the figures of a backtest: the model's with intervals, then the baselines'."""
    rows = []
    for name in ("pr_auc", "roc_auc", "brier", "brier_skill", "log_loss", "ece", "lift_at_k", "value_at_k"):
        low, high = (tested.get("ci95") or {}).get(name, (None, None))
        interval = f"{low:.3f} to {high:.3f}" if low is not None and high is not None else ""
        others = [tested["baselines"][b].get(name) for b in _BASELINES]
        rows.append((name, f"{tested[name]:.3f}", interval, *(f"{o:.3f}" if o is not None else "" for o in others)))
    output.say(
        f"tested on {tested['rows']:,} snapshots, {tested['base_rate']:.1%} recovered within "
        f"{tested['horizon_days']} days (recipe {tested['recipe']}, embargo {tested['embargo_days']} days)"
    )
    output.table(["", "payrec", "95 % interval", *(b.replace("_", " ") for b in _BASELINES)], rows)
    if tested.get("worth_sentence"):
        output.say(tested["worth_sentence"])
    if tested.get("worth_at_capacity", {}).get("sentence"):
        output.say(tested["worth_at_capacity"]["sentence"])


def show_unmapped(codes: list[dict[str, Any]]) -> None:
    """Print the reason codes that have no meaning yet."""
    if not codes:
        return
    rows = [(r["provider"], r["payment_method"], r["reason_code"], f"{r['rows']:,}") for r in codes[:_UNMAPPED_SHOWN]]
    output.table(["provider", "payment method", "reason code without a meaning", "orders"], rows)
    if len(codes) > len(rows):
        output.say(f"and {len(codes) - len(rows):,} more; --json shows all")
    output.say("give them one in a file of your own: docs/reason-codes.md")

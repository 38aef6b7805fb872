"""Charts of a model card, each drawn from the card alone, with its main finding as a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from payrec.charts import behaviour, calibration, ranking, theme
from payrec.common.short_repr import short_repr

CURVES = ("best", "model", "history_rate", "amount", "oldest_first", "random")
SEGMENTS = {
    "age_days": ("Age of the order", "age in days", "ages"),
    "customer": ("New or known customers", "customer", "kinds of customer"),
    "reason_code": ("Reason of failure", "reason", "reasons"),
    "country": ("Country", "country", "countries"),
}


@short_repr
@dataclass(frozen=True)
class Picture:
    """A chart as inline SVG, its title, and the sentence to take away, which also stands for it unseen."""

    title: str
    svg: str
    sentence: str


def value_at_k(tested: dict[str, Any]) -> Picture | None:
    """Draw the value found at K by the model and by each baseline; None where nothing came back."""
    if tested["value_at_k"] is None:
        return None
    low, high = tested["ci95"].get("value_at_k", [None, None])
    rows = [{"series": "model", "value": tested["value_at_k"], "low": low, "high": high}]
    rows += [{"series": name, "value": of["value_at_k"]} for name, of in tested["baselines"].items()]
    frame = pd.DataFrame(rows, columns=["series", "value", "low", "high"]).astype(
        {"value": float, "low": float, "high": float}
    )
    k = theme.percent(tested["k_share"])
    chart = ranking.bars(frame, "share of the best possible (line: 95% interval)")
    sentence = ranking.bars_text(frame, f"Money recovered in the top {k}, share of the best possible")
    return Picture(f"Money recovered in the top {k} of the list", theme.svg(chart, "bars"), sentence)


def capture(tested: dict[str, Any], kind: str) -> Picture | None:
    """Draw what the top of the list finds: ``kind`` is "value" (money) or "gains" (snapshots)."""
    curves = tested["curves"]
    if curves[kind]["model"][-1] is None:
        return None
    parts = [pd.DataFrame({"series": s, "share": curves["shares"], "found": curves[kind][s]}) for s in CURVES]
    captured = "the recovered money" if kind == "value" else "the snapshots that were recovered"
    frame, k = pd.concat(parts), tested["k_share"]
    chart = ranking.capture(frame, k, f"share of {captured}")
    title = "Money found, by how far the list is worked" if kind == "value" else "Payers found, by how far it is worked"
    return Picture(title, theme.svg(chart, f"curve-{kind}"), ranking.capture_text(frame, k, captured))


def reliability(tested: dict[str, Any]) -> Picture:
    """Draw predicted against observed share."""
    table = pd.DataFrame(tested["reliability"])
    chart = calibration.reliability(table, pd.DataFrame(tested["spread"]))
    return Picture("Predicted and recovered", theme.svg(chart, "reliability"), calibration.reliability_text(table))


def segments(tested: dict[str, Any]) -> list[Picture]:
    """Draw predicted against observed share by age, kind of customer, reason and country."""
    charts = []
    for name, (title, axis, many) in SEGMENTS.items():
        frame = pd.DataFrame(tested["calibration"][name])
        svg = theme.svg(calibration.segments(frame, axis), f"by-{name.replace('_', '-')}")
        charts.append(Picture(title, svg, calibration.segments_text(frame, many)))
    return charts


def importance(tested: dict[str, Any]) -> Picture | None:
    """Draw the feature importance; None if it was not measured."""
    frame = pd.DataFrame(tested["importance"])
    if frame.empty:
        return None
    svg = theme.svg(behaviour.importance(frame), "importance")
    return Picture("Most important features", svg, behaviour.importance_text(frame))


def over_time(tested: dict[str, Any]) -> Picture | None:
    """Draw the figures of each refit; None unless there are several that have one."""
    rows = [
        {
            "test_from": fold["test_from"],
            "pr_auc": fold["pr_auc"],
            "history": fold["history_rate"]["pr_auc"],
            "base_rate": fold["base_rate"],
        }
        for fold in tested["folds"]
        if fold["pr_auc"] is not None
    ]
    if len(rows) < 2:
        return None
    frame = pd.DataFrame(rows)
    return Picture(
        "From refit to refit", theme.svg(behaviour.over_time(frame), "time"), behaviour.over_time_text(frame)
    )

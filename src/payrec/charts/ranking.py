"""Does the order put the money first: curves of what the top of a list finds, and bars of what it finds at K."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from payrec.charts.theme import COLORS, Chart, percent, styled

SERIES: dict[str, tuple[str, str, list[int]]] = {
    "best": ("best possible, outcome known", COLORS["best"], [1, 3]),
    "model": ("this model", COLORS["model"], [1, 0]),
    "history_rate": ("the customer's own history", COLORS["history"], [8, 3]),
    "amount": ("largest amount first", COLORS["amount"], [3, 3]),
    "p_only": ("probability alone", COLORS["soft"], [8, 2, 2, 2]),
    "oldest_first": ("oldest first", COLORS["oldest"], [10, 3, 2, 3]),
    "random": ("random order", COLORS["random"], [2, 2]),
}
"""Each order of a list: key -> name, colour, dash."""


def capture(curves: pd.DataFrame, k_share: float, measure: str) -> Chart:
    """Draw the share captured by the top of the list, one line per order.

    Parameters
    ----------
    curves
        Columns ``series`` (a key of ``SERIES``), ``share`` (of the list, 0 to 1) and ``found`` (0 to 1).
    k_share
        The capacity, marked by a rule; the legend gives the share that each order captures there, best first.
    measure
        Title of the upward axis, such as "share of the recovered money".
    """
    at_k = _at(curves, k_share)
    ranked = sorted(at_k, key=lambda name: -at_k[name])
    labels = {name: f"{SERIES[name][0]}: {percent(at_k[name])}" for name in ranked}
    frame = curves.assign(label=curves["series"].map(labels))
    domain = [labels[name] for name in ranked]
    legend = alt.Legend(title=f"found in the top {percent(k_share)}", orient="bottom", columns=2, columnPadding=14)
    line = (
        alt.Chart(frame)
        .mark_line()
        .encode(
            x=alt.X("share:Q", title="share of the list worked through", axis=alt.Axis(format="%", tickCount=5)),
            y=alt.Y("found:Q", title=measure, axis=alt.Axis(format="%", tickCount=5), scale=alt.Scale(domain=[0, 1])),
            color=alt.Color("label:N", legend=legend, scale=_scale(domain, [SERIES[name][1] for name in ranked])),
            strokeDash=alt.StrokeDash("label:N", scale=_scale(domain, [SERIES[name][2] for name in ranked])),
            strokeWidth=alt.condition(alt.datum.series == "model", alt.value(3.2), alt.value(1.8)),
        )
    )
    rule = alt.Chart(pd.DataFrame({"share": [k_share]})).mark_rule(color=COLORS["muted"], strokeDash=[2, 2])
    return styled((rule.encode(x="share:Q") + line).properties(width=400, height=290))


def capture_text(curves: pd.DataFrame, k_share: float, measure: str) -> str:
    """Return the main figures of :func:`capture` as a sentence."""
    at_k = _at(curves, k_share)
    rivals = {name: value for name, value in at_k.items() if name not in {"model", "best", "p_only"}}
    said = f"The model's top {percent(k_share)} holds {percent(at_k['model'])} of {measure}"
    if rivals:
        strongest = max(rivals, key=lambda name: rivals[name])
        said += f"; the strongest simple sorting ({SERIES[strongest][0]}) finds {percent(rivals[strongest])}"
    best = at_k.get("best")
    return f"{said}, and {percent(best)} is the most that can be found." if best is not None else f"{said}."


def _at(curves: pd.DataFrame, k_share: float) -> dict[str, float]:
    known = curves.dropna(subset=["found"]).sort_values("share")
    return {str(name): float(np.interp(k_share, one["share"], one["found"])) for name, one in known.groupby("series")}


def _scale(domain: Sequence[str], values: Sequence[object]) -> alt.Scale:
    return alt.Scale(domain=list(domain), range=list(values))


def bars(frame: pd.DataFrame, title: str, best: float | None = 1.0) -> Chart:
    """Draw one figure for each order as bars, highest first, the model's in its own colour and with its interval.

    Parameters
    ----------
    frame
        Columns ``series`` (a key of ``SERIES``), ``value``, ``low``, ``high`` (NaN where there is no interval).
    title
        Name of the figure, for the axis.
    best
        The best that is possible, where the axis ends; None = as the bars need.
    """
    frame = frame.sort_values("value", ascending=False, kind="stable")
    frame = frame.assign(label=[SERIES[name][0] for name in frame["series"]], is_model=frame["series"] == "model")
    frame = frame.assign(text=[percent(value) if best is not None else f"{value:.2f}" for value in frame["value"]])
    top = best if best is not None else float(frame[["value", "high"]].max().max()) * 1.1
    y = alt.Y("label:N", sort=frame["label"].tolist(), title=None, axis=alt.Axis(grid=False))
    axis = alt.Axis(format="%" if best is not None else ".1f", tickCount=5)
    x = alt.X("value:Q", title=title, axis=axis, scale=alt.Scale(domain=[0, top]))
    color = alt.condition(alt.datum.is_model, alt.value(COLORS["model"]), alt.value(COLORS["random"]))
    bar = alt.Chart(frame).mark_bar(height={"band": 0.62}, cornerRadiusEnd=3).encode(x=x, y=y, color=color)
    whisker = (
        alt.Chart(frame.dropna(subset=["low", "high"]))
        .mark_rule(strokeWidth=2, color=COLORS["ink"])
        .encode(x="low:Q", x2="high:Q", y=y)
    )
    frame = frame.assign(end=frame[["value", "high"]].max(axis=1))
    words = alt.Chart(frame).mark_text(align="left", dx=6, fontSize=12, color=COLORS["ink"])
    return styled(
        (bar + whisker + words.encode(x="end:Q", y=y, text="text:N")).properties(width=380, height={"step": 34})
    )


def bars_text(frame: pd.DataFrame, figure: str, share: bool = True) -> str:
    """Say in a sentence how the model stands against the simple sortings."""
    values = dict(zip(frame["series"], frame["value"].astype(float), strict=True))
    rivals = {name: value for name, value in values.items() if name not in {"model", "p_only"}}
    strongest = max(rivals, key=lambda name: rivals[name])

    def said(value: float) -> str:
        return percent(value) if share else f"{value:.2f}"

    verdict = "above" if values["model"] > rivals[strongest] else "not above"
    return (
        f"{figure}: {said(values['model'])} for the model, {verdict} the strongest simple sorting, "
        f"{SERIES[strongest][0]}, with {said(rivals[strongest])}."
    )

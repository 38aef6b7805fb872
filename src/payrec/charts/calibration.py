"""Do the probabilities come true: predicted against observed, by level and by segment."""

from __future__ import annotations

import altair as alt
import pandas as pd

from payrec.charts.theme import COLORS, Chart, percent, shown, styled

PREDICTED, OBSERVED = "predicted by the model", "recovered"


def reliability(table: pd.DataFrame, spread: pd.DataFrame) -> Chart:
    """Draw predicted against observed share for bins of equal count, and below how many snapshots lie where.

    Parameters
    ----------
    table
        Columns ``mean_p, observed, low, high, rows``, a row for each bin.
    spread
        Columns ``p_low, p_high, rows``: counts by probability.
    """
    scale = alt.Scale(domain=[0, 1])
    percents = alt.Axis(format="%", tickCount=5)
    predicted = alt.X("mean_p:Q", title=None, axis=alt.Axis(labels=False, tickCount=5), scale=scale)
    line = alt.Chart(pd.DataFrame({"mean_p": [0.0, 1.0], "observed": [0.0, 1.0]}))
    diagonal = line.mark_line(color=COLORS["muted"], strokeDash=[4, 4], strokeWidth=1.5)
    said = alt.Chart(
        pd.DataFrame({"mean_p": [0.0], "observed": [1.0], "text": ["above the line: better than predicted"]})
    )
    words = said.mark_text(align="left", dx=6, dy=8, color=COLORS["muted"], fontSize=11)
    y = alt.Y("observed:Q", title="recovered", axis=percents, scale=scale)
    bins = alt.Chart(table)
    ranges = bins.mark_rule(color=COLORS["model"], strokeWidth=2).encode(x=predicted, y="low:Q", y2="high:Q")
    dots = bins.mark_circle(color=COLORS["model"], size=70, opacity=1).encode(x=predicted, y=y)
    upper = (
        diagonal.encode(x=predicted, y=y) + words.encode(x=predicted, y=y, text="text:N") + ranges + dots
    ).properties(width=360, height=300)
    counts = (
        alt.Chart(spread)
        .mark_bar(color=COLORS["soft"])
        .encode(
            x=alt.X("p_low:Q", title="predicted by the model", axis=percents, scale=scale),
            x2="p_high:Q",
            y=alt.Y("rows:Q", title="snapshots", axis=alt.Axis(tickCount=2, format="~s")),
            y2=alt.Y2Datum(0),
        )
        .properties(width=360, height=64)
    )
    return styled(alt.vconcat(upper, counts, spacing=6))


def reliability_text(table: pd.DataFrame) -> str:
    """Say in a sentence how far prediction and outcome are apart."""
    inside = ((table["low"] <= table["mean_p"]) & (table["mean_p"] <= table["high"])).sum()
    worst = table.iloc[int((table["observed"] - table["mean_p"]).abs().argmax())]
    return (
        f"Of {len(table)} groups of snapshots, from the least to the most likely, {inside} came out as predicted "
        f"within chance; the widest gap is {percent(worst['mean_p'])} predicted against "
        f"{percent(worst['observed'])} recovered."
    )


def segments(frame: pd.DataFrame, title: str) -> Chart:
    """Draw predicted and observed share of each segment side by side, with the interval of what was observed.

    Parameters
    ----------
    frame
        Columns ``segment, mean_p, observed, low, high, rows``, in the order to be drawn.
    title
        What the segments are, such as "age in days".
    """
    labels = [f"{shown(name)}  ({rows:,})" for name, rows in zip(frame["segment"], frame["rows"], strict=True)]
    frame = frame.assign(label=labels)
    y = alt.Y("label:N", sort=labels, title=None)
    scale = alt.Scale(domain=[0, min(1.0, max(0.01, float(frame[["high", "mean_p"]].max().max()) * 1.08))])
    words = f"share recovered, by {title} (in brackets: snapshots)"
    x = alt.X("value:Q", title=words, axis=alt.Axis(format="%", tickCount=5), scale=scale)
    ranges = alt.Chart(frame).mark_rule(strokeWidth=6, color=COLORS["soft"], strokeCap="round")
    kinds, colors = [OBSERVED, PREDICTED], [COLORS["model"], COLORS["history"]]
    legend = alt.Legend(title=None, orient="top", symbolSize=90, symbolStrokeWidth=2)
    color = alt.Color("kind:N", scale=alt.Scale(domain=kinds, range=colors), legend=legend)
    shape = alt.Shape("kind:N", scale=alt.Scale(domain=kinds, range=["circle", "diamond"]), legend=legend)
    seen = alt.Chart(frame.assign(value=frame["observed"], kind=OBSERVED))
    said = alt.Chart(frame.assign(value=frame["mean_p"], kind=PREDICTED))
    points = seen.mark_point(filled=True, size=80, opacity=1)
    # hollow and on top, so that neither hides the other where they agree
    hollow = said.mark_point(size=150, strokeWidth=2, opacity=1)
    marks = points.encode(x=x, y=y, color=color, shape=shape) + hollow.encode(x=x, y=y, color=color, shape=shape)
    return styled((ranges.encode(x="low:Q", x2="high:Q", y=y) + marks).properties(width=270, height={"step": 27}))


def segments_text(frame: pd.DataFrame, what: str) -> str:
    """Say in a sentence which segments the model misjudges; ``what`` names them in the plural."""
    off = frame[(frame["mean_p"] < frame["low"]) | (frame["mean_p"] > frame["high"])]
    if off.empty:
        which = {1: "There", 2: f"In both {what}"}.get(len(frame), f"In all {len(frame)} {what}")
        return f"{which} the prediction lies within what chance allows."
    worst = off.iloc[int((off["observed"] - off["mean_p"]).abs().argmax())]
    direction = "too optimistic" if worst["mean_p"] > worst["observed"] else "too pessimistic"
    return (
        f"{len(off)} of {len(frame)} {what} came out otherwise than predicted; the model is most off at "
        f"{shown(worst['segment'])}, where it is {direction}: {percent(worst['mean_p'])} predicted, "
        f"{percent(worst['observed'])} recovered."
    )

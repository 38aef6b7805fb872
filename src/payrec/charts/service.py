"""Is the service well: predicted and recovered by cohort, expected and recovered money by week, drift by feature."""

from __future__ import annotations

import altair as alt
import pandas as pd

from payrec.charts.theme import COLORS, SHORT_NUMBER, Chart, percent, shown, styled

PREDICTED, OBSERVED = "predicted by the model", "recovered"
EXPECTED, CAME = "expected (bar: 95% interval)", "recovered"


def cohorts(frame: pd.DataFrame) -> Chart:
    """Draw predicted and recovered share of each matured run. Columns ``day`` (text), ``predicted``, ``recovered``."""
    long = frame.melt("day", ["predicted", "recovered"], "kind", "value")
    long["kind"] = long["kind"].replace({"predicted": PREDICTED, "recovered": OBSERVED})
    x = alt.X("day:O", title="list of", axis=alt.Axis(labelAngle=0, grid=False))
    top = max(0.05, float(long["value"].max()) * 1.3)
    y = alt.Y("value:Q", title="share", axis=alt.Axis(format="%", tickCount=5), scale=alt.Scale(domain=[0, top]))
    marks = _pair([PREDICTED, OBSERVED])
    points = (
        alt.Chart(long)
        .mark_point(filled=True, size=110, opacity=1)
        .encode(x=x, y=y, color=marks["color"], shape=marks["shape"])
    )
    line = alt.Chart(long).mark_line(strokeWidth=1.5).encode(x=x, y=y, color=marks["color"], strokeDash=marks["dash"])
    return styled((line + points).properties(height=230))


def cohorts_text(frame: pd.DataFrame) -> str:
    """Return a sentence on the largest gap between prediction and outcome."""
    gap = frame["recovered"] - frame["predicted"]
    worst = frame.iloc[int(gap.abs().argmax())]
    return (
        f"Of {len(frame)} matured lists the one furthest off is that of {worst['day']}: "
        f"{percent(worst['predicted'], 1)} predicted, {percent(worst['recovered'], 1)} recovered."
    )


def money(frame: pd.DataFrame, unit: str) -> Chart:
    """Draw expected money with its interval and what came back, a week each.

    Columns ``week, expected, low, high, recovered`` (NaN while the outcome is not known).
    """
    x = alt.X("week:O", title="list of the week of", axis=alt.Axis(labelAngle=0, grid=False))
    axis = alt.Axis(tickCount=5, labelExpr=SHORT_NUMBER)
    base = alt.Chart(frame)
    bars = base.mark_rule(strokeWidth=8, color=COLORS["soft"], strokeCap="round").encode(
        x=x, y=alt.Y("low:Q", title=unit, axis=axis), y2="high:Q"
    )
    long = frame.melt("week", ["expected", "recovered"], "kind", "value").dropna()
    long["kind"] = long["kind"].replace({"expected": EXPECTED, "recovered": CAME})
    marks = _pair([EXPECTED, CAME])
    points = alt.Chart(long).mark_point(filled=True, size=110, opacity=1)
    y = alt.Y("value:Q", title=unit, axis=axis)
    return styled((bars + points.encode(x=x, y=y, color=marks["color"], shape=marks["shape"])).properties(height=230))


def money_text(frame: pd.DataFrame, unit: str) -> str:
    """Return a sentence on how many weeks brought the money that was expected."""
    known = frame.dropna(subset=["recovered"])
    if known.empty:
        return f"No week's outcome is known yet; {unit} {frame['expected'].sum():,.0f} are expected in all."
    inside = int(((known["low"] <= known["recovered"]) & (known["recovered"] <= known["high"])).sum())
    return (
        f"In {inside} of {len(known)} weeks the recovered money lies inside the expected interval; in all "
        f"{unit} {known['recovered'].sum():,.0f} came back, {unit} {known['expected'].sum():,.0f} were expected."
    )


MEASURES = {"points": "recovery, points", "capped": "money, large orders cut", "money": "money"}


def extra_money(frame: pd.DataFrame, unit: str) -> Chart:
    """Draw what the list brought beyond what came anyway, with its interval. Columns ``measure, total, low, high``."""
    frame = frame.assign(title=frame["measure"].map(MEASURES))
    y = alt.Y("title:N", sort=list(MEASURES.values()), title=None, axis=alt.Axis(grid=False))
    title = "more recovered, points" if unit == "%" else f"more recovered, {unit}"
    x = alt.X("low:Q", title=title, axis=alt.Axis(tickCount=6, labelExpr=SHORT_NUMBER))
    base = alt.Chart(frame)
    bars = base.mark_rule(strokeWidth=8, color=COLORS["soft"], strokeCap="round").encode(x=x, x2="high:Q", y=y)
    points = base.mark_point(filled=True, size=110, opacity=1, color=COLORS["model"]).encode(x="total:Q", y=y)
    zero = alt.Chart(pd.DataFrame({"low": [0.0]})).mark_rule(strokeDash=[4, 3], color=COLORS["ink"]).encode(x="low:Q")
    return styled((bars + zero + points).properties(height=30 + 40 * len(frame)))


def drift(frame: pd.DataFrame, watch: float, alarm: float) -> Chart:
    """Draw the PSI of each feature, the largest first. Columns ``feature``, ``psi``, ``level``."""
    frame = frame.assign(feature=[shown(name, 64) for name in frame["feature"]])
    y = alt.Y("feature:N", sort=frame["feature"].tolist(), title=None, axis=alt.Axis(grid=False))
    x = alt.X("psi:Q", title="PSI against the earlier run", axis=alt.Axis(tickCount=5))
    kinds = ["ok", "watch", "alarm"]
    colors = alt.Scale(domain=kinds, range=[COLORS["model"], COLORS["history"], COLORS["oldest"]])
    color = alt.Color("level:N", scale=colors, legend=alt.Legend(title=None, orient="top", symbolSize=90))
    bars = alt.Chart(frame).mark_bar(height={"band": 0.6}, cornerRadiusEnd=3).encode(x=x, y=y, color=color)
    words = alt.Chart(frame.assign(text=[f"{v:.2f} {k}" for v, k in zip(frame["psi"], frame["level"], strict=True)]))
    said = words.mark_text(align="left", dx=5, color=COLORS["ink"], fontSize=11).encode(x=x, y=y, text="text:N")
    lines = alt.Chart(pd.DataFrame({"psi": [watch, alarm]})).mark_rule(strokeDash=[4, 3], color=COLORS["muted"])
    return styled((bars + said + lines.encode(x="psi:Q")).properties(height=26 * len(frame)))


def drift_text(frame: pd.DataFrame, watch: float, alarm: float) -> str:
    """Return a sentence on the feature that drifted most."""
    moved, first = int((frame["level"] != "ok").sum()), frame.iloc[0]
    return (
        f"{moved} of {len(frame)} features have drifted; the largest PSI is {first['psi']:.2f}, "
        f"of {shown(first['feature'])} (worth a look from {watch:.2f}, an alarm over {alarm:.2f})."
    )


def _pair(kinds: list[str]) -> dict[str, object]:
    legend = alt.Legend(title=None, orient="top", symbolSize=90, symbolStrokeWidth=2)
    colors = alt.Scale(domain=kinds, range=[COLORS["history"], COLORS["model"]])
    shapes = alt.Scale(domain=kinds, range=["diamond", "circle"])
    dashes = alt.Scale(domain=kinds, range=[[4, 3], [1, 0]])
    return {
        "color": alt.Color("kind:N", scale=colors, legend=legend),
        "shape": alt.Shape("kind:N", scale=shapes, legend=legend),
        "dash": alt.StrokeDash("kind:N", scale=dashes, legend=legend),
    }

"""Is the service well: promised and recovered by cohort, expected and recovered money by week, drift by feature."""

from __future__ import annotations

import altair as alt
import pandas as pd

from payrec.charts.theme import COLORS, SHORT_NUMBER, Chart, percent, shown, styled

PROMISED, OBSERVED = "promised by the model", "recovered in fact"
EXPECTED, CAME = "expected (bar: 95% interval)", "recovered"


def cohorts(frame: pd.DataFrame) -> Chart:
    """Draw promised and recovered share of each matured run. Columns ``day`` (text), ``promised``, ``recovered``."""
    long = frame.melt("day", ["promised", "recovered"], "kind", "value")
    long["kind"] = long["kind"].replace({"promised": PROMISED, "recovered": OBSERVED})
    x = alt.X("day:O", title="list of", axis=alt.Axis(labelAngle=0, grid=False))
    top = max(0.05, float(long["value"].max()) * 1.3)
    y = alt.Y("value:Q", title="share", axis=alt.Axis(format="%", tickCount=5), scale=alt.Scale(domain=[0, top]))
    marks = _pair([PROMISED, OBSERVED])
    points = (
        alt.Chart(long)
        .mark_point(filled=True, size=110, opacity=1)
        .encode(x=x, y=y, color=marks["color"], shape=marks["shape"])
    )
    line = alt.Chart(long).mark_line(strokeWidth=1.5).encode(x=x, y=y, color=marks["color"], strokeDash=marks["dash"])
    return styled((line + points).properties(height=230))


def cohorts_text(frame: pd.DataFrame) -> str:
    """Say in a sentence how far promise and fact were apart."""
    gap = frame["recovered"] - frame["promised"]
    worst = frame.iloc[int(gap.abs().argmax())]
    return (
        f"Of {len(frame)} matured lists the one furthest off is that of {worst['day']}: "
        f"{percent(worst['promised'], 1)} promised, {percent(worst['recovered'], 1)} recovered."
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
    """Say in a sentence in how many weeks the money came back as expected."""
    known = frame.dropna(subset=["recovered"])
    if known.empty:
        return f"No week's outcome is known yet; {unit} {frame['expected'].sum():,.0f} are expected in all."
    inside = int(((known["low"] <= known["recovered"]) & (known["recovered"] <= known["high"])).sum())
    return (
        f"In {inside} of {len(known)} weeks the recovered money lies inside the expected interval; in all "
        f"{unit} {known['recovered'].sum():,.0f} came back, {unit} {known['expected'].sum():,.0f} were expected."
    )


def drift(frame: pd.DataFrame, watch: float, alarm: float) -> Chart:
    """Draw the PSI of each feature, the largest first. Columns ``feature``, ``psi``, ``level``."""
    frame = frame.assign(feature=[shown(name, 64) for name in frame["feature"]])
    y = alt.Y("feature:N", sort=frame["feature"].tolist(), title=None, axis=alt.Axis(labelLimit=420, grid=False))
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
    """Say in a sentence which feature moved most."""
    moved, first = int((frame["level"] != "ok").sum()), frame.iloc[0]
    return (
        f"{moved} of {len(frame)} features have moved; the most is {shown(first['feature'])} with a PSI of "
        f"{first['psi']:.2f} (worth a look from {watch:.2f}, an alarm over {alarm:.2f})."
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

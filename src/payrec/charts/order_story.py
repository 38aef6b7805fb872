"""One order: its events, its probability over time, and the parts of that probability."""

from __future__ import annotations

import altair as alt
import pandas as pd

from payrec.charts.theme import COLORS, Chart, percent, shown, styled

UP, DOWN, ENDS = "raises the chance", "lowers the chance", "start and end"


def waterfall(base: float, steps: pd.DataFrame, probability: float) -> Chart:
    """Draw the way from the average order's probability to this one's, a bar for each kind of information.

    ``steps`` has the columns ``title`` and ``points`` (share of probability, signed), in the order to be drawn.
    """
    rows, at = [("an average order", 0.0, base, ENDS, percent(base, 1))], base
    for title, points in zip(steps["title"], steps["points"], strict=True):
        rows.append((shown(title), at, at + points, UP if points > 0 else DOWN, f"{100 * points:+.1f} points"))
        at += points
    rows.append(("this order", 0.0, probability, ENDS, percent(probability, 1)))
    frame = pd.DataFrame(rows, columns=["title", "from", "to", "kind", "text"])
    frame["end"] = frame[["from", "to"]].max(axis=1)
    top = min(1.0, float(frame["end"].max()) * 1.25 + 0.02)
    y = alt.Y("title:N", sort=frame["title"].tolist(), title=None, axis=alt.Axis(grid=False))
    axis = alt.Axis(format="%", tickCount=5)
    x = alt.X("from:Q", title="probability of recovery", axis=axis, scale=alt.Scale(domain=[0, top]))
    kinds = [UP, DOWN, ENDS]
    colors = alt.Scale(domain=kinds, range=[COLORS["amount"], COLORS["history"], COLORS["model"]])
    color = alt.Color(
        "kind:N", scale=colors, legend=alt.Legend(title=None, orient="top", columns=1, symbolSize=90, values=[UP, DOWN])
    )
    bars = alt.Chart(frame).mark_bar(height={"band": 0.62}, cornerRadius=2).encode(y=y, x=x, x2="to:Q", color=color)
    words = alt.Chart(frame).mark_text(align="left", dx=6, color=COLORS["ink"], fontSize=12)
    return styled((bars + words.encode(y=y, x="end:Q", text="text:N")).properties(height=30 * len(frame)))


def waterfall_text(base: float, steps: pd.DataFrame, probability: float) -> str:
    """Say in a sentence what moves the probability most."""
    sentence = f"An average order has a chance of {percent(base, 1)}, this one {percent(probability, 1)}"
    if steps.empty:
        return f"{sentence}."
    largest = steps.iloc[int(steps["points"].abs().argmax())]
    effect = f"{UP if largest['points'] > 0 else DOWN}, by {abs(100 * largest['points']):.1f} points"
    return f"{sentence}; the largest part is {shown(largest['title'])}: it {effect}."


def by_horizon(points: pd.DataFrame, title: str, format_axis: str = "%") -> Chart:
    """Draw how a chance, or expected money, grows with the days. Columns ``days, value, text`` (its label)."""
    frame = pd.concat([pd.DataFrame({"days": [0], "value": [0.0], "text": [""]}), points])
    top = float(points["value"].max()) * 1.3 or 1.0
    x = alt.X("days:Q", title="within days", axis=alt.Axis(values=points["days"].tolist(), grid=False))
    scale = alt.Scale(domain=[0, min(1.0, top) if format_axis == "%" else top])
    y = alt.Y("value:Q", title=title, axis=alt.Axis(format=format_axis, tickCount=4), scale=scale)
    base = alt.Chart(frame)
    line = base.mark_line(color=COLORS["model"], strokeWidth=2.5).encode(x=x, y=y)
    dots = base.mark_circle(color=COLORS["model"], size=80, opacity=1).encode(x=x, y=y)
    words = base.mark_text(dy=-14, color=COLORS["ink"], fontSize=12).encode(x=x, y=y, text="text:N")
    return styled((line + dots + words).properties(height=200))


def by_horizon_text(points: pd.DataFrame, what: str) -> str:
    """Say the values in a sentence that begins with ``what``, such as "Chance 5% within 7 days, 9% within 14 days."."""
    parts = [f"{text} within {days} days" for days, text in zip(points["days"], points["text"], strict=True)]
    return f"{what} {', '.join(parts)}."


def history(runs: pd.DataFrame) -> Chart:
    """Draw an order's probability at each run. ``runs`` has the columns ``as_of`` and ``p``, in order of time."""
    days = runs["as_of"].drop_duplicates().dt.strftime("%Y-%m-%dT%H:%M").tolist()[-8:]
    axis = alt.Axis(format="%d %b", grid=False, values=days)
    x = alt.X("as_of:T", title="as of", axis=axis, scale=alt.Scale(padding=24))
    scale = alt.Scale(domain=[0, max(0.1, min(1.0, float(runs["p"].max()) * 1.3))])
    y = alt.Y("p:Q", title="probability", axis=alt.Axis(format="%", tickCount=4), scale=scale)
    base = alt.Chart(runs.assign(text=[percent(p) for p in runs["p"]]))
    line = base.mark_line(color=COLORS["model"], strokeWidth=2.5).encode(x=x, y=y)
    dots = base.mark_circle(color=COLORS["model"], size=80, opacity=1).encode(x=x, y=y)
    words = base.mark_text(dy=-14, color=COLORS["ink"], fontSize=12).encode(x=x, y=y, text="text:N")
    return styled((line + dots + words).properties(height=200))


def history_text(runs: pd.DataFrame) -> str:
    """Say in a sentence how the probability moved."""
    first, last = runs.iloc[0], runs.iloc[-1]
    if len(runs) == 1:
        return f"One run has a probability for this order: {percent(last['p'], 1)} as of {last['as_of']:%d %b %Y}."
    if percent(first["p"], 1) == percent(last["p"], 1):
        return f"Over {len(runs)} runs the probability stayed at {percent(last['p'], 1)}."
    verb = "rose" if last["p"] > first["p"] else "fell"
    return (
        f"Over {len(runs)} runs the probability {verb} from {percent(first['p'], 1)} ({first['as_of']:%d %b %Y}) "
        f"to {percent(last['p'], 1)} ({last['as_of']:%d %b %Y})."
    )


def timeline(events: pd.DataFrame) -> Chart:
    """Draw events along time, a row for each kind. ``events`` has the columns ``known_at`` and ``kind``."""
    kinds = events["kind"].drop_duplicates().tolist()
    days = max(1, (events["known_at"].max() - events["known_at"].min()).days)
    ticks = events["known_at"].dt.strftime("%Y-%m-%d").drop_duplicates().tolist() if days < 2 else alt.Undefined
    step = {"interval": "day", "step": max(1, -(-days // 7))}
    axis = alt.Axis(format="%d %b", values=ticks, tickCount=step)
    x = alt.X("known_at:T", title=None, axis=axis, scale=alt.Scale(padding=24))
    y = alt.Y("kind:N", sort=kinds, title=None)
    dots = alt.Chart(events).mark_circle(size=130, color=COLORS["model"], opacity=0.85).encode(x=x, y=y)
    return styled(dots.properties(height=max(34 * len(kinds), 70)))


def timeline_text(events: pd.DataFrame) -> str:
    """Say in a sentence what happened so far."""
    if events.empty:
        return "No event of this order is recorded."
    counts = events["kind"].value_counts(sort=False)
    summary = ", ".join(f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in counts.items())
    return f"{summary}; the last on {events['known_at'].max():%d %b %Y}."

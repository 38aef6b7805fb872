"""A list as a whole: what the first K orders bring, and the recovery rate by billing month."""

from __future__ import annotations

import altair as alt
import pandas as pd

from payrec.charts.theme import COLORS, SHORT_NUMBER, Chart, percent, styled

MONTHS = 18
"""How far back recovery by month is drawn."""
SIDE = 40
"""Room for the labels of the upward axis, so that charts of the same months stand below each other."""


def gain(curve: pd.DataFrame, capacity: int, unit: str) -> Chart:
    """Draw what the first orders of a list are expected to bring, with the capacity marked.

    ``curve`` has the columns ``orders`` and ``expected`` (in ``unit``), rising.
    """
    frame = pd.concat([pd.DataFrame({"orders": [0], "expected": [0.0]}), curve[["orders", "expected"]]])
    x = alt.X("orders:Q", title="orders worked, best first", axis=alt.Axis(format=",d", tickCount=6))
    y = alt.Y("expected:Q", title=f"expected recovery, {unit}", axis=alt.Axis(tickCount=5, labelExpr=SHORT_NUMBER))
    base = alt.Chart(frame)
    area = base.mark_area(color=COLORS["soft"], opacity=0.45).encode(x=x, y=y)
    line = base.mark_line(color=COLORS["model"], strokeWidth=2.5).encode(x=x, y=y)
    mark = alt.Chart(pd.DataFrame({"orders": [capacity], "text": [f"capacity {capacity:,}"]}))
    rule = mark.mark_rule(color=COLORS["ink"], strokeDash=[4, 3], strokeWidth=1.5).encode(x=x)
    words = mark.mark_text(align="left", dx=6, dy=-12, color=COLORS["ink"], fontSize=12)
    foot = words.encode(x=x, y=alt.YValue("height"), text="text:N")
    return styled((area + line + rule + foot).properties(height=320))


def gain_text(curve: pd.DataFrame, capacity: int, unit: str) -> str:
    """Return a sentence on the share of the expected money that the capacity reaches."""
    total, orders = float(curve["expected"].max()), int(curve["orders"].max())
    reached = curve.loc[curve["orders"] <= capacity, "expected"]
    at = float(reached.max()) if len(reached) else 0.0
    return (
        f"In {unit}, the first {min(capacity, orders):,} of {orders:,} ranked orders hold about "
        f"{percent(at / total if total else 0.0)} of the expected recovery."
    )


def forecast(weeks: pd.DataFrame, unit: str) -> Chart:
    """Draw the expected money of each week with its intervals.

    Columns ``week, from_day, expected, low_80, high_80, low_95, high_95``, money in ``unit``.
    """
    x = alt.X(
        "from_day:O", sort=None, title="week from", axis=alt.Axis(labelAngle=0, grid=False, labelOverlap="greedy")
    )
    axis = alt.Axis(tickCount=5, labelExpr=SHORT_NUMBER)
    bounds = {"95%": ("low_95", "high_95"), "80%": ("low_80", "high_80")}
    long = pd.concat(
        weeks[["from_day", low, high]].set_axis(["from_day", "low", "high"], axis=1).assign(kind=f"{level} interval")
        for level, (low, high) in bounds.items()
    )
    kinds = [f"{level} interval" for level in bounds]
    legend = alt.Legend(title=None, orient="top", symbolType="square", symbolSize=110, symbolStrokeWidth=8)
    color = alt.Color("kind:N", legend=legend, scale=alt.Scale(domain=kinds, range=[COLORS["soft"], COLORS["model"]]))
    size = alt.Size("kind:N", legend=None, scale=alt.Scale(domain=kinds, range=[18, 6]))
    y = alt.Y("low:Q", title=f"expected, {unit}", axis=axis)
    bars = alt.Chart(long).mark_rule(opacity=1).encode(x=x, y=y, y2="high:Q", color=color, size=size)
    middle = alt.Chart(weeks).mark_tick(color=COLORS["ink"], thickness=3, width=22, orient="horizontal")
    return styled((bars + middle.encode(x=x, y=alt.Y("expected:Q", axis=axis))).properties(height=280))


def forecast_text(weeks: pd.DataFrame, unit: str) -> str:
    """Say in a sentence how much is expected and when half of it has come."""
    half = int((weeks["expected"].cumsum() < weeks["expected"].sum() / 2).sum()) + 1
    first = weeks.iloc[0]
    total = weeks["expected"].sum()
    return (
        f"In {unit}, {total:,.0f} are expected in {len(weeks)} weeks, half of it in the first {half}; "
        f"the next 7 days bring {first['expected']:,.0f}, between {first['low_95']:,.0f} and {first['high_95']:,.0f} "
        "in 19 of 20 cases."
    )


def recovery(months: pd.DataFrame) -> Chart:
    """Draw the share of failed payments recovered in time, by the month of billing.

    ``months`` has the columns ``billing_month, failed_orders, decided_orders, recovered_orders``; a month of which
    not every failed payment is decided yet is drawn hollow.
    """
    months = months.tail(MONTHS)
    frame = months.assign(
        rate=months["recovered_orders"] / months["decided_orders"].where(months["decided_orders"] > 0),
        state=["decided" if d == f else "not all decided yet" for d, f in _pairs(months)],
    )
    month = alt.Axis(format="%b %y", grid=False, labelAngle=0, labelOverlap="greedy")
    x = alt.X("yearmonth(billing_month):O", title="month of billing", axis=month)
    share = alt.Axis(format="%", tickCount=5, minExtent=SIDE)
    y = alt.Y("rate:Q", title="recovered in time", axis=share, scale=alt.Scale(domainMin=0))
    line = alt.Chart(frame).mark_line(color=COLORS["model"], strokeWidth=2).encode(x=x, y=y)
    kinds = ["decided", "not all decided yet"]
    legend = alt.Legend(title=None, orient="top", symbolSize=90)
    fill = alt.Fill("state:N", legend=legend, scale=alt.Scale(domain=kinds, range=[COLORS["model"], COLORS["soft"]]))
    shape = alt.Shape("state:N", legend=legend, scale=alt.Scale(domain=kinds, range=["circle", "diamond"]))
    dots = alt.Chart(frame).mark_point(size=80, color=COLORS["model"], opacity=1, strokeWidth=1.5)
    upper = line + dots.encode(x=x, y=y, fill=fill, shape=shape)
    return styled(upper.properties(height=230))


def failed(months: pd.DataFrame) -> Chart:
    """Draw how many payments failed in each month of billing; columns as for :func:`recovery`."""
    axis = alt.Axis(tickCount=3, labelExpr=SHORT_NUMBER, minExtent=SIDE)
    bars = alt.Chart(months.tail(MONTHS)).mark_bar(color=COLORS["soft"], width={"band": 0.55})
    x = alt.X("yearmonth(billing_month):O", title=None, axis=alt.Axis(labels=False, ticks=False, grid=False))
    return styled(bars.encode(x=x, y=alt.Y("failed_orders:Q", title="failed", axis=axis)).properties(height=90))


def failed_text(months: pd.DataFrame) -> str:
    """Say in a sentence how many payments failed in the newest month."""
    months = months.tail(MONTHS)
    last = months.iloc[-1]
    return (
        f"{last['failed_orders']:,} payments failed in {last['billing_month']:%B %Y}, the newest month; over "
        f"{len(months)} months it was {months['failed_orders'].min():,} to {months['failed_orders'].max():,}."
    )


def recovery_text(months: pd.DataFrame) -> str:
    """Say in a sentence how the newest decided month compares with the ones before."""
    months = months.tail(MONTHS)
    decided = months[(months["decided_orders"] == months["failed_orders"]) & (months["decided_orders"] > 0)]
    if decided.empty:
        return "No month's failed payments are all decided yet."
    rates = decided["recovered_orders"] / decided["decided_orders"]
    last = decided["billing_month"].iloc[-1]
    sentence = f"Of the payments that failed in {last:%B %Y}, {percent(float(rates.iloc[-1]))} were recovered"
    if len(rates) == 1:
        return f"{sentence}."
    return f"{sentence}; over the {len(rates)} decided months it was {percent(rates.min())} to {percent(rates.max())}."


def _pairs(months: pd.DataFrame) -> list[tuple[int, int]]:
    return list(zip(months["decided_orders"], months["failed_orders"], strict=True))

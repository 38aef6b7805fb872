"""What a list is about: what the first K bring, and what came back of each month's failed payments."""

from __future__ import annotations

import altair as alt
import pandas as pd

from payrec.charts.theme import COLORS, Chart, percent, styled

MONTHS = 18
"""How far back recovery by month is drawn."""


def gain(curve: pd.DataFrame, capacity: int, unit: str) -> Chart:
    """Draw what the first orders of a list are expected to bring, with the capacity marked.

    ``curve`` has the columns ``orders`` and ``expected`` (in ``unit``), rising.
    """
    frame = pd.concat([pd.DataFrame({"orders": [0], "expected": [0.0]}), curve[["orders", "expected"]]])
    x = alt.X("orders:Q", title="orders worked, best first", axis=alt.Axis(format=",d", tickCount=6))
    y = alt.Y("expected:Q", title=f"expected back, {unit}", axis=alt.Axis(format="~s", tickCount=4))
    base = alt.Chart(frame)
    area = base.mark_area(color=COLORS["soft"], opacity=0.45).encode(x=x, y=y)
    line = base.mark_line(color=COLORS["model"], strokeWidth=2.5).encode(x=x, y=y)
    mark = alt.Chart(pd.DataFrame({"orders": [capacity], "text": [f"capacity {capacity:,}"]}))
    rule = mark.mark_rule(color=COLORS["ink"], strokeDash=[4, 3], strokeWidth=1.5).encode(x=x)
    words = mark.mark_text(align="left", dx=6, color=COLORS["ink"], fontSize=12, y=195)
    return styled((area + line + rule + words.encode(x=x, text="text:N")).properties(height=210))


def gain_text(curve: pd.DataFrame, capacity: int, unit: str) -> str:
    """Say in a sentence what share of the expected money the capacity reaches."""
    total, orders = float(curve["expected"].max()), int(curve["orders"].max())
    reached = curve.loc[curve["orders"] <= capacity, "expected"]
    at = float(reached.max()) if len(reached) else 0.0
    return (
        f"In {unit}, about {percent(at / total if total else 0.0)} of all that the {orders:,} ranked orders are "
        f"expected to bring lies in the first {min(capacity, orders):,}."
    )


def recovery(months: pd.DataFrame) -> Chart:
    """Draw the share of failed payments recovered in time, by the month of billing, over the volume that failed.

    ``months`` has the columns ``billing_month, failed_orders, decided_orders, recovered_orders``; a month of which
    not every failed payment is decided yet is drawn hollow.
    """
    months = months.tail(MONTHS)
    frame = months.assign(
        rate=months["recovered_orders"] / months["decided_orders"].where(months["decided_orders"] > 0),
        state=["decided" if d == f else "not all decided yet" for d, f in _pairs(months)],
    )
    month = alt.Axis(format="%b %y", grid=False, labelAngle=0, tickCount=8)
    x = alt.X("billing_month:T", title="month of billing", axis=month)
    y = alt.Y("rate:Q", title="recovered in time", axis=alt.Axis(format="%", tickCount=5), scale=alt.Scale(domainMin=0))
    line = alt.Chart(frame).mark_line(color=COLORS["model"], strokeWidth=2).encode(x=x, y=y)
    kinds = ["decided", "not all decided yet"]
    legend = alt.Legend(title=None, orient="top", symbolSize=90)
    fill = alt.Fill("state:N", legend=legend, scale=alt.Scale(domain=kinds, range=[COLORS["model"], COLORS["soft"]]))
    shape = alt.Shape("state:N", legend=legend, scale=alt.Scale(domain=kinds, range=["circle", "diamond"]))
    dots = alt.Chart(frame).mark_point(size=80, color=COLORS["model"], opacity=1, strokeWidth=1.5)
    upper = (line + dots.encode(x=x, y=y, fill=fill, shape=shape)).properties(height=220, width=620)
    bars = (
        alt.Chart(frame)
        .mark_bar(color=COLORS["soft"], width=14)
        .encode(
            x=alt.X("billing_month:T", title=None, axis=alt.Axis(labels=False, grid=False)),
            y=alt.Y("failed_orders:Q", title="failed", axis=alt.Axis(format="~s", tickCount=3)),
        )
        .properties(height=80, width=620)
    )
    return styled(alt.vconcat(bars, upper, spacing=8).resolve_scale(x="shared"))


def recovery_text(months: pd.DataFrame) -> str:
    """Say in a sentence how the newest decided month compares with the ones before."""
    months = months.tail(MONTHS)
    decided = months[(months["decided_orders"] == months["failed_orders"]) & (months["decided_orders"] > 0)]
    if decided.empty:
        return "No month's failed payments are all decided yet."
    rates = decided["recovered_orders"] / decided["decided_orders"]
    last = decided["billing_month"].iloc[-1]
    said = f"Of the payments that failed in {last:%B %Y}, {percent(float(rates.iloc[-1]))} were recovered in time"
    if len(rates) == 1:
        return f"{said}."
    return f"{said}; over the {len(rates)} decided months it was {percent(rates.min())} to {percent(rates.max())}."


def _pairs(months: pd.DataFrame) -> list[tuple[int, int]]:
    return list(zip(months["decided_orders"], months["failed_orders"], strict=True))

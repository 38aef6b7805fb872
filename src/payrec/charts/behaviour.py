"""What a model depends on, and whether it holds over time."""

from __future__ import annotations

import altair as alt
import pandas as pd

from payrec.charts.theme import COLORS, Chart, styled

MODEL, HISTORY, BASE = "this model", "the customer's own history", "no knowledge (base rate)"


def importance(frame: pd.DataFrame) -> Chart:
    """Draw how much worse the model gets when one kind of information is shuffled, the most important first.

    ``frame`` has the columns ``meaning`` and ``log_loss_rise``; a rise below 0 is chance and drawn as none.
    """
    frame = frame.assign(log_loss_rise=frame["log_loss_rise"].clip(lower=0.0))
    frame = frame.sort_values("log_loss_rise", ascending=False, kind="stable")
    y = alt.Y("meaning:N", sort=frame["meaning"].tolist(), title=None, axis=alt.Axis(grid=False))
    x = alt.X("log_loss_rise:Q", title="rise of the log loss when shuffled", axis=alt.Axis(tickCount=4))
    bar = alt.Chart(frame).mark_bar(color=COLORS["model"], height={"band": 0.6}, cornerRadiusEnd=3).encode(x=x, y=y)
    return styled(bar.properties(width=420, height={"step": 26}))


def importance_text(frame: pd.DataFrame) -> str:
    """Say in a sentence what the model depends on most."""
    ranked = frame[frame["log_loss_rise"] > 0].sort_values("log_loss_rise", ascending=False, kind="stable")
    if ranked.empty:
        return "Shuffling any one kind of information makes the model no worse."
    names = ranked["meaning"].tolist()
    share = ranked["log_loss_rise"].iloc[0] / ranked["log_loss_rise"].sum()
    rest = f", then on {' and '.join(names[1:3])}" if len(names) > 1 else ""
    return f"The model depends most on the {names[0]} ({100 * share:.0f}% of all loss when shuffled){rest}."


def over_time(folds: pd.DataFrame) -> Chart:
    """Draw the PR AUC of each refit over time, with the customer's history and the base rate.

    ``folds`` has the columns ``test_from`` (a day as text), ``pr_auc``, ``history``, ``base_rate``.
    """
    names = {"pr_auc": MODEL, "history": HISTORY, "base_rate": BASE}
    long = folds.melt("test_from", list(names), "kind", "value").replace({"kind": names})
    colors = [COLORS["model"], COLORS["history"], COLORS["random"]]
    domain = list(names.values())
    legend = alt.Legend(title=None, orient="top", symbolType="stroke")
    x = alt.X("test_from:O", title="refitted on, and tested from", axis=alt.Axis(labelAngle=0, grid=False))
    y = alt.Y("value:Q", title="PR AUC", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(tickCount=5))
    color = alt.Color("kind:N", scale=alt.Scale(domain=domain, range=colors), legend=legend)
    dashes = alt.Scale(domain=domain, range=[[1, 0], [8, 3], [2, 2]])
    dash = alt.StrokeDash("kind:N", scale=dashes, legend=legend)
    dots = alt.OverlayMarkDef(size=70, filled=True, opacity=1)
    lines = alt.Chart(long).mark_line(strokeWidth=2.5, point=dots).encode(x=x, y=y, color=color, strokeDash=dash)
    return styled(lines.properties(width=400, height=240))


def over_time_text(folds: pd.DataFrame) -> str:
    """Say in a sentence how steady the model is over the refits."""
    better = int((folds["pr_auc"] > folds["history"]).sum())
    if len(folds) == 1:
        return f"One refit: PR AUC {folds['pr_auc'].iloc[0]:.3f}, history alone {folds['history'].iloc[0]:.3f}."
    low, high = folds["pr_auc"].min(), folds["pr_auc"].max()
    return (
        f"Over {len(folds)} refits the PR AUC lies between {low:.3f} and {high:.3f}, "
        f"and is above the customer's history in {better} of them."
    )

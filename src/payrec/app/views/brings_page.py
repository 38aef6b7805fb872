"""What the list brings: money that came because of the list, from customers held out at random."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from payrec.app import list_query, parts, state
from payrec.charts import service
from payrec.common.text import markdown_text
from payrec.publish.details import EXPERIMENT

TITLE = "What the list brings"
VERDICTS = {
    "more": "The list brings more than would have come anyway.",
    "less": "The list brings less than would have come anyway.",
    "cannot tell": "Nobody can tell yet what the list brings.",
}


def show() -> None:
    """Draw the page."""
    current, path = state.served().current, state.detail_file(EXPERIMENT)
    parts.heading(TITLE, current.run.stamp if current else None)
    st.markdown(
        "Customers are held out at random: the difference between them and those contacted is what the list brings "
        "beyond the money that comes anyway."
    )
    rows = list_query.query("SELECT * FROM read_parquet($file)", {"file": str(path)}).to_pandas() if path else None
    if rows is None or rows.empty:
        st.info(
            "No experiment has run yet. `payrec holdout plan` says how many weeks one takes, `payrec holdout start` "
            "starts it; the next list made by `payrec run` shows it here."
        )
        return
    _standing(rows.iloc[0])
    known = rows.dropna(subset=["total"])
    for unit in known["unit"].unique():
        part = known[known["unit"] == unit]
        parts.chart(service.extra_money(part, unit), " ".join(part["sentence"]), f"brings_{unit}")
    for sentence in rows.loc[rows["total"].isna(), "sentence"].unique():
        st.markdown(f"- {markdown_text(sentence)}")
    st.caption("Each interval may be looked at every week: it covers the truth at all looks together, 19 times in 20.")


def _standing(of: Any) -> None:
    """Say what is known, and how far the experiment is."""
    draw = {"more": st.success, "less": st.error}.get(of["verdict"], st.info)
    draw(f"**{VERDICTS[of['verdict']]}**")
    until = f", stopped {of['stopped_at']:%-d %B %Y}" if pd.notna(of["stopped_at"]) else ", runs"
    parts.figures(
        [
            ("Experiment", f"{of['share']:.0%} held out", f"{of['experiment_id']}{until}", ""),
            ("Since", f"{of['started_at']:%-d %b %Y}", "first list after this day", ""),
            *(
                (title, f"{int(of[f'assigned_{arm}']):,}", f"{int(of[f'matured_{arm}']):,} with a known outcome", "")
                for title, arm in (("Customers to contact", "contact"), ("Customers held out", "hold"))
            ),
        ]
    )

"""Model: the card of a version: its test on past data, calibration, importance, limits."""

from __future__ import annotations

from typing import Any

import streamlit as st

from payrec.app import formatting, parts, state
from payrec.charts.ranking import SERIES
from payrec.common.text import markdown_text
from payrec.model.evaluate import model_report, pictures
from payrec.model.store import versions
from payrec.model.store.versions import Version


def show() -> None:
    """Draw the page."""
    parts.heading("Model", None)
    stored = versions.versions(state.settings().models_dir)
    if not stored:
        st.info("There is no model yet. Train one with `payrec train`, or try it on simulated data with `payrec demo`.")
        return
    version = _pick(stored)
    if version.bundle is None:
        st.error(f"**Version {version.model_id} cannot be used.** {markdown_text(version.problem)}")
        return
    if version.bundle.model.recipe == "rule":
        st.info("This version ranks by rule, not by your history. Train a model of your own: `payrec train`.")
        return
    card = version.bundle.card
    if card is None:
        st.info("This version was stored without a card. Train again to get one: `payrec train`.")
        return
    _card(card)


def _pick(stored: tuple[Version, ...]) -> Version:
    by_id = {version.model_id: version for version in stored}
    champion = next((version.model_id for version in stored if version.is_champion), stored[0].model_id)
    notes = {name: " · champion" * one.is_champion + " · refused" * bool(one.problem) for name, one in by_id.items()}
    chosen = st.selectbox(
        "Version", list(by_id), index=list(by_id).index(champion), format_func=lambda name: name + notes[name],
        key="version", bind="query-params",
        help="Promote another with `payrec models promote ID`, go back with `payrec models rollback`.",
    )  # fmt: skip
    return by_id[chosen]


def _card(card: dict[str, Any]) -> None:
    tested, training = card["backtest"], card["training"]
    st.markdown(f"#### {markdown_text(model_report.verdict(tested))}")
    st.caption(
        f"Recipe {card['recipe']}, calibration {card['calibration']}, horizon {card['horizon_days']} days, orders "
        f"up to {card['max_age_days']} days old. Trained on {training['rows']:,} snapshots of "
        f"{training['orders']:,} orders, {training['first_as_of'][:10]} to {training['last_as_of'][:10]}."
    )
    _metrics(tested)
    money = [picture for picture in (pictures.value_at_k(tested), pictures.capture(tested, "value")) if picture]
    _grid([*money, *filter(None, [pictures.capture(tested, "gains"), pictures.reliability(tested)])])
    st.subheader("Are the probabilities right in every group?", anchor=False)
    _grid(pictures.segments(tested))
    st.subheader("What it depends on", anchor=False)
    _grid([picture for picture in (pictures.importance(tested), pictures.over_time(tested)) if picture])
    st.subheader("Limits", anchor=False)
    for limit in card["limits"]:
        st.markdown(f"- {markdown_text(limit)}")
    with st.expander("How to reproduce it"):
        st.code("\n".join(card["reproduce"]), language="sh")


def _metrics(tested: dict[str, Any]) -> None:
    figures = []
    for name in ("value_at_k", "pr_auc", "ece", "brier_skill"):
        title, meaning = model_report.FIGURES[name]
        low, high = tested["ci95"].get(name) or (None, None)
        below = "" if low is None else f"95%: {_in_words(name, low)} to {_in_words(name, high)}"
        figures.append((title, _in_words(name, tested[name]), below, meaning))
    parts.figures(figures)
    names = ["value_at_k", "pr_auc", "roc_auc", "lift_at_k"]
    sortings = {"this model": tested, **{SERIES[name][0]: of for name, of in tested["baselines"].items()}}
    rows = [{"sorting": title, **{name: of[name] for name in names}} for title, of in sortings.items()]
    columns = {name: st.column_config.NumberColumn(model_report.FIGURES[name][0], format="%.3f") for name in names}
    with st.expander("Compared with simple sortings"):
        st.dataframe(rows, hide_index=True, column_config=columns, alt="The model compared with simple sortings")


def _in_words(key: str, value: float | None) -> str:
    return f"{value:.3f}" if key == "pr_auc" and value is not None else formatting.share(value, 1)


def _grid(drawn: list[pictures.Picture]) -> None:
    for at in range(0, len(drawn), 2):
        for column, one in zip(st.columns(2, gap="large"), drawn[at : at + 2], strict=False):
            with column.container(border=True, height="stretch"):
                parts.picture(one.svg, one.title, one.sentence)

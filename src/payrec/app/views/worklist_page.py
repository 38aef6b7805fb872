"""Worklist: whom to contact first, from the list that is published now."""

from __future__ import annotations

import streamlit as st

from payrec.app import list_view, parts, state
from payrec.common.text import markdown_text


def show() -> None:
    """Draw the page."""
    current, file = state.served().current, state.list_file()
    if current is None or file is None:
        _nothing_yet()
        return
    label = state.chosen_source().label
    parts.heading("Worklist", current.run.stamp, label)
    shown_list = list_view.Shown(file, current.run, months=state.detail_file("months"))
    list_view.show(shown_list, *list_view.ask(shown_list))


def _nothing_yet() -> None:
    parts.heading("Worklist", None)
    st.info(
        f"There is no published list in the {markdown_text(state.chosen_source().label)} yet. "
        "Make one with `payrec run`, try it on made data with `payrec demo`, or score a file of your own here."
    )
    from payrec.app.views import connect_page, score_file_page

    st.page_link(
        st.Page(score_file_page.show, title="Score a file", url_path="score"),
        label="Score a file",
        icon=":material/upload_file:",
    )
    st.page_link(
        st.Page(connect_page.show, title="Connect", url_path="connect"),
        label="Connect to a database",
        icon=":material/database:",
    )

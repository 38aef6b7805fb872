"""Worklist: whom to contact first, from the list that is published now."""

from __future__ import annotations

import streamlit as st

from payrec.app import customer_view, list_view, parts, state
from payrec.commands.list_summary import headline
from payrec.common.text import markdown_text
from payrec.publish.details import CUSTOMERS


def show() -> None:
    """Draw the page."""
    current, file, label = state.served().current, state.list_file(), state.chosen_source().label
    if current is not None and file is not None:
        parts.heading("Worklist", current.run.stamp, headline(current.run), label)
        _list(list_view.ShownList(file, current.run, months=state.detail_file("months")))
        return
    from payrec.app.views import connect_page, score_file_page

    parts.heading("Worklist", None)
    st.info(
        f"There is no published list in the {markdown_text(label)} yet. Make one with `payrec run`, "
        "try it on simulated data with `payrec demo`, or score a file of your own here."
    )
    score = st.Page(score_file_page.show, title="Score a file", url_path="score")
    connect = st.Page(connect_page.show, title="Connect", url_path="connect")
    st.page_link(score, label="Score a file", icon=":material/upload_file:")
    st.page_link(connect, label="Connect to a database", icon=":material/database:")


def _list(of: list_view.ShownList) -> None:
    customers = state.detail_file(CUSTOMERS)  # None: the list of an older payrec
    if customers is None:
        list_view.show(of)
        return
    units = {"customer": "Customers", "order": "Orders"}
    with st.sidebar:
        unit = st.segmented_control(
            "Rows of the list", list(units.values()), default=units[state.rules().listed_by], required=True, key="by",
            bind="query-params", label_visibility="collapsed",
        )  # fmt: skip
    if unit == units["customer"]:
        customer_view.show(of, customers)
    else:
        list_view.show(of)

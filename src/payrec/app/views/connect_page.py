"""Connect: which published lists this session reads, what is there, and how fresh it is."""

from __future__ import annotations

import streamlit as st

from payrec.app import formatting, list_source, parts, state
from payrec.common.errors import PayrecError
from payrec.common.text import markdown_text


def show() -> None:
    """Draw the page."""
    parts.heading("Connect", None)
    st.caption("The app reads published lists only, never the tables that a run works on.")
    _what_is_there()
    own = list_source.configured(state.settings())
    if state.chosen_source() != own:
        st.button(f"Back to the {own.label}", on_click=state.choose, args=(None,))
    st.subheader("Read from a PostgreSQL database", anchor=False)
    _form()


def _what_is_there() -> None:
    st.subheader("What this session reads", anchor=False)
    source = state.chosen_source()
    try:
        current = state.served().current
    except PayrecError as error:
        parts.refusal(error)
        return
    if current is None:
        st.info(f"The {markdown_text(source.label)} holds no published list yet. Make one with `payrec run`.")
        return
    now = state.now()
    parts.figures(
        [
            ("Source", "Database" if source.url else "Folder", markdown_text(source.label), ""),
            (
                "Data as of",
                formatting.moment(current.run.as_of).split(",")[0],
                formatting.ago(current.run.as_of, now),
                "",
            ),
            ("Open orders", f"{current.orders:,}", f"{current.ranked:,} ranked", ""),
            ("Runs kept", f"{len(state.served().runs):,}", f"newest: {current.run.run_id}", ""),
        ]
    )


def _form() -> None:
    given = state.settings()
    with st.form("connect", border=True, enter_to_submit=False):
        left, right = st.columns([3, 1])
        host = left.text_input("Host", given.db_host or "", placeholder="db.example.com", autocomplete="off")
        port = right.number_input("Port", 1, 65535, given.db_port)
        database = st.text_input("Database", given.db_name, autocomplete="off")
        user = st.text_input("User", given.db_user or "", autocomplete="off", help="A role that may read, no more.")
        password = st.text_input(
            "Password", type="password", autocomplete="off", help="Stays in the memory of this session; never shown."
        )
        st.form_submit_button("Connect", type="primary", on_click=lambda: None)
        sent = st.session_state.get("FormSubmitter:connect-Connect")
    if not sent:
        return
    try:
        with st.spinner("Asking the database"):
            source = list_source.test(list_source.address(host, int(port), database, user, password), given)
    except PayrecError as error:
        parts.refusal(error)
        return
    state.choose(source)
    st.rerun()

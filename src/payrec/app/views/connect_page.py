"""Connect: which published lists this session reads, how fresh they are, and the other databases it may choose."""

from __future__ import annotations

import streamlit as st

from payrec.app import formatting, list_source, parts, state
from payrec.commands.app import named_databases
from payrec.common.errors import PayrecError
from payrec.common.text import markdown_text


def show() -> None:
    """Draw the page."""
    parts.heading("Connect", None)
    st.caption("The app reads published lists only, never the tables that a run works on.")
    _current_source()
    own = list_source.configured(state.settings())
    if state.chosen_source() != own:
        st.button(f"Back to the {markdown_text(own.label)}", on_click=state.choose, args=(None,))
    st.subheader("Read from another database", anchor=False)
    databases = named_databases(state.settings())
    if databases:
        _form(databases)
    else:
        st.caption("None is offered. Whoever runs payrec here can name databases in `PAYREC_APP_CONNECTIONS`.")


def _current_source() -> None:
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
    day, age = formatting.moment(current.run.as_of).split(",")[0], formatting.ago(current.run.as_of, state.now())
    parts.figures(
        [
            ("Source", "Database" if source.url else "Folder", markdown_text(source.label), ""),
            ("Data as of", day, age, ""),
            ("Open orders", f"{current.orders:,}", f"{current.ranked:,} ranked", ""),
            ("Runs kept", f"{len(state.served().runs):,}", f"newest: {current.run.run_id}", ""),
        ]
    )


def _form(databases: dict[str, str]) -> None:
    with st.form("connect", border=True, enter_to_submit=False):
        name = st.selectbox("Database", list(databases), help="Whoever runs payrec here has listed these.")
        user = st.text_input(
            "User", autocomplete="off", placeholder="as listed", help="A role that may read the lists, no more."
        )
        password = st.text_input(
            "Password", type="password", autocomplete="off", help="Stays in the memory of this session; never shown."
        )
        sent = st.form_submit_button("Connect", type="primary")
    if not sent or name not in databases:
        return
    try:
        with st.spinner("Connecting to the database"):
            url = list_source.connection(databases[name], user, password)
            source = list_source.test(url, state.settings())
    except PayrecError as error:
        parts.refusal(error)
        return
    state.choose(source)
    st.rerun()

"""Saved views in the sidebar: filters, capacity, part and order of rows under a name that all share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlencode

import streamlit as st

from payrec.app import formatting, list_source, sidebar, state
from payrec.app.list_query import AGES, Choices
from payrec.commands.saved_views import save_view, saved_views
from payrec.common.errors import PayrecError
from payrec.common.text import markdown_text
from payrec.publish.saved_views import NAME_CHARACTERS, SavedView

KNOWN, PROBLEM, NAME = "view_known", "view_problem", "view_name"


def show(choices: Choices, others: Mapping[str, Sequence[str]]) -> None:
    """Draw the menu; ``others``: further fields in the address with their options, the default first."""
    with st.sidebar:
        st.subheader("Saved views", anchor=False)
        for name, one in _known().items():
            left, right = st.columns([5, 1], vertical_alignment="center")
            left.button(
                markdown_text(name), key=f"view_{name}", width="stretch", help=f"Saved by {markdown_text(one.by)}.",
                on_click=_open, args=(one, choices, others),
            )  # fmt: skip
            right.button(
                "", key=f"drop_{name}", icon=":material/close:", type="tertiary", help=f"Delete {markdown_text(name)}",
                on_click=_save, args=(name, None),
            )  # fmt: skip
        st.text_input(
            "Save this view as", key=NAME, max_chars=NAME_CHARACTERS, placeholder="Name", on_change=_save_this
        )
        if problem := st.session_state.pop(PROBLEM, None):
            st.error(markdown_text(str(problem)))


def _known() -> dict[str, SavedView]:
    """Return the views, read once by each session and again when it has saved one."""

    def read() -> dict[str, SavedView]:
        with list_source.store_of(state.chosen_source()) as store:
            return saved_views(store)

    return state.of_session(KNOWN, state.chosen_source().key, read)


def _save_this() -> None:
    if name := st.session_state[NAME].strip():
        kept = [(key, value) for key in st.query_params for value in st.query_params.get_all(key) if key != "page"]
        _save(name, urlencode(kept))
    st.session_state[NAME] = ""


def _save(name: str, query: str | None) -> None:
    try:
        with list_source.store_of(state.chosen_source()) as store:
            save_view(name, query, state.now(), state.me(), store)
    except PayrecError as error:
        st.session_state[PROBLEM] = error
    st.session_state.pop(KNOWN, None)


def _open(view: SavedView, choices: Choices, others: Mapping[str, Sequence[str]]) -> None:
    """Set the fields of the page; what the view does not name, or the list does not have, is set back."""
    saved = parse_qs(view.query or "")
    reasons = {formatting.words(code): code for code in choices.values["reason_code"]}
    many = {name.removesuffix("_code"): dict(zip(of, of, strict=True)) for name, of in choices.values.items()}
    many |= {"age": dict(zip(AGES, AGES, strict=True)), "reason": reasons}
    for key, options in many.items():
        st.session_state[key] = [options[value] for value in saved.get(key, ()) if value in options]
    for key, allowed in others.items():
        st.session_state[key] = next((value for value in saved.get(key, ()) if value in allowed), allowed[0])
    st.session_state["find"] = saved.get("find", [""])[0]
    st.session_state["mine"] = saved.get("mine") == ["true"]
    numbers: dict[str, Any] = {"k": sidebar.default_capacity(choices), "cost": 0.0, "from": None, "to": None}
    for key, default in numbers.items():
        st.session_state[key] = default
        with suppress(ValueError, KeyError):
            number = float(saved[key][0])
            is_whole = key == "k"
            st.session_state[key] = min(max(int(number), 1), sidebar.largest_capacity(choices)) if is_whole else number

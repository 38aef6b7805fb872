"""Capacity and filters of a list in the sidebar; their values live in the address, so a link shows the same view."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import Any

import streamlit as st

from payrec.app import formatting, list_query, state
from payrec.app.list_query import Choices, View
from payrec.common.text import markdown_text

LABELS = {
    "country": "Country",
    "provider": "Provider",
    "reason_code": "Reason of failure",
    "owner": "Owner",
    "currency": "Currency",
}
CAPACITY_LEAST = 2_000
MOST_COST = 1_000_000


def filters(prefix: str, choices: Choices, unit: str) -> View:
    """Draw capacity (labelled ``unit``) and filters; ``prefix`` tells the settings of two lists apart."""
    bound: dict[str, Any] = {"bind": "query-params"}
    most = largest_capacity(choices)
    with st.sidebar:
        st.subheader("Capacity", anchor=False)
        capacity = st.number_input(
            unit, 1, most, default_capacity(choices), key=f"{prefix}k", **bound,
            help=f"Contacts that the team can make, at most {most:,}; the list is cut after as many rows.",
        )  # fmt: skip
        cost = st.number_input(
            "Cost of one contact", 0.0, float(MOST_COST), 0.0, 1.0, key=f"{prefix}cost", **bound,
            help="In the currency of the list, on top of the policy's costs. Rows that bring less are left out.",
        )  # fmt: skip
        st.subheader("Filters", anchor=False)
        find = st.text_input(
            "Search", key=f"{prefix}find", bind="query-params", placeholder="Name, mail, invoice or customer",
            max_chars=200, help="Part of it is enough, in any case.",
        )  # fmt: skip
        bands = list(list_query.AGES)
        ages = st.multiselect("Age in days", bands, key=f"{prefix}age", placeholder="All ages", **bound)
        chosen: Any = {}
        for column, label in LABELS.items():
            if len(values := choices.values[column]) > 1:
                words: Any = formatting.words if column == "reason_code" else str
                key = _address_key(prefix, column)
                chosen[column] = tuple(
                    st.multiselect(label, list(values), format_func=words, key=key, placeholder="All", **bound)
                )
        bound |= {"placeholder": "any", "format": "%.2f", "help": "Outstanding balance, in the order's own currency."}
        left, right = st.columns(2)
        chosen["least"] = left.number_input("Balance from", 0.0, None, None, key=f"{prefix}from", **bound)
        chosen["most"] = right.number_input("Balance up to", 0.0, None, None, key=f"{prefix}to", **bound)
    find = (find or "").strip()
    contacts = state.detail_file("contacts") if find and not prefix else None  # of the published list alone
    return View(capacity, cost, tuple(ages), **chosen, find=find, contacts=contacts)


def warn_of_address(prefix: str, choices: Choices, tabs: Collection[str]) -> None:
    """Say what the address names and the widgets drop without a word: "country XX", "k 999999 (1 to 730)"."""
    offered: dict[str, Collection[str]] = {_address_key(prefix, name): choices.values[name] for name in LABELS}
    offered[f"{prefix}reason"] = [formatting.words(code) for code in choices.values["reason_code"]]
    offered |= {f"{prefix}age": list_query.AGES, f"{prefix}part": tabs}
    bounds = {f"{prefix}k": (1, largest_capacity(choices)), f"{prefix}cost": (0, MOST_COST)}
    lost = []
    for key, value in [(name, value) for name in st.query_params for value in st.query_params.get_all(name)]:
        named = f"{key.removeprefix(prefix)} {markdown_text(value[:40])}"
        if value not in offered.get(key, (value,)):
            lost.append(named)
        with suppress(ValueError):
            low, high = bounds.get(key, (None, None))
            if low is not None and high is not None and not low <= float(value) <= high:
                lost.append(f"{named} ({low:,} to {high:,})")
    if lost:
        st.warning(f"The address names what this list does not have: {', '.join(lost)}. Shown is the list without it.")


def default_capacity(choices: Choices) -> int:
    """Return the capacity of the published list."""
    return max(min(choices.prioritised, largest_capacity(choices)), 1)


def largest_capacity(choices: Choices) -> int:
    """Return the largest capacity that may be chosen."""
    return max(min(choices.ranked, max(CAPACITY_LEAST, 10 * choices.prioritised)), 1)


def _address_key(prefix: str, column: str) -> str:
    return f"{prefix}{column.removesuffix('_code')}"

"""The list by customer on a page: what is to do and done today, search, order of rows, changes since the last list."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import streamlit as st

from payrec.app import (
    access,
    customer_query,
    formatting,
    list_query,
    months,
    parts,
    sidebar,
    state,
    view_menu,
    work_table,
)
from payrec.app.customer_index import CustomerList
from payrec.app.customer_query import CustomerView, Marked, Part
from payrec.app.list_query import Choices
from payrec.app.list_view import ShownList
from payrec.commands import list_summary
from payrec.commands.list_changes import list_changes
from payrec.common.text import markdown_text
from payrec.model.evaluate.expected_sum import ExpectedSum
from payrec.publish.actions import Action
from payrec.publish.folder_store import FolderStore

PARTS: dict[str, Part] = {
    "To do": "to_do", "Done": "done", "Not contacted": "not_contacted", "Retry or new card": "machine",
}  # fmt: skip
CHANGES, MONTHS = "Changes", "Billing months"
MARKS_EVERY_S = 1.5
TOTALS, EXPECTED = "work_totals", "work_expected"
EMPTY = {
    "to_do": "Nothing left to do in this view. Remove a filter, or raise the number of contacts.",
    "done": "Nobody has been dealt with since this list was made.",
    "not_contacted": "No customer of this view is suppressed: all may be contacted.",
    "machine": "Nothing to retry, no card to ask for. This list begins with `[capacity] retry` in the policy.",
}


def show(of: ShownList, customers: Path) -> None:
    """Draw filters, key figures and one part of the list."""
    files = CustomerList(customers, of.file)
    of_orders = state.remembered(list_query.choices, of.file)
    choices = customer_query.choices(files, of_orders)
    sidebar.warn_of_address(of.prefix, choices, (*PARTS, CHANGES, MONTHS))
    view = _view(of, choices)
    figures = st.container()
    problems()
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        tab: str = st.segmented_control(
            "Part of the list", [*PARTS, CHANGES, *([MONTHS] if of.months else [])], default="To do", required=True,
            key="part", bind="query-params", label_visibility="collapsed",
        )  # fmt: skip
        sort: str = st.selectbox(
            "Sorted by", list(customer_query.SORTS), key="sort", bind="query-params", width=260,
            disabled=tab not in PARTS,
        )  # fmt: skip
    listed: list[str] = []
    if tab == CHANGES:
        _changes()
    elif tab == MONTHS and of.months:
        months.show(of.months, is_filtered=view.view.is_filtered)
    else:
        listed = _rows(of, files, view, PARTS[tab], sort)
    with figures:
        _live(of, files, view, listed)


def _view(of: ShownList, choices: Choices) -> CustomerView:
    me = state.me()
    with st.sidebar:
        is_mine = st.toggle(f"Only mine ({markdown_text(me)})", key="mine", bind="query-params")
        if state.visitor().name == access.UNNAMED:
            st.text_input("Your name", me, key=state.ME, max_chars=100, help="Is recorded with what you do.")
    view = sidebar.filters(of.prefix, choices, "Customers to contact")
    others = {"part": [*PARTS, CHANGES, *([MONTHS] if of.months else [])], "sort": list(customer_query.SORTS)}
    view_menu.show(choices, others)
    return _marked(CustomerView(view, choices.last_flagged, owner=me if is_mine else None))


def _marked(view: CustomerView) -> CustomerView:
    """Return the view with what the team has done by now."""
    states, me = state.customer_states(), state.me()
    marked = Marked(
        tuple(name for name, one in states.items() if one.is_done),
        tuple(name for name, one in states.items() if one.step and one.step.kind in ("contacted", "promised")),
        tuple(name for name, one in states.items() if one.owner == me),
        tuple(name for name, one in states.items() if one.owner not in (None, me)),
    )
    return replace(view, marked=marked)


@st.fragment(run_every=MARKS_EVERY_S)  # type: ignore[untyped-decorator]
def _live(of: ShownList, files: CustomerList, view: CustomerView, listed: list[str]) -> None:
    """Draw the key figures, and send what others have recorded about the ``listed`` customers to their rows."""
    with parts.errors():
        if (current := state.served().current) is None or current.run.run_id != of.run.run_id:
            st.rerun()  # a newer list is served
        view = _marked(view)
        _figures(of, _totals(files, view), _expected(of, files, view), view)
        work_table.send_marks(listed, state.customer_states())


def _totals(files: CustomerList, view: CustomerView) -> list[dict[str, Any]]:
    """Return the sums of a view, read again only when the view or the actions have changed."""
    return state.of_session(TOTALS, (files, view), lambda: customer_query.totals(files, view))


def _expected(of: ShownList, files: CustomerList, view: CustomerView) -> dict[str, ExpectedSum]:
    """Return the expected sums of the customers to contact; marks change them only where owners are filtered."""
    of_view = view if view.owner else replace(view, marked=Marked())
    return state.of_session(
        EXPECTED,
        (files, of_view),
        lambda: list_summary.expected_sums(customer_query.chosen_values(files, of_view), of.run),
    )


@st.fragment(run_every=MARKS_EVERY_S)  # type: ignore[untyped-decorator]
def watch(seen: tuple[Action, ...]) -> None:
    """Draw the page again when somebody has recorded an action since ``seen``."""
    with parts.errors():
        if state.actions() is not seen:
            st.rerun()


def _figures(of: ShownList, totals: list[dict[str, Any]], sums: dict[str, ExpectedSum], view: CustomerView) -> None:
    chosen, done, ranked, customers = (
        sum(row[name] for row in totals) for name in ("chosen", "chosen_done", "ranked", "customers")
    )
    balance, other_balances = formatting.moneys(totals, "outstanding", "ev_currency")
    parts.figures(
        [
            ("To do", f"{chosen - done:,}", f"of {formatting.count(chosen, 'customer')} to contact",
             "The first by rank that pay."),
            ("Done", f"{done:,}", f"{formatting.share(done / chosen)} of the list" if chosen else "", _DONE),
            parts.expected_recovery(sums, of.run, "customers to contact"),
            ("Open", balance, other_balances or f"{formatting.count(customers, 'customer')}, {ranked:,} ranked",
             "What the customers in view owe, suppressed orders included. Currencies are not added up."),
        ]
    )  # fmt: skip
    if chosen and not view.view.is_filtered:
        st.progress(done / chosen)


_DONE = "Contacted, promised, snoozed, in dispute or not to be contacted since the list was made."


def problems() -> None:
    """Show what the last actions ran into: refusals, and what their author should know."""
    for problem in st.session_state.pop(work_table.PROBLEMS, ()):
        parts.refusal(problem)
    for warning in st.session_state.pop(work_table.WARNINGS, ()):
        st.toast(markdown_text(warning), icon=":material/info:")


def _rows(of: ShownList, files: CustomerList, view: CustomerView, part: Part, sort: str) -> list[str]:
    """Draw a page of customers; return their ids."""
    count = sum(row[part] for row in _totals(files, view))
    number = parts.page_number("page", count, customer_query.PAGE_ROWS, "Customers")
    if part == "to_do" and sum(row["chosen"] > 0 for row in _totals(files, view)) > 1:
        st.caption(
            "Each currency is ranked by itself, in turns; with exchange rates (`payrec load fx`) all are as one."
        )
    rows = customer_query.page(files, view, part, sort, number)
    shown = work_table.rows_of(rows, state.customer_states(), people_of([row["customer_id"] for row in rows]))
    clicked = work_table.show(shown, EMPTY[part])
    if clicked.open:
        parts.go_to("customer", id=clicked.open)
    if clicked.open_order:
        parts.go_to("order", id=clicked.open_order)
    parts.downloads(
        lambda: customer_query.whole(files, view, part), count, of.run.stamp,
        f"customers_{part}_{of.run.as_of:%Y%m%d}", f"by customer, {part}; {list_query.describe(view.view)}",
    )  # fmt: skip
    return [row["customer_id"] for row in rows]


def people_of(customers: list[str]) -> dict[str, dict[str, Any]]:
    """Return customer -> name and ways to reach, as far as they were loaded."""
    contacts = state.detail_file("contacts")
    return customer_query.people(contacts, customers) if contacts else {}


def _changes() -> None:
    """Draw who came onto the list to contact, who left it and why, and who moved, since the list before it."""
    of = list_changes(FolderStore(state.chosen_source().folder))
    if of.before is None:
        st.info("There is no earlier list to compare with.")
        return
    counts = Counter(one.change for one in of.changes)
    st.markdown(
        f"Since the list of **{formatting.moment(of.before.as_of)}**: **{counts['new']:,}** new to contact, "
        f"**{counts['gone']:,}** no longer, **{counts['moved']:,}** moved."
    )
    shown = [
        {
            "Customer": one.customer_id,
            "Change": one.change + (f": {formatting.words(one.why)}" if one.why else ""),
            "Outstanding": formatting.exact_money(one.outstanding, one.currency),
            "Rank before": one.rank_before,
            "Rank now": one.rank,
        }
        for one in of.changes[: list_query.TABLE_ROWS]
    ]
    st.dataframe(
        shown,
        hide_index=True,
        key="changes",
        alt="Customers that came onto the list, left it or moved",
        placeholder="–",
    )
    if len(of.changes) > len(shown):
        st.caption(f"The first {len(shown):,} of {len(of.changes):,}.")

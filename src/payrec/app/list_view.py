"""A list on a page: filters in the sidebar, key figures, ranked orders, orders not contacted, downloads."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import streamlit as st

from payrec.app import formatting, list_query, months, parts, state
from payrec.app.list_query import Choices, View
from payrec.charts import portfolio
from payrec.common.text import markdown_text
from payrec.publish.run_info import RunInfo

LABELS = {
    "country": "Country",
    "provider": "Provider",
    "reason_code": "Reason of failure",
    "owner": "Owner",
    "currency": "Currency",
}
SLIDER_LEAST = 2_000
MOST_COST = 1_000_000
TABS = ["Ranked orders", "What capacity brings", "Not contacted", "Billing months"]


@dataclass(frozen=True)
class ShownList:
    """A list to show: its file, its run, the prefix of its settings in the address, its billing months."""

    file: Path
    run: RunInfo
    prefix: str = ""
    months: Path | None = None


def show(of: ShownList) -> None:
    """Draw filters and key figures, then one part of the list; the others are neither read nor sent to the browser."""
    choices = state.remembered(list_query.choices, of.file)
    if lost := _not_in_list(of, choices):
        st.warning(f"The address names what this list does not have: {', '.join(lost)}. Shown is the list without it.")
    view = _filters(of.prefix, choices)
    all_orders = state.remembered(list_query.totals, of.file, replace(view, capacity=0, cost=0.0))
    chosen = list_query.chosen_totals(of.file, view, choices.last_flagged)
    _figures(of, view, all_orders, chosen)
    tab = st.segmented_control(
        "Part of the list", TABS if of.months else TABS[:-1], default=TABS[0], required=True, key=f"{of.prefix}part",
        bind="query-params", label_visibility="collapsed",
    )  # fmt: skip
    if tab == TABS[1]:
        _brings(of, view, list(dict.fromkeys(row["ev_currency"] for row in all_orders if row["ranked"])))
    elif tab == TABS[2]:
        _not_contacted(of, view, choices)
    elif tab == TABS[3] and of.months:
        if view.is_filtered:
            st.caption("All orders of each month: filters do not apply here.")
        months.show(of.months)
    else:
        _ranked(of, view, choices, sum(row["orders"] for row in chosen))


def _most(choices: Choices) -> int:
    """Return the largest capacity that may be chosen."""
    return max(min(choices.ranked, max(SLIDER_LEAST, 10 * choices.prioritised)), 1)


def _address_key(prefix: str, column: str) -> str:
    return f"{prefix}{column.removesuffix('_code')}"


def _not_in_list(of: ShownList, choices: Choices) -> list[str]:
    """Return what the address asks for and the widgets will drop without a word: "country XX", "k 999999"."""
    offered = {_address_key(of.prefix, column): choices.values[column] for column in LABELS}
    offered[f"{of.prefix}reason"] = tuple(formatting.words(code) for code in choices.values["reason_code"])
    offered |= {f"{of.prefix}age": tuple(list_query.AGES), f"{of.prefix}part": tuple(TABS)}
    bounds = {f"{of.prefix}k": (1, _most(choices)), f"{of.prefix}cost": (0, MOST_COST)}
    lost = []
    for key in st.query_params:
        for value in st.query_params.get_all(key):
            name = key.removeprefix(of.prefix)
            if key in offered and value not in offered[key]:
                lost.append(f"{name} {markdown_text(value[:40])}")
            elif key in bounds:
                low, high = bounds[key]
                with suppress(ValueError):
                    if not low <= float(value) <= high:
                        lost.append(f"{name} {markdown_text(value[:40])} ({low:,} to {high:,})")
    return lost


def _filters(prefix: str, choices: Choices) -> View:
    """Draw capacity and filters in the sidebar; their values live in the address, so a link shows the same view."""
    bound: dict[str, Any] = {"bind": "query-params"}
    most = _most(choices)
    with st.sidebar:
        st.subheader("Capacity", anchor=False)
        capacity = st.slider(
            "Number of contacts", 1, most + (most == 1), max(min(choices.prioritised, most), 1), key=f"{prefix}k",
            help="Contacts that the team can make; the list is cut after as many orders.", **bound,
        )  # fmt: skip
        cost = st.number_input(
            "Cost of one contact", 0.0, float(MOST_COST), 0.0, 1.0, key=f"{prefix}cost", **bound,
            help="In the currency of the list, on top of the policy's costs. Orders that bring less are left out.",
        )  # fmt: skip
        st.subheader("Filters", anchor=False)
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
        find = st.text_input(
            "Order or customer", key=f"{prefix}find", bind="query-params", placeholder="Exact id", max_chars=200
        )
    return View(capacity, cost, tuple(ages), **chosen, find=find or "")


def _figures(of: ShownList, view: View, all_orders: list[dict[str, Any]], chosen: list[dict[str, Any]]) -> None:
    orders, ranked = (sum(row[name] for row in all_orders) for name in ("orders", "ranked"))
    worked, recoveries = (sum(row[name] for row in chosen) for name in ("orders", "recoveries"))
    balance, other_balances = formatting.moneys(all_orders, "outstanding", "currency")
    expected, others_expected = formatting.moneys(chosen, "expected", "ev_currency")
    about = f"about {recoveries:,.0f} recoveries" if recoveries >= 1 else "less than one recovery" if worked else ""
    whole_list: list[tuple[str, str, str, str] | None] = []  # figures that mean nothing for a part of it
    if of.months and not view.is_filtered:
        best = formatting.best_share(state.card(of.run.model_id), worked / ranked if ranked else 0.0)
        meaning = (
            "Recovered money that the model's first orders held, as a share of the most that as many orders could "
            "hold; measured on past orders that the model had not seen."
        )
        tested = ("Share of best possible", formatting.share(best), "in the backtest, at this capacity", meaning)
        whole_list = [tested if best is not None else None, months.figure(of.months)]
    parts.figures(
        [
            ("Open", balance, other_balances or f"{orders:,} orders", "Outstanding balance of the orders in view."),
            ("Orders to work", f"{worked:,}", f"of {ranked:,} ranked, {orders:,} open", "The first by rank that pay."),
            (
                "Expected recovery", expected, others_expected or about,
                f"Within {of.run.horizon_days} days: outstanding balance times probability, summed over the orders to "
                "work. Currencies are not added up.",
            ),
            *filter(None, whole_list),
        ]
    )  # fmt: skip


def _ranked(of: ShownList, view: View, choices: Choices, orders: int) -> None:
    if orders == 0:
        st.info(
            "No ranked order passes these filters. Remove a filter, lower the cost of a contact, "
            "or look at the orders that are not contacted."
        )
        return
    number = _page_number(of, orders)
    rows = list_query.page(of.file, view, choices.last_flagged, number)
    picks: dict[str, Any] = {} if of.prefix else {"on_select": "rerun", "selection_mode": "single-row"}
    columns = _columns(rows, choices)
    picked = parts.table(rows, columns, f"{of.prefix}table", "Ranked orders, best first", height=520, **picks)
    if picks:
        _open(rows, cast("dict[str, Any]", picked))
    parts.downloads(
        lambda: list_query.whole(of.file, view, choices.last_flagged), orders, of.run.stamp,
        f"{of.prefix}worklist_{of.run.as_of:%Y%m%d}", list_query.describe(view),
    )  # fmt: skip


def _page_number(of: ShownList, orders: int) -> int:
    """Ask which page of the orders is wanted, where there is more than one."""
    size = list_query.TABLE_ROWS
    pages = -(-orders // size)
    if pages == 1:
        return 1
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        caption = st.empty()
        number: int = st.pagination(pages, key=f"{of.prefix}page", bind="query-params")
    last = min(number * size, orders)
    caption.caption(f"Orders {(number - 1) * size + 1:,} to {last:,} of {orders:,}; the downloads hold all of them.")
    return number


def _open(rows: pa.Table, picked: dict[str, Any]) -> None:
    """Offer the page of the picked order; orders of an uploaded list have none."""
    from payrec.app.views import order_page

    at = picked["selection"]["rows"]
    if not at or at[0] >= rows.num_rows:
        st.caption("Tick a row to open the order.")
        return
    name = rows["order_id"][at[0]].as_py()
    page = st.Page(order_page.show, title="Order", url_path="order")
    if st.button(f"Open order {markdown_text(name)}", type="primary", icon=":material/receipt_long:"):
        st.switch_page(page, query_params={"id": name})


def _columns(rows: pa.Table, choices: Choices) -> dict[str, Any]:
    """Return the columns of a table; the currency of the expected value only where it differs from the balance's."""
    config = st.column_config
    all_columns = {
        "rank": config.NumberColumn("Rank", format="%d", width=60, pinned=True),
        "order_id": config.TextColumn("Order", pinned=True),
        "outstanding": config.NumberColumn("Outstanding", format="accounting", help="Balance still to be paid."),
        "currency": config.TextColumn("Currency", width=75),
        "chance": config.ProgressColumn("Chance", format="%.1f%%", min_value=0.0, max_value=100.0, width=120),
        "ev_recovered": config.NumberColumn("Expected recovery", format="accounting", help="Outstanding times chance."),
        "ev_currency": config.TextColumn("Converted to", width=100),
        "age_days": config.NumberColumn("Age, days", format="%d", width=80),
        "suppressed_reason": config.TextColumn("Why not contacted", width="medium"),
        "suppressed_also": config.TextColumn("Other reasons"),
        "lifted_by": config.TextColumn("What would lift it", width="large"),
        "suggested_action": config.TextColumn("Suggested action"),
        "reason_1": config.TextColumn("First reason", width="large"),
        "reason_2": config.TextColumn("Second reason", width="large"),
        "reason_3": config.TextColumn("Third reason", width="large"),
        "customer_id": config.TextColumn("Customer"),
        "country": config.TextColumn("Country", width=75),
        "provider": config.TextColumn("Provider"),
        "reason_code": config.TextColumn("Reason of failure"),
        "owner": config.TextColumn("Owner"),
    }
    hidden = set() if choices.values["owner"] else {"owner"}
    if "ev_currency" in rows.column_names and rows["ev_currency"].equals(rows["currency"]):
        hidden.add("ev_currency")
    return {name: one for name, one in all_columns.items() if name in rows.column_names and name not in hidden}


def _brings(of: ShownList, view: View, units: list[str]) -> None:
    """Draw what the first orders bring, in one of the currencies, the one of most orders first."""
    if not units:
        st.info("No ranked order passes these filters. Remove a filter.")
        return
    curve = state.remembered(list_query.curve, of.file, replace(view, capacity=0, cost=0.0)).to_pandas()
    unit = st.selectbox("Currency", units, key=f"{of.prefix}unit", width=160) if len(units) > 1 else units[0]
    part = curve[curve["ev_currency"] == unit]
    sentence = portfolio.gain_text(part, view.capacity, unit)
    parts.chart(portfolio.gain(part, view.capacity, unit), sentence, f"{of.prefix}gain")


def _not_contacted(of: ShownList, view: View, choices: Choices) -> None:
    counts, rows = list_query.suppressed(of.file, view)
    if not counts:
        st.info("No order of this view is suppressed: all may be contacted.")
        return
    total = sum(row["orders"] for row in counts)
    st.caption("These orders are not ranked. Each has its reason, and what would lift it.")
    by_reason = [
        {
            "Reason": formatting.words(row["suppressed_reason"]),
            "Orders": row["orders"],
            "Share": 100 * row["orders"] / total,
            "What would lift it (an example)": row["lifted_by"],
        }
        for row in counts
    ]
    config = st.column_config
    share = config.ProgressColumn(format="%.1f%%", min_value=0.0, max_value=100.0)
    formats = {"Orders": config.NumberColumn(format="localized"), "Share": share}
    alt = "Orders not contacted, by reason"
    st.dataframe(by_reason, hide_index=True, column_config=formats, key=f"{of.prefix}counts", alt=alt)
    if total > rows.num_rows:
        st.caption(f"The {rows.num_rows:,} largest of their currency, of {total:,}; the downloads hold all of them.")
    parts.table(rows, _columns(rows, choices), f"{of.prefix}suppressed", "Orders not contacted, largest first")
    parts.downloads(
        lambda: list_query.suppressed_whole(of.file, view), total, of.run.stamp,
        f"{of.prefix}not_contacted_{of.run.as_of:%Y%m%d}", list_query.describe(view),
    )  # fmt: skip

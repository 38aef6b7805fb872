"""A list on a page: filters beside it, key figures, the ranked orders, those left alone, downloads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pandas as pd
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


@dataclass(frozen=True)
class Shown:
    """A list to be shown: its file, its run, the word before the names of its settings in the address, its months."""

    file: Path
    run: RunInfo
    prefix: str = ""
    months: Path | None = None

    @property
    def written_ns(self) -> int:
        """When the file was written, so that what is remembered of it goes stale with it."""
        return self.file.stat().st_mtime_ns


def ask(of: Shown) -> tuple[View, Choices]:
    """Draw capacity and filters in the sidebar; their values live in the address, so a link shows the same view."""
    choices = state.choices(of.file, of.written_ns)
    name = of.prefix
    with st.sidebar:
        st.subheader("Capacity", anchor=False)
        most = max(min(choices.ranked, max(SLIDER_LEAST, 10 * choices.prioritised)), 1)
        capacity = st.slider(
            "Orders that can be worked",
            1,
            most + (most == 1),
            max(min(choices.prioritised, most), 1),
            key=f"{name}k",
            bind="query-params",
            help="How many contacts the team can make; the list is cut here.",
        )
        cost = st.number_input(
            "Cost of one contact",
            0.0,
            1e6,
            0.0,
            1.0,
            key=f"{name}cost",
            bind="query-params",
            help="In the currency of the list, on top of what the policy takes. Orders that bring less are left out.",
        )
        st.subheader("Filters", anchor=False)
        ages = st.multiselect(
            "Age in days", list(list_query.AGES), key=f"{name}age", bind="query-params", placeholder="All ages"
        )
        chosen: Any = {column: _several(column, choices, name) for column in LABELS}
        least, most_owed = _between(name)
        find = st.text_input(
            "Order or customer", key=f"{name}find", bind="query-params", placeholder="Exact id", max_chars=200
        )
    return View(capacity, cost, tuple(ages), **chosen, least=least, most=most_owed, find=find or ""), choices


def _several(column: str, choices: Choices, name: str) -> tuple[str, ...]:
    values = choices.values[column]
    if len(values) < 2:
        return ()
    return tuple(
        st.multiselect(
            LABELS[column],
            list(values),
            format_func=formatting.words if column == "reason_code" else str,
            key=f"{name}{column.removesuffix('_code')}",
            bind="query-params",
            placeholder="All",
        )
    )


def _between(name: str) -> tuple[float | None, float | None]:
    left, right = st.columns(2)
    least = left.number_input(
        "Owed from",
        0.0,
        None,
        None,
        key=f"{name}from",
        bind="query-params",
        placeholder="any",
        format="%.2f",
        help="Outstanding balance, in the order's own currency.",
    )
    most = right.number_input(
        "Owed up to", 0.0, None, None, key=f"{name}to", bind="query-params", placeholder="any", format="%.2f"
    )
    return least, most


def show(of: Shown, view: View, choices: Choices) -> None:
    """Draw key figures, then one part of the list; the others are neither read nor sent to the browser."""
    everything = state.totals(of.file, of.written_ns, replace(view, capacity=0, cost=0.0))
    chosen = list_query.chosen_totals(of.file, view, choices.last_flagged)
    _figures(of, view, everything, chosen)
    tabs = ["Ranked orders", "What capacity brings", "Left alone", *(["Billing months"] if of.months else [])]
    opened = st.segmented_control(
        "Part of the list", tabs, default=tabs[0], required=True, key=f"{of.prefix}part", bind="query-params",
        label_visibility="collapsed",
    )  # fmt: skip
    if opened == tabs[1]:
        _brings(of, view, list(dict.fromkeys(row["ev_currency"] for row in everything if row["ranked"])))
    elif opened == tabs[2]:
        _left_alone(of, view)
    elif opened == tabs[-1] and of.months:
        months.show(of.months)
    else:
        _ranked(of, view, choices, sum(row["orders"] for row in chosen))


def _figures(of: Shown, view: View, everything: list[dict[str, Any]], chosen: list[dict[str, Any]]) -> None:
    orders, ranked = sum(row["orders"] for row in everything), sum(row["ranked"] for row in everything)
    worked = sum(row["orders"] for row in chosen)
    opened, opened_rest = formatting.moneys(everything, "outstanding", "currency")
    back, back_rest = formatting.moneys(chosen, "expected", "ev_currency")
    likely = sum(row["recoveries"] for row in chosen)
    best = formatting.best_share(state.card(of.run.model_id), worked / ranked if ranked else 0.0)
    days = of.run.horizon_days
    month = months.figure(of.months) if of.months else None
    parts.figures(
        [
            ("Open", opened, opened_rest or f"{orders:,} orders", "Outstanding balance of all orders in this view."),
            (
                "Orders to work",
                f"{worked:,}",
                f"of {ranked:,} ranked, {orders:,} open",
                "The first K by rank that pay.",
            ),
            (
                "Expected back",
                back,
                back_rest or (f"about {likely:,.0f} orders recover" if worked else ""),
                f"Within {days} days: outstanding balance times probability, summed over the orders to work. "
                "Currencies are not added up.",
            ),
            (
                "Of the best possible",
                formatting.share(best),
                "in the backtest, at this capacity" if best is not None else "no backtest of this model here",
                "Of the most money that so many orders could have held, how much the model's first so many held, "
                "on past orders it had not seen.",
            ),
            *([month] if month else []),
        ]
    )


def _ranked(of: Shown, view: View, choices: Choices, orders: int) -> None:
    if orders == 0:
        st.info(
            "No ranked order passes these filters. Take a filter away, lower the cost of a contact, "
            "or look at the orders that are left alone."
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


def _page_number(of: Shown, orders: int) -> int:
    """Ask which page of the orders is wanted, where there is more than one."""
    size = list_query.TABLE_ROWS
    pages = -(-orders // size)
    if pages == 1:
        return 1
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        said = st.empty()
        number: int = st.pagination(pages, key=f"{of.prefix}page", bind="query-params")
    last = min(number * size, orders)
    said.caption(f"Orders {(number - 1) * size + 1:,} to {last:,} of {orders:,}; the downloads hold all of them.")
    return number


def _open(rows: Any, picked: dict[str, Any]) -> None:
    """Offer the story of the picked order; orders of an uploaded list have none."""
    at = picked["selection"]["rows"]
    if not at or at[0] >= rows.num_rows:
        st.caption("Pick a row to open the order's story.")
        return
    from payrec.app.views import order_page

    name = rows["order_id"][at[0]].as_py()
    page = st.Page(order_page.show, title="Order", url_path="order")
    if st.button(f"Open the story of order {markdown_text(name)}", type="primary", icon=":material/receipt_long:"):
        st.switch_page(page, query_params={"id": name})


def _columns(rows: pa.Table, choices: Choices) -> dict[str, Any]:
    """Return the columns of a table; the currency of the expected value only where it is another than that owed."""
    config = st.column_config
    all_columns = {
        "rank": config.NumberColumn("Rank", format="%d", width=60, pinned=True),
        "order_id": config.TextColumn("Order", pinned=True),
        "outstanding": config.NumberColumn("Outstanding", format="accounting", help="What is still owed."),
        "currency": config.TextColumn("Currency", width=75),
        "chance": config.ProgressColumn("Chance", format="%.1f%%", min_value=0.0, max_value=100.0, width=120),
        "ev_recovered": config.NumberColumn("Expected back", format="accounting", help="Outstanding times chance."),
        "ev_currency": config.TextColumn("in", width=50),
        "age_days": config.NumberColumn("Age, days", format="%d", width=80),
        "suppressed_reason": config.TextColumn("Left alone because", width="medium"),
        "suppressed_also": config.TextColumn("and also"),
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


def _brings(of: Shown, view: View, units: list[str]) -> None:
    """Draw what the first orders bring, in one of the currencies, which come with the one of most orders first."""
    if not units:
        st.info("No ranked order passes these filters. Take a filter away.")
        return
    frame = cast("pd.DataFrame", state.curve(of.file, of.written_ns, replace(view, capacity=0, cost=0.0)))
    unit = st.selectbox("Currency", units, key=f"{of.prefix}unit", width=160) if len(units) > 1 else units[0]
    part = frame[frame["ev_currency"] == unit]
    sentence = portfolio.gain_text(part, view.capacity, unit)
    parts.chart(portfolio.gain(part, view.capacity, unit), sentence, f"{of.prefix}gain")


def _left_alone(of: Shown, view: View) -> None:
    counts, rows = list_query.left_alone(of.file, view)
    if not counts:
        st.info("No order of this view is left alone.")
        return
    total = sum(row["orders"] for row in counts)
    st.caption("These orders are not ranked. Each has its reason, and what would bring it back.")
    st.dataframe(
        [
            {
                "Reason": formatting.words(row["suppressed_reason"]),
                "Orders": row["orders"],
                "Share": 100 * row["orders"] / total,
                "What would lift it (an example)": row["lifted_by"],
            }
            for row in counts
        ],
        hide_index=True,
        column_config={
            "Orders": st.column_config.NumberColumn(format="localized"),
            "Share": st.column_config.ProgressColumn(format="%.1f%%", min_value=0.0, max_value=100.0),
        },
        key=f"{of.prefix}counts",
        alt="Orders left alone, by reason",
    )
    if total > rows.num_rows:
        st.caption(f"The {rows.num_rows:,} largest of their currency, of {total:,}; the downloads hold all of them.")
    choices = state.choices(of.file, of.written_ns)
    parts.table(rows, _columns(rows, choices), f"{of.prefix}alone", "Orders left alone, largest first")
    parts.downloads(
        lambda: list_query.left_alone_whole(of.file, view), total, of.run.stamp,
        f"{of.prefix}left_alone_{of.run.as_of:%Y%m%d}", list_query.describe(view),
    )  # fmt: skip

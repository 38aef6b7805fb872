"""A list of orders on a page: key figures, ranked orders, orders not contacted, downloads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import streamlit as st

from payrec.app import formatting, list_query, months, parts, sidebar, state
from payrec.app.list_query import Choices, View
from payrec.charts import portfolio
from payrec.commands import list_summary
from payrec.common.text import markdown_text
from payrec.publish.run_info import RunInfo

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
    sidebar.warn_of_address(of.prefix, choices, TABS)
    view = sidebar.filters(of.prefix, choices, "Number of contacts")
    all_orders = state.remembered(list_query.totals, of.file, replace(view, capacity=0, cost=0.0))
    chosen = list_query.chosen_totals(of.file, view, choices.last_flagged)
    _figures(of, view, choices.last_flagged, all_orders, chosen)
    tab = st.segmented_control(
        "Part of the list", TABS if of.months else TABS[:-1], default=TABS[0], required=True, key=f"{of.prefix}part",
        bind="query-params", label_visibility="collapsed",
    )  # fmt: skip
    if tab == TABS[1]:
        _brings(of, view, list(dict.fromkeys(row["ev_currency"] for row in all_orders if row["ranked"])))
    elif tab == TABS[2]:
        _not_contacted(of, view, choices)
    elif tab == TABS[3] and of.months:
        months.show(of.months, is_filtered=view.is_filtered)
    else:
        _ranked(of, view, choices, sum(row["orders"] for row in chosen))


def _figures(
    of: ShownList, view: View, last_flagged: int, all_orders: list[dict[str, Any]], chosen: list[dict[str, Any]]
) -> None:
    orders, ranked = (sum(row[name] for row in all_orders) for name in ("orders", "ranked"))
    worked, recoveries = (sum(row[name] for row in chosen) for name in ("orders", "recoveries"))
    balance, other_balances = formatting.moneys(all_orders, "outstanding", "currency")
    about = f"; about {recoveries:,.0f} recoveries" if recoveries >= 1 else "; less than one recovery" if worked else ""
    sums = state.of_session(
        f"{of.prefix}expected",
        (of.file, view),
        lambda: list_summary.expected_sums(list_query.chosen_values(of.file, view, last_flagged), of.run),
    )
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
            ("Open", balance, other_balances or formatting.count(orders, "order"),
             "Outstanding balance of the orders in view."),
            ("Orders to work", f"{worked:,}", f"of {ranked:,} ranked, {orders:,} open",
             f"The first by rank that pay{about}."),
            parts.expected_recovery(sums, of.run, "orders to work"),
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
    number = parts.page_number(f"{of.prefix}page", orders, list_query.TABLE_ROWS, "Orders")
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


def _open(rows: pa.Table, picked: dict[str, Any]) -> None:
    """Offer the page of the picked order; orders of an uploaded list have none."""
    at = picked["selection"]["rows"]
    if not at or at[0] >= rows.num_rows:
        st.caption("Tick a row to open the order.")
        return
    name = rows["order_id"][at[0]].as_py()
    if st.button(f"Open order {markdown_text(name)}", type="primary", icon=":material/receipt_long:"):
        parts.go_to("order", id=name)


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
        "suppressed_also": config.TextColumn("Other reasons", width="medium"),
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

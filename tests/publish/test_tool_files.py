from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from payrec.publish import tool_files
from payrec.publish.tool_files import TOOLS
from payrec.worklist import rank
from payrec.worklist.policy import Policy


@pytest.fixture
def lists(open_orders: Any) -> tuple[pa.Table, pa.Table]:
    rows = open_orders(
        {"order_id": "o1", "customer_id": "c1"},
        {"order_id": "o2", "customer_id": "c1"},
        {"order_id": "o3", "customer_id": "c1", "is_disputed": 1},
        {"order_id": "o4", "customer_id": "c2", "is_opted_out": 1},
        {"order_id": "o5", "customer_id": "c3"},
    )
    return rank.ranked_lists(rows, Policy())


@pytest.mark.parametrize("tool", TOOLS)
def test_a_file_names_each_customer_once_and_no_suppressed_one(
    lists: tuple[pa.Table, pa.Table], tool: tool_files.Tool
) -> None:
    orders, customers = lists
    rows = tool_files.rows_for(tool, customers, orders, None)
    text = str(rows.to_pylist())
    assert rows.num_rows == 2
    assert [name for name in ("o1", "o2", "o3", "o4", "o5") if name in text] == ["o1", "o2", "o5"]


def test_the_totals_are_those_of_the_orders_that_may_be_contacted(lists: tuple[pa.Table, pa.Table]) -> None:
    orders, customers = lists
    contacts = pa.table({"customer_id": ["c1"], "name": ["=Ann"], "email": ["a@example.org"], "owner": ["lee"]})
    by_name = {row["name"]: row for row in tool_files.rows_for("mail-merge", customers, orders, contacts).to_pylist()}
    owed = {row["order_id"]: row["outstanding_value"] for row in orders.to_pylist()}
    ann = by_name["=Ann"]
    assert (ann["total_due"], ann["invoices_count"], ann["owner_name"]) == (owed["o1"] + owed["o2"], 2, "lee")
    assert ann["email"] == "a@example.org"
    assert ann["invoice_list"].count(";") == 1
    assert by_name[None]["total_due"] == owed["o5"] > Decimal(0)

"""Weekly files of open items: what is gone from a complete one is settled, from another one it is named."""

from __future__ import annotations

from datetime import datetime

import pytest

from payrec.common.errors import DataRefused
from tests.cases.conftest import Desk

HEADER = "order_id,customer_id,amount,currency,invoice_date,payment_date,due_date,provider"
WEEK_1 = (
    "I1,c1,500.00,EUR,2026-05-01,,2026-05-15,erp",
    "I2,c2,300.00,EUR,2026-05-04,,2026-05-18,erp",
    "I3,c3,200.00,EUR,2026-05-05,,2026-05-19,erp",
    "S1,c5,70.00,EUR,2026-05-05,,2026-05-19,shop",
)
WEEK_2 = (
    "I2,c2,300.00,EUR,2026-05-04,,2026-05-18,erp",
    "I3,c3,120.00,EUR,2026-05-05,,2026-05-19,erp",
    "I4,c4,80.00,EUR,2026-05-20,,2026-06-03,erp",
)
AT_1, AT_2, AT_3 = (datetime(2026, 5, day) for day in (21, 28, 31))


def test_what_is_gone_from_a_complete_file_is_off_the_list(desk: Desk) -> None:
    desk.orders(*WEEK_1, header=HEADER, complete=True, stated_at=AT_1)
    desk.orders(*WEEK_2, header=HEADER, complete=True, stated_at=AT_2)
    second = {"I2": "300.00", "I3": "120.00", "I4": "80.00 not_due", "S1": "70.00"}
    assert desk.listed("2026-05-28") == second
    assert desk.findings()["settled_without_date"].startswith("1 of 5 orders without a payment date")
    desk.orders(WEEK_1[0], *WEEK_2[1:], header=HEADER, complete=True, stated_at=AT_3)
    assert desk.listed("2026-05-31") == {"I1": "500.00", "I3": "120.00", "I4": "80.00 not_due", "S1": "70.00"}


def test_a_complete_file_that_is_empty_or_older_than_what_is_loaded_is_refused(desk: Desk) -> None:
    desk.orders(*WEEK_1, header=HEADER, complete=True, stated_at=AT_1)
    with pytest.raises(DataRefused, match="has a header and no rows"):
        desk.orders(header=HEADER, complete=True, stated_at=AT_2)
    desk.orders(*WEEK_2, header=HEADER, complete=True, stated_at=AT_2)
    with pytest.raises(DataRefused, match="load complete files in the order of their days"):
        desk.orders(*WEEK_1, header=HEADER, complete=True, stated_at=AT_1)
    assert "I1" not in desk.listed("2026-05-28")
    assert not any("not in this file" in note for note in desk.orders(WEEK_1[3], header=HEADER, stated_at=AT_3))


@pytest.mark.parametrize("is_stated", [True, False])
def test_what_is_gone_from_a_file_that_is_not_declared_complete_is_named(desk: Desk, is_stated: bool) -> None:
    at = [AT_1, AT_2, AT_3] if is_stated else [None] * 3
    desk.orders(*WEEK_1, header=HEADER, stated_at=at[0])
    notes = desk.orders(*WEEK_2, header=HEADER, stated_at=at[1])
    assert notes[-1].startswith("1 open order that was loaded before is not in this file: it stays open")
    assert desk.listed("2026-05-28")["I1"] == "500.00"
    finding = desk.findings().get("not_in_newest_file", "")
    assert finding.startswith("1 order of earlier files is open") == is_stated


def test_a_file_of_new_orders_or_of_paid_ones_is_no_list_of_open_items(desk: Desk) -> None:
    desk.orders(*WEEK_1, header=HEADER, stated_at=AT_1)
    new = "I9,c9,80.00,EUR,2026-05-27,,2026-06-03,erp"
    paid = "I2,c2,300.00,EUR,2026-05-04,2026-05-26,2026-05-18,erp"
    for rows, at in (((new,), AT_2), ((new, paid), AT_3)):
        assert not any("not in this file" in note for note in desk.orders(*rows, header=HEADER, stated_at=at))
        assert "not_in_newest_file" not in desk.findings()

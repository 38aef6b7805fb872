"""Weekly files of open items: what is gone from a complete one is settled."""

from __future__ import annotations

from datetime import datetime

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

"""Money above what one order owes covers other orders of the customer: worked by hand."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest

from payrec.data import layers
from payrec.data.engines import Engine
from tests.data.portfolios import Row, event, load, order, view

AS_OF, DAY_20 = datetime(2026, 6, 14), date(2026, 5, 20)


def owing(**amounts: str) -> list[Row]:
    return [order(name, "c1", DAY_20, amount=Decimal(amount)) for name, amount in amounts.items()]


def paid(amount: str, kind: str = "payment", order_id: str = "paid") -> Row:
    return event(f"{kind}-{order_id}", order_id, kind, datetime(2026, 5, 26, 10), amount=Decimal(amount))


@pytest.mark.parametrize(
    ("orders", "events", "covered"),
    [
        (owing(m2="100"), [paid("200")], {"m2"}),  # one transfer pays two invoices
        (owing(m2="100"), [paid("200"), paid("100", "refund")], set()),
        (owing(m2="100"), [paid("200"), paid("40", "refund")], set()),
        (owing(m2="100"), [paid("195")], {"m2"}),  # 5 % are left: closed
        (owing(m2="100"), [paid("194.99")], set()),
        ([o | {"currency": "USD"} for o in owing(m2="100")], [paid("200")], set()),
        ([o | {"customer_id": "c2"} for o in owing(m2="100")], [paid("200")], set()),
        (owing(m2="80", m3="90"), [paid("150")], set()),  # smaller than each order
        (owing(m2="25", m3="34", m4="80"), [paid("160")], {"m2", "m3"}),  # from the smallest up
        (owing(m2="25", m3="34", m4="60"), [paid("160")], {"m4"}),  # exactly this sum
        (owing(m2="100", m3="100"), [paid("150"), paid("150", order_id="m3")], {"m2"}),  # sums of two orders
        (owing(m2="100"), [paid("40"), paid("60", "credit"), paid("100", "void")], set()),  # 40.00 for a void order
        (owing(m2="40"), [paid("40"), paid("100", "void")], {"m2"}),
        (
            owing(m2="100"),
            [event("whole", "paid", "payment", datetime(2026, 5, 26, 10)), paid("100")],
            set(),
        ),  # no sum stated
    ],
)
def test_unapplied_cash_covers(engine: Engine, orders: list[Row], events: list[Row], covered: set[str]) -> None:
    load(engine, [*owing(paid="100"), *orders], events)
    rows = view(engine, layers.Parameters(as_of=(AS_OF,), landmark_ages=()))
    assert {row["order_id"] for row in rows if row["is_covered_by_cash"]} == covered

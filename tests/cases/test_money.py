"""What customers owe, and who is left alone, on 14 June 2026: each case with orders of other shapes of its kind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

import payrec
from tests.cases.conftest import NOW, Desk, listed

AS_OF = "2026-06-14"


@dataclass(frozen=True)
class Case:
    """Orders (of 100.00 EUR of 20 May, none due later, unless written out), events, and the list of 14 June.

    ``listed`` names the orders on the list: what they owe, and the reason if they are held. Every other order of the
    case is off the list. ``findings`` must be among those of ``check``.
    """

    orders: tuple[str, ...]
    events: tuple[str, ...]
    listed: dict[str, str]
    findings: tuple[str, ...] = ()

    def order_rows(self) -> tuple[str, ...]:
        """Return the rows of the file of orders; each order has its own customer, unless written out."""
        return tuple(row if "," in row else f"{row},c-{row},100.00,EUR,2026-05-20,," for row in self.orders)


CASES = {
    "a refund is no new debt": Case(
        ("full", "part", "half_paid", "later_paid"),
        (
            "e1,full,2026-05-22T10:00:00,payment,100.00,",
            "e2,full,2026-06-01T10:00:00,refund,100.00,",
            "e3,part,2026-05-22T10:00:00,payment,100.00,",
            "e4,part,2026-06-01T10:00:00,refund,30.00,",
            "e5,half_paid,2026-05-22T10:00:00,payment,40.00,",
            "e6,half_paid,2026-06-01T10:00:00,refund,40.00,",
            "e7,later_paid,2026-05-21T10:00:00,refund,100.00,",
            "e8,later_paid,2026-05-22T10:00:00,payment,100.00,",
        ),
        {"half_paid": "60.00"},
    ),
    "money that leaves is written as negative": Case(
        ("charged_back", "refunded", "returned"),
        (
            "e1,charged_back,2026-05-25T10:00:00,payment,100.00,",
            "e2,charged_back,2026-05-30T10:00:00,chargeback,-100.00,",
            "e3,refunded,2026-05-25T10:00:00,payment,100.00,",
            "e4,refunded,2026-05-30T10:00:00,refund,-30.00,",
            "e5,returned,2026-05-25T10:00:00,payment,100.00,",
            "e6,returned,2026-05-28T10:00:00,return,-100.00,",
        ),
        {"returned": "100.00", "charged_back": "100.00 chargeback"},
    ),
    "a credit note is not money": Case(
        (
            "full,c1,100.00,EUR,2026-05-20,,",
            "part",
            "too_much,c1,100.00,EUR,2026-05-20,,",
            "owed,c1,80.00,EUR,2026-05-20,,",
        ),
        (
            "e1,full,2026-05-25T10:00:00,credit,100.00,",
            "e2,part,2026-05-25T10:00:00,credit,40.00,",
            "e3,too_much,2026-05-25T10:00:00,credit,180.00,",
        ),
        {"owed": "80.00", "part": "60.00"},
    ),
    "one transfer pays several invoices": Case(
        (
            "two_a,c1,100.00,EUR,2026-05-20,,",
            "two_b,c1,100.00,EUR,2026-05-20,,",
            "three_a,c2,100.00,EUR,2026-05-20,,",
            "three_b,c2,80.00,EUR,2026-05-20,,",
            "three_c,c2,300.00,EUR,2026-05-20,,",
            "dollars,c1,100.00,USD,2026-05-20,,",
        ),
        ("e1,two_a,2026-05-26T10:00:00,payment,200.00,", "e2,three_a,2026-05-26T10:00:00,payment,200.00,"),
        {
            "two_b": "100.00 unapplied_cash",
            "three_b": "80.00 unapplied_cash",
            "three_c": "300.00",
            "dollars": "100.00",
        },
        ("overpaid",),
    ),
    "a small write-off": Case(
        ("small", "all", "nearly_all", "twice"),
        (
            "e1,small,2026-05-28T10:00:00,write_off,10.00,",
            "e2,all,2026-05-28T10:00:00,write_off,,",
            "e3,nearly_all,2026-05-28T10:00:00,write_off,96.00,",
            "e4,twice,2026-05-28T10:00:00,write_off,30.00,",
            "e5,twice,2026-05-29T10:00:00,write_off,30.00,",
        ),
        {"small": "90.00", "twice": "40.00"},
    ),
    "a debit in flight": Case(
        ("submitted", "settled", "silent", "failed", "tried_again"),
        (
            "e1,submitted,2026-06-12T10:00:00,attempt,100.00,processing",
            "e2,settled,2026-06-11T10:00:00,pending,100.00,",
            "e3,settled,2026-06-13T10:00:00,payment,100.00,",
            "e4,silent,2026-06-05T10:00:00,pending,100.00,",
            "e5,failed,2026-06-12T10:00:00,pending,100.00,",
            "e6,failed,2026-06-13T10:00:00,return,100.00,",
            "e7,tried_again,2026-06-12T10:00:00,pending,100.00,",
            "e8,tried_again,2026-06-13T10:00:00,attempt,100.00,",
        ),
        {"silent": "100.00", "failed": "100.00", "tried_again": "100.00", "submitted": "100.00 in_flight"},
    ),
    "not yet due": Case(
        (
            "later,c1,500.00,EUR,2026-06-01,,2026-07-01",
            "past,c3,500.00,EUR,2026-05-10,,2026-05-24",
            "today,c4,500.00,EUR,2026-05-10,,2026-06-14",
            "yesterday,c5,500.00,EUR,2026-05-10,,2026-06-13",
            "without,c6,500.00,EUR,2026-06-01,,",
        ),
        (),
        {
            "past": "500.00",
            "yesterday": "500.00",
            "without": "500.00",
            "later": "500.00 not_due",
            "today": "500.00 not_due",
        },
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_who_owes_what(desk: Desk, name: str) -> None:
    case = CASES[name]
    desk.orders(*case.order_rows())
    if case.events:
        desk.events(*case.events)
    assert desk.listed(AS_OF) == case.listed
    if case.findings:
        assert set(case.findings) <= set(desk.findings())


def test_a_run_over_all_cases_lists_what_each_case_lists(tmp_path: Path, models: Path) -> None:
    """One night: orders, events and customers get the number of their case in front."""
    url, expected = f"duckdb:///{tmp_path / 'night.duckdb'}", {}
    with payrec.connect(url) as engine:
        desk = Desk(engine, tmp_path, models)
        for number, case in enumerate(CASES.values()):
            desk.orders(*(f"{number}-{row}".replace(",c", f",{number}-c", 1) for row in case.order_rows()))
            if case.events:
                desk.events(*(f"{number}-{row}".replace(",", f",{number}-", 1) for row in case.events))
            expected |= {f"{number}-{order}": words for order, words in case.listed.items()}
    published = tmp_path / "published"
    report = payrec.run(url, NOW, datetime.fromisoformat(AS_OF), models, published, lock_folder=tmp_path)
    assert listed(report.ranked) == expected
    served = payrec.worklist(published, by="order").ranked["order_id"].to_pylist()
    assert set(served) == {order for order, words in expected.items() if " " not in words}

"""docs/meaning.md is true: every row of its tables is reckoned, and the page has no row without an example."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import histories
from tests.meaning import Meaning, Row, Rules, known_at, reckon

PAGE = Path(__file__).resolve().parent.parent / "docs" / "meaning.md"
LIST_DAY, FIRST_DAY = datetime(2026, 6, 15), datetime(2026, 5, 2)
RULES = Rules(observed_until=LIST_DAY, rates={"USD": [(date(2026, 5, 1), Decimal("0.92"))]})


def on(day: int, month: int = 5, hour: int = 10) -> datetime:
    return datetime(2026, month, day, hour)


DAY_20 = on(20)


def event(kind: str, at: datetime, amount: str | None = None, **more: Any) -> dict[str, Any]:
    money = None if amount is None else Decimal(amount)
    return {"order_id": "o1", "event_type": kind, "event_ts": at, "amount": money, **more}


def pay(amount: str | None, at: datetime = DAY_20, **more: Any) -> dict[str, Any]:
    return event("payment", at, amount, **more)


def note(kind: str, at: datetime, until: str) -> dict[str, Any]:
    return event(kind, at, detail=until)


OTHER = {"order_id": "o2"}
EXPORT = {"stated_at": on(10, 6, 0)}
# what the data say: (changes of the order, events, what is owed on the list day)
EXAMPLES: dict[str, tuple[dict[str, Any], list[dict[str, Any]], str]] = {
    "nothing but the order": ({}, [], "100"),
    "payment of 100.00 on 20 May": ({}, [pay("100")], "0"),
    "payment of 40.00 on 20 May": ({}, [pay("40")], "60"),
    "payment of 96.00 on 20 May": ({}, [pay("96")], "4"),
    "payment without amount on 20 May": ({}, [pay(None)], "0"),
    "payment of 100.00 on 5 June": ({}, [pay("100", on(5, 6))], "0"),
    "two payments of 50.00 on 25 May, no times": ({}, [pay("50", on(25, hour=0)), pay("50", on(25, hour=0))], "0"),
    "payment of 100.00, refund of 100.00": ({}, [pay("100"), event("refund", on(25), "100")], "0"),
    "payment of 100.00, returned by the bank on 4 June": ({}, [pay("100"), event("return", on(4, 6), "100")], "100"),
    "payment of 100.00 on 20 May, returned on 25 May": ({}, [pay("100"), event("return", on(25), "100")], "100"),
    "payment of 100.00 on the first day, returned on 4 May": (
        {},
        [pay("100", on(1)), event("return", on(4), "100")],
        "100",
    ),
    "payment of 100.00, charged back on 25 May": ({}, [pay("100"), event("chargeback", on(25), "100")], "100"),
    "charged back on 25 May, paid again on 30 May": (
        {},
        [pay("100"), event("chargeback", on(25), "100"), pay("100", on(30))],
        "0",
    ),
    "credit note of 100.00": ({}, [event("credit", on(20), "100")], "0"),
    "credit note of 60.00, then payment of 40.00": ({}, [event("credit", on(20), "60"), pay("40", on(25))], "0"),
    "payment of 40.00, then credit note of 60.00": ({}, [pay("40"), event("credit", on(25), "60")], "0"),
    "write-off of 10.00": ({}, [event("write_off", on(20), "10")], "90"),
    "write-off of 10.00, then payment of 90.00": ({}, [event("write_off", on(20), "10"), pay("90", on(25))], "0"),
    "write-off without amount": ({}, [event("write_off", on(20))], "0"),
    "write-off without amount, then payment of 100.00": ({}, [event("write_off", on(20)), pay("100", on(25))], "0"),
    "void": ({}, [event("void", on(20))], "0"),
    "payment of 108.70 USD for an order of EUR 100.00, rate 0.92": ({}, [pay("108.70", currency="USD")], "0"),
    "debit submitted on 12 June (pending)": ({}, [event("pending", on(12, 6), "100")], "100"),
    "debit submitted on 5 June, nothing since": ({}, [event("pending", on(5, 6), "100")], "100"),
    "debit submitted on 12 June, returned on 13 June": (
        {},
        [event("pending", on(12, 6), "100"), event("return", on(13, 6), "100")],
        "100",
    ),
    'attempt on 12 June whose detail is "processing"': ({}, [note("attempt", on(12, 6), "processing")], "100"),
    "promise for 14 June": ({}, [note("promise", on(1, 6), "2026-06-14")], "100"),
    "promise for 10 June": ({}, [note("promise", on(1, 6), "2026-06-10")], "100"),
    "promise for 30 June, then promise for 1 June": (
        {},
        [note("promise", on(20), "2026-06-30"), note("promise", on(21), "2026-06-01")],
        "100",
    ),
    "snooze until 20 June": ({}, [note("snooze", on(1, 6), "2026-06-20")], "100"),
    "snooze until 20 June, then snooze until 1 June": (
        {},
        [note("snooze", on(1, 6), "2026-06-20"), note("snooze", on(5, 6), "2026-06-01")],
        "100",
    ),
    "dispute opened": ({}, [event("dispute_opened", on(20))], "100"),
    "dispute opened, then closed": ({}, [event("dispute_opened", on(20)), event("dispute_closed", on(21))], "100"),
    "dispute opened, closed, closed again, opened again": (
        {},
        [event(f"dispute_{word}", on(20 + n)) for n, word in enumerate(("opened", "closed", "closed", "opened"))],
        "100",
    ),
    "due on 1 July": ({"due_date": date(2026, 7, 1)}, [], "100"),
    "due on 31 May": ({"due_date": date(2026, 5, 31)}, [], "100"),
    "opt-out on another order of the customer": ({}, [event("opt_out", on(20)) | OTHER], "100"),
    "payment of 200.00 on another order of 100.00": ({}, [pay("200") | OTHER], "100"),
    "payment of 101.00 on another order of 100.00": ({}, [pay("101") | OTHER], "100"),
    "payment of 200.00 on another order, 100.00 refunded there": (
        {},
        [pay("200") | OTHER, event("refund", on(25), "100") | OTHER],
        "100",
    ),
    "status paid, no payment": (EXPORT | {"status": "paid"}, [], "0"),
    "status refunded, no payment": (EXPORT | {"status": "refunded"}, [], "0"),
    "outstanding 0.00, no payment": (EXPORT | {"outstanding": Decimal(0)}, [], "0"),
    "result_status success, no payment, no status, no outstanding": (EXPORT | {"result_status": "success"}, [], "0"),
    "payment_date set, payments come from events, no payment event": (
        EXPORT | {"payment_date": date(2026, 5, 20)},
        [],
        "0",
    ),
    "outstanding 40.00, no payment": (EXPORT | {"outstanding": Decimal(40)}, [], "40"),
    "outstanding 100.00, payment of 100.00 on 20 May": (EXPORT | {"outstanding": Decimal(100)}, [pay("100")], "0"),
    "status open, outstanding empty": (EXPORT | {"status": "open"}, [], "100"),
    "status parked (not one of ours)": (EXPORT | {"status": "parked"}, [], "100"),
    "status void or draft": (EXPORT | {"status": "draft"}, [], "0"),
    "status written_off": (EXPORT | {"status": "written_off"}, [], "0"),
    "status disputed": (EXPORT | {"status": "disputed"}, [], "100"),
    "status in_flight, stated on 10 June": (EXPORT | {"status": "in_flight"}, [], "100"),
    "status charged_back, or chargeback_flag 1": (EXPORT | {"chargeback_flag": 1}, [], "100"),
    "status paid, payment returned on 12 June": (
        EXPORT | {"status": "paid"},
        [event("return", on(12, 6), "100")],
        "100",
    ),
    "payment after void": ({}, [event("void", on(20)), pay("100", on(25))], "0"),
    "payment, then void": ({}, [pay("100"), event("void", on(25))], "0"),
    "credit note of 150.00": ({}, [event("credit", on(20), "150")], "0"),
    "credit note of 50.00 and payment of 100.00": ({}, [event("credit", on(20), "50"), pay("100", on(25))], "0"),
    "return without payment": ({}, [event("return", on(20), "100")], "100"),
    "return without payment, then payment of 100.00": ({}, [event("return", on(20), "100"), pay("100", on(25))], "0"),
    "refund without payment": ({}, [event("refund", on(20), "100")], "100"),
    "return and chargeback of the same payment": (
        {},
        [pay("100"), event("return", on(25), "100"), event("chargeback", on(26), "100")],
        "100",
    ),
    "status paid, outstanding 50.00": (EXPORT | {"status": "paid", "outstanding": Decimal(50)}, [], "0"),
    "status open, payment of 100.00 on 20 May": (EXPORT | {"status": "open"}, [pay("100")], "0"),
    "payment_date or result_status success, but the payment was returned": (
        EXPORT | {"payment_date": date(2026, 5, 20), "result_status": "success"},
        [pay("100"), event("return", on(4, 6), "100")],
        "100",
    ),
    "dispute closed twice": (
        {},
        [event(f"dispute_{word}", on(20 + n)) for n, word in enumerate(("opened", "closed", "closed"))],
        "100",
    ),
    "dispute closed, never opened": ({}, [event("dispute_closed", on(20))], "100"),
    "snooze into the past": ({}, [note("snooze", on(1, 6), "2026-05-01")], "100"),
    "outstanding 40.00 at `stated_at`, payment of 40.00 on 12 June": (
        EXPORT | {"outstanding": Decimal(40)},
        [pay("40", on(12, 6))],
        "0",
    ),
    "due date before the order's own date": ({"due_date": date(2026, 4, 1)}, [], "100"),
    "refund, chargeback, return or credit note without amount": ({}, [event("credit", on(20))], "100"),
    "payment in a currency without a rate": ({}, [pay("100", currency="JPY")], "100"),
    "payment of 92.00 EUR for an order of USD 100.00, rate 0.92": (
        {"currency": "USD"},
        [pay("92", currency="EUR")],
        "0",
    ),
    "negative amount in an event": ({}, [pay("-100")], "100"),
    "promise or snooze without a readable date": ({}, [note("promise", on(14, 6), "soon")], "100"),
    "order of 0.00 or less": ({"amount": Decimal("-100")}, [], "0"),
}
RULES_OF_ORDER = ("two events known at the same time", "fact known before its order")  # tested below


def table_rows() -> dict[str, tuple[str, str]]:
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.read_text().splitlines() if "|" in line]
    return {row[0]: (row[2], row[3]) for row in rows if len(row) == 4 and row[0] not in ("what the data say", "---")}


def read(changes: Row, events: list[dict[str, Any]], as_of: datetime) -> Meaning:
    bare = {"order_id": "o1", "customer_id": "c1", "amount": Decimal(100), "currency": "EUR"}
    order = {**bare, "invoice_date": date(2026, 5, 1), **changes}
    other = {**bare, "order_id": "o2", "invoice_date": date(2026, 4, 1)}
    settled = event("payment", on(2), "100") | OTHER
    others = [] if any(e["order_id"] == "o2" and e["event_type"] == "payment" for e in events) else [settled]
    numbered = [{**e, "event_id": f"e{n}"} for n, e in enumerate([*events, *others])]
    return reckon([order, other], numbered, as_of, RULES)["o1"]


@pytest.mark.parametrize("says", [row for row in table_rows() if row not in RULES_OF_ORDER])
def test_every_row_of_the_page_is_true(says: str) -> None:
    listed, label = table_rows()[says]
    changes, events, owed = EXAMPLES[says]
    meaning = read(changes, events, LIST_DAY)
    assert meaning.reasons[:1] == (() if listed == "yes" else (listed.removeprefix("no: "),))
    assert meaning.outstanding_minor == int(Decimal(owed) * 100)
    learnt = read(changes, events, FIRST_DAY).label
    assert ("none" if learnt is None else str(learnt)) == label


def test_the_page_has_a_row_for_every_example() -> None:
    assert set(EXAMPLES) == set(table_rows()) - set(RULES_OF_ORDER)


def test_the_age_counts_from_the_due_date() -> None:
    assert read({"due_date": date(2026, 5, 31)}, [], LIST_DAY).age_days == 14
    assert read({"due_date": date(2026, 7, 1)}, [], LIST_DAY).age_days == -17
    assert read({"due_date": date(2026, 4, 1)}, [], LIST_DAY).age_days == 44


def test_events_known_at_the_same_time_count_by_event_time_then_id() -> None:
    recorded = {"recorded_ts": on(1, 6)}
    opened, closed = event("dispute_opened", on(20)) | recorded, event("dispute_closed", on(21)) | recorded
    assert read({}, [closed, opened], LIST_DAY).reasons == ()
    assert read({}, [event("dispute_closed", on(20)), event("dispute_opened", on(20))], LIST_DAY).reasons == (
        "disputed",
    )


def test_a_fact_known_before_its_order_counts_with_the_order() -> None:
    early = [pay("60", datetime(2026, 4, 20, 10))]
    assert read({}, early, FIRST_DAY).outstanding_minor == 4000


# --- what holds for every history -----------------------------------------------------------------------------------

ANY = Rules(observed_until=histories.END, rates=histories.RATES)


@given(history=histories.histories(), as_of=histories.as_of_times())
@settings(max_examples=300, deadline=None)
def test_what_became_known_later_changes_no_balance_and_no_reason(history: histories.History, as_of: datetime) -> None:
    known = [e for e in history.events if known_at(e) <= as_of]
    stated = ("status", "outstanding", "result_status", "chargeback_flag", "payment_date", "stated_at")
    dated_only = [
        {
            key: value
            for key, value in o.items()
            if key not in stated or (o.get("stated_at") or ANY.observed_until) <= as_of
        }
        for o in history.orders
    ]
    later, earlier = reckon(history.orders, history.events, as_of, ANY), reckon(dated_only, known, as_of, ANY)
    assert {n: (m.outstanding_minor, m.reasons) for n, m in later.items()} == {
        n: (m.outstanding_minor, m.reasons) for n, m in earlier.items()
    }


@given(history=histories.histories(), as_of=histories.as_of_times())
@settings(max_examples=300, deadline=None)
def test_an_order_on_the_list_owes_money_and_a_label_needs_an_open_order(
    history: histories.History, as_of: datetime
) -> None:
    owed = {o["order_id"]: o["amount"] * 100 for o in history.orders}
    for name, meaning in reckon(history.orders, history.events, as_of, ANY).items():
        assert 0 <= meaning.outstanding_minor <= max(0, owed[name])
        assert meaning.is_open or not meaning.is_on_list
        assert meaning.is_open or meaning.label is None
        if meaning.is_on_list:
            assert meaning.outstanding_minor * 20 > owed[name]
            assert meaning.age_days >= 0
        if meaning.label is not None:
            assert as_of + timedelta(days=ANY.horizon_days) <= ANY.observed_until


@given(history=histories.histories(), as_of=histories.as_of_times(), seed=st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_the_order_of_rows_means_nothing(history: histories.History, as_of: datetime, seed: Random) -> None:
    orders, events = list(history.orders), list(history.events)
    seed.shuffle(orders)
    seed.shuffle(events)
    assert reckon(orders, events, as_of, ANY) == reckon(history.orders, history.events, as_of, ANY)

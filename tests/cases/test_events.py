"""Instalments that look alike, money in other currencies, credit notes, declines."""

from __future__ import annotations

import pytest

import payrec
from payrec.common.errors import DataRefused
from tests.cases.conftest import Desk

AS_OF = "2026-06-14"
KEYLESS = "order_id,event_ts,event_type,amount"


def order(order_id: str, amount: str = "100.00", currency: str = "EUR", day: str = "2026-05-20") -> str:
    return f"{order_id},c-{order_id},{amount},{currency},{day},,"


def test_equal_instalments_of_one_day_both_count(desk: Desk) -> None:
    desk.orders(order("halves"), order("quarters"), order("overlap"))
    first = ["halves,2026-05-25,payment,50.00"] * 2 + ["quarters,2026-05-25,payment,25.00"] * 3
    overlap = ["overlap,2026-05-26,payment,30.00"]
    for rows in (first + overlap, first + overlap, first[:1] + overlap * 2):  # again, and a file that overlaps
        desk.events(*rows, header=KEYLESS)
    assert desk.listed(AS_OF) == {"overlap": "40.00", "quarters": "25.00"}
    assert desk.findings()["payment_twice"].startswith("3 × the same order, moment, amount and channel")


def test_the_same_payment_with_one_id_counts_once_and_with_two_ids_is_a_finding(desk: Desk) -> None:
    desk.orders(order("once"), order("doubled"))
    desk.events(
        "e1,once,2026-05-25T10:00:00,payment,50.00,",
        "e1,once,2026-05-25T10:00:00,payment,50.00,",
        "e2,doubled,2026-05-25T10:00:00,payment,50.00,",
        "e3,doubled,2026-05-25T10:00:00,payment,50.00,",
    )
    assert desk.listed(AS_OF) == {"once": "50.00"}
    assert "for example of doubled" in desk.findings()["payment_twice"]


CURRENCY = "event_id,order_id,event_ts,event_type,amount,currency"
RATES = ("USD,2026-05-01,0.92", "JPY,2026-05-01,0.00844")
PAID = (
    "1,euros,2026-05-25 10:00:00,payment,92.00,EUR",
    "2,yen,2026-05-25 10:00:00,payment,10900.00,JPY",
    "3,half,2026-05-25 10:00:00,payment,46.00,EUR",
    "4,own,2026-05-25 10:00:00,payment,92.00,USD",
)


@pytest.mark.parametrize(
    ("reporting", "rates"),
    [("EUR", RATES), ("GBP", ("EUR,2026-05-01,0.85", "USD,2026-05-01,0.782", "JPY,2026-05-01,0.007174"))],
)
def test_money_in_another_currency_is_converted_by_the_rates_of_its_day(
    desk: Desk, reporting: str, rates: tuple[str, ...]
) -> None:
    """By hand: 92 EUR and 10,900 JPY are 100 USD, through the reporting currency whichever it is."""
    desk.orders(*(order(name, currency="USD") for name in ("euros", "yen", "half", "own")))
    desk.events(*PAID, header=CURRENCY)
    later = [f"{rate[:4]}2026-05-26,{9 if rate.startswith('USD') else 1}" for rate in rates]
    desk.rates(*rates, *later, reporting=reporting)
    assert desk.listed(AS_OF) == {"half": "50.00", "own": "8.00"}


@pytest.mark.parametrize("rates", [(), RATES[:1], (RATES[0], "JPY,2026-05-26,0.00844")])
def test_without_a_rate_of_its_day_nobody_knows_what_is_owed(desk: Desk, rates: tuple[str, ...]) -> None:
    desk.orders(*(order(name, currency="USD") for name in ("euros", "yen", "half", "own")))
    desk.events(*PAID, header=CURRENCY)
    if rates:
        desk.rates(*rates)
    assert "promise.money_in_other_currencies_has_a_rate" in {f.code for f in desk.check().refusals}
    with pytest.raises(DataRefused, match=r"(?s)rates of both.*\nload dated rates: payrec load fx FILE"):
        desk.listed(AS_OF)


def test_a_credit_note_is_not_money(desk: Desk) -> None:
    """80 orders of 80 days, none paid, half of them closed by credit notes: nothing was recovered."""
    days = [f"2026-0{month}-{day:02}" for month in (2, 3, 4, 5) for day in range(1, 21)]
    desk.orders(*(order(f"o{n}", day=day) for n, day in enumerate(days)))
    credited = [f"e{n},o{n},{day[:8]}{int(day[8:]) + 7:02}T10:00:00,credit,100.00," for n, day in enumerate(days)][::2]
    desk.events(*credited)
    with pytest.raises(DataRefused, match="0 recovered"):
        payrec.train(desk.engine, desk.folder / "none", recipe="logistic")
    assert desk.labels("o0") == {None}
    assert desk.labels("o1") == {0}


DECLINES = {
    "previously_declined_do_not_retry": "hard_decline",
    "requested_block_on_incorrect_cvc": "needs_customer",
    "pickup_card": "hard_decline",
    "do_not_honor": "",
    "incorrect_number": "needs_customer",
    "transaction_not_allowed": "hard_decline",
    "insufficient_funds": "",
    "highest_risk_level": "hard_decline",
    "try_again_later": "",
    "code_of_next_year": "unknown_code",
}


def test_a_list_for_retries_tries_only_what_may_be_tried_again(desk: Desk) -> None:
    """Another shape: of two declines of one order the last counts."""
    header = "order_id,customer_id,amount,currency,invoice_date,payment_date,provider"
    names = [*DECLINES, "hard_then_soft", "soft_then_hard"]
    desk.orders(*(f"{name},c-{name},5.00,EUR,2026-05-02,,stripe" for name in names), header=header)
    tries = [(name, 3, name) for name in DECLINES]
    tries += [("hard_then_soft", 3, "pickup_card"), ("hard_then_soft", 4, "insufficient_funds")]
    tries += [("soft_then_hard", 3, "insufficient_funds"), ("soft_then_hard", 4, "pickup_card")]
    rows = [f"{name},2026-05-0{day} 10:00:00,attempt,5.00,{code}" for name, day, code in tries]
    desk.events(*rows, header=f"{KEYLESS},reason_code")
    expected = DECLINES | {"hard_then_soft": "", "soft_then_hard": "hard_decline"}
    assert desk.listed("2026-05-20", payrec.Policy(action="retry")) == {
        name: f"5.00 {reason}".strip() for name, reason in expected.items()
    }

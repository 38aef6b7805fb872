"""A list as of the end of the payments contacts nobody whom a later fact takes off it."""

from __future__ import annotations

from datetime import datetime

import pytest

import payrec
from payrec.common.errors import DataRefused
from payrec.data.engines import Engine
from payrec.worklist import later_facts
from payrec.worklist.policy import Cap, Policy
from tests.cases.conftest import Desk, listed

UNTIL = datetime(2026, 5, 10)
HEADER = "order_id,customer_id,amount,currency,invoice_date,payment_date,due_date,status,outstanding,stated_at"
LATER = {
    "payment,100.00,": "settled_since",
    "credit,100.00,": "settled_since",
    "void,,": "settled_since",
    "write_off,,": "settled_since",
    "payment,40.00,": None,
    "chargeback,100.00,": "chargeback",
    "dispute_opened,,": "disputed",
    "pending,100.00,": "in_flight",
    "promise,,2026-06-30": "promised",
    "snooze,,2026-06-30": "snoozed",
    "opt_out,,": "opted_out",
    "contact,,": None,
}


def orders_of(desk: Desk) -> None:
    """Load one order for each later fact, two that the export of 1 June settles, one new, and paid ones before."""
    names = [f"o{number:02}" for number in range(len(LATER))]
    rows = [f"{name},c-{name},100.00,EUR,2026-05-01,,,,," for name in names]
    rows += [
        "stated,c-s,100.00,EUR,2026-05-01,,,paid,,2026-06-01",
        "owes-0,c-z,100.00,EUR,2026-05-01,,,,0.00,2026-06-01",
    ]
    rows += ["new,c-n,100.00,EUR,2026-05-30,,,,,"]
    desk.orders(*rows, header=HEADER)
    events = [f"e{n:02},o{n:02},2026-05-20T12:00:00,{words}" for n, words in enumerate(LATER)]
    desk.events(*events)


def test_what_became_known_since_takes_orders_off_a_list_as_of_the_payments(desk: Desk) -> None:
    orders_of(desk)
    wanted = dict(zip((f"o{number:02}" for number in range(len(LATER))), LATER.values(), strict=True))
    wanted |= {"stated": "settled_since", "owes-0": "settled_since"}
    ranked = payrec.score(desk.engine, desk.models, now=datetime(2026, 6, 2), payments_until=UNTIL).ranked
    assert listed(ranked) == {name: " ".join(filter(None, ("100.00", why))) for name, why in wanted.items()}
    again = payrec.score(desk.engine, desk.models, UNTIL, now=datetime(2026, 6, 2)).ranked
    assert set(again["suppressed_reason"].to_pylist()) == {None}, "a list of a past time knows nothing later"


def test_contacts_since_count_for_the_caps(desk: Desk) -> None:
    orders_of(desk)
    policy = Policy(cap=(Cap(count=1, window_days=7),))
    ranked = payrec.score(desk.engine, desk.models, policy=policy, payments_until=UNTIL).ranked
    held = [name for name, why in listed(ranked).items() if "contact_cap" in why]
    assert held == [f"o{[*LATER].index('contact,,'):02}"]


def test_a_dispute_that_closed_since_holds_no_longer(desk: Desk) -> None:
    desk.orders("o1,c1,100.00,EUR,2026-05-01,,")
    desk.events("e1,o1,2026-05-05T12:00:00,dispute_opened,,", "e2,o1,2026-05-12T12:00:00,dispute_closed,,")
    ranked = payrec.score(desk.engine, desk.models, payments_until=UNTIL).ranked
    assert listed(ranked) == {"o1": "100.00"}


def test_what_an_export_says_of_its_day_is_known_on_that_day(desk: Desk) -> None:
    rows = ["paid,c-1,100.00,EUR,2026-05-01,,,paid,,2026-06-01", "open,c-2,100.00,EUR,2026-05-01,,,open,,2026-06-01"]
    desk.orders(*rows, header=HEADER)
    worklist = payrec.score(desk.engine, desk.models, now=datetime(2026, 6, 2))
    assert worklist.run.as_of == datetime(2026, 6, 1), "no dated fact is as new as the export itself"
    assert listed(worklist.ranked) == {"open": "100.00"}


@pytest.mark.parametrize("ahead", ["stated_at", "event", "declared"])
def test_a_time_that_has_not_come_makes_no_list(desk: Desk, ahead: str) -> None:
    stated = "2026-06-20" if ahead == "stated_at" else "2026-05-20"
    desk.orders(f"o1,c1,100.00,EUR,2026-05-01,,,paid,,{stated}", header=HEADER)
    if ahead == "event":
        desk.events("e1,o1,2026-06-20T12:00:00,contact,,")
    if ahead == "declared":
        payrec.build(desk.engine, observed_until=datetime(2026, 6, 20))
    with pytest.raises(DataRefused, match=r"(?s)2026-06-20.*payrec build --observed-until 2026-06-02"):
        payrec.score(desk.engine, desk.models, now=datetime(2026, 6, 2))
    payrec.build(desk.engine, observed_until=datetime(2026, 6, 2))
    assert listed(payrec.score(desk.engine, desk.models, now=datetime(2026, 6, 2)).ranked) in ({}, {"o1": "100.00"})


@pytest.mark.parametrize("until", [UNTIL, datetime(2026, 6, 1)])
def test_the_engines_agree_on_what_became_known_since(engine: Engine, desk: Desk, until: datetime) -> None:
    orders_of(desk)
    for name in ("raw_transactions", "raw_events"):
        engine.run(f"DELETE FROM {name}")
        engine.write(name, desk.engine.read(f"SELECT * FROM {name}"), key=())
    tables = []
    for one in (desk.engine, engine):
        payrec.data.layers.build(one, payrec.data.layers.Parameters((UNTIL, datetime(2026, 6, 1))))
        tables.append(
            (later_facts.marks(one, UNTIL, until).to_pylist(), later_facts.contacts(one, UNTIL, until).to_pylist())
        )
    assert tables[0] == tables[1]
    assert bool(tables[0][0]) == (until > UNTIL)

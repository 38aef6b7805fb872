"""Facts of a team's figures, worked by hand: balances at closing times, payments by days late, first contacts."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from payrec.data import layers
from payrec.data.engines import Engine
from payrec.monitor import team_figures
from payrec.publish import actions, team_facts
from payrec.publish.actions import Action
from payrec.publish.lists import Publication
from payrec.publish.run_info import RunInfo, RunSummary
from payrec.publish.store import ListStore, open_store
from payrec.publish.team_sql import closings, week_of
from payrec.worklist.policy import Policy
from payrec.worklist.rank import SCHEMA

AS_OF = datetime(2026, 5, 20)  # a Wednesday
RUN = RunInfo("r", AS_OF, AS_OF, "m", "p", "i", 30, None, RunSummary(AS_OF, AS_OF, 1))
CALL = Action(
    "11111111-1111-4111-8111-111111111111", datetime(2026, 4, 13, 9), "kim", "ann", "contacted", outcome="spoke"
)
PROMISE = Action(
    "22222222-2222-4222-8222-222222222222", datetime(2026, 4, 14, 9), "kim", "ann", "promised", amount=Decimal(100),
    currency="EUR", until=date(2026, 4, 20),
)  # fmt: skip
OWNER = Action("33333333-3333-4333-8333-333333333333", datetime(2026, 4, 1), "boss", "bob", "assigned", outcome="lee")


def order(order_id: str, customer_id: str, amount: int, billed: date, due: date | None = None) -> dict[str, Any]:
    return {"order_id": order_id, "customer_id": customer_id, "currency": "EUR", "amount": Decimal(amount),
            "invoice_date": billed, "due_date": due}  # fmt: skip


def event(event_id: str, order_id: str, kind: str, at: datetime, amount: int | None = None) -> dict[str, Any]:
    return {"event_id": event_id, "order_id": order_id, "event_type": kind, "event_ts": at, "recorded_ts": at,
            "amount": None if amount is None else Decimal(amount)}  # fmt: skip


ORDERS = [
    order("a1", "ann", 100, date(2026, 3, 10), date(2026, 4, 9)),  # paid 60 on 16 April: 7 days late
    order("a2", "ann", 50, date(2026, 5, 11), date(2026, 6, 10)),  # current
    order("b1", "bob", 200, date(2026, 1, 5)),  # no due date: 134 days old, over 90
    order("c1", "cat", 80, date(2026, 4, 6), date(2026, 4, 16)),  # paid 80 on 14 April: 2 days early
]
EVENTS = [
    event("p1", "a1", "payment", datetime(2026, 4, 16, 15), 60),
    event("p2", "c1", "payment", datetime(2026, 4, 14, 8), 80),
    event("p3", "a1", "payment", datetime(2026, 5, 14, 8), 10),  # more than 30 days after the call
    event("t1", "b1", "contact", datetime(2026, 4, 20, 10)),  # loaded, by nobody known
    event("t2", "b1", "contact", datetime(2026, 5, 4, 10)),  # not the first in 30 days
]


@pytest.fixture
def facts(engine: Engine, tmp_path: Path) -> dict[str, list[dict[str, Any]]]:
    store = open_store(tmp_path)
    for one in (OWNER, CALL, PROMISE):
        actions.add(store, one, one.at)
    publish(store)
    layers.prepare(engine)
    for table, rows in (("raw_transactions", ORDERS), ("raw_events", [*EVENTS, *of_actions()])):
        engine.write(table, pa.Table.from_pylist(rows), key=())
    customers = [{"customer_id": "ann", "owner": "kim", "segment": "SMB"}, {"customer_id": "cat", "segment": "SMB"}]
    engine.write("raw_customers", pa.Table.from_pylist(customers), key=())
    engine.run("INSERT INTO payment_source VALUES ('events')")
    layers.build(engine, layers.Parameters((AS_OF,), ()))
    details = team_facts.details_of(engine, store, RUN, Policy())
    return {name: pa.Table.from_batches(list(read())).to_pylist() for name, read in details.items()}


def of_actions() -> list[dict[str, Any]]:
    return [event(f"action:{CALL.action_id}:a1", "a1", "contact", CALL.at)]


def publish(store: ListStore) -> None:
    """A list of the morning of the call: ann owes 100.00, expected 20.00 within 7 days, 50.00 within 30."""
    at = datetime(2026, 4, 13)
    row = {name: None for name in SCHEMA.names} | {
        "as_of": at, "order_id": "a1", "customer_id": "ann", "amount": Decimal(100), "currency": "EUR",
        "outstanding": Decimal(100), "p_recover_30d": 0.5, "p_7d": 0.2, "rank": 1, "priority_flag": 1,
        "horizon_days": 30,
    }  # fmt: skip
    run = RunInfo("before", at, at, "m", "p", "i", 30, None, RunSummary(at, at, 1))
    store.commit(Publication(run, pa.Table.from_pylist([row], schema=SCHEMA)))


def test_receivables_worked_by_hand(facts: dict[str, list[dict[str, Any]]]) -> None:
    (row,) = team_figures.receivables(facts["team_receivables"], (), AS_OF)
    # ann 40 - 10 = 30 of a1 is 40 days late, 50 not due; bob's 200 is 134 days old
    assert {name: row[name] for name in row if name.endswith("_minor")} == {
        "current_minor": 5_000, "days_1_30_minor": 0, "days_31_60_minor": 3_000, "days_61_90_minor": 0,
        "days_over_90_minor": 20_000, "outstanding_minor": 28_000, "billed_minor": 23_000, "paid_minor": 15_000,
    }  # fmt: skip
    # sales of the 13 weeks that end on 20 May: those from 23 February on, 86 days; 100 + 50 + 80
    assert row["dso_days"] == 280 * 86 / 230 == pytest.approx(104.696, abs=0.001)
    assert row["best_dso_days"] == 50 * 86 / 230
    assert row["average_days_delinquent"] == row["dso_days"] - row["best_dso_days"]
    # 13 weeks before: bob's 200 was open
    assert row["collection_effectiveness"] == (200 + 230 - 280) / (200 + 230 - 50)
    # 60 came 7 days late, 10 came 35 days late, 80 came 2 days early
    assert row["days_beyond_terms"] == (7 * 60 + 35 * 10 - 2 * 80) / 150


def test_receivables_come_in_one_order(facts: dict[str, list[dict[str, Any]]]) -> None:
    names = ("until_at", "owner", "team", "currency", "days_late", "billed_minor", "paid_minor")
    keys = [tuple("" if row[name] is None else row[name] for name in names) for row in facts["team_receivables"]]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


def test_receivables_by_owner_and_week(facts: dict[str, list[dict[str, Any]]]) -> None:
    by_owner = {row["owner"]: row for row in team_figures.receivables(facts["team_receivables"], ("owner",), AS_OF)}
    assert {name: row["outstanding_minor"] for name, row in by_owner.items()} == {"kim": 8_000, "lee": 20_000, None: 0}
    weeks = team_figures.receivables(facts["team_receivables"], ("week",), AS_OF)
    assert [row["week"] for row in weeks] == sorted(week_of(end) for end in closings(AS_OF)[:-1])
    assert [row["outstanding_minor"] for row in weeks[-3:]] == [24_000, 28_000, 28_000]
    assert sum(row["paid_minor"] for row in weeks) == 15_000
    assert sum(row["billed_minor"] for row in weeks) == 23_000


def test_contacts_promises_and_money_worked_by_hand(facts: dict[str, list[dict[str, Any]]]) -> None:
    lists = [{"known_at": AS_OF, "worker": "kim", "team": "SMB", "is_worked": worked} for worked in (True, False)]
    rows = {row["owner"]: row for row in team_figures.work(facts["team_work"], lists, ("owner",))}
    kim, lee = rows["kim"], rows["lee"]
    assert (kim["contacts"], kim["customers"], kim["reached"], kim["reached_share"]) == (1, 1, 1, 1.0)
    assert (kim["promises"], kim["kept"], kim["broken"], kim["kept_rate"]) == (1, 0, 1, 0.0)  # 60 of 100 came
    assert (kim["listed"], kim["worked"], kim["worked_share"]) == (2, 1, 0.5)
    assert (lee["contacts"], lee["customers"], lee["reached_share"]) == (2, 1, None)  # loaded: no outcome
    money = {row["customer_id"]: row for row in facts["team_money"]}
    assert (money["ann"]["worker"], money["ann"]["paid_7d_minor"], money["ann"]["paid_30d_minor"]) == (
        "kim",
        6000,
        6000,
    )
    assert (money["ann"]["expected_7d_minor"], money["ann"]["expected_30d_minor"]) == (2_000, 5_000)
    assert (money["bob"]["worker"], money["bob"]["expected_30d_minor"]) == ("lee", None)  # the list did not have bob
    assert [row["known_at"] for row in facts["team_money"]] == [CALL.at, datetime(2026, 4, 20, 10)]
    (row,) = team_figures.money(facts["team_money"], (), AS_OF)
    assert (row["contacts_30d"], row["paid_30d_minor"], row["expected_30d_minor"]) == (1, 6_000, 5_000)
    assert team_figures.money(facts["team_money"], (), CALL.at + timedelta(days=29))[0]["contacts_30d"] == 0


def test_the_longest_wait_ends_where_a_customer_was_worked_or_off_the_list() -> None:
    days = [AS_OF - timedelta(days=at) for at in range(4)]
    lists = [(days[0], {"a": False, "b": False}), (days[1], {"a": False, "b": True}), (days[2], {"a": False}),
             (days[3], {"b": False})]  # fmt: skip
    assert team_figures.oldest_unworked_days(lists) == 2
    assert team_figures.oldest_unworked_days([(AS_OF, {"a": True})]) is None
    assert team_figures.oldest_unworked_days([]) is None

"""Complications of the simulator: the export means what really happened, and nothing changes without them."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from payrec.common.errors import UsageError
from payrec.simulate import exports, simulator
from payrec.simulate.complications import RATES, complications
from payrec.simulate.exports import Portfolio
from payrec.simulate.simulator import DEFAULT_END, portfolio, weekly
from payrec.simulate.standing import STATES, standing_at
from payrec.simulate.world import EVENT_TYPES
from tests.meaning import Meaning, Rules, reckon

END = datetime(DEFAULT_END.year, DEFAULT_END.month, DEFAULT_END.day)
ENDED = {"paid", "written_off", "credited", "void", "settled_at_unknown_time"}
NEW_TYPES = {"pending", "return", "void", "snooze"}
ORDERS = 4_000


@pytest.fixture(scope="module")
def everything() -> Portfolio:
    return portfolio(ORDERS, 3, options=complications(["everything"]))


def meaning(exported: Portfolio, as_of: datetime) -> dict[str, Meaning]:
    rates: dict[str, list[tuple[date, Decimal]]] = {}
    used = {row["event_ts"].date() for row in exported.events.to_pylist() if row["currency"]}
    for row in exported.fx.to_pylist():
        if row["rate_date"] in used:
            rates.setdefault(row["currency"], []).append((row["rate_date"], row["rate_to_reporting"]))
    rules = Rules(observed_until=as_of, rates=rates)
    return reckon(exported.transactions.to_pylist(), exported.events.to_pylist(), as_of, rules)


def truth_at(simulated: Portfolio, as_of: datetime) -> dict[str, dict[str, object]]:
    assert simulated.facts
    return {row["order_id"]: row for row in standing_at(simulated.facts, [as_of]).to_pylist()}


@pytest.mark.parametrize("weeks_before", [0, 1, 2, 3, 5, 8, 11])
def test_the_export_of_any_day_means_what_is_true_on_that_day(everything: Portfolio, weeks_before: int) -> None:
    as_of = END - timedelta(days=7 * weeks_before)
    meanings, truth = meaning(exports.at(everything, as_of), as_of), truth_at(everything, as_of)
    assert meanings.keys() == truth.keys()
    for name, read in meanings.items():
        true = truth[name]
        assert read.is_on_list == true["is_chaseable"], name
        assert read.is_open == (true["state"] not in ENDED), name
        if read.is_open:
            assert (read.outstanding_minor, (*read.reasons, "owed")[0]) == (true["owed_minor"], true["state"])


def test_everything_contains_all_that_data_can_mean(everything: Portfolio) -> None:
    rows, events = everything.transactions.to_pylist(), everything.events.to_pylist()
    assert {event["event_type"] for event in events} == set(EVENT_TYPES)
    assert {event["reason_code"] for event in events if event["event_type"] == "return"} == {"R01", "AM04"}
    assert {row["status"] for row in rows} >= {"open", "part_paid", "paid", "refunded", "void", "written_off"}
    assert {(row["due_date"] - row["invoice_date"]).days for row in rows if row["due_date"]} == {14, 30, 60}
    assert {row["transaction_type"] for row in rows if row["due_date"]} >= {"subscription", "one_off", "invoice"}
    assert {row["stated_at"] for row in rows} == {END}
    assert any(event["currency"] for event in events)
    paid = Counter((e["order_id"], e["event_ts"].date(), e["amount"]) for e in events if e["event_type"] == "payment")
    assert 2 in paid.values()  # two equal instalments on one day
    amounts = {row["order_id"]: row["amount"] for row in rows}
    assert any(e["event_type"] == "payment" and e["amount"] > amounts[e["order_id"]] for e in events)
    assert any(e["event_type"] == "write_off" and e["amount"] for e in events)
    moments = [END - timedelta(days=7 * week) for week in range(40)]
    assert set(standing_at(everything.facts, moments)["state"].unique().to_pylist()) == set(STATES)


def test_each_complication_by_itself_changes_the_tables_and_keeps_the_orders() -> None:
    plain = portfolio(600, 4)
    for name in RATES:
        other = portfolio(600, 4, options=complications([name]))
        assert other.transactions["order_id"].equals(plain.transactions["order_id"])
        assert other.transactions["amount"].equals(plain.transactions["amount"])
        assert "status" in other.transactions.column_names


def test_without_complications_nothing_is_new() -> None:
    plain = portfolio(600, 4)
    assert plain.transactions.equals(portfolio(600, 4, options=complications([])).transactions)
    assert not NEW_TYPES & set(plain.events["event_type"].unique().to_pylist())
    assert "status" not in plain.transactions.column_names
    with pytest.raises(UsageError, match="without complications has one export"):
        exports.at(plain, END)


def test_the_same_seed_gives_the_same_tables(everything: Portfolio) -> None:
    again = portfolio(ORDERS, 3, options=complications(["everything"]))
    assert (again.transactions, again.events) == (everything.transactions, everything.events)


def test_a_stopped_feed_hides_money_that_truth_knows() -> None:
    stopped = portfolio(2_000, 5, options=complications([], stop_payments_days=20))
    kinds = ("payment", "refund", "return", "chargeback", "pending")
    newest = {kind: END - timedelta(days=730) for kind in (*kinds, "attempt")}
    for event in stopped.events.to_pylist():
        if event["event_type"] in newest:
            newest[event["event_type"]] = max(newest[event["event_type"]], event["recorded_ts"])
    assert max(newest[kind] for kind in kinds) < END - timedelta(days=20) < newest["attempt"]
    assert stopped.transactions["invoice_date"].to_pylist()[-1] == DEFAULT_END - timedelta(days=1)
    listed = {name for name, read in meaning(stopped, END).items() if read.is_on_list}
    paid = {name for name, row in truth_at(stopped, END).items() if row["state"] == "paid"}
    assert len(listed & paid) > 10


def test_a_missing_month_has_no_events_and_its_payments_have_no_date() -> None:
    gap = portfolio(3_000, 6, options=complications([], missing_months=["2026-03"]))
    months = Counter(event["recorded_ts"].strftime("%Y-%m") for event in gap.events.to_pylist())
    assert months["2026-03"] == 0
    assert min(months["2026-02"], months["2026-04"]) > 0
    read, true = meaning(gap, END), truth_at(gap, END)
    settled = [name for name, order in read.items() if order.reasons[:1] == ("settled_at_unknown_time",)]
    assert len(settled) > 10
    assert {true[name]["state"] for name in settled} <= ENDED
    assert not [name for name, order in read.items() if order.is_on_list and true[name]["state"] in ENDED]


def test_files_have_the_truth_of_every_week(tmp_path: Path) -> None:
    simulated = portfolio(300, 2, options=complications(["voids", "returns"]))
    simulator.write(simulated, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*simulator.FILES, simulator.STATUS_FILE}
    status = pq.read_table(tmp_path / simulator.STATUS_FILE)
    assert status.column_names == ["order_id", "as_of", "owed_minor", "state", "is_chaseable"]
    assert status["as_of"].unique().to_pylist() == weekly(simulated.facts)
    assert weekly(simulated.facts)[-1] == END
    assert pa.compute.min(status["owed_minor"]).as_py() >= 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"names": ["voids", "refundz"]}, "'refundz' is no complication: expected everything, or some of credit_notes"),
        ({"names": [], "stop_payments_days": -1}, "stop_payments_days is -1"),
        ({"names": [], "missing_months": ["2026-13"]}, "'2026-13' is no month: expected YYYY-MM"),
    ],
)
def test_wrong_options_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        complications(**arguments)  # type: ignore[arg-type]

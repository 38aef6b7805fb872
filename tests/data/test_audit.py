"""Each finding of the audit, made to appear and to stay away."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from payrec.data import audit, layers
from payrec.data.engines import Engine
from tests.data.portfolios import DAY, Row, event, load, order

NOW = datetime(2026, 1, 1)
START = date(2025, 1, 1)


def sound(orders: int = 400) -> list[Row]:
    """A portfolio without faults: two of five orders paid on day 10, all through the year."""
    return [
        order(
            f"o{i}", f"c{i % 50}", START + (i % 330) * DAY,
            payment_date=START + (i % 330) * DAY + 10 * DAY if i % 5 < 2 else None, reason_code="51" if i % 7 else "54",
        )
        for i in range(orders)
    ]  # fmt: skip


def found(engine: Engine, until: datetime | None = None, now: datetime = NOW) -> dict[str, audit.Finding]:
    layers.build(engine, layers.Parameters(observed_until=until))
    return {f.code: f for f in audit.run(engine, now).findings}


def flawed() -> tuple[list[Row], list[Row]]:
    """Orders and events with most of the faults below at once."""
    rows = [{**row, "currency": "USD" if i % 2 else "EUR"} for i, row in enumerate(sound(1200))]
    rows[0] |= {"payment_date": rows[0]["invoice_date"] - DAY}
    rows += [
        order("credit", "c", START, amount=Decimal("-5.00")),
        order("late", "c", date(2026, 3, 1)),
        order("said", "c", START, status="paid", outstanding=Decimal("50.00")),
        order("odd", "c", START, status="on its way"),
    ]
    at = datetime(2025, 3, 1)
    events = [
        event("homeless", "nobody", "payment", at, amount=Decimal("1.00")),
        event("twice1", "o3", "payment", at, amount=Decimal("60.00"), channel="card"),
        event("twice2", "o3", "payment", at, amount=Decimal("60.00"), channel="card"),
        event("empty", "o4", "refund", at),
    ]
    return rows, events


def test_the_engines_find_the_same(engine: Engine, duckdb_memory: Engine) -> None:
    """Each finding has a test on DuckDB below; its queries say the same everywhere."""
    findings = []
    for one in (engine, duckdb_memory):
        load(one, *flawed())
        findings.append(found(one))
    assert findings[0] == findings[1]
    assert len(findings[0]) >= 8, sorted(findings[0])


def test_sound_data_are_safe(duckdb_memory: Engine) -> None:
    load(duckdb_memory, sound())
    findings = found(duckdb_memory)
    assert [f.code for f in findings.values() if f.level != "note"] == []
    assert findings["final_columns_left_out"].message.startswith("left out as features: reason_code")


def test_too_few_rows_refuse_with_the_numbers(duckdb_memory: Engine) -> None:
    load(duckdb_memory, sound(20))
    finding = found(duckdb_memory)["too_few_rows"]
    assert finding.level == "refuse"
    assert "expected: at least 200 rows with 20 of each" in finding.message


@pytest.mark.parametrize(("early", "level"), [(3, "warn"), (60, "refuse")])
def test_payments_before_the_invoice(duckdb_memory: Engine, early: int, level: str) -> None:
    rows = [{**r, "payment_date": r["invoice_date"] - DAY} if i < early else r for i, r in enumerate(sound())]
    load(duckdb_memory, rows)
    finding = found(duckdb_memory)["payment_before_invoice"]
    assert (finding.level, finding.rows) == (level, early)


def test_facts_after_the_present_refuse(duckdb_memory: Engine) -> None:
    load(duckdb_memory, [*sound(), {**order("late", "c", date(2025, 12, 1)), "payment_date": date(2026, 3, 1)}])
    finding = found(duckdb_memory)["future_facts"]
    assert (finding.level, finding.rows) == ("refuse", 1)


def test_fault_62_orders_dated_ahead_are_named_and_refused_until_the_end_is_declared(duckdb_memory: Engine) -> None:
    load(duckdb_memory, [*sound(), order("late", "c", date(2026, 3, 1))])
    finding = found(duckdb_memory)["orders_dated_ahead"]
    assert (finding.level, finding.rows) == ("refuse", 1)
    assert "late of 1 Mar 2026" in finding.message
    declared = found(duckdb_memory, until=NOW)
    assert declared["orders_dated_ahead"].level == "warn"
    assert not [one for one in declared.values() if one.level == "refuse"]


def test_a_stray_date_that_would_ripen_labels_is_named(duckdb_memory: Engine) -> None:
    load(duckdb_memory, [*sound(1200), order("stray", "c", date(2027, 6, 1))])
    finding = found(duckdb_memory, now=datetime(2028, 1, 1))["stray_facts"]
    assert finding.rows == 1
    assert "--observed-until" in finding.message


def test_an_export_of_finished_orders_only_is_refused_until_its_end_is_declared(duckdb_memory: Engine) -> None:
    cut = START + 250 * DAY
    rows = [r for r in sound(1500) if r["invoice_date"] < cut or r["payment_date"] is not None]
    load(duckdb_memory, rows)
    assert found(duckdb_memory)["newest_cohorts_too_good"].level == "refuse"
    assert "newest_cohorts_too_good" not in found(duckdb_memory, until=datetime.combine(cut, datetime.min.time()))


def test_a_declared_column_that_gives_the_answer_away_is_refused(duckdb_memory: Engine) -> None:
    rows = [{**r, "result_status": "recovered" if r["payment_date"] else "failed"} for r in sound()]
    load(duckdb_memory, rows)
    duckdb_memory.run("INSERT INTO known_at_creation (column_name) VALUES ('result_status'), ('reason_code')")
    findings = found(duckdb_memory)
    assert findings["declared.result_status"].level == "refuse"
    assert "declared.reason_code" not in findings


def test_currencies_without_rates_are_said(duckdb_memory: Engine) -> None:
    load(duckdb_memory, [{**r, "currency": "USD" if i % 2 else "EUR"} for i, r in enumerate(sound())])
    assert "2 currencies (EUR, USD)" in found(duckdb_memory)["mixed_currencies"].message
    duckdb_memory.run("INSERT INTO reporting_currency (currency) VALUES ('EUR')")
    duckdb_memory.run("INSERT INTO fx_rates VALUES ('USD', DATE '2025-06-01', 0.9)")
    findings = found(duckdb_memory)
    assert "mixed_currencies" not in findings
    assert findings["missing_rates"].level == "warn"


def test_events_of_orders_that_were_not_loaded_are_counted(duckdb_memory: Engine) -> None:
    log = [event("e1", "nobody", "contact", datetime(2025, 5, 1, 9))]
    load(duckdb_memory, sound(), log)
    findings = found(duckdb_memory)
    assert findings["events_without_order"].rows == 1
    assert findings["payments_not_in_log"].rows == 160


def test_old_open_orders_and_credit_notes_are_said(duckdb_memory: Engine) -> None:
    load(duckdb_memory, [*sound(), order("credit", "c", START, amount=Decimal("-5.00"))])
    findings = found(duckdb_memory)
    assert findings["no_positive_amount"].rows == 1
    # unpaid orders (240) that were older than 60 days when the data ended
    end = max(r["payment_date"] or r["invoice_date"] for r in sound()) + DAY
    old = sum(r["payment_date"] is None and (end - r["invoice_date"] - DAY) > timedelta(days=60) for r in sound())
    assert findings["older_than_seen"].rows == old


def test_findings_about_the_list_come_first_and_features_last(duckdb_memory: Engine) -> None:
    rows = [{**r, "status": "paid", "payment_date": None} if i % 20 == 0 else r for i, r in enumerate(sound(100))]
    load(duckdb_memory, rows)
    layers.build(duckdb_memory, layers.Parameters(as_of=None))
    findings = audit.run(duckdb_memory, NOW).findings
    assert [f.about for f in findings] == sorted((f.about for f in findings), key=["list", "data", "features"].index)
    levels = [f.level for f in findings if f.about == "list"]
    assert levels == sorted(levels, key=["refuse", "warn", "note"].index)
    assert (findings[0].code, findings[-1].code) == ("settled_without_date", "final_columns_left_out")
    assert findings[0].message.startswith("5 of 65 orders without a payment date say paid, void or owe 0.00\n")
    assert all(len(f.message.splitlines()) <= 3 for f in findings)


SETTLED = [{"status": "void"}, {"status": "Refunded"}, {"outstanding": Decimal(0)}, {"result_status": "captured"}]
OWED = [{"status": "open"}, {"status": "open", "result_status": "paid"}, {"outstanding": Decimal(1)}, {"status": "new"}]


def test_only_what_the_export_calls_settled_counts_as_settled(duckdb_memory: Engine) -> None:
    load(duckdb_memory, [*sound(), *(order(f"x{i}", "c", START, **row) for i, row in enumerate([*SETTLED, *OWED]))])
    findings = found(duckdb_memory)
    assert findings["settled_without_date"].rows == len(SETTLED)
    assert findings["unknown_status"].message.startswith("1 values of status have no meaning here: new (1)")
    assert "paid_but_outstanding" not in findings


def test_contradictions_overpayments_and_repeated_payments_are_counted(duckdb_memory: Engine) -> None:
    at, cash = datetime(2025, 5, 1, 9), Decimal("60.00")
    twice = [event(f"p{i}", "o0", "payment", at, amount=cash, channel="card") for i in range(2)]
    apart = [event(f"q{i}", "o2", "payment", at + i * DAY, amount=cash) for i in range(2)]
    other = [event("r0", "o4", "payment", at, amount=cash), event("r1", "o4", "payment", at, amount=cash, channel="b")]
    load(
        duckdb_memory,
        [*sound(), order("x", "c", START, status="paid", outstanding=Decimal(50))],
        [*twice, *apart, *other],
    )
    findings = found(duckdb_memory)
    assert findings["payment_twice"].rows == 1
    assert "for example of o0" in findings["payment_twice"].message
    assert findings["overpaid"].rows == 3
    assert findings["overpaid"].message.startswith("3 orders received more than is owed: EUR 60.00, for example o0")
    assert findings["paid_but_outstanding"].rows == 1


def test_orders_of_which_none_was_ever_paid_are_doubted(duckdb_memory: Engine) -> None:
    unpaid = [{**r, "payment_date": None} for r in sound(20)]
    load(duckdb_memory, unpaid)
    assert found(duckdb_memory)["never_paid"].rows == 20
    for few in (unpaid[:19], [*unpaid, order("x", "c", START, status="paid")], sound(20)):
        load(duckdb_memory, few)
        assert "never_paid" not in found(duckdb_memory)


def test_orders_that_the_export_calls_paid_are_found_on_a_list_as_of_before_its_day(duckdb_memory: Engine) -> None:
    contacts = [event("e1", "o1", "contact", datetime(2025, 5, 1, 9))]
    load(duckdb_memory, sound(), contacts)
    early = datetime(2025, 8, 1)
    layers.build(duckdb_memory, layers.Parameters(as_of=(early,)))
    finding = audit.run(duckdb_memory, NOW).findings[0]
    paid = sum(bool(r["payment_date"]) and r["payment_date"] < early.date() for r in sound())
    assert (finding.code, finding.level, finding.rows) == ("paid_on_list", "refuse", paid)
    load(duckdb_memory, sound(), None)
    layers.build(duckdb_memory, layers.Parameters(as_of=(early,)))
    assert "paid_on_list" not in {f.code for f in audit.run(duckdb_memory, NOW).findings}


def test_late_payments_and_missing_months_are_said(duckdb_memory: Engine) -> None:
    def paid(row: Row) -> bool:
        day = row["payment_date"]
        return day is None or (day < date(2025, 10, 1) and day.month != 5)

    load(duckdb_memory, [r if paid(r) else {**r, "payment_date": None} for r in sound(1600)])
    findings = found(duckdb_memory)
    late, missing = findings["late_payments"], findings["missing_months"]
    assert late.message.startswith("payments end on 29 Sep 2025, 58 days before orders (limit: 12 days, ")
    assert late.message.endswith("--payments-until 2025-09-30")
    assert missing.message.startswith("no payments from 2025-05-01 up to 2025-06-01, between months that have some\n")
    assert missing.rows > 300


@pytest.mark.parametrize(
    ("kind", "amount"), [("payment", "-10.00"), ("refund", "-10.00"), ("chargeback", None), ("return", None)]
)
def test_amounts_that_move_no_money_refuse(duckdb_memory: Engine, kind: str, amount: str | None) -> None:
    moved = event("e1", "o1", kind, datetime(2025, 3, 1, 12), amount=Decimal(amount) if amount else None)
    paid = event("e2", "o2", "payment", datetime(2025, 3, 1, 12), amount=None)  # empty: the whole order
    load(duckdb_memory, sound(), [moved, paid])
    finding = found(duckdb_memory)["promise.money_events_state_their_amount"]
    assert (finding.level, finding.rows) == ("refuse", 1)
    assert "event_id=e1" in finding.message

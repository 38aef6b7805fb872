"""One event does not make debtors of all who have paid: what changes the source of payments, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

import payrec as public
from payrec.commands.scoring import Worklist
from payrec.common.errors import DataRefused
from payrec.data import layers
from payrec.data.engines import Engine
from payrec.simulate.exports import Portfolio

NOW = datetime(2026, 7, 1, 6)
LINES: dict[str, Callable[[str, date], str]] = {
    "refund": lambda order, _: f"{order},2025-05-01,refund,10.00",
    "attempts": lambda order, paid: f"{order},{paid},attempt,",
    "contacts": lambda order, paid: f"{order},{paid},contact,",
    "half of the payments": lambda order, paid: f"{order},{paid},payment,",
}  # fmt: skip
SHARES = {"refund": 0, "attempts": 1, "contacts": 1, "half of the payments": 2}


@pytest.fixture
def paid(duckdb_memory: Engine, portfolio: Portfolio) -> list[tuple[str, date]]:
    """A thousand orders with payment dates and no events; returned are those that are paid."""
    orders = portfolio.transactions.slice(0, 1_000)
    kept = ["order_id", "customer_id", "currency", "amount", "invoice_date", "payment_date", "provider", "country"]
    duckdb_memory.write("raw_transactions", orders.select(kept), key=())
    return [(r["order_id"], r["payment_date"]) for r in orders.to_pylist() if r["payment_date"]]


def days_before_the_end(engine: Engine, days: int) -> datetime:
    until = layers.observed_until(engine)
    assert until is not None
    return until - timedelta(days=days)


def listed(engine: Engine, models: Path, as_of: datetime | None = None) -> set[str]:
    done: Worklist = public.score(engine, models, as_of=as_of, now=NOW)
    return set(done.ranked["order_id"].to_pylist())


@pytest.mark.parametrize("kind", LINES)
def test_events_that_do_not_explain_the_paid_orders_change_no_list(
    kind: str, paid: list[tuple[str, date]], duckdb_memory: Engine, models: Path, tmp_path: Path
) -> None:
    before = listed(duckdb_memory, models)
    assert 0 < len(before) < 300 < len(paid)
    chosen = paid[: SHARES[kind] and len(paid) // SHARES[kind]] or paid[:1]
    path = tmp_path / "events.csv"
    path.write_text("\n".join(["order_id,event_ts,event_type,amount", *(LINES[kind](*one) for one in chosen)]) + "\n")
    public.load.events(duckdb_memory, path, now=NOW)
    assert listed(duckdb_memory, models) == before
    early = days_before_the_end(duckdb_memory, 180)
    assert listed(duckdb_memory, models, early).isdisjoint(name for name, day in paid if day < early.date())


def test_a_list_of_those_who_have_paid_is_stopped_and_there_is_a_way_back(
    paid: list[tuple[str, date]], duckdb_memory: Engine, models: Path
) -> None:
    engine = duckdb_memory
    public.build(engine)
    early = days_before_the_end(engine, 180)
    before = listed(engine, models, early)
    public.build(engine, payments_from_events=True)
    with pytest.raises(DataRefused) as refused:
        public.score(engine, models, as_of=early, now=NOW)
    assert str(refused.value).splitlines()[-1].endswith("take payment_date again: payrec build --payments-from-dates")
    public.build(engine, as_of=early)
    audit = public.check(engine, now=NOW)
    assert "payments_not_in_log" in [f.code for f in audit.findings]
    public.build(engine, payments_from_events=False)
    assert listed(engine, models, early) == before


def test_a_payment_event_closes_an_order_that_has_no_payment_date(
    paid: list[tuple[str, date]], duckdb_memory: Engine, models: Path, tmp_path: Path
) -> None:
    before = listed(duckdb_memory, models)
    (closed,) = sorted(before)[:1]
    path = tmp_path / "events.csv"
    path.write_text(f"order_id,event_ts,event_type,amount\n{closed},2026-06-29,payment,\n")
    report = public.load.events(duckdb_memory, path, now=NOW)
    assert any(note.startswith("payments stay known from payment_date: only 0 of") for note in report.notes)
    assert listed(duckdb_memory, models) == before - {closed}

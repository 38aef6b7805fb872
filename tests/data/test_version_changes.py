"""What another version of the layers makes of the same facts is counted, once, and reported until it is learnt."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from payrec.data import audit, layers, version_changes
from payrec.data.engines import Engine
from tests.data.portfolios import event, load, order

WANTED = layers.Parameters(as_of=(), landmark_ages=(0, 7), observed_until=datetime(2024, 6, 1))
ORDERS = [order(f"o{n}", f"c{n}", date(2024, 3, 1), payment_date=None) for n in range(4)]
EVENTS = [
    event("e0", "o0", "credit", datetime(2024, 3, 10), amount=ORDERS[0]["amount"]),
    event("e1", "o1", "payment", datetime(2024, 3, 10)),
]


def version(monkeypatch: pytest.MonkeyPatch, file: str, text: str, other: str) -> None:
    """Let the layers be those of another version, in which a file has other SQL."""
    files = tuple((name, sql.replace(text, other) if name == file else sql) for name, sql in layers.layers())
    assert files != layers.layers()
    monkeypatch.setattr(layers, "layers", lambda: files)


def credit_as_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version in which a credit note meant that nothing was recovered."""
    version(monkeypatch, "34_labels.sql", "'void', 'credit', 'stated'", "'void', 'stated'")


def reported(engine: Engine) -> list[str]:
    found = audit.run(engine, datetime(2024, 6, 1)).findings
    return [finding.message for finding in found if finding.code == "version_changes"]


def test_labels_and_snapshots_that_a_version_changed_are_counted_until_a_model_has_learnt_them(
    duckdb_memory: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(duckdb_memory, ORDERS, EVENTS)
    with monkeypatch.context() as former:
        credit_as_lost(former)
        layers.build(duckdb_memory, WANTED)
        layers.build(duckdb_memory, WANTED, full=True)
        assert reported(duckdb_memory) == [], "one version agrees with itself"
    layers.prepare(duckdb_memory)
    layers.change(duckdb_memory, lambda: load(duckdb_memory, [*ORDERS, order("o9", "c9", date(2024, 5, 1))], EVENTS))
    layers.build(duckdb_memory, WANTED)
    (message,) = reported(duckdb_memory)
    assert "of 8 snapshots of open orders 0 were ended, 0 owed another amount, 2 have another label" in message
    assert "payrec train" in message
    layers.build(duckdb_memory, WANTED, full=True)
    assert reported(duckdb_memory) == [message], "building again changes nothing about it"
    version_changes.forget(duckdb_memory)
    assert reported(duckdb_memory) == []


def test_balances_that_a_version_changed_are_counted(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    part = event("e2", "o2", "credit", datetime(2024, 3, 5), amount=ORDERS[2]["amount"] / 4)
    load(engine, ORDERS, [*EVENTS, part, event("e3", "o3", "void", datetime(2024, 3, 5))])
    with monkeypatch.context() as former:
        version(former, "12_stg_money.sql", "WHEN event_type = 'credit' THEN minor", "WHEN event_type = '' THEN minor")
        version(former, "12_stg_money.sql", "WHEN event_type = 'void' THEN 1", "WHEN event_type = '' THEN 1")
        layers.build(engine, WANTED)
    layers.build(engine, WANTED)
    (message,) = reported(engine)
    assert "of 8 snapshots of open orders 1 were ended, 1 owed another amount, 3 have another label" in message


def test_an_erasure_leaves_no_order_among_the_labels_kept(
    duckdb_memory: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(duckdb_memory, ORDERS, EVENTS)
    layers.build(duckdb_memory, WANTED)
    credit_as_lost(monkeypatch)
    layers.prepare(duckdb_memory)
    assert layers.count(duckdb_memory, version_changes.FORMER, "order_id = 'o1'") == 2
    layers.change(duckdb_memory, lambda: True, clears=bool)
    assert version_changes.FORMER not in duckdb_memory.tables()

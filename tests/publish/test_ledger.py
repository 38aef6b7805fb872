from __future__ import annotations

from datetime import datetime

from payrec.data.engines import Engine
from payrec.publish import ledger
from payrec.publish.ledger import Entry

AT = datetime.fromisoformat("2026-01-31T02:00:00")


def test_entries_keep_the_order_in_which_they_came_whatever_the_clock_says(engine: Engine) -> None:
    assert ledger.entries(engine) == []
    made = [Entry(AT.replace(hour=hour), "cron", "publish", f"r{hour}", "done", "ü'") for hour in (5, 3, 4)]
    for entry in made:
        ledger.add(engine, entry)
    assert ledger.entries(engine) == made


def test_a_run_goes_on_where_it_was_broken_off(engine: Engine) -> None:
    assert ledger.begin(engine, AT, "cron", "r1").done == frozenset()
    ledger.add(engine, Entry(AT, "cron", "step.build", "r1", "done"))
    ledger.add(engine, Entry(AT, "cron", "step.score", "r1", "started"))
    assert ledger.begin(engine, AT, "cron", "r1").done == {"build"}
    told = [(entry.what, entry.status) for entry in ledger.entries(engine) if entry.what == "run"]
    assert told == [("run", "started"), ("run", "abandoned"), ("run", "started")]


def test_a_killed_run_is_written_down_by_the_next_and_ended_ones_are_not(engine: Engine) -> None:
    for name, end in (("r1", None), ("r2", "done"), ("r3", "failed")):
        ledger.begin(engine, AT, "cron", name)
        if end:
            ledger.add(engine, Entry(AT, "cron", "run", name, end))  # type: ignore[arg-type]
    ledger.begin(engine, AT, "cron", "r4")
    abandoned = [entry.subject for entry in ledger.entries(engine) if entry.status == "abandoned"]
    assert abandoned == ["r1"]
    assert ledger.begin(engine, AT, "cron", "r2").done == frozenset()


def test_long_details_are_cut(engine: Engine) -> None:
    ledger.add(engine, Entry(AT, "cron", "run", "r1", "failed", "x" * 10_000))
    assert len(ledger.entries(engine)[0].detail) == 4_000

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest

from payrec.data import migrations
from payrec.data.engines import Engine, connect
from payrec.publish import ledger
from payrec.publish.ledger import Entry

AT = datetime.fromisoformat("2026-01-31T02:00:00")


def test_entries_keep_the_order_in_which_they_came_whatever_the_clock_says(engine: Engine) -> None:
    assert ledger.entries(engine) == []
    made = [Entry(AT.replace(hour=hour), "cron", "publish", f"r{hour}", "done", "ü'") for hour in (5, 3, 4)]
    for entry in made:
        ledger.add(engine, entry)
    assert ledger.entries(engine) == made


@pytest.mark.spark
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


def test_a_run_is_the_newest_until_another_begins(engine: Engine) -> None:
    first = ledger.begin(engine, AT, "cron", "r1")
    ledger.add(engine, Entry(AT, "ann", "export", "r1", "started"))
    ledger.require_newest(engine, first)
    second = ledger.begin(engine, AT.replace(hour=1), "bob", "r1")
    with pytest.raises(ledger.LostLock, match="lost its lock: run r1 began after it, by bob") as lost:
        ledger.require_newest(engine, first)
    assert lost.value.exit_code == 5
    ledger.require_newest(engine, second)


def test_numbers_go_on_from_those_of_an_older_payrec(engine: Engine) -> None:
    older = migrations.published(engine.name)[:4]
    migrations.migrate_published(engine, older)
    engine.run(
        "INSERT INTO payrec_ledger (entry_no, happened_at, who, what, subject, status, detail) "
        "VALUES (41, TIMESTAMP '2026-01-30 02:00:00', 'cron', 'run', 'r0', 'done', '')"
    )
    assert ledger.begin(engine, AT, "cron", "r1").entry_no == 42
    assert [entry.subject for entry in ledger.entries(engine)] == ["r0", "r1"]


def test_the_server_records_its_own_clock_and_role(postgres_url: str) -> None:
    with connect(postgres_url) as engine:
        ledger.add(engine, Entry(AT, "nobody", "run", "r1", "done"))
        (row,) = engine.read(
            "SELECT recorded_by, CAST(session_user AS VARCHAR) AS us, "
            "ABS(EXTRACT(EPOCH FROM timezone('UTC', now()) - recorded_at)) < 60 AS is_now FROM payrec_ledger"
        ).to_pylist()
    assert row["recorded_by"] == row["us"]
    assert row["is_now"]


def test_many_writers_at_once_fail_neither_each_other_nor_a_run(postgres_url: str) -> None:
    with connect(postgres_url) as engine:
        migrations.migrate_published(engine)
    over = threading.Event()

    def export(writer: int) -> int:
        written = 0
        with connect(postgres_url) as engine:
            while not over.is_set() or written < 5:
                ledger.add(engine, Entry(AT, f"w{writer}", "export", "r1", "done"))
                written += 1
        return written

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(export, writer) for writer in range(4)]
        with connect(postgres_url) as engine:
            try:
                for at in range(30):
                    begun = ledger.begin(engine, AT, "cron", f"r{at}")
                    ledger.require_newest(engine, begun)
                    ledger.add(engine, Entry(AT, "cron", "run", f"r{at}", "done"))
            finally:
                over.set()
            written = sum(writer.result() for writer in writers)
            known = ledger.entries(engine)
    assert [entry.status for entry in known if entry.what == "run"] == ["started", "done"] * 30
    assert sum(entry.what == "export" for entry in known) == written

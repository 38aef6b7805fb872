"""Where and when it runs changes nothing; what arrives late changes what comes after it."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payrec.data import layers
from payrec.data.engines import Engine
from tests.commands.conftest import DAY, FIRST_NIGHT, Site
from tests.data.portfolios import event, load, order, view
from tests.data.test_warehouse import made

ROOT = Path(__file__).resolve().parents[2]
RUN = """
import sys
from datetime import datetime
from payrec import cli
from payrec.cli import options
options.now = lambda: datetime(2026, 5, 20, 3)
cli.main(sys.argv[1:])
"""


def test_fault_42_a_run_is_the_same_run_in_every_zone_of_the_machine(site: Site, tmp_path: Path) -> None:
    digests = set()
    zones = ("UTC", "Pacific/Kiritimati", "America/St_Johns")
    for zone in zones:
        out = tmp_path / f"{zone.replace('/', '-')}.csv"
        given = os.environ | site.environment() | {"TZ": zone, "PYTHONPATH": str(ROOT)}
        for words in (["run", "--as-of", str(FIRST_NIGHT)], ["worklist", "--out", str(out)]):
            done = subprocess.run([sys.executable, "-c", RUN, *words], env=given, capture_output=True, check=False)
            assert done.returncode in (0, 1), done.stderr
        digests.add(hashlib.sha256(out.read_bytes()).hexdigest())
        assert len(list(site.folder.glob("published/current"))) == (1 if site.published else 0)
    assert len(digests) == 1
    if site.published:  # the second and the third found the run of the first done already
        assert len(list((site.published / "runs").iterdir())) == 1


@pytest.mark.parametrize(
    ("day", "last"),
    [
        (date(2024, 1, 30), date(2024, 2, 29)),  # 30 days on is 29 February
        (date(2025, 1, 30), date(2025, 3, 1)),  # in a year without it
        (date(2025, 12, 15), date(2026, 1, 14)),  # over the end of the year
        (date(2026, 3, 1), date(2026, 3, 31)),  # over the change of the clock in Europe
        (date(2026, 10, 20), date(2026, 11, 19)),  # and back, there and in America
    ],
)
def test_fault_42_thirty_days_are_thirty_days_of_the_calendar(engine: Engine, day: date, last: date) -> None:
    rows = [order("in", "c1", day, payment_date=last), order("late", "c2", day, payment_date=last + timedelta(days=1))]
    load(engine, rows)
    ages = layers.Parameters((), (0,), 30, observed_until=datetime(2027, 1, 1))
    layers.build(engine, ages)
    view = f"SELECT order_id, label_recovered_30d AS label FROM {layers.VIEW} ORDER BY order_id"
    assert engine.read(view).to_pylist() == [{"order_id": "in", "label": 1}, {"order_id": "late", "label": 0}]


def test_fault_32_a_payment_that_arrives_late_changes_its_label_and_no_other(engine: Engine) -> None:
    day = date(2026, 1, 5)
    rows = [order(name, f"c-{name}", day) for name in ("one", "two")]
    tries = [event(f"t-{name}", name, "attempt", datetime(2026, 1, 5, 10)) for name in ("one", "two")]
    paid = event("p-one", "one", "payment", datetime(2026, 1, 20, 10), amount=rows[0]["amount"])
    asked = layers.Parameters((), (0,), 30, observed_until=datetime(2026, 6, 1))
    labels = f"SELECT order_id, label_recovered_30d AS label FROM {layers.VIEW} ORDER BY order_id"
    load(engine, rows, tries)
    layers.build(engine, asked)
    assert [row["label"] for row in engine.read(labels).to_pylist()] == [0, 0]
    load(engine, rows, [*tries, paid])
    assert not layers.answers(engine, asked), "the layers are of the rows before"
    layers.build(engine, asked)
    assert [row["label"] for row in engine.read(labels).to_pylist()] == [1, 0]


def test_fault_32_a_past_list_stays_as_it_was(site: Site) -> None:
    first = site.night(FIRST_NIGHT)
    site.arrive(FIRST_NIGHT + 3 * DAY)
    second = site.night(FIRST_NIGHT + 3 * DAY)
    assert second.published.run.run_id != first.published.run.run_id
    if site.published:
        kept = site.published / "runs" / first.published.run.run_id / "scores.parquet"
        assert pyarrow.parquet.read_metadata(kept).num_rows == first.published.orders


@pytest.mark.parametrize("name", ["duckdb", "postgres"])
def test_fault_42_the_order_in_which_facts_arrive_changes_nothing(
    open_engine: Callable[[str], Engine], name: str
) -> None:
    """Rows in any order, in any number of loads with builds between them: the same features as all at once."""
    engine = open_engine(name)
    asked = layers.Parameters((datetime(2024, 6, 1),), (0, 7, 30), observed_until=datetime(2025, 6, 1))

    @settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
    @given(seed=st.integers(0, 10**6), parts=st.integers(1, 3))
    def holds(seed: int, parts: int) -> None:
        rows, events = made(seed, orders=25)
        load(engine, rows, events)
        wanted = view(engine, asked)
        rng = random.Random(seed)
        rng.shuffle(rows)
        rng.shuffle(events)
        for part in range(1, parts + 1):
            load(engine, rows[: len(rows) * part // parts], events[: len(events) * part // parts])
            assert part < parts or view(engine, asked) == wanted
            layers.build(engine, asked)

    holds()

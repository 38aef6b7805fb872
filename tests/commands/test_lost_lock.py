"""A run that lost its lock while it scored does not publish; the list of the run that began after it is served."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from payrec.commands import privacy
from payrec.commands.run_report import RunReport
from payrec.common.errors import Locked
from payrec.data import layers, leases
from payrec.publish import ledger
from payrec.publish.database_store import DatabaseStore
from payrec.publish.ledger import LostLock
from payrec.publish.store import open_store
from payrec.simulate import simulator
from tests.commands.conftest import DAY, FIRST_NIGHT, Site

END_LOCKS = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name LIKE 'payrec 1 %'"
)


@pytest.fixture
def site(postgres_url: str, tmp_path: Path, models: Path) -> Site:
    made = Site(postgres_url, tmp_path, models, simulator.portfolio(500, 2))
    made.arrive(FIRST_NIGHT)
    return made


def before_publishing(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> None:
    """Do ``work`` once, when the first run has scored and is about to publish."""
    real, begun = DatabaseStore.commit, []

    def commit(self: DatabaseStore, *arguments: Any, **options: Any) -> bool:
        if not begun:
            begun.append(1)
            work()
        return real(self, *arguments, **options)

    monkeypatch.setattr(DatabaseStore, "commit", commit)


def end_the_lock(site: Site) -> None:
    with psycopg.connect(site.url, autocommit=True) as admin:
        assert admin.execute(END_LOCKS).rowcount == 1


def test_a_run_whose_lock_was_ended_publishes_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    first = site.night().published.run.run_id
    site.arrive(FIRST_NIGHT + DAY)
    before_publishing(monkeypatch, lambda: end_the_lock(site))
    with pytest.raises(LostLock, match="this run lost its lock: its connection to the database was ended") as lost:
        site.night(FIRST_NIGHT + DAY)
    assert lost.value.exit_code == 5
    with site.open() as engine:
        assert [one.run.run_id for one in open_store(engine).runs()] == [first]
        last = ledger.entries(engine)[-1]
    assert (last.what, last.status) == ("lock", "failed")
    assert not site.night(FIRST_NIGHT + DAY).already_done


def test_a_newer_run_is_served_and_the_older_does_not_publish(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    newer: list[RunReport] = []

    def take_over() -> None:
        end_the_lock(site)
        newer.append(site.night(FIRST_NIGHT))

    before_publishing(monkeypatch, take_over)
    with pytest.raises(LostLock, match=f"lost its lock: run {FIRST_NIGHT:%Y%m%d}.* began after it"):
        site.night(FIRST_NIGHT)
    with site.open() as engine:
        store = open_store(engine)
        assert store.runs() == [newer[0].published]
        assert ledger.ended(engine, newer[0].published.run.run_id)
    assert site.night(FIRST_NIGHT).already_done


def test_fault_51_an_erasure_waits_until_nobody_reads_the_layers(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = site.night().ranked["customer_id"][0].as_py()
    monkeypatch.setattr(leases, "WAIT_S", 0.2)

    def erase() -> privacy.Erased:
        return privacy.erase(site.url, customer, FIRST_NIGHT, site.folder / "published", site.folder)

    with site.open() as reader, reader.lease(exclusive=False, wait_s=0.0) as free:
        assert free
        with pytest.raises(Locked, match="reading or rebuilding the layers"):
            erase()
        assert reader.read(f"SELECT * FROM {layers.VIEW} LIMIT 1").num_rows == 1
    assert erase().raw["raw_transactions"] > 0

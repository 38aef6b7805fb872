"""The server goes away in the middle, the disk is full: said, the former list is served, then the next run is right."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import postgres_server
from payrec.common.errors import DatabaseUnreachable, DataRefused, UsageError
from payrec.data.engines import connect
from payrec.data.engines.postgres import Postgres
from payrec.publish.store import open_store
from payrec.simulate import simulator
from tests.commands.conftest import DAY, FIRST_NIGHT, Site
from tests.commands.test_night import store_of

MNT_DETACH = 2


@pytest.fixture(scope="module")
def server() -> Iterator[postgres_server.Server]:
    """A server of our own, that may be stopped; what it was told to keep it keeps."""
    with postgres_server.running(fsync="on", synchronous_commit="on", full_page_writes="on") as made:
        yield made


@pytest.mark.parametrize("table", ["payrec_scores", "payrec_run_details", "payrec_ledger"])
def test_a_server_that_stops_in_the_middle_of_a_write(
    server: postgres_server.Server, tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    postgres_server.create_database(server.url("postgres"), table)
    site = Site(server.url(table), tmp_path, models, simulator.portfolio(500, 2))
    site.arrive(FIRST_NIGHT)
    first = site.night().published.run.run_id
    site.arrive(FIRST_NIGHT + DAY)
    append, run, stopped = Postgres.append, Postgres.run, []

    def stop(written: str) -> None:
        if table == written and not stopped:
            stopped.append(written)
            server.stop()

    def stopping_append(self: Postgres, into: str, batch: Any, *, staged: bool) -> None:
        stop(into)
        append(self, into, batch, staged=staged)

    def stopping_run(self: Postgres, sql: str) -> None:
        stop("payrec_ledger" if "payrec_add_entry" in sql else "")
        run(self, sql)

    monkeypatch.setattr(Postgres, "append", stopping_append)
    monkeypatch.setattr(Postgres, "run", stopping_run)
    monkeypatch.setattr("payrec.data.engines.retry.time.sleep", lambda _: None)
    with pytest.raises(DatabaseUnreachable) as lost:
        site.night(FIRST_NIGHT + DAY)
    assert lost.value.exit_code == 6
    assert postgres_server.PASSWORD not in str(lost.value) + str(getattr(lost.value, "__notes__", ""))
    server.start()
    monkeypatch.undo()
    with connect(site.url) as engine:
        assert [one.run.run_id for one in open_store(engine).runs()] == [first]
        assert set(engine.read("SELECT run_id FROM payrec_scores")["run_id"].to_pylist()) == {first}
    done = site.night(FIRST_NIGHT + DAY)
    with connect(site.url) as engine:
        assert [one.run.run_id for one in open_store(engine).runs()] == [done.published.run.run_id, first]
        counted = engine.read("SELECT COUNT(*) AS n, COUNT(DISTINCT order_id) AS d FROM payrec_worklist").to_pylist()
    assert counted == [{"n": done.published.orders, "d": done.published.orders}]
    postgres_server.drop_database(server.url("postgres"), table)


@pytest.mark.parametrize("cut_at", ["customer_states", "payrec_scores", "payrec_monitor"])
def test_fault_08_a_connection_cut_in_the_middle_is_made_again(
    postgres_url: str, tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch, cut_at: str
) -> None:
    site = Site(postgres_url, tmp_path, models, simulator.portfolio(500, 2))
    site.arrive(FIRST_NIGHT)
    cuts: list[str] = []

    def cut(text: str) -> None:
        if cut_at in text and not cuts:
            cuts.append(text)
            with psycopg.connect(postgres_url, autocommit=True) as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid() "
                    "AND application_name = 'payrec'"  # the lock's connection has a name of its own
                )

    run, append = Postgres.run, Postgres.append

    def cutting_run(self: Postgres, sql: str) -> None:
        cut(sql if sql.lstrip().startswith("--") else "")
        run(self, sql)

    def cutting_append(self: Postgres, into: str, batch: Any, *, staged: bool) -> None:
        cut(into)
        append(self, into, batch, staged=staged)

    monkeypatch.setattr(Postgres, "run", cutting_run)
    monkeypatch.setattr(Postgres, "append", cutting_append)
    monkeypatch.setattr("payrec.data.engines.retry.time.sleep", lambda _: None)
    done = site.night()
    assert cuts
    with connect(site.url) as engine:
        assert [one.run.run_id for one in open_store(engine).runs()] == [done.published.run.run_id]
        counted = engine.read("SELECT COUNT(*) AS n, COUNT(DISTINCT order_id) AS d FROM payrec_worklist").to_pylist()
    assert counted == [{"n": done.published.orders, "d": done.published.orders}]


# in a process of its own, as every run is: DuckDB 2.0.0 does not open a file again in the process in which it could not
# close it for want of room
COMMAND = """
import sys
from datetime import datetime
from payrec import cli
from payrec.cli import options
options.now = lambda: datetime(2026, 5, 21, 3)
cli.main(sys.argv[1:])
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MB, where mounting is allowed."""
    place = tmp_path / "disk"
    place.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", os.fsencode(place), b"tmpfs", 0, b"size=24m"):
        pytest.skip(f"a small disk cannot be mounted here: {os.strerror(ctypes.get_errno())}")
    try:
        yield place
    finally:
        libc.umount2(os.fsencode(place), MNT_DETACH)


@pytest.mark.parametrize("left_bytes", [0, 40_000, 400_000])
def test_a_full_disk_leaves_the_former_list(
    tmp_path: Path, small_disk: Path, models: Path, left_bytes: int, duckdb_url: str
) -> None:
    del duckdb_url
    site = Site(f"duckdb:///{small_disk / 'payrec.duckdb'}", small_disk, models, simulator.portfolio(500, 2))
    site.arrive(FIRST_NIGHT)
    first = site.night()
    site.arrive(FIRST_NIGHT + DAY)
    filler = small_disk / "filler"
    _fill(filler, left_bytes)
    assert site.published is not None
    done = run_again(site)
    if left_bytes == 0 or done.returncode not in (0, 1):
        assert done.returncode in (2, 6), done.stderr
        assert str(small_disk) in done.stderr
        assert "disk is full" in done.stderr
        assert "Traceback" not in done.stderr
        assert open_store(site.published).runs()[-1] == first.published
    assert open_store(site.published).scores(first.published.run.run_id).num_rows == first.published.orders
    filler.unlink()
    assert run_again(site).returncode in (0, 1)
    served = open_store(site.published).runs()
    assert [one.run.as_of for one in served] == [FIRST_NIGHT + DAY, FIRST_NIGHT]
    assert served[1] == first.published
    ids = [one.run.run_id for one in served]
    assert sorted(path.name for path in (site.published / "runs").iterdir()) == sorted(ids)


def run_again(site: Site) -> subprocess.CompletedProcess[str]:
    """Have the command of the second night run in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", COMMAND, "run", "--as-of", str(FIRST_NIGHT + DAY)],
        capture_output=True, text=True, check=False, timeout=300,
        env={k: v for k, v in os.environ.items() if not k.startswith("PAYREC_")} | site.environment(),
    )  # fmt: skip


def _fill(path: Path, left_bytes: int) -> None:
    free = shutil.disk_usage(path.parent).free
    with path.open("wb") as sink:
        sink.write(b"\0" * max(0, free - left_bytes))


def test_a_folder_that_cannot_be_written_is_said_at_the_start(
    tmp_path: Path, models: Path, portfolio: simulator.Portfolio, duckdb_url: str
) -> None:
    (tmp_path / "file").write_text("")
    site = Site(duckdb_url, tmp_path, models, portfolio)
    with pytest.raises(UsageError, match=r"cannot write .*file"):
        site.night(lock_folder=tmp_path / "file" / "below")


def test_a_damaged_file_of_an_old_list_is_named_once_and_stops_no_run(site: Site) -> None:
    if site.published is None:  # the server keeps its files whole
        with site.open() as engine:
            assert open_store(engine).repair() == []
        return
    first = site.night(FIRST_NIGHT).published.run.run_id
    site.arrive(FIRST_NIGHT + DAY)
    (site.published / "runs" / first / "scores.parquet").write_bytes(b"")
    report = site.night(FIRST_NIGHT + DAY)
    assert report.level == "alarm"
    damaged = [one.sentence for one in report.verdicts if one.figure.metric == "damaged"]
    assert [sentence.startswith(f"runs/{first} is damaged") for sentence in damaged] == [True]
    assert open_store(site.published).runs() == [report.published]
    again = site.night(FIRST_NIGHT + DAY)
    assert again.already_done
    shutil.rmtree(site.published / "runs" / report.published.run.run_id)
    restored = site.night(FIRST_NIGHT + DAY)
    assert not restored.already_done
    assert restored.ranked == report.ranked
    assert restored.level == "alarm"


def test_fault_75_verdicts_that_are_gone_are_made_again_or_named_once(site: Site) -> None:
    first = site.night().published.run.run_id
    site.arrive(FIRST_NIGHT + DAY)
    second = site.night(FIRST_NIGHT + DAY)
    run_id = second.published.run.run_id
    for gone in (first, run_id):
        if site.published:
            (site.published / "monitor" / f"{gone}.parquet").unlink()
        else:
            with site.open() as engine:
                engine.run(f"DELETE FROM payrec_monitor WHERE run_id = '{gone}'")
    again = site.night(FIRST_NIGHT + DAY)
    assert (again.already_done, again.level) == (False, "alarm")
    named = [one for one in again.verdicts if one.figure.metric == "damaged"]
    assert [f"monitor/{gone}.parquet is damaged (it is missing)" in one.sentence or gone in one.figure.subject
            for one, gone in zip(named, (run_id, first), strict=True)] == [True, True]  # fmt: skip
    assert {one.sentence for one in second.verdicts} <= {one.sentence for one in again.verdicts}
    with store_of(site) as store:
        assert set(store.verdicts()["run_id"].to_pylist()) == {first, run_id}
    assert site.night(FIRST_NIGHT + DAY).already_done


def test_fault_76_a_list_that_the_retention_would_delete_at_once_is_refused(site: Site) -> None:
    night = site.night().published.run.run_id
    with pytest.raises(UsageError, match="lists are deleted after 2 days"):
        site.night(FIRST_NIGHT - 9 * DAY, now=FIRST_NIGHT + DAY / 2, retention_days=2)
    with store_of(site) as store:
        assert [one.run.run_id for one in store.runs()] == [night]
    kept = site.night(FIRST_NIGHT - 9 * DAY, now=FIRST_NIGHT + DAY / 2, retention_days=2, serve=True)
    with store_of(site) as store:
        assert [one.run.run_id for one in store.runs()] == [kept.published.run.run_id, night]


def test_fault_84_no_list_is_made_of_facts_that_are_gone_unless_the_caller_says_so(site: Site) -> None:
    first = site.night(FIRST_NIGHT).published.run
    site.arrive(FIRST_NIGHT + DAY)
    with site.open() as engine:
        engine.run("DELETE FROM raw_events; DROP TABLE stg_orders" + " CASCADE" * (engine.name == "postgres"))
    with pytest.raises(DataRefused, match=r"found 0 \w+, expected about .*: facts are gone\n.*--serve"):
        site.night(FIRST_NIGHT + DAY)
    with store_of(site) as lists:
        assert [one.run.run_id for one in lists.runs()] == [first.run_id]
    assert site.night(FIRST_NIGHT + DAY, serve=True).published.run.as_of == FIRST_NIGHT + DAY

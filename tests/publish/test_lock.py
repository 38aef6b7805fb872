from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from payrec.common.errors import Locked
from payrec.publish import lock
from payrec.publish.ledger import LostLock

US = lock.Holder(1, "here", datetime.fromisoformat("2026-02-01"))
CHILD = """
import json, os, sys
from datetime import datetime
from pathlib import Path
from payrec.publish import lock
url, folder = json.loads(sys.argv[1])
with lock.held(url, Path(folder), lock.Holder(os.getpid(), "there", datetime(2026, 1, 31, 2))):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def another_run(url: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock until it is told to go, or is killed."""
    arguments = [sys.executable, "-c", CHILD, json.dumps([url, str(folder)])]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        try:
            yield child
        finally:
            child.kill()


@pytest.mark.spark
def test_the_second_run_is_told_who_holds_the_lock(engine_url: str, tmp_path: Path) -> None:
    with (
        another_run(engine_url, tmp_path) as child,
        pytest.raises(Locked) as refused,
        lock.held(engine_url, tmp_path, US),
    ):
        pytest.fail("two runs at once")
    assert str(refused.value).splitlines() == [
        f"another run holds the lock: process {child.pid} on there, since 2026-01-31 02:00:00 UTC",
        "wait until it finishes, or start with --wait",
    ]
    assert refused.value.exit_code == 5


def test_the_lock_of_a_dead_process_is_taken(engine_url: str, tmp_path: Path) -> None:
    with another_run(engine_url, tmp_path) as child:
        child.kill()
        child.wait()
        with lock.held(engine_url, tmp_path, US, wait_s=30):  # a server may take a moment to see it
            pass


def test_a_run_that_waits_gets_the_lock_in_the_end(engine_url: str, tmp_path: Path) -> None:
    with another_run(engine_url, tmp_path) as child:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
        with lock.held(engine_url, tmp_path, US, wait_s=30):
            pass


def test_the_lock_is_free_after_a_run_even_if_it_fails(engine_url: str, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), lock.held(engine_url, tmp_path / "new", US):
            _ = 1 / 0
    with lock.held(engine_url, tmp_path / "new", US):
        pass


def test_two_databases_do_not_lock_each_other(tmp_path: Path) -> None:
    with another_run("duckdb://", tmp_path / "a"), lock.held("duckdb://", tmp_path / "b", US):
        pass


def test_a_holder_without_a_name_is_still_a_holder(tmp_path: Path) -> None:
    with another_run("duckdb://", tmp_path):
        (tmp_path / "payrec.lock.holder").write_text("{")
        with pytest.raises(Locked, match="holder unknown yet"), lock.held("duckdb://", tmp_path, US):
            pass


def end_sessions_of(url: str, application: str) -> None:
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name LIKE %s",
            (application,),
        )


def test_a_lock_whose_connection_was_ended_is_known_to_be_lost(postgres_url: str, tmp_path: Path) -> None:
    with lock.held(postgres_url, tmp_path, US) as still_held:
        still_held()
        end_sessions_of(postgres_url, "payrec 1 %")
        with pytest.raises(LostLock, match="its connection to the database was ended") as lost:
            still_held()
    assert lost.value.exit_code == 5


def test_a_server_that_ends_idle_connections_does_not_end_the_lock(postgres_url: str, tmp_path: Path) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        name = urlsplit(postgres_url).path.removeprefix("/")
        admin.execute(f"ALTER DATABASE {name} SET idle_session_timeout = '200ms'")  # type: ignore[call-overload]
    with lock.held(postgres_url, tmp_path, US) as still_held, psycopg.connect(postgres_url) as other:
        other.execute("SELECT pg_sleep(1)")  # the lock's own connection is idle meanwhile
        still_held()
        with pytest.raises(Locked), lock.held(postgres_url, tmp_path, US):
            pass


def test_a_stopped_holder_keeps_the_lock_until_its_connection_ends(postgres_url: str, tmp_path: Path) -> None:
    with another_run(postgres_url, tmp_path) as child:
        child.send_signal(signal.SIGSTOP)
        with pytest.raises(Locked), lock.held(postgres_url, tmp_path, US):
            pass
        end_sessions_of(postgres_url, f"payrec {child.pid} %")
        with lock.held(postgres_url, tmp_path, US, wait_s=30):
            child.send_signal(signal.SIGCONT)


def test_a_lock_file_that_was_deleted_is_known_to_be_lost(tmp_path: Path) -> None:
    with lock.file_lock(tmp_path, US) as still_held:
        still_held()
        (tmp_path / lock.NAME).unlink()
        with pytest.raises(LostLock, match="was deleted"):
            still_held()

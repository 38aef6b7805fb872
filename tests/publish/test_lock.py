from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from payrec.common.errors import Locked
from payrec.publish import lock

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

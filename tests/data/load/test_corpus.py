"""Every file of the hostile corpus: all its rows accounted for, or refused in plain words with everything as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from payrec.common.errors import DataRefused, UsageError
from payrec.data import layers, load
from payrec.data.engines import Engine, connect
from tests.data.load import hostile
from tests.data.load.files import NOW, lines, order, written
from tests.data.load.hostile import Hostile

ROOT = Path(__file__).resolve().parents[3]
LOOSE = 0.9  # with good rows among them, files of strange values load
PEAK_MB = 600
FILES = list(hostile.corpus())


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One database that all files are loaded into, with an order in it."""
    with connect("duckdb://") as engine:
        layers.prepare(engine)
        load.load_file(
            "transactions",
            engine,
            written(tmp_path_factory.mktemp("first"), lines(order(0, order_id="first"))),
            now=NOW,
        )
        yield engine


@pytest.mark.parametrize("one", FILES, ids=lambda one: one.name.removesuffix(".csv"))
def test_any_file_is_accounted_for_or_refused(one: Hostile, database: Engine, tmp_path: Path) -> None:
    path = written(tmp_path, one.content, one.name)
    before = database.fingerprint("raw_transactions")
    share = LOOSE if one.name.startswith("values") else 0.05
    options = load.Options(encoding=one.encoding, max_rejected_share=share)
    try:
        report = load.load_file(
            "transactions", database, path, None, NOW, replace(options, rejects=tmp_path / "rejects.csv")
        )
    except (DataRefused, UsageError) as error:
        refused = error
    else:
        assert one.outcome != "refused"
        assert report.rows_in == report.loaded + report.rejected + report.duplicates + report.left_out
        assert one.rows in (None, report.rows_in)
        assert all(line.isprintable() for line in report.lines())
        return
    assert one.outcome != "loads", refused
    expect_plain(str(refused), refused.exit_code)
    assert database.fingerprint("raw_transactions") == before


def expect_plain(message: str, exit_code: int) -> None:
    """A few lines that a terminal shows as they are, and a fixed exit code."""
    assert exit_code in (2, 3)
    assert 1 <= len(message.splitlines()) <= 4
    assert message.replace("\n", "").isprintable()
    assert "Traceback" not in message


def test_fault_37_what_would_use_up_the_machine_is_refused_in_little_memory(tmp_path: Path) -> None:
    """Each file is loaded by a program of its own, which tells the most memory it took; it starts at some 200 MB."""
    program = [sys.executable, "-m", "tests.data.load.peak"]
    paths = {one.name: str(written(tmp_path, one.content, one.name)) for one in hostile.heavy()}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(
        [*program, *paths.values()], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    told = dict(line.rsplit("\t", 1) for line in done.stdout.splitlines())
    assert set(told) == set(paths)
    assert {name: peak for name, peak in told.items() if int(peak) > PEAK_MB} == {}


def test_the_names_of_the_files_differ() -> None:
    assert len({one.name for one in FILES}) == len(FILES)

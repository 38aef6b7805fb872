"""A few trials of two commands at once with a fault between them; ``make pairs`` makes hundreds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_two_commands_and_a_fault_between_them(tmp_path: Path, models: Path) -> None:
    figures = tmp_path / "pairs.json"
    words = ["--trials", "2", "--seed", "5", "--only", "duckdb", "--pair", "erase+run", "--out", str(figures)]
    words += ["--models", str(models)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.harness.pairs", *words],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    trials = json.loads(figures.read_text())["trials"]
    assert sum(len(numbers) for numbers in trials["duckdb:erase + run"].values()) == 2

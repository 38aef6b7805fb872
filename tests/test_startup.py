"""What starts quickly: a command imports only what it needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"sklearn", "scipy", "altair", "xgboost", "streamlit", "pandas", "vl_convert", "jinja2"}
SCRIPT = """
import sys
from payrec.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    print("\\nimported:", *(name for name in sys.modules if "." not in name), file=sys.stderr)
    raise
"""


def imported(arguments: list[str], folder: Path) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 2), done.stderr  # 2: nothing has been published yet
    return set(done.stderr.splitlines()[-1].removeprefix("imported:").split())


@pytest.mark.parametrize(
    "words", ["--help", "sql", "sql features", "models list", "models --help", "load --help"], ids=lambda w: w
)
def test_a_light_command_imports_nothing_heavy(words: str, tmp_path: Path) -> None:
    assert imported(words.split(), tmp_path) & HEAVY == set()


def test_help_needs_neither_data_nor_settings(tmp_path: Path) -> None:
    assert imported(["--help"], tmp_path) & {"numpy", "pyarrow", "duckdb", "pydantic"} == set()


def test_loading_building_and_watching_import_nothing_that_learns_or_draws(tmp_path: Path) -> None:
    light = HEAVY - {"pandas", "jinja2"}  # Arrow looks for pandas whenever it is handed a Python value
    file = tmp_path / "orders.csv"
    file.write_text("order_id,customer_id,amount,currency,invoice_date,payment_date\n1,a,10.00,EUR,2025-01-31,\n")
    assert imported(["load", "transactions", str(file)], tmp_path) & light == set()
    assert imported(["build"], tmp_path) & light == set()
    assert imported(["monitor"], tmp_path) & light == set()
    assert imported(["holdout", "status"], tmp_path) & light == set()
    assert imported(["worklist", "--out", "list.csv"], tmp_path) & light == set()

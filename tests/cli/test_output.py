"""What is printed: no control code from data, any encoding, and a stdout that cannot be written."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payrec.cli import output
from payrec.common.text import CONTROLS
from tests.cli.conftest import PROGRAM

ANY_TEXT = st.text(st.characters() | st.sampled_from("\x1b\x9b\x07\x08\r\u202e\u2066\u200f"), max_size=30)


@given(ANY_TEXT)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_control_code_of_data_reaches_the_terminal(capsys: pytest.CaptureFixture[str], text: str) -> None:
    output.say(text)
    output.note(text)
    output.table([text, "b"], [(text, 1), (None, text)], title=text)
    with output.steps(as_json=False) as step:
        step(text)
    output.emit({"name": text, text: [text]}, True, lambda: None)
    printed = "".join(capsys.readouterr())
    assert not re.search(f"(?!\n)(?:{CONTROLS})", printed)


@given(ANY_TEXT.filter(lambda text: text.isprintable() or text.isascii()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_json_keeps_every_value(capsys: pytest.CaptureFixture[str], text: str) -> None:
    output.emit({"name": text}, True, lambda: None)
    assert json.loads(capsys.readouterr().out) == {"name": text}


@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["text", "json"])
def test_fault_65_a_full_stdout_after_the_work_is_a_warning(tmp_path: Path, as_json: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [PROGRAM, "simulate", "--orders", "20", *as_json], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE,
            text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0
    assert "warning: cannot print the result: no space left on device; the files are in out/simulated" in done.stderr
    assert (tmp_path / "out" / "simulated" / "transactions.csv").exists()


def test_fault_65_a_full_stdout_of_a_command_that_only_prints_is_exit_2(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [PROGRAM, "sql", "features"], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 2)


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
    ids=["ascii", "C"],
)
def test_fault_65_letters_that_the_encoding_lacks_are_replaced(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "Zoë.csv").write_text("order_id,customer_id\nA,me\n")
    done = subprocess.run(
        [PROGRAM, "load", "transactions", "Zoë.csv"], cwd=tmp_path, capture_output=True, check=False,
        env={"PATH": "/usr/bin:/bin", **environment},
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert b"internal error" not in done.stderr


def test_a_reader_that_closes_the_pipe_is_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", '"$0" sql features | head -c 1', str(PROGRAM)], cwd=tmp_path, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")

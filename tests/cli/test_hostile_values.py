"""Whatever an option, an argument or a setting is given: a documented exit code and one to three sentences."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import payrec
from payrec import cli
from payrec.common.errors import UsageError
from payrec.common.settings import Settings
from payrec.common.text import CONTROLS

NUMBERS = ("", "nan", "inf", "-inf", "-1", "0", "1e309", "0x10", "\u0661\u0662", "9" * 20, "-" + "9" * 20, "2147483648")
TIMES = (
    *("", "nan", "\x1b[31m", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1900-01-01", "2199-12-31"),
    *("2026-06-30T25:00", "2026-06-30T06:00+99:00", "20260630T06", "x" * 5000),
)
ADDRESSES = (
    *("", "duckdb:///folder", "duckdb:///", "postgresql://u:p@[::1]:1/x", "postgresql://%zz@:/?="),
    *("postgresql:///x?port=nan", "postgresql://[", "spark://", "mysql://x", "\x1b[31mred", "\u202eabc\u2066"),
)
TEXTS = (
    *("", " ", "-", "%s%n", "\x1b[31mred\x9b2J", "line\nbreak", "\u202eabc\u2066", "\udcff", "'; DROP TABLE x; --"),
    *("a/../x.csv", "folder", "x" * 5000, "a/b/c.csv", ".csv", "champion", "utf-99", "0,-7", "1,"),
)
LONGEST_LINES = 3
DOCUMENTED = {0, 1, 2, 3, 4, 5, 6, 7}
BENIGN = {
    "kind": "transactions",
    "file": "t.csv",
    "out": "o.csv",
    "customer_id": "c",
    "order_id": "o",
    "reference": "x",
}
SLOW = ("demo", "simulate")  # for these commands any number is a valid size: their work is left out


def _commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name), command


def _values(parameter: Any) -> tuple[str, ...]:
    if parameter.name in ("as_of", "observed_until", "split", "until"):
        return TIMES
    is_number = parameter.type_descriptor.annotation in (int, float)
    return ADDRESSES if parameter.name == "url" else NUMBERS if is_number else TEXTS


BUILT = typer.main.get_command(cli.app)
COMMANDS = dict(_commands(BUILT))
AGAIN = 2  # values for an option that another command has, too


def _parameters() -> Iterator[tuple[tuple[str, ...], str, tuple[str, ...]]]:
    """Yield each option of each command: all its values once, then some for every command that shares it."""
    seen: dict[str, int] = {}
    for path, command in COMMANDS.items():
        for parameter in command.params:
            if getattr(parameter, "is_flag", False) or parameter.name == "help":
                continue
            values, times = _values(parameter), seen.get(parameter.name, 0)
            seen[parameter.name] = times + 1
            start = AGAIN * times % len(values)
            yield path, parameter.name, (values[start:] + values[:start])[:AGAIN] if times else values


PARAMETERS = list(_parameters())


@pytest.fixture(autouse=True)
def _small_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder and an empty database in memory; nothing is simulated, and no server starts.

    All values that are taken for paths lead into the folder: a wrong one may be written to.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # privacy searches it: nothing of other programs is read
    (tmp_path / "folder").mkdir()
    for name in [name for name in os.environ if name.startswith(("PAYREC_", "PG"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PAYREC_DATABASE", "duckdb://")
    (tmp_path / "t.csv").write_text("order_id,customer_id,amount,currency,invoice_date,payment_date\nA,c,1.00,EUR,,\n")

    def stands_for_work(*_: object, **__: object) -> None:
        raise UsageError("left out here")

    for name in SLOW:
        monkeypatch.setattr(payrec, name, stands_for_work)
    monkeypatch.setattr(os, "execv", lambda *_: None)
    monkeypatch.setattr(cli, "app", BUILT)  # typer would build it again for every call


def _expect_documented(arguments: list[str], captured: pytest.CaptureFixture[str]) -> int:
    captured.readouterr()
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    out, err = captured.readouterr()
    assert ended.value.code in DOCUMENTED, (arguments, err)
    assert "internal error" not in err, (arguments, err)
    assert "Traceback" not in err, arguments
    assert not re.search(f"(?!\n)(?:{CONTROLS})", out + err), (arguments, err)
    if ended.value.code:
        assert 1 <= len(err.splitlines()) <= LONGEST_LINES, (arguments, err)
    return int(ended.value.code)


def _call(path: tuple[str, ...], name: str, value: str) -> list[str]:
    options, words = [], []
    for parameter in COMMANDS[path].params:
        if parameter.name == "as_json":
            options.append("--json")  # the refusal is then all there is on stderr
        is_argument = parameter.param_type_name == "argument"
        text = value if parameter.name == name else BENIGN.get(parameter.name) if parameter.required else None
        if text is not None:
            (words if is_argument else options).append(text if is_argument else f"{parameter.opts[0]}={text}")
    return [*path, *options, "--", *words]


@pytest.mark.parametrize(("path", "name", "values"), PARAMETERS, ids=[f"{'-'.join(p)}-{n}" for p, n, _ in PARAMETERS])
def test_any_value_of_any_option_ends_with_a_code_and_a_sentence(
    path: tuple[str, ...], name: str, values: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    for value in values:
        _expect_documented(_call(path, name, value), capfd)


@given(st.sampled_from(PARAMETERS), st.text(st.characters(exclude_characters="\0"), max_size=20))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_in_any_option_ends_with_a_code_and_a_sentence(
    capfd: pytest.CaptureFixture[str], parameter: tuple[tuple[str, ...], str, object], value: str
) -> None:
    _expect_documented(_call(*parameter[:2], value), capfd)


@pytest.fixture
def names_read(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of the settings that commands read."""
    names: set[str] = set()

    def reading(settings: Settings, name: str) -> object:
        names.add(name)
        return object.__getattribute__(settings, name)

    monkeypatch.setattr(Settings, "__getattribute__", reading)
    return names


@pytest.mark.parametrize("name", Settings.model_fields)
def test_any_value_of_any_setting_ends_with_a_code_and_a_sentence(
    name: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, names_read: set[str]
) -> None:
    """A run that never reads a setting is the same whatever its value, unless the value is refused before."""
    _expect_documented(["run", "--json"], capfd)
    assert "published_dir" in names_read
    is_read = name in names_read
    for value in {*NUMBERS, *TEXTS, *ADDRESSES, "::1"}:
        monkeypatch.setenv(f"PAYREC_{name.upper()}", value)
        refused = _expect_documented(["models", "list", "--json"], capfd)
        if is_read or refused:
            _expect_documented(["run", "--json"], capfd)

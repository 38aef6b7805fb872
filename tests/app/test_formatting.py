"""Examples in the docstrings, and the settings that the command and the theme file share."""

from __future__ import annotations

import doctest
import tomllib
from importlib.resources import files

import pytest

from payrec.app import access, formatting, list_source, verdict_frames
from payrec.commands import app as web
from payrec.common.text import markdown_text


@pytest.mark.parametrize("module", [access, formatting, list_source])
def test_examples_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


def test_the_command_and_the_file_say_the_same() -> None:
    told = tomllib.loads((files("payrec.app") / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    for name, value in web.SAFE.items():
        section, key = name.split(".")
        if key != "enableXsrfProtection":  # on unless switched off
            assert str(told[section][key]).lower() == value
    assert told["server"]["address"] == "127.0.0.1"
    assert tuple(told["server"]["allowedHosts"]) == web.LOOPBACK


def test_both_looks_set_the_same_colours() -> None:
    told = tomllib.loads((files("payrec.app") / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
    assert set(told["light"]) == set(told["dark"])


def test_the_command_listens_on_this_machine_only() -> None:
    made = web.server_command()
    assert "--server.address=127.0.0.1" in made
    assert "--server.allowedHosts=localhost" in made


def test_text_from_data_is_not_obeyed() -> None:
    for text in ("<b>x</b>", ":red[x]", "$x$", "[a](http://b)", "`x`", "# x", "![x](y)"):
        assert not set("<>") & set(markdown_text(text))
        assert all(f"\\{sign}" in markdown_text(text) for sign in text if sign in "[]`#$:")


def test_no_monitoring_makes_empty_frames() -> None:
    from payrec.publish.run_info import VERDICTS

    nothing = verdict_frames.of_run(VERDICTS.empty_table(), "x")
    assert verdict_frames.cohorts(nothing).empty
    assert verdict_frames.money(nothing).empty
    assert verdict_frames.drift(nothing).empty
    assert verdict_frames.levels(VERDICTS.empty_table()) == {}

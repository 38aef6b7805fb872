"""Examples in the docstrings, and the settings that the command and the theme file share."""

from __future__ import annotations

import doctest
import tomllib
from importlib.resources import files

import pyarrow as pa
import pyarrow.compute
import pytest
import streamlit as st

from payrec.app import access, formatting, list_source, parts, verdict_frames
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


def test_amounts_without_cents_are_shown_in_whole_units_beside_others() -> None:
    rows = pa.table({"outstanding": [1200.0, 1200.5, None], "currency": ["JPY", "EUR", "JPY"]})
    columns = {"outstanding": st.column_config.NumberColumn("Outstanding", format="accounting", help="Balance.")}
    shown, formats = parts._without_cents(rows, columns)
    assert shown["outstanding"].to_pylist() == ["1,200", "1,200.50", None]
    assert formats["outstanding"]["label"] == "Outstanding"
    in_euros = rows.filter(pa.compute.equal(rows["currency"], "EUR"))
    assert parts._without_cents(in_euros, columns) == (in_euros, columns)


def test_one_thing_is_no_plural() -> None:
    assert [formatting.count(number, "order") for number in (0, 1, 1_200)] == ["0 orders", "1 order", "1,200 orders"]

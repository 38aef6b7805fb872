"""The pages about the list and the policy name every setting, rule and column, and their examples run."""

from __future__ import annotations

import dataclasses
import doctest
import importlib
import re
import typing
from pathlib import Path
from typing import Any

import pytest

from payrec.data.endings import ENDINGS
from payrec.publish.export import XLSX_MAX_ROWS
from payrec.worklist import policy as policies
from payrec.worklist import rank, reason_codes, score, suppression

DOCS = Path(__file__).parents[2] / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page(name), re.DOTALL)


def settings(kind: Any) -> set[str]:
    """Names of the settings of a table of the policy and of the tables in it."""
    hints = typing.get_type_hints(kind)
    names = {field.name for field in dataclasses.fields(kind)}
    for name in tuple(names):
        for inner in (hints[name], *typing.get_args(hints[name])):
            if dataclasses.is_dataclass(inner):
                names |= settings(inner)
    return names


def test_the_example_of_a_policy_is_one_and_shows_every_setting(tmp_path: Path) -> None:
    (example,) = blocks("policy.md", "toml")
    path = tmp_path / "policy.toml"
    path.write_text(example, encoding="utf-8")
    found = policies.read(path)
    assert found.capacity.channel == {"phone": 100}
    everything = page("policy.md") + page("reason-codes.md")
    shown = set(re.findall(r"[a-z_]+", everything))
    wanted = settings(policies.Policy) | settings(policies.ContactHours)
    assert {"from_outstanding", "window_days", "list_hours", "scheme_of"} <= wanted
    assert wanted - shown == set()


def test_every_reason_of_suppression_is_told() -> None:
    suppressed, _, ended = page("policy.md").partition("| ended |")
    told = re.findall(r"^\| `(\w+)`(?:, `(\w+)`)? \|", suppressed, re.MULTILINE)
    named = [name for names in told[1:] for name in names if name]
    assert named == [
        name
        for rule in suppression.RULES_IN_ORDER
        if rule != "hold"
        for name in ((rule, "attempt_cap") if rule == "contact_cap" else (rule,))
    ]
    assert dict(re.findall(r"^\| `(\w+)` \|.*\| (.*) \|$", ended, re.MULTILINE)) == ENDINGS


def test_every_column_of_the_list_is_told() -> None:
    shown = page("policy.md").split("## The columns of the list")[1]
    contract = re.sub(r"\s+", " ", shown.split("`")[1]).split(", ")
    assert contract == rank.SCHEMA.names[: len(contract)]
    for name in rank.SCHEMA.names[len(contract) :]:
        assert f"`{name}`" in shown


def test_numbers_in_the_text_are_those_of_the_code() -> None:
    assert f"{score.EXPLAINED_FIRST:,} ranks" in page("policy.md")
    assert f"rank {score.EXPLAINED_MOST:,}" in page("policy.md")
    assert f"{XLSX_MAX_ROWS:,}" in page("policy.md")


def test_every_category_action_and_scheme_is_told() -> None:
    told = set(re.findall(r"^\| `(\w+)` \|", page("reason-codes.md"), re.MULTILINE))
    assert told == {*reason_codes.CATEGORIES, *reason_codes.ACTIONS, *reason_codes.read().schemes()}


@pytest.mark.parametrize("code", blocks("reason-codes.md", "python"))
def test_examples_in_python_run(code: str) -> None:
    exec(compile(code, "reason-codes.md", "exec"), {})


def test_the_example_of_own_codes_is_read(tmp_path: Path) -> None:
    (table,) = blocks("reason-codes.md", "csv")
    (tmp_path / "codes.csv").write_text(table, encoding="utf-8")
    (example,) = blocks("reason-codes.md", "toml")
    path = tmp_path / "policy.toml"
    path.write_text(example, encoding="utf-8")
    policy = policies.read(path)
    codes = reason_codes.read(policy.reason_codes.file, policy.reason_codes.scheme_of)
    reason = reason_codes.look_up(codes, "No Answer", provider="whoever")
    assert reason is not None
    assert reason.meaning == "nobody picked up"


@pytest.mark.parametrize("module", sorted(path.stem for path in Path(score.__file__).parent.glob("[a-z]*.py")))
def test_examples_in_docstrings_run(module: str) -> None:
    assert doctest.testmod(importlib.import_module(f"payrec.worklist.{module}")).failed == 0

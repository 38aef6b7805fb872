"""The limits of monitoring: read from the policy, refused where they are wrong, and documented one by one."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from payrec.commands.policies import read_policy
from payrec.common.errors import UsageError
from payrec.monitor import verdicts
from payrec.monitor.limits import Limits, limits_of
from payrec.worklist.policy import Policy

PAGE = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text(encoding="utf-8")


def test_limits_come_from_the_policy_and_the_rest_are_defaults(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text("[monitor]\npsi_alarm = 0.3\nmatured_rows = 50\n", encoding="utf-8")
    assert limits_of(read_policy(path)) == Limits(psi_alarm=0.3, matured_rows=50)
    assert limits_of(Policy()) == Limits()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("psi = 1", "unknown key 'psi' in monitor; valid: psi_watch, psi_alarm, stale_days"),
        ("psi_alarm = 'high'", "monitor.psi_alarm: Input should be a valid number"),
        ("matured_rows = 1.5", "monitor.matured_rows: Input should be a valid integer"),
    ],
)
def test_wrong_limits_are_refused_when_the_policy_is_read(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(f"[monitor]\n{text}\n", encoding="utf-8")
    with pytest.raises(UsageError) as refused:
        read_policy(path)
    assert message in str(refused.value)
    assert str(path) in str(refused.value)


def test_every_limit_and_every_metric_with_a_rule_is_documented() -> None:
    documented = dict(re.findall(r"`(\w+)` = ([\d.]+)", PAGE))
    assert {field.name for field in dataclasses.fields(Limits)} <= set(
        re.findall(r"`(\w+)`", PAGE.replace(" = ", "` "))
    )
    for name, value in documented.items():
        assert getattr(Limits(), name) == float(value)
    assert set(verdicts._RULES) <= set(re.findall(r"`(\w+)`", PAGE))

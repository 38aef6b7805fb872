"""The quality gate says which limit a model breaks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from payrec.common.errors import QualityGate
from payrec.model.evaluate import gate
from payrec.model.evaluate.gate import GateFigures, GateLimits

GOOD = GateFigures(rows=5000, log_loss=0.400, pr_auc=0.50, ece=0.01, history_rate_pr_auc=0.40, champion_log_loss=0.402)


def test_a_better_model_passes() -> None:
    verdict = gate.assess(GOOD)
    assert verdict.passed
    gate.require(verdict)


def test_the_first_model_needs_no_champion() -> None:
    assert gate.assess(replace(GOOD, champion_log_loss=None)).passed


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"log_loss": 0.407}, "worse than the champion's 0.4020, expected at most 0.4060"),
        ({"pr_auc": 0.40}, "not better than the history rate's"),
        ({"ece": 0.0501}, "calibration error 0.0501, expected at most 0.0500"),
        ({"rows": 199}, "only 199 matured rows"),
        ({"within_ages_low": 0.49}, "among orders of one age may be 0.490, expected surely more than 0.5"),
        (
            {"worth_high": -0.02, "rule": "the largest amount first"},
            "surely less money than by a simple rule, the largest",
        ),
        ({"log_loss": float("nan")}, "log loss nan"),
        ({"pr_auc": float("nan")}, "PR AUC nan"),
        ({"ece": float("nan")}, "calibration error nan"),
        ({"log_loss": float("inf"), "champion_log_loss": None}, "log loss inf is not a number"),
    ],
)
def test_each_limit_is_named(change: dict[str, float], words: str) -> None:
    verdict = gate.assess(replace(GOOD, **change))
    assert len(verdict.failures) == 1
    with pytest.raises(QualityGate, match=words) as refused:
        gate.require(verdict)
    assert refused.value.exit_code == 4


def test_all_failures_are_named_at_once() -> None:
    bad = replace(GOOD, rows=1, log_loss=9.0, pr_auc=0.1, ece=0.9)
    verdict = gate.assess(bad)
    assert len(verdict.failures) == 4
    with pytest.raises(QualityGate) as refused:
        gate.require(verdict)
    assert len(str(refused.value).splitlines()) == 2


def test_limits_are_settings() -> None:
    assert gate.assess(replace(GOOD, ece=0.2), GateLimits(max_ece=0.3)).passed
    assert not gate.assess(GOOD, GateLimits(min_pr_auc_gain=0.2)).passed

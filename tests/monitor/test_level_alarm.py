"""The alarm on a fall or rise of recovery: by hand, seldom false at any look, and early."""

from __future__ import annotations

import math

import numpy as np
import pytest

from payrec.monitor import level_alarm, verdicts
from payrec.monitor.drift import Figure
from payrec.monitor.limits import Limits

FALL, RISE = 2 / 3, 3 / 2


def test_two_days_by_hand() -> None:
    """Day 1: 3 payments, 6 expected; day 2: 4 and 6; dispersion 2."""
    first = math.exp((3 * math.log(2 / 3) + 6 / 3) / 2)
    second = (first + 1) * math.exp((4 * math.log(2 / 3) + 6 / 3) / 2)
    assert level_alarm.evidence(np.array([3.0, 4.0]), np.full(2, 6.0), FALL, 2.0) == pytest.approx([first, second])


@pytest.mark.parametrize("ratio", [FALL, RISE])
def test_false_alarms_are_seldom_at_every_look(ratio: float) -> None:
    """At the edge of the allowance, 60 runs of 250 nights: a mean run of 500 nights allows 30 alarms."""
    rng = np.random.default_rng(3)
    days = rng.poisson(17.6, (60, 250)).astype(float)
    ever = [_first_alarm(run, np.full(250, 17.6), ratio) is not None for run in days]
    assert sum(ever) <= 30


@pytest.mark.parametrize(("ratio", "rate"), [(FALL, 17.6 * 2 / 3), (RISE, 17.6 * 3 / 2)])
def test_a_change_by_a_third_shows_within_two_weeks(ratio: float, rate: float) -> None:
    rng = np.random.default_rng(4)
    reference = np.full(60, 17.6 * math.exp(math.copysign(level_alarm.ALLOWANCE, ratio - 1)))
    delays = [_first_alarm(rng.poisson(rate, 60).astype(float), reference, ratio) or 60 for _ in range(40)]
    assert np.median(delays) <= 14
    assert max(delays) < 60


def _first_alarm(observed: np.ndarray, expected: np.ndarray, ratio: float) -> int | None:
    alarmed = np.flatnonzero(level_alarm.evidence(observed, expected, ratio, 1.0) > Limits().level_evidence)
    return int(alarmed[0]) + 1 if alarmed.size else None


def test_an_alarm_says_what_happened_and_else_when_it_would_show() -> None:
    numbers = {"level_fall": (900.0, 17.6), "level_rise": (3.0, 17.6), "level": (0.7, 1.0)}
    figures = [Figure(metric, "", value, reference) for metric, (value, reference) in numbers.items()]
    levels = {one.figure.metric: (one.level, one.sentence) for one in verdicts.verdicts_of(figures, Limits())}
    assert levels["level_fall"][0] == "alarm"
    assert "fell by about a third" in levels["level_fall"][1]
    assert levels["level_rise"][0] == "ok"
    assert levels["level_rise"][1].endswith("since the training (one would show after about 7 days)")
    assert levels["level"] == ("ok", "recovery is at ×0.70 of the model's level, at its training ×1.00")

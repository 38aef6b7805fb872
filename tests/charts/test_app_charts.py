"""Charts of the app: each can be drawn, holds no address, and its sentence says what it shows."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from payrec.charts import order_story, portfolio, service
from payrec.charts.theme import svg

CURVE = pd.DataFrame({"orders": [10, 20, 40], "expected": [50.0, 80.0, 100.0]})
MONTHS = pd.DataFrame(
    {
        "billing_month": pd.to_datetime(["2026-03-01", "2026-04-01", "2026-05-01"]),
        "failed_orders": [10, 20, 30],
        "decided_orders": [10, 20, 0],
        "recovered_orders": [4, 5, 0],
    }
)
STEPS = pd.DataFrame({"title": ["amount", "age <b>"], "points": [-0.1, 0.25]})
RUNS = pd.DataFrame({"as_of": pd.to_datetime(["2026-05-01", "2026-05-08"]), "p": [0.3, 0.2]})
EVENTS = pd.DataFrame(
    {"known_at": pd.to_datetime(["2026-05-01 10:00", "2026-05-03 00:00"]), "kind": ["attempt", "attempt"]}
)
COHORTS = pd.DataFrame({"day": ["2026-05-01", "2026-05-08"], "predicted": [0.2, 0.2], "recovered": [0.21, 0.3]})
MONEY = pd.DataFrame(
    {
        "week": ["2026-05-04", "2026-05-11"],
        "expected": [100.0, 100.0],
        "low": [80.0, 80.0],
        "high": [120.0, 120.0],
        "recovered": [90.0, 130.0],
    }
)
DRIFT = pd.DataFrame({"feature": ["age", "country"], "psi": [0.3, 0.01], "level": ["alarm", "ok"]})


@pytest.mark.parametrize(
    "draw",
    [
        lambda: portfolio.gain(CURVE, 20, "EUR"),
        lambda: portfolio.recovery(MONTHS),
        lambda: portfolio.failed(MONTHS),
        lambda: order_story.waterfall(0.2, STEPS, 0.35),
        lambda: order_story.history(RUNS),
        lambda: order_story.history(RUNS.head(1)),
        lambda: order_story.timeline(EVENTS),
        lambda: order_story.timeline(EVENTS.head(1)),
        lambda: service.cohorts(COHORTS),
        lambda: service.money(MONEY, "EUR"),
        lambda: service.drift(DRIFT, 0.1, 0.25),
    ],
)
def test_a_chart_is_drawn_without_an_address(draw: Callable[[], object]) -> None:
    drawn = svg(draw(), "x")
    assert drawn.startswith("<svg")
    assert "http" not in drawn
    assert "<b>" not in drawn


def test_sentences_say_what_is_drawn() -> None:
    assert "the first 20 of 40 ranked orders hold about 80%" in portfolio.gain_text(CURVE, 20, "EUR")
    assert "April 2026, 25% were recovered" in portfolio.recovery_text(MONTHS)
    assert portfolio.failed_text(MONTHS) == (
        "30 payments failed in May 2026, the newest month; over 3 months it was 10 to 30."
    )
    assert "25.0 points" in order_story.waterfall_text(0.2, STEPS, 0.35)
    assert "fell from 30.0%" in order_story.history_text(RUNS)
    assert order_story.timeline_text(EVENTS) == "2 attempts; the last on 03 May 2026."
    assert "20.0% predicted, 30.0% recovered" in service.cohorts_text(COHORTS)
    assert "1 of 2 weeks" in service.money_text(MONEY, "EUR")
    assert "1 of 2 features have drifted" in service.drift_text(DRIFT, 0.1, 0.25)


def test_nothing_to_say_is_said() -> None:
    assert "No month" in portfolio.recovery_text(MONTHS.tail(1))
    assert "No event" in order_story.timeline_text(EVENTS.head(0))
    assert "No week" in service.money_text(MONEY.assign(recovered=float("nan")), "EUR")

"""The newest fact against the clock: fresh, old but new here, and stopped."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from payrec.data.freshness import Feed
from payrec.monitor import silence
from payrec.monitor.limits import Limits
from payrec.publish.run_info import Published, RunInfo, RunSummary

NEWEST = datetime(2026, 6, 1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def published(scored_at: datetime, newest: datetime = NEWEST, gap: int | None = 1) -> Published:
    feeds = (Feed("orders", 9, newest - DAY, gap, gap and 3 * gap), Feed("contacts", 9, newest, None, None))
    summary = RunSummary(newest, newest, 5, feeds=feeds)
    return Published(RunInfo("r", newest, scored_at, "m", "p", "i", 30, None, summary), 1, 5, 5, 5)


@pytest.mark.parametrize(
    ("first_seen", "gap", "now", "level"),
    [
        (2 * HOUR, 1, 3 * HOUR, "ok"),
        (2 * HOUR, 1, 24 * HOUR, "ok"),
        (2 * HOUR, 1, 26 * HOUR, "alarm"),  # the next night
        (2 * HOUR, 1, 90 * DAY, "alarm"),
        (2 * HOUR, 3, 50 * HOUR, "ok"),  # a weekend
        (2 * HOUR, 3, 74 * HOUR, "alarm"),
        (2 * HOUR, None, 26 * HOUR, "alarm"),
        (90 * DAY, 1, 90 * DAY, "watch"),  # old data, loaded today
        (90 * DAY, 1, 90 * DAY + 6 * HOUR, "watch"),
        (90 * DAY, 1, 91 * DAY, "alarm"),
        (36 * HOUR, 1, 36 * HOUR, "watch"),  # facts that always come a day and a half late
    ],
)
def test_a_feed_has_stopped_when_an_earlier_night_saw_its_newest_fact(
    first_seen: timedelta, gap: int | None, now: timedelta, level: str
) -> None:
    runs = [published(NEWEST + first_seen, gap=gap), published(NEWEST + now - HOUR, NEWEST - DAY)]
    verdict = silence.verdict(runs[0].run.summary, runs, NEWEST + now, Limits())
    assert verdict is not None
    assert verdict.level == level
    assert verdict.sentence.startswith("the newest data are of 31 May 2026, ")
    assert verdict.figure.value == pytest.approx(now / DAY)


def test_the_limit_is_set_in_the_policy() -> None:
    (run,) = runs = [published(NEWEST)]
    levels = [
        silence.verdict(run.run.summary, runs, NEWEST + 4 * DAY, Limits(silent_days=days)) for days in (3.0, 4.0, 9.0)
    ]
    assert [one and one.level for one in levels] == ["alarm", "ok", "ok"]


def test_lists_of_earlier_versions_are_judged_by_the_end_of_their_data() -> None:
    summary = replace(published(NEWEST).run.summary, feeds=())
    verdict = silence.verdict(summary, [], NEWEST + 4 * DAY, Limits())
    assert verdict is not None
    assert verdict.level == "watch"
    assert silence.verdict(replace(summary, data_until=None), [], NEWEST, Limits()) is None

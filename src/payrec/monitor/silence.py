"""Feeds that have stopped altogether, by the clock of the caller; facts that were known and are gone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from payrec.common.errors import DataRefused
from payrec.data import freshness
from payrec.monitor.drift import Figure
from payrec.monitor.limits import Limits
from payrec.monitor.verdicts import Level, Verdict
from payrec.publish.run_info import Published, RunInfo, RunSummary

METRIC = "silent_days"
FEWEST = 20  # facts of a kind, below which any share may come and go
A_NIGHT = timedelta(hours=12)  # a run that is so much older is one of an earlier night
DAY = timedelta(days=1)


def newest_at(summary: RunSummary) -> datetime | None:
    """Return the time of the newest fact that a run saw; lists of earlier versions know the end of their data only."""
    return freshness.newest_at(summary.feeds) or summary.data_until


def verdict(summary: RunSummary, runs: Iterable[Published], now: datetime, limits: Limits) -> Verdict | None:
    """Judge how long nothing new was known at ``now``; None without data.

    An alarm when the newest fact is older than the shortest usual gap of any kind (at least ``limits.silent_days``)
    and a run of an earlier night saw it already: the feed has stopped. Old data that are new here are worth a look.
    """
    newest = newest_at(summary)
    if newest is None:
        return None
    age = now - newest
    figure = Figure(METRIC, "", age / DAY)
    sentence = f"the newest data are of {freshness.day_name(newest)}, {_days(age)} ago"
    gaps = [feed.usual_gap_days for feed in summary.feeds if feed.usual_gap_days is not None]
    if age <= max(timedelta(days=limits.silent_days), timedelta(days=min(gaps, default=0))):
        return Verdict(figure, "ok", sentence)
    seen = [one.run.scored_at for one in runs if newest_at(one.run.summary) == newest]
    level: Level = "watch"
    if seen and now - min(seen) >= A_NIGHT:
        level, sentence = "alarm", f"{sentence}: nothing new since the run of {min(seen):%Y-%m-%d %H:%M} UTC"
    return Verdict(figure, level, sentence)


def require_facts(run: RunInfo, runs: Iterable[Published], until: datetime | None) -> None:
    """Make sure that no kind of fact has fallen below half of what the newest of ``runs`` saw: rows are replaced.

    ``until``: the day that was asked for; what later runs saw does not count. None: the newest run counts.

    Raises
    ------
    DataRefused
        Facts are gone: who had paid, or must not be contacted, would be on the list.
    """
    earlier = (one.run for one in runs if until is None or one.run.as_of <= until)
    former = [one for one in earlier if one.run_id != run.run_id][:1]
    known = {feed.kind: feed.facts for feed in run.summary.feeds}
    for feed in (feed for one in former for feed in one.summary.feeds):
        facts = known.get(feed.kind, 0)
        if feed.facts >= FEWEST and facts < feed.facts / 2:
            day = freshness.day_name(former[0].as_of)
            msg = f"found {facts:,} {feed.kind}, expected about {feed.facts:,} as for the list as of {day}"
            msg += ": facts are gone"
            raise DataRefused(f"{msg}\nload them again; if they were deleted on purpose: payrec run --serve")


def _days(age: timedelta) -> str:
    return f"{age / DAY:.1f} days" if age < 10 * DAY else f"{age.days:,} days"

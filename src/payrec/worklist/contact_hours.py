"""When a customer may be contacted, in the customer's own time zone: the next hour that is open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from payrec.worklist.policy import ContactHours

SEARCH_DAYS = 15


def zones_of(hours: ContactHours, country: str | None) -> tuple[str, ...]:
    """Return the time zones a country's customers may live in; the default zone for a country that is not listed."""
    return hours.zones.get(country or "", (hours.zone,))


def next_open(hours: ContactHours, zones: tuple[str, ...], start: datetime) -> datetime | None:
    """Earliest UTC time from ``start`` (UTC, without zone) on at which the hours are open in all zones at once.

    None if there is none within 15 days, as with zones that are half a world apart.

    >>> next_open(ContactHours(), ("Europe/Berlin",), datetime(2026, 1, 1, 22))
    datetime.datetime(2026, 1, 2, 7, 0)
    """
    open_hours = [_open_hours(hours, ZoneInfo(zone), start) for zone in zones]
    starts = {start, *(opens for zone in open_hours for opens, _ in zone if opens >= start)}
    for moment in sorted(starts):
        if all(any(opens <= moment < closes for opens, closes in zone) for zone in open_hours):
            return moment
    return None


def _open_hours(hours: ContactHours, zone: ZoneInfo, start: datetime) -> list[tuple[datetime, datetime]]:
    """Give the open hours of the days around ``start``, each as (opens, closes) in UTC without zone."""
    first = start.replace(tzinfo=UTC).astimezone(zone).date() - timedelta(days=1)
    days = (first + timedelta(days=number) for number in range(SEARCH_DAYS + 1))
    return [
        (_utc(datetime.combine(day, hours.opens, zone)), _utc(datetime.combine(day, hours.closes, zone)))
        for day in days
        if day.isoweekday() in hours.weekdays
    ]


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)

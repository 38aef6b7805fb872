"""Dates: proven or declared, never guessed (faults 26, 27, 42)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from datetime import time as dt_time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payrec.common.errors import DataRefused
from payrec.data.load import dates
from tests.data.load.files import EVENTS_HEADER, HEADER, lines, order, read, written

DAY = date(2025, 1, 31)


def invoiced(*values: str) -> str:
    """A file with these invoice dates, quoted as they may hold commas."""
    return lines(*(order(n, invoice_date=f'"{value}"', payment_date="") for n, value in enumerate(values)))


def happened(*values: str) -> str:
    return lines(*(f'e{n},o1,"{value}",contact,' for n, value in enumerate(values)), header=EVENTS_HEADER)


@pytest.mark.parametrize(
    "text",
    [
        "2025-01-31", "2025-01-31 10:00", "2025-01-31T10:00:00", "2025-01-31 23:59:59.999999", "2025-01-31T00:00:00Z",
        "2025-01-31T23:30:00-05:00", "2025-01-31T01:00:00+14:00", "2025-01-31 10:00:00 +0200", "2025-01-31 10:00:00,5",
        "2025-01-31 10:00:00 UTC", "2025/01/31", "2025/1/31", "2025.01.31", "31-Jan-2025", "31 Jan 2025",
        "31 January 2025", "Jan 31, 2025", "January 31, 2025", "31/01/2025", "31.01.2025", "31-01-2025", "31/1/2025",
        "31/01/2025 10:30", "01/31/2025", "1/31/2025", "1/31/2025 23:59:59", "1/31/2025 2:30", "31-JAN-2025",
        "2025-01-31 10:00:00 Z", "2025-01-31 10:00:00 +0000 UTC",
    ],
)  # fmt: skip
def test_fault_26_forms_that_prove_themselves(tmp_path: Path, text: str) -> None:
    found = read(written(tmp_path, invoiced(text)))
    assert found.column("invoice_date") == [DAY]


def test_fault_26_one_value_proves_the_order_for_all(tmp_path: Path) -> None:
    found = read(written(tmp_path, invoiced("01/02/2025", "03/04/2025", "31/01/2025")))
    assert found.column("invoice_date") == [date(2025, 2, 1), date(2025, 4, 3), DAY]
    assert "invoice_date was read with the day first, proven by '31/01/2025' (line 4)" in found.report.notes
    found = read(written(tmp_path, invoiced("01/02/2025", "01/31/2025")))
    assert found.column("invoice_date") == [date(2025, 1, 2), DAY]
    assert "invoice_date was read with the month first, proven by '01/31/2025' (line 3)" in found.report.notes


def test_fault_26_ambiguous_is_refused_with_what_to_add(tmp_path: Path) -> None:
    path = written(tmp_path, invoiced("01/02/2025", "12/11/2025", "05/05/2025"))
    with pytest.raises(DataRefused, match=r"invoice_date has dates such as '01/02/2025' \(line 2\)") as refused:
        read(path)
    assert '[formats] invoice_date = "%d/%m/%Y" (day first) or "%m/%d/%Y" (month first)' in str(refused.value)
    assert read(path, formats={"invoice_date": "%d/%m/%Y"}).column("invoice_date")[0] == date(2025, 2, 1)
    assert read(path, date_format="%m/%d/%Y").column("invoice_date")[0] == date(2025, 1, 2)


def test_fault_26_contradicting_proofs_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, invoiced("31/01/2025", "01/31/2025", "01/02/2025"))
    with pytest.raises(DataRefused, match="day and month swap"):
        read(path)
    found = read(path, formats={"invoice_date": "%d/%m/%Y"})
    assert found.column("invoice_date") == [DAY, date(2025, 2, 1)]
    assert found.reasons() == ["invoice_date is no date of the calendar in the form %d/%m/%Y"]


def test_an_impossible_date_proves_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="no value proves"):
        read(written(tmp_path, invoiced("01/02/2025", "13/13/2025", "32/01/2025")))


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("26-Apr-11", "%d-%b-%y"), ("01/31/25", "%m/%d/%y"), ("20250131", "%Y%m%d"), ("45688", "excel"),
        ("1738281600", "epoch"), ("1738281600000", "epoch_ms"), ("1/31/2025 2:30 PM", "%m/%d/%Y %I:%M %p"),
        ("20250131.0", "%Y%m%d"),
    ],
)  # fmt: skip
def test_fault_26_other_forms_are_refused_with_the_format_to_declare(tmp_path: Path, text: str, form: str) -> None:
    path = written(tmp_path, invoiced(text))
    with pytest.raises(DataRefused) as refused:
        read(path)
    assert f'"{form}"' in str(refused.value)
    assert text in str(refused.value)
    expected = date(2011, 4, 26) if form == "%d-%b-%y" else DAY
    assert read(path, date_format=form).column("invoice_date") == [expected]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2025-02-30", "is no date of the calendar"), ("2025-02-29", "is no date of the calendar"),
        ("2025-13-01", "is no date of the calendar"), ("0001-01-01", "is outside 1990-01-01 to 2028-01-02"),
        ("9999-12-31", "is outside"), ("1989-12-31", "is outside"), ("2028-01-03", "is outside"),
        ("45688", "spreadsheet's day: declare the format excel"), ("1738281600", "looks like an epoch"),
        ("01/02/2025", "is no date of the calendar"), ("tomorrow", "is no date"), ("infinity", "is no date"),
        ("epoch", "is no date"), ("2025-01-31 (BC)", "is no date"), ("2025-01-31 10:00 PM", "is no date"),
        ("2025-01-31x", "is no date"), ("2025-01-31 25:00", "is no date"), ("-025-01-31", "is outside"),
        ("NULL", 'no value? add it to the map: empty = ["…"]'), ("", "is empty"),
        ("2025-01-31 10:00 +0100 UTC", "is no date"), ("2025-01-31 10:00 BST", "ends with a time zone"),
    ],
)  # fmt: skip
def test_fault_26_bad_dates_are_rejected_one_by_one(tmp_path: Path, text: str, reason: str) -> None:
    found = read(written(tmp_path, invoiced("2025-01-31", text)))
    assert found.column("invoice_date") == [DAY]
    assert len(found.rejects) == 1
    assert found.rejects[0]["reason"].startswith("invoice_date ")
    assert reason in found.rejects[0]["reason"]
    assert found.rejects[0]["line"] == 3


def test_fault_27_the_future(tmp_path: Path) -> None:
    """``now`` is 2026-01-01 00:00."""
    header = HEADER + ",due_date"
    rows = [
        order(1, invoice_date="2026-06-01", payment_date="") + ",2030-01-01",  # an invoice dated ahead, due in years
        order(2, payment_date="2026-01-02") + ",",  # within a day: another time zone
        order(3, payment_date="2026-01-03") + ",",
        order(4, payment_date="2024-01-01") + ",",  # before its invoice: loaded, and said
        order(5) + ",2036-06-01",
    ]
    found = read(written(tmp_path, lines(*rows, header=header)))
    assert found.column("order_id") == ["o1", "o2", "o4"]
    assert found.reasons() == [
        "payment_date is outside 1990-01-01 to 2026-01-02",
        "due_date is outside 1990-01-01 to 2036-01-02",
    ]
    assert "1 row was paid before its invoice_date; payrec check lists it" in found.report.notes
    assert "1 row has an invoice_date in the future" in found.report.notes
    events = happened("2026-01-02 00:00:00", "2026-01-02 00:00:01")
    assert read(written(tmp_path, events), "events").column("event_id") == ["e0"]


def test_a_time_of_day_on_a_day_is_dropped_and_said(tmp_path: Path) -> None:
    found = read(written(tmp_path, invoiced("2025-01-31 10:00", "2025-01-31", "2025-01-31T00:00:00")))
    assert found.column("invoice_date") == [DAY] * 3
    assert any(
        note.startswith("1 value of invoice_date had a time of day, which was dropped") for note in found.report.notes
    )


def test_fault_42_days_are_the_local_days_as_written(tmp_path: Path) -> None:
    path = written(tmp_path, invoiced("2025-01-31T23:30:00-05:00", "2025-01-31T22:30:00Z", "2025-01-31T00:00:00+02:00"))
    assert read(path).column("invoice_date") == [DAY, DAY, DAY]
    in_rome = read(path, time_zone="Europe/Rome").column("invoice_date")
    assert in_rome == [date(2025, 2, 1), DAY, DAY]  # 05:30 in Rome, 23:30 in Rome, midnight as written


def test_fault_42_event_times_are_utc_inside(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        happened(
            "2025-07-01T10:00:00+02:00", "2025-07-01 10:00:00Z", "2025-07-01 10:00:00", "2025-07-01",
            "2025-07-01T00:00:00+02:00", "2025-07-01 00:00:00", "2025-01-31T23:59:59.123456-11:30",
        ),
    )  # fmt: skip
    found = read(path, "events")
    ten, midnight = datetime(2025, 7, 1, 10), datetime(2025, 7, 1)
    late = datetime(2025, 2, 1, 11, 29, 59, 123456)
    assert found.column("event_ts") == [ten - timedelta(hours=2), ten, ten, midnight, midnight, midnight, late]
    assert (
        "2 values of event_ts are midnight as written: taken as dates, known at the end of that day"
        in found.report.notes
    )
    local = read(path, "events", time_zone="Europe/Rome").column("event_ts")
    assert local == [ten - timedelta(hours=2), ten, ten - timedelta(hours=2), midnight, midnight, midnight, late]


def test_fault_42_clock_change(tmp_path: Path) -> None:
    """The hour that does not exist and the one that is there twice: always the same answer."""
    path = written(tmp_path, happened("2025-03-30 02:30:00", "2025-10-26 02:30:00", "2025-03-30 03:00:00"))
    found = read(path, "events", time_zone="Europe/Rome").column("event_ts")
    assert found == [datetime(2025, 3, 30, 1, 30), datetime(2025, 10, 26, 1, 30), datetime(2025, 3, 30, 1, 0)]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/St_Johns"])
def test_fault_42_the_machines_time_zone_does_not_count(
    tmp_path: Path, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    path = written(tmp_path, happened("2025-07-01T10:00:00+02:00", "2025-07-01 10:00:00", "2025-07-01"))
    here = read(path, "events").rows
    with monkeypatch.context() as patched:
        patched.setenv("TZ", zone)
        time.tzset()
        there = read(path, "events").rows
    time.tzset()
    assert there == here


def test_epochs_and_serials_as_times(tmp_path: Path) -> None:
    for form, text in [("epoch", "1738317600"), ("epoch_ms", "1738317600000"), ("excel", "45688.416666667")]:
        found = read(written(tmp_path, happened(text)), "events", formats={"event_ts": form})
        assert found.column("event_ts") == [datetime(2025, 1, 31, 10)], form


def test_a_declared_format_with_a_zone(tmp_path: Path) -> None:
    form = "%Y-%m-%d %H:%M:%S %z"
    path = written(tmp_path, happened("2025-01-31 10:00:00 +0200"))
    assert read(path, "events", formats={"event_ts": form}).column("event_ts") == [datetime(2025, 1, 31, 8)]
    path = written(tmp_path, invoiced("2025-01-31 23:00:00 -0500"))
    with pytest.raises(DataRefused, match="say whose day: time_zone"):
        read(path, date_format=form)
    days = read(path, formats={"invoice_date": form}, time_zone="America/New_York").column("invoice_date")
    assert days == [DAY]


@pytest.mark.parametrize("form", ["dd/mm/yyyy", "%Q", "", "%", "ISO 8601"])
def test_a_format_that_is_none_is_refused(tmp_path: Path, form: str) -> None:
    with pytest.raises(DataRefused, match="is none that can be read"):
        read(written(tmp_path, invoiced("2025-01-31")), formats={"invoice_date": form})


@settings(deadline=None, max_examples=15)
@given(st.data())
def test_every_day_of_a_column_is_read_back(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    days = data.draw(st.lists(st.dates(date(1990, 1, 1), date(2026, 1, 1)), min_size=1, max_size=20))
    style = data.draw(st.sampled_from(["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d %b %Y", "%B %d, %Y"]))
    path = written(tmp_path_factory.mktemp("f"), invoiced(*(day.strftime(style) for day in days)))
    try:
        found = read(path).column("invoice_date")
    except DataRefused:
        assert style in ("%d/%m/%Y", "%m/%d/%Y")
        assert all(day.day <= 12 for day in days)
        return
    assert found == days


def test_the_verdict_is_apart_from_the_counts() -> None:
    def verdict(**seen: Any) -> dates.Form:
        return dates.choose(dates.Evidence(**seen), None, "x", "f")

    assert verdict(filled=0, iso=0) == dates.Form()
    assert verdict(filled=3, iso=3).is_iso_only
    assert verdict(filled=3, iso=2, numeric=1, unclear=("01/02/2025", 2)).is_iso_only  # that row is rejected
    assert verdict(filled=2, iso=0, numeric=1, other=("x", 3), day_first=("31/01/2025", 2)).order == "day first"


ZONES = (
    "Pacific/Kiritimati",
    "America/St_Johns",
    "Europe/Rome",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kathmandu",
)
MOMENTS = st.lists(
    st.one_of(
        st.datetimes(datetime(1990, 1, 3), datetime(2025, 12, 30)),
        st.sampled_from(  # changes of the clock, leap days, ends of years, a day that Samoa left out
            [
                datetime(2025, 3, 30, 1), datetime(2025, 10, 26, 1), datetime(2025, 3, 9, 5, 30),
                datetime(2024, 2, 29, 23), datetime(2000, 2, 29, 12), datetime(2024, 12, 31, 23, 59, 59),
                datetime(2025, 1, 1, 0, 0, 1), datetime(2011, 12, 30, 9, 59), datetime(2011, 12, 30, 10, 1),
                datetime(2025, 4, 5, 15, 0, 1),
            ]
        ),
    ),
    min_size=20,
    max_size=60,
)  # fmt: skip


def _is_once(there: datetime) -> bool:
    return there.replace(fold=0).utcoffset() == there.replace(fold=1).utcoffset()


@pytest.mark.parametrize("machine", ["UTC", "Pacific/Kiritimati", "America/St_Johns"])
def test_fault_42_a_moment_is_the_same_in_whatever_zone_it_was_written(
    tmp_path: Path, machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its offset, or in the zone of the map where the clock shows that time once."""
    import time

    @settings(deadline=None, max_examples=4, suppress_health_check=list(HealthCheck))
    @given(moments=MOMENTS, zone=st.sampled_from(ZONES))
    def holds(moments: list[datetime], zone: str) -> None:
        there = [moment.replace(microsecond=0, tzinfo=UTC).astimezone(ZoneInfo(zone)) for moment in moments]
        clear = [one for one in there if one.time() != dt_time(0) and _is_once(one)]
        wanted = [one.astimezone(UTC).replace(tzinfo=None) for one in clear]
        offsets = read(written(tmp_path, happened(*(one.isoformat() for one in clear))), "events")
        assert offsets.column("event_ts") == wanted
        bare = written(tmp_path, happened(*(one.replace(tzinfo=None).isoformat(" ") for one in clear)))
        assert read(bare, "events", time_zone=zone).column("event_ts") == wanted

    with monkeypatch.context() as patched:
        patched.setenv("TZ", machine)
        time.tzset()
        holds()
    time.tzset()

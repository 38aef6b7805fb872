from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payrec.worklist import contact_caps, rank, suppression
from payrec.worklist import policy as policies
from payrec.worklist.contact_hours import next_open

Make = Callable[..., pa.Table]


HOLD = {"name": "breathing_space", "column": "country", "values": ["GB"]}
LEAVES = "when an earlier one leaves the window"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def first(rows: pa.Table, recent: pa.Table | None = None, **settings: Any) -> tuple[str | None, str | None]:
    row = rank.rank(rows, policies.Policy(**settings), recent).to_pylist()[0]
    return row["suppressed_reason"], row["lifted_by"]


@pytest.mark.parametrize(
    ("order", "settings", "reason"),
    [
        ({"is_opted_out": 1}, {}, "opted_out"),
        ({"has_chargeback": 1}, {}, "chargeback"),
        ({"is_disputed": 1}, {}, "disputed"),
        ({"is_covered_by_cash": 1}, {}, "unapplied_cash"),
        ({"reason_code": "R15"}, {}, "stop_code"),
        ({"country": "GB"}, {"hold": [HOLD]}, "breathing_space"),
        ({"promised_until": moment("2026-01-30")}, {}, "promised"),
        ({"age_days": 366, "country": "DE"}, {"contact_until_age_days": {"default": 365}}, "legal_window_closed"),
        ({"country": "DE"}, {"contact_hours": {"weekdays": [1], "list_hours": 12}}, "contact_hours"),
        ({"reason_code": "lost_card"}, {"action": "retry"}, "hard_decline"),
        ({"outstanding_minor": 499}, {"minimum_outstanding": {"EUR": 5}}, "below_minimum"),
        ({"p_recover_30d": None}, {}, "older_than_model"),
        ({"p_recover_30d": None, "age_days": -40}, {}, "younger_than_model"),
    ],
)  # fmt: skip
def test_each_reason_alone(open_orders: Make, order: dict[str, Any], settings: dict[str, Any], reason: str) -> None:
    found, lift = first(open_orders(order), **settings)
    assert found == reason
    assert lift


@pytest.mark.parametrize(
    ("order", "settings"),
    [
        ({}, {}),
        ({"is_disputed": None, "is_opted_out": None}, {}),
        ({"reason_code": "lost_card"}, {}),  # a hard decline may be talked about, only not tried again
        ({"promised_until": moment("2026-01-26")}, {}),
        ({"promised_until": moment("2026-01-30")}, {"rules": {"promised": False}}),
        ({"age_days": 365}, {"contact_until_age_days": {"default": 365}}),
        ({"age_days": 366}, {"contact_until_age_days": {"DE": 365}}),
        ({"outstanding_minor": 500}, {"minimum_outstanding": {"EUR": 5}}),
        ({"outstanding_minor": 1, "currency": "USD"}, {"minimum_outstanding": {"EUR": 5}}),
        ({"country": "GB"}, {"hold": [HOLD | {"valid_until": "2026-01-30"}]}),
        ({"country": None}, {"hold": [HOLD]}),
    ],
)  # fmt: skip
def test_left_on_the_list(open_orders: Make, order: dict[str, Any], settings: dict[str, Any]) -> None:
    assert first(open_orders(order), **settings) == (None, None)


def test_a_promise_holds_to_the_end_of_its_day_plus_grace(open_orders: Make) -> None:
    rows = open_orders({"promised_until": moment("2026-01-30")})
    assert first(rows, promise_grace_days=0) == (None, None)  # as_of is the end of the promised day
    assert first(rows, promise_grace_days=1) == (
        "promised",
        "payment, or 2026-02-01, when the promise and its grace have passed",
    )


def test_missing_columns_are_unknown_and_suppress_nothing(open_orders: Make) -> None:
    least = ["order_id", "as_of", "amount", "currency", "outstanding_minor", "p_recover_30d"]
    assert first(open_orders({}).select(least)) == (None, None)


def contacts(*known: tuple[str, str]) -> pa.Table:
    return pa.table(
        {
            "customer_id": pa.array([who for who, _ in known], pa.string()),
            "order_id": pa.array(["x"] * len(known), pa.string()),
            "event_type": pa.array(["contact"] * len(known), pa.string()),
            "known_at": pa.array([moment(at) for _, at in known], pa.timestamp("us")),
        }
    )


@pytest.mark.parametrize(
    ("count", "known", "reason", "lift"),
    [
        (2, [("c1", "2026-01-25"), ("c1", "2026-01-29T10:30")], "contact_cap", f"2026-02-01, {LEAVES}"),
        (1, [("c1", "2026-01-25"), ("c1", "2026-01-29T10:30")], "contact_cap", f"2026-02-05 10:30, {LEAVES}"),
        (2, [("c1", "2026-01-24"), ("c1", "2026-01-29")], None, None),  # the first is just out of the window
        (2, [("c1", "2026-01-31T00:00:01"), ("c1", "2026-01-29")], None, None),  # known after as_of
        (1, [("c2", "2026-01-29")], None, None),  # another customer
        (0, [], "contact_cap", "a change of the policy"),
    ],
)
def test_contact_cap_by_hand(
    open_orders: Make, count: int, known: list[tuple[str, str]], reason: str | None, lift: str | None
) -> None:
    assert first(open_orders({}), contacts(*known), cap=[{"count": count, "window_days": 7}]) == (reason, lift)


@given(
    days=st.lists(st.tuples(st.sampled_from(["c1", "c2"]), st.integers(20, 31)), max_size=12),
    count=st.integers(1, 4),
    window=st.integers(1, 9),
)
def test_a_cap_lets_go_exactly_when_it_says(
    open_orders: Make, days: list[tuple[str, int]], count: int, window: int
) -> None:
    recent = contacts(*((who, f"2026-01-{day:02d}") for who, day in days))
    cap = policies.Cap(count=count, window_days=window)
    rows = open_orders({"customer_id": "c1"})

    def count_at(at: datetime) -> int:
        return int(contact_caps.used(cap, rows, recent, at)[0][0])

    now = moment("2026-01-31")
    assert count_at(now) == len({(who, day) for who, day in days if who == "c1" and day > 31 - window})
    counts, free = contact_caps.used(cap, rows, recent, now)
    assert (counts[0] >= count) == (not np.isnat(free[0]))
    if counts[0] >= count:
        until = free[0].astype(datetime)
        assert count_at(until) < count <= count_at(until - timedelta(days=1))


ENTRIES = st.lists(
    st.tuples(
        st.sampled_from(["c1", "c2", None]),
        st.sampled_from(["o1", "o2", "o3"]),
        st.sampled_from(["contact", "attempt"]),
        st.sampled_from(["phone", "email", None]),
        st.integers(20, 31),
    ),
    max_size=25,
)


@given(
    entries=ENTRIES,
    window=st.integers(1, 12),
    of=st.sampled_from(["contact", "attempt"]),
    per=st.sampled_from(["customer", "order"]),
)
def test_a_cap_counts_contacts_and_not_their_entries(
    open_orders: Make, entries: list[Any], window: int, of: Any, per: Any
) -> None:
    names = ("customer_id", "order_id", "event_type", "channel")
    columns = {name: pa.array([entry[at] for entry in entries], pa.string()) for at, name in enumerate(names)}
    known = [datetime(2026, 1, entry[4], 12) for entry in entries]
    recent = pa.table(columns | {"known_at": pa.array(known, pa.timestamp("us"))})
    rows = open_orders(
        *({"customer_id": who, "order_id": order} for who, order in (("c1", "o1"), ("c2", "o2"), ("c3", "o4")))
    )
    as_of = datetime(2026, 1, 31)
    counts, _ = contact_caps.used(policies.Cap(count=1, window_days=window, of=of, per=per), rows, recent, as_of)
    of_row = rows[f"{per}_id"].to_pylist()
    for name, count in zip(of_row, counts.tolist(), strict=True):
        inside = [
            entry
            for entry, at in zip(entries, known, strict=True)
            if entry[0 if per == "customer" else 1] == name
            and entry[2] == of
            and as_of - timedelta(days=window) < at <= as_of
        ]
        expected = len({(entry[3], entry[4]) for entry in inside}) if of == "contact" else len(inside)
        assert count == expected


def test_one_call_about_three_invoices_is_one_contact(open_orders: Make) -> None:
    def logged(channels: list[str | None]) -> pa.Table:
        call = contacts(*[("c1", "2026-01-29T10:30")] * 3)
        orders = pa.array(["i1", "i2", "i3"])
        return call.set_column(1, "order_id", orders).append_column("channel", pa.array(channels, pa.string()))

    twice = [{"count": 2, "window_days": 7}]
    assert first(open_orders({}), logged(["phone"] * 3), cap=twice) == (None, None)
    assert first(open_orders({}), logged([None] * 3), cap=twice) == (None, None)
    mail_too = first(open_orders({}), logged(["phone", "phone", "email"]), cap=twice)
    assert mail_too == ("contact_cap", f"2026-02-05 10:30, {LEAVES}")


def test_caps_have_dates_and_belong_to_an_action(open_orders: Make) -> None:
    recent = contacts(("c1", "2026-01-30"))
    cap = {"count": 1, "window_days": 7}
    assert first(open_orders({}), recent, cap=[cap | {"valid_from": "2026-02-01"}]) == (None, None)
    assert first(open_orders({}), recent, cap=[cap | {"valid_until": "2026-01-30"}]) == (None, None)
    assert first(open_orders({}), recent, cap=[cap | {"of": "attempt"}]) == (None, None)
    assert first(open_orders({}), recent, cap=[cap], rules={"contact_cap": False}) == (None, None)
    assert first(open_orders({"order_id": "x"}), recent, cap=[cap | {"per": "order"}])[0] == "contact_cap"
    assert first(open_orders({"order_id": "y"}), recent, cap=[cap | {"per": "order"}]) == (None, None)


@pytest.mark.parametrize(
    ("zones", "start", "opens"),
    [
        (("UTC",), "2026-01-31T08:00", "2026-01-31T08:00"),
        (("UTC",), "2026-01-31T21:00", "2026-02-01T08:00"),
        (("UTC",), "2026-01-31T20:59:59", "2026-01-31T20:59:59"),
        (("America/New_York",), "2026-01-31T00:00", "2026-01-31T00:00"),  # 19:00 of the day before
        (("America/New_York",), "2026-03-07T03:00", "2026-03-07T13:00"),  # winter: UTC - 5
        (("America/New_York",), "2026-03-08T03:00", "2026-03-08T12:00"),  # the clocks went forward that night
        (("America/New_York", "America/Los_Angeles"), "2026-01-31T03:00", "2026-01-31T16:00"),  # 08:00 in the west
        (("Pacific/Kiritimati",), "2026-01-31T00:00", "2026-01-31T00:00"),  # 14:00
        (("Pacific/Kiritimati", "Pacific/Pago_Pago"), "2026-01-31T07:30", "2026-01-31T19:00"),
    ],
)
def test_next_open_hour(zones: tuple[str, ...], start: str, opens: str) -> None:
    assert next_open(policies.ContactHours(), zones, moment(start)) == moment(opens)


def test_hours_that_never_meet_and_days_without_contact(open_orders: Make) -> None:
    narrow = {"opens": "08:00", "closes": "09:00", "zones": {"US": ["America/New_York", "America/Los_Angeles"]}}
    found = first(open_orders({"country": "US"}), contact_hours=narrow)
    assert found == ("contact_hours", "a change of the policy")
    workdays = {"weekdays": [1, 2, 3, 4, 5], "zone": "Europe/Berlin"}  # 31 January 2026 is a Saturday
    assert first(open_orders({}), contact_hours=workdays) == (
        "contact_hours",
        "2026-02-02 07:00 UTC, when the hours of contact open",
    )
    longer = rank.rank(open_orders({}), policies.Policy(contact_hours=workdays | {"list_hours": 72})).to_pylist()
    assert longer[0]["contact_from"] == moment("2026-02-02T07:00")


def test_every_rule_that_can_be_switched_off_is_one_of_the_policy() -> None:
    assert frozenset(policies.RULES) == suppression.SWITCHED

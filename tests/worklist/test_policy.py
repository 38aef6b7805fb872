from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest

from payrec.common.errors import UsageError
from payrec.worklist import policy as policies

FULL = """
reporting_currency = "EUR"
horizon_days = 30
action = "contact"
promise_grace_days = 2

[capacity]
total = 100
channel = { phone = 20 }
owner = { anna = 30 }

[minimum_outstanding]
EUR = 5
JPY = 500.50

[contact_until_age_days]
default = 1095

[rules]
disputed = { valid_from = 2026-01-01, valid_until = 2026-06-30 }
below_minimum = false

[[channel]]
name = "email"
cost = { EUR = 0.10 }

[[channel]]
name = "phone"
cost = { EUR = 4.25 }
from_outstanding = { EUR = 200 }

[owner]
column = "country"
of = { DE = "anna" }

[[cap]]
count = 7
window_days = 7

[[hold]]
name = "moratorium"
column = "country"
values = ["GB"]
valid_from = 2026-12-20
valid_until = 2027-01-03

[contact_hours]
opens = 08:00:00
closes = 20:00:00
weekdays = [1, 2, 3, 4, 5]
zones = { DE = "Europe/Berlin", US = ["America/New_York", "America/Los_Angeles"] }

[reason_codes]
file = "codes.csv"
scheme_of = { psp_a = "adyen" }

[monitor]
psi_alarm = 0.3
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_line_is_read(tmp_path: Path) -> None:
    policy = policies.read(written(tmp_path, FULL))
    assert policy.capacity == policies.Capacity(total=100, channel={"phone": 20}, owner={"anna": 30})
    assert policy.minimum_outstanding == {"EUR": Decimal(5), "JPY": Decimal("500.50")}
    assert policy.channel[1].cost == {"EUR": Decimal("4.25")}
    assert policy.contact_hours is not None
    assert policy.contact_hours.opens == time(8)
    assert policy.contact_hours.zones == {
        "DE": ("Europe/Berlin",),
        "US": ("America/New_York", "America/Los_Angeles"),
    }
    assert policy.reason_codes.file == tmp_path / "codes.csv"
    assert policy.monitor == {"psi_alarm": 0.3}
    assert policy.hold[0].holds(date(2027, 1, 3))
    assert not policy.hold[0].holds(date(2027, 1, 4))


def test_rules_have_dates_and_can_be_off(tmp_path: Path) -> None:
    policy = policies.read(written(tmp_path, FULL))
    for day, on in (("2025-12-31", False), ("2026-01-01", True), ("2026-06-30", True), ("2026-07-01", False)):
        assert policy.applies("disputed", datetime.fromisoformat(day)) is on
    assert not policy.applies("below_minimum", datetime.fromisoformat("2026-01-01"))
    assert policy.applies("opted_out", datetime.fromisoformat("2026-01-01"))


def test_without_a_file_the_defaults_hold() -> None:
    policy = policies.read()
    assert policy == policies.Policy()
    assert policy.capacity.total == 500
    with pytest.raises(FrozenInstanceError):
        policy.action = "retry"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("promise_grace = 1", "unknown key 'promise_grace'; valid: reporting_currency, horizon_days, action"),
        ("[capacity]\ntotl = 1", "unknown key 'totl' in capacity; valid: total, retry, channel, owner"),
        ("[[cap]]\ncount = 1\nwindow_days = 1\nx = 1", "unknown key 'x' in cap.0; valid: on, valid_from"),
        ("[rules]\ndisputd = true", "there is no rule disputd; valid: opted_out, chargeback"),
        ("[rules]\ndisputed = { from = 2026-01-01 }", "unknown key 'from' in rules.disputed; valid: on, valid_from"),
        ("[capacity]\nchannel = { fax = 1 }", "capacity.channel limits fax; the policy has: "),
        ("[capacity]\ntotal = -1", "capacity.total: Input should be greater than or equal to 0"),
        ("horizon_days = true", "horizon_days: Input should be a valid integer"),
        ("[minimum_outstanding]\nEUR = nan", "minimum_outstanding.EUR: Input should be a finite number"),
        ("[minimum_outstanding]\nEUR = 0.005", "no more than 2 decimal places"),
        ("[contact_hours]\nzone = 'Mars/Olympus'", "No time zone found with key Mars/Olympus"),
        ("[contact_hours]\nopens = 21:00:00\ncloses = 08:00:00", "an hour between opens and closes"),
        ("[owner]\ncolumn = 'order_id'\nof = {}", "owner.column: Input should be 'customer_id'"),
        ("capacity = ", "is not valid TOML"),
    ],
)  # fmt: skip
def test_refusals_name_the_file_and_what_is_valid(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UsageError) as refused:
        policies.read(path)
    assert said in str(refused.value)
    assert str(path) in str(refused.value)
    assert len(str(refused.value).splitlines()) <= 3


def test_a_missing_file_is_not_the_default(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the policy"):
        policies.read(tmp_path / "none.toml")


def test_fingerprint_changes_with_what_decides_and_only_with_that(tmp_path: Path) -> None:
    (tmp_path / "codes.csv").write_text("scheme,code,category,decline,action,meaning\n", encoding="utf-8")
    policy = policies.read(written(tmp_path, FULL))
    known = policies.fingerprint(policy)
    assert known == policies.fingerprint(policies.read(written(tmp_path, FULL + "psi_watch = 0.2\n")))
    assert known != policies.fingerprint(replace(policy, promise_grace_days=3))
    (tmp_path / "codes.csv").write_text(
        "scheme,code,category,decline,action,meaning\na,b,unknown,soft,contact,\n", encoding="utf-8"
    )
    assert known != policies.fingerprint(policy)

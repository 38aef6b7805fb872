"""A setting that cannot be read is named, with the form expected; addresses come out as libpq takes them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payrec.common.errors import UsageError
from payrec.common.settings import Settings, read_settings

LIMITED = ("DB_PORT", "RETENTION_DAYS", "HORIZON_DAYS", "LANDMARK_AGES", "TRAIN_MAX_ROWS", "SEED")
ENVIRONMENT_TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=30)
NUMBERS = st.integers(-(10**20), 10**20).map(str)
AGES = st.lists(st.integers(-365, 3650), min_size=1, max_size=12).map(tuple)


def read(values: Mapping[str, str]) -> Settings:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            patch.setenv(f"PAYREC_{name}", value)
        return read_settings()


@given(st.sampled_from(LIMITED), ENVIRONMENT_TEXT | NUMBERS | st.lists(NUMBERS, max_size=3).map(",".join))
@settings(suppress_health_check=[HealthCheck.differing_executors])
def test_any_value_is_read_or_refused_by_name_and_form(name: str, value: str) -> None:
    try:
        read({name: value})
    except UsageError as refused:
        first, second = str(refused).splitlines()
        assert first.startswith(f"the setting PAYREC_{name} is ")
        assert ", expected " in first
        assert second.startswith("correct it, or unset it")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("RETENTION_DAYS", "abc", "'abc', expected a whole number from 1 to 36500"),
        ("HORIZON_DAYS", "0", "'0', expected a whole number from 1 to 365"),
        ("DB_PORT", "x", "'x', expected a whole number from 1 to 65535"),
        ("DB_PORT", "", "'', expected a whole number from 1 to 65535"),
        ("LANDMARK_AGES", "0,x", "'x', expected days from -365 to 3650, separated by commas, such as -7,0,3"),
        ("TRAIN_MAX_ROWS", "2e6", "'2e6', expected a whole number from 1000"),
    ],
)
def test_the_message_says_what_was_expected(name: str, value: str, expected: str) -> None:
    with pytest.raises(UsageError) as refused:
        read({name: value})
    assert str(refused.value).splitlines()[0] == f"the setting PAYREC_{name} is {expected}"


@given(AGES, st.sampled_from(["{}", " ({}) ", "[{}]", "({},)"]), st.sampled_from([",", ", "]))
def test_ages_are_read_in_every_documented_form(ages: tuple[int, ...], form: str, comma: str) -> None:
    assert read({"LANDMARK_AGES": form.format(comma.join(map(str, ages)))}).landmark_ages == ages


@pytest.mark.parametrize(
    ("host", "libpq"),
    [
        ("db.example", "db.example"),
        ("/var/run/postgresql", "/var/run/postgresql"),
        ("::1", "::1"),
        ("[2001:db8::2]", "2001:db8::2"),
        ("one.example,/tmp/a b", "one.example,/tmp/a b"),
        ("10.0.0.1", "10.0.0.1"),
    ],
)
def test_hosts_arrive_at_libpq_as_they_were_set(host: str, libpq: str) -> None:
    from payrec.data.engines import postgres_session

    values = {"DB_HOST": host, "DB_NAME": "billing/eu", "DB_USER": "a@b", "DB_PASS": "p:/@?"}
    parts = dict(postgres_session.address(read(values).database_url()).libpq)
    assert (parts["host"], parts["dbname"], parts["user"]) == (libpq, "billing/eu", "a@b")
    assert parts["password"] == values["DB_PASS"]
    assert parts["port"].split(",")[-1] == "5432"

from __future__ import annotations

import doctest
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.publish.test_folder_repair import DAMAGES, remove

from payrec.common.errors import DataRefused, UsageError
from payrec.data.engines import connect
from payrec.publish import actions
from payrec.publish.actions import KINDS, OUTCOMES, Action
from payrec.publish.personal import Person
from payrec.publish.store import ListStore, open_store

AT = datetime(2026, 5, 2, 9, 30)
ID = "11111111-1111-4111-8111-111111111111"
CALL = Action(ID, AT, "kim", "c1", "contacted", outcome="spoke", channel="phone")


@pytest.fixture(params=["folder", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ListStore]:
    if request.param == "folder":
        yield open_store(tmp_path)
        return
    with connect(request.getfixturevalue("postgres_url")) as engine:
        yield open_store(engine)


def test_an_action_sent_twice_is_one_row(store: ListStore) -> None:
    assert actions.read(store) == ()
    assert actions.add(store, CALL, AT)
    assert not actions.add(store, replace(CALL, at=AT + timedelta(seconds=1)), AT + timedelta(days=1))
    (stored,) = actions.read(store)
    assert replace(stored, recorded_by=None) == replace(CALL, recorded_at=AT)


def test_an_id_belongs_to_one_action(store: ListStore) -> None:
    actions.add(store, CALL, AT)
    with pytest.raises(UsageError, match=f"found the action id {ID} on another action, recorded by kim"):
        actions.add(store, replace(CALL, outcome="refused"), AT)
    assert [one.outcome for one in actions.read(store)] == ["spoke"]


def test_two_editors_lose_nothing(store: ListStore) -> None:
    both = [replace(CALL, action_id=str(UUID(int=at)), by=f"editor {at % 2}") for at in range(20)]
    if isinstance(store, actions.FolderStore):
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(lambda one: actions.add(store, one, AT), both))
    else:
        assert all(actions.add(store, one, AT) for one in both)
    assert {one.action_id for one in actions.read(store)} == {one.action_id for one in both}


def test_read_since_and_of_a_customer(store: ListStore) -> None:
    for at in range(4):
        action = replace(CALL, action_id=str(UUID(int=at)), customer_id=f"c{at % 2}", at=AT + timedelta(hours=12 * at))
        actions.add(store, action, action.at)
    assert [UUID(one.action_id).int for one in actions.read(store, since=AT + timedelta(hours=12))] == [1, 2, 3]
    assert [UUID(one.action_id).int for one in actions.read(store, customer_id="c0")] == [0, 2]


def test_erase_takes_the_actions_of_one_customer(store: ListStore) -> None:
    actions.add(store, CALL, AT)
    actions.add(store, replace(CALL, action_id=str(UUID(int=1)), customer_id="c2"), AT)
    assert actions.erase(store, Person("c1", frozenset())) == 1
    assert [one.customer_id for one in actions.read(store)] == ["c2"]
    assert actions.erase(store, Person("c1", frozenset())) == 0


def test_a_later_look_reads_what_is_new_and_forgets_what_was_erased(store: ListStore) -> None:
    known: tuple[Action, ...] = ()
    for at in (0, 90, 30):  # the last one is recorded late
        one = replace(CALL, action_id=str(UUID(int=at)), customer_id=f"c{at}", at=AT)
        actions.add(store, one, AT + timedelta(seconds=at))
        known = actions.newer(store, AT, known)
        assert known == actions.read(store, AT)
        assert actions.newer(store, AT, known) is known
    actions.erase(store, Person("c30", frozenset()))
    assert [one.customer_id for one in actions.newer(store, AT, known)] == ["c0", "c90"]


def test_what_is_undone_is_no_longer_in_force() -> None:
    other, undo = replace(CALL, action_id="b"), replace(CALL, action_id="u", kind="undone", outcome=ID)
    assert actions.in_force([CALL, other, undo, replace(undo, action_id="u2")]) == (other,)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "called"}, "found the action called, expected one of contacted, promised"),
        ({"action_id": "7"}, "found the action id 7, expected a UUID"),
        ({"outcome": None}, "found contacted without outcome"),
        ({"outcome": "sang"}, "found the outcome sang, expected one of no_answer, left_message"),
        ({"customer_id": " "}, "found contacted without customer_id"),
        ({"order_ids": ("o1", "")}, "found contacted without the id of an order"),
        ({"note": "x" * 10_000_000}, "found a note of 10,000,000 characters, expected at most 1,000"),
        ({"kind": "promised", "amount": Decimal(5), "currency": "EUR"}, "found promised without until"),
        ({"amount": Decimal("0.001")}, "found the amount 0.001, expected one above 0 with at most two decimals"),
        ({"amount": Decimal("NaN")}, "found the amount NaN"),
        (
            {"kind": "snoozed", "until": date(2026, 5, 1)},
            "found until 2026-05-01, expected a day from 2026-05-02 to 2199-12-31",
        ),
        ({"at": AT + timedelta(days=2)}, "found an action at 2026-05-04 09:30, expected a time up to now, 2026-05-02"),
    ],
)
def test_a_wrong_action_is_refused_in_one_sentence(tmp_path: Path, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        actions.add(open_store(tmp_path), replace(CALL, **wrong), AT)
    assert actions.read(open_store(tmp_path)) == ()


TEXTS = st.text(max_size=30).filter(lambda text: text.replace("\0", "").strip())


@given(
    kind=st.sampled_from(KINDS),
    note=TEXTS,
    amount=st.decimals("0.01", "9999999", places=2),
    orders=st.lists(TEXTS, max_size=3),
    days=st.integers(0, 900),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_recorded_is_read_back(
    tmp_path: Path, kind: Any, note: str, amount: Decimal, orders: list[str], days: int
) -> None:
    number = UUID(int=len(list(tmp_path.rglob("*.json"))) + 1)
    action = Action(
        str(number), AT, note, "=1+1", kind, tuple(orders), None, OUTCOMES[0], amount, "EUR",
        (AT + timedelta(days=days)).date(), note,
    )  # fmt: skip
    store = open_store(tmp_path)
    assert actions.add(store, action, AT)
    stored = next(one for one in actions.read(store) if one.action_id == str(number))
    assert stored == replace(actions.validated(action, AT), recorded_at=AT)


def rewrite(old: str, new: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(path.read_text().replace(old, new))


VALUES = (
    rewrite('"contacted"', '"promised"'), rewrite('"contacted"', "7"), rewrite("-02 09", "-02 99"),
    rewrite('"at": "2', '"a": "2'), rewrite(':00"', ':00+02:00"'), rewrite("[]", "7"), rewrite(ID, "7"),
    rewrite("{", "[{"), rewrite('"kim"', '["kim"]'),
)  # fmt: skip


@pytest.mark.parametrize("damage", [*(damage for damage in DAMAGES if damage is not remove), *VALUES])
def test_fault_78_a_damaged_action_is_named_and_moved_aside(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    store, other = open_store(tmp_path), replace(CALL, action_id=str(UUID(int=1)))
    actions.add(store, CALL, AT)
    actions.add(store, other, AT)
    (path,) = tmp_path.rglob(f"{ID}.json")
    damage(path)
    with pytest.raises(DataRefused, match=rf"the action in .*{ID}.json is damaged"):
        actions.read(store)
    (moved,) = actions.repair(store)
    assert moved.path == str(path.relative_to(tmp_path))
    assert moved.moved_to
    assert os.path.lexists(tmp_path / moved.moved_to)
    assert [one.action_id for one in actions.read(store)] == [other.action_id]
    assert actions.repair(store) == []


@pytest.mark.parametrize("name", ["actions", "actions/2026-05-02"])
def test_fault_78_a_file_in_the_stead_of_a_folder_of_actions(tmp_path: Path, name: str) -> None:
    store = open_store(tmp_path)
    actions.add(store, CALL, AT)
    shutil.rmtree(tmp_path / name)
    (tmp_path / name).write_text("")
    assert [one.path for one in actions.repair(store)] == [name]
    assert actions.add(store, CALL, AT)


def test_fault_81_an_erasure_takes_the_id_out_of_notes_about_others(store: ListStore) -> None:
    about = replace(CALL, action_id=str(UUID(int=1)), customer_id="c-2", note="same office as c-17, not c-171")
    actions.add(store, replace(CALL, customer_id="c-17"), AT)
    actions.add(store, about, AT)
    assert actions.erase(store, Person("c-17", frozenset())) == 2
    assert [one.note for one in actions.read(store)] == ["same office as [erased], not c-171"]


def test_the_example_runs(tmp_path: Path) -> None:
    assert doctest.testmod(actions, extraglobs={"folder": tmp_path}).failed == 0

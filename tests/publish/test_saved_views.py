from __future__ import annotations

import doctest
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from payrec.commands import saved_views as command
from payrec.commands.saved_views import save_view, saved_views
from payrec.common.errors import DataRefused, UsageError
from payrec.data.engines import connect
from payrec.publish import saved_views as views
from payrec.publish.personal import Person
from payrec.publish.store import open_store

NOW = datetime(2026, 5, 2, 9)


@pytest.fixture(params=["folder", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if request.param == "folder":
        yield open_store(tmp_path)
        return
    with connect(request.getfixturevalue("postgres_url")) as engine:
        yield open_store(engine)


def test_the_last_save_of_a_name_holds_and_nothing_is_changed(store: Any) -> None:
    assert saved_views(store) == {}
    ids = [str(UUID(int=at)) for at in range(4)]
    assert save_view(" over  90 ", "age=over+90&owner=c-17", NOW, "kim", store, ids[0])
    assert not save_view("over 90", "age=over+90&owner=c-17", NOW, "kim", store, ids[0])
    assert save_view("B=1", "sort=Customer", NOW, "lee", store, ids[1])
    assert save_view("over 90", "age=over+90", NOW + timedelta(minutes=1), "lee", store, ids[2])
    assert [(name, one.by, one.query) for name, one in saved_views(store).items()] == [
        ("B=1", "lee", "sort=Customer"),
        ("over 90", "lee", "age=over+90"),
    ]
    assert save_view("B=1", None, NOW + timedelta(minutes=2), "kim", store, ids[3])
    assert list(saved_views(store)) == ["over 90"]
    assert [one.view_id for one in views.read(store)] == [ids[0], ids[1], ids[2], ids[3]]
    assert views.erase(store, Person("c-17", frozenset())) == 1
    assert [one.view_id for one in views.read(store)] == ids[1:]


@pytest.mark.parametrize(
    ("name", "query", "message"),
    [
        (" ", "age=1", "found a name of 0 characters for a view, expected 1 to 100"),
        ("x" * 101, "age=1", "found a name of 101 characters"),
        ("mine", "a" * 5_000, "found a view of 5,000 characters, expected filters"),
        ("mine", "no filters", "found a view of 10 characters, expected filters"),
    ],
)
def test_a_view_that_is_none_is_refused_in_one_sentence(tmp_path: Path, name: str, query: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        save_view(name, query, NOW, "kim", tmp_path)
    assert views.read(open_store(tmp_path)) == ()


def test_a_damaged_view_is_moved_aside(tmp_path: Path) -> None:
    save_view("mine", "age=0-7", NOW, "kim", tmp_path)
    (path,) = tmp_path.rglob("*.json")
    path.write_text("{}")
    with pytest.raises(DataRefused, match=r"the saved view in .* is damaged"):
        saved_views(tmp_path)
    assert [one.path for one in views.repair(open_store(tmp_path))] == [str(path.relative_to(tmp_path))]
    assert saved_views(tmp_path) == {}


def test_the_example_runs(tmp_path: Path) -> None:
    assert doctest.testmod(command, extraglobs={"published": tmp_path}).failed == 0

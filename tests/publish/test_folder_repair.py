"""Damage done to every file of a published folder: it is reported, moved out of the way, and stops nothing new."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from tests.publish.test_published_lists import AS_OF, Make, named

from payrec.common.errors import DataRefused, UsageError
from payrec.monitor import verdicts
from payrec.monitor.drift import Figure
from payrec.monitor.limits import Limits
from payrec.publish.details import Details
from payrec.publish.folder_store import FolderStore
from payrec.publish.lists import Publication
from payrec.publish.personal import Person
from payrec.worklist import rank
from payrec.worklist.policy import Policy

RUNS = ("r1", "r2", "r3")
DETAIL = pa.table({"order_id": ["o1", "o2"], "customer_id": ["c1", "c2"]})


def remove(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def append(path: Path) -> None:
    with path.open("ab") as sink:
        sink.write(b"\x00rubbish\xff")


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def make_unreadable(path: Path) -> None:
    """Point the name at itself, which no right of root can read."""
    path.unlink()
    path.symlink_to(path.name)


def make_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def another_version(path: Path) -> None:
    """Write a whole file of the same kind, as an unknown version of payrec might."""
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pa.table({"later": [1]}), path)
    elif path.suffix == ".duckdb":
        with path.open("r+b") as file:
            file.seek(12)  # the version of the storage
            file.write((9_999).to_bytes(8, "little"))
    else:
        path.write_text('{"version": 9999}')


def change_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


DAMAGES = (remove, empty, cut_in_half, append, make_folder, make_unreadable, make_pipe, another_version)


@pytest.fixture
def ranked(open_orders: Make) -> pa.Table:
    orders = ({"order_id": f"o{at}", "customer_id": f"c{at}", "p_recover_30d": 0.1 * at} for at in range(1, 4))
    return rank.rank(open_orders(*orders), Policy())


def details() -> Details:
    return {name: lambda: iter(DETAIL.to_batches()) for name in ("features", "events")}


def publish(store: FolderStore, ranked: pa.Table, name: str) -> bool:
    done = store.commit(Publication(named(name), ranked, details=details()))
    figures = verdicts.verdicts_of([Figure("rows", "", 3)], Limits())
    store.add_verdicts(name, verdicts.to_table(figures, name, AS_OF))
    return done


@pytest.fixture
def published(tmp_path: Path, ranked: pa.Table) -> Path:
    folder = tmp_path / "published"
    for name in RUNS:
        publish(FolderStore(folder), ranked, name)
    return folder


def read_all(store: FolderStore) -> None:
    """Read everything there is; what cannot be read is refused, never an internal error."""
    for read in (
        store.current,
        store.runs,
        store.verdicts,
        lambda: store.scores_of("c1"),
        *(lambda name=name: store.scores(name) for name in RUNS),
        *(lambda name=name: store.detail(name, "features") for name in RUNS),
    ):
        with suppress(DataRefused, UsageError):
            read()


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_to_any_file_is_reported_and_stops_nothing_new(
    tmp_path: Path, published: Path, ranked: pa.Table, damage: Callable[[Path], None]
) -> None:
    names = sorted(path.relative_to(published) for path in published.rglob("*") if path.is_file())
    assert len(names) == 1 + 3 * (2 + 2) + 3
    for at, name in enumerate(names):
        folder = tmp_path / str(at)
        shutil.copytree(published, folder)
        store = FolderStore(folder)
        damage(folder / name)
        read_all(store)
        damages = store.repair()
        if damage is remove and name.parts[0] == "monitor":
            assert damages == []  # a run that was killed before its verdicts leaves the same
        else:
            assert [one.path for one in damages] == [
                str(name.parent) if name.name in ("run.json", "scores.parquet") else str(name)
            ], name
            assert all(one.moved_to and os.path.lexists(folder / one.moved_to) for one in damages) or damage is remove
        assert store.repair() == [], "reported once"
        kept = [run for run in reversed(RUNS) if not any(one.path == f"runs/{run}" for one in damages)]
        assert [one.run.run_id for one in store.runs()] == kept

        publish(store, ranked, "r3")  # the same run again makes whole what it can
        assert store.runs()[0].run.run_id == "r3"
        assert store.detail("r3", "features") == store.detail("r3", "events") == DETAIL
        assert set(store.verdicts()["run_id"].to_pylist()) >= {"r3"}
        publish(store, ranked, "r4")
        current = store.current()
        assert current is not None
        assert current.run.run_id == "r4"
        assert store.scores("r4").num_rows == 3
        assert store.repair() == []


def test_a_pointer_cut_at_any_byte_leaves_the_runs_in_their_order(published: Path) -> None:
    store, pointer = FolderStore(published), published / "current"
    whole = pointer.read_bytes()
    for size in range(len(whole)):
        pointer.write_bytes(whole[:size])
        assert [one.run.run_id for one in store.runs()] == ["r3", "r2", "r1"]
    store.repair()
    assert pointer.read_bytes() == whole


def test_a_list_cut_short_is_damaged(published: Path) -> None:
    store = FolderStore(published)
    for path in (store.scores_file("r3"), store.run_folder("r3") / "run.json"):
        whole = path.read_bytes()
        for size in sorted({*range(0, len(whole), 53), *range(max(0, len(whole) - 24), len(whole))}):
            path.write_bytes(whole[:size])
            with pytest.raises(DataRefused, match="the published list r3 is damaged"):
                store.current()
        path.write_bytes(whole)
    assert store.current() is not None


@pytest.mark.parametrize("folder", ["runs", "monitor"])
def test_a_file_in_the_stead_of_a_folder(published: Path, ranked: pa.Table, folder: str) -> None:
    store = FolderStore(published)
    shutil.rmtree(published / folder)
    (published / folder).write_text("")
    read_all(store)
    assert folder in {one.path for one in store.repair()}
    assert publish(store, ranked, "r4")
    assert store.runs()[0].run.run_id == "r4"


def test_an_erasure_leaves_no_damaged_file_that_may_name_the_person(published: Path) -> None:
    store = FolderStore(published)
    cut_in_half(store.scores_file("r1"))
    make_folder(store.detail_file("r2", "events"))
    assert store.erase(Person("c1", frozenset({"o1"}))) == 2 + 3  # of two lists, and of three details
    assert list(published.glob(".damaged-*")) == []
    assert store.scores_of("c1").num_rows == 0
    assert [one.run.run_id for one in store.runs()] == ["r3", "r2"]

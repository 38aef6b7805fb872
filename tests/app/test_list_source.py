"""The trail of exports, and the source it stands beside."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Thread

import pytest

from payrec.app import export_log, list_source
from payrec.common.errors import DatabaseUnreachable, UsageError
from payrec.common.settings import Settings
from payrec.data.engines import connect
from payrec.publish import actions, details, ledger
from payrec.publish.folder_store import FolderStore
from payrec.publish.lists import Publication
from payrec.publish.run_info import Published
from payrec.publish.store import open_store
from tests.app.test_pages import page

ONE = export_log.Export(datetime(2026, 6, 30, 8), "ana@example.com", "worklist.csv", "ab" * 32, 12, "run-1", "View()")


def test_lines_are_added_newest_first(tmp_path: Path) -> None:
    for at in range(3):
        export_log.add(tmp_path, replace(ONE, rows=at))
    assert [line["rows"] for line in export_log.read(tmp_path, 2)] == [2, 1]


def test_many_sessions_do_not_mix_their_lines(tmp_path: Path) -> None:
    threads = [Thread(target=export_log.add, args=(tmp_path, replace(ONE, rows=at))) for at in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(int(str(line["rows"])) for line in export_log.read(tmp_path, 100)) == list(range(20))


@pytest.mark.parametrize("damage", [b'{"at": "2026-0', b"\xff\xfe\0", b"[1]", b"NaN{"])
def test_fault_74_a_damaged_line_is_named_and_hides_no_other(tmp_path: Path, damage: bytes) -> None:
    export_log.add(tmp_path, ONE)
    with (tmp_path / export_log.FILE).open("ab") as log:
        log.write(damage)  # without an end, as a full disk leaves it
    export_log.add(tmp_path, replace(ONE, rows=2))
    newest, damaged, first = export_log.read(tmp_path)
    assert (newest["rows"], first["rows"]) == (2, 12)
    assert damaged == {"file": "line 2 of exports.jsonl cannot be read"}


def test_what_cannot_be_written_down_does_not_leave(tmp_path: Path) -> None:
    (tmp_path / export_log.FILE).mkdir()
    with pytest.raises(UsageError, match="cannot write"):
        export_log.add(tmp_path, ONE)


def test_an_action_of_the_same_tick_of_the_clock_is_seen(tmp_path: Path) -> None:
    at = datetime(2026, 6, 30, 8)
    log, seen = list_source.ActionLog(list_source.Source(tmp_path, "lists"), at), []
    for number in (1, 2):
        action_id = f"{number}1111111-1111-4111-8111-111111111111"
        actions.add(FolderStore(tmp_path), actions.Action(action_id, at, "kim", "c1", "contacted", outcome="spoke"), at)
        os.utime(tmp_path / actions.FOLDER / "2026-06-30", (0, 0))  # as two files of one tick leave it
        seen.append(len(log.look()))
    assert seen == [1, 2]


def test_a_database_is_told_too(tmp_path: Path, duckdb_url: str) -> None:
    export_log.add(tmp_path, ONE, duckdb_url)
    with connect(duckdb_url) as engine:
        (entry,) = ledger.entries(engine)
    assert (entry.who, entry.what, entry.subject) == ("ana@example.com", "export", "run-1")
    assert "rows=12" in entry.detail


def test_a_database_that_may_not_be_written_leaves_the_file_as_the_trail(tmp_path: Path) -> None:
    export_log.add(tmp_path, ONE, "postgresql://nobody@127.0.0.1:9/none")
    assert len(export_log.read(tmp_path)) == 1


def beside(folder: Path, run: Published) -> details.Details:
    """Give what is kept beside a published run, to be published elsewhere."""
    found = {name: open_store(folder).detail(run.run.run_id, name) for name in details.NAMES}
    return {name: partial(iter, rows.to_batches()) for name, rows in found.items() if rows is not None}


def test_an_order_of_a_list_in_postgresql_has_its_whole_story(
    home: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = list_source.configured(Settings())
    (run, *_) = list_source.look(mine).runs
    with connect(postgres_url) as engine:
        open_store(engine).commit(
            Publication(run.run, open_store(mine.folder).scores(run.run.run_id), details=beside(mine.folder, run))
        )
    monkeypatch.setenv("PAYREC_DATABASE", postgres_url)
    name = open_store(mine.folder).scores(run.run.run_id)["order_id"][0].as_py()
    test = page("order", id=name)
    assert not test.exception
    titles = [one.value for one in test.subheader]
    assert titles == ["Why this chance", "Chance by day", "Chance at each run", "What happened", "Similar past orders"]
    assert [one for one in test.info if "published with this list" in one.value] == []
    assert any("past orders of" in one.value for one in test.markdown)


def test_a_list_in_postgresql_is_read_through_a_folder(home: Path, postgres_url: str) -> None:
    mine = list_source.configured(Settings())
    (run, *_) = list_source.look(mine).runs
    with connect(postgres_url) as engine:
        open_store(engine).commit(
            Publication(run.run, open_store(mine.folder).scores(run.run.run_id), details=beside(mine.folder, run))
        )
    found = list_source.test(postgres_url, Settings())
    assert list_source.look(found).current.run.run_id == run.run.run_id
    here, there = (open_store(one.folder).scores(run.run.run_id).sort_by("order_id") for one in (mine, found))
    assert here.to_pylist() == there.to_pylist()
    order = here["order_id"][0].as_py()
    events = FolderStore(found.folder).detail_file(run.run.run_id, "events")
    assert events.is_file()
    assert list_source.past(found, list_source.look(found), order, 5) == list_source.past(
        mine, list_source.look(mine), order, 1
    )


def test_an_empty_database_says_what_to_do(postgres_url: str, empty: Path) -> None:
    with pytest.raises(DatabaseUnreachable, match="make one: payrec run"):
        list_source.test(postgres_url, Settings())


def test_a_source_never_shows_its_address() -> None:
    found = list_source.of_database(Settings(), "postgresql://ana:hunter2@db.example/payrec")
    assert "hunter2" not in f"{found} {found!r} {found.key} {found.label} {found.folder}"

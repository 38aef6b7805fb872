from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from payrec.common import files
from payrec.common.errors import DataRefused, Locked, UsageError
from payrec.data import migrations
from payrec.data.engines import Engine
from payrec.monitor import verdicts
from payrec.monitor.drift import Figure
from payrec.monitor.limits import Limits
from payrec.publish import database_store, details, export, run_info
from payrec.publish.folder_store import FolderStore
from payrec.publish.lists import Publication
from payrec.publish.personal import Person
from payrec.publish.run_info import RunSummary
from payrec.publish.store import ListStore, list_by_customer, open_store
from payrec.worklist import rank
from payrec.worklist.policy import Policy

Make = Callable[..., pa.Table]
AS_OF = datetime.fromisoformat("2026-01-31")
INFO = run_info.RunInfo(
    "r1",
    AS_OF,
    datetime.fromisoformat("2026-01-31T02:00:00"),
    "m1",
    "p",
    "i",
    30,
    "EUR",
    RunSummary(AS_OF, AS_OF, 3, recovery_rate_90d=0.4),
)


@pytest.fixture
def ranked(open_orders: Make) -> pa.Table:
    orders = ({"order_id": f"o'{at}", "customer_id": "ä", "p_recover_30d": 0.1 * at} for at in range(1, 4))
    return rank.rank(open_orders(*orders, {"is_disputed": 1, "p_recover_30d": None}), Policy(capacity={"total": 2}))


def named(name: str) -> run_info.RunInfo:
    return replace(INFO, run_id=name)


@pytest.fixture(params=["folder", "duckdb", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path, open_engine: Callable[[str], Engine]) -> ListStore:
    return open_store(tmp_path / "published" if request.param == "folder" else open_engine(request.param))


def test_what_is_published_is_what_is_read(store: ListStore, ranked: pa.Table) -> None:
    assert store.current() is None
    assert store.commit(Publication(INFO, ranked))
    served = store.current()
    assert served == run_info.Published(INFO, 1, 4, 3, 2)
    back = store.scores("r1")
    assert back.select(rank.SCHEMA.names).to_pylist() == [
        row | {"run_id": "r1", "model_id": "m1", "scored_at": INFO.scored_at} for row in ranked.to_pylist()
    ]


def test_the_same_run_twice_changes_nothing(store: ListStore, ranked: pa.Table) -> None:
    assert store.commit(Publication(INFO, ranked))
    assert not store.commit(Publication(replace(INFO, scored_at=datetime.fromisoformat("2026-02-02")), ranked))
    assert [one.run.scored_at for one in store.runs()] == [INFO.scored_at]
    assert store.scores("r1").num_rows == 4


def test_the_last_published_is_served_and_old_ones_go(store: ListStore, ranked: pa.Table) -> None:
    for name in ("r1", "r2", "r3"):
        assert store.commit(Publication(named(name), ranked, keep=3))
    assert [one.run.run_id for one in store.runs()] == ["r3", "r2", "r1"]
    assert store.commit(Publication(named("r1"), ranked, keep=3))  # again: it is served again, nothing is doubled
    assert [one.run.run_id for one in store.runs()] == ["r1", "r3", "r2"]
    assert store.commit(Publication(named("r4"), ranked, keep=2))
    assert [one.run.run_id for one in store.runs()] == ["r4", "r1"]
    assert store.scores("r1").num_rows == 4
    with pytest.raises(UsageError, match="no published run r2"):
        store.scores("r2")


def of_day(ranked: pa.Table, name: str, day: int) -> tuple[run_info.RunInfo, pa.Table]:
    at = AS_OF.replace(day=day)
    column = pa.array([at] * ranked.num_rows, ranked.schema.field("as_of").type)
    table = ranked.set_column(ranked.schema.get_field_index("as_of"), "as_of", column)
    return replace(INFO, run_id=name, as_of=at, summary=RunSummary(at, at, 4)), table


def ids(store: ListStore) -> list[str]:
    return [one.run.run_id for one in store.runs()]


def test_a_past_list_is_published_without_being_served(store: ListStore, ranked: pa.Table) -> None:
    for name, day in (("r1", 20), ("r2", 21), ("past", 3)):
        assert store.commit(Publication(*of_day(ranked, name, day)))
    assert ids(store) == ["r2", "past", "r1"]
    assert store.scores("past").num_rows == 4
    assert not store.commit(Publication(*of_day(ranked, "past", 3))), "again: nothing changes"
    assert store.commit(Publication(*of_day(ranked, "r3", 21))), "of one as_of the later publication is served"
    assert ids(store) == ["r3", "r2", "past", "r1"]


def test_a_past_list_is_served_if_the_caller_says_so_until_a_newer_comes(store: ListStore, ranked: pa.Table) -> None:
    for name, day in (("r1", 20), ("past", 3)):
        store.commit(Publication(*of_day(ranked, name, day)))
    assert store.commit(Publication(*of_day(ranked, "past", 3), serve=True))
    assert ids(store) == ["past", "r1"]
    assert not store.commit(Publication(*of_day(ranked, "past", 3)))
    assert store.commit(Publication(*of_day(ranked, "r2", 4)))
    assert ids(store) == ["r2", "past", "r1"]


def test_the_served_list_stays_when_few_are_kept(store: ListStore, ranked: pa.Table) -> None:
    for name, day in (("r1", 20), ("past", 3), ("older", 2)):
        assert store.commit(Publication(*of_day(ranked, name, day), keep=1))
    assert ids(store) == ["r1", "older"]
    assert store.commit(Publication(*of_day(ranked, "r2", 21), keep=1))
    assert ids(store) == ["r2"]


def test_a_guard_that_refuses_leaves_everything_as_it_was(store: ListStore, ranked: pa.Table) -> None:
    def refuse() -> None:
        raise Locked("this run lost its lock")

    store.commit(Publication(*of_day(ranked, "r1", 20)))
    for name, day in (("r2", 21), ("past", 3)):
        with pytest.raises(Locked, match="lost its lock"):
            store.commit(Publication(*of_day(ranked, name, day), guard=refuse))
        assert ids(store) == ["r1"]
    assert store.commit(Publication(*of_day(ranked, "r2", 21), guard=lambda: None))
    assert ids(store) == ["r2", "r1"]


@pytest.mark.parametrize("serve", [False, True])
def test_without_its_pointer_a_folder_serves_the_same_list(tmp_path: Path, ranked: pa.Table, serve: bool) -> None:
    store = open_store(tmp_path)
    for name, day in (("r1", 20), ("r2", 21), ("r3", 3)):
        store.commit(Publication(*of_day(ranked, name, day), serve=serve))
    before = ids(store)
    assert before == (["r3", "r2", "r1"] if serve else ["r2", "r3", "r1"])
    (tmp_path / "current").unlink()
    assert ids(store) == before


def test_the_view_does_not_show_a_past_list(engine: Engine, ranked: pa.Table) -> None:
    store = open_store(engine)
    for name, day in (("r1", 20), ("past", 3)):
        store.commit(Publication(*of_day(ranked, name, day)))
    assert set(engine.read("SELECT run_id FROM payrec_worklist")["run_id"].to_pylist()) == {"r1"}


def test_an_empty_list_can_be_served(store: ListStore, ranked: pa.Table) -> None:
    assert store.commit(Publication(INFO, ranked.slice(0, 0)))
    served = store.current()
    assert served is not None
    assert (served.orders, served.ranked, served.prioritised) == (0, 0, 0)


def test_another_list_than_the_contract_is_refused(store: ListStore, ranked: pa.Table) -> None:
    with pytest.raises(DataRefused, match="other columns than the contract: rank"):
        store.commit(Publication(INFO, ranked.drop(["rank"])))
    with pytest.raises(DataRefused, match="is of 2026-01-31"):
        store.commit(Publication(replace(INFO, as_of=datetime.fromisoformat("2026-02-01")), ranked))


def test_verdicts_are_kept_by_run(store: ListStore) -> None:
    assert store.verdicts() == run_info.VERDICTS.empty_table()
    for value in (0, 5):
        for name in ("r1", "r2"):
            told = verdicts.verdicts_of([Figure("rows", "", value), Figure("psi", "x", 0.3)], Limits())
            store.add_verdicts(name, verdicts.to_table(told, name, AS_OF))
    rows = store.verdicts().to_pylist()
    assert sorted((row["run_id"], row["metric"], row["value"]) for row in rows) == [
        ("r1", "psi", 0.3), ("r1", "rows", 5.0), ("r2", "psi", 0.3), ("r2", "rows", 5.0),
    ]  # fmt: skip


def test_forecasts_are_only_added(store: ListStore) -> None:
    assert store.forecasts() == run_info.FORECASTS.empty_table()
    row = {name: 1.0 for name in ("expected", "low_80", "high_80", "low_95", "high_95", "phi")}
    row |= {"as_of": AS_OF, "currency": "EUR", "from_at": AS_OF, "until_at": AS_OF, "windows": 3}
    for name, expected in (("r1", 5.0), ("r2", 6.0), ("r1", 7.0)):
        rows = [{**row, "run_id": name, "week": week, "expected": expected} for week in (1, 2)]
        store.add_forecasts(name, pa.Table.from_pylist(rows, run_info.FORECASTS))
    kept = sorted((one["run_id"], one["week"], one["expected"]) for one in store.forecasts().to_pylist())
    assert kept == [("r1", 1, 5.0), ("r1", 2, 5.0), ("r2", 1, 6.0), ("r2", 2, 6.0)]


@pytest.mark.spark
def test_the_view_shows_the_run_of_today(engine: Engine, ranked: pa.Table) -> None:
    store = open_store(engine)
    for name in ("r1", "r2"):
        store.commit(Publication(named(name), ranked))
    found = engine.read(f"SELECT * FROM {database_store.WORKLIST} ORDER BY order_id")
    assert found.column_names == rank.SCHEMA.names
    assert set(found["run_id"].to_pylist()) == {"r2"}
    assert found.num_rows == 4


def test_a_run_id_is_data(engine: Engine, ranked: pa.Table) -> None:
    store = open_store(engine)
    store.commit(Publication(INFO, ranked))
    hostile = "'; DROP TABLE payrec_runs; --"
    store.commit(Publication(named(hostile), ranked, keep=5))
    assert store.scores(hostile).num_rows == 4
    store.commit(Publication(INFO, ranked, keep=1))
    assert [one.run.run_id for one in store.runs()] == ["r1"]


def test_a_failure_in_the_middle_leaves_the_former_run(
    engine: Engine, ranked: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(engine)
    store.commit(Publication(INFO, ranked))
    write = type(engine).write

    def failing(self: Engine, table: str, rows: Any, key: tuple[str, ...]) -> int:
        done = write(self, table, rows, key)
        if table == database_store.SCORES:
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(type(engine), "write", failing)
    with pytest.raises(KeyboardInterrupt):
        store.commit(Publication(named("r2"), ranked))
    monkeypatch.undo()
    assert [one.run.run_id for one in store.runs()] == ["r1"]
    assert store.scores("r1").num_rows == 4
    assert store.commit(Publication(named("r2"), ranked))
    assert [one.run.run_id for one in store.runs()] == ["r2", "r1"]


class Broken(BaseException):
    """Stands for a crash."""


@pytest.mark.parametrize("first", [True, False])
def test_a_crash_at_any_step_leaves_the_former_run(
    tmp_path: Path, ranked: pa.Table, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    """Steps are found, not listed: the n-th rename or sync fails, for every n until none is left to fail."""
    before = [] if first else ["r1"]
    for at in range(1, 100):
        folder = tmp_path / str(at)
        store = open_store(folder)
        if not first:
            store.commit(Publication(INFO, ranked))
        steps = iter(range(1, 1000))
        with monkeypatch.context() as patch:
            for name in ("rename", "replace", "fsync"):
                patch.setattr(os, name, _failing_at(getattr(os, name), at, steps))
            try:
                store.commit(Publication(named("r2"), ranked, keep=2))
                broke = False
            except Broken:
                broke = True
        served = [one.run.run_id for one in store.runs()]
        assert served in (before, ["r2", *before])
        for name in served:
            assert store.scores(name).num_rows == 4
        store.commit(Publication(named("r2"), ranked, keep=2))
        assert [one.run.run_id for one in store.runs()] == ["r2", *before]
        store.commit(Publication(named("r3"), ranked, keep=2))
        assert sorted(path.name for path in (folder / "runs").iterdir()) == ["r2", "r3"]
        if not broke:
            assert at > 5
            return
    pytest.fail("there was always another step")


def _failing_at(real: Callable[..., Any], at: int, steps: Any) -> Callable[..., Any]:
    def step(*args: Any) -> Any:
        if next(steps) == at:
            raise Broken
        return real(*args)

    return step


def test_a_damaged_run_is_refused_and_a_damaged_pointer_leads_nowhere_else(tmp_path: Path, ranked: pa.Table) -> None:
    store = open_store(tmp_path)
    store.commit(Publication(INFO, ranked))
    about = tmp_path / "runs" / "r1" / "run.json"
    whole = about.read_text()
    about.write_text("{")
    with pytest.raises(DataRefused, match=r"published list r1 is damaged: run\.json"):
        store.current()
    about.write_text(whole)
    for pointer in ('{"current": "../../etc", "before": []}', "[]", '{"current": "r1", "before": ["../r1"]}'):
        (tmp_path / "current").write_text(pointer)
        assert [one.run.run_id for one in store.runs()] == ["r1"]


def test_the_published_file_can_be_paged_by_another_process(tmp_path: Path, ranked: pa.Table) -> None:
    store = open_store(tmp_path)
    store.commit(Publication(INFO, ranked))
    with duckdb.connect() as reader:
        path = str(FolderStore(tmp_path).scores_file("r1"))
        found = reader.execute("SELECT order_id FROM read_parquet(?) WHERE rank <= 2 ORDER BY rank", [path]).fetchall()
    assert found == [("o'3",), ("o'2",)]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path, ranked: pa.Table) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot write .*file"):
        open_store(tmp_path / "file" / "published").commit(Publication(INFO, ranked))
    with pytest.raises(UsageError, match="cannot write"), files.replacing(tmp_path / "none" / "x"):
        pass


def test_run_ids_come_from_all_that_decides_and_nothing_else() -> None:
    parts: tuple[Any, ...] = (AS_OF, "m", "p", "i")
    made = run_info.identity(*parts)
    assert made == run_info.identity(*parts)
    assert made.startswith("20260131T000000-")
    for at in range(4):
        other = [*parts]
        other[at] = datetime.fromisoformat("2026-02-01") if at == 0 else "x"
        assert run_info.identity(*other) != made


@pytest.mark.spark
def test_migrations_are_applied_once_in_order_and_checked(engine: Engine) -> None:
    names = [migration.name for migration in migrations.published(engine.name)]
    assert names == sorted(names)
    assert migrations.migrate_published(engine) == names
    assert migrations.migrate_published(engine) == []
    changed = tuple(replace(one, sql=one.sql + "\n") for one in migrations.published(engine.name))
    with pytest.raises(UsageError, match="applied to this database with another content"):
        migrations.migrate_published(engine, changed)
    with pytest.raises(UsageError, match="made by a newer version"):
        migrations.migrate_published(engine, migrations.published(engine.name)[:1])


def test_a_migration_that_fails_leaves_nothing(engine: Engine) -> None:
    wrong = (
        *migrations.published(engine.name),
        migrations.Migration(99, "99_wrong.sql", "CREATE TABLE a (x BIGINT); SELECT nonsense"),
    )
    before = engine.tables()
    with pytest.raises(Exception, match="nonsense"):
        migrations.migrate_published(engine, wrong)
    assert engine.tables() == before


def test_the_tables_have_the_columns_of_the_contract(engine: Engine) -> None:
    migrations.migrate_published(engine)
    assert set(engine.read("SELECT * FROM payrec_scores").column_names) == set(rank.SCHEMA.names)
    assert set(engine.read("SELECT * FROM payrec_monitor").column_names) == set(run_info.VERDICTS.names)


KILLED_AT_EVERY_STEP = """
import json, os, signal, sys
from datetime import datetime
from pathlib import Path
import pyarrow.parquet as pq
from payrec.publish import run_info
from payrec.publish.lists import Publication
from payrec.publish.store import open_store
from payrec.publish.personal import Person
from payrec.publish.run_info import RunSummary

folder, ranked = Path(sys.argv[1]), pq.read_table(sys.argv[2])
as_of = datetime(2026, 1, 31)

def commit(at, name):
    run = run_info.RunInfo(name, as_of, as_of, "m", "p", "i", 30, None, RunSummary(as_of, None, 4))
    return open_store(folder / str(at)).commit(Publication(run, ranked, keep=2))

def dying(real, at, steps):
    def step(*args):
        if next(steps) == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args)
    return step

for at in range(1, 100):
    commit(at, "r1")
    child = os.fork()
    if child == 0:
        steps = iter(range(1, 1000))
        for name in ("rename", "replace", "fsync", "open"):
            setattr(os, name, dying(getattr(os, name), at, steps))
        commit(at, "r2")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    served = [one.run.run_id for one in open_store(folder / str(at)).runs()]
    whole = [open_store(folder / str(at)).scores(name).num_rows for name in served]
    commit(at, "r2")
    commit(at, "r3")
    left = sorted(path.name for path in (folder / str(at) / "runs").iterdir())
    print(json.dumps([os.WIFSIGNALED(status), served, whole, left]), flush=True)
    if status == 0:
        break
"""


def test_kill_9_at_any_step_leaves_the_former_run(tmp_path: Path, ranked: pa.Table) -> None:
    pq.write_table(ranked, tmp_path / "ranked.parquet")
    arguments = [
        sys.executable,
        "-c",
        KILLED_AT_EVERY_STEP,
        str(tmp_path / "published"),
        str(tmp_path / "ranked.parquet"),
    ]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    seen = [json.loads(line) for line in done.stdout.splitlines()]
    assert [killed for killed, *_ in seen] == [True] * (len(seen) - 1) + [False]
    assert len(seen) > 10
    for _, served, whole, left in seen:
        assert served in (["r1"], ["r2", "r1"])
        assert whole == [4] * len(served)
        assert left == ["r2", "r3"]
    for folder in (tmp_path / "published").iterdir():
        assert sorted(path.name for path in folder.iterdir()) == ["current", "runs"]
    assert seen[-1][1] == ["r2", "r1"]


def test_rows_that_were_erased_are_counted(store: ListStore, ranked: pa.Table) -> None:
    store.commit(Publication(INFO, ranked))
    (published,) = store.runs()
    assert store.erased(published) == 0
    store.erase(Person("ä", frozenset()))
    assert store.erased(published) == 4 - store.scores("r1").num_rows == 3


def test_the_list_by_customer_is_published_and_erased_with_the_list(store: ListStore, open_orders: Make) -> None:
    rows = open_orders({"customer_id": "a"}, {"customer_id": "b"}, {"customer_id": "a", "is_disputed": 1})
    orders, by_customer = rank.ranked_lists(rows, Policy())
    stamped = export.stamped(by_customer, INFO.stamp)
    kept = {details.CUSTOMERS: lambda: iter(stamped.to_batches())}
    store.commit(Publication(INFO, orders, details=kept))
    assert list_by_customer(store, "r1").to_pylist() == stamped.to_pylist()
    assert store.erase(Person("a", frozenset())) == 3
    assert list_by_customer(store, "r1")["customer_id"].to_pylist() == ["b"]
    store.commit(Publication(named("r2"), orders, keep=1))
    assert list_by_customer(store, "r2").num_rows == 0

"""Every table of a site after two nights is dropped, renamed, emptied or loses a column: refused, or made again."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from decimal import Decimal
from uuid import uuid4

import pytest

import postgres_server
from payrec.commands import holdout
from payrec.common.errors import DataRefused, PayrecError
from payrec.data import kept_tables
from payrec.data.engines import Engine
from payrec.publish import actions, saved_views
from payrec.publish.actions import Action
from payrec.publish.saved_views import SavedView
from payrec.publish.store import open_store
from payrec.simulate import simulator
from tests.commands.conftest import DAY, FIRST_NIGHT, Site

LAST_NIGHT = FIRST_NIGHT + 2 * DAY
ENGINES = ("duckdb", "postgres")
NOT_DAMAGED = "payrec_raw_migrations"  # its files change nothing when they are applied again
ONE_COLUMN = ("payment_source", "known_at_creation", "reporting_currency")
LISTS = {"payrec_runs", "payrec_scores", "payrec_customers", "payrec_run_details"}
UNNAMED = {"payrec_worklist", "payrec_monitor"}  # a view, and verdicts that are made again from the lists
BARE = re.compile(r"Catalog Error|Binder Error|does not exist|has no column|internal error|Traceback")


def drop(engine: Engine, table: str) -> None:
    kind = "VIEW" if table in ("payrec_worklist", "v_feature_view") else "TABLE"
    engine.run(f"DROP {kind} IF EXISTS {table}" + " CASCADE" * (engine.name == "postgres"))


def rename(engine: Engine, table: str) -> None:
    if table in engine.tables() - {"payrec_worklist", "v_feature_view"}:
        engine.run(f"ALTER TABLE {table} RENAME TO x_{table}")


def empty(engine: Engine, table: str) -> None:
    if table in engine.tables() - {"payrec_worklist", "v_feature_view"}:
        engine.run(f"DELETE FROM {table}")


def lose_a_column(engine: Engine, table: str) -> None:
    if table not in engine.tables() - {"payrec_worklist", "v_feature_view"}:
        return
    names = engine.read(f"SELECT * FROM {table} LIMIT 0").column_names
    for name in reversed(names[1:]):  # DuckDB keeps one that has an index
        try:
            engine.run(f"ALTER TABLE {table} DROP COLUMN {name}" + " CASCADE" * (engine.name == "postgres"))
        except PayrecError:
            continue
        return


DAMAGES = (drop, rename, empty, lose_a_column)
Copy = Callable[[], AbstractContextManager[Site]]


@pytest.fixture(scope="module", params=ENGINES)
def copied(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """Give a function that copies a site after two nights, with an experiment, actions and a saved view."""
    folder = tmp_path_factory.mktemp("used")
    made, models = simulator.portfolio(400, 1), folder / "models"
    if request.param == "duckdb":
        site = Site(f"duckdb:///{folder / 'payrec.duckdb'}", folder, models, made)
    else:
        admin = request.getfixturevalue("postgres_admin")
        postgres_server.create_database(admin, "payrec_used")
        site = Site(postgres_server.with_database(admin, "payrec_used"), folder, models, made)
    for night in range(2):
        at = FIRST_NIGHT + night * DAY
        site.arrive(at)
        with site.open() as engine:
            if night == 0:
                engine.run("INSERT INTO raw_customers (customer_id) SELECT MIN(customer_id) FROM raw_transactions")
                engine.run("INSERT INTO kept_out VALUES ('a', 'b', 'c')")
                holdout.start(engine, at, without_check=True)
        ranked = site.night(at).ranked.sort_by("rank")["customer_id"].to_pylist()
        with site.open() as engine:
            lists = open_store(site.published or engine)
            promise = Action(
                str(uuid4()), at, "ann", ranked[0], "promised", (), None, None, Decimal(9), "EUR", at.date()
            )
            actions.add(lists, promise, at)
            saved_views.add(lists, SavedView(str(uuid4()), at, "ann", f"mine {night}", "owner=ann"), at)
    site.arrive(LAST_NIGHT)

    @contextmanager
    def copy() -> Iterator[Site]:
        target = folder.parent / f"copy-{uuid4().hex[:8]}"
        shutil.copytree(folder, target)
        name = f"payrec_{target.name[-8:]}"
        if request.param == "duckdb":
            yield replace(site, url=f"duckdb:///{target / 'payrec.duckdb'}", folder=target)
        else:
            postgres_server.create_database(admin, name, "payrec_used")
            yield replace(site, url=postgres_server.with_database(admin, name), folder=target)
            postgres_server.drop_database(admin, name)
        shutil.rmtree(target)

    yield copy
    if request.param == "postgres":
        postgres_server.drop_database(admin, "payrec_used")


@pytest.fixture(scope="module")
def undamaged(copied: Copy) -> list[dict[str, object]]:
    """The list of the third night on the site as it is."""
    with copied() as site:
        return listed(site)


def listed(site: Site, **more: object) -> list[dict[str, object]]:
    ranked = site.night(LAST_NIGHT, **more).ranked
    return ranked.select(["order_id", "rank", "p_recover_30d", "suppressed_reason"]).sort_by("order_id").to_pylist()


def tables_of(site: Site) -> list[str]:
    with site.open() as engine:
        return sorted(engine.tables() - {NOT_DAMAGED})


def is_kept(table: str) -> bool:
    return table in kept_tables.HOLDS


@pytest.mark.parametrize("damage", DAMAGES)
def test_fault_85_layers_that_were_damaged_are_built_again(
    copied: Copy, undamaged: list[dict[str, object]], damage: Callable[[Engine, str], None]
) -> None:
    with copied() as site:
        layers = [table for table in tables_of(site) if not is_kept(table)]
    parts = [layers] if damage in (drop, rename) else [layers[::3], layers[1::3], layers[2::3]]
    for part in parts:
        with copied() as site:
            with site.open() as engine:
                for table in part:
                    damage(engine, table)
            assert listed(site) == undamaged, part


@pytest.mark.parametrize("damage", DAMAGES)
def test_fault_85_what_no_list_needs_is_made_again_and_named(
    copied: Copy, undamaged: list[dict[str, object]], damage: Callable[[Engine, str], None]
) -> None:
    with copied() as site:
        tables = [table for table in tables_of(site) if is_kept(table) and table not in kept_tables.LISTS_NEED]
        with site.open() as engine:
            held = {table: engine.read(f"SELECT COUNT(*) AS n FROM {table}")["n"][0].as_py() for table in tables}
    filled = [table for table in tables if held[table] and table not in UNNAMED]
    others, lists = ([table for table in filled if (table in LISTS) == of_lists] for of_lists in (False, True))
    # emptied alone, since the rows of the lists say what the other tables held
    parts = [others, *([one] for one in lists)] if damage is empty else [tables]
    for part in filter(None, parts):
        with copied() as site:
            assert named_after(site, part, undamaged, damage) >= {one for one in part if held[one]} - UNNAMED


def named_after(
    site: Site, tables: list[str], undamaged: list[dict[str, object]], damage: Callable[[Engine, str], None]
) -> set[str]:
    """Damage tables, make the list, which has to be that of the undamaged site, and return what the run names."""
    with site.open() as engine:
        for table in tables:
            damage(engine, table)
    if damage is lose_a_column:
        for table in tables:  # each is refused by name; dropped, it is made again
            if table == "payrec_worklist":
                continue
            words = r"the table \w+ lacks \w+: .*\n.*or drop it .*: payrec run(\n|$)"
            with pytest.raises(DataRefused, match=words) as refused:
                site.night(LAST_NIGHT)
            with site.open() as engine:
                drop(engine, str(refused.value).split()[2])
    report = site.night(LAST_NIGHT)
    assert report.ranked.select(list(undamaged[0])).sort_by("order_id").to_pylist() == undamaged
    assert report.level == "alarm"
    with site.open() as engine:
        assert set(tables) <= engine.tables()
        assert open_store(site.published or engine).current() == report.published
    assert site.night(LAST_NIGHT).already_done
    return {one.figure.subject.split()[0] for one in report.verdicts if one.figure.metric == "damaged"}


@pytest.mark.parametrize("damage", DAMAGES)
def test_fault_85_no_list_is_made_without_what_it_needs(copied: Copy, damage: Callable[[Engine, str], None]) -> None:
    with copied() as site:
        needed = [table for table in tables_of(site) if table in kept_tables.LISTS_NEED]
    for table in needed:
        with copied() as site:
            with site.open() as engine:
                before = engine.read(f"SELECT COUNT(*) AS n FROM {table}")["n"][0].as_py()
                damage(engine, table)
            if not before and damage is not lose_a_column:
                continue  # nothing is lost
            if damage is lose_a_column and table in ONE_COLUMN:
                continue
            with pytest.raises(DataRefused) as refused:
                site.night(LAST_NIGHT)
            found, advice = str(refused.value).split("\n", 1)
            assert re.search(rf"{table}|facts are gone", found), found
            assert re.search(r"payrec (run --serve|load \w+|privacy erase)", advice), advice
            assert not BARE.search(found), found
            with site.open() as engine:
                served = open_store(site.published or engine).current()
                assert served is not None
                assert served.run.as_of == LAST_NIGHT - DAY
            if "run --serve" in advice and table.startswith("payrec_"):
                if damage is lose_a_column:
                    with site.open() as engine:
                        drop(engine, table)
                report = site.night(LAST_NIGHT, serve=True)
                assert [one for one in report.verdicts if one.figure.subject.startswith(table)]
                assert site.night(LAST_NIGHT).already_done


def test_fault_85_no_command_ends_in_the_words_of_the_database(
    copied: Copy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from payrec import cli

    monkeypatch.setattr("payrec.cli.options.now", lambda: LAST_NIGHT)
    commands = ("check", "monitor", "holdout status", "forecast", "worklist --capacity 5 --out {out}/list.csv",
                "log note --customer c1 --note hello")  # fmt: skip
    with copied() as site:
        kept = [table for table in tables_of(site) if is_kept(table)]
    for number, table in enumerate(kept):
        with copied() as site:
            with site.open() as engine:
                DAMAGES[number % 2 * 3](engine, table)
            for name, value in site.environment().items():
                monkeypatch.setenv(name, value)
            for command in commands[number % 2 :: 2]:
                with pytest.raises(SystemExit) as ended:
                    cli.main(command.format(out=site.folder).split())
                said = capsys.readouterr().err
                assert ended.value.code in (0, 1, 2, 3, 4), (table, command, said)
                assert not BARE.search(said), (table, command, said)


def test_holdout_status_without_an_experiment_says_so(duckdb_memory: Engine) -> None:
    with pytest.raises(PayrecError, match=r"^found no experiment, expected one\nstart one: payrec holdout start$"):
        holdout.status(duckdb_memory)

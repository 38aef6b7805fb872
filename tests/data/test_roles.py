"""PostgreSQL roles: each can do its work, and no more."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pyarrow as pa
import pytest

from payrec.commands import holdout
from payrec.commands.saved_views import save_view, saved_views
from payrec.common.errors import DataRefused, Locked, PayrecError, UsageError
from payrec.data import layers
from payrec.data.engines import Engine, connect
from payrec.data.migrations import migrate_published
from payrec.publish import action_events, actions, experiments, ledger, lock
from payrec.publish.actions import Action
from payrec.publish.store import open_store

ROLES = files("payrec.data") / "sql" / "postgres" / "roles.sql"
SCHEMAS = {"payrec_reader": "payrec_raw", "payrec_writer": "payrec,payrec_raw", "payrec_app": "payrec"}
GROUPS = sorted(SCHEMAS)
NOW = dt.datetime(2024, 2, 10, 3)


def orders(*ids: str) -> pa.Table:
    n = len(ids)
    return pa.table(
        {
            "order_id": list(ids),
            "customer_id": ["c"] * n,
            "currency": ["EUR"] * n,
            "amount": [Decimal("10.00")] * n,
            "invoice_date": [dt.date(2024, 1, 31)] * n,
        }
    )


@pytest.fixture
def owner(postgres_url: str) -> Iterator[Engine]:
    """The owner of the data, with the roles made (twice), raw tables loaded, and a table that is nobody's business."""
    with connect(f"{postgres_url}?schema=payrec_raw") as engine:
        for _ in range(2):
            engine.run(ROLES.read_text(encoding="utf-8"))
        layers.prepare(engine)
        engine.write("raw_transactions", orders("a", "b"), ("order_id",))
        engine.run("CREATE TABLE public.salaries (x INTEGER)")
        yield engine


@pytest.fixture
def member(postgres_url: str, owner: Engine) -> Iterator[Callable[[str, str], Engine]]:
    """Give a function that signs in as a new member of a group; all are gone in the end."""
    number = re.sub(r"\D+", "_", urlsplit(postgres_url).path)
    made: list[str] = []
    with ExitStack() as opened, psycopg.connect(postgres_url, autocommit=True) as admin:

        def sign_in(group: str, name: str = "one") -> Engine:
            role = f"{group}_{name}{number}"
            admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'member-0nly' IN ROLE {group}")  # type: ignore[call-overload]
            admin.execute(f"ALTER ROLE {role} SET role = '{group}'")  # type: ignore[call-overload]
            made.append(role)
            parts = urlsplit(postgres_url)
            netloc = f"{role}:member-0nly@{parts.hostname}:{parts.port}"
            address = urlunsplit(parts._replace(netloc=netloc, query=f"schema={SCHEMAS[group]}"))
            return opened.enter_context(connect(address))

        try:
            yield sign_in
        finally:
            opened.close()
            for role in made:
                admin.execute(f"DROP ROLE {role}")  # type: ignore[call-overload]


def build(writer: Engine) -> None:
    layers.build(writer, layers.Parameters(as_of=(dt.datetime(2024, 2, 10),), landmark_ages=(0,)))
    migrate_published(writer)


def test_a_writer_builds_and_publishes_from_raw_tables_of_others(member: Callable[..., Engine]) -> None:
    writer = member("payrec_writer")
    build(writer)
    assert writer.read("SELECT order_id FROM v_feature_view WHERE is_landmark = 0").num_rows == 2
    assert writer.read("SELECT * FROM payrec_worklist").num_rows == 0


def test_writers_take_turns(member: Callable[..., Engine]) -> None:
    for name in ("one", "two"):
        build(member("payrec_writer", name))


def test_a_reader_reads_the_raw_tables(member: Callable[..., Engine]) -> None:
    reader = member("payrec_reader")
    assert reader.read("SELECT order_id FROM raw_transactions").num_rows == 2
    assert reader.read("SELECT order_id FROM payrec_raw.raw_events").num_rows == 0


def test_the_app_reads_what_is_published_and_adds_to_the_ledger(member: Callable[..., Engine]) -> None:
    build(member("payrec_writer"))
    app = member("payrec_app")
    for table in ("payrec_worklist", "payrec_scores", "payrec_runs", "payrec_monitor"):
        assert app.read(f"SELECT * FROM {table}").num_rows == 0
    ledger.add(app, ledger.Entry(dt.datetime(2024, 2, 10), "ann", "export", "worklist.csv", "done"))
    assert [entry.who for entry in ledger.entries(app)] == ["ann"]


BEYOND = {
    "payrec_reader": [
        "INSERT INTO raw_transactions SELECT * FROM raw_transactions",
        "DELETE FROM raw_transactions",
        "UPDATE raw_transactions SET amount = 0",
        "TRUNCATE raw_events",
        "DROP TABLE raw_events",
        "ALTER TABLE raw_events ADD COLUMN x INTEGER",
        "CREATE TABLE payrec_raw.mine (x INTEGER)",
        "CREATE TABLE payrec.mine (x INTEGER)",
        "CREATE TABLE public.mine (x INTEGER)",
        "CREATE SCHEMA mine",
        "SELECT * FROM payrec.payrec_scores",
        "SELECT * FROM payrec.payrec_ledger",
        "SELECT payrec.payrec_add_entry(TIMESTAMP '2024-02-10 00:00:00', 'x', 'export', 'r', 'done', '')",
        "SELECT * FROM payrec.features",
        "SELECT * FROM public.salaries",
        "CREATE ROLE mine",
        "SET ROLE payrec_writer",
    ],
    "payrec_writer": [
        "INSERT INTO raw_transactions SELECT * FROM raw_transactions",
        "DELETE FROM raw_transactions",
        "UPDATE raw_transactions SET amount = 0",
        "TRUNCATE payrec_raw.raw_events",
        "DROP TABLE payrec_raw.raw_events",
        "CREATE TABLE payrec_raw.mine (x INTEGER)",
        "CREATE TABLE public.mine (x INTEGER)",
        "CREATE SCHEMA mine",
        "SELECT * FROM public.salaries",
        "BEGIN; LOCK TABLE raw_transactions IN SHARE MODE; COMMIT",
        "SET ROLE payrec_app",
        "CREATE ROLE mine",
        "COPY raw_events TO '/tmp/stolen'",
        "COPY raw_events TO PROGRAM 'true'",
    ],
    "payrec_app": [
        "SELECT * FROM payrec.features",
        "SELECT * FROM payrec.v_feature_view",
        "SELECT * FROM payrec.stg_orders",
        "SELECT * FROM payrec_raw.raw_transactions",
        "SELECT * FROM public.salaries",
        "INSERT INTO payrec_scores SELECT * FROM payrec_scores",
        "DELETE FROM payrec_runs",
        "INSERT INTO payrec_ledger (happened_at, who, what, subject, status, detail) "
        "VALUES (TIMESTAMP '2024-02-10 00:00:00', 'x', 'export', 'r', 'done', '')",
        "SELECT setval('payrec.payrec_ledger_entry_no_seq', 9000000000000000000)",
        "SELECT nextval('payrec.payrec_ledger_entry_no_seq')",
        "INSERT INTO payrec_migrations VALUES (99, 'x', 'x')",
        "DELETE FROM payrec_migrations",
        "BEGIN; LOCK TABLE payrec_runs IN SHARE ROW EXCLUSIVE MODE; COMMIT",
        "BEGIN; LOCK TABLE payrec_ledger IN SHARE MODE; COMMIT",
        "SELECT * FROM payrec_runs FOR UPDATE",
        "ALTER FUNCTION payrec_add_entry(timestamp, text, text, text, text, text) SECURITY INVOKER",
        "CREATE OR REPLACE VIEW payrec_worklist AS SELECT 1 AS x",
        "INSERT INTO payrec_actions SELECT * FROM payrec_actions",
        "UPDATE payrec_actions SET by = 'nobody'",
        "DELETE FROM payrec_actions",
        "INSERT INTO payrec_saved_views SELECT * FROM payrec_saved_views",
        "DELETE FROM payrec_saved_views",
        "UPDATE payrec_ledger SET who = 'nobody'",
        "DELETE FROM payrec_ledger",
        "TRUNCATE payrec_ledger",
        "DROP VIEW payrec_worklist",
        "CREATE TABLE payrec.mine (x INTEGER)",
        "CREATE TABLE public.mine (x INTEGER)",
        "CREATE SCHEMA mine",
        "SET ROLE payrec_writer",
    ],
}


def test_the_app_saves_views_through_one_function(member: Callable[..., Engine]) -> None:
    writer = member("payrec_writer")
    build(writer)
    app = open_store(member("payrec_app"))
    assert save_view("mine", "owner=ann", NOW, "the boss", app)
    (view,) = saved_views(open_store(writer)).values()
    assert (view.name, view.by) == ("mine", "the boss")
    assert view.saved_at > NOW, "the server's own time"
    rows = writer.read("SELECT recorded_by FROM payrec_saved_views")["recorded_by"].to_pylist()
    assert rows[0].startswith("payrec_app_one")


@pytest.mark.parametrize("group", GROUPS)
def test_no_role_can_do_more(owner: Engine, member: Callable[..., Engine], group: str) -> None:
    build(member("payrec_writer", "builder"))
    engine = member(group)
    for sql in BEYOND[group]:
        with pytest.raises(UsageError, match=r"permission denied|must be owner"):
            engine.run(sql)
    assert owner.read("SELECT order_id FROM payrec_raw.raw_transactions").num_rows == 2


@pytest.mark.parametrize("what", ["run", "step.check", "step.publish", "publish", "promote", "lock", "", "Export"])
def test_the_app_adds_nothing_that_a_run_reads(member: Callable[..., Engine], what: str) -> None:
    writer = member("payrec_writer")
    build(writer)
    app = member("payrec_app")
    with pytest.raises(UsageError, match="may add exports to the ledger, not"):
        ledger.add(app, ledger.Entry(NOW, "cron", what, "r1", "done"))
    assert ledger.entries(app) == []
    assert ledger.begin(writer, NOW, "cron", "r1").done == frozenset()
    assert not ledger.ended(writer, "r1")


@pytest.mark.parametrize("moment", ["infinity", "-infinity", "294276-12-31 00:00:00", "4713-01-01 00:00:00 BC"])
def test_the_app_adds_no_time_that_no_reader_can_hold(member: Callable[..., Engine], moment: str) -> None:
    writer = member("payrec_writer")
    build(writer)
    with pytest.raises(DataRefused, match="expected a year from 1 to 9999"):
        member("payrec_app").run(f"SELECT payrec_add_entry('{moment}', 'ann', 'export', 'r1', 'done', '')")
    assert ledger.entries(writer) == []


def test_an_entry_of_the_app_says_who_signed_in_whatever_it_claims(member: Callable[..., Engine]) -> None:
    writer = member("payrec_writer")
    build(writer)
    app = member("payrec_app")
    ledger.add(app, ledger.Entry(NOW.replace(year=9999), "nightly", "export", "r1", "abandoned"))
    (row,) = writer.read("SELECT who, recorded_by, recorded_at FROM payrec_ledger").to_pylist()
    assert row["who"] == "nightly"
    assert row["recorded_by"].startswith("payrec_app_")
    assert row["recorded_at"].year < 9999
    begun = ledger.begin(writer, NOW, "cron", "r1")
    assert begun.done == frozenset()
    ledger.require_newest(writer, begun)


def test_an_action_of_the_app_is_known_from_the_time_and_sign_in_that_the_server_saw(
    member: Callable[..., Engine],
) -> None:
    writer = member("payrec_writer")
    build(writer)
    app, past = member("payrec_app"), dt.datetime(2020, 1, 1)
    call = Action("11111111-1111-4111-8111-111111111111", past, "the boss", "c1", "contacted", outcome="spoke")
    assert actions.add(open_store(app), call, past)
    assert not actions.add(open_store(app), call, past)
    (seen,) = actions.read(open_store(writer))
    assert seen.by == "the boss"
    assert seen.recorded_by is not None
    assert seen.recorded_by.startswith("payrec_app_")
    assert seen.recorded_at is not None
    assert seen.recorded_at.year > 2025
    assert seen.at == past
    with pytest.raises(PayrecError, match="expected a time up to now"):
        actions.add(open_store(app), replace(call, at=dt.datetime(9000, 1, 1)), dt.datetime(9000, 1, 1))


ACTION = {
    "action_id": "'11111111-1111-4111-8111-111111111111'", "at": "'2020-01-01'", "by": "'ann'", "customer_id": "'c'",
    "kind": "'contacted'", "order_ids": "'[]'", "channel": "NULL", "outcome": "'spoke'", "amount": "NULL",
    "currency": "NULL", "until": "NULL", "note": "NULL", "recorded_at": "'2020-01-01'",
}  # fmt: skip
UNREADABLE: list[dict[str, str]] = [
    {"action_id": "'7'"}, {"action_id": "'11111111-1111-4111-8111-111111111111:o'"}, {"action_id": "NULL"},
    {"at": "'-infinity'"}, {"at": "'0044-03-15 BC'"}, {"by": "''"}, {"by": "NULL"}, {"customer_id": "''"},
    {"kind": "'dance'"}, {"order_ids": "'a'"}, {"order_ids": "'{}'"}, {"order_ids": "'[7]'"},
    {"order_ids": "'[[\"a\"]]'"}, {"order_ids": "'[\"\\u0000\"]'"},
    {"order_ids": "'[\"' || repeat('a', 1000000) || '\"]'"}, {"amount": "'NaN'"}, {"amount": "'Infinity'"},
    {"amount": "-1"}, {"until": "'infinity'"}, {"until": "'-infinity'"}, {"until": "'5874897-12-31'"},
    {"until": "'2019-12-31'"}, {"kind": "'promised'"}, {"kind": "'snoozed'"}, {"kind": "'note'"}, {"outcome": "NULL"},
]  # fmt: skip


def test_fault_79_the_app_adds_no_action_that_a_run_cannot_read(member: Callable[..., Engine]) -> None:
    writer = member("payrec_writer")
    build(writer)
    app = member("payrec_app")
    for wrong in UNREADABLE:
        with pytest.raises(PayrecError):
            app.read(f"SELECT payrec_add_action({', '.join((ACTION | wrong).values())}) AS is_new")
        assert actions.read(open_store(writer)) == (), wrong
    app.read(f"SELECT payrec_add_action({', '.join(ACTION.values())}) AS is_new")
    assert [one.customer_id for one in actions.read(open_store(writer))] == ["c"]


RIGHTS = """
    SELECT n.nspname, c.relname, r.name
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname !~ '^(pg_|information_schema)'
    CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) AS r (name)
    WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND has_schema_privilege(%(role)s, n.oid, 'USAGE')
        AND has_any_column_privilege(%(role)s, c.oid, r.name)
    UNION ALL
    SELECT n.nspname, c.relname, r.name
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname !~ '^(pg_|information_schema)'
    CROSS JOIN unnest(ARRAY['DELETE', 'TRUNCATE', 'TRIGGER']) AS r (name)
    WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND has_schema_privilege(%(role)s, n.oid, 'USAGE')
        AND has_table_privilege(%(role)s, c.oid, r.name)
    UNION ALL
    SELECT n.nspname, c.relname, r.name
    FROM pg_sequence AS s
    JOIN pg_class AS c ON c.oid = s.seqrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN unnest(ARRAY['USAGE', 'SELECT', 'UPDATE']) AS r (name)
    WHERE has_schema_privilege(%(role)s, n.oid, 'USAGE') AND has_sequence_privilege(%(role)s, c.oid, r.name)
    UNION ALL
    SELECT n.nspname, p.proname, 'EXECUTE'
    FROM pg_proc AS p
    JOIN pg_namespace AS n ON n.oid = p.pronamespace AND n.nspname !~ '^(pg_|information_schema)'
    WHERE has_schema_privilege(%(role)s, n.oid, 'USAGE') AND has_function_privilege(%(role)s, p.oid, 'EXECUTE')
    UNION ALL
    SELECT nspname, '', 'CREATE' FROM pg_namespace WHERE has_schema_privilege(%(role)s, oid, 'CREATE')
    UNION ALL
    SELECT datname, '', 'CREATE' FROM pg_database
    WHERE datname = current_database() AND has_database_privilege(%(role)s, oid, 'CREATE')
"""
"""Every right on a table, column, sequence, function, schema or the database that a role holds, however it got it."""


@pytest.mark.parametrize("group", GROUPS)
def test_fault_80_every_right_of_a_role_is_one_that_it_needs(
    postgres_url: str, owner: Engine, member: Callable[..., Engine], group: str
) -> None:
    build(member("payrec_writer"))
    owner.run(ROLES.read_text(encoding="utf-8"))
    with psycopg.connect(postgres_url) as admin:
        rights = set(admin.execute(RIGHTS, {"role": group}).fetchall())
    if group == "payrec_writer":  # what is in its own schema belongs to it
        rights = {right for right in rights if right[0] != "payrec"}
        added = {("payrec_raw", "raw_events", right) for right in ("INSERT", "DELETE")}
        assert added < rights
        rights -= added
    if group != "payrec_app":
        tables = owner.read("SELECT CAST(tablename AS VARCHAR) AS t FROM pg_tables WHERE schemaname = 'payrec_raw'")
        assert rights == {("payrec_raw", name, "SELECT") for name in tables["t"].to_pylist()}
        return
    added = {("payrec", f"payrec_{name}", "EXECUTE") for name in ("add_entry", "add_action", "save_view")}
    assert added < rights
    assert {(schema, right) for schema, _, right in rights - added} == {("payrec", "SELECT")}
    assert all(name.startswith("payrec_") for _, name, _ in rights)


@pytest.mark.parametrize("group", ["payrec_app", "payrec_reader"])
def test_fault_80_no_other_role_starts_or_stops_an_experiment(member: Callable[..., Engine], group: str) -> None:
    writer = member("payrec_writer")
    build(writer)
    holdout.start(writer, NOW, name="e1", without_check=True)
    other = member(group)
    with pytest.raises(UsageError):
        holdout.stop(other, NOW)
    with pytest.raises(UsageError):
        holdout.start(other, NOW, name="e2", without_check=True)
    assert [one.stopped_at for one in experiments.registered(writer)] == [None]


def test_the_writer_turns_actions_into_events_once_the_owner_allows_it(
    owner: Engine, member: Callable[..., Engine]
) -> None:
    writer = member("payrec_writer")
    build(writer)
    opt_out = Action("11111111-1111-4111-8111-111111111111", NOW, "ann", "c", "do_not_contact")
    actions.add(open_store(writer), opt_out, NOW)
    with pytest.raises(UsageError, match=r"(?s)may not write raw_events.*roles.sql"):
        action_events.record(writer, open_store(writer))
    owner.run(ROLES.read_text(encoding="utf-8"))
    assert action_events.record(writer, open_store(writer)) == 2
    undo = replace(opt_out, action_id="22222222-2222-4222-8222-222222222222", kind="undone", outcome=opt_out.action_id)
    actions.add(open_store(writer), undo, NOW)
    assert action_events.record(writer, open_store(writer)) == 2
    assert owner.read("SELECT event_id FROM raw_events").num_rows == 0


def test_what_hides_in_the_app_s_search_path_is_not_called(member: Callable[..., Engine]) -> None:
    writer = member("payrec_writer")
    build(writer)
    app = member("payrec_app")
    with app.transaction():  # on one connection, which the temporary objects belong to
        app.run("CREATE TEMP TABLE payrec_ledger (entry_no BIGINT, what TEXT)")
        app.run(
            "CREATE FUNCTION pg_temp.pg_has_role(name, name, text) RETURNS BOOLEAN LANGUAGE sql AS 'SELECT true'; "
            "SET LOCAL search_path = pg_temp, payrec, pg_catalog"
        )
        app.read("SELECT payrec.payrec_add_entry('2024-02-10', 'ann', 'export', 'r1', 'done', '') AS n")
        app.run("SAVEPOINT s")
        with pytest.raises(UsageError, match="may add exports to the ledger"):
            app.run("SELECT payrec.payrec_add_entry('2024-02-10', 'ann', 'run', 'r1', 'done', '')")
        app.run("ROLLBACK TO SAVEPOINT s")
    assert [entry.what for entry in ledger.entries(writer)] == ["export"]


def _readable(engine: Engine) -> list[str]:
    select = "SELECT has_table_privilege(to_regclass('{}'), 'SELECT') AS may"
    return [name for name in sorted(engine.tables()) if engine.read(select.format(name))["may"][0].as_py()]


@pytest.mark.parametrize("group", ["payrec_app", "payrec_reader"])
def test_an_open_transaction_of_another_role_stops_no_run(member: Callable[..., Engine], group: str) -> None:
    """Reads everything it may, takes every lock it may, adds an entry, and then sits there."""
    writer = member("payrec_writer")
    build(writer)
    other = member(group)
    with other.transaction():
        for table in _readable(other):
            other.run(f"LOCK TABLE {table} IN ACCESS SHARE MODE")
        if group == "payrec_app":
            other.read("SELECT payrec_add_entry('2024-02-10', 'ann', 'export', 'r1', 'done', '') AS n")
        writer.run("SET lock_timeout = '2s'")
        begun = ledger.begin(writer, NOW, "cron", "r1")
        build(writer)
        with writer.transaction():
            ledger.fence(writer)
            ledger.require_newest(writer, begun)
            writer.run("DELETE FROM payrec_runs; DELETE FROM payrec_scores; DELETE FROM payrec_monitor")
        ledger.add(writer, ledger.Entry(NOW, "cron", "run", "r1", "done"))
    assert ledger.ended(writer, "r1")


@pytest.mark.parametrize("group", ["payrec_app", "payrec_reader"])
def test_another_role_that_takes_the_lock_of_the_run_stops_no_run(
    postgres_url: str, member: Callable[..., Engine], group: str
) -> None:
    build(member("payrec_writer"))
    squatter = member(group)
    us = lock.Holder(1, "here", NOW)
    url = f"{postgres_url}?schema=payrec,payrec_raw"
    with squatter.transaction():
        squatter.read(f"SELECT CAST(pg_advisory_lock({lock.ADVISORY_KEY}) AS VARCHAR) AS x")
        with lock.held(url, Path(), us) as still_held:
            still_held()
    squatter.close()
    with lock.held(url, Path(), us), pytest.raises(Locked), lock.held(url, Path(), us):
        pytest.fail("two runs at once")


def test_without_the_roles_publishing_goes_on(postgres_url: str) -> None:
    with connect(postgres_url) as engine:
        assert migrate_published(engine)
        assert engine.read("SELECT * FROM payrec_worklist").num_rows == 0

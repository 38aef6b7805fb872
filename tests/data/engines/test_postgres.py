"""What is PostgreSQL's own: the address and its secret, the session, rights, locks, cut connections, views on views."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Iterator
from decimal import Decimal
from types import SimpleNamespace
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pyarrow as pa
import pytest

import postgres_server
from payrec.common.errors import DatabaseUnreachable, DataRefused, PayrecError, UsageError
from payrec.data import layers
from payrec.data.engines import connect, retry
from payrec.data.engines.postgres import Postgres
from payrec.data.engines.postgres_session import Session, address

SECRET = "sEcr3t'x\\&=?"

LOOK_ALIKES = {
    "hash_record_extended(public.raw_transactions, integer)": "BIGINT",
    "lower(VARCHAR)": "TEXT",
    "to_jsonb(pg_catalog.pg_database)": "JSONB",
    "set_config(VARCHAR, VARCHAR, BOOLEAN)": "TEXT",
    "obj_description(oid, VARCHAR)": "TEXT",
    "to_regclass(VARCHAR)": "REGCLASS",
    "sum(INTEGER, INTEGER)": "BIGINT",
}


@pytest.fixture
def db(postgres_url: str) -> Iterator[Postgres]:
    with connect(postgres_url) as engine:
        assert isinstance(engine, Postgres)
        yield engine


@pytest.fixture
def other(postgres_url: str) -> Iterator[psycopg.Connection]:
    """Another session on the same database."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "PAUSES_S", (0.0, 0.0, 0.0))


def replaced(url: str, **parts: str) -> str:
    """Return the address with another user, password, host, port or name."""
    now = urlsplit(url)
    found = {"user": now.username, "password": now.password, "host": now.hostname, "port": str(now.port), **parts}
    netloc = "{user}:{password}@{host}:{port}".format(**found)
    return urlunsplit(now._replace(netloc=netloc, path="/" + parts.get("name", now.path[1:])))


def orders(*ids: str) -> pa.Table:
    n = len(ids)
    return pa.table(
        {
            "order_id": list(ids),
            "customer_id": ["c"] * n,
            "currency": ["EUR"] * n,
            "amount": [Decimal("1.00")] * n,
            "invoice_date": [dt.date(2024, 2, 29)] * n,
        }
    )


def order_ids(engine: Postgres) -> list[str]:
    return engine.read("SELECT order_id FROM raw_transactions ORDER BY order_id")["order_id"].to_pylist()


class TestAddress:
    def test_parts_and_defaults(self) -> None:
        found = address(
            "postgresql://ann:p%40ss@db.example:5433/bill%20ing?schema=own,raw&statement_timeout=5s&sslmode=require"
        )
        assert found.shown == "ann@db.example:5433/bill ing"
        assert found.password == "p@ss"
        assert found.schemas == ("own", "raw")
        settings, libpq = dict(found.settings), dict(found.libpq)
        assert (settings["statement_timeout"], settings["lock_timeout"]) == ("5s", "30s")
        assert (libpq["sslmode"], libpq["connect_timeout"], libpq["application_name"]) == ("require", "10", "payrec")

    def test_several_hosts_and_sockets(self) -> None:
        assert dict(address("postgres://a@h1:1,h2:2/x").libpq)["host"] == "h1,h2"
        assert dict(address("postgres://a@h1:1,h2:2/x").libpq)["port"] == "1,2"
        assert dict(address("postgresql://a@%2Ftmp%2Fsock/x").libpq)["host"] == "/tmp/sock"
        assert dict(address("postgresql://a@[::1]:5/x").libpq)["host"] == "::1"
        assert "host" not in dict(address("postgresql:///x").libpq)

    @pytest.mark.parametrize("url", [f"postgresql://ann:{SECRET}/x@h/db", "postgresql://h:port/db", "postgresql:/x"])
    def test_an_address_that_cannot_be_read_is_not_repeated(self, url: str) -> None:
        with pytest.raises(UsageError, match="expected postgresql://USER") as caught:
            address(url)
        assert "sEcr3t" not in str(caught.value)

    def test_the_password_is_not_shown(self) -> None:
        found = address("postgresql://ann:horse9@h/db?application_name=horse9")
        assert "horse9" not in f"{found!r} {found}"
        assert found.masked("wrong: horse9!") == "wrong: ***!"


class TestSecrets:
    """A planted password is in no message, no traceback, no repr and no log."""

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"password": "wr0ngSecret"}, "password authentication failed .*\ncheck the user and the password"),
            (
                {"name": "nowhere"},
                'database "nowhere" does not exist\nmake the database',
            ),
            ({"host": "127.0.0.1", "port": "1"}, "Connection refused\ncheck that the server runs"),
            ({"host": "no-such-host.invalid"}, "\ncheck that the server runs"),
        ],
    )
    def test_connecting(
        self, postgres_url: str, change: dict[str, str], said: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        url = replaced(postgres_url, **change)
        with pytest.raises(DatabaseUnreachable, match=rf"(?s)cannot connect to PostgreSQL at .*@.*{said}") as caught:
            connect(url)
        shown = "".join(f"{error!r} {error}" for error in chain(caught.value)) + caplog.text
        for secret in (postgres_server.PASSWORD, "wr0ngSecret"):
            assert secret not in shown
        assert len(str(caught.value).splitlines()) <= 3

    def test_a_wrong_option(self, postgres_url: str) -> None:
        with pytest.raises(UsageError, match='invalid connection option "colour"\nexpected postgresql://'):
            connect(f"{postgres_url}?colour=red")

    def test_repr_and_errors_later(self, db: Postgres) -> None:
        assert postgres_server.PASSWORD not in repr(db)
        assert "payrec_test" in repr(db)
        with pytest.raises(PayrecError) as caught:
            db.run("SELECT nothing")
        assert postgres_server.PASSWORD not in "".join(f"{error!r}" for error in chain(caught.value))


def chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


class TestSession:
    def test_settings(self, postgres_url: str) -> None:
        with connect(
            f"{postgres_url}?statement_timeout=7s&lock_timeout=3s&work_mem=8MB&application_name=night"
        ) as engine:
            wanted = (
                "TimeZone",
                "statement_timeout",
                "lock_timeout",
                "work_mem",
                "application_name",
                "client_encoding",
            )
            columns = ", ".join(f"current_setting('{name}') AS {name.lower()}" for name in wanted)
            assert list(engine.read(f"SELECT {columns}").to_pylist()[0].values()) == [
                "UTC",
                "7s",
                "3s",
                "8MB",
                "night",
                "UTF8",
            ]

    def test_times_do_not_move_with_the_servers_zone(self, postgres_url: str, other: psycopg.Connection) -> None:
        other.execute("ALTER ROLE CURRENT_USER SET TimeZone = 'Pacific/Kiritimati'")
        try:
            with connect(postgres_url) as engine:
                select = "SELECT CAST(TIMESTAMPTZ '2024-01-01 00:00:00+00' AS TIMESTAMP) AS at"
                assert engine.read(select).to_pylist() == [{"at": dt.datetime(2024, 1, 1)}]
        finally:
            other.execute("ALTER ROLE CURRENT_USER RESET TimeZone")

    def test_a_statement_that_takes_too_long(self, postgres_url: str) -> None:
        with connect(f"{postgres_url}?statement_timeout=50ms") as engine:
            with pytest.raises(
                DatabaseUnreachable, match="statement timeout\nit took too long: raise statement_timeout"
            ):
                engine.run("SELECT pg_sleep(30)")
            slow = "SELECT n, CAST(pg_sleep(n * 0.02) AS VARCHAR) AS slept FROM generate_series(1, 50) AS s (n)"
            for read in (engine.read, lambda select: list(engine.read_batches(select))):
                with pytest.raises(DatabaseUnreachable, match="raise statement_timeout"):
                    read(slow)
            assert engine.read("SELECT 1 AS one").num_rows == 1

    def test_own_schema_first_then_others(self, postgres_url: str, db: Postgres) -> None:
        db.write("raw_transactions", orders("a"), ("order_id",))
        with connect(f"{postgres_url}?schema=scores,public") as engine:
            engine.run("CREATE TABLE mine (x INTEGER)")
            engine.write("mine", pa.table({"x": [1]}), ("x",))
            engine.write("raw_transactions", orders("b"), ("order_id",))
            assert {"mine", "raw_transactions"} <= engine.tables()
        assert order_ids(db) == ["a", "b"]
        assert "mine" not in db.tables()
        assert db.read("SELECT x FROM scores.mine").num_rows == 1

    def test_a_database_that_is_not_utf8_is_refused(self, postgres_admin: str) -> None:
        name = "payrec_latin1"
        with psycopg.connect(postgres_admin, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
        try:
            with pytest.raises(UsageError, match="keeps text as LATIN1, expected UTF8\nmake one: createdb"):
                connect(postgres_server.with_database(postgres_admin, name))
        finally:
            postgres_server.drop_database(postgres_admin, name)

    def test_numbers_that_no_decimal_holds(self, db: Postgres) -> None:
        with pytest.raises(DataRefused, match=r"column x has a value that is no DECIMAL\(18, 2\)"):
            db.read("SELECT CAST('NaN' AS DECIMAL(18, 2)) AS x")
        with pytest.raises(UsageError, match="CAST it"):
            db.read("SELECT CAST(1 AS DECIMAL(60, 2)) AS x")
        with pytest.raises(UsageError, match="CAST it AS one of"):
            db.read("SELECT CAST('{}' AS JSON) AS x")

    def test_connections_are_given_back(self, db: Postgres, other: psycopg.Connection) -> None:
        for _ in range(5):
            db.write("raw_transactions", orders("a"), ("order_id",))
            list(db.read_batches("SELECT order_id FROM raw_transactions"))
            with pytest.raises(PayrecError):
                db.run("SELECT nothing")
        ours = (
            "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'payrec' AND datname = current_database()"
        )
        assert other.execute(ours).fetchone() == (1,)
        db.close()


class TestRights:
    @pytest.fixture
    def reader(self, postgres_url: str, other: psycopg.Connection) -> Iterator[Postgres]:
        """Signed in as a role that may only read."""
        role = f"reader_{urlsplit(postgres_url).path[1:]}"
        other.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'reading-0nly'")
        other.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
        with connect(replaced(postgres_url, user=role, password="reading-0nly")) as engine:
            assert isinstance(engine, Postgres)
            yield engine
        other.execute(f"DROP OWNED BY {role}")
        other.execute(f"DROP ROLE {role}")

    def test_a_reader_reads(self, reader: Postgres, db: Postgres) -> None:
        db.write("raw_transactions", orders("a"), ("order_id",))
        assert order_ids(reader) == ["a"]
        with reader.transaction():
            assert order_ids(reader) == ["a"]

    def test_a_reader_who_writes_is_told(self, reader: Postgres, db: Postgres) -> None:
        said = "permission denied for .*\nsign in as a role that may do this"
        with pytest.raises(UsageError, match=said):
            reader.write("raw_transactions", orders("a"), ("order_id",))
        with pytest.raises(UsageError, match=said):
            reader.run("CREATE TABLE t (x INTEGER)")
        with pytest.raises(UsageError, match=said):
            reader.run("DELETE FROM raw_events")
        assert order_ids(db) == []

    @pytest.fixture
    def look_alikes(
        self, postgres_url: str, reader: Postgres, db: Postgres, other: psycopg.Connection
    ) -> Iterator[psycopg.Connection]:
        """Functions of another role that match our calls better than PostgreSQL's own; none of them may ever run."""
        other.execute("CREATE TABLE public.stolen (who TEXT); GRANT INSERT ON public.stolen TO PUBLIC")
        other.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
        for signature, gives in LOOK_ALIKES.items():
            body = f"INSERT INTO public.stolen VALUES (current_user) RETURNING NULL::{gives}"
            reader.run(f"CREATE FUNCTION public.{signature} RETURNS {gives} LANGUAGE sql AS $$ {body} $$")
        yield other
        assert other.execute("SELECT * FROM public.stolen").fetchall() == []

    def test_fault_60_a_schema_in_which_others_may_create_is_refused(
        self, postgres_url: str, look_alikes: psycopg.Connection
    ) -> None:
        attacker = f"reader_{urlsplit(postgres_url).path[1:]}"
        expected = ["the role PUBLIC may create functions in schema public"]
        for words in expected + [f"the role {attacker} has put .* into schema public"] * len(LOOK_ALIKES):
            with pytest.raises(UsageError, match=words) as refused:
                connect(postgres_url)
            look_alikes.execute(str(refused.value).splitlines()[1].removeprefix("as the owner run: ").encode())
        with connect(postgres_url) as engine:
            engine.write("raw_transactions", orders("a"), ("order_id",))

    def test_fault_60_calls_of_the_engine_are_qualified(self, db: Postgres, look_alikes: psycopg.Connection) -> None:
        """An engine that is connected already is not deceived by a look-alike that comes later."""
        db.write("raw_transactions", orders("a"), ("order_id",))
        assert db.fingerprint("raw_transactions")
        assert "raw_transactions" in db.tables()
        db.view("v_orders", "SELECT order_id FROM raw_transactions")
        db.view("v_orders", "SELECT customer_id FROM raw_transactions")

    def test_fault_60_a_role_with_the_right_to_create_is_named(
        self, postgres_url: str, reader: Postgres, other: psycopg.Connection
    ) -> None:
        attacker = f"reader_{urlsplit(postgres_url).path[1:]}"
        other.execute(f"GRANT CREATE ON SCHEMA public TO {attacker}".encode())
        with pytest.raises(UsageError, match=f"the role {attacker} may create functions in schema public"):
            connect(postgres_url)

    def test_fault_69_a_trigger_that_drops_rows_is_refused(self, db: Postgres, other: psycopg.Connection) -> None:
        other.execute(
            "CREATE FUNCTION public.drop_a() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN IF NEW.order_id = 'a' THEN RETURN NULL; END IF; RETURN NEW; END $$; "
            "CREATE TRIGGER t BEFORE INSERT ON raw_transactions FOR EACH ROW EXECUTE FUNCTION public.drop_a()"
        )
        for kept in ([], ["b"]):  # into an empty table, and into one with rows
            with pytest.raises(DataRefused, match=r"wrote 2 rows .*, and it took 1 of them.*\na trigger"):
                db.write("raw_transactions", orders("a", "c"), ("order_id",))
            assert order_ids(db) == kept
            db.write("raw_transactions", orders("b"), ("order_id",))
        assert order_ids(db) == ["b"]

    def test_fault_68_columns_of_others_in_a_raw_table(self, db: Postgres, other: psycopg.Connection) -> None:
        layers.prepare(db)
        other.execute(
            "ALTER TABLE raw_transactions ADD COLUMN memo json, ADD COLUMN double_amount numeric "
            "GENERATED ALWAYS AS (amount * 2) STORED, ADD COLUMN region text NOT NULL DEFAULT 'none'"
        )
        for name in ("a", "b"):  # into an empty table, and into one with rows
            db.write("raw_transactions", orders(name), ("order_id",))
        other.execute("""UPDATE raw_transactions SET memo = '{"of": "others"}'""")
        layers.build(db, layers.Parameters((dt.datetime.fromisoformat("2026-01-01"),)))
        assert layers.built_from(db) == layers.fingerprint(db)
        assert db.read("SELECT DISTINCT region FROM raw_transactions")["region"].to_pylist() == ["none"]
        other.execute("ALTER TABLE raw_transactions ALTER COLUMN region DROP DEFAULT")
        with pytest.raises(DataRefused, match='null value in column "region"'):
            db.write("raw_transactions", orders("c"), ("order_id",))
        assert order_ids(db) == ["a", "b"]

    def test_a_server_that_only_reads(self, postgres_url: str, db: Postgres, other: psycopg.Connection) -> None:
        name = urlsplit(postgres_url).path[1:]
        other.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        with connect(postgres_url) as engine:
            assert engine.read("SELECT CAST(1 AS DECIMAL(18, 2)) AS x").num_rows == 1
            with pytest.raises(UsageError, match="read-only transaction\nsign in as a role that may write"):
                engine.write("raw_transactions", orders("a"), ("order_id",))


class TestLocks:
    def test_a_lock_that_is_not_given_up(self, postgres_url: str, other: psycopg.Connection) -> None:
        with connect(f"{postgres_url}?lock_timeout=20ms") as engine, other.transaction():
            other.execute("LOCK TABLE raw_transactions")
            with pytest.raises(DatabaseUnreachable, match="lock timeout\nanother session holds a lock"):
                engine.write("raw_transactions", orders("a"), ("order_id",))

    def test_a_lock_that_is_given_up_in_time(
        self, postgres_url: str, other: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other.execute("BEGIN; LOCK TABLE raw_transactions")
        pauses: list[float] = []

        def release(pause_s: float) -> None:
            pauses.append(pause_s)
            if other.info.transaction_status.name == "INTRANS":
                other.execute("ROLLBACK")

        with connect(f"{postgres_url}?lock_timeout=20ms") as engine:
            assert isinstance(engine, Postgres)
            monkeypatch.setattr(retry, "time", SimpleNamespace(sleep=release))
            assert engine.write("raw_transactions", orders("a"), ("order_id",)) == 1
            assert order_ids(engine) == ["a"]
        assert pauses == [0.0]

    def test_a_deadlock_is_tried_again(self, postgres_url: str, db: Postgres, other: psycopg.Connection) -> None:
        db.run("CREATE TABLE one (x INTEGER); CREATE TABLE two (x INTEGER)")
        other.execute("SET deadlock_timeout = '10s'")
        db.run("ALTER ROLE CURRENT_USER SET deadlock_timeout = '20ms'")
        tries: list[int] = []

        def work() -> int:
            tries.append(1)
            with engine.transaction():
                engine.run("LOCK TABLE one")
                if len(tries) == 1:
                    first_locked.set()
                    second_waits.wait(10)
                engine.run("LOCK TABLE two")
                return engine.write("one", pa.table({"x": [1]}), ())

        first_locked, second_waits = threading.Event(), threading.Event()

        def second() -> None:
            with psycopg.connect(postgres_url) as connection:
                connection.execute("SET deadlock_timeout = '10s'")
                connection.execute("LOCK TABLE two")
                first_locked.wait(10)
                second_waits.set()
                connection.execute("LOCK TABLE one")

        thread = threading.Thread(target=second)
        with connect(postgres_url) as engine:
            thread.start()
            assert retry.retrying(work, lambda _: None) == 1
            thread.join(10)
            assert engine.read("SELECT x FROM one").num_rows == 1
        db.run("ALTER ROLE CURRENT_USER RESET deadlock_timeout")
        assert len(tries) == 2


class TestCutConnections:
    CUT = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'payrec' AND datname = current_database()"
    )

    def cut(self, other: psycopg.Connection) -> None:
        """Cut all of ours, and wait until they are gone."""
        other.execute(self.CUT.replace("(pid)", "(pid, 10000)"))

    def test_an_idle_connection_that_was_cut_is_not_noticed(self, db: Postgres, other: psycopg.Connection) -> None:
        db.write("raw_transactions", orders("a"), ("order_id",))
        self.cut(other)
        assert order_ids(db) == ["a"]
        self.cut(other)
        db.run("DELETE FROM raw_transactions")
        self.cut(other)
        with db.transaction():
            assert order_ids(db) == []

    def test_cut_in_the_middle_of_a_write_nothing_is_written(self, db: Postgres, other: psycopg.Connection) -> None:
        def rows() -> Iterator[pa.RecordBatch]:
            yield from orders(*map(str, range(200_000))).to_batches()
            self.cut(other)
            yield from orders("last").to_batches()

        with pytest.raises(DatabaseUnreachable, match=r"lost the connection to PostgreSQL at .*@"):
            db.write("raw_transactions", rows(), ("order_id",))
        assert order_ids(db) == []

    def test_cut_in_a_transaction_nothing_is_kept(self, db: Postgres, other: psycopg.Connection) -> None:
        def work() -> None:
            with db.transaction():
                db.write("raw_transactions", orders("a"), ("order_id",))
                self.cut(other)

        with pytest.raises(DatabaseUnreachable, match="lost the connection"):
            work()
        assert order_ids(db) == []
        assert retry.retrying(lambda: db.write("raw_transactions", orders("b"), ("order_id",))) == 1

    def test_a_whole_write_is_done_again(self, db: Postgres, other: psycopg.Connection) -> None:
        cuts = iter([True, True, False])

        def settled(table: str, rows: int) -> None:
            if next(cuts, False):
                self.cut(other)

        db.settled = settled  # type: ignore[method-assign]
        assert db.write("raw_transactions", orders("a", "b"), ("order_id",)) == 2
        assert order_ids(db) == ["a", "b"]

    def test_a_mapping_is_done_again_from_its_start(self, db: Postgres, other: psycopg.Connection) -> None:
        db.write("raw_transactions", orders("a", "b"), ("order_id",))
        calls: list[int] = []

        def function(batch: pa.RecordBatch) -> pa.RecordBatch:
            calls.append(batch.num_rows)
            if len(calls) == 1:
                self.cut(other)
            return batch

        assert db.map("SELECT order_id FROM raw_transactions", "made", ("order_id",), function) == 2
        assert calls == [2, 2]

    def test_a_statement_that_may_have_been_done_is_not_done_again(self, db: Postgres) -> None:
        with pytest.raises(DatabaseUnreachable, match="not known whether the last change was kept"):
            db.run("SELECT pg_terminate_backend(pg_backend_pid())")


class TestViews:
    def test_a_view_that_others_use_is_not_taken_from_them(self, db: Postgres, other: psycopg.Connection) -> None:
        db.view("ours", "SELECT order_id, amount FROM raw_transactions")
        other.execute("CREATE VIEW theirs AS SELECT order_id FROM ours")
        with pytest.raises(UsageError, match=r"view ours has to change, but .* did not make: theirs\ndrop that first"):
            db.view("ours", "SELECT amount FROM raw_transactions")
        db.view("ours", "SELECT order_id, amount, 1 AS one FROM raw_transactions")
        assert db.read("SELECT * FROM theirs").num_rows == 0

    def test_a_table_is_not_replaced_by_a_view(self, db: Postgres) -> None:
        with pytest.raises(UsageError, match="raw_events"):
            db.view("raw_events", "SELECT 1 AS one")


def collations(db: Postgres, table: str) -> set[str]:
    """Collations of the text columns of a table."""
    select = (
        "SELECT CAST(c.collname AS VARCHAR) AS name FROM pg_attribute AS a JOIN pg_collation AS c "
        f"ON c.oid = a.attcollation WHERE a.attrelid = to_regclass('{table}') AND a.attnum > 0"
    )
    return set(db.read(select)["name"].to_pylist())


class TestTextOrder:
    """Text of the tables that payrec makes is compared by bytes, whatever the database's own order is."""

    def test_tables_of_map(self, db: Postgres) -> None:
        db.map("SELECT 1 AS one", "words", ("word",), lambda _: pa.record_batch({"word": ["a", "B"], "n": [1, 2]}))
        assert collations(db, "words") == {"C"}

    def test_tables_of_statements(self, db: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
        with db._lent() as session:
            assert session.by_bytes
        db.run("CREATE TABLE before (x VARCHAR(5), n INTEGER)")
        assert collations(db, "before") == {"default"}
        borrowed = db._borrowed

        def elsewhere() -> Session:
            session = borrowed()
            session.by_bytes = False  # as in a database that sorts as a language does
            return session

        monkeypatch.setattr(db, "_borrowed", elsewhere)
        db.run(
            "CREATE TABLE one (x VARCHAR(5) PRIMARY KEY, n INTEGER, t TIMESTAMP);\n"
            "create table if not exists \"Two\" AS SELECT x, 'word' AS word FROM one"
        )
        with db.transaction():
            db.run("CREATE TABLE three (x VARCHAR(5) NOT NULL)")
        assert [collations(db, name) for name in ("one", '"Two"', "three")] == [{"C"}] * 3
        with pytest.raises(UsageError):
            db.run("CREATE TABLE four (x VARCHAR(5)); SELECT nothing")
        assert "four" not in db.tables()


def test_a_server_that_stops_in_the_middle_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The write that was under way is undone by the server, and done again once it is back; else it is said."""
    starts: list[float] = []
    with postgres_server.running() as server, connect(server.url("postgres")) as engine:
        engine.run("CREATE TABLE t (x INTEGER)")

        def stopping(batch: pa.RecordBatch) -> pa.RecordBatch:
            if len(starts) < 2:
                server.stop()
            return batch

        def back(pause_s: float) -> None:
            starts.append(pause_s)
            if len(starts) > 1:
                server.start()

        monkeypatch.setattr(retry, "time", SimpleNamespace(sleep=back))
        assert engine.map("SELECT 1 AS x", "t", (), stopping) == 1
        assert len(starts) == 2
        assert engine.read("SELECT x FROM t").num_rows == 1

        server.stop()
        monkeypatch.setattr(retry, "time", SimpleNamespace(sleep=starts.append))
        with pytest.raises(DatabaseUnreachable, match="Connection refused\ncheck that the server runs"):
            engine.write("t", pa.table({"x": [2]}), ())
        server.start()
        assert engine.read("SELECT x FROM t").num_rows == 1

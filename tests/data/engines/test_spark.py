"""A cluster's own catalog: others read its tables, a change shows as a whole, what a killed program left is completed.

The promises that all engines share are a sample here, since each step on a cluster takes long.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

import pyarrow as pa
import pytest
from tests import spark_formats
from tests.data.engines.test_contract import ALL_TYPES, kinds
from tests.spark_server import OPTIONS

from payrec.common.errors import DatabaseUnreachable, DataRefused, Locked, MissingExtra, PayrecError, UsageError
from payrec.data import layers
from payrec.data.engines import connect, spark, spark_arrow, spark_lock, spark_session, spark_sql, spark_views
from payrec.data.engines.retry import Interrupted
from payrec.data.engines.spark import Spark
from payrec.data.engines.spark_session import said, translated
from payrec.data.engines.spark_views import JOURNAL

VALUES = [
    {
        "id": 1,
        "small": -(2**15),
        "big": -(2**63),
        "money": Decimal("-9999999999999999.99"),
        "rate": Decimal("0.00000001"),
        "chance": 5e-324,
        "yes": True,
        "word": 'it\'s a \\n ${x} "y" */ ; --',
        "day": dt.date(1, 1, 1),
        "moment": dt.datetime(9999, 12, 31, 23, 59, 59, 999999),
    },
    {"id": 2},
]


@pytest.fixture
def cluster(spark_server: str, request: pytest.FixtureRequest) -> Iterator[Spark]:
    """A schema of its own, empty."""
    schema = f"cluster_{os.getpid()}_{abs(hash(request.node.name))}"
    with connect(f"{spark_server}/?schema={schema}&{OPTIONS}") as engine:
        assert isinstance(engine, Spark)
        yield engine


@pytest.fixture
def other(cluster: Spark, spark_server: str) -> Iterator[Spark]:
    """Another program on the same schema."""
    with connect(f"{spark_server}/?schema={cluster._address.schema}&{OPTIONS}") as engine:
        assert isinstance(engine, Spark)
        yield engine


def test_values_come_back_from_a_view_and_from_files(cluster: Spark, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, marks = kinds(VALUES), set()
    for cells in (300, 0):
        monkeypatch.setattr(spark_views, "SMALL_CELLS", cells)
        cluster.run(f"DROP TABLE IF EXISTS kinds; {ALL_TYPES}")
        cluster.write("kinds", rows, ("id",))
        assert bool(cluster._space.table("kinds").files) == (cells == 0)
        assert cluster.read("SELECT * FROM kinds ORDER BY id").equals(rows.cast(spark_formats.kept(rows.schema)))
        marks.add(cluster.fingerprint("kinds"))
    assert len(marks) == 1
    (batch,) = cluster.read_batches("SELECT * FROM kinds ORDER BY id", lambda batch: batch.slice(1))
    assert batch["id"].to_pylist() == [2]
    cluster.run("ALTER TABLE kinds ADD COLUMN IF NOT EXISTS why VARCHAR(10); UPDATE kinds SET why = 'x' WHERE id = 2")
    cluster.run("DELETE FROM kinds WHERE id = 1")
    assert cluster.read("SELECT id, why FROM kinds").to_pylist() == [{"id": 2, "why": "x"}]


def test_rows_of_known_keys_are_replaced_and_bad_ones_refused(cluster: Spark) -> None:
    cluster.run("CREATE TABLE t (id BIGINT NOT NULL PRIMARY KEY, day INTEGER CHECK (day > 0))")
    for start, day in ((0, 1), (1, 2)):
        table = pa.table({"id": range(start, start + 400), "day": [day] * 400})
        assert cluster.write("t", table, ("id",)) == 400
    counts = cluster.read("SELECT day, COUNT(*) AS n FROM t GROUP BY day ORDER BY day").to_pylist()
    assert [row["n"] for row in counts] == [1, 400]
    for bad, reason in (
        ({"id": [None], "day": [1]}, "id IS NOT NULL"),
        ({"id": [9], "day": [0]}, "day > 0"),
        ({"id": [9, 9], "day": [1, 1]}, "share one: id = 9"),
    ):
        with pytest.raises(DataRefused, match=reason):
            cluster.write("t", pa.table(bad), ("id",))
    assert cluster.read("SELECT COUNT(*) AS n FROM t").to_pylist() == [{"n": 401}]


def test_others_see_a_change_when_it_is_whole_and_never_one_that_failed(cluster: Spark, other: Spark) -> None:
    cluster.run("CREATE TABLE a AS SELECT 1 AS x; CREATE VIEW v AS SELECT x + 1 AS y FROM a")

    def change(*, fails: bool) -> None:
        with cluster.transaction():
            cluster.run("DROP TABLE a; CREATE TABLE a AS SELECT 5 AS x; CREATE TABLE b AS SELECT 2 AS x")
            assert cluster.read("SELECT y FROM v").to_pylist() == [{"y": 6}]
            assert other.read("SELECT y FROM v").to_pylist() == [{"y": 2}]
            if fails:
                raise KeyError

    before = cluster._space.catalog.names()
    with pytest.raises(KeyError):
        change(fails=True)
    assert cluster._space.catalog.names() == before, "nothing of it is left"
    change(fails=False)
    assert other.read("SELECT y FROM v").to_pylist() == [{"y": 6}]
    assert other.tables() == {"a", "b", "v"}


def test_one_program_at_a_time_changes_tables(cluster: Spark, other: Spark, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark_lock, "LOCK_WAIT_S", 0.0)
    monkeypatch.setattr(spark_lock, "BEAT_S", 0.1)
    cluster.run("CREATE TABLE a (x INTEGER)")
    with cluster.transaction():
        cluster.run("INSERT INTO a VALUES (1)")
        with pytest.raises(Locked, match=f"process {os.getpid()} on"):
            other.run("INSERT INTO a VALUES (2)")
    other.run("INSERT INTO a VALUES (2)")
    assert cluster.read("SELECT COUNT(*) AS n FROM a").to_pylist() == [{"n": 2}]


def test_what_a_program_left_that_was_killed_as_it_published_is_completed(
    cluster: Spark, spark_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.run("CREATE TABLE a AS SELECT 1 AS x; CREATE TABLE b AS SELECT 1 AS x")
    catalog = cluster._space.catalog
    changes = json.dumps({"a": "SELECT 2 AS x", "b": "SELECT 2 AS x"})
    for statement in (  # a journal of two views of which one was replaced, a claim, and a table that no view reads
        f"CREATE VIEW {JOURNAL} AS SELECT /* payrec {changes} */ 1 AS one",
        "CREATE OR REPLACE VIEW a AS SELECT 2 AS x",
        f"CREATE VIEW {spark_lock.WRITERS}__lock_1 AS SELECT 'process 1' AS holder",
        "CREATE TABLE b__0123abcd USING parquet AS SELECT 3 AS x",
    ):
        catalog.run(statement)
    monkeypatch.setattr(spark_lock, "LEASE_S", 0.3)
    with connect(f"{spark_server}/?schema={cluster._address.schema}&{OPTIONS}") as next_program:
        assert next_program.read("SELECT a.x + b.x AS both FROM a CROSS JOIN b").to_pylist() == [{"both": 4}]
        assert catalog.names() == {"a", "b"}


def test_a_program_that_is_killed_at_any_statement_leaves_all_or_nothing(
    cluster: Spark, spark_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{spark_server}/?schema={cluster._address.schema}&{OPTIONS}"
    cluster.run("CREATE TABLE a AS SELECT 1 AS x; CREATE TABLE b AS SELECT 1 AS x")
    monkeypatch.setattr(spark_lock, "LEASE_S", 0.2)
    real, left = spark_views.Catalog.run, [1]

    def change(value: int, statements: int) -> None:
        """Change both tables, one statement at a time; after some of them the program does nothing any more."""
        with connect(url) as program:
            assert isinstance(program, Spark)
            victim = program._space.catalog = replace(program._space.catalog, takes_scripts=False)
            run = iter(range(statements))

            def until_killed(self: spark_views.Catalog, sql: str) -> object:
                if self is victim and next(run, None) is None:
                    raise RuntimeError("killed")
                return real(self, sql)

            monkeypatch.setattr(spark_views.Catalog, "run", until_killed)
            with program.transaction():
                for table in "ab":
                    program.run(f"DELETE FROM {table}; INSERT INTO {table} SELECT {value} AS x")

    for value, statements in enumerate(range(1, 40, 2), 2):
        with suppress(RuntimeError):
            change(value, statements)
        monkeypatch.setattr(spark_views.Catalog, "run", real)
        with connect(url) as reader:  # completes what it finds begun
            (both,) = reader.read("SELECT a.x AS a, b.x AS b FROM a CROSS JOIN b").to_pylist()
        assert both["a"] == both["b"]
        assert both["a"] in (left[-1], value)
        left.append(both["a"])
        if statements > 3 and both["a"] == value and cluster.tables() == {"a", "b"} == cluster._space.catalog.names():
            break  # it came to its end
    else:
        pytest.fail("the program came to no end")
    assert left[1] == 1


def test_a_lock_that_was_taken_away_keeps_nothing(cluster: Spark) -> None:
    cluster.run("CREATE TABLE a (x INTEGER)")

    def change() -> None:
        with cluster.transaction():
            cluster.run("INSERT INTO a VALUES (1)")
            cluster._space.catalog.run(f"DROP VIEW {spark_lock.WRITERS}__lock_1")

    with pytest.raises(Interrupted, match="took the lock"):
        change()
    assert cluster.read("SELECT x FROM a").num_rows == 0


def test_tables_of_others_are_read_where_they_lie_and_never_changed(cluster: Spark) -> None:
    catalog = cluster._space.catalog
    catalog.run("CREATE TABLE orders USING parquet AS SELECT 'o1' AS order_id, 'c' AS customer_id")
    catalog.run("CREATE VIEW raw_transactions AS SELECT order_id, customer_id FROM orders")
    layers.prepare(cluster)
    assert cluster.read("SELECT order_id FROM raw_transactions").num_rows == 1
    with pytest.raises(UsageError, match="raw_transactions is a table or view of yours"):
        cluster.write("raw_transactions", pa.table({"order_id": ["o2"]}), ())
    with pytest.raises(UsageError, match="orders"):
        cluster.run("DROP TABLE orders")


def test_a_purge_leaves_no_file_with_the_rows_that_were_deleted(cluster: Spark) -> None:
    rows = pa.table({"id": range(400)})
    cluster.run("CREATE TABLE t (id BIGINT)")
    cluster.write("t", rows, ())
    cluster.run("DELETE FROM t WHERE id = 7")
    former = cluster._space.catalog.names() - {"t"}
    assert len(former) == 2, "who reads the former view can go on"
    cluster.purge()
    (left,) = cluster._space.catalog.names() - {"t"}
    assert left in former
    assert cluster.read("SELECT COUNT(*) AS n FROM t").to_pylist() == [{"n": 399}]


class TestRefusals:
    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT * FROM csv.`/etc/passwd`",
            "INSERT OVERWRITE DIRECTORY '/tmp/payrec' USING csv SELECT 1",
            "WITH a AS (SELECT 1) INSERT OVERWRITE DIRECTORY '/tmp/payrec' USING csv SELECT * FROM a",
            "SET spark.sql.runSQLOnFiles=true",
            "DROP DATABASE default",
        ],
    )
    def test_sql_reaches_no_file(self, cluster: Spark, sql: str) -> None:
        for attempt in (cluster.run, cluster.read):
            with pytest.raises(UsageError):
                attempt(sql)

    def test_a_server_that_does_not_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(spark_session, "CONNECT_TIMEOUT_S", 0.5)
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            with pytest.raises(DatabaseUnreachable, match=r"127\.0\.0\.1:\d+ does not answer"):
                connect(f"sc://127.0.0.1:{unused.getsockname()[1]}/?schema=x")

    def test_a_setting_that_cannot_be_set_and_an_option_that_is_none(self, spark_server: str) -> None:
        with pytest.raises(UsageError, match=r"does not let payrec set spark\.driver\.memory"):
            connect(f"{spark_server}/?spark.driver.memory=9g")
        with pytest.raises(UsageError, match="found warehouse in the address"):
            connect(f"{spark_server}/?warehouse=x")

    @pytest.mark.parametrize("url", ["spark-local://2?warehouse=w", "spark://m:7077?warehouse=w"])
    def test_a_warehouse_of_an_older_payrec_is_refused_with_the_way_out(self, url: str) -> None:
        with pytest.raises(UsageError, match=r"(?s)no longer read: .*load the exports again"):
            connect(url)

    def test_without_the_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(spark, "find_spec", lambda _: None)
        with pytest.raises(MissingExtra, match=r"pip install 'payrec\[spark\]'"):
            connect("sc://127.0.0.1:1")

    def test_no_session_in_this_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("pyspark.sql.SparkSession.getActiveSession", lambda: None)  # other tests may have one
        with pytest.raises(UsageError, match="found no session of Spark"):
            connect("spark-session:?schema=x")


class TestSql:
    def test_statements_are_split_where_they_end(self) -> None:
        sql = "DELETE FROM a; -- one; two\nINSERT INTO \"b;c\" (x) VALUES (';''--')"
        one, two = spark_sql.statements(sql)
        assert (one.verb, one.name, one.body) == ("delete", "a", "")
        assert (two.verb, two.name, two.listed, two.body) == ("insert", "b;c", "x", "VALUES (';''--')")

    def test_text_is_taken_as_it_stands(self, cluster: Spark) -> None:
        (row,) = cluster.read(r"SELECT 'it''s' AS a, 'a\nb' AS b, '--' AS c, 'DOUBLE PRECISION' AS d").to_pylist()
        assert list(row.values()) == ["it's", r"a\nb", "--", "DOUBLE PRECISION"]


class TestErrors:
    @pytest.mark.parametrize(
        ("text", "kind", "error"),
        [
            ("[CAST_INVALID_INPUT] The value 'x' cannot be cast. SQLSTATE: 22018\n\tat org.x", "X", DataRefused),
            ("[TABLE_OR_VIEW_NOT_FOUND] nowhere SQLSTATE: 42P01", "AnalysisException", UsageError),
            ("Job aborted\nCaused by: java.io.IOException: No space left on device", "X", DatabaseUnreachable),
            ("java.lang.OutOfMemoryError: Java heap space", "X", DatabaseUnreachable),
            ("[INTERNAL_ERROR] strange", "X", PayrecError),
            ("PythonException: Traceback …\npayrec.errors.DataRefused: bad row\n\tat org.x", "X", DataRefused),
        ],
    )
    def test_are_payrecs_own_in_a_few_lines(self, text: str, kind: str, error: type[PayrecError]) -> None:
        raised = said(text, kind)
        assert type(raised) is error
        assert "org.x" not in str(raised)
        assert "SQLSTATE" not in str(raised)

    def test_a_cluster_that_goes_away_is_a_database_that_does_not_answer(self) -> None:
        from pyspark.errors.exceptions.connect import SparkConnectGrpcException

        with pytest.raises(DatabaseUnreachable, match="does not answer any more"), translated():
            raise SparkConnectGrpcException("status = StatusCode.UNAVAILABLE, failed to connect to all addresses")

    def test_workers_with_another_version_are_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        worker = spark_arrow.in_worker(None, pa.schema([]))
        monkeypatch.setattr(spark_arrow, "version", lambda _: "0.0.1")
        with pytest.raises(UsageError, match=r"workers have payrec 0\.0\.1, this program has .*: install one version"):
            next(worker(iter([])))

    def test_a_session_that_is_collected_later_closes_nothing(self) -> None:
        class Client:
            closings = 0

            def close(self) -> None:
                self.closings += 1

        class Session:
            client = Client()

            def stop(self) -> None:
                self.client.close()

        session = Session()
        spark_session.give_back(session)
        session.client.close()  # as the collector does it
        assert session.client.closings == 1

    def test_nothing_is_printed_by_spark(self, spark_server: str) -> None:
        script = (
            "import sys\nfrom payrec.data.engines import connect\n"
            "with connect(sys.argv[1]) as engine:\n    print(engine.read('SELECT 1 AS one').num_rows)\n"
            "    try:\n        engine.read(\"SELECT CAST('x' AS INTEGER) AS n FROM range(3)\")\n"
            "    except Exception as error:\n        print(type(error).__name__)\n"
        )
        arguments = [sys.executable, "-c", script, f"{spark_server}/"]
        done = subprocess.run(arguments, capture_output=True, text=True, check=True)
        assert (done.stdout, done.stderr) == ("1\nDataRefused\n", "")

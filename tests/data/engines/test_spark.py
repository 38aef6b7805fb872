"""What is Spark's own: its address, its warehouse, what a killed program leaves, and that SQL reaches no file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from payrec.common.errors import DatabaseUnreachable, DataRefused, Locked, MissingExtra, PayrecError, UsageError
from payrec.data.engines import Engine, connect, spark, spark_rows, spark_session, spark_sql
from payrec.data.engines.retry import Interrupted
from payrec.data.engines.spark_catalog import LOCK_WAIT_S, NAME, PARTS
from payrec.data.engines.spark_session import Cluster, said


def rows(n: int, start: int = 0, day: int = 1) -> pa.Table:
    return pa.table({"id": list(range(start, start + n)), "day": [day] * n})


@pytest.fixture
def warehouse(spark_url: str, tmp_path: Path) -> Path:
    del spark_url
    return tmp_path / "warehouse"


def parts(warehouse: Path) -> set[str]:
    return {path.name for path in (warehouse / PARTS).iterdir()}


class TestAddress:
    def test_cores_master_folder_and_settings(self) -> None:
        address = spark_session.address
        assert address("spark-local://2?warehouse=a/b") == (Cluster("local[2]"), Path("a/b"))
        assert address("spark-local://?warehouse=w")[0].master == "local[*]"
        settings = (("spark.driver.memory", "4g"),)
        assert address("spark://m:7077?warehouse=/w&spark.driver.memory=4g") == (
            Cluster("spark://m:7077", settings),
            Path("/w"),
        )

    @pytest.mark.parametrize(
        "url", ["spark-local://2", "spark-local://x?warehouse=w", "spark-local://2?warehouse=w&a=1"]
    )
    def test_what_cannot_be_meant(self, url: str) -> None:
        with pytest.raises(UsageError, match="expected"):
            connect(url)

    def test_without_the_extra(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(spark, "find_spec", lambda _: None)
        with pytest.raises(MissingExtra, match=r"pip install 'payrec\[spark\]'"):
            connect(f"spark-local://1?warehouse={tmp_path}")

    def test_without_java(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "")
        monkeypatch.delenv("JAVA_HOME", raising=False)
        with pytest.raises(UsageError, match="needs Java 17 or newer, and there is none\ninstall it"):
            spark_session._expect_java()

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(DatabaseUnreachable, match="cannot make the warehouse folder"):
            connect(f"spark-local://1?warehouse={tmp_path}/file/w")

    def test_another_spark_in_one_process(self, spark_url: str) -> None:
        with connect(spark_url) as engine, connect(spark_url.replace("//1", "//2")) as other:
            assert engine.read("SELECT 1 AS one").num_rows == 1
            with pytest.raises(UsageError, match="already uses Spark at local"):
                other.read("SELECT 1 AS one")


class TestWarehouse:
    def test_what_was_written_is_there_after_closing(self, spark_url: str) -> None:
        with connect(spark_url) as engine:
            engine.run("CREATE TABLE t (id BIGINT NOT NULL PRIMARY KEY, day INTEGER CHECK (day > 0))")
            engine.write("t", rows(3), ("id",))
            engine.view("v", "SELECT id FROM t")
        with connect(spark_url) as engine:
            assert engine.read("SELECT * FROM v ORDER BY id")["id"].to_pylist() == [0, 1, 2]
            with pytest.raises(DataRefused, match="break its rule: day > 0"):
                engine.write("t", rows(1, 9, day=0), ("id",))
            with pytest.raises(DataRefused, match="whose key is there already: id = 1"):
                engine.write("t", rows(1, 1), ())
            assert engine.read("SELECT * FROM t").num_rows == 3

    def test_a_new_day_leaves_the_parts_of_the_others_alone(
        self, spark_url: str, warehouse: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(spark_rows, "SMALL_ROWS", 0)
        with connect(spark_url) as engine:
            engine.run("CREATE TABLE t (id BIGINT, day INTEGER)")
            for day in (1, 2):
                engine.write("t", rows(5, day=day), ("id", "day"))
            two = parts(warehouse)
            engine.write("t", rows(4, day=2), ("id", "day"))
            assert len(two) == 2
            assert len(parts(warehouse)) == 3, "the fifth row of day 2 stays, in a part of its own"
            assert len(parts(warehouse) & two) == 1, "day 1 was not written again"
            assert engine.read("SELECT id FROM t").num_rows == 10

    def test_what_a_killed_program_left_is_taken_away(self, spark_url: str, warehouse: Path) -> None:
        with connect(spark_url) as engine:
            engine.write("horizon", pa.table({"days": [30]}), ())
        kept = parts(warehouse)
        (warehouse / PARTS / ("0" * 32)).mkdir()
        (warehouse / f"{NAME}.new").touch()
        connect(spark_url).close()
        assert parts(warehouse) == kept
        assert not (warehouse / f"{NAME}.new").exists()

    def test_killed_in_the_middle_of_a_transaction(self, spark_url: str, warehouse: Path) -> None:
        script = (
            "import os, sys, pyarrow as pa\nfrom payrec.data.engines import connect\n"
            "engine = connect(sys.argv[1])\nwith engine.transaction():\n"
            "    engine.write('horizon', pa.table({'days': [30]}), ())\n    os.kill(os.getpid(), 9)\n"
        )
        assert subprocess.run([sys.executable, "-c", script, spark_url], check=False).returncode == -9
        assert len(parts(warehouse)) == 1
        with connect(spark_url) as engine:
            assert parts(warehouse) == set()
            assert engine.read("SELECT days FROM horizon").num_rows == 0

    def test_one_program_at_a_time_changes_tables(self, spark_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        assert LOCK_WAIT_S > 1
        monkeypatch.setattr("payrec.data.engines.spark_catalog.LOCK_WAIT_S", 0.05)
        with connect(spark_url) as one, connect(spark_url) as other, one.transaction():
            one.write("horizon", pa.table({"days": [30]}), ())
            assert other.read("SELECT days FROM horizon").num_rows == 0, "a reader sees the old tables"
            with pytest.raises(Locked, match="another program has been changing"):
                other.write("horizon", pa.table({"days": [60]}), ())

    def test_others_see_a_change_when_it_is_whole(self, spark_url: str) -> None:
        with connect(spark_url) as one, connect(spark_url) as other:
            assert other.read("SELECT days FROM horizon").num_rows == 0
            one.write("horizon", pa.table({"days": [30]}), ())
            assert other.read("SELECT days FROM horizon")["days"].to_pylist() == [30]

    def test_a_damaged_and_a_newer_catalog(self, spark_url: str, warehouse: Path) -> None:
        told = json.loads((warehouse / NAME).read_text())
        (warehouse / NAME).write_text("{")
        with pytest.raises(DataRefused, match="is damaged"):
            connect(spark_url)
        (warehouse / NAME).write_text(json.dumps(told | {"format": 99}))
        with pytest.raises(DatabaseUnreachable, match="made by a newer payrec"):
            connect(spark_url)

    def test_large_rows_go_through_files_and_stay_in_order(
        self, spark_url: str, warehouse: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(spark_rows, "SMALL_ROWS", 0)
        with connect(spark_url) as engine:
            engine.write("landmarks", pa.table({"age_days": [3, 1, 2]}), ())
            engine.run("CREATE TABLE twice AS SELECT age_days, age_days AS b, NULL AS c FROM landmarks")
            stream = engine.read_batches("SELECT age_days, b AS age_days FROM twice ORDER BY 1 DESC")
            first = next(stream)
            assert first.column(0).to_pylist() == [3, 2, 1]
            assert first.schema.names == ["age_days", "age_days"]
            stream.close()
            assert not list(warehouse.glob("reading-*"))
            assert engine.read("SELECT age_days FROM twice WHERE age_days > 9").num_rows == 0

    def test_counts_and_small_tables_are_told_without_spark(self, spark_url: str) -> None:
        with connect(spark_url) as engine:
            assert isinstance(engine, spark.Spark)
            engine.write("horizon", pa.table({"days": [7, 30]}), ())
            plain = (
                "SELECT COUNT(*) AS n FROM horizon WHERE 1 = 1",
                "SELECT * FROM horizon;",
                "SELECT days, days FROM horizon",
            )
            found = [engine.read(select) for select in plain]
            assert engine._session is None
            for select, rows_of_it in zip(plain, found, strict=True):
                asked = engine.read(f"SELECT * FROM ({select.removesuffix(';')}) AS t")
                assert asked.schema == rows_of_it.schema
                assert asked.equals(rows_of_it)
            with pytest.raises(UsageError, match="nowhere"):
                engine.read("SELECT nowhere FROM horizon")

    def test_a_small_table_whose_files_are_gone_is_asked_for_again(self, spark_url: str, warehouse: Path) -> None:
        with connect(spark_url) as engine:
            engine.write("horizon", pa.table({"days": [7]}), ())
            for file in warehouse.glob(f"{PARTS}/*/*.parquet"):
                file.unlink()
            with pytest.raises(Interrupted, match="try again"):
                engine.read("SELECT days FROM horizon")


class TestSql:
    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT * FROM parquet.`{folder}`",
            "SELECT * FROM csv.`/etc/passwd`",
            "INSERT OVERWRITE DIRECTORY '{folder}/out' USING csv SELECT 1",
            "WITH a AS (SELECT 1) INSERT OVERWRITE DIRECTORY '{folder}/out' USING csv SELECT * FROM a",
            "ADD JAR '{folder}/x.jar'",
            "SET spark.sql.runSQLOnFiles=true",
            "CREATE FUNCTION f AS 'X' USING JAR '{folder}/x.jar'",
            "DROP DATABASE default",
        ],
    )
    def test_reaches_no_other_file(self, spark_url: str, tmp_path: Path, sql: str) -> None:
        told = sql.format(folder=tmp_path)
        with connect(spark_url) as engine:
            for ask in (engine.run, engine.read):
                with pytest.raises(UsageError):
                    ask(told)
        assert not (tmp_path / "out").exists()

    def test_statements_are_split_where_they_end(self) -> None:
        sql = "DELETE FROM a; -- one; two\nINSERT INTO \"b;c\" (x) VALUES (';''--')"
        one, two = spark_sql.statements(sql)
        assert (one.verb, one.name, one.body) == ("delete", "a", "")
        assert (two.verb, two.name, two.listed, two.body) == ("insert", "b;c", "x", "VALUES (';''--')")

    def test_a_column_is_added(self, spark_url: str) -> None:
        with connect(spark_url) as engine:
            engine.write("horizon", pa.table({"days": [30]}), ())
            for _ in range(2):
                engine.run("ALTER TABLE horizon ADD COLUMN IF NOT EXISTS why VARCHAR(10)")
            assert engine.read("SELECT * FROM horizon").to_pylist() == [{"days": 30, "why": None}]
            engine.run("UPDATE horizon SET why = 'a, ' || 'b', days = days + 1 WHERE days = 30")
            assert engine.read("SELECT * FROM horizon").to_pylist() == [{"days": 31, "why": "a, b"}]
            with pytest.raises(DataRefused, match="days > 0"):
                engine.run("UPDATE horizon SET days = 0")

    def test_text_is_taken_as_it_stands(self, spark_url: str) -> None:
        with connect(spark_url) as engine:
            (row,) = engine.read(r"SELECT 'it''s' AS a, 'a\nb' AS b, '--' AS c, 'DOUBLE PRECISION' AS d").to_pylist()
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
        found = said(text, kind)
        assert type(found) is error
        assert "org.x" not in str(found)
        assert "SQLSTATE" not in str(found)

    def test_nothing_is_printed_by_spark(self, spark_url: str) -> None:
        script = (
            "import sys\nfrom payrec.data.engines import connect\n"
            "with connect(sys.argv[1]) as engine:\n    print(engine.read('SELECT 1 AS one').num_rows)\n"
            "    try:\n        engine.read(\"SELECT CAST('x' AS INTEGER) AS n FROM range(3)\")\n"
            "    except Exception as error:\n        print(type(error).__name__)\n"
        )
        done = subprocess.run([sys.executable, "-c", script, spark_url], capture_output=True, text=True, check=True)
        assert (done.stdout, done.stderr) == ("1\nDataRefused\n", "")


def test_a_function_gets_the_bundle_in_the_workers(spark_url: str) -> None:
    here = os.getpid()

    def where(batch: pa.RecordBatch) -> pa.RecordBatch:
        pids = pa.array([os.getpid() - here] * batch.num_rows, pa.int64())
        return pa.record_batch({"days": batch["days"], "away": pids})

    engine: Engine
    with connect(spark_url) as engine:
        engine.write("horizon", pa.table({"days": [7, 30]}), ())
        assert engine.map("SELECT days FROM horizon", "made", ("days",), where) == 2
        assert 0 not in engine.read("SELECT away FROM made")["away"].to_pylist()

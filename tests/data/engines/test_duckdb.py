"""What is DuckDB's own: its file, its lock, its limits, and that SQL reaches nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from payrec.common.errors import DatabaseUnreachable, Locked, PayrecError, UsageError
from payrec.data.engines import Engine, connect
from payrec.data.engines.rows import BATCH_ROWS


def test_what_was_written_is_there_after_closing(tmp_path: Path) -> None:
    url = f"duckdb:///{tmp_path / 'new folder' / 'payrec.duckdb'}"
    with connect(url) as engine:
        engine.run("CREATE TABLE t (x INTEGER)")
        engine.write("t", pa.table({"x": [1, 2]}), ())
    with connect(url) as engine:
        assert engine.read("SELECT x FROM t ORDER BY x").to_pylist() == [{"x": 1}, {"x": 2}]
    assert not list(tmp_path.glob("**/*.wal"))


def test_a_relative_path_and_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    connect("duckdb:///here.duckdb").close()
    assert (tmp_path / "here.duckdb").exists()
    with connect("duckdb://") as engine:
        assert "memory" in repr(engine)


def test_a_file_that_another_process_holds_names_it(tmp_path: Path) -> None:
    path = tmp_path / "payrec.duckdb"
    connect(f"duckdb:///{path}").close()
    script = "import duckdb, sys; db = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(Locked, match=rf"open in another program: process {holder.pid} .*\nwait until it ends"):
            connect(f"duckdb:///{path}")
        holder.communicate("")
    connect(f"duckdb:///{path}").close()


@pytest.mark.parametrize("content", [b"PK\x03\x04" + b"x" * 9000, b"", b"order_id,amount\n1,2\n" * 900])
def test_a_file_that_is_no_database_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "wrong.duckdb"
    path.write_bytes(content)
    with pytest.raises(DatabaseUnreachable, match=r"cannot open the DuckDB file .*wrong.duckdb.* not a valid DuckDB"):
        connect(f"duckdb:///{path}")
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseUnreachable, match=r"cannot open the DuckDB file .*File exists"):
        connect(f"duckdb:///{tmp_path}/file/payrec.duckdb")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{file}')",
        "SELECT * FROM '{file}'",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_parquet('https://example.org/x.parquet')",
        "COPY (SELECT 1) TO '{file}.out'",
        "ATTACH '{file}.duckdb' AS other",
        "INSTALL httpfs",
        "LOAD httpfs",
        "EXPORT DATABASE '{file}.folder'",
    ],
)
def test_sql_reaches_no_other_file(tmp_path: Path, sql: str) -> None:
    file = tmp_path / "secret.csv"
    file.write_text("a,b\n1,2\n")
    with connect(f"duckdb:///{tmp_path / 'payrec.duckdb'}") as engine:
        with pytest.raises(PayrecError):
            engine.run(sql.format(file=file))
        assert sorted(path.name for path in tmp_path.iterdir() if "payrec" not in path.name) == ["secret.csv"]


@pytest.mark.parametrize(
    "sql",
    ["SET enable_external_access = true", "SET lock_configuration = false", "SET TimeZone = 'Asia/Tokyo'", "RESET ALL"],
)
def test_the_doors_stay_shut(sql: str) -> None:
    with connect("duckdb://") as engine:
        with pytest.raises(PayrecError):
            engine.run(sql)
        assert engine.read("SELECT current_setting('TimeZone') AS zone").to_pylist() == [{"zone": "UTC"}]


def test_a_python_variable_is_not_a_table() -> None:
    private = pa.table({"x": [1]})
    with connect("duckdb://") as engine, pytest.raises(UsageError, match="private"):
        engine.read("SELECT * FROM private")
    assert private.num_rows == 1


def test_options_of_the_address(tmp_path: Path) -> None:
    with connect(f"duckdb:///{tmp_path / 'x.duckdb'}?memory_limit=300MB&threads=1") as engine:
        limits = (
            "SELECT current_setting('memory_limit') AS memory, CAST(current_setting('threads') AS INTEGER) AS threads"
        )
        assert engine.read(limits).to_pylist() == [{"memory": "286.1 MiB", "threads": 1}]
    assert (tmp_path / "x.duckdb").exists()


@pytest.mark.parametrize(
    ("query", "said"),
    [("memory=1GB", "found memory in the address"), ("enable_external_access=true", "expected some of: memory_limit")],
)
def test_other_options_are_refused(query: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        connect(f"duckdb://?{query}")


def test_an_option_that_makes_no_sense() -> None:
    with pytest.raises(DatabaseUnreachable, match="Memory must have a number"):
        connect("duckdb://?memory_limit=much")


def test_sorting_more_than_fits_into_memory_spills(tmp_path: Path) -> None:
    with connect(f"duckdb:///{tmp_path / 'x.duckdb'}?memory_limit=80MB&threads=1") as engine:
        engine.run("CREATE TABLE big AS SELECT i, CAST(hash(i) AS VARCHAR) AS h FROM range(1000000) AS r(i)")
        batches = engine.read_batches("SELECT h, i FROM big ORDER BY h, i")
        assert sum(batch.num_rows for batch in batches) == 1_000_000


def test_an_open_result_in_the_driver_is_no_hindrance() -> None:
    with connect("duckdb://") as engine, engine.transaction():
        engine.run("SELECT * FROM range(1000000)")
        assert engine.read("SELECT 1 AS one").num_rows == 1


def test_text_longer_than_declared_is_kept(tmp_path: Path) -> None:
    # DuckDB reads VARCHAR(5) as VARCHAR: the length is checked where files are loaded, not here
    assert duckdb.sql("SELECT CAST('123456' AS VARCHAR(5)) AS x").fetchall() == [("123456",)]


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(UsageError, match="found the database address mysql://…, expected duckdb:///FILE"):
        connect("mysql://root:secret@host/db")


@pytest.mark.parametrize("sizes", [(BATCH_ROWS,), (2 * BATCH_ROWS, 3), (5, BATCH_ROWS)])
@pytest.mark.parametrize("key", [(), ("id",)])
@pytest.mark.parametrize("first", ["INSERT INTO many SELECT id, v FROM many WHERE v < 0", "DELETE FROM many", ""])
def test_rows_after_no_rows(duckdb_memory: Engine, sizes: tuple[int, ...], key: tuple[str, ...], first: str) -> None:
    """DuckDB 2.0.0 by itself loses such rows, counted but not found; whatever came before, all are there."""
    duckdb_memory.run("CREATE TABLE many (id INTEGER, v INTEGER); INSERT INTO many VALUES (-1, 0)")
    rows = [pa.table({"id": pa.array(range(n), pa.int32()), "v": pa.array([n] * n, pa.int32())}) for n in sizes]
    with duckdb_memory.transaction():
        duckdb_memory.run(first)
        for table in rows:
            assert duckdb_memory.write("many", table, key) == table.num_rows
    wanted = sum(sizes) if not key else max(sizes)
    found = duckdb_memory.read("SELECT v, COUNT(*) AS n FROM many WHERE id >= 0 GROUP BY v")["n"].to_pylist()
    assert sum(found) == wanted

"""Feature rows out of PostgreSQL: payrec's engine (ADBC, Arrow) beside pandas.read_sql with psycopg2."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from benchmarks import inputs
from benchmarks.measure import server_cpu_s, timed
from payrec.data.engines import connect
from payrec.data.engines.rows import definition

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import postgres_server

TABLE = "bench_features"


@contextmanager
def server() -> Iterator[tuple[str, Path]]:
    """Run a server; give the address of an empty database and the server's folder."""
    with postgres_server.running() as running:
        postgres_server.create_database(running.url("postgres"), "bench")
        yield running.url("bench"), running.data


def _rows(orders: int, most: int) -> pa.Table:
    table = parquet.read_table(inputs.Portfolio(orders, inputs.AS_USUAL).features)
    return pa.concat_tables([table] * -(-most // table.num_rows)).slice(0, most)


def _filled(url: str, orders: int, most: int) -> None:
    batches = _rows(orders, most).to_batches(100_000)
    with connect(url) as engine:
        engine.run(f"CREATE TABLE {TABLE} ({definition(batches[0].schema)})")
        engine.write(TABLE, iter(batches), key=())
        engine.run(f"ANALYZE {TABLE}")


def prepared(orders: int) -> None:
    """Build the rows to read."""
    inputs.features(inputs.Portfolio(orders, inputs.AS_USUAL))


def in_child(reader: str, orders: int, most: int) -> dict[str, Any]:
    """Fill a server, then read in a process of its own, whose memory is only that of reading."""
    import json
    import subprocess

    with server() as (url, data):
        _filled(url, orders, most)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.reading", reader, url, str(data)],
            check=True,
            capture_output=True,
            text=True,
        )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def adbc(url: str, data: Path) -> dict[str, Any]:
    """Read into Arrow by the engine."""
    with connect(url) as engine, timed(lambda: server_cpu_s(data)) as cost:
        rows = engine.read(f"SELECT * FROM {TABLE}")
    return {"rows": rows.num_rows, **vars(cost)}


def batches(url: str, data: Path) -> dict[str, Any]:
    """Read in batches by the engine, as scoring does."""
    with connect(url) as engine, timed(lambda: server_cpu_s(data)) as cost:
        rows = sum(batch.num_rows for batch in engine.read_batches(f"SELECT * FROM {TABLE}"))
    return {"rows": rows, **vars(cost)}


def read_sql(url: str, data: Path) -> dict[str, Any]:
    """Read into pandas by psycopg2, as most scripts do."""
    import warnings

    import pandas as pd
    import psycopg2

    warnings.filterwarnings("ignore", message="pandas only supports SQLAlchemy")
    connection = psycopg2.connect(url)
    with timed(lambda: server_cpu_s(data)) as cost:
        rows = pd.read_sql(f"SELECT * FROM {TABLE}", connection)
    connection.close()
    return {"rows": len(rows), **vars(cost)}


if __name__ == "__main__":
    import json

    from benchmarks.measure import peak_mb

    ways = {"adbc": adbc, "batches": batches, "read_sql": read_sql}
    result = ways[sys.argv[1]](sys.argv[2], Path(sys.argv[3]))
    print(json.dumps({**result, "peak_mb": peak_mb()}))

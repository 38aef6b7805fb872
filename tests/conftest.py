"""Any test with the argument ``engine`` runs on every engine; a missing engine fails the run, it is not skipped.

``PAYREC_TEST_ENGINES="duckdb spark"`` runs them on some engines alone, while at work on one.

The tests start a PostgreSQL server of their own. ``PAYREC_TEST_POSTGRES=postgresql://…`` points them at another, as a
role that may make databases.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.resources import files
from itertools import count
from pathlib import Path

import pytest

from payrec.data.engines import Engine, connect
from payrec.data.engines.spark import Spark

sys.path.insert(0, str(Path(__file__).parent))
import postgres_server
import spark_server as spark_processes
from open_orders import open_orders  # noqa: F401 - a fixture
from quick import (  # noqa: F401 - hooks of `make quick`
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_ignore_collect,
)

ENGINES = tuple(os.environ.get("PAYREC_TEST_ENGINES", "duckdb postgres spark").split())
SCHEMA = files("payrec.data") / "sql" / "01_schema.sql"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for argument in ("engine", "engine_url"):
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, engines_for(metafunc.definition), indirect=True)


def engines_for(test: pytest.Item) -> tuple[str, ...]:
    """All engines; Spark, where each step costs most, gets the tests that are marked for it."""
    return ENGINES if test.get_closest_marker("spark") else tuple(engine for engine in ENGINES if engine != "spark")


@pytest.fixture(scope="session")
def postgres_admin() -> Iterator[str]:
    """Address of a database of a PostgreSQL server, as a role that may make others."""
    given = os.environ.get("PAYREC_TEST_POSTGRES")
    if given:
        yield given
        return
    with postgres_server.running() as server:
        yield server.url("postgres")


@pytest.fixture(scope="session")
def postgres_template(postgres_admin: str) -> Iterator[str]:
    """Name of a database that holds the empty raw tables, to be copied for each test."""
    name = f"payrec_template_{os.getpid()}"
    postgres_server.create_database(postgres_admin, name)
    try:
        with connect(postgres_server.with_database(postgres_admin, name)) as template:
            template.run(SCHEMA.read_text(encoding="utf-8"))
        yield name
    finally:
        postgres_server.drop_database(postgres_admin, name)


_numbers = count(1)


@pytest.fixture
def postgres_url(postgres_admin: str, postgres_template: str) -> Iterator[str]:
    """Address of a fresh PostgreSQL database with the empty raw tables."""
    name = f"payrec_test_{os.getpid()}_{next(_numbers)}"
    postgres_server.create_database(postgres_admin, name, postgres_template)
    yield postgres_server.with_database(postgres_admin, name)
    postgres_server.drop_database(postgres_admin, name)


@pytest.fixture
def duckdb_url(tmp_path: Path) -> str:
    """Address of a fresh DuckDB file with the empty raw tables."""
    url = f"duckdb:///{tmp_path / 'payrec.duckdb'}"
    with connect(url) as fresh:
        fresh.run(SCHEMA.read_text(encoding="utf-8"))
    return url


@pytest.fixture(scope="session")
def spark_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Spark Connect server on a cluster of two workers, which all tests share.

    ``PAYREC_TEST_SPARK=sc://…`` points them at another one.
    """
    given = os.environ.get("PAYREC_TEST_SPARK")
    if given:
        yield given
        return
    with spark_processes.running(tmp_path_factory) as server:
        yield server


@pytest.fixture(scope="session")
def spark_template(spark_server: str) -> Iterator[tuple[Spark, dict[str, str]]]:
    """An engine, and the texts of the views that are the empty raw tables, to be copied for each test."""
    with Spark(f"{spark_server}/?schema=template_{os.getpid()}&{spark_processes.OPTIONS}") as template:
        template.run(SCHEMA.read_text(encoding="utf-8"))
        catalog = template._space.catalog
        yield template, {name: catalog.text(name) or "" for name in template.tables()}


@pytest.fixture
def spark_url(spark_server: str, spark_template: tuple[Spark, dict[str, str]]) -> str:
    """Address of a fresh schema of the server with the empty raw tables."""
    template, texts = spark_template
    schema = f"test_{os.getpid()}_{next(_numbers)}"
    views = [f"CREATE VIEW {schema}.{name} AS {text}" for name, text in texts.items()]
    template._space.catalog.run_all([f"CREATE SCHEMA {schema}", *views])
    return f"{spark_server}/?schema={schema}&{spark_processes.OPTIONS}"


@pytest.fixture
def duckdb_memory() -> Iterator[Engine]:
    with connect("duckdb://") as fresh:
        fresh.run(SCHEMA.read_text(encoding="utf-8"))
        yield fresh


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A fresh database with the raw tables of 01_schema.sql, all empty; DuckDB in memory, since it is quicker."""
    if request.param == "duckdb":
        yield request.getfixturevalue("duckdb_memory")
        return
    with connect(request.getfixturevalue(f"{request.param}_url")) as fresh:
        yield fresh


@pytest.fixture
def engine_url(request: pytest.FixtureRequest) -> str:
    """Address of a fresh database with the empty raw tables, for tests that go through the command line."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def open_engine(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Engine]]:
    """Give a function that opens a fresh engine by its name, once per name; for tests that compare engines."""
    with ExitStack() as opened:
        found: dict[str, Engine] = {}

        def opening(name: str) -> Engine:
            if name not in found:
                found[name] = opened.enter_context(connect(request.getfixturevalue(f"{name}_url")))
            return found[name]

        yield opening

"""Any test with the argument ``engine`` runs on every engine; an engine that is missing fails the run, it is not skipped."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

import pytest

from payrec.data.engines import Engine, connect

ENGINES = ("duckdb",)
SCHEMA = files("payrec.data") / "sql" / "01_schema.sql"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" in metafunc.fixturenames:
        metafunc.parametrize("engine", ENGINES, indirect=True)


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A fresh database with the raw tables of 01_schema.sql, all empty."""
    with connect("duckdb://") as fresh:
        fresh.run(SCHEMA.read_text(encoding="utf-8"))
        yield fresh

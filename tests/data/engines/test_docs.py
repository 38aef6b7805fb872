"""docs/engines.md names every option and type, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from payrec.data.engines import duckdb, rows, spark_session
from payrec.data.engines.postgres_session import address

DOCS = Path(__file__).parents[3] / "docs" / "engines.md"


def section(title: str) -> str:
    return re.split(r"^## ", DOCS.read_text(encoding="utf-8").split(f"## {title}\n", 1)[1], maxsplit=1, flags=re.M)[0]


def first_cells(text: str) -> dict[str, str]:
    """First and last cell of each row of a table of options."""
    return {
        row[0]: row[-1]
        for row in (
            re.findall(r"[^|`]+", line.replace(" ", "")) for line in text.splitlines() if line.startswith("| `")
        )
    }


def test_options_of_duckdb() -> None:
    assert set(first_cells(section("DuckDB"))) == set(duckdb.OPTIONS)


def test_options_of_postgres_and_their_defaults() -> None:
    told = first_cells(section("PostgreSQL"))
    place = address("postgresql://h/d")
    defaults = {**dict(place.settings), "schema": "public", **dict(place.libpq)}
    ours = {*dict(place.settings), "schema", "connect_timeout", "application_name"}
    assert told == {name: defaults[name] for name in ours}


def test_types() -> None:
    told = re.findall(r"`([A-Z ]+)` \| `([\w\[\]]+)`", section("The engines agree"))
    assert {(sql, kind) for sql, kind in told} == {
        (sql, {"float": "float32", "double": "float64", "date32[day]": "date32"}.get(str(kind), str(kind)))
        for kind, sql in rows._SQL_TYPES.items()
        if sql != "BYTEA"
    }


def test_settings_of_spark_and_their_reasons() -> None:
    documented = re.findall(r"^\| `(spark\.[\w.]+)` \| `(.*)` \| (.*) \|$", section("Spark"), flags=re.M)
    assert documented == list(spark_session.SETTINGS)

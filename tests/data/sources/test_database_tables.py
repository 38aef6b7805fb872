"""The same content in a PostgreSQL schema that another program fills, for each source that reads one."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import payrec
from payrec.common.errors import DataRefused, UsageError
from payrec.data.sources.packs import Input, Pack, pack_of
from payrec.simulate import source_files
from tests.data.sources.test_round_trip import OF_EVENTS, require_carried
from tests.postgres_server import PASSWORD

Object = dict[str, Any]
FORMS = {"stripe-sync": "stripe-api", "stripe-fivetran": "stripe-api", "recurly-fivetran": "recurly-api",
         "quickbooks-fivetran": "quickbooks-fivetran", "chargebee-api": "chargebee-api", "recurly-api": "recurly-api",
         "stripe-api": "stripe-api"}  # fmt: skip
TIMES = ("created", "due", "finalized", "paid", "uncollectible", "voided", "evidence_due")  # seconds at Stripe


def _table(name: str, objects: list[Object]) -> str:
    """Return SQL that makes a table of objects, typed as copies are; what is nested is JSON."""
    keys = dict.fromkeys(key for each in objects for key in each)
    shape = ", ".join(f'"{key}" {_type([each[key] for each in objects if each.get(key) is not None])}' for key in keys)
    text = json.dumps(objects).replace("'", "''")
    return f"CREATE TABLE {name} AS SELECT * FROM jsonb_to_recordset('{text}') AS x ({shape})"


def _type(values: list[Any]) -> str:
    value = next(iter(values), "")
    types = {bool: "boolean", int: "bigint", float: "double precision", dict: "jsonb", list: "jsonb"}
    if any(isinstance(each, float) for each in values):
        return "double precision"
    if isinstance(value, str) and value[4:5] + value[7:8] == "--":
        return "timestamptz" if value[10:] else "date"
    return types.get(type(value), "text")


def _as_fivetran(pack: Pack, source_input: Input, each: Object) -> Object:
    """Return an API object as Fivetran's row: nested values as columns, times as timestamps."""
    shared = next(i for i in pack_of(str(pack.variant_of)).inputs if i.name == source_input.name)
    row: Object = {}
    for column, headers in source_input.columns.items():
        value: Any = each
        for key in shared.columns[column][0].split("."):
            value = value.get(key) if isinstance(value, dict) else None
        is_epoch = column in TIMES and isinstance(value, int)
        row[headers[0]] = datetime.fromtimestamp(value, UTC).isoformat() if is_epoch else value
    return row


def _rows(path: Path) -> list[Object]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    with path.open(newline="") as file:
        return [{key: _number(text) for key, text in row.items()} for row in csv.DictReader(file)]


def _number(text: str) -> Any:
    return float(text) if text.replace(".", "", 1).isdigit() and "." in text else text or None


@pytest.mark.parametrize(("source", "form"), FORMS.items())
def test_a_postgres_schema_gives_the_orders_and_events_of_the_portfolio(
    source: str, form: str, portfolio: tuple[pa.Table, pa.Table], postgres_url: str, tmp_path: Path
) -> None:
    pack = pack_of(source)
    inputs = {table: each for each in pack_of(form).inputs for table in each.tables}
    own = {each.name: each for each in pack.inputs}
    with payrec.connect(postgres_url) as server:
        server.run("CREATE SCHEMA copy")
        for path in source_files.write(*portfolio, form, tmp_path):
            each, objects = own[inputs[path.stem].name], _rows(path)
            if pack.variant_of is not None and source.endswith("fivetran"):
                objects = [_as_fivetran(pack, each, row) for row in objects]
            server.run(_table(f"copy.{each.tables[0]}", objects))
    with payrec.connect("duckdb://") as engine:
        payrec.load.source(engine, source, from_url=f"{postgres_url}?schema=copy", options=OF_EVENTS)
        require_carried(engine, portfolio, form)


def test_every_source_that_promises_a_schema_is_tried() -> None:
    """Whose files are objects of an API, or whose manual names --from."""
    assert {pack.name for pack in payrec.sources.list() if "--from" in pack.export} <= set(FORMS)


def test_an_absent_schema_is_named_without_the_password(postgres_url: str) -> None:
    with payrec.connect("duckdb://") as engine:
        with pytest.raises(DataRefused, match="no table of stripe-sync in schema absent") as refused:
            payrec.load.source(engine, "stripe-sync", from_url=f"{postgres_url}?schema=absent")
        assert PASSWORD not in str(refused.value)
        with pytest.raises(UsageError, match=r"found the address mysql://…, expected postgresql://"):
            payrec.load.source(engine, "stripe-sync", from_url=f"mysql://me:{PASSWORD}@host/x")

"""What is published of one person: found, and taken out. Sums and counts stay, since they are of nobody alone.

A person is a customer id. Their rows are those that name it, and those that name one of their orders.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from payrec.common import files
from payrec.common.arrow import pc
from payrec.common.text import sql_literal
from payrec.data.engines import Engine
from payrec.publish import database_store, details, folder_store, lists
from payrec.worklist.rank import SCHEMA

PERSON, ORDER = "customer_id", "order_id"


@dataclass(frozen=True)
class Person:
    """A customer id and the ids of their orders."""

    customer_id: str
    orders: frozenset[str]

    def rows(self, table: pa.Table) -> Any:
        """Return True for each row of ``table`` that is of this person."""
        found = pa.array([False] * table.num_rows, pa.bool_())
        for column, values in ((PERSON, [self.customer_id]), (ORDER, sorted(self.orders))):
            if column in table.column_names and table.num_rows:
                named = pc.is_in(table[column].cast(pa.string()), value_set=pa.array(values, pa.string()))
                found = pc.or_(found, named.combine_chunks())
        return found


def tag(customer_id: str, key: str | None) -> str:
    """Return what the audit trail says instead of an id: a keyed hash, or nothing where there is no key.

    >>> tag("c1", "a key"), tag("c1", None)
    ('person:553eb1ebaf9493f0', '')
    """
    if not key:
        return ""
    return f"person:{hmac.new(key.encode(), customer_id.encode(), hashlib.sha256).hexdigest()[:16]}"


def scores(place: Path | Engine, customer_id: str) -> pa.Table:
    """Return the rows of a person in all lists that are kept."""
    if isinstance(place, Path):
        found = [folder_store.scores_file(place, one.run.run_id) for one in lists.runs(place)]
        wanted = pc.field(PERSON) == customer_id
        parts = [pyarrow.parquet.read_table(path, partitioning=None, filters=wanted) for path in found]
        return pa.concat_tables(parts) if parts else SCHEMA.empty_table()
    if database_store.SCORES not in place.tables():
        return SCHEMA.empty_table()
    columns = ", ".join(SCHEMA.names)
    return place.read(f"SELECT {columns} FROM {database_store.SCORES} WHERE {PERSON} = {sql_literal(customer_id)}")


def kept_beside(place: Path | Engine, person: Person) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return what is kept of a person beside the lists: run id -> name of the detail -> rows; empty ones left out."""
    told = {}
    for one in lists.runs(place):
        tables = {name: lists.detail(place, one.run.run_id, name) for name in details.NAMES}
        rows = {name: table.filter(person.rows(table)).to_pylist() for name, table in tables.items() if table}
        if any(rows.values()):
            told[one.run.run_id] = {name: found for name, found in rows.items() if found}
    return told


def take_out(place: Path | Engine, person: Person) -> int:
    """Take a person's rows out of all that is published; return how many. The same again takes out nothing.

    In a folder each file is replaced as a whole; in a database the caller's transaction makes it one step.
    """
    if isinstance(place, Path):
        return sum(_from_file(path, person) for path in sorted((place / "runs").glob("*/*.parquet")))
    return _from_tables(place, person)


def _from_file(path: Path, person: Person) -> int:
    table = pyarrow.parquet.read_table(path, partitioning=None)
    named = person.rows(table)
    count = int(pc.sum(named).as_py() or 0)
    if count:
        with files.replacing(path) as sink:
            kept = table.filter(pc.invert(named))
            pyarrow.parquet.write_table(kept, sink, compression="zstd", row_group_size=folder_store.ROW_GROUP)
    return count


def _from_tables(engine: Engine, person: Person) -> int:
    count = scores(engine, person.customer_id).num_rows
    for one in lists.runs(engine):
        count += sum(_from_detail(engine, one.run.run_id, name, person) for name in details.NAMES)
    if database_store.SCORES in engine.tables():
        engine.run(f"DELETE FROM {database_store.SCORES} WHERE {PERSON} = {sql_literal(person.customer_id)}")
    return count


def _from_detail(engine: Engine, run_id: str, name: str, person: Person) -> int:
    table = lists.detail(engine, run_id, name)
    if table is None:
        return 0
    named = person.rows(table)
    count = int(pc.sum(named).as_py() or 0)
    if count:
        database_store.replace_detail(engine, run_id, name, table.filter(pc.invert(named)))
    return count


def exports(folder: Path, run_ids: Iterable[str]) -> list[dict[str, Any]]:
    """Return the files that left through the app, made of one of these runs: from the trail beside the lists."""
    path, runs = folder / "exports.jsonl", set(run_ids)
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    told: list[dict[str, Any]] = [json.loads(line) for line in lines if line.strip()]
    return [line for line in told if line["run_id"] in runs]

"""JSON and JSON lines as rows of text: an object is a row, a value inside an object has the name ``a.b``.

Objects come from lines, from one array, or from the array ``data`` or ``list`` of one object, as lists of an API do.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import pyarrow as pa

from payrec.common.errors import DataRefused
from payrec.common.text import sql_literal, sql_literals
from payrec.data.load import encoding
from payrec.data.load.file_bytes import OpenFile
from payrec.data.load.records import BadLine, Rows
from payrec.data.sources.packs import JsonForm

OBJECT_BYTES = 16_000_000  # of one line, the largest object that DuckDB itself reads
DOCUMENT_BYTES = 500_000_000  # of one array; it is in memory at once
BATCH_ROWS = 65_536
DEPTH = 4  # of names
LISTS = ("data", "list")  # arrays of objects in the answers of APIs


@dataclass(frozen=True)
class JsonExport:
    """Objects of one kind in table ``objects`` of a database: ``names`` of their values, ``rows`` of those read."""

    db: duckdb.DuckDBPyConnection
    names: tuple[str, ...]
    select: str  # line, recorded, object
    file: OpenFile

    def rows(self, positions: Collection[int]) -> Iterator[Rows]:
        """Yield columns ``c0``, ``c1``, … of these places, ``recorded`` (when a webhook said so) and ``line``."""
        paths = sql_literals(_path(self.names[position]) for position in positions)
        values = "".join(f", v[{i + 1}] AS c{position}" for i, position in enumerate(positions))
        query = f"SELECT line, recorded{values} FROM (SELECT *, JSON_EXTRACT_STRING(object, [{paths}]) AS v FROM "
        with self.db.cursor() as cursor:
            for batch in cursor.sql(f"{query}({self.select}))").to_arrow_reader(BATCH_ROWS):
                yield Rows(pa.Table.from_batches([batch]), ())


def stage(db: duckdb.DuckDBPyConnection, file: OpenFile, named_encoding: str | None) -> tuple[BadLine, ...]:
    """Fill table ``objects`` (line, object) and return the lines that are no JSON objects.

    Raises
    ------
    DataRefused
        The file is one document and no JSON, or larger than can be read at once.
    """
    db.execute("CREATE OR REPLACE TABLE objects (line BIGINT, object JSON)")
    is_lines = _is_lines(file.head)
    file = replace(file, limits=replace(file.limits, line_bytes=OBJECT_BYTES if is_lines else DOCUMENT_BYTES))
    if not is_lines:
        _stage_document(db, file, named_encoding)
        return ()
    bad: list[BadLine] = []
    first = 1
    for block in encoding.blocks(file, named_encoding):
        texts = block.decode("utf-8").split("\n")[:-1]
        db.register("incoming", pa.table({"line": range(first, first + len(texts)), "text": texts}))
        is_object = "CASE WHEN JSON_VALID(text) THEN JSON_TYPE(text) = 'OBJECT' ELSE FALSE END"
        db.execute(f"INSERT INTO objects SELECT line, CAST(text AS JSON) FROM incoming WHERE {is_object}")
        others = f"SELECT line, LEFT(text, 200) FROM incoming WHERE TRIM(text) <> '' AND NOT {is_object} ORDER BY line"
        bad += [BadLine(line, text, "no JSON object") for line, text in db.execute(others).fetchall()]
        db.unregister("incoming")
        first += len(texts)
    return tuple(bad)


def _is_lines(head: bytes) -> bool:
    first = head.removeprefix(b"\xef\xbb\xbf").lstrip().split(b"\n", 1)[0]
    if not first.startswith(b"{"):
        return False
    try:
        return not json.loads(first).keys() & set(LISTS) or head.count(b"\n") > 1
    except ValueError:
        return False


def _stage_document(db: duckdb.DuckDBPyConnection, file: OpenFile, named_encoding: str | None) -> None:
    parts, size = [], 0
    for block in encoding.blocks(file, named_encoding):
        parts.append(block)
        size += len(block)
        if size > DOCUMENT_BYTES:
            raise DataRefused(f"{file.name} is one JSON document of more than {DOCUMENT_BYTES:,} bytes\n{_AS_LINES}")
    lists = " ".join(f"WHEN JSON_TYPE(d, '$.{name}') = 'ARRAY' THEN JSON_EXTRACT(d, '$.{name}')" for name in LISTS)
    try:
        db.execute(
            "INSERT INTO objects SELECT ROW_NUMBER() OVER (), object FROM (SELECT UNNEST(CAST(CASE "
            f"WHEN JSON_TYPE(d) = 'ARRAY' THEN d {lists} ELSE JSON_ARRAY(d) END AS JSON[])) AS object "
            "FROM (SELECT CAST(? AS JSON) AS d))",
            [b"".join(parts).decode("utf-8")],
        )
    except duckdb.Error as error:
        problem = str(error).splitlines()[0].split("Input:")[0].strip()
        raise DataRefused(f"{file.name} is no JSON that can be read ({problem})\n{_AS_LINES}") from error


_AS_LINES = "nothing was loaded; write one object a line (JSON lines)"


def exports(
    db: duckdb.DuckDBPyConnection, file: OpenFile, form: JsonForm | None, kinds: Collection[str]
) -> dict[str, JsonExport]:
    """Return the objects of each kind (a regular expression) that the file has; '' for any object."""
    select = f"SELECT line, {_opened(form)}"
    queries = {
        kind: f"SELECT * FROM ({select}) WHERE REGEXP_MATCHES(COALESCE(kind, ''), {sql_literal(kind)})"
        for kind in kinds
    }
    named = {kind: JsonExport(db, _names(db, query), query, file) for kind, query in queries.items()}
    return {kind: export for kind, export in named.items() if export.names}


def _opened(form: JsonForm | None) -> str:
    """Return SQL for ``recorded``, ``object``, ``kind`` of an object, or of those wrapped in it."""
    if form is None:
        return "NULL AS recorded, object, '' AS kind FROM objects"
    paths, kind = sql_literals(map(_path, form.wrappers)), sql_literal(_path(form.kind))
    wrapped = f"LIST_FILTER(JSON_EXTRACT(object, [{paths}]), LAMBDA x: JSON_TYPE(x) = 'OBJECT')" if paths else "[]"
    time = f"object ->> {sql_literal(_path(form.webhook_time))}" if form.webhook_time else "NULL"
    return (
        f"recorded, object, object ->> {kind} AS kind FROM (SELECT line, CASE WHEN LEN(inners) > 0 THEN {time} END "
        "AS recorded, UNNEST(CASE WHEN LEN(inners) > 0 THEN inners ELSE [object] END) AS object "
        f"FROM (SELECT line, object, CAST({wrapped} AS JSON[]) AS inners FROM objects))"
    )


def kinds_of(db: duckdb.DuckDBPyConnection, form: JsonForm) -> dict[str, int]:
    """Return how many objects of each kind there are, the most frequent first."""
    query = f"SELECT COALESCE(kind, 'of no kind'), COUNT(*) FROM (SELECT {_opened(form)}) GROUP BY 1 ORDER BY 2 DESC, 1"
    return dict(db.execute(query).fetchall())


def _names(db: duckdb.DuckDBPyConnection, query: str) -> tuple[str, ...]:
    names: dict[str, None] = {}
    structures = f"SELECT JSON_STRUCTURE(object) FROM ({query}) GROUP BY 1 ORDER BY MIN(line)"
    for (text,) in db.execute(structures).fetchall():
        names.update(dict.fromkeys(_flat(json.loads(text), "", DEPTH)))
    return tuple(names)


def _flat(value: dict[str, Any], prefix: str, depth: int) -> Iterator[str]:
    for key, inner in value.items():
        yield f"{prefix}{key}"
        if isinstance(inner, dict) and depth > 1:
            yield from _flat(inner, f"{prefix}{key}.", depth - 1)


def _path(name: str) -> str:
    return "$" + "".join(f'."{part}"' for part in name.replace('"', "").split("."))

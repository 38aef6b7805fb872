"""Queries of PostgreSQL's own catalog: tables that are visible, payrec's own, and views that depend on one."""

from __future__ import annotations

import re
from collections.abc import Callable

import pyarrow as pa

from payrec.common.errors import UsageError
from payrec.common.text import sql_identifier, sql_literal

TABLES = """
SELECT CAST(c.relname AS VARCHAR) AS name
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND n.nspname = ANY (pg_catalog.current_schemas(false))
  AND pg_catalog.pg_table_is_visible(c.oid)
"""
OWN_TABLES = """
SELECT CAST(c.oid::regclass AS VARCHAR) AS name
FROM pg_catalog.pg_class AS c
WHERE c.relkind = 'r' AND pg_catalog.pg_table_is_visible(c.oid) AND pg_catalog.pg_has_role(c.relowner, 'USAGE')
  AND (c.relname LIKE 'raw\\_%' OR c.relname LIKE 'payrec\\_%')
"""
DEPENDENTS = """
WITH RECURSIVE dependent (oid) AS (
    SELECT pg_catalog.to_regclass({name})::oid
    UNION
    SELECT r.ev_class FROM dependent AS d
    JOIN pg_catalog.pg_depend AS p ON p.refobjid = d.oid AND p.refclassid = 'pg_catalog.pg_class'::regclass
    JOIN pg_catalog.pg_rewrite AS r ON r.oid = p.objid AND p.classid = 'pg_catalog.pg_rewrite'::regclass
)
SELECT CAST(oid::regclass AS VARCHAR) AS name
FROM dependent
WHERE pg_catalog.obj_description(oid, 'pg_class') IS DISTINCT FROM {made_by} AND oid <> pg_catalog.to_regclass({name})
ORDER BY 1
"""

# the C locale, and PostgreSQL's own ("b"), compare bytes; others compare as a language does
TEXT_SETTINGS = """
SELECT pg_catalog.current_setting('server_encoding') AS encoding,
    datcollate IN ('C', 'POSIX', 'C.UTF-8', 'C.utf8')
    AND COALESCE(pg_catalog.to_jsonb(d) ->> 'datlocprovider'::text, 'c'::text) = 'c'::text
    OR COALESCE(pg_catalog.to_jsonb(d) ->> 'datlocprovider'::text, 'c'::text) = 'b'::text AS by_bytes
FROM pg_catalog.pg_database AS d WHERE datname = pg_catalog.current_database()
"""
MAKES_TABLE = re.compile(r"\bCREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?([\w.]+|\"[^\"]+\")", re.IGNORECASE)
BY_BYTES = """DO $payrec$
DECLARE target record;
BEGIN
    FOR target IN
        SELECT attrelid::regclass AS name, attname,
            pg_catalog.format_type(atttypid, atttypmod) AS kind
        FROM pg_catalog.pg_attribute
        WHERE attrelid = pg_catalog.to_regclass({table}) AND attnum > 0 AND NOT attisdropped
          AND attcollation = (SELECT oid FROM pg_catalog.pg_collation WHERE collname = 'default')
    LOOP
        EXECUTE pg_catalog.format(
            'ALTER TABLE %s ALTER COLUMN %I TYPE %s COLLATE "C"', target.name, target.attname, target.kind
        );
    END LOOP;
END $payrec$"""


def expect_only_ours_read(read: Callable[[str], pa.Table], view: str, made_by: str) -> None:
    """Raise UsageError if something without our comment ``made_by`` reads a view that has to change."""
    foreign = read(DEPENDENTS.format(name=sql_literal(sql_identifier(view)), made_by=sql_literal(made_by)))
    if foreign.num_rows:
        names = ", ".join(map(str, foreign["name"].to_pylist()))
        msg = f"view {view} has to change, but it is read by what payrec did not make: {names}\ndrop that first"
        raise UsageError(msg)

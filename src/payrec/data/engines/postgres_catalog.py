"""Queries of PostgreSQL's own catalog: tables that are visible, payrec's own, and views that depend on one."""

from __future__ import annotations

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

"""The search path of PostgreSQL: nobody else may put functions into the schemas in which payrec looks up its own.

A look-alike with closer argument types is called in place of PostgreSQL's own function, with the rights of the session.
The query itself cannot be deceived: its calls are qualified, and operators of exact types are PostgreSQL's own.
"""

from __future__ import annotations

from typing import Any

from payrec.common.errors import UsageError
from payrec.common.text import sql_identifier

INTRUSIONS = """
WITH RECURSIVE path AS (
    SELECT oid, nspname, nspowner, nspacl FROM pg_catalog.pg_namespace
    WHERE nspname = ANY (pg_catalog.current_schemas(false))
),
own_roles AS (
    SELECT oid FROM pg_catalog.pg_roles WHERE rolname IN (current_user, session_user)
    UNION
    SELECT m.roleid FROM own_roles AS o JOIN pg_catalog.pg_auth_members AS m ON m.member = o.oid
),
intrusions AS (
    SELECT 'create'::text AS kind, p.nspname, a.grantee AS role_oid, ''::text AS thing
    FROM path AS p CROSS JOIN pg_catalog.aclexplode(p.nspacl) AS a
    WHERE a.privilege_type = 'CREATE'::text AND a.grantee <> p.nspowner
    UNION ALL
    SELECT 'ROUTINE'::text, p.nspname, f.proowner, f.oid::regprocedure::text
    FROM path AS p JOIN pg_catalog.pg_proc AS f ON f.pronamespace = p.oid AND f.proowner <> p.nspowner
    JOIN pg_catalog.pg_proc AS own ON own.proname = f.proname AND own.pronamespace = 'pg_catalog'::regnamespace
    UNION ALL
    SELECT 'OPERATOR'::text, p.nspname, o.oprowner, o.oid::regoperator::text
    FROM path AS p JOIN pg_catalog.pg_operator AS o ON o.oprnamespace = p.oid AND o.oprowner <> p.nspowner
    JOIN pg_catalog.pg_operator AS own ON own.oprname = o.oprname AND own.oprnamespace = 'pg_catalog'::regnamespace
)
SELECT i.kind, i.nspname::text AS schema_name, COALESCE(r.rolname::text, 'PUBLIC'::text) AS role_name, i.thing
FROM intrusions AS i LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = i.role_oid
WHERE r.rolsuper IS NOT TRUE AND i.role_oid NOT IN (SELECT oid FROM own_roles)
ORDER BY i.kind = 'create'::text DESC, 2, 3, 4
LIMIT 1
"""


def expect_closed(intrusions: list[dict[str, Any]]) -> None:
    """Refuse the search path if ``INTRUSIONS`` gave a row: the worst of what others may put into it, or have put.

    Raises
    ------
    UsageError
        It names schema, role and the statement that mends it.
    """
    for row in intrusions:
        kind, schema, role, thing = row["kind"], row["schema_name"], row["role_name"], row["thing"]
        msg = f"the role {role} has put {thing} into schema {schema}, and payrec would run it with its rights"
        repair = f"DROP {kind} {thing}"
        if kind == "create":
            msg = f"the role {role} may create functions in schema {schema}, and payrec would run them with its rights"
            grantee = role if role == "PUBLIC" else sql_identifier(role)
            repair = f"REVOKE CREATE ON SCHEMA {sql_identifier(schema)} FROM {grantee}"
        raise UsageError(f"{msg}\nas the owner run: {repair}\nor name a schema of your own: ?schema=payrec")

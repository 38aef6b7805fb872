"""What the errors of a PostgreSQL server mean to payrec: the kind, and what to do."""

from __future__ import annotations

from payrec.common.errors import DatabaseUnreachable, DataRefused, MissingRelation, PayrecError, UsageError
from payrec.data.engines.retry import Interrupted

# first letters of SQLSTATE, the longest match wins; https://www.postgresql.org/docs/current/errcodes-appendix.html
KINDS: dict[str, tuple[type[PayrecError], str]] = {
    "40": (Interrupted, "another session was in the way"),
    "55P03": (Interrupted, "another session holds a lock: wait for it, or raise lock_timeout in the address"),
    "57P": (Interrupted, "the server ended the connection"),
    "57014": (DatabaseUnreachable, "it took too long: raise statement_timeout in the address"),
    "53": (DatabaseUnreachable, "the server is out of disk, memory or connections"),
    "58": (DatabaseUnreachable, "the server has trouble with its disk"),
    "22": (DataRefused, ""),
    "23": (DataRefused, ""),
    "23502": (DataRefused, "payrec does not fill this column: give it a default, or drop its NOT NULL"),
    "3F": (UsageError, "name the schema of payrec's tables in the address: ?schema=payrec"),
    "42501": (UsageError, "sign in as a role that may do this, or let this one (payrec's sql/postgres/roles.sql)"),
    "25006": (UsageError, "sign in as a role that may write, on a server that may be written to"),
    "42": (UsageError, ""),
    "42P01": (MissingRelation, ""),
    "42703": (MissingRelation, ""),
}

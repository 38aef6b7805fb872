"""One connection to PostgreSQL over ADBC: where it goes, how it is set up, and what its errors mean.

The password is nowhere but in :class:`Address`, which does not show it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

import pyarrow as pa

from payrec.common.errors import DatabaseUnreachable, DataRefused, MissingExtra, PayrecError, UsageError
from payrec.common.text import sql_identifier, sql_identifiers, sql_literal
from payrec.data.engines.postgres_catalog import BY_BYTES, MAKES_TABLE, TEXT_SETTINGS
from payrec.data.engines.postgres_path import INTRUSIONS, expect_closed
from payrec.data.engines.retry import Interrupted

try:
    import adbc_driver_manager
    from adbc_driver_manager._reader import AdbcRecordBatchReader
    from adbc_driver_postgresql import dbapi
except ImportError as missing:
    raise MissingExtra("a PostgreSQL database", "postgres") from missing

_FORM = "postgresql://USER:PASSWORD@HOST:PORT/NAME?OPTION=VALUE, with special characters as %XX"
POLL_S = 0.1
_LIBPQ = {
    "connect_timeout": "10",
    "application_name": "payrec",
    "client_encoding": "UTF8",
    "keepalives_idle": "30",  # a cable that was cut is noticed within about a minute
    "tcp_user_timeout": "60000",
}
_SESSION = {
    "statement_timeout": "3600s",  # a build of many million orders is one statement
    "lock_timeout": "30s",
    "work_mem": "64MB",  # windows over millions of rows sort in memory or on disk, depending on it
    "schema": "",  # where tables are made and looked for; more than one: made in the first, read from all
}
_FIXED = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "standard_conforming_strings": "on",
    "cursor_tuple_fraction": "1.0",  # a cursor of ours is always read to its end
    "enable_nestloop": "off",  # joins on two keys at once look rare to the planner; a nested loop then runs for hours
    "jit": "off",  # compiling costs more than it saves on statements like these
}


@dataclass(frozen=True)
class Address:
    """Where a database is; printed without its password."""

    shown: str
    schemas: tuple[str, ...]
    settings: tuple[tuple[str, str], ...]
    libpq: tuple[tuple[str, str], ...] = field(repr=False)

    @property
    def password(self) -> str:
        """The password, or nothing."""
        return dict(self.libpq).get("password", "")

    def masked(self, text: str) -> str:
        """Return ``text`` without the password, should a message repeat it."""
        return text.replace(self.password, "***") if self.password else text


def address(url: str) -> Address:
    """Read an address; what it lacks is left to libpq (its PG… variables and password file)."""
    match = re.fullmatch(r"postgres(?:ql)?://(?:([^@/]*)@)?([^/?@]*)(?:/([^?]*))?(?:\?(.*))?", url)
    if not match:
        msg = f"found an address of PostgreSQL that cannot be read, expected {_FORM}"
        raise UsageError(msg)
    user, _, password = (match[1] or "").partition(":")
    hosts = [re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(\d*))?", part) for part in match[2].split(",")]
    if not all(hosts):
        msg = f"found a host or port of PostgreSQL that cannot be read, expected {_FORM}"
        raise UsageError(msg)
    parts = {
        "user": unquote(user),
        "password": unquote(password),
        "host": ",".join(unquote(host[1].strip("[]")) for host in hosts if host),
        "port": ",".join(host[2] or "" for host in hosts if host),
        "dbname": unquote(match[3] or ""),
    }
    options = dict(parse_qsl(match[4] or "", keep_blank_values=True))
    session = {**_SESSION, **{name: options.pop(name) for name in _SESSION if name in options}}
    schemas = tuple(name for name in session.pop("schema").split(",") if name)
    libpq = {**_LIBPQ, **{name: value for name, value in parts.items() if value.strip(",")}, **options}
    shown = f"{libpq.get('user', '')}@{libpq.get('host', 'localhost')}:{libpq.get('port', '5432')}"
    return Address(
        f"{shown}/{libpq.get('dbname', libpq.get('user', ''))}", schemas, tuple(session.items()), tuple(libpq.items())
    )


def _conninfo(pairs: tuple[tuple[str, str], ...]) -> str:
    return " ".join(
        f"{name}='{value}'" for name, value in ((n, v.replace("\\", "\\\\").replace("'", "\\'")) for n, v in pairs)
    )


_ADVICE = (
    ("password|pg_hba|no password|authentication|role .* does not exist", "check the user and the password"),
    (
        "database .* does not exist",
        "make the database (createdb --encoding=UTF8 --locale=C --template=template0 NAME) or correct its name",
    ),
    ("invalid connection option|invalid .*value", f"expected {_FORM}"),
    ("", "check that the server runs, and the host and port"),
)


def _unreachable(server: Address, error: Exception) -> PayrecError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    fatal = [line for line in lines if "failed:" in line] or lines
    said = server.masked(fatal[-1].rsplit("failed: ", 1)[-1].removeprefix("FATAL:").strip())
    advice = next(advice for pattern, advice in _ADVICE if re.search(pattern, said))
    kind = UsageError if "invalid connection option" in said else DatabaseUnreachable
    return kind(f"cannot connect to PostgreSQL at {server.shown}: {said}\n{advice}")


class Session:
    """One open connection; statements commit by themselves unless BEGIN was run."""

    def __init__(self, server: Address) -> None:
        self._server = server
        self.by_bytes = True  # whether text sorts by bytes of itself
        try:
            self._db = dbapi.connect(
                _conninfo(server.libpq),
                db_kwargs={"adbc.postgresql.type_resolver_mode": "builtin"},  # half the time to connect
                autocommit=True,
            )
        except adbc_driver_manager.Error as error:
            raise _unreachable(server, error) from None  # what libpq said is in our words, and checked for the password
        try:
            self._set_up()
        except BaseException:
            self.close()
            raise

    def _set_up(self) -> None:
        settings = {**_FIXED, **dict(self._server.settings)}
        if self._server.schemas:
            settings["search_path"] = sql_identifiers(self._server.schemas)
        calls = (
            f"pg_catalog.set_config({sql_literal(name)}, {sql_literal(value)}, false)"
            for name, value in settings.items()
        )
        self.run("SELECT " + ", ".join(calls))
        expect_closed(self.read(INTRUSIONS).to_pylist())
        (database,) = self.read(TEXT_SETTINGS).to_pylist()
        if database["encoding"] != "UTF8":
            msg = f"the database {self._server.shown} keeps text as {database['encoding']}, expected UTF8"
            raise UsageError(f"{msg}\nmake one: createdb --encoding=UTF8 --locale=C --template=template0 NAME")
        self.by_bytes = bool(database["by_bytes"])

    @property
    def state(self) -> str:
        """Say ``idle``, ``intrans``, ``inerror``, or ``unknown`` for a connection that was cut."""
        return str(self._db.adbc_connection.get_option("adbc.postgresql.transaction_status"))

    def run(self, sql: str) -> None:
        """Run one or more statements; outside BEGIN and COMMIT, several are one transaction."""
        if not self.by_bytes:
            sql += "".join(f"\n;{BY_BYTES.format(table=sql_literal(name))}" for name in MAKES_TABLE.findall(sql))
        with self.translated(sql), self._db.cursor() as cursor:
            cursor.executescript(sql)

    def change(self, sql: str) -> int:
        """Run one statement that changes rows; return how many it changed."""
        with self.translated(sql), self._db.cursor() as cursor:
            cursor.execute(sql)
            return int(cursor.rowcount)

    def read(self, select: str) -> pa.Table:
        """Return all rows as the driver gives them."""
        with self.translated(select), self._db.cursor() as cursor:
            cursor.execute(select)
            rows: pa.Table = cursor.fetch_arrow_table()
            return rows

    @contextmanager
    def stream(self, select: str, *, copied: bool = True) -> Iterator[pa.RecordBatchReader]:
        """Open a reader of all rows; ``copied``: by binary COPY, which takes only SELECT and VALUES."""
        options = {"adbc.postgresql.use_copy": "true" if copied else "false"}
        with self.translated(select), self._db.cursor(adbc_stmt_kwargs=options) as cursor:
            cursor.execute(select)
            rows = cursor.fetch_arrow()  # the reader of fetch_record_batch() drops the SQLSTATE of later errors
            with AdbcRecordBatchReader._import_from_c(rows.address) as reader:
                yield reader

    def ingest(self, schema: str | None, table: str, batch: pa.RecordBatch) -> None:
        """Add rows by binary COPY to a table, in a temporary one if ``schema`` is None."""
        with self.translated(f"COPY {table}"), self._db.cursor() as cursor:
            cursor.adbc_ingest(table, batch, mode="append", db_schema_name=schema, temporary=schema is None)

    def advisory_lock(self, key: int, *, shared: bool = False, wait_s: float = 0.0) -> bool:
        """Take an advisory lock for as long as this connection lives; return whether it was free in time."""
        # a server that ends idle connections would release the lock without a word
        self.run(
            "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings "
            "WHERE name LIKE 'idle%session_timeout'"
        )
        call = f"pg_catalog.pg_try_advisory_lock{'_shared' if shared else ''}({key})"
        give_up_at = time.monotonic() + wait_s
        while not (free := self.read(f"SELECT {call} AS free")["free"][0].as_py()) and time.monotonic() < give_up_at:
            time.sleep(POLL_S)
        return bool(free)

    def schema_of(self, table: str) -> str:
        """Name of the schema that holds ``table``."""
        schemas = self.read(
            "SELECT CAST(n.nspname AS VARCHAR) AS name FROM pg_catalog.pg_class AS c "
            "JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace "
            f"WHERE c.oid = pg_catalog.to_regclass({sql_literal(sql_identifier(table))})"
        )
        if not schemas.num_rows:
            msg = f"found no table {table} in the database {self._server.shown}"
            raise UsageError(msg)
        return str(schemas["name"][0].as_py())

    def expect_sound(self) -> None:
        """Make sure that COMMIT will keep the work: of a failed transaction it keeps nothing and says nothing."""
        if self.state == "inerror":
            msg = "the transaction was undone: a statement in it failed, and the failure was passed over"
            raise PayrecError(msg)
        self.run("SELECT 1")  # a connection that was cut is found out now, while it is sure that nothing was kept

    def alive(self) -> bool:
        """Tell whether the server still answers."""
        try:
            self.run("SELECT 1")
        except PayrecError:
            return False
        return True

    def close(self) -> None:
        """Give the connection back; what was not committed is undone."""
        self._db.close()

    @contextmanager
    def translated(self, sql: str) -> Iterator[None]:
        """Turn what the driver raises into payrec's own errors; ``sql`` is what was asked."""
        try:
            yield
        except (adbc_driver_manager.Error, OSError) as error:
            raise _payrec_error(self._server, error, sql, cut=self.state == "unknown") from error


# first letters of SQLSTATE, the longest match wins; https://www.postgresql.org/docs/current/errcodes-appendix.html
_KINDS: dict[str, tuple[type[PayrecError], str]] = {
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
}


def _details(error: Exception) -> dict[str, str]:
    details: list[tuple[Any, Any]] = getattr(error, "details", None) or []
    return {
        (name.decode() if isinstance(name, bytes) else str(name)).removeprefix("PG_DIAG_"): (
            value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        )
        for name, value in details
    }


def _payrec_error(server: Address, error: Exception, sql: str, *, cut: bool) -> PayrecError:
    details = _details(error)
    state = details.get("SQLSTATE") or getattr(error, "sqlstate", None) or ""
    messages = re.findall(r"(?:ERROR|FATAL|PANIC):\s+(.*)", str(error))
    said = details.get("MESSAGE_PRIMARY") or (messages[-1] if messages else str(error).splitlines()[-1].strip())
    if cut:
        return Interrupted(server.masked(f"lost the connection to PostgreSQL at {server.shown}: {said}"))
    if state == "23505" and "MESSAGE_DETAIL" in details:
        said += f": {details['MESSAGE_DETAIL']}"
    if state.startswith("42") and "STATEMENT_POSITION" in details:
        line = sql[: int(details["STATEMENT_POSITION"]) - 1].count("\n")
        said += f", at line {line + 1}: {sql.splitlines()[line].strip()[:100]}"
    kind, advice = next((_KINDS[state[:length]] for length in (5, 3, 2) if state[:length] in _KINDS), (PayrecError, ""))
    return kind(server.masked(f"PostgreSQL: {said}" + (f"\n{advice}" if advice else "")))

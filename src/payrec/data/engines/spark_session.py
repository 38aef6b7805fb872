"""Sessions of the company's Spark: of a Connect server, or of the notebook that runs; and the settings they need."""

from __future__ import annotations

import builtins
import logging
import re
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from payrec.common import errors
from payrec.common.errors import DatabaseUnreachable, DataRefused, MissingExtra, PayrecError, UsageError
from payrec.data.engines.retry import Interrupted
from payrec.data.engines.rows import BATCH_ROWS

# payrec sets them in a session of its own and reads them back
SETTINGS: tuple[tuple[str, str, str], ...] = (
    ("spark.sql.session.timeZone", "UTC", "all times are UTC, in every zone of the cluster"),
    ("spark.sql.timestampType", "TIMESTAMP_NTZ", "TIMESTAMP means a time without zone, as on the other engines"),
    ("spark.sql.ansi.enabled", "true", "what overflows or cannot be cast is an error, never NULL"),
    ("spark.sql.legacy.charVarcharAsString", "true", "VARCHAR(n) is text, without padding or cutting"),
    ("spark.sql.runSQLOnFiles", "false", "SQL reads the tables of the catalog and no other file"),
    ("spark.sql.variable.substitute", "false", "text that holds ${…} stays as it is"),
    ("spark.sql.execution.arrow.maxRecordsPerBatch", str(BATCH_ROWS), "the batches that a function gets are bounded"),
)
CONNECT_TIMEOUT_S = 10.0
PORT = 15002
NOTEBOOK = "spark-session:"
_REFUSED = re.compile(
    r"CAST_|OVERFLOW|OUT_OF_RANGE|DIVIDE_BY_ZERO|CANNOT_PARSE|INVALID_INPUT|TOO_MANY_ROWS|NOT_NULL|DATETIME_FIELD"
)
_GONE = re.compile(r"UNAVAILABLE|RETRIES_EXCEEDED|DEADLINE_EXCEEDED|failed to connect|INVALID_HANDLE|SESSION_CLOSED")
_CONDITION = re.compile(r"\[([A-Z][A-Z0-9_.]+)\] *([^\n]*)")
_RAISED = re.compile(r"^(?:[\w.]*\.)?(\w+): (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Address:
    """Where Spark is (``sc://host:port/``, or the session of a notebook), its catalog and schema, further settings.

    ``format``: of new tables; empty: Parquet in the session's own catalog, elsewhere what the catalog makes by itself.
    """

    server: str
    catalog: str = ""
    schema: str = ""
    format: str = ""
    settings: tuple[tuple[str, str], ...] = ()


def address(url: str) -> Address:
    """Read an address.

    >>> address("sc://spark.example:15002/;use_ssl=true?catalog=main&schema=payrec").schema
    'payrec'
    """
    server, _, query = url.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    names = ("catalog", "schema", "format")
    unknown = [name for name in options if name not in names and not name.startswith("spark.")]
    if unknown:
        msg = f"found {', '.join(unknown)} in the address of Spark, expected some of {', '.join(names)}, spark.SETTING"
        raise UsageError(msg)
    settings = tuple((name, value) for name, value in options.items() if name.startswith("spark."))
    catalog, schema, form = (options.get(name, "") for name in names)
    return Address(server, catalog, schema, form, settings)


def opened(where: Address) -> Any:
    """Return a session with payrec's settings, in the catalog and schema of its address.

    Raises
    ------
    MissingExtra
        pyspark is not installed, or lacks its parts for Connect.
    UsageError
        A setting cannot be set, no session runs, or the schema cannot be made.
    DatabaseUnreachable
        Spark does not answer.
    """
    wanted = {name: value for name, value, _ in SETTINGS} | dict(where.settings)
    try:
        with whatever_pandas():
            session = _running() if where.server == NOTEBOOK else _connected(where.server, wanted)
    except ImportError as error:
        raise MissingExtra("a database address of Spark", "spark") from error
    if where.server == NOTEBOOK:
        for name, value in wanted.items():
            with suppress(Exception):  # what did not take is seen below
                session.conf.set(name, value)
    with translated():
        held = {row["key"]: row["value"] for row in session.sql("SET").collect()}
        refused = [name for name, value in wanted.items() if held.get(name) != value]
        if refused:
            msg = f"this session of Spark does not let payrec set {', '.join(refused)}"
            raise UsageError(f"{msg}\nset it on the cluster, or allow sessions to (docs/engines.md has each reason)")
        if where.catalog:
            session.catalog.setCurrentCatalog(where.catalog)
        if where.schema:
            quoted = ".".join(f"`{part}`" for part in where.schema.split("."))
            if not session.catalog.databaseExists(where.schema):
                session.sql(f"CREATE SCHEMA IF NOT EXISTS {quoted}")
            session.sql(f"USE {quoted}")
    return session


def _connected(server: str, settings: dict[str, str]) -> Any:
    network = urlsplit(server.partition(";")[0])
    try:
        socket.create_connection((network.hostname or "", network.port or PORT), timeout=CONNECT_TIMEOUT_S).close()
    except (OSError, ValueError) as error:
        msg = f"the Spark Connect server at {network.netloc} does not answer: {error}"
        raise DatabaseUnreachable(f"{msg}\ncheck the address, and that the server runs") from error
    from pyspark.sql.connect.session import SparkSession

    with suppress(ImportError):  # pyspark 3.5 has no such loggers
        from pyspark.logger import PySparkLogger

        for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
            PySparkLogger.getLogger(name).disabled = True  # what fails is raised, and said once
    logging.getLogger("pyspark.sql.connect.logging").disabled = True
    with translated(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Failed to set")  # opened() says which did not hold
        builder = SparkSession.builder.remote(server if "/" in server.removeprefix("sc://") else f"{server}/")
        session = builder.config(map=settings).create()
        _retry_less(session.client)
    return session


def _retry_less(client: Any) -> None:
    """Ask a server that does not answer again for some seconds only."""
    retries: dict[str, int] = {"max_retries": 5, "max_backoff": 3_000}
    try:
        from pyspark.sql.connect.client.retries import DefaultPolicy
    except ImportError:  # pyspark 3.5
        client._retry_policy.update(retries)
    else:
        client.set_retry_policies([DefaultPolicy(**retries)])


def give_back(session: Any) -> None:
    """End a session of a Connect server, once.

    Before pyspark 4.3 one that is collected as garbage closes its client again, in whatever thread that happens: in one
    of those that the client waits for, the program stood still.
    """
    with suppress(Exception):
        session.stop()
    with suppress(Exception):
        session.client.close = lambda: None


def version(session: Any) -> tuple[int, int]:
    """Return the version of Spark that computes, such as ``(4, 3)``."""
    major, minor, *_ = re.findall(r"\d+", str(session.version))
    return int(major), int(minor)


def _running() -> Any:
    from pyspark.sql import SparkSession

    session = SparkSession.getActiveSession()
    if session is None:
        raise UsageError("found no session of Spark in this process\nstart one, or name a server: sc://HOST:PORT")
    try:
        return session.newSession()
    except Exception:  # serverless clusters give one session: there the settings change in it
        return session


@contextmanager
def whatever_pandas() -> Iterator[None]:
    """Pass over what pyspark says of the version of pandas: rows come and go as Arrow alone."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*distutils", DeprecationWarning)  # which pyspark 3.5 compares them with
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
        yield


@contextmanager
def translated() -> Iterator[None]:
    """Turn what Spark raises into payrec's own errors."""
    try:
        yield
    except PayrecError:
        raise
    except Exception as error:
        module, is_gone = type(error).__module__.partition(".")[0], bool(_GONE.search(str(error)))
        if module == "grpc" or (module == "pyspark" and is_gone):
            msg = "the Spark Connect server does not answer any more, or has ended this session"
            raise DatabaseUnreachable(f"{msg}\ncheck that it runs, then run the same command again") from error
        if module not in ("pyspark", "py4j", "builtins"):
            raise
        if isinstance(error, (ConnectionError, EOFError)) or "Py4JNetwork" in type(error).__name__:
            msg = "Spark has stopped: its Java program ended, perhaps because memory ran out"
            raise DatabaseUnreachable(f"{msg}\ngive it more (spark.driver.memory), then try again") from error
        if type(error).__module__ == "builtins":
            raise
        raise said(str(error), type(error).__name__) from error


def said(text: str, kind: str) -> Exception:
    """Return payrec's error for a message of Spark's, without its stack of Java calls."""
    if "No space left on device" in text:
        return DatabaseUnreachable("Spark: no space left on device\nthe disk is full: make room, then try again")
    if "OutOfMemoryError" in text or "Java heap space" in text:
        return DatabaseUnreachable("Spark: out of memory\ngive it more: spark.driver.memory=4g in the address")
    if "PythonException" in text or kind == "PythonException":
        return _raised_by_worker(text)
    conditions = _CONDITION.findall(text)
    name, message = conditions[-1] if conditions else ("", next(iter(text.splitlines()), ""))
    message = re.sub(r" *SQLSTATE: *\w+.*$", "", message).strip()
    line = f"Spark: {message} ({name})" if name else f"Spark: {message}"
    if "FILE_NOT_EXIST" in name or "PATH_NOT_FOUND" in name or "FileNotFoundException" in text:
        return Interrupted(f"{line}\nthe table was replaced while it was read: try again")
    if _REFUSED.search(name):
        return DataRefused(line)
    wrong = kind in ("AnalysisException", "ParseException", "IllegalArgumentException", "UnsupportedOperationException")
    return UsageError(line) if wrong or name.startswith(("UNRESOLVED", "PARSE")) else PayrecError(line)


def _raised_by_worker(text: str) -> Exception:
    """Return the error that a function raised in a worker: of the same kind where that is payrec's or Python's own."""
    raised = [line for line in _RAISED.findall(text.partition("\tat ")[0]) if line[0] != "PythonException"]
    name, message = raised[-1] if raised else ("PayrecError", "a function failed in a worker of Spark")
    kind = getattr(errors, name, None) or getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception) and kind is not errors.MissingExtra:
        with suppress(TypeError):
            return kind(message)
    return PayrecError(f"{name}: {message}")

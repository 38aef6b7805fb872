"""Sessions of the company's Spark: of a Connect server, or of the notebook that runs; and the settings they need."""

from __future__ import annotations

import logging
import socket
import warnings
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from payrec.common.errors import DatabaseUnreachable, MissingExtra, UsageError
from payrec.data.engines.rows import BATCH_ROWS
from payrec.data.engines.spark_session import translated, whatever_pandas

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
    from pyspark.logger import PySparkLogger
    from pyspark.sql.connect.client.retries import DefaultPolicy
    from pyspark.sql.connect.session import SparkSession

    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        PySparkLogger.getLogger(name).disabled = True  # what fails is raised, and said once
    logging.getLogger("pyspark.sql.connect.logging").disabled = True
    with translated(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Failed to set")  # opened() says which did not hold
        builder = SparkSession.builder.remote(server if "/" in server.removeprefix("sc://") else f"{server}/")
        session = builder.config(map=settings).create()
        session.client.set_retry_policies([DefaultPolicy(max_retries=5, max_backoff=3_000)])
    return session


def _running() -> Any:
    from pyspark.sql import SparkSession

    session = SparkSession.getActiveSession()
    if session is None:
        raise UsageError("found no session of Spark in this process\nstart one, or name a server: sc://HOST:PORT")
    try:
        return session.newSession()
    except Exception:  # serverless clusters give one session: there the settings change in it
        return session

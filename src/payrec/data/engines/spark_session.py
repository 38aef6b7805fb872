"""The one Spark of a process: how it is set, how it starts and ends, and its errors in payrec's words."""

from __future__ import annotations

import atexit
import builtins
import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from payrec.common import errors
from payrec.common.errors import DatabaseUnreachable, DataRefused, MissingExtra, PayrecError, UsageError
from payrec.data.engines.retry import Interrupted
from payrec.data.engines.rows import BATCH_ROWS

# each with its reason; an address may add to them, or set another value: spark-local://2?warehouse=DIR&spark.…=…
SETTINGS: tuple[tuple[str, str, str], ...] = (
    ("spark.sql.session.timeZone", "UTC", "all times are UTC, whatever the machine's zone"),
    ("spark.sql.timestampType", "TIMESTAMP_NTZ", "TIMESTAMP means a time without zone, as on the other engines"),
    ("spark.sql.ansi.enabled", "true", "what overflows or cannot be cast is an error, never NULL"),
    ("spark.sql.ansi.doubleQuotedIdentifiers", "true", "double quotes mean a name, as on the other engines"),
    ("spark.sql.legacy.charVarcharAsString", "true", "VARCHAR(n) is text, without padding or cutting"),
    ("spark.sql.runSQLOnFiles", "false", "SQL reads the tables of the warehouse and no other file"),
    ("spark.sql.adaptive.enabled", "true", "joins and partitions follow the sizes that are met, not those guessed"),
    ("spark.sql.execution.arrow.pyspark.enabled", "true", "rows go to Python as Arrow, not one by one"),
    ("spark.sql.execution.arrow.maxRecordsPerBatch", str(BATCH_ROWS), "the batches that a function gets are bounded"),
    ("spark.sql.execution.arrow.useLargeVarTypes", "false", "text is handed out as on the other engines"),
    ("spark.sql.parquet.datetimeRebaseModeInRead", "CORRECTED", "days before 1582 stay the days they are"),
    ("spark.sql.parquet.datetimeRebaseModeInWrite", "CORRECTED", "the same when writing"),
    ("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS", "times keep their microseconds"),
    ("spark.sql.catalogImplementation", "in-memory", "no Hive metastore is made in the working folder"),
    ("spark.driver.maxResultSize", "0", "large results go through files; small ones are not worth a limit"),
    ("spark.ui.enabled", "false", "no web server is opened"),
    ("spark.ui.showConsoleProgress", "false", "no progress bar is drawn into our own output"),
    ("spark.sql.ui.retainedExecutions", "1", "the driver does not keep what nobody looks at"),
    ("spark.python.worker.reuse", "true", "a worker loads the model once"),
)
LOCAL = (
    ("spark.driver.bindAddress", "127.0.0.1", "nothing listens to other machines"),
    ("spark.driver.host", "127.0.0.1", "the same, whatever the machine's name resolves to"),
    ("spark.sql.shuffle.partitions", "16", "few cores need few partitions; more rows than fit want more"),
)
JAVA = "17"
_REFUSED = re.compile(
    r"CAST_|OVERFLOW|OUT_OF_RANGE|DIVIDE_BY_ZERO|CANNOT_PARSE|INVALID_INPUT|TOO_MANY_ROWS|NOT_NULL|DATETIME_FIELD"
)
_GONE = re.compile(r"UNAVAILABLE|RETRIES_EXCEEDED|DEADLINE_EXCEEDED|failed to connect|INVALID_HANDLE|SESSION_CLOSED")
_CONDITION = re.compile(r"\[([A-Z][A-Z0-9_.]+)\] *([^\n]*)")
_RAISED = re.compile(r"^(?:[\w.]*\.)?(\w+): (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Cluster:
    """Where Spark runs: its master, and settings beyond :data:`SETTINGS`."""

    master: str
    settings: tuple[tuple[str, str], ...] = ()


def address(url: str) -> tuple[Cluster, Path]:
    """Master, settings and warehouse folder that an address names."""
    master, _, options = url.partition("?")
    settings = dict(parse_qsl(options, keep_blank_values=True))
    folder = settings.pop("warehouse", "")
    unknown = [name for name in settings if not name.startswith("spark.")]
    if unknown or not folder:
        problem = f"found {', '.join(unknown)}" if unknown else "found no warehouse"
        raise UsageError(f"{problem} in the address of Spark, expected ?warehouse=FOLDER, then &spark.SETTING=VALUE")
    if not master.startswith("spark-local://"):
        return Cluster(master, tuple(settings.items())), Path(folder)
    cores = master.removeprefix("spark-local://") or "*"
    if cores != "*" and not cores.isdecimal():
        raise UsageError(f"found spark-local://{cores}, expected a number of cores: spark-local://2?warehouse=FOLDER")
    return Cluster(f"local[{cores}]", tuple(settings.items())), Path(folder)


_running: dict[Cluster, Any] = {}


def session(cluster: Cluster) -> Any:
    """Return a session of its own on the process's one Spark, started if need be; it ends with the process.

    Raises
    ------
    MissingExtra
        pyspark is not installed.
    UsageError
        There is no Java, or this process already uses another Spark.
    DatabaseUnreachable
        Spark does not start, or its master does not answer.
    """
    if cluster not in _running:
        if _running:
            (other,) = _running
            msg = f"this process already uses Spark at {other.master}, found an address of {cluster.master}"
            raise UsageError(f"{msg} or with other settings\nuse one address in one process")
        _running[cluster] = _started(cluster)
        atexit.register(_stop)
    with translated():
        return _running[cluster].newSession()


def _started(cluster: Cluster) -> Any:
    try:
        from pyspark import SparkConf, SparkContext
        from pyspark.java_gateway import launch_gateway
        from pyspark.logger import PySparkLogger
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise MissingExtra("a database address of Spark", "spark") from error
    _expect_java()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else the workers look for some python3
    conf = SparkConf(loadDefaults=False).setAll(_settings(cluster))
    try:
        for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
            PySparkLogger.getLogger(name).disabled = True  # what fails is raised, and said once
        with whatever_pandas():
            import_module("pyspark.testing.utils")  # asks for pandas as it is imported, which it is sooner or later
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        SparkContext._ensure_initialized(gateway=launch_gateway(conf, quiet))
        return SparkSession.builder.config(conf=conf).getOrCreate()
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "").partition("] ")[2] or "its Java program ended at once"
        msg = f"Spark does not start at {cluster.master}: {reason}"
        advice = f"check that java -version says {JAVA} or newer, that the master runs, and the settings in the address"
        raise DatabaseUnreachable(f"{msg}\n{advice}") from error


@contextmanager
def whatever_pandas() -> Iterator[None]:
    """Pass over what pyspark says of the version of pandas: rows come and go as Arrow alone."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
        yield


def _settings(cluster: Cluster) -> list[tuple[str, str]]:
    ours = {name: value for name, value, _ in (*SETTINGS, *(LOCAL if cluster.master.startswith("local") else ()))}
    settings = {name: value for name, value in ours.items() if value} | dict(cluster.settings)
    silence = f"-Dlog4j2.configurationFile={files('payrec.data.engines') / 'spark_log4j2.properties'}"
    java = f"{silence} {settings.pop('spark.driver.extraJavaOptions', '')}".strip()
    fixed = {"spark.master": cluster.master, "spark.app.name": "payrec", "spark.driver.extraJavaOptions": java}
    return list((settings | fixed).items())


def _expect_java() -> None:
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java") is None and not (home and shutil.which("java", path=os.path.join(home, "bin"))):
        msg = f"Spark needs Java {JAVA} or newer, and there is none"
        raise UsageError(f"{msg}\ninstall it (Debian: apt-get install openjdk-17-jre-headless), or set JAVA_HOME")


def _stop() -> None:
    with suppress(Exception):  # the process ends; whatever Spark says of it helps nobody
        for running in _running.values():
            running.stop()
    _running.clear()


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
            _running.clear()
            msg = "Spark has stopped: its Java program ended, perhaps for want of memory"
            raise DatabaseUnreachable(
                f"{msg}\ngive it more (spark.driver.memory in the address), then try again"
            ) from error
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

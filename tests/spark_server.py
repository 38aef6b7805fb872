"""A cluster of Spark for the tests: a master, two workers and a Connect server, each a process of its own.

Its machines are in New York, and so is their Python: what payrec reads and writes must be UTC all the same.
The format of the tables, and the catalog that has them, are those of ``spark_formats``.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from filelock import FileLock

import spark_formats

ZONE = "America/New_York"
OPTIONS = spark_formats.CHOSEN.options
# for a few rows: no optimiser pays off that thinks longer than the query takes
SETTINGS = {
    "spark.connect.grpc.binding.address": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:MetaspaceSize=400m -XX:NewSize=400m "
    f"-Duser.timezone={ZONE}",
    "spark.executor.memory": "600m",
    "spark.executor.extraJavaOptions": f"-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Duser.timezone={ZONE}",
    "spark.ui.enabled": "false",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.autoBroadcastJoinThreshold": "-1",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.constraintPropagation.enabled": "false",
}


_started: list[subprocess.Popen[bytes]] = []  # by this process: they are waited for when they end


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _expect_answer(port: int, process: subprocess.Popen[bytes], ids: list[int]) -> None:
    deadline = time.monotonic() + 600
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            stop(ids)
            raise RuntimeError(f"a process of the cluster did not start: {process.args!r}")
        time.sleep(0.3)


def start(folder: Path, package: Path, settings: dict[str, str], workers: int = 2) -> tuple[str, list[int]]:
    """Start the processes; return the address of the server and the ids of master, workers and server."""
    master, connect = _free_port(), _free_port()
    environment = os.environ | {
        "SPARK_HOME": str(package),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(Path(__file__).parents[1]),  # workers import the functions of the tests
        "TZ": ZONE,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    deploy, address = "org.apache.spark.deploy", f"spark://127.0.0.1:{master}"
    commands = [
        ["spark-class", f"{deploy}.master.Master", "--host", "127.0.0.1", "--port", str(master), "--webui-port", "0"],
        *(
            [
                *("spark-class", f"{deploy}.worker.Worker", "--host", "127.0.0.1", "--cores", "1", "--memory", "1g"),
                *("--webui-port", "0", "--work-dir", str(folder / f"worker-{number}"), address),
            ]
            for number in range(workers)
        ),
    ]
    listed = settings | {
        "spark.connect.grpc.binding.port": str(connect),
        "spark.sql.warehouse.dir": str(folder / "tables"),
    }
    server = ["spark-submit", "--class", "org.apache.spark.sql.connect.service.SparkConnectServer"]
    commands.append([*server, "--master", address, *(f"--conf={k}={v}" for k, v in listed.items()), "spark-internal"])
    ids = []
    for number, (program, *arguments) in enumerate(commands):
        command = [str(package / "bin" / program), *arguments]
        memory = {"SPARK_DAEMON_MEMORY": "256m" if program == "spark-class" else SETTINGS["spark.driver.memory"]}
        with (folder / f"{number}.log").open("wb") as log:
            process = subprocess.Popen(
                command, env=environment | memory, stdout=log, stderr=log, start_new_session=True
            )
        _started.append(process)
        ids.append(process.pid)
        if port := {0: master, len(commands) - 1: connect}.get(number):  # the others look for the master at once
            _expect_answer(port, process, ids)
    return f"sc://127.0.0.1:{connect}", ids


def stop(ids: list[int]) -> None:
    """End the processes and what they started."""
    for process in reversed(ids):
        with suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)
    for own in _started:
        if own.pid in ids:
            own.wait()


def _folder(temporary: pytest.TempPathFactory) -> Path:
    base = temporary.getbasetemp()
    return (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "spark-cluster"


def kill_an_executor(temporary: pytest.TempPathFactory) -> int:
    """Kill what computes for the first worker, which then starts another one; return its process id."""
    worker = int((_folder(temporary) / "server").read_text().split("\n")[2])
    for thread in Path(f"/proc/{worker}/task").iterdir():
        for child in map(int, (thread / "children").read_text().split()):
            os.kill(child, signal.SIGKILL)
            return child
    raise RuntimeError(f"found no executor of worker {worker}")


@contextmanager
def running(temporary: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of the cluster's server; processes of pytest-xdist share one, and the last one ends it."""
    import pyspark

    folder = _folder(temporary)
    folder.mkdir(exist_ok=True)
    users, note = folder / "users", folder / "server"
    with FileLock(folder / "lock"):
        if not note.exists():
            package = Path(pyspark.__file__).parent
            settings = SETTINGS | spark_formats.settings(folder, package, pyspark.__version__)
            address, ids = start(folder, package, settings)
            note.write_text("\n".join([address, *map(str, ids)]))
        users.mkdir(exist_ok=True)
        (users / str(os.getpid())).touch()
    address, *listed = note.read_text().split("\n")
    try:
        yield address
    finally:
        with FileLock(folder / "lock"):
            (users / str(os.getpid())).unlink()
            if not any(users.iterdir()):
                stop([int(number) for number in listed])
                note.unlink()

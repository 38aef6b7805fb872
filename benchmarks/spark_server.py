"""A Spark Connect server on this machine, for the benchmarks: a child of this process, so that its CPU is counted."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MEMORY = "2g"


@contextmanager
def running(folder: Path, cores: int) -> Iterator[str]:
    """Give the address of a schema on a server whose tables are in ``folder``."""
    import pyspark

    package = Path(pyspark.__file__).parent
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    settings = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": MEMORY,
        "spark.sql.shuffle.partitions": "16",
        "spark.sql.warehouse.dir": str(folder / "tables"),
        "spark.ui.enabled": "false",
    }
    command = [str(package / "bin" / "spark-submit"), "--master", f"local[{cores}]"]
    command += [f"--conf={name}={value}" for name, value in settings.items()]
    command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal"]
    environment = os.environ | {"SPARK_HOME": str(package), "PYSPARK_PYTHON": sys.executable}
    with (folder / "spark.log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
    try:
        while True:
            if server.poll() is not None:
                raise RuntimeError(f"the Spark Connect server did not start: see {folder / 'spark.log'}")
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.3)
        yield f"sc://127.0.0.1:{port}/?schema=payrec"
    finally:
        server.kill()
        server.wait()

"""Formats and catalogs in which a Spark cluster keeps tables, and the jars that they need.

``PAYREC_TEST_SPARK_TABLES`` names the one that the tests of Spark use (``scripts/spark-tests.sh``).
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

ICEBERG, DELTA = "org.apache.iceberg:iceberg-spark-runtime", "io.delta:delta-spark"
JARS = {  # of each version of Spark that a format has been made for, with their SHA-256
    ("iceberg", "4.0"): {
        f"{ICEBERG}-4.0_2.13:1.10.1": "2192a0881ed0f5773b5a83a8820d2b0b2069beec203028643a1c338551007f09",
    },
    ("iceberg", "4.1"): {
        f"{ICEBERG}-4.1_2.13:1.12.0": "3123c3798af642dd537230923548e013ef41cc28b6626e5225808cf5670a0f82",
    },
    ("delta", "4.1"): {
        f"{DELTA}_4.1_2.13:4.4.0": "75a9400986853c061f5109f012547de2545a5759e5e752e5ef633dabe16a4f10",
        "io.delta:delta-storage:4.4.0": "c46735481fa8e326b0957be02b4420cbcab4b325bb08009b7f2045a95133f1cc",
    },
}
CONNECT = {  # later versions of Spark bring it
    "3.5": {
        "org.apache.spark:spark-connect_2.12:3.5.7": "15366e21273a874c760b51fa00743a2acb8fa78642cc35d7a076a3ade0c5eef6"
    },
}
SQLITE = {"org.xerial:sqlite-jdbc:3.50.3.0": "a3f53a2aa15ae9425a9e793bbe9c8e5288febeb4b65ef5c1a4e80d4c2045cf08"}


@dataclass(frozen=True)
class Format:
    """Options of payrec's address, and settings of the server; ``{folder}`` in one of them is the cluster's own."""

    options: str
    settings: dict[str, str] = field(default_factory=dict)
    jars: dict[str, str] = field(default_factory=dict)  # besides those of the format itself


FORMATS = {
    "parquet": Format("format=parquet"),
    # a metastore as a company has it, here in Derby, which Spark brings
    "hive": Format(
        "format=parquet",
        {
            "spark.sql.catalogImplementation": "hive",
            "spark.hadoop.javax.jdo.option.ConnectionURL": "jdbc:derby:;databaseName={folder}/metastore;create=true",
        },
    ),
    "iceberg": Format(
        "catalog=lake",
        {
            "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
            "spark.sql.catalog.lake": "org.apache.iceberg.spark.SparkCatalog",
            "spark.sql.catalog.lake.type": "jdbc",
            "spark.sql.catalog.lake.jdbc.schema-version": "V1",  # with views
            "spark.sql.catalog.lake.uri": "jdbc:sqlite:{folder}/lake.db",
            "spark.sql.catalog.lake.warehouse": "{folder}/lake",
        },
        SQLITE,
    ),
    "delta": Format(
        "format=delta",
        {
            "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
            "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
            "spark.databricks.delta.snapshotPartitions": "1",  # for a few rows
        },
    ),
}
NAME = os.environ.get("PAYREC_TEST_SPARK_TABLES", "parquet")
CHOSEN = FORMATS[NAME]


def kept(schema: pa.Schema) -> pa.Schema:
    """Return the types that rows of this schema come back in: Iceberg has no SMALLINT."""
    if NAME != "iceberg":
        return schema
    return pa.schema([each.with_type(pa.int32()) if pa.types.is_int16(each.type) else each for each in schema])


def settings(folder: Path, package: Path, version: str) -> dict[str, str]:
    """Return the settings of a server whose cluster keeps its files in ``folder``."""
    filled = {name: value.format(folder=folder) for name, value in CHOSEN.settings.items()}
    spark = ".".join(version.split(".")[:2])
    pinned = [of for name, of in JARS if name == NAME]
    if pinned and spark not in pinned:
        raise RuntimeError(f"found Spark {version}, expected one that {NAME} is pinned for: {', '.join(pinned)}")
    jars = JARS.get((NAME, spark), {}) | CHOSEN.jars | CONNECT.get(spark, {})
    if jars:
        filled["spark.jars"] = ",".join(map(str, fetched(jars, package)))
    return filled


def fetched(jars: dict[str, str], package: Path) -> list[Path]:
    """Return the files of jars, which Spark fetches once into this environment; another content is refused."""
    store = Path(sys.prefix) / "jars"
    files = [store / "jars" / (coordinates.replace(":", "_", 1).replace(":", "-") + ".jar") for coordinates in jars]
    if not all(map(Path.exists, files)):
        store.mkdir(exist_ok=True)
        program = store / "nothing.py"
        program.write_text("")
        submit = [package / "bin" / "spark-submit", "--packages", ",".join(jars), "--exclude-packages", _OTHERS]
        settings = ["--conf", f"spark.jars.ivy={store}", "--conf", "spark.ui.enabled=false"]
        environment = os.environ | {"SPARK_HOME": str(package), "PYSPARK_PYTHON": sys.executable}
        subprocess.run([*submit, *settings, program], env=environment, check=True, capture_output=True, timeout=600)
    for file, expected in zip(files, jars.values(), strict=True):
        if hashlib.sha256(file.read_bytes()).hexdigest() != expected:
            raise RuntimeError(f"found another content of {file.name} than its SHA-256 says: delete {store}")
    return files


_OTHERS = "org.antlr:antlr4-runtime,org.slf4j:slf4j-api"  # which Spark has

"""Words of Spark's SQL: its names of types, and quotes that it reads in every session."""

from __future__ import annotations

import re

import pyarrow as pa

from payrec.data.engines.spark_sql import spelled, unquoted

_TEXT_OR_NAME = re.compile(r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/""", re.DOTALL)
# the last word for a type is the one that Spark is given
_KINDS: dict[str, pa.DataType] = {
    "TINYINT": pa.int16(),
    "SMALLINT": pa.int16(),
    "INT": pa.int32(),
    "BIGINT": pa.int64(),
    "FLOAT": pa.float32(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "VOID": pa.string(),
    "STRING": pa.string(),
    "BINARY": pa.binary(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
    "TIMESTAMP_NTZ": pa.timestamp("us"),
}
_WORDS = {kind: word for word, kind in _KINDS.items()}


def spark_type(kind: pa.DataType) -> str:
    """Name in Spark of a type that tables keep."""
    return f"DECIMAL({kind.precision}, {kind.scale})" if pa.types.is_decimal(kind) else _WORDS[kind]


def arrow_type(word: str) -> pa.DataType | None:
    """Arrow type of a type of Spark, None for one that no table keeps.

    >>> arrow_type("decimal(18,2)"), arrow_type("timestamp_ntz"), arrow_type("array<int>")
    (Decimal128Type(decimal128(18, 2)), TimestampType(timestamp[us]), None)
    """
    match = re.fullmatch(r"DECIMAL\((\d+), ?(\d+)\)", word.upper())
    return pa.decimal128(int(match[1]), int(match[2])) if match else _KINDS.get(word.upper())


def ticked(name: str) -> str:
    """Quote a name as Spark reads it in every session."""
    return "`" + name.replace("`", "``") + "`"


def in_backticks(sql: str) -> str:
    r"""Return a query as Spark spells it, with backticks around names that stand in double quotes.

    >>> in_backticks("SELECT \"a\" AS b, 'say \"a\"' AS c")
    'SELECT `a` AS b, \'say "a"\' AS c'
    """
    return _TEXT_OR_NAME.sub(lambda m: ticked(unquoted(m[0])) if m[0].startswith('"') else m[0], spelled(sql))

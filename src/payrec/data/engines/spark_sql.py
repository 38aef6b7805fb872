"""The statements that change tables, read for an engine that keeps its tables as files: what each asks for.

Queries go to Spark as they stand. Spark itself has no keys, no DELETE and no transaction over files, so the few
statements around the queries are read here and done by :mod:`payrec.data.engines.spark`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyarrow as pa

from payrec.common.errors import UsageError

_TOKEN = re.compile(
    r"""(?P<text>'(?:[^']|'')*')|(?P<name>"(?:[^"]|"")*")|(?P<remark>--[^\n]*|/\*.*?\*/)|(?P<word>\w+)|(?P<blank>\s+)|.""",
    re.DOTALL,
)
_NAME = r'("(?:[^"]|"")+"|\w+)'
_KINDS: dict[str, pa.DataType] = {
    "SMALLINT": pa.int16(),
    "INTEGER": pa.int32(),
    "INT": pa.int32(),
    "BIGINT": pa.int64(),
    "REAL": pa.float32(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "VARCHAR": pa.string(),
    "BYTEA": pa.binary(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
}


@dataclass(frozen=True)
class Column:
    """One column of a table: its name, the Arrow type of its values, and whether each row must have one."""

    name: str
    kind: pa.DataType
    needed: bool = False


@dataclass(frozen=True)
class Shape:
    """What CREATE TABLE says of a table: columns, keys that no two rows share, and rules that each row keeps."""

    columns: tuple[Column, ...]
    keys: tuple[tuple[str, ...], ...] = ()
    rules: tuple[str, ...] = ()

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema of the rows."""
        return pa.schema([(column.name, column.kind) for column in self.columns])


@dataclass(frozen=True)
class Statement:
    """One statement: the verb, the table or view it is about, and the rest.

    ``verb`` is one of create, create as, view, drop table, drop view, delete, update, insert, alter, analyze, query.
    """

    verb: str
    name: str = ""
    body: str = ""  # the query, the condition, or the list of columns and rules
    listed: str = ""  # columns of an INSERT, assignments of an UPDATE
    if_there: bool = False  # IF EXISTS, IF NOT EXISTS
    temporary: bool = False


_FORMS = (
    ("create as", rf"CREATE (?P<temp>TEMP(?:ORARY)? )?TABLE (?P<iff>IF NOT EXISTS )?{_NAME} AS (?P<body>.*)"),
    ("create", rf"CREATE (?P<temp>TEMP(?:ORARY)? )?TABLE (?P<iff>IF NOT EXISTS )?{_NAME} ?\((?P<body>.*)\)"),
    ("view", rf"CREATE VIEW {_NAME} AS (?P<body>.*)"),
    ("drop table", rf"DROP TABLE (?P<iff>IF EXISTS )?{_NAME}(?: CASCADE)?"),
    ("drop view", rf"DROP VIEW (?P<iff>IF EXISTS )?{_NAME}(?: CASCADE)?"),
    ("delete", rf"DELETE FROM {_NAME}(?: WHERE (?P<body>.*))?"),
    ("update", rf"UPDATE {_NAME} SET (?P<listed>.*?)(?: WHERE (?P<body>.*))?"),
    ("insert", rf"INSERT INTO {_NAME} ?(?:\((?P<listed>[^()]*)\) ?)?(?P<body>(?:SELECT|VALUES|WITH)\b.*)"),
    ("alter", rf"ALTER TABLE {_NAME} ADD COLUMN (?P<iff>IF NOT EXISTS )?(?P<body>.*)"),
    ("analyze", rf"ANALYZE {_NAME}"),
    ("query", r"(?P<body>(?:SELECT|WITH|VALUES)\b.*|\(.*)"),
)
_LIST = rf"\*|{_NAME}(?:, ?{_NAME})*"
_PLAIN = re.compile(
    rf"SELECT (?:(?P<count>COUNT\(\*\) AS (?-i:n))|(?P<listed>{_LIST})) FROM (?P<name>{_NAME})(?: WHERE 1 = 1)?",
    re.IGNORECASE,
)
_STATEMENTS = tuple((verb, re.compile(form, re.IGNORECASE | re.DOTALL)) for verb, form in _FORMS)


def statements(sql: str) -> list[Statement]:
    """Return the statements of ``sql`` in their order.

    Raises
    ------
    UsageError
        One of them is none of those that payrec needs.
    """
    return [_read(part) for part in _split(sql, ";") if part]


def _read(sql: str) -> Statement:
    for verb, form in _STATEMENTS:
        match = form.fullmatch(sql)
        if match:
            groups = match.groupdict()
            name = next((group for group in match.groups() if group and re.fullmatch(_NAME, group)), "")
            return Statement(
                verb,
                "" if verb == "query" else unquoted(name),
                groups.get("body") or "",
                groups.get("listed") or "",
                bool(groups.get("iff")),
                bool(groups.get("temp")),
            )
    msg = f"found the statement {sql[:60]!r}, which tables kept as files do not take"
    raise UsageError(f"{msg}\nexpected CREATE TABLE, CREATE VIEW, INSERT, UPDATE, DELETE, DROP, ALTER … ADD COLUMN")


@dataclass(frozen=True)
class Plain:
    """A query for nothing but some columns of one table as it stands (none: all of them), or for the number of rows."""

    table: str
    columns: tuple[str, ...] = ()
    counted: bool = False


def plain(sql: str) -> Plain | None:
    """Return what a query asks for if that can be told without Spark.

    >>> plain("SELECT a, b FROM t"), plain("SELECT a + 1 FROM t")
    (Plain(table='t', columns=('a', 'b'), counted=False), None)
    """
    parts = _split(sql.strip().removesuffix(";"), ";")
    match = _PLAIN.fullmatch(parts[0]) if len(parts) == 1 else None
    if match is None:
        return None
    listing = match["listed"] or "*"
    return Plain(unquoted(match["name"]), () if listing == "*" else tuple(names(listing)), bool(match["count"]))


def unquoted(name: str) -> str:
    """Return the name that an identifier stands for; without quotes its letters are taken as small ones.

    >>> unquoted('"a""b"'), unquoted("Orders")
    ('a"b', 'orders')
    """
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()


def words(sql: str) -> frozenset[str]:
    """Return every name that occurs in ``sql``, as :func:`unquoted` gives it."""
    tokens = _TOKEN.finditer(sql)
    return frozenset(unquoted(token[0]) for token in tokens if token.lastgroup in ("word", "name"))


def spelled(sql: str) -> str:
    """Return a query as Spark spells it: DOUBLE PRECISION is DOUBLE; in a text a backslash marks it and quotes."""
    parts = [(token[0], token.lastgroup) for token in _TOKEN.finditer(sql)]
    for at, (word, kind) in enumerate(parts):
        if kind == "word" and word.upper() == "PRECISION" and at > 1 and parts[at - 2][0].upper() == "DOUBLE":
            parts[at] = ("", "blank")
        elif kind == "text" and ("\\" in word or "''" in word[1:-1]):
            inside = word[1:-1].replace("\\", "\\\\").replace("''", "\\'")
            parts[at] = (f"'{inside}'", "text")
    return "".join(word for word, _ in parts)


def assignments(listed: str) -> dict[str, str]:
    """Return the new value, an expression, of each column that an UPDATE names."""
    matches = [re.fullmatch(rf"{_NAME} ?= ?(.*)", part, re.DOTALL) for part in _split(listed, ",")]
    if not all(matches):
        raise UsageError(f"found SET {listed[:60]!r}, expected COLUMN = VALUE, with commas between")
    return {unquoted(one[1]): one[2] for one in matches if one}


def names(listed: str) -> list[str]:
    """Return the columns of a list."""
    return [unquoted(part) for part in _split(listed, ",")]


def shape(body: str) -> Shape:
    """Read what stands between the parentheses of a CREATE TABLE."""
    columns: list[Column] = []
    keys: list[tuple[str, ...]] = []
    rules: list[str] = []
    for part in _split(body, ","):
        whole = re.fullmatch(r"(?:PRIMARY KEY|UNIQUE) ?\((.*)\)", part, re.IGNORECASE)
        if whole:
            keys.append(tuple(names(whole[1])))
            continue
        column, rest = _column(part)
        columns.append(column)
        rules += _rules(rest)
        if re.search(r"\b(PRIMARY KEY|UNIQUE)\b", rest, re.IGNORECASE):
            keys.append((column.name,))
    return Shape(tuple(columns), tuple(keys), tuple(rules))


def _column(part: str) -> tuple[Column, str]:
    match = re.fullmatch(rf"{_NAME} (\w+)(?: PRECISION)? ?(?:\(([\d, ]+)\))?(.*)", part, re.IGNORECASE | re.DOTALL)
    if not match:
        raise UsageError(f"found the column {part[:60]!r}, expected its name and its type")
    name, kind, size, rest = unquoted(match[1]), match[2].upper(), match[3], match[4]
    if kind == "DECIMAL" and size:
        digits, _, scale = size.partition(",")
        arrow: pa.DataType = pa.decimal128(int(digits), int(scale or 0))
    elif kind in _KINDS:
        arrow = _KINDS[kind]
    else:
        raise UsageError(
            f"found the type {kind} of column {name}, expected DECIMAL(p, s) or one of {', '.join(_KINDS)}"
        )
    return Column(name, arrow, needed=bool(re.search(r"\bNOT NULL\b|\bPRIMARY KEY\b", rest, re.IGNORECASE))), rest


def _rules(rest: str) -> list[str]:
    """Return the conditions of ``CHECK (…)``, each to its own closing parenthesis."""
    pieces = []
    for start in re.finditer(r"\bCHECK ?\(", rest, re.IGNORECASE):
        depth = 1
        for token in _TOKEN.finditer(rest, start.end()):
            depth += {"(": 1, ")": -1}.get(token[0], 0)
            if depth == 0:
                pieces.append(rest[start.end() : token.start()])
                break
    return pieces


def _split(sql: str, sign: str) -> list[str]:
    """Split at ``sign`` outside of texts, names and parentheses; remarks and line ends become blanks."""
    parts, depth = [""], 0
    for token in _TOKEN.finditer(sql):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if token.lastgroup in ("remark", "blank"):
            parts[-1] += "" if parts[-1].endswith(" ") else " "
        elif token[0] == sign and depth == 0:
            parts.append("")
        else:
            parts[-1] += token[0]
    return [part.strip() for part in parts]

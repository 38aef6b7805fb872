"""The statements that change tables, as the files of payrec spell them, and the words of Spark's SQL.

Queries go to Spark as they stand. Spark has no CHECK, no DELETE and no transaction over files, so the few statements
around the queries are read here and carried out by :mod:`payrec.data.engines.spark_edits`.
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
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/""", re.DOTALL)
_NAME = r'("(?:[^"]|"")+"|\w+)'
_KINDS: dict[str, pa.DataType] = {  # words of payrec's SQL and of Spark's
    **dict.fromkeys(("TINYINT", "SMALLINT"), pa.int16()),
    **dict.fromkeys(("INTEGER", "INT"), pa.int32()),
    "BIGINT": pa.int64(),
    **dict.fromkeys(("REAL", "FLOAT"), pa.float32()),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    **dict.fromkeys(("VARCHAR", "VOID", "STRING"), pa.string()),
    **dict.fromkeys(("BYTEA", "BINARY"), pa.binary()),
    "DATE": pa.date32(),
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_NTZ"), pa.timestamp("us")),
}
_SPARK_WORDS = {kind: word for word, kind in _KINDS.items()}  # the last word of a type is the one that Spark is given


@dataclass(frozen=True)
class Column:
    """One column of a table: its name, the Arrow type of its values, and whether each row must have one."""

    name: str
    kind: pa.DataType
    needed: bool = False


@dataclass(frozen=True)
class Shape:
    """What CREATE TABLE says of a table: its columns, and the rules that each row keeps. Keys are for the checks."""

    columns: tuple[Column, ...]
    rules: tuple[str, ...] = ()

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema of the rows."""
        return pa.schema([(column.name, column.kind) for column in self.columns])


@dataclass(frozen=True)
class Statement:
    """One statement: the verb, the table or view it is about, and the rest.

    ``verb``: create, create as, view, drop table, drop view, delete, update, insert, alter, analyze, lock, query.
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
    ("lock", rf"LOCK TABLE {_NAME} IN .* MODE"),
    ("query", r"(?P<body>(?:SELECT|WITH|VALUES)\b.*|\(.*)"),
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
    parts = [part for part in _split(body, ",") if not re.match(r"(?:PRIMARY KEY|UNIQUE) ?\(", part, re.IGNORECASE)]
    columns = [_column(part) for part in parts]
    return Shape(tuple(column for column, _ in columns), tuple(rule for _, rest in columns for rule in _rules(rest)))


def _column(part: str) -> tuple[Column, str]:
    match = re.fullmatch(rf"{_NAME} (\w+)(?: PRECISION)? ?(?:\(([\d, ]+)\))?(.*)", part, re.IGNORECASE | re.DOTALL)
    if not match:
        raise UsageError(f"found the column {part[:60]!r}, expected its name and its type")
    name, kind, size, rest = unquoted(match[1]), match[2].upper(), match[3], match[4]
    arrow = arrow_type(f"{kind}({size if ',' in size else size + ', 0'})" if kind == "DECIMAL" and size else kind)
    if arrow is None:
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


def spark_type(kind: pa.DataType) -> str:
    """Name in Spark of a type that tables keep."""
    return f"DECIMAL({kind.precision}, {kind.scale})" if pa.types.is_decimal(kind) else _SPARK_WORDS[kind]


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
    return _QUOTED.sub(lambda m: ticked(unquoted(m[0])) if m[0].startswith('"') else m[0], spelled(sql))

"""Every SQL file keeps to what all engines do alike; the files are found, not listed.

The rules are those of docs/engines.md: SQL yields whole numbers, text and times, each ORDER BY settles where NULL goes,
nothing reads the clock, and nothing is used that one engine lacks or answers differently.
Files in a folder named after an engine are that engine's own and are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import pytest

from payrec.common.text import sql_identifier

SQL = Path(str(files("payrec.data"))) / "sql"
OF_ONE_ENGINE = {"postgres", "duckdb", "spark"}
PORTABLE = sorted(
    path for path in SQL.rglob("*.sql") if not OF_ONE_ENGINE & {*path.relative_to(SQL).parts, *path.name.split(".")}
)
LAYERS = [path for path in PORTABLE if path.parent == SQL]

FORBIDDEN = {
    "float": r"\b(AVG|STDDEV\w*|VAR_\w+|VARIANCE|CORR|LN|LOG|LOG10|EXP|SQRT|POWER|RANDOM)\s*\(",
    "float type": r"\b(DOUBLE|REAL|FLOAT\d?)\b",
    # the one division that all engines do alike: nothing is left over
    "division": r"(?<!\(dividend - MOD\(dividend, divisor\)\) )/",
    "text type": r"\bTEXT\b",
    "calendar": r"\bEXTRACT\s*\(\s*(DOW|ISODOW|WEEK|EPOCH|DOY|CENTURY)\b",
    "clock": r"\b(NOW|CLOCK_TIMESTAMP|TODAY|GETDATE)\s*\(|\b(CURRENT_(DATE|TIME|TIMESTAMP)|LOCALTIME|LOCALTIMESTAMP)\b",
    "one engine only": r"\b(QUALIFY|IGNORE\s+NULLS|DISTINCT\s+ON|ILIKE|USING\s+SAMPLE)\b|\bEXCLUDE\s*\(|::",
    # beyond ASCII the engines change other letters; compared with ASCII words it comes to the same
    "letters": r"\b(UPPER|LOWER|INITCAP)\s*\((?![^()]*\)\s*(?:=|IN\s*\()\s*'')",
    "rounding cast": r"\bCAST\s*\(\s*-?\d*\.\d+\s+AS\s+(BIG|SMALL)?INT",
    "date minus date": r"\b\w+_date\s*-\s*(\w+\.)?\w+_date\b|\bDATE\s*''\s*-\s*DATE\b",
    "tied to a place": r"\bSTRING_AGG\b|\bLIST\s*\(|\bARRAY_AGG\b|\bANY_VALUE\b|\bFIRST\s*\(",
}


@dataclass(frozen=True)
class Finding:
    rule: str
    line: int
    text: str


def without_comments(sql: str) -> str:
    """Blank out comments and the insides of text literals, line breaks kept."""
    pieces = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"", re.DOTALL)

    def blank(found: re.Match[str]) -> str:
        piece = found.group()
        breaks = "\n" * piece.count("\n")
        return f"''{breaks}" if piece[0] == "'" else piece if piece[0] == '"' else f" {breaks}"

    return pieces.sub(blank, sql)


def never_null(schema: str, *texts: str) -> set[str]:
    """Columns that hold no NULL: declared so in the schema, in a stated key, or after «Never NULL:»."""
    declared = set(re.findall(r"(\w+) +[A-Z]+(?: ?\([\d, ]+\))? +NOT NULL", schema))
    for text in texts:
        for stated in re.findall(r"\bKey \(([^)]*)\)|\bKey (\w+)|\bNever NULL: ([\w, ]+)", text):
            declared |= set(re.findall(r"\w+", " ".join(stated)))
    return declared


def orderings(sql: str) -> list[tuple[int, str]]:
    """Give (offset, term) of each term of each ORDER BY."""
    found = []
    for match in re.finditer(r"\bORDER\s+BY\b", sql, re.IGNORECASE):
        depth, start, position = 0, match.end(), match.end()
        ends = re.compile(r"\b(ROWS|RANGE|GROUPS|LIMIT|OFFSET|FETCH|UNION|WINDOW)\b|;", re.IGNORECASE)
        while position <= len(sql):
            here = sql[position] if position < len(sql) else ";"
            if depth == 0 and (here in ",);" or ends.match(sql, position)):
                found.append((start, sql[start:position].strip()))
                if here != ",":
                    break
                start = position + 1
            depth += (here == "(") - (here == ")")
            position += 1
    return found


def outermost(sql: str) -> str:
    """Blank out what stands in parentheses."""
    depth, kept = 0, []
    for letter in sql:
        depth -= letter == ")"
        kept.append(letter if depth == 0 or letter == "\n" else " ")
        depth += letter == "("
    return "".join(kept)


def star_in_last_select(sql: str) -> int | None:
    """Offset of a ``*`` that hands out all columns in the outermost SELECT of a statement."""
    found = re.search(r"\bSELECT\s+(?:[^;]*,\s*)?(?:\w+\.)?\*", outermost(sql), re.IGNORECASE)
    return found.end() - 1 if found else None


def findings(sql: str, not_null: set[str]) -> list[Finding]:
    """Everything in ``sql`` that breaks a rule."""
    bare = without_comments(sql)
    spots = [
        (rule, match.start()) for rule, what in FORBIDDEN.items() for match in re.finditer(what, bare, re.IGNORECASE)
    ]
    for offset, term in orderings(bare):
        column = re.fullmatch(r"(?:\w+\.)?(\w+)(?:\s+(?:ASC|DESC))?", term, re.IGNORECASE)
        if not re.search(r"\bNULLS\s+LAST$", term, re.IGNORECASE) and not (column and column[1] in not_null):
            spots.append(("where NULL goes", offset))
    star = star_in_last_select(bare)
    if star is not None:
        spots.append(("every column", star))
    lines = sql.splitlines()
    numbers = [(rule, bare[:offset].count("\n")) for rule, offset in spots]
    return [Finding(rule, number + 1, lines[number].strip()) for rule, number in numbers]


def name_of(path: Path) -> str:
    return str(path.relative_to(SQL))


def test_the_files_are_found() -> None:
    assert {"01_schema.sql", "40_feature_view.sql"} <= {path.name for path in LAYERS}
    assert any(path.parent.name == "checks" for path in PORTABLE)


@pytest.mark.parametrize("path", PORTABLE, ids=name_of)
def test_a_file_breaks_no_rule(path: Path) -> None:
    schema = (SQL / "01_schema.sql").read_text(encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    known = never_null(schema, *(layer.read_text(encoding="utf-8") for layer in LAYERS))
    found = findings(text, known | never_null("", text))
    assert not found, "\n".join(f"{name_of(path)}:{f.line}: {f.rule}: {f.text}" for f in found)


@pytest.mark.parametrize("path", PORTABLE, ids=name_of)
def test_a_file_is_plain_text_that_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    assert lines[0].startswith("-- ")
    assert "\t" not in text
    assert "{" not in text
    assert text.endswith("\n")
    if path in LAYERS:
        assert re.match(r"-- Reads\b.*\bKeys?\b", lines[1]), "line 2: what it reads, and its key"
        assert lines[2].startswith("-- Units"), "line 3: units"


def test_layers_are_numbered_apart() -> None:
    numbers = [path.name[:2] for path in LAYERS]
    assert all(number.isdigit() for number in numbers)
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize(
    ("rule", "sql"),
    [
        ("float", "SELECT AVG(x) AS a FROM t"),
        ("float", "SELECT stddev_pop(x) AS a FROM t"),
        ("float", "SELECT LN (x) AS a FROM t"),
        ("float type", "SELECT CAST(x AS DOUBLE PRECISION) AS a FROM t"),
        ("float type", "CREATE TABLE t (x real)"),
        ("division", "SELECT a / b AS c FROM t"),
        ("text type", "SELECT CAST(x AS TEXT) AS a FROM t"),
        ("calendar", "SELECT EXTRACT(DOW FROM x) AS a FROM t"),
        ("calendar", "SELECT extract( epoch FROM x) AS a FROM t"),
        ("clock", "SELECT now() AS a"),
        ("clock", "SELECT CURRENT_DATE AS a"),
        ("clock", "SELECT current_timestamp AS a"),
        ("one engine only", "SELECT x FROM t QUALIFY ROW_NUMBER() OVER (ORDER BY order_id) = 1"),
        ("one engine only", "SELECT LAG(x) IGNORE NULLS OVER (ORDER BY order_id) AS a FROM t"),
        ("one engine only", "SELECT DISTINCT ON (a) a FROM t"),
        ("one engine only", "SELECT x::INTEGER AS a FROM t"),
        ("letters", "SELECT UPPER(x) AS a FROM t"),
        ("letters", "SELECT x FROM t WHERE LOWER(x) = LOWER(y)"),
        ("rounding cast", "SELECT CAST(2.5 AS BIGINT) AS a"),
        ("date minus date", "SELECT payment_date - invoice_date AS a FROM t"),
        ("date minus date", "SELECT t.payment_date - t.invoice_date AS a FROM t"),
        ("tied to a place", "SELECT STRING_AGG(x, ',') AS a FROM t"),
        ("where NULL goes", "SELECT x FROM t ORDER BY x"),
        ("where NULL goes", "SELECT x FROM t ORDER BY x DESC;"),
        ("where NULL goes", "SELECT x FROM t ORDER BY order_id, x"),
        ("where NULL goes", "SELECT x FROM t ORDER BY COALESCE(order_id, x), order_id LIMIT 1"),
        ("where NULL goes", "SELECT SUM(x) OVER (PARTITION BY y ORDER BY x ROWS UNBOUNDED PRECEDING) AS a FROM t"),
        ("where NULL goes", "SELECT SUM(x) OVER w AS a FROM t WINDOW w AS (ORDER BY x NULLS FIRST)"),
        ("every column", "SELECT * FROM t"),
        ("every column", "WITH a AS (SELECT x FROM t) SELECT a.*, 1 AS b FROM a"),
        ("every column", "CREATE TABLE u AS SELECT x, t.* FROM t; SELECT 1 AS one"),
    ],
)
def test_a_broken_rule_is_caught(rule: str, sql: str) -> None:
    assert rule in {finding.rule for finding in findings(sql, {"order_id"})}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT order_id FROM t ORDER BY order_id",
        "SELECT order_id FROM t ORDER BY t.order_id DESC, x NULLS LAST LIMIT 3",
        "SELECT SUM(x) OVER (ORDER BY order_id RANGE BETWEEN INTERVAL '90' DAY PRECEDING AND CURRENT ROW) AS a FROM t",
        "SELECT COUNT(*) AS n, COUNT(*) FILTER (WHERE x > 1) AS m FROM t",
        "WITH a AS (SELECT * FROM t) SELECT x FROM a",
        "SELECT x FROM t WHERE EXISTS (SELECT * FROM u WHERE u.x = t.x)",
        "SELECT 2 * x AS a, x * 3 AS b, x AS c, (x) * 2 AS d FROM t",
        "SELECT x FROM t WHERE LOWER(x) IN ('paid', 'open') AND UPPER(y) = 'EUR'",
        "SELECT 'AVG(x) / now()' AS a -- no NOW() here, nor a / b\nFROM t",
        "/* SELECT * FROM t\n ORDER BY x */ SELECT 'it''s / it' AS a",
        "SELECT CAST(ROUND(m * 100) AS BIGINT) AS a, real_name, textual FROM t",
        "SELECT ts - INTERVAL '30' DAY AS a, CAST(EXTRACT(DAY FROM (a_at - b_at)) AS INTEGER) AS d FROM t",
    ],
)
def test_what_all_engines_do_alike_is_free(sql: str) -> None:
    assert findings(sql, {"order_id"}) == []


def test_a_finding_names_its_line() -> None:
    assert findings("-- a remark\nSELECT\n    AVG(x) AS a\nFROM t", set()) == [Finding("float", 3, "AVG(x) AS a")]


def test_stated_columns_are_never_null() -> None:
    schema = "CREATE TABLE t (\n    a VARCHAR(200) NOT NULL PRIMARY KEY,\n    b DECIMAL(18, 2) NOT NULL,\n    c DATE\n)"
    assert never_null(schema, "-- Key (d, e); f.", "-- Reads t. Key g; more", "-- Never NULL: h, i.") == set("abdeghi")


def test_quoting_in_a_literal_is_left_alone() -> None:
    assert sql_identifier("a") in without_comments('SELECT "a" AS b')

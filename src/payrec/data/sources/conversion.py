"""Files of a source → orders, events and customers, with an account of every row that was read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
from pyarrow import parquet

from payrec.common.errors import DataRefused, PayrecError
from payrec.common.text import counted, sql_identifier, sql_literal, sql_literals, terminal_text
from payrec.data.load import Kind, whole_ids
from payrec.data.load.map_values import Texts
from payrec.data.load.parsing import scratch_database
from payrec.data.load.readings import translated
from payrec.data.sources import json_objects
from payrec.data.sources.database_tables import DatabaseTables
from payrec.data.sources.export_files import Export, ExportFile, TableExport, columns_of, input_of, read_export
from payrec.data.sources.packs import Input, Pack

MAX_UNREADABLE_SHARE = 0.05
_MONEY = re.compile(
    ".*(amount|total|balance).*|gross|credit|credited|debit|collected|paid|unapplied|adjustments|written_off"
)


@dataclass(frozen=True)
class InputReport:
    """The account of one file; ``rows_in = used + unreadable + duplicates + Σ left_out``, or it is not made.

    Raises
    ------
    PayrecError
        The counts do not add up: a fault of payrec, never of the file.
    """

    file: str
    title: str
    rows_in: int
    used: int
    unreadable: int
    duplicates: int  # rows equal to an earlier one in all columns that are read
    left_out: dict[str, int]  # reason → rows
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        out = self.used + self.unreadable + self.duplicates + sum(self.left_out.values())
        if out != self.rows_in:
            raise PayrecError(f"{self.file}: {self.rows_in} rows in, but {out} accounted for; please report this")

    def lines(self) -> tuple[str, ...]:
        """Return the account and the notes, one line each."""
        return (self.line(), *self.notes)

    def line(self) -> str:
        """Return the account in words."""
        duplicates = counted(self.duplicates, "duplicate", "duplicates")
        parts = [f"{self.used:,} used", f"{self.unreadable:,} unreadable", duplicates]
        parts += [f"{count:,} left out ({reason})" for reason, count in self.left_out.items() if count]
        return f"{self.file}, {self.title}: {counted(self.rows_in, 'row', 'rows')} = {' + '.join(parts)}"


@dataclass(frozen=True)
class Converted:
    """Files of orders, events and customers in our columns, valid inside ``with converted(…)`` only."""

    inputs: tuple[InputReport, ...]
    files: dict[Kind, Path]


@dataclass(frozen=True)
class _Part:
    """An input that was read of a file: its rows in ``NAME_rows`` and the lines that are no rows."""

    number: int
    file: str
    source_input: Input
    rows: int
    unreadable: int
    whole_numbers: tuple[str, ...]  # columns of whole numbers that a program wrote as decimals


@contextmanager
def converted(
    pack: Pack, source: Sequence[Path] | DatabaseTables, encoding: str | None, values: Mapping[str, Texts]
) -> Iterator[Converted]:
    """Convert what a source exports to files of orders, events and customers that :mod:`payrec.data.load` reads.

    ``values`` has, by column, words of the export and the source's own words for them.

    Raises
    ------
    UsageError
        A file cannot be opened.
    DataRefused
        A file or table lacks columns, one that the pack needs was not given, too many rows are unreadable, or a status
        has no meaning.
    """
    with scratch_database(None) as db, TemporaryDirectory(prefix="payrec-source-") as folder:
        db.execute(files("payrec.data.sources").joinpath("macros.sql").read_text(encoding="utf-8"))
        for each in pack.inputs:
            columns = ", ".join(f"{sql_identifier(column)} VARCHAR" for column in each.columns)
            db.execute(f"CREATE TABLE {each.name}_rows (file_number INTEGER, line BIGINT, recorded VARCHAR, {columns})")
        parts, others = _parts(db, pack, source, encoding)
        _require_inputs(pack, [part.source_input for part in parts])
        for each in pack.inputs:
            _classify(db, each, values)
            _refuse_other_words(db, pack, each, {part.number: part.file for part in parts})
        reports = (*(_report(db, part) for part in parts), *others)
        for name, select in pack.views.items():
            db.execute(f"CREATE VIEW {sql_identifier(name)} AS {select}")
        outputs: dict[Kind, Path] = {}
        for kind, select in pack.sql.items():
            table = db.sql(select).to_arrow_table()
            empty = [name for name in table.column_names if table[name].null_count == table.num_rows]
            table = table.drop_columns([name for name in empty if name != "payment_date"])
            if table.num_rows:
                outputs[kind] = Path(folder) / f"{pack.name}.{kind}.parquet"
                parquet.write_table(table, outputs[kind])
        yield Converted(reports, outputs)


def _parts(
    db: duckdb.DuckDBPyConnection, pack: Pack, source: Sequence[Path] | DatabaseTables, encoding: str | None
) -> tuple[list[_Part], list[InputReport]]:
    parts: list[_Part] = []
    others: list[InputReport] = []
    if isinstance(source, DatabaseTables):
        for number, (table, export, source_input) in enumerate(source.exports(pack)):
            counts = _insert(db, source_input, export, number)
            parts.append(_Part(number, table, source_input, *counts, _without_points(db, source_input, number)))
        return parts, others
    for number, path in enumerate(source):
        with read_export(path, (pack,), encoding) as file:
            read = _read(db, pack, number, file)
            rest = _other_objects(pack, file, sum(part.rows for part in read))
            _refuse_unreadable(file, read, rest)
            parts, others = parts + read, others + rest
    return parts, others


def _read(db: duckdb.DuckDBPyConnection, pack: Pack, number: int, file: ExportFile) -> list[_Part]:
    parts, unreadable = [], len(file.bad)
    for export, candidates in file.exports(pack):
        source_input = input_of(pack, candidates, export.names, file.file.name)
        rows, bad = _insert(db, source_input, export, number)
        decimals = _without_points(db, source_input, number)
        parts.append(_Part(number, file.file.name, source_input, rows, bad + unreadable, decimals))
        unreadable = 0
    if not any(part.rows for part in parts):
        raise DataRefused(
            f"{file.file.name} holds no {' and no '.join(each.title for each in pack.inputs)}\n"
            f"nothing was loaded; payrec sources show {pack.name} says what it reads"
        )
    return parts


def _refuse_unreadable(file: ExportFile, parts: list[_Part], others: list[InputReport]) -> None:
    bad = sum(part.unreadable for part in parts)
    lines = bad + sum(part.rows for part in parts) + sum(each.rows_in for each in others)
    if bad > MAX_UNREADABLE_SHARE * lines:
        raise DataRefused(
            f"{file.file.name}: {bad:,} of {lines:,} lines cannot be read as rows, at most "
            f"{MAX_UNREADABLE_SHARE:.0%} may be so\nnothing was loaded; export the file again"
        )


def _other_objects(pack: Pack, file: ExportFile, used: int) -> list[InputReport]:
    """Account for JSON objects of kinds that no input of the pack is."""
    if isinstance(file.content, TableExport) or pack.json is None:
        return []
    kinds = json_objects.kinds_of(file.content, pack.json)
    count = sum(kinds.values()) - used
    forms = [each.object_form for each in pack.inputs]
    names = [kind for kind in kinds if not any(re.search(form, kind) for form in forms)]
    reason = f"no payment facts: {', '.join(names[:5])}"
    return [InputReport(file.file.name, "other objects", count, 0, 0, 0, {reason: count})] if count else []


def _insert(db: duckdb.DuckDBPyConnection, source_input: Input, export: Export, number: int) -> tuple[int, int]:
    columns = columns_of(source_input, export.names)
    cells = [f"COALESCE({', '.join(f'c{each}' for each in positions)})" for positions in columns.values()]
    names = "".join(f", {sql_identifier(column)}" for column in columns)
    values = "".join(f", NULLIF(TRIM({cell}), '')" for cell in cells)
    rows, bad = 0, 0
    for batch in export.rows(sorted({each for positions in columns.values() for each in positions})):
        recorded = "recorded" if "recorded" in batch.table.column_names else "NULL"
        db.register("incoming", batch.table)
        insert = f"INSERT INTO {source_input.name}_rows (file_number, line, recorded{names})"
        db.execute(f"{insert} SELECT {number}, line, {recorded}{values} FROM incoming")
        db.unregister("incoming")
        rows, bad = rows + batch.table.num_rows, bad + len(batch.bad)
    return rows, bad


def _without_points(db: duckdb.DuckDBPyConnection, source_input: Input, number: int) -> tuple[str, ...]:
    """Read whole numbers without ``.0`` in all columns of a file but those of money: ids are joined by them."""
    table, where = f"{source_input.name}_rows", f"file_number = {number}"
    rows = f"(SELECT * FROM {table} WHERE {where})"
    names = [each for each in source_input.columns if not _MONEY.fullmatch(each)]
    columns = [each for each in names if whole_ids.have_points(db, sql_identifier(each), rows)]
    whole_ids.drop_points(db, table, columns, where)
    return tuple(columns)


def _require_inputs(pack: Pack, given: list[Input]) -> None:
    for each in pack.inputs:
        if not each.is_optional and each not in given:
            raise DataRefused(
                f"found no file with {each.title}, expected one\n"
                f"{pack.export}\npayrec load source {pack.name} FILE FILE reads several files at once"
            )


def _classify(db: duckdb.DuckDBPyConnection, source_input: Input, values: Mapping[str, Texts]) -> None:
    """Make ``NAME_classified`` (with ``left_out``: the reason, NULL if used) and the view ``NAME`` of the used rows."""
    name, columns = source_input.name, ", ".join(map(sql_identifier, source_input.columns))
    rules = "".join(f" WHEN {when} THEN {sql_literal(reason)}" for reason, when in source_input.left_out.items())
    repeated = f"ROW_NUMBER() OVER (PARTITION BY {columns} ORDER BY file_number, line) > 1"
    meant = [_word(each, words, values.get(each, {})) for each, words in source_input.words.items()]
    replaced = f" REPLACE ({', '.join(meant)})" if meant else ""
    db.execute(
        f"CREATE TABLE {name}_classified AS SELECT *, {repeated} AS is_duplicate, "
        f"CASE{rules or ' WHEN FALSE THEN NULL'} END AS left_out FROM (SELECT *{replaced} FROM {name}_rows)"
    )
    db.execute(
        f"CREATE VIEW {name} AS SELECT file_number, line, recorded, {columns} FROM {name}_classified "
        "WHERE left_out IS NULL AND NOT is_duplicate"
    )


def _word(column: str, words: tuple[str, ...], values: Texts) -> str:
    """Return SQL: a word that has a meaning in lower case, any other one as it is."""
    text = translated(column, values)
    return f"CASE WHEN LOWER({text}) IN ({sql_literals(words)}) THEN LOWER({text}) ELSE {text} END AS {column}"


def _refuse_other_words(
    db: duckdb.DuckDBPyConnection, pack: Pack, source_input: Input, files_by_number: Mapping[int, str]
) -> None:
    """Refuse used rows whose status has no meaning: taken for paid or unpaid, it would be a guess."""
    for column, words in source_input.words.items():
        value = f"COALESCE({sql_identifier(column)}, '')"
        others = db.execute(
            f"SELECT {value}, COUNT(*), MIN((file_number, line)) FROM {source_input.name} "
            f"WHERE {value} NOT IN ({sql_literals(words)}) GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 3"
        ).fetchall()
        if others:
            rows = ", ".join(
                f"{terminal_text(word)!r} ({counted(count, 'row', 'rows')}, first on line {at[1]})"
                for word, count, at in others
            )
            raise DataRefused(
                f"{files_by_number[others[0][2][0]]}: found the {source_input.columns[column][0]} {rows}, "
                f"expected {', '.join(words)}\n"
                f"say in a map which of these it is, in two lines: [values.{column}] and below it "
                f'{json.dumps(others[0][0])} = "WORD"\n'
                f"then: payrec load source {pack.name} FILE --map map.toml; nothing was loaded"
            )


def _report(db: duckdb.DuckDBPyConnection, part: _Part) -> InputReport:
    source_input = part.source_input
    counted = db.execute(
        f"SELECT left_out, COUNT(*) FILTER (WHERE is_duplicate), COUNT(*) FROM {source_input.name}_classified "
        f"WHERE file_number = {part.number} GROUP BY left_out"
    ).fetchall()
    left_out = {reason: count for reason, _, count in counted if reason is not None}
    used = sum(count - repeated for reason, repeated, count in counted if reason is None)
    duplicates = sum(repeated for reason, repeated, _ in counted if reason is None)
    ordered = {reason: left_out.get(reason, 0) for reason in source_input.left_out}
    rows_in = part.rows + part.unreadable
    notes = (whole_ids.note(part.whole_numbers),) if part.whole_numbers else ()
    return InputReport(part.file, source_input.title, rows_in, used, part.unreadable, duplicates, ordered, notes)

"""Files of a source → orders and events, with an account of every row that was read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
from pyarrow import parquet

from payrec.common.errors import DataRefused, PayrecError
from payrec.common.text import sql_identifier, sql_literal
from payrec.data.load import Kind
from payrec.data.load.parsing import scratch_database
from payrec.data.sources.export_files import Export, columns_of, input_of, read_export
from payrec.data.sources.packs import Input, Pack

MAX_UNREADABLE_SHARE = 0.05


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

    def __post_init__(self) -> None:
        out = self.used + self.unreadable + self.duplicates + sum(self.left_out.values())
        if out != self.rows_in:
            raise PayrecError(f"{self.file}: {self.rows_in} rows in, but {out} accounted for; please report this")

    def line(self) -> str:
        """Return the account in words."""
        parts = [f"{self.used:,} used", f"{self.unreadable:,} unreadable", f"{self.duplicates:,} duplicates"]
        parts += [f"{count:,} left out ({reason})" for reason, count in self.left_out.items() if count]
        return f"{self.file}, {self.title}: {self.rows_in:,} rows = {' + '.join(parts)}"


@dataclass(frozen=True)
class Converted:
    """Files of orders and events in our columns, valid inside ``with converted(…)`` only."""

    inputs: tuple[InputReport, ...]
    files: dict[Kind, Path]


@contextmanager
def converted(pack: Pack, paths: Sequence[Path], encoding: str | None = None) -> Iterator[Converted]:
    """Convert the files of a source to files of orders and events that :mod:`payrec.data.load` reads.

    Raises
    ------
    UsageError
        A file cannot be opened.
    DataRefused
        A file lacks columns, a file that the pack needs was not given, or too many rows are unreadable.
    """
    with scratch_database(None) as db, TemporaryDirectory(prefix="payrec-source-") as folder:
        for each in pack.inputs:
            columns = ", ".join(f"{sql_identifier(column)} VARCHAR" for column in each.columns)
            db.execute(f"CREATE TABLE {each.name}_rows (file_number INTEGER, line BIGINT, {columns})")
        counts = [_read(db, pack, number, path, encoding) for number, path in enumerate(paths)]
        _require_inputs(pack, [source_input for _, source_input, _, _ in counts])
        for each in pack.inputs:
            _classify(db, each)
        reports = tuple(_report(db, number, *count) for number, count in enumerate(counts))
        files: dict[Kind, Path] = {}
        for kind, select in pack.sql.items():
            table = db.sql(select).to_arrow_table()
            empty = [name for name in table.column_names if table[name].null_count == table.num_rows]
            table = table.drop_columns([name for name in empty if name != "payment_date"])
            if table.num_rows:
                files[kind] = Path(folder) / f"{pack.name}.{kind}.parquet"
                parquet.write_table(table, files[kind])
        yield Converted(reports, files)


def _read(
    db: duckdb.DuckDBPyConnection, pack: Pack, number: int, path: Path, encoding: str | None
) -> tuple[str, Input, int, int]:
    with read_export(path, pack.inputs, encoding) as export:
        source_input = input_of(pack, export)
        rows, unreadable = _insert(db, source_input, export, number)
        if not rows:
            raise DataRefused(f"{path.name} has a header and no rows that can be read\nnothing was loaded")
        if unreadable > MAX_UNREADABLE_SHARE * (rows + unreadable):
            raise DataRefused(
                f"{path.name}: {unreadable:,} of {rows + unreadable:,} lines do not have the {len(export.names)} "
                f"columns of the header, at most {MAX_UNREADABLE_SHARE:.0%} may be so\n"
                "nothing was loaded; export the file again"
            )
        return path.name, source_input, rows, unreadable


def _insert(db: duckdb.DuckDBPyConnection, source_input: Input, export: Export, number: int) -> tuple[int, int]:
    columns = columns_of(source_input, export.names)
    cells = ", ".join(f"NULLIF(TRIM(c{position}), '')" for position in columns.values())
    names = ", ".join(map(sql_identifier, columns))
    rows, unreadable = 0, 0
    for batch in export.rows():
        db.register("incoming", batch.table)
        insert = f"INSERT INTO {source_input.name}_rows (file_number, line, {names})"
        db.execute(f"{insert} SELECT {number}, line, {cells} FROM incoming")
        db.unregister("incoming")
        rows, unreadable = rows + batch.table.num_rows, unreadable + len(batch.bad)
    return rows, unreadable


def _require_inputs(pack: Pack, given: list[Input]) -> None:
    for each in pack.inputs:
        if not each.is_optional and each not in given:
            raise DataRefused(
                f"found no file with {each.title}, expected one\n"
                f"{pack.export}\npayrec load source {pack.name} FILE FILE reads several files at once"
            )


def _classify(db: duckdb.DuckDBPyConnection, source_input: Input) -> None:
    """Make ``NAME_classified`` (with ``left_out``: the reason, NULL if used) and the view ``NAME`` of the used rows."""
    name, columns = source_input.name, ", ".join(map(sql_identifier, source_input.columns))
    rules = "".join(f" WHEN {when} THEN {sql_literal(reason)}" for reason, when in source_input.left_out.items())
    repeated = f"ROW_NUMBER() OVER (PARTITION BY {columns} ORDER BY file_number, line) > 1"
    db.execute(
        f"CREATE TABLE {name}_classified AS SELECT *, {repeated} AS is_duplicate, "
        f"CASE{rules or ' WHEN FALSE THEN NULL'} END AS left_out FROM {name}_rows"
    )
    db.execute(
        f"CREATE VIEW {name} AS SELECT file_number, line, {columns} FROM {name}_classified "
        "WHERE left_out IS NULL AND NOT is_duplicate"
    )


def _report(
    db: duckdb.DuckDBPyConnection, number: int, file: str, source_input: Input, rows: int, unreadable: int
) -> InputReport:
    counted = db.execute(
        f"SELECT left_out, COUNT(*) FILTER (WHERE is_duplicate), COUNT(*) FROM {source_input.name}_classified "
        f"WHERE file_number = {number} GROUP BY left_out"
    ).fetchall()
    left_out = {reason: count for reason, _, count in counted if reason is not None}
    used = sum(count - repeated for reason, repeated, count in counted if reason is None)
    duplicates = sum(repeated for reason, repeated, _ in counted if reason is None)
    ordered = {reason: left_out.get(reason, 0) for reason in source_input.left_out}
    return InputReport(file, source_input.title, rows + unreadable, used, unreadable, duplicates, ordered)

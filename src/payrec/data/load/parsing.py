"""A file to typed rows, without a database: what loading and a web upload have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import duckdb
import pyarrow as pa

from payrec.common.errors import DataRefused, UsageError
from payrec.data.load import duplicates, notes, parquet, records, rejects, scratch, staging
from payrec.data.load import encoding as text
from payrec.data.load.dialect import Dialect, check_names, line_ends, sniff
from payrec.data.load.file_bytes import Found, Limits, opened
from payrec.data.load.layout import LoadPlan, lay_out
from payrec.data.load.load_report import LoadReport
from payrec.data.load.mapping import Mapping, for_kind
from payrec.data.load.origins import Absent, Constant, FromColumn
from payrec.data.load.readings import readings
from payrec.data.load.records import Rows
from payrec.data.load.targets import TARGETS, Kind, Target

BATCH_ROWS = 122_880


@dataclass(frozen=True)
class Options:
    """How strict to be. ``encoding`` overrides the map's; at most ``max_rejected_share`` of the rows may be bad."""

    encoding: str | None = None
    max_rejected_share: float = 0.05
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Parsed:
    """A file that has been read: the account, its good rows and its rejects. Valid inside ``with parse(…)`` only."""

    report: LoadReport
    plan: LoadPlan
    target: Target
    _db: duckdb.DuckDBPyConnection

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the good rows, with the columns and types of the raw table."""
        yield from self._db.sql(_good(self.target)).to_arrow_reader(BATCH_ROWS)

    def rejects(self) -> pa.Table:
        """Return the rejected rows: line, column, value, reason."""
        found: pa.Table = self._db.sql("SELECT * FROM rejects ORDER BY line").to_arrow_table()
        return found

    def event_types(self) -> frozenset[str]:
        """Return the event types among the good rows; empty for other kinds."""
        if self.target.kind != "events":
            return frozenset()
        return frozenset(
            str(row[0]) for row in self._db.execute("SELECT DISTINCT event_type FROM typed WHERE ok").fetchall()
        )


def _good(target: Target) -> str:
    columns = ", ".join(target.names())
    return f"SELECT {columns} FROM typed WHERE ok AND line NOT IN (SELECT line FROM dropped) ORDER BY line"


def plan(path: Path, kind: Kind, mapping: Mapping | None = None, options: Options | None = None) -> LoadPlan:
    """Look at a file's first lines and say how it will be read; ``plan(…).lines()`` is what to show.

    Raises
    ------
    UsageError
        The file cannot be opened, or the map is for another kind of file.
    DataRefused
        The file is of no kind that can be read, or lacks a column.
    """
    path, options = Path(path), options or Options()
    with opened(path, options.limits) as (found, stream):
        return _plan(path, found, stream, for_kind(mapping, kind), options)


def _plan(path: Path, found: Found, stream: BinaryIO, mapping: Mapping, options: Options) -> LoadPlan:
    target = TARGETS[mapping.kind or "transactions"]
    if found.form == "parquet":
        names = parquet.header(stream, path.name, options.limits)
        check_names(names, path.name)
        dialect = Dialect("Parquet", found.is_gzip, "", "", "", names, 1)
        return lay_out(path.name, dialect, target, mapping)
    encoding = options.encoding or mapping.encoding
    shown = text.check_encoding(encoding) if encoding else "utf-8"
    sample = _sample(found, path.name, encoding, options.limits)
    wanted = frozenset(name.strip().casefold() for name in (*target.names(), *mapping.columns.values()))
    head = sniff(sample, wanted, mapping.delimiter, path.name, options.limits)
    dialect = Dialect("CSV", found.is_gzip, shown, head.delimiter, line_ends(found.head), head.names, head.first_line)
    return lay_out(path.name, dialect, target, mapping)


def _sample(found: Found, name: str, encoding: str | None, limits: Limits) -> str:
    """Return the whole lines among the first bytes, as text."""
    if encoding is None:
        text.refuse_other_encodings(found.head, name)
    return text.first_lines(found.head, name, encoding, limits)


@contextmanager
def parse(
    path: Path,
    kind: Kind,
    mapping: Mapping | None = None,
    rejects_path: Path | None = None,
    now: datetime | None = None,
    options: Options | None = None,
) -> Iterator[Parsed]:
    """Read a file to typed rows and rejects, without a database.

    Parameters
    ----------
    rejects_path
        Where the rejects are written, if there are any.
    now
        No payment and no event may lie more than one day after it (UTC if it has no zone). None: no such check.

    Raises
    ------
    UsageError
        The file cannot be opened, or the map is for another kind of file.
    DataRefused
        Nothing of the file may be loaded: its form is not proven, keys conflict, or too many rows are bad.
    """
    path, options, mapping = Path(path), options or Options(), for_kind(mapping, kind)
    if now is not None and now.tzinfo is not None:
        now = now.astimezone(UTC).replace(tzinfo=None)
    with opened(path, options.limits) as (found, stream), scratch.database(mapping.time_zone) as db:
        laid_out = _plan(path, found, stream, mapping, options)
        tally = text.Tally()
        read = _rows(found, stream, laid_out, options, tally)
        try:
            parsed = _parsed(db, read, laid_out, _Asked(rejects_path, now, options, tally))
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            msg = f"no room to read {path.name}: {str(error).splitlines()[0]}\nname a larger temporary folder: TMPDIR=…"
            raise UsageError(msg) from error
        yield parsed


def _rows(found: Found, stream: BinaryIO, plan: LoadPlan, options: Options, tally: text.Tally) -> Iterator[Rows]:
    if found.form == "parquet":
        return parquet.rows(stream, plan.file, options.limits, tally)
    encoding = options.encoding or plan.mapping.encoding
    blocks = text.blocks(stream, plan.file, encoding, options.limits, tally)
    shape = records.Shape(plan.dialect.delimiter, len(plan.dialect.header), options.limits, plan.file)
    return records.rows(blocks, shape, plan.dialect.first_line)


@dataclass(frozen=True)
class _Asked:
    rejects_path: Path | None
    now: datetime | None
    options: Options
    tally: text.Tally


def _parsed(db: duckdb.DuckDBPyConnection, read: Iterator[Rows], plan: LoadPlan, asked: _Asked) -> Parsed:
    target = TARGETS[plan.kind]
    rows_in = staging.stage(db, read, plan)
    if rows_in == 0:
        msg = f"{plan.file} has a header and no rows\nnothing was loaded"
        raise DataRefused(msg)
    left_out = staging.keep(db, plan)
    forms = staging.forms(db, plan)
    read_as = readings(plan, forms, asked.now)
    staging.type_rows(db, read_as, plan)
    rejects.collect(db, read_as)
    rejected = staging.count(db, "rejects")
    written = _write_rejects(db, asked.rejects_path) if rejected else None
    _check_tolerance(db, plan, rejected, rows_in - left_out, asked.options.max_rejected_share)
    dropped = duplicates.settle(db, plan, target)
    report = LoadReport(
        file=plan.file,
        kind=plan.kind,
        rows_in=rows_in,
        loaded=staging.count(db, f"({_good(target)})"),
        rejected=rejected,
        duplicates=dropped,
        left_out=left_out,
        dialect=plan.dialect.words(),
        used=plan.used,
        ignored=plan.ignored,
        derived=tuple(m.column.name for m in plan.made if not isinstance(m.origin, FromColumn | Constant | Absent)),
        notes=notes.notes(db, plan, forms, asked.tally, asked.now),
        rejects_path=written,
    )
    return Parsed(report, plan, target, db)


def _write_rejects(db: duckdb.DuckDBPyConnection, path: Path | None) -> Path | None:
    if path is None:
        return None
    rejects.write(path, db.sql("SELECT * FROM rejects ORDER BY line").to_arrow_reader(BATCH_ROWS))
    return path


def _check_tolerance(db: duckdb.DuckDBPyConnection, plan: LoadPlan, rejected: int, rows: int, share: float) -> None:
    """Refuse a file of which too many rows are bad; the most frequent reasons are named.

    Raises
    ------
    DataRefused
        More than ``share`` of the rows are rejected.
    """
    if rejected <= share * rows:
        return
    frequent = db.execute(
        "SELECT reason, COUNT(*), MIN(line) FROM rejects GROUP BY reason ORDER BY COUNT(*) DESC, MIN(line) LIMIT 2"
    ).fetchall()
    reasons = "; ".join(f"{count:,} × {reason} (first on line {line})" for reason, count, line in frequent)
    msg = (
        f"{plan.file}: {rejected:,} of {rows:,} rows cannot be loaded, at most {share:.0%} may be\n"
        f"{reasons}\nnothing was loaded"
    )
    raise DataRefused(msg)

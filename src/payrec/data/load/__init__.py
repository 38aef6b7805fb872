"""File → raw tables: the reading is shown first; every row is either loaded or listed as rejected.

    mapping.read_mapping      map.toml → Mapping
    parsing.plan              first lines + map → LoadPlan (``layout``, ``origins``), shown before anything is loaded
    file_bytes → encoding → records   bytes → clean UTF-8 → rows with line numbers; ``parquet`` files → the same rows
    header, tables            the line of the column names; any file as one table of text
    report_lines              titles, totals, empty lines: no records
    plain_columns             columns in plain form → values, while the file is read
    staging                   other text → ``forms`` proven by columns (``dates``, ``numbers``) → values (``readings``)
    rejects                   rows that are not loaded, and why
    load_report               counts that must add up, and notes
    load_file                 a file of a kind in one transaction; ``in_parts`` a folder of parts

``docs/loading.md`` is the manual.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from payrec.common.errors import DataRefused, UsageError
from payrec.common.text import counted, sql_literal, sql_literals
from payrec.data.engines import Engine
from payrec.data.load import kept_out, payment_source, stated
from payrec.data.load.file_bytes import Limits
from payrec.data.load.layout import LoadPlan
from payrec.data.load.load_report import LoadReport
from payrec.data.load.mapping import Mapping, read_mapping
from payrec.data.load.parsing import Options, Parsed, parse, plan
from payrec.data.load.targets import TARGETS, Kind

__all__ = [
    "TARGETS",
    "Kind",
    "Limits",
    "LoadPlan",
    "LoadReport",
    "Mapping",
    "Options",
    "Parsed",
    "in_parts",
    "load_file",
    "parse",
    "parts",
    "plan",
    "read_mapping",
]


def load_file(
    kind: Kind,
    engine: Engine,
    path: Path,
    mapping: Mapping | None = None,
    now: datetime | None = None,
    options: Options | None = None,
) -> LoadReport:
    """Load a file into the raw table of its kind: all of its good rows, or nothing.

    A row whose key is there already is replaced. What the map declares of the data as a whole is stored too. Events
    without ``event_id`` get one computed from their content; once events hold a payment of nine in ten orders that have
    a ``payment_date``, payments are known from events. What a file of customers has no column for stays as it was: the
    export of a provider does not lift ``do_not_contact``.

    Parameters
    ----------
    now
        No payment may lie more than a day after it. The clock is not read here: the caller says what time it is.

    Raises
    ------
    UsageError
        The file cannot be opened, or the map is for another kind of file.
    DataRefused
        Nothing was loaded, and why.
    """
    options = options or Options()
    with parse(path, kind, mapping, now, options) as parsed:
        return _store_orders(engine, parsed, options) if kind == "transactions" else _store(engine, parsed, options)


def _store_orders(engine: Engine, parsed: Parsed, options: Options) -> LoadReport:
    """Write orders; settle the open ones that a complete file does not have, or count those that a list does not."""
    if options.complete:
        rows, accounts = parsed.stated(), parsed.accounts()
        stated.require_whole(parsed.report.rejected, parsed.report.file)
        with engine.transaction():
            stated.require_newest(engine, rows, accounts, options.stated_at, parsed.report.file)
            report = _store(engine, parsed, options)
            closed = stated.close_missing(engine, rows, accounts, options.stated_at)
        return replace(report, notes=(*report.notes, closed))
    is_listed = options.complete is None and parsed.is_open_items()
    accounts = parsed.accounts() if is_listed else []
    before = stated.open_orders(engine, accounts)
    report = _store(engine, parsed, options)
    missing = stated.missing(before, report.loaded, stated.open_orders(engine, accounts))
    return replace(report, notes=(*report.notes, *missing))


def parts(path: Path) -> tuple[Path, ...]:
    """Return the files of a folder in the order of their names, or a file as its only part.

    Left out are what begins with a dot or an underscore, such as ``_SUCCESS``: programs write it for programs.

    Raises
    ------
    UsageError
        The folder has no files, or has folders in it: their names may hold columns, which would be lost.
    """
    if not path.is_dir():
        return (path,)
    files = sorted(each for each in path.iterdir() if each.name[0] not in "._")
    folders = [each.name for each in files if each.is_dir()]
    if folders:
        msg = f"found the folder {folders[0]} in {path}, expected files alone"
        raise UsageError(f"{msg}\nload each folder by itself; what its name says must be a column of its files")
    if not files:
        raise UsageError(f"found no files in {path}, expected parts in CSV or Parquet")
    return tuple(files)


def in_parts(path: Path, loading: Callable[[Path], LoadReport]) -> LoadReport:
    """Load every part of a folder, or a file, and return one account of all; to be called in a transaction.

    Raises
    ------
    DataRefused
        A part has other columns than the first.
    """
    reports: list[LoadReport] = []
    for part in parts(path):
        reports.append(loading(part))
        names, first = (sorted((*report.used, *report.ignored)) for report in (reports[-1], reports[0]))
        if names != first:
            msg = f"found the columns {', '.join(names)} in {part.name}, expected those of {reports[0].file}:"
            raise DataRefused(f"{msg} {', '.join(first)}\nnothing was loaded; the parts are not of one table")
    return reports[0] if len(reports) == 1 else _together(path, reports)


def _together(path: Path, reports: list[LoadReport]) -> LoadReport:
    sums = {
        name: sum(getattr(one, name) for one in reports)
        for name in ("rows_in", "loaded", "rejected", "duplicates", "left_out", "kept_out")
    }
    notes = [f"{one.file}: {note}" for one in reports for note in one.notes]
    notes += [f"{one.file}: rejects are in {one.rejects_path}" for one in reports if one.rejects_path]
    left_out: dict[str, int] = {}
    for what, count in (each for one in reports for each in one.left_out_by):
        left_out[what] = left_out.get(what, 0) + count
    name = f"{path.name}, {len(reports)} parts"
    return replace(
        reports[0], file=name, notes=tuple(notes), rejects_path=None, left_out_by=tuple(left_out.items()), **sums
    )


def _store(engine: Engine, parsed: Parsed, options: Options) -> LoadReport:
    """Write what was read, and what the map declares, in one transaction."""
    table, mapping = parsed.target.table, parsed.plan.mapping
    report, notes = parsed.report, list(parsed.report.notes)
    with engine.transaction():
        before = _count(engine, table)
        report = _write(engine, parsed, options)
        replaced = report.loaded - (_count(engine, table) - before)
        if replaced:
            notes.append(
                counted(
                    replaced,
                    f"row was there already, by its {' and '.join(parsed.target.key)}, and was replaced",
                    f"rows were there already, by their {' and '.join(parsed.target.key)}, and were replaced",
                )
            )
        is_paid_by = parsed.target.kind in ("transactions", "events")
        if is_paid_by and (note := payment_source.choose(engine, options.payments_from_events)):
            notes.append(note)
        _declare(engine, mapping)
    return replace(report, notes=tuple(notes))


def _write(engine: Engine, parsed: Parsed, options: Options) -> LoadReport:
    """Write the rows into their table, without those of kept-out customers; return the account."""
    target, report, batches = parsed.target, parsed.report, _batches(engine, parsed)
    erased = kept_out.load_filter(engine, options.privacy_key) if target.kind != "fx" else None
    if erased is None:
        engine.write(target.table, batches, target.key)
        return report
    engine.write(target.table, erased.batches(batches), target.key)
    if erased.orders:  # their events may have come before them, and will come after
        kept_out.add_orders(engine, erased.orders, erased.key)
        engine.run(f"DELETE FROM raw_events WHERE order_id IN ({sql_literals(erased.orders)})")
    dropped = erased.rows
    return replace(report, loaded=report.loaded - dropped, left_out=report.left_out + dropped, kept_out=dropped)


def _batches(engine: Engine, parsed: Parsed) -> Iterator[pa.RecordBatch]:
    absent = parsed.absent()
    if parsed.target.kind == "customers" and absent:
        known = engine.read(f"SELECT {', '.join((*parsed.target.key, *absent))} FROM {parsed.target.table}")
        if known.num_rows:
            return parsed.batches_over(known)
    return parsed.batches()


def _count(engine: Engine, table: str) -> int:
    return int(engine.read(f"SELECT COUNT(*) AS n FROM {table}")["n"][0].as_py())


def _declare(engine: Engine, mapping: Mapping) -> None:
    """Store what the map says about the data as a whole; what it does not mention stays as it was."""
    if mapping.known_at_creation is not None:
        _set(engine, "known_at_creation", "column_name", list(mapping.known_at_creation))
    if mapping.observed_until is not None:
        _set(engine, "observed_until", "until", [mapping.observed_until.isoformat(sep=" ")])
    if mapping.reporting_currency is not None:
        _set(engine, "reporting_currency", "currency", [mapping.reporting_currency])


def _set(engine: Engine, table: str, column: str, values: list[str]) -> None:
    engine.run(f"DELETE FROM {table}")
    for value in values:
        engine.run(f"INSERT INTO {table} ({column}) VALUES ({sql_literal(value)})")

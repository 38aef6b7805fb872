"""A file to typed rows in a temporary database: what loading and a web upload have in common."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from payrec.common import duck
from payrec.common.errors import DataRefused, UsageError, file_errors
from payrec.data.load import money_events, plain_columns, rejects, selection, staging, stated, unread
from payrec.data.load.file_bytes import Limits, OpenFile, opened
from payrec.data.load.forms import forms as settled_forms
from payrec.data.load.layout import LoadPlan, lay_out
from payrec.data.load.load_report import LoadReport, notes
from payrec.data.load.mapping import Mapping, for_kind
from payrec.data.load.origins import Absent, Constant, FromColumn
from payrec.data.load.readings import readings
from payrec.data.load.stated import Accounts
from payrec.data.load.tables import FORMS, FileTable, Hints, table_of
from payrec.data.load.targets import TARGETS, Kind, Target

MEMORY = "1500MB"  # beyond it the tables go to the temporary folder
PREFIX = "payrec-load-"  # of that folder
ABANDONED_S = 86_400.0


@contextmanager
def scratch_database(zone: str | None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an empty database in memory that reads zoneless times in ``zone`` and spills into a temporary folder."""
    with file_errors(Path(tempfile.gettempdir())):
        folder = tempfile.TemporaryDirectory(prefix=PREFIX)
    _sweep(Path(folder.name))
    options = {"temp_directory": folder.name, "memory_limit": MEMORY}
    with folder, duck.connect(options=options, zone=zone or "UTC") as db:
        yield db


def _sweep(new: Path) -> None:
    """Delete what killed loads left in the folder of ``new``; age is taken from the disk, so that no clock is read."""
    newest = new.stat().st_mtime
    for folder in new.parent.glob(f"{PREFIX}*"):
        with suppress(OSError):  # another load took it away
            if newest - folder.stat().st_mtime > ABANDONED_S:
                shutil.rmtree(folder, ignore_errors=True)


BATCH_ROWS = 122_880


@dataclass(frozen=True)
class Options:
    """How to read a file.

    ``encoding`` overrides the map's; at most ``max_rejected_share`` of the rows may be bad. ``stated_at`` (UTC, without
    zone) is when the facts of the export's day were true. ``complete``: all that is open is in the file, so open orders
    that are not in it were settled before (True); it is a part (False); not declared (None): such orders are counted.
    ``payments_from_events``: take payments from events (True) or from ``payment_date`` (False) from now on; None: from
    events once they explain the paid orders. ``privacy_key``: key of the hashes of erased customers that stay out.
    ``none_is_paid``: somebody confirms that no order of a file of orders is paid, whatever its unread columns say.
    ``name``: what messages call the file (None: by its own name). ``rejects``: file for
    the rows that are not loaded, written if there are any.
    """

    encoding: str | None = None
    max_rejected_share: float = 0.05
    limits: Limits = field(default_factory=Limits)
    stated_at: datetime | None = None
    complete: bool | None = None
    payments_from_events: bool | None = None
    privacy_key: str | None = field(default=None, repr=False)
    none_is_paid: bool = False
    name: str | None = None
    rejects: Path | None = None


@dataclass(frozen=True)
class Parsed:
    """A file that has been read: the account, its good rows and its rejects. Valid inside ``with parse(…)`` only."""

    report: LoadReport
    plan: LoadPlan
    target: Target
    _db: duckdb.DuckDBPyConnection
    _rows: pa.Table | None  # staged, if they are in memory and all of them are good as they stand

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the good rows, with the columns and types of the raw table."""
        if self._rows is None:
            yield from self._db.sql(_good(self.target)).to_arrow_reader(BATCH_ROWS)
        else:
            dropped: pa.Table = self._db.sql("FROM dropped").to_arrow_table()
            yield from plain_columns.batches(self._rows, self.plan, dropped["line"].combine_chunks())

    def absent(self) -> tuple[str, ...]:
        """Return the columns of the raw table that neither the file nor the map has."""
        return tuple(each.column.name for each in self.plan.columns if isinstance(each.origin, Absent))

    def batches_over(self, known: pa.Table) -> Iterator[pa.RecordBatch]:
        """Yield the good rows; columns that ``known`` has too, by its key, are taken from there."""
        key = ", ".join(self.target.key)
        kept = ", ".join(f"k.{name} AS {name}" for name in known.column_names if name not in self.target.key)
        self._db.register("known", known)
        joined = f"SELECT n.* REPLACE ({kept}) FROM ({_good(self.target)}) AS n LEFT JOIN known AS k USING ({key})"
        yield from self._db.sql(joined).to_arrow_reader(BATCH_ROWS)

    def rejects(self) -> pa.Table:
        """Return the rejected rows: line, column, value, reason."""
        rows: pa.Table = self._db.sql("SELECT * FROM rejects ORDER BY line").to_arrow_table()
        return rows

    def stated(self) -> pa.Table:
        """Return ``order_id, stated_at`` of the good rows of a file of orders."""
        rows: pa.Table = self._db.sql("SELECT order_id, stated_at FROM typed WHERE ok").to_arrow_table()
        return rows

    def accounts(self) -> Accounts:
        """Return the accounts of the good rows of a file of orders: provider and source account, '' for none."""
        pair = "COALESCE(provider, ''), COALESCE(source_account, '')"
        rows = self._db.execute(f"SELECT DISTINCT {pair} FROM typed WHERE ok ORDER BY 1, 2").fetchall()
        return [(str(provider), str(account)) for provider, account in rows]

    def is_open_items(self) -> bool:
        """Whether all good rows of a file of orders are open, as in a list of open items."""
        return not staging.count(self._db, f"(SELECT 1 FROM typed WHERE ok AND NOT ({stated.IS_OPEN}))")


_GOOD = "FROM typed WHERE ok AND line NOT IN (SELECT line FROM dropped)"


def _good(target: Target) -> str:
    return f"SELECT {', '.join(target.names())} {_GOOD} ORDER BY line"


def plan(path: Path, kind: Kind, mapping: Mapping | None = None, options: Options | None = None) -> LoadPlan:
    """Look at a file's first lines and say how it will be read; ``plan(…).lines()`` is what to show.

    Raises
    ------
    UsageError
        The file cannot be opened, or the map is for another kind of file.
    DataRefused
        The file is of no kind that can be read, or lacks a column.
    """
    options = options or Options()
    mapping = for_kind(mapping, kind)
    with opened(Path(path), options.limits, FORMS, options.name) as file:
        return lay_out(file.name, _table(file, kind, mapping, options).dialect, TARGETS[kind], mapping)


def _table(file: OpenFile, kind: Kind, mapping: Mapping, options: Options) -> FileTable:
    target = TARGETS[kind]
    names = (*target.names(), *(name for names in mapping.columns.values() for name in names))
    wanted = frozenset(name.strip().casefold() for name in names)
    encoding = options.encoding or mapping.encoding
    return table_of(file, Hints(wanted, mapping.delimiter, encoding, mapping.header_row, mapping.sheet, mapping.array))


@contextmanager
def parse(
    path: Path,
    kind: Kind,
    mapping: Mapping | None = None,
    now: datetime | None = None,
    options: Options | None = None,
) -> Iterator[Parsed]:
    """Read a file to typed rows and rejects, without a database.

    Parameters
    ----------
    now
        No payment and no event may lie more than one day after it (UTC if it has no zone). None: no such check.

    Raises
    ------
    UsageError
        The file cannot be opened, or the map is for another kind of file.
    DataRefused
        Nothing of the file may be loaded: its form is not proven, keys conflict, or too many rows are bad.
    """
    options, mapping = options or Options(), for_kind(mapping, kind)
    if now is not None and now.tzinfo is not None:
        now = now.astimezone(UTC).replace(tzinfo=None)
    with opened(Path(path), options.limits, FORMS, options.name) as file, scratch_database(mapping.time_zone) as db:
        table = _table(file, kind, mapping, options)
        laid_out = lay_out(file.name, table.dialect, TARGETS[kind], mapping)
        try:
            parsed = _parsed(db, table, laid_out, now, options)
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            msg = f"no room to read {file.name}: {str(error).splitlines()[0]}\nname a larger temporary folder: TMPDIR=…"
            raise UsageError(msg) from error
        yield parsed


def _parsed(
    db: duckdb.DuckDBPyConnection,
    table: FileTable,
    plan: LoadPlan,
    now: datetime | None,
    options: Options,
) -> Parsed:
    target = TARGETS[plan.kind]
    staged = staging.stage(db, table, plan, now)
    rows_in = staged.count
    if rows_in == 0:
        raise DataRefused(f"{plan.file} has a header and no rows\nnothing was loaded")
    left_out = selection.keep(db, plan)
    of_ids = staging.read_whole_ids(db, plan)
    forms = settled_forms(db, plan, staged.names())
    read_as = readings(plan, forms, now, staged.names())
    staging.type_rows(db, read_as, plan)
    if plan.kind == "transactions" and not (options.none_is_paid or options.payments_from_events):
        unread.expect_paid_known(db, plan)
    added = (*of_ids, *money_events.check(db, plan), *stated.fill(db, plan, options.stated_at))
    rejects.collect(db, read_as)
    rejected = staging.count(db, "rejects")
    written = options.rejects if rejected else None
    if written is not None:
        rejects.write(written, db.sql("SELECT * FROM rejects ORDER BY line").to_arrow_reader(BATCH_ROWS))
    _check_tolerance(db, plan, rejected, rows_in - sum(left_out.values()), options.max_rejected_share)
    dropped = rejects.drop_duplicates(db, plan, target)
    loaded = staging.count(db, f"(SELECT 1 {_GOOD})")
    is_whole = staged.rows is not None and staged.rows.num_rows == loaded + dropped
    are_staged = is_whole and staging.is_view(db, "staged") and staging.is_view(db, "typed")
    report = LoadReport(
        file=plan.file,
        kind=plan.kind,
        rows_in=rows_in,
        loaded=loaded,
        rejected=rejected,
        duplicates=dropped,
        left_out=sum(left_out.values()),
        dialect=plan.dialect.words(),
        used=plan.used,
        ignored=plan.ignored,
        derived=tuple(m.column.name for m in plan.columns if not isinstance(m.origin, FromColumn | Constant | Absent)),
        notes=(*added, *notes(db, plan, forms, table.tally, now)),
        rejects_path=written,
        left_out_by=tuple(left_out.items()),
    )
    return Parsed(report, plan, target, db, staged.rows if are_staged else None)


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
    raise DataRefused(
        f"{plan.file}: {rejected:,} of {rows:,} rows cannot be loaded, at most {share:.0%} may be\n"
        f"{reasons}\nnothing was loaded"
    )

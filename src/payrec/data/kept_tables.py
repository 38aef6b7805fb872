"""Tables that payrec keeps: which must be there, what is lost with each, and making a published one again.

What no list needs to be right is made again, empty, and named. Without the others a list could hold who must not be
contacted: they are refused, until the caller says that the loss is accepted. A table that lacks a column is always
refused, since what it still holds may be wanted: who does not, drops it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files

from payrec.common.errors import DataRefused, PayrecError, UsageError
from payrec.data import migrations
from payrec.data.engines import Engine
from payrec.data.engines.retry import retrying
from payrec.data.migrations import PUBLISHED_LEDGER, RAW_LEDGER, Migration

HOLDS = {
    "payrec_runs": "which lists were published",
    "payrec_scores": "the published lists",
    "payrec_customers": "the published lists by customer",
    "payrec_run_details": "the details of the published lists",
    "payrec_worklist": "nothing of its own",
    "payrec_monitor": "what was said about earlier lists",
    "payrec_forecasts": "what earlier lists expected to come in",
    "payrec_saved_views": "the saved views of the worklist",
    "payrec_ledger": "what was done, and by whom",
    PUBLISHED_LEDGER: "nothing of its own",
    "payrec_experiments": "which experiment runs",
    "payrec_assignments": "who is held out",
    "payrec_assigned_orders": "what the customers of experiments owed",
    "payrec_actions": "what people did with customers, and who must not be contacted",
    "raw_transactions": "the orders",
    "raw_events": "the payments and other events",
    "raw_customers": "who must not be contacted, and how to reach the others",
    "fx_rates": "the rates of currencies",
    "kept_out": "which erased customers stay out of loads",
    "payment_source": "where payments are known from",
    "known_at_creation": "which columns are known when an order is made",
    "reporting_currency": "in which currency the list counts",
}
"""What is lost with a table."""
LOAD = {
    "raw_transactions": "payrec load transactions", "raw_events": "payrec load events",
    "raw_customers": "payrec load customers", "fx_rates": "payrec load fx", "reporting_currency": "payrec load fx",
    "payment_source": "payrec load events", "known_at_creation": "payrec load transactions",
    "kept_out": "payrec privacy erase with --keep-out",
}  # fmt: skip
"""The command that fills a raw table again."""
LISTS_NEED = ("payrec_experiments", "payrec_assignments", "payrec_assigned_orders", "payrec_actions", *LOAD)
"""Tables without whose rows a list may be wrong."""
COUNTED = (*LISTS_NEED[:4], *list(LOAD)[2:], "payrec_ledger", "payrec_saved_views", "payrec_forecasts")
"""Tables whose rows are counted with every list; orders and events are counted as facts."""
FEWEST = 20  # rows, below which any share may come and go
_COLUMNS = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?(?:%s\.)?(\w+) \((.*?)\)\s*(?:;|\$make\$)", re.DOTALL)
_COLUMN = re.compile(r"(?:^|, ) *([a-z]\w*) +[A-Z]", re.MULTILINE)
_ADDED = re.compile(r"ALTER TABLE (?:%s\.)?(\w+) ADD COLUMN (\w+)")
_CHANGES = re.compile(r"(?:CREATE TABLE|ALTER TABLE|CREATE VIEW|DROP VIEW) (?:%s\.)?(payrec_\w+)")
_MAKES = re.compile(r"CREATE (FUNCTION|INDEX) (?:%1\$s\.)?(payrec_\w+)")
_VIEW = "payrec_worklist"
_OF_VIEW = ("payrec_runs", "payrec_scores")


def columns_of(sqls: tuple[str, ...]) -> dict[str, list[str]]:
    """Return the columns of the tables that SQL files make and extend."""
    columns: dict[str, list[str]] = {}
    for sql in sqls:
        for table, body in _COLUMNS.findall(sql):
            columns[table] = _COLUMN.findall(body)
        for table, column in _ADDED.findall(sql):
            columns.setdefault(table, []).append(column)
    return columns


def is_there(engine: Engine, table: str) -> bool:
    """Whether a published table exists; False before the first list.

    Raises
    ------
    DataRefused
        It was there, and is gone.
    """
    present = engine.tables()
    if table in present:
        return True
    if table in columns_of(tuple(one.sql for one in _applied(engine, present))):
        raise DataRefused(_gone(table))
    return False


def repair(engine: Engine, *, accept_loss: bool) -> list[str]:
    """Make published tables again that are gone, empty, and return their names; raise as :func:`require`.

    With ``accept_loss`` also those without whose rows a list may be wrong.
    """
    present = engine.tables()
    applied = _applied(engine, present)
    if not applied:
        return []
    require(engine, accept_loss=accept_loss)
    views = {_VIEW} if _VIEW not in present or not _answers(engine, _VIEW, []) else set()
    gone = sorted({*columns_of(tuple(one.sql for one in applied)), *views} - present | views)
    ledger_gone = not _recorded(engine, present)
    if gone:
        retrying(lambda: _make(engine, applied, gone))
    if ledger_gone:
        migrations.record(engine, applied, PUBLISHED_LEDGER)
    return gone + [PUBLISHED_LEDGER] * ledger_gone


def require(engine: Engine, *, accept_loss: bool = False) -> None:
    """Make sure that the tables that a list needs are there with all their columns.

    Raises
    ------
    DataRefused
        A table is gone, or lacks a column.
    """
    present = engine.tables()
    published = columns_of(tuple(one.sql for one in _applied(engine, present)))
    for table, columns in _required(engine, published):
        if table in present and not _answers(engine, table, columns):
            lacking = [one for one in columns if not _answers(engine, table, [one])]
            raise DataRefused(_lacks(table, lacking))
        if table not in present and table in published and table in LISTS_NEED and not accept_loss:
            raise DataRefused(_gone(table))


def _required(engine: Engine, published: dict[str, list[str]]) -> Iterator[tuple[str, list[str]]]:
    """Yield the tables with the columns that each must have; raw ones of an older payrec get theirs from the build."""
    of_ledgers = ["number", "name", "sha256"]
    yield RAW_LEDGER, of_ledgers
    yield from published.items()
    if migrations.are_applied(engine, migrations.of_raw_tables(engine.name), RAW_LEDGER):
        yield from _raw_columns().items()
    yield PUBLISHED_LEDGER, of_ledgers  # last: without it, the columns of the others say which files were applied


def explained(engine: Engine) -> DataRefused | None:
    """Return what to say where a table or column was missing; None if payrec's tables are as they should be."""
    try:
        present = engine.tables()
        for table in columns_of(tuple(one.sql for one in _applied(engine, present))):
            if table not in present:
                return DataRefused(_gone(table))
        require(engine)
    except DataRefused as refusal:
        return refusal
    except PayrecError:  # the database does not answer: what was raised first is said
        return None
    return None


def has_orders(engine: Engine) -> bool:
    """Whether any order is loaded."""
    table = "raw_transactions"
    return table in engine.tables() and bool(engine.read(f"SELECT 1 AS n FROM {table} LIMIT 1").num_rows)


def counts(engine: Engine) -> dict[str, int]:
    """Return the rows of the tables in :data:`COUNTED` that are there and hold any."""
    names = [name for name in COUNTED if name in engine.tables()]
    select = " UNION ALL ".join(f"SELECT '{name}' AS name, COUNT(*) AS n FROM {name}" for name in names)
    rows = engine.read(select).to_pylist() if names else []
    return {str(row["name"]): int(row["n"]) for row in rows if row["n"]}


def lost_rows(before: Mapping[str, int], now: Mapping[str, int]) -> list[str]:
    """Return the tables that lost all of their rows, or more than half of many."""
    left = {name: now.get(name, 0) for name in before}
    return [name for name, n in before.items() if n and (not left[name] or (n >= FEWEST and left[name] < n / 2))]


def refusal_of_lost_rows(table: str, before: int, now: int, day: str) -> DataRefused:
    """Return the refusal of a list without rows that the list as of ``day`` had."""
    msg = (
        f"found {now:,} rows of {table}, expected about {before:,} as for the list as of {day}: {HOLDS[table]} is lost"
    )
    way = f"fill it again ({LOAD[table]})" if table in LOAD else "restore the table from a backup"
    return DataRefused(f"{msg}\n{way}; to go on without: payrec run --serve")


def _gone(table: str) -> str:
    msg = f"the table {table} is gone, and with it {HOLDS[table]}\nrestore it from a backup; to go on without"
    return f"{msg}: payrec run" + (" --serve" if table in LISTS_NEED else ", which makes it again and names it")


def _lacks(table: str, columns: list[str]) -> str:
    lacking = ", ".join(columns) or "its columns"
    msg = f"the table {table} lacks {lacking}: another program changed it\nrestore it from a backup"
    again = (
        f", and {LOAD[table]} again" if table in LOAD else f" (lost with it: {HOLDS.get(table, 'nothing')}): payrec run"
    )
    return f"{msg}, or drop it{again}" + (" --serve" if table in LISTS_NEED and table not in LOAD else "")


def _raw_columns() -> dict[str, list[str]]:
    schema = (files("payrec.data") / "sql" / "01_schema.sql").read_text(encoding="utf-8")
    return {table: columns for table, columns in columns_of((schema,)).items() if table in HOLDS}


def _recorded(engine: Engine, present: frozenset[str]) -> bool:
    return PUBLISHED_LEDGER in present and bool(engine.read(f"SELECT 1 AS n FROM {PUBLISHED_LEDGER} LIMIT 1").num_rows)


def _applied(engine: Engine, present: frozenset[str]) -> tuple[Migration, ...]:
    """Return the files whose tables must be there: those recorded as applied, and if none is, those in effect."""
    wanted = migrations.published(engine.name)
    if not any(name.startswith("payrec_") and name != RAW_LEDGER for name in present):
        return ()
    if _recorded(engine, present):
        recorded = engine.read(f"SELECT number FROM {PUBLISHED_LEDGER}")["number"].to_pylist()
        return tuple(one for one in wanted if one.number in recorded)
    for end in range(len(wanted), 0, -1):
        columns = columns_of(tuple(one.sql for one in wanted[:end]))
        if all(_answers(engine, table, columns[table]) for table in columns.keys() & present):
            return wanted[:end]
    return ()


def _answers(engine: Engine, table: str, columns: list[str]) -> bool:
    try:
        engine.read(f"SELECT {', '.join(columns) or '1 AS n'} FROM {table} LIMIT 0")
    except UsageError:
        return False
    return True


def _make(engine: Engine, applied: tuple[Migration, ...], gone: list[str]) -> None:
    """Run those statements of the applied files again that make the gone tables, and the view on the lists."""
    wanted = {*gone, *([_VIEW] if {*gone} & {*_OF_VIEW} else [])}
    with engine.transaction():
        if _VIEW in wanted:
            engine.run(f"DROP VIEW IF EXISTS {_VIEW}")
        last_view = ""
        for statement in (one for migration in applied for one in _statements(migration.sql)):
            changed = _CHANGES.search(statement)
            if changed is None or changed[1] not in wanted:
                continue
            if changed[1] == _VIEW:
                last_view = statement
                continue
            for kind, name in _MAKES.findall(statement):
                engine.run(f"DROP {kind} IF EXISTS {name}")  # of a table that was renamed
            engine.run(statement)
        if last_view:
            engine.run(last_view)
        migrations.grant_to_app(engine)


def _statements(sql: str) -> list[str]:
    """Return the statements of a file; one with a body in $-quotes is one."""
    return (
        [sql]
        if "$" in sql
        else [f"{one};" for one in sql.split(";\n") if "CREATE" in one or "ALTER" in one or "DROP" in one]
    )

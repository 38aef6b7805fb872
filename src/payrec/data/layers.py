"""Raw tables → staging → snapshots → features and labels: run the SQL files in order, check them, read the result."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import Any, TypeVar

import pyarrow as pa

from payrec.common.errors import UsageError
from payrec.common.short_repr import short_repr
from payrec.data import drawing, incremental, migrations, version_changes
from payrec.data.engines import Engine
from payrec.data.engines.retry import retrying
from payrec.data.leases import exclusive
from payrec.data.parameters import Parameters, declare

Changed = TypeVar("Changed")

VIEW = "v_feature_view"
NUMBERS = "05_numbers.sql"  # the numbers of orders and accounts, which every build keeps and adds to
OBSERVED = "09_stg_observed.sql"  # the end of the data, which the layers of single orders read
INPUTS = ("fx_rates", "payment_source", "known_at_creation", "reporting_currency")  # inputs besides the raw rows
BUILD_TABLES = ("as_of_dates", "landmarks", "landmarks_since", "horizon", "built_from", "build_number")  # not by loads
DECLARED = ("horizon", "payment_source", "known_at_creation", "reporting_currency")  # layers of single orders need
_LAYER = re.compile(r"^(\d\d)_\w+\.sql$")
_SCHEMA_TABLE = re.compile(r"^CREATE TABLE IF NOT EXISTS (\w+)", re.MULTILINE)


@short_repr
@dataclass(frozen=True)
class Build:
    """Result of a build: rows by table, the end of the observed data, and the times to score at (UTC, naive).

    ``orders_remade``: orders whose raw rows had changed since the last build, so that their layers were rebuilt;
    None: all orders were rebuilt.
    """

    rows: dict[str, int]
    observed_until: datetime | None
    as_of: tuple[datetime, ...]
    orders_remade: int | None = None


def _folder(*parts: str) -> resources.abc.Traversable:
    return resources.files("payrec.data").joinpath("sql", *parts)


def layers() -> tuple[tuple[str, str], ...]:
    """Return (file name, SQL) of every layer, in the order of running, which is the number in the name."""
    files = [f for f in _folder().iterdir() if _LAYER.match(f.name)]
    return tuple((f.name, f.read_text(encoding="utf-8")) for f in sorted(files, key=lambda f: f.name))


def prepare(engine: Engine) -> None:
    """Make the raw and policy tables that are missing, and bring the others up to date.

    A table that is found in another schema of the search path (PostgreSQL) is there, and not made again; but what a
    build asks for is always the builder's own.
    """

    def whole() -> None:
        with engine.transaction():
            _prepare(engine)
            version_changes.keep(engine, layers())

    retrying(whole)


def _prepare(engine: Engine) -> None:
    with engine.transaction():
        present = engine.tables()
        for statement in re.split(r"(?<=;)\n", layers()[0][1]):
            created = _SCHEMA_TABLE.search(statement)
            if created and (created[1] in (*BUILD_TABLES, *drawing.DRAW_TABLES) or created[1] not in present):
                engine.run(statement)
        migrations.apply(engine, migrations.migrations_in(_folder("migrations"), engine.name))


def build(
    engine: Engine, parameters: Parameters, progress: Callable[[str], None] = lambda _: None, *, full: bool = False
) -> Build:
    """Run every layer, all or nothing; ``progress`` gets each file's name before it runs.

    The layers of single orders are rebuilt only for orders whose raw rows changed since the last build, unless most
    did, or ``full``. A build that the server interrupts is done again from the start.
    """
    if parameters.as_of == () and not parameters.landmark_ages:
        raise UsageError("found neither a time to score at nor a landmark age, expected at least one")
    prepare(engine)
    with exclusive(engine):
        return retrying(lambda: build_shared(engine, parameters, progress, full=full))


def build_number(engine: Engine) -> int:
    """Return the number of the build that stands; it changes with every build."""
    return int(engine.read("SELECT COALESCE(MAX(build_no), 0) AS n FROM build_number")["n"][0].as_py())


def build_shared(engine: Engine, parameters: Parameters, progress: Callable[[str], None], *, full: bool) -> Build:
    """Run every layer and compare with what another version made of the same facts, under the exclusive lease."""
    with engine.transaction():
        built = build_layers(engine, parameters, progress, full=full)
        version_changes.compare(engine, layers())
    return built


def build_layers(engine: Engine, parameters: Parameters, progress: Callable[[str], None], *, full: bool) -> Build:
    """Run every layer in one transaction; the caller holds the exclusive lease, or works in private."""
    with engine.transaction():
        _prepare(engine)
        declare(engine, parameters)
        remade = _orders_layers(engine, progress, full=full)
        drawing.draw_orders(engine, parameters.draw, progress)
        if parameters.as_of is None:
            engine.run("INSERT INTO as_of_dates SELECT until FROM stg_observed WHERE until IS NOT NULL")
        for name, sql in _files(of_one_order=False):
            progress(name)
            _run_layer(engine, sql)
        rows = {table: count(engine, table) for _, sql in layers() for table in incremental.MAKES_TABLE.findall(sql)}
        inputs = _inputs_hash(engine, incremental.built_rows(engine))
        engine.run("DELETE FROM built_from")
        engine.write("built_from", pa.table({"inputs_sha256": [inputs]}), key=())
        number = build_number(engine) + 1
        engine.run(f"DELETE FROM build_number; INSERT INTO build_number VALUES ({number})")
        return Build(rows, observed_until(engine), scoring_times(engine), remade)


def _orders_layers(engine: Engine, progress: Callable[[str], None], *, full: bool) -> int | None:
    """Make the layers of single orders, for the changed orders alone where that is enough; return how many, or None."""
    files = _files(of_one_order=True)
    numbers, observed = (next(file for file in layers() if file[0] == name) for name in (NUMBERS, OBSERVED))
    basis = _basis(engine)
    progress(numbers[0])
    _run_layer(engine, numbers[1])
    progress("what has changed")
    engine.run("DROP TABLE IF EXISTS stg_observed")
    _run_layer(engine, observed[1])
    tables = frozenset(table for _, sql in files for table in incremental.MAKES_TABLE.findall(sql))
    changed = incremental.changed_orders(engine, basis, tables)
    if changed is None or full:
        _clear(engine)
        for name, sql in (observed, *files):
            progress(name)
            _run_layer(engine, sql)
    else:
        _outdate(engine, but=("stg_observed",))
        if changed:
            progress(f"{files[0][0]} to {files[-1][0]} for {changed:,} orders")
            incremental.remake(engine, tuple(sql for _, sql in files))
    incremental.remember(engine, basis)
    return None if full else changed


def _basis(engine: Engine) -> str:
    """Return a hash of what the layers depend on besides the raw rows: their SQL, and what was declared."""
    tables = [*DECLARED, *(["fx_rates"] if count(engine, "raw_events", "currency IS NOT NULL") else [])]
    declared = {table: sorted(engine.read(f"SELECT * FROM {table}").to_pylist(), key=str) for table in tables}
    return incremental.basis(tuple(sql for _, sql in layers()[2:]), declared)


def _files(*, of_one_order: bool) -> list[tuple[str, str]]:
    """Return the layers that are, or are not, made of the raw rows of one order alone, in the order of running."""
    rest = [(name, sql) for name, sql in layers()[2:] if name not in (NUMBERS, OBSERVED)]
    return [(name, sql) for name, sql in rest if incremental.of_one_order(sql) == of_one_order]


def _run_layer(engine: Engine, sql: str) -> None:
    engine.run(sql)
    for table in (*incremental.MAKES_TABLE.findall(sql), *_SCHEMA_TABLE.findall(sql)):
        engine.run(f"ANALYZE {table}")  # the next layer's plan depends on it


def count(engine: Engine, table: str, where: str = "1 = 1") -> int:
    """Return the number of rows of ``table``."""
    return int(engine.read(f"SELECT COUNT(*) AS n FROM {table} WHERE {where}")["n"][0].as_py())


def observed_until(engine: Engine) -> datetime | None:
    """Return the end of the observed data as the last build saw it (UTC, naive); None without data."""
    return next(iter(engine.read("SELECT until FROM stg_observed")["until"].to_pylist()), None)


def scoring_times(engine: Engine) -> tuple[datetime, ...]:
    """Return the times at which the last build lists open orders (UTC, naive), oldest first."""
    times: list[Any] = engine.read("SELECT as_of FROM as_of_dates ORDER BY as_of")["as_of"].to_pylist()
    return tuple(times)


def fingerprint(engine: Engine) -> str:
    """Return a hash of everything that was handed in: the same inputs on the same engine give the same hash."""
    return _inputs_hash(engine, incremental.raw_rows(engine))


def _inputs_hash(engine: Engine, raw_rows: str) -> str:
    parts = [f"{table}={engine.fingerprint(table)}" for table in INPUTS]
    until = engine.read("SELECT until FROM observed_until")["until"].to_pylist()
    return hashlib.sha256(f"{raw_rows}{parts}{until}".encode()).hexdigest()


def built_from(engine: Engine) -> str:
    """Return the :func:`fingerprint` of what the layers that stand were made of, empty before the first build."""
    return "".join(map(str, engine.read("SELECT inputs_sha256 FROM built_from")["inputs_sha256"].to_pylist()))


def _clear(engine: Engine) -> None:
    """Take all derived layers away; the numbers of orders and accounts stay."""
    engine.run(layers()[1][1])


def _forget(engine: Engine) -> None:
    """Take away all that was made of the raw rows, the numbers included, which hold the ids of orders and customers."""
    _clear(engine)
    numbers = next(sql for name, sql in layers() if name == NUMBERS)
    tables = (*_SCHEMA_TABLE.findall(numbers), version_changes.FORMER)
    engine.run("; ".join(f"DROP TABLE IF EXISTS {table}" for table in tables))


def _outdate(engine: Engine, but: tuple[str, ...] = ()) -> None:
    """Take away what the raw tables, which have changed, no longer answer for; what a build can go on from stays."""
    later = [sql for _, sql in layers()[2:] if not incremental.of_one_order(sql)]
    gone = [table for sql in later for table in incremental.MAKES_TABLE.findall(sql) if table not in but]
    engine.run("; ".join([f"DROP VIEW IF EXISTS {VIEW}", *(f"DROP TABLE IF EXISTS {table}" for table in gone)]))


def change(
    engine: Engine, changing: Callable[[], Changed], *, clears: Callable[[Changed], bool] | None = None
) -> Changed:
    """Change the raw tables and take away what was made of them, as a whole; done again if it is interrupted.

    ``clears``: for an erasure, says of the result whether all layers go, since no row of a person may stay in them;
    if not, nothing was changed and they stay.
    """

    def whole() -> Changed:
        with engine.transaction():
            changed = changing()
            if clears is None:
                _outdate(engine)
            elif clears(changed):
                _forget(engine)
        return changed

    with exclusive(engine):
        return retrying(whole)


def answers(engine: Engine, parameters: Parameters) -> bool:
    """Whether the last build, of the raw tables and by the SQL of this payrec, answers for ``parameters``."""
    if VIEW not in engine.tables():
        return False
    if not incremental.stands(engine, _basis(engine)) or built_from(engine) != fingerprint(engine):
        return False
    ages = set(engine.read("SELECT age_days FROM landmarks")["age_days"].to_pylist())
    horizons = engine.read("SELECT days FROM horizon")["days"].to_pylist()
    since = engine.read("SELECT MAX(since) AS t FROM landmarks_since")["t"][0].as_py() or datetime.min
    until = observed_until(engine)
    times = {until} if parameters.as_of is None else set(parameters.as_of)
    return (
        ages >= set(parameters.landmark_ages)
        and (not parameters.landmark_ages or (parameters.landmarks_since or datetime.min) >= since)
        and (not parameters.landmark_ages or drawing.has_landmarks(engine, parameters.draw))
        and horizons == [parameters.horizon_days]
        and times <= set(scoring_times(engine))
        and parameters.observed_until in (None, until)
    )

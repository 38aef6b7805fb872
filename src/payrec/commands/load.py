"""payrec load: file → raw tables (transactions, events, fx, customers, or the files of a source); no row goes missing.

``plan`` shows beforehand how a file will be read, ``read_mapping`` reads a map.toml.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from payrec.commands.load_actions import load_actions as actions
from payrec.common.errors import PayrecError, UsageError
from payrec.common.files import replacing
from payrec.common.progress import Progress, silent
from payrec.data import layers, load
from payrec.data.engines import Engine
from payrec.data.load import Kind, LoadPlan, LoadReport, Mapping, Options, bounds, read_mapping
from payrec.data.load.map_file import map_text
from payrec.data.sources import loading
from payrec.data.sources.database_tables import database_tables
from payrec.data.sources.loading import SourceReport
from payrec.data.sources.packs import pack_of
from payrec.data.sources.recognition import Recognition, recognise

__all__ = [
    "LoadReport",
    "Mapping",
    "Options",
    "SourceReport",
    "actions",
    "customers",
    "events",
    "fx",
    "plan",
    "read_mapping",
    "source",
    "transactions",
    "write_map",
]

Loaded = TypeVar("Loaded", LoadReport, SourceReport)


def plan(
    file: Path | str, kind: Kind, mapping: Mapping | Path | str | None = None, options: Options | None = None
) -> LoadPlan:
    """Return how a file, or the first part of a folder, will be read; nothing is loaded."""
    if mapping is None:
        _refuse_source(load.parts(Path(file))[0], options.encoding if options else None)
    return load.plan(load.parts(Path(file))[0], kind, mapping_of(mapping), options)


def transactions(
    engine: Engine,
    file: Path | str,
    mapping: Mapping | Path | str | None = None,
    rejects: Path | str | None = None,
    now: datetime | None = None,
    options: Options | None = None,
    progress: Progress = silent,
) -> LoadReport:
    """Load a file of orders, or a folder of parts, in one transaction; layers built before are removed.

    Parameters
    ----------
    mapping
        The map, or the TOML file that holds it.
    rejects
        File for rejected rows (a folder, if ``file`` is one); None: they are counted, not written.
    now
        The present (UTC, without zone), after which no payment may lie; None: not checked.

    Raises
    ------
    UsageError, DataRefused
        As :func:`payrec.data.load.load_file`; nothing was loaded.

    >>> report = payrec.load.transactions(engine, folder / "transactions.csv")
    >>> report.rows_in == report.loaded + report.rejected + report.duplicates + report.left_out
    True
    """
    return _loaded(engine, "transactions", Path(file), (mapping_of(mapping), rejects, now, options), progress)


def events(
    engine: Engine,
    file: Path | str,
    mapping: Mapping | Path | str | None = None,
    rejects: Path | str | None = None,
    now: datetime | None = None,
    options: Options | None = None,
    progress: Progress = silent,
) -> LoadReport:
    """Load events; if they hold payments, ``payment_date`` no longer counts. The rest as :func:`transactions`.

    >>> payrec.load.events(engine, folder / "events.csv").rejected
    0
    """
    return _loaded(engine, "events", Path(file), (mapping_of(mapping), rejects, now, options), progress)


def fx(
    engine: Engine,
    file: Path | str,
    mapping: Mapping | Path | str | None = None,
    rejects: Path | str | None = None,
    now: datetime | None = None,
    options: Options | None = None,
    reporting_currency: str | None = None,
    progress: Progress = silent,
) -> LoadReport:
    """Load dated rates to the reporting currency (the map's, if None). The rest as :func:`transactions`.

    >>> payrec.load.fx(engine, folder / "fx.csv", reporting_currency="EUR").rejected
    0
    """
    rates = mapping_of(mapping, reporting_currency)
    return _loaded(engine, "fx", Path(file), (rates, rejects, now, options), progress)


def customers(
    engine: Engine,
    file: Path | str,
    mapping: Mapping | Path | str | None = None,
    rejects: Path | str | None = None,
    now: datetime | None = None,
    options: Options | None = None,
    progress: Progress = silent,
) -> LoadReport:
    """Load who the customers are and how to reach them; never a feature. The rest as :func:`transactions`."""
    return _loaded(engine, "customers", Path(file), (mapping_of(mapping), rejects, now, options), progress)


def source(
    engine: Engine,
    name: str,
    files: Sequence[Path | str] = (),
    mapping: Mapping | Path | str | None = None,
    rejects: Path | str | None = None,
    now: datetime | None = None,
    options: Options | None = None,
    from_url: str | None = None,
    progress: Progress = silent,
) -> SourceReport:
    """Load the files of a source (:mod:`payrec.sources`) as orders and events, in one transaction.

    Parameters
    ----------
    name
        The source, such as ``stripe-dashboard``.
    mapping
        A map for the forms of dates and numbers that the files alone do not prove (``date_format``, ``decimal``).
    rejects
        Folder for rejected rows; None: they are counted, not written.
    from_url
        In place of files: ``postgresql://…?schema=NAME``, where another program keeps the source's tables.

    Raises
    ------
    UsageError
        There is no such source, a file cannot be opened, or files and a database are both named.
    DataRefused
        A file or table lacks columns (named, with the nearest candidates), or its rows cannot be loaded.
    """
    pack = pack_of(name)
    settings = (mapping_of(mapping), None if rejects is None else Path(rejects), now, options or Options())
    layers.prepare(engine)
    if bool(files) == bool(from_url):
        raise UsageError(
            f"found {len(files)} files and {'a' if from_url else 'no'} database, expected one or the other"
        )
    origin = database_tables(from_url) if from_url else [Path(file) for file in files]
    progress(f"loading {', '.join(Path(file).name for file in files) or f'tables of {name}'}")
    return _changed(engine, lambda: loading.load(engine, pack, origin, settings))


def write_map(file: Path | str, kind: Kind, path: Path | str, options: Options | None = None) -> Path:
    """Write the map that a file would be read with: its columns that have our names, and what it lacks as comments.

    Raises
    ------
    UsageError
        The file is the export of a source, which needs no map, or the map is there already.

    >>> payrec.load.write_map(folder / "transactions.csv", "transactions", folder / "map.toml").name
    'map.toml'
    """
    path = Path(path)
    _refuse_source(Path(file), options.encoding if options else None)
    if path.exists():
        raise UsageError(f"found a file {path}, expected none\nname another file for the map")
    text = map_text(Path(file), kind, options or Options())
    with replacing(path) as sink:
        sink.write(text.encode())
    return path


def mapping_of(mapping: Mapping | Path | str | None, reporting_currency: str | None = None) -> Mapping | None:
    """Return a map, read if it is a path; a reporting currency replaces its own."""
    read = read_mapping(Path(mapping)) if isinstance(mapping, Path | str) else mapping
    if not reporting_currency:
        return read
    return replace(read or Mapping(), reporting_currency=reporting_currency.upper())


def _loaded(
    engine: Engine,
    kind: Kind,
    file: Path,
    settings: tuple[Mapping | None, Path | str | None, datetime | None, Options | None],
    progress: Progress,
) -> LoadReport:
    mapping, rejects, now, options = settings
    if options and options.complete and (kind != "transactions" or len(load.parts(file)) > 1):
        raise UsageError("found complete for events, rates or a folder of parts, expected one file of orders")

    if mapping is None and file.is_file():
        _refuse_source(file, options.encoding if options else None)

    def load_part(part: Path) -> LoadReport:
        progress(f"loading {part.name}")
        of_part = replace(options or Options(), rejects=None if rejects is None else Path(rejects))
        if part != file:
            target = of_part.rejects and of_part.rejects / f"{part.name}.rejects.csv"
            of_part = replace(of_part, rejects=target, complete=False)
        return load.load_file(kind, engine, part, mapping, now, of_part)

    layers.prepare(engine)
    return _changed(engine, lambda: load.in_parts(file, load_part))


def _changed(engine: Engine, loading: Callable[[], Loaded]) -> Loaded:
    """Load in one transaction, which is undone if the layers could not hold the sums."""

    def whole() -> Loaded:
        loaded = loading()
        bounds.require_in_range(engine)
        return loaded

    return layers.change(engine, whole)


@lru_cache(maxsize=8)
def _recognised(file: Path, encoding: str | None, _: tuple[int, int] | None) -> tuple[Recognition, ...]:
    """Recognise a file once for its plan and its load; a file that was written again is looked at again."""
    try:
        return recognise(file, encoding)
    except PayrecError:  # the loader says it in words of its own
        return ()


def _refuse_source(file: Path, encoding: str | None) -> None:
    """Refuse a file that is recognised as the export of a source, whose rows are not ours: a charge is no order.

    Raises
    ------
    UsageError
        It names the source and the command.
    """
    written = file.stat() if file.is_file() else None
    for match in _recognised(file.absolute(), encoding, written and (written.st_mtime_ns, written.st_size)):
        raise UsageError(
            f"{file.name} is {match.title} of {match.source}: its orders and events are made by the source\n"
            f"load it with: {match.command(file, encoding)}\nor say in a map how its columns are meant: --map MAP.toml"
        )

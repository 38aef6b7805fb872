"""Files of a source → raw tables, through the same loader as any file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from pyarrow import parquet

from payrec.common.errors import DataRefused, UsageError
from payrec.common.text import terminal_text
from payrec.data.engines import Engine
from payrec.data.load import TARGETS, Kind, LoadReport, Mapping, Options, load_file
from payrec.data.sources.conversion import Converted, InputReport, converted
from payrec.data.sources.database_tables import DatabaseTables
from payrec.data.sources.packs import Pack


@dataclass(frozen=True)
class SourceReport:
    """The account of the files of a source: of the rows that were read, then of what they gave."""

    source: str
    inputs: tuple[InputReport, ...]
    loaded: tuple[LoadReport, ...]

    def lines(self) -> tuple[str, ...]:
        """Return the account in words, one line each."""
        accounts = [line for report in self.loaded for line in report.lines()]
        return (*(line for each in self.inputs for line in each.lines()), *accounts)


def load(
    engine: Engine,
    pack: Pack,
    source: Sequence[Path] | DatabaseTables,
    settings: tuple[Mapping | None, Path | None, datetime | None, Options],
) -> SourceReport:
    """Load the files of a source, or its tables in a database, in one transaction.

    Parameters
    ----------
    settings
        Map (for its formats, such as ``date_format``, and ``[values.status]``: words of the export and the source's own
        words for them), folder for rejects, the present, options.

    Raises
    ------
    UsageError, DataRefused
        As :func:`payrec.data.sources.conversion.converted` and :func:`payrec.data.load.load_file`.
    """
    mapping, rejects, now, options = settings
    amounts_and_days = _for_source(mapping or Mapping(), pack)
    complete = pack.complete if options.complete is None else options.complete
    if pack.complete and complete and options.stated_at is None:
        raise UsageError(
            f"{pack.name} is a list of all that is open, and what is gone from it was settled before it was made\n"
            "say when that was: --stated-at DATE"
        )
    values = mapping.values if mapping else {}
    with converted(pack, source, options.encoding, values) as conversion, engine.transaction():
        if not conversion.files:
            raise DataRefused(
                f"found no order and no event of {pack.name}\n"
                + "; ".join(each.line() for each in conversion.inputs)
                + "\nnothing was loaded"
            )
        if "transactions" in conversion.files and "currency" not in amounts_and_days.constants:
            _require_currency(conversion, pack)
        reports = []
        for kind, file in conversion.files.items():
            complete_orders = (complete and kind == "transactions") or None
            written = rejects / f"{pack.name}.{kind}.rejects.csv" if rejects else None
            name = _name(kind, conversion.inputs)
            kept = replace(options, encoding=None, complete=complete_orders, name=name, rejects=written)
            with _naming_the_map(mapping, pack), _naming_by_id(file, kind):
                of_kind = _of_kind(amounts_and_days, kind, pack)
                report = load_file(kind, engine, file, of_kind, now, kept)
                reports.append(replace(report, notes=tuple(_by_id(note, file, kind) for note in report.notes)))
    return SourceReport(pack.name, conversion.inputs, tuple(reports))


def _name(kind: Kind, inputs: Sequence[InputReport]) -> str:
    """Return what messages call the rows of a kind: by the files that the user gave, or the tables."""
    names = list(dict.fromkeys(each.file for each in inputs))
    others = names[1] if len(names) == 2 else f"{len(names) - 1} more"
    rows = "orders" if kind == "transactions" else kind
    return f"{rows} of {names[0]}{f' and {others}' if names[1:] else ''}"


def _for_source(mapping: Mapping, pack: Pack) -> Mapping:
    """Return a map with what the source itself declares: the mark in its amounts, and the account of its orders."""
    constants = dict(mapping.constants)
    if "transactions" in pack.sql:
        constants["source_account"] = ":".join(filter(None, (pack.name, constants.get("source_account"))))
    return replace(mapping, decimal=mapping.decimal or pack.decimal, constants=constants, values={})


def _of_kind(mapping: Mapping, kind: Kind, pack: Pack) -> Mapping:
    """Return a map of the source for the rows of one kind, without constants and formats of its other kinds."""
    own = set(TARGETS[kind].names())
    others = {name for other in pack.sql for name in TARGETS[other].names()} - own
    constants = {name: text for name, text in mapping.constants.items() if name not in others}
    formats = {name: text for name, text in mapping.formats.items() if name not in others}
    return replace(mapping, constants=constants, formats=formats)


@contextmanager
def _naming_the_map(mapping: Mapping | None, pack: Pack) -> Iterator[None]:
    """Say how a map is given, if an error asks for one and there is none."""
    try:
        yield
    except DataRefused as error:
        if mapping is not None or " map: " not in str(error):
            raise
        way = f"the map is a text file of yours: payrec load source {pack.name} FILE --map map.toml"
        raise DataRefused(f"{error}\n{way}") from error


@contextmanager
def _naming_by_id(file: Path, kind: Kind) -> Iterator[None]:
    try:
        yield
    except DataRefused as error:
        raise DataRefused(_by_id(str(error), file, kind)) from error


def _by_id(text: str, file: Path, kind: Kind) -> str:
    """Name a row by its id: its line is that of a table which the user does not see."""
    (key, *_) = TARGETS[kind].key

    def named(match: re.Match[str]) -> str:
        ids = parquet.read_table(file, columns=[key])[key]
        return f"({'first in ' if match['first'] else ''}{key} {terminal_text(str(ids[int(match['line']) - 1]))})"

    return re.sub(r"\((?P<first>first on )?line (?P<line>\d+)\)", named, text)


def _require_currency(conversion: Converted, pack: Pack) -> None:
    if "currency" not in parquet.read_schema(conversion.files["transactions"]).names:
        raise DataRefused(
            f"{', '.join(each.file for each in conversion.inputs)} lacks currency, expected one for its amounts\n"
            'say it in a text file, such as map.toml, with two lines: [constants] and below it currency = "USD"\n'
            f"then: payrec load source {pack.name} FILE --map map.toml"
        )

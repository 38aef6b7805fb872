"""Files of a source → raw tables, through the same loader as any file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from payrec.common.errors import DataRefused, UsageError
from payrec.data.engines import Engine
from payrec.data.load import LoadReport, Mapping, Options, customers, events, transactions
from payrec.data.sources.conversion import InputReport, converted
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
        return (*(each.line() for each in self.inputs), *accounts)


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
        Map (for its formats: ``date_format``, ``decimal``, ``time_zone``), folder for rejects, the present, options.

    Raises
    ------
    UsageError, DataRefused
        As :func:`payrec.data.sources.conversion.converted` and :func:`payrec.data.load.transactions`.
    """
    mapping, rejects, now, options = settings
    amounts_and_days = mapping or Mapping()
    constants = {name: text for name, text in amounts_and_days.constants.items() if name != "source_account"}
    account = ":".join(filter(None, (pack.name, amounts_and_days.constants.get("source_account"))))
    if amounts_and_days.decimal is None:
        amounts_and_days = replace(amounts_and_days, decimal=pack.decimal)
    complete = pack.complete if options.complete is None else options.complete
    if pack.complete and complete and options.stated_at is None:
        raise UsageError(
            f"{pack.name} is a list of all that is open, and what is gone from it was settled before it was made\n"
            "say when that was: --stated-at DATE"
        )
    loaders = {"transactions": transactions, "events": events, "customers": customers}
    with converted(pack, source, options.encoding) as conversion, engine.transaction():
        if not conversion.files:
            raise DataRefused(
                f"found no order and no event of {pack.name}\n"
                + "; ".join(each.line() for each in conversion.inputs)
                + "\nnothing was loaded"
            )
        reports = []
        for kind, file in conversion.files.items():
            kept = replace(options, encoding=None, complete=(complete and kind == "transactions") or None)
            written = rejects / f"{pack.name}.{kind}.rejects.csv" if rejects else None
            of_kind = {"transactions": {**constants, "source_account": account}, "events": constants}.get(kind)
            forms = None if of_kind is None else replace(amounts_and_days, constants=of_kind)
            reports.append(loaders[kind](engine, file, forms, written, now, kept))
    return SourceReport(pack.name, conversion.inputs, tuple(reports))

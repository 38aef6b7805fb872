"""Where each of our columns comes from: settled from the header and the map, and shown before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from payrec.common.errors import DataRefused
from payrec.common.short_repr import short_repr
from payrec.common.text import terminal_text
from payrec.data.load import origins
from payrec.data.load.map_values import Words
from payrec.data.load.mapping import Mapping
from payrec.data.load.origins import Absent, Header, Minor, Part, PlannedColumn, Template
from payrec.data.load.tables import Dialect
from payrec.data.load.targets import Kind, Target

Condition = tuple[int, tuple[str, ...]]  # the column at a place has one of these values


@dataclass(frozen=True)
class Carried:
    """A column carried through an event log: the last value so far within a case, from rows that meet conditions."""

    position: int
    by: int
    source: int
    conditions: tuple[Condition, ...]


@short_repr
@dataclass(frozen=True)
class LoadPlan:
    """How a file will be read. ``lines()`` is what is shown before it is done."""

    file: str
    kind: Kind
    dialect: Dialect
    columns: tuple[PlannedColumn, ...]
    carried: tuple[Carried, ...]
    only: tuple[Condition, ...]
    positions: tuple[int, ...]  # of the file's columns that are read
    mapping: Mapping
    zone: int | None = None  # position of the column with the zone of each row
    one_per: tuple[int, int | None] | None = None  # positions of [first] or [last]: per, by

    @property
    def used(self) -> tuple[str, ...]:
        """Names of the file's columns that are read."""
        return tuple(self.dialect.header[position] for position in self.positions)

    @property
    def header(self) -> Header:
        """The columns that the map may name: the file's own, and those that are carried."""
        return _header(self.file, self.dialect, self.mapping)

    @property
    def is_by_line(self) -> bool:
        """Whether the number of its line is part of a row."""
        templates = (each.origin for each in self.columns if isinstance(each.origin, Template))
        return any(isinstance(part, Part) and part.position is None for each in templates for part in each.parts)

    @property
    def ignored(self) -> tuple[str, ...]:
        """Names of the file's columns that are not read."""
        return tuple(
            terminal_text(n) or "(no name)"
            for position, n in enumerate(self.dialect.header)
            if position not in self.positions
        )

    def lines(self) -> tuple[str, ...]:
        """Return dialect and mapping, one line a column, as plain text."""
        width = max(len(each.column.name) for each in self.columns)
        shown = [
            f"  {each.column.name:<{width}}  {each.words}"
            for each in self.columns
            if not isinstance(each.origin, Absent)
        ]
        carry, one_per = self.mapping.carry, (("first", self.mapping.first), ("last ", self.mapping.last))
        carried = (
            [f"{name} from {source}{_where(where)}" for name, (source, where) in carry.columns.items()] if carry else []
        )
        return (
            f"file     {self.file}: {self.dialect.words()}",
            f"mapping  {self.mapping.name}, into {self.kind}:",
            *shown,
            *([f"carried  within {carry.by}: " + "; ".join(carried)] if carry else []),
            *(
                f"{which}    row per {each.per}{f', by {each.by}' if each.by else ''}"
                for which, each in one_per
                if each
            ),
            *([f"zone     of each row from {self.mapping.zone_column!r}"] if self.zone is not None else []),
            *([f"only     rows{_where(self.mapping.only)}"] if self.only else []),
            "ignored  " + (", ".join(self.ignored) or "no column"),
        )


def _header(file: str, dialect: Dialect, mapping: Mapping) -> Header:
    return Header(file, dialect.header, mapping.name, tuple(mapping.carry.columns) if mapping.carry else ())


def _where(words: Words) -> str:
    """Say conditions in words: `` with activity = Payment or Refund``."""
    said = " and ".join(f"{column} = {' or '.join(values)}" for column, values in words.items())
    return f" with {said}" if said else ""


def lay_out(file: str, dialect: Dialect, target: Target, mapping: Mapping) -> LoadPlan:
    """Say where each column of ``target`` comes from.

    Raises
    ------
    DataRefused
        The file lacks a required column or one that the map names; the nearest candidates are named.
    UsageError
        The map derives a column in a way that cannot be meant.
    """
    header = _header(file, dialect, mapping)
    for name in mapping.ignore:
        header.position(name, "ignore")
    carried = _carried(Header(file, dialect.header, mapping.name), mapping)
    only = _conditions(header, mapping.only, "[only]")
    zone = header.position(mapping.zone_column, "zone_column") if mapping.zone_column is not None else None
    one_per = _one_per(header, mapping)
    planned = tuple(origins.plan_column(column, header, target, mapping) for column in target.columns)
    _check_required(planned, header)
    _check_currency(planned, file)
    for name in (column.column.name for column in planned if isinstance(column.origin, Absent)):
        if name in mapping.extract:
            msg = f"{file} has no {name}, from which {mapping.name} has [extract] {name}"
            raise DataRefused(f'{msg}\nname the column that holds it: [columns] {name} = "…"')
    needed = {position for each in planned for position in each.positions()} | {position for position, _ in only}
    needed |= {position for position in (zone, *(one_per or ())) if position is not None}
    for each in carried:
        needed |= {each.by, each.source, *(position for position, _ in each.conditions)}
    positions = tuple(sorted(position for position in needed if position < len(dialect.header)))
    return LoadPlan(file, target.kind, dialect, planned, carried, only, positions, mapping, zone, one_per)


def _one_per(header: Header, mapping: Mapping) -> tuple[int, int | None] | None:
    which, where = mapping.first or mapping.last, "[first]" if mapping.first else "[last]"
    if which is None:
        return None
    return header.position(which.per, where), None if which.by is None else header.position(which.by, where)


def _check_currency(planned: tuple[PlannedColumn, ...], file: str) -> None:
    """Refuse minor units of no currency: how many decimals they have is not known."""
    has_currency = any(each.column.holds == "currency" and not isinstance(each.origin, Absent) for each in planned)
    minor = [each.column.name for each in planned if isinstance(each.origin, Minor)]
    if minor and not has_currency:
        msg = f"{file} has no currency, expected one for {', '.join(minor)} in minor units"
        raise DataRefused(f'{msg}\nname it in the map: [columns] currency = "…" or [constants] currency = "EUR"')


def _carried(header: Header, mapping: Mapping) -> tuple[Carried, ...]:
    if mapping.carry is None:
        return ()
    by = header.position(mapping.carry.by, "[carry]")
    return tuple(
        Carried(position, by, header.position(source, "[carry]"), _conditions(header, where, "[carry]"))
        for position, (source, where) in enumerate(mapping.carry.columns.values(), start=len(header.names))
    )


def _conditions(header: Header, where: Words, said: str) -> tuple[Condition, ...]:
    return tuple((header.position(name, said), words) for name, words in where.items())


def _check_required(planned: tuple[PlannedColumn, ...], header: Header) -> None:
    lacking = [each.column.name for each in planned if each.column.required and isinstance(each.origin, Absent)]
    if not lacking:
        return
    names = [name.casefold() for name in header.names if name]
    near = {name: get_close_matches(name, names, n=2, cutoff=0.5) for name in lacking}
    hints = "; ".join(
        f"{name} may be {' or '.join(map(terminal_text, names))}" for name, names in near.items() if names
    )
    way = f'[columns] {lacking[0]} = "a column of the file"'
    if lacking == ["currency"]:
        way += ', or one currency for all rows: [constants] currency = "USD"'
    raise DataRefused(
        f"{header.file} lacks {', '.join(lacking)}; it has {header.listed()}\n"
        f"name them in a map: {way}{f' ({hints})' if hints else ''}"
    )

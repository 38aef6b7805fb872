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
from payrec.data.load.origins import Absent, Header, PlannedColumn
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

    @property
    def used(self) -> tuple[str, ...]:
        """Names of the file's columns that are read."""
        return tuple(self.dialect.header[position] for position in self.positions)

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
        carry = self.mapping.carry
        carried = (
            [f"{name} from {source}{_where(where)}" for name, (source, where) in carry.columns.items()] if carry else []
        )
        return (
            f"file     {self.file}: {self.dialect.words()}",
            f"mapping  {self.mapping.name}, into {self.kind}:",
            *shown,
            *([f"carried  within {carry.by}: " + "; ".join(carried)] if carry else []),
            *([f"only     rows{_where(self.mapping.only)}"] if self.only else []),
            "ignored  " + (", ".join(self.ignored) or "no column"),
        )


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
    header = Header(file, dialect.header, mapping.name, tuple(mapping.carry.columns) if mapping.carry else ())
    for name in mapping.ignore:
        header.position(name, "ignore")
    carried = _carried(Header(file, dialect.header, mapping.name), mapping)
    only = _conditions(header, mapping.only, "[only]")
    planned = tuple(origins.plan_column(column, header, target, mapping) for column in target.columns)
    _check_required(planned, header)
    needed = {position for each in planned for position in each.positions()} | {position for position, _ in only}
    for each in carried:
        needed |= {each.by, each.source, *(position for position, _ in each.conditions)}
    positions = tuple(sorted(position for position in needed if position < len(dialect.header)))
    return LoadPlan(file, target.kind, dialect, planned, carried, only, positions, mapping)


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
    raise DataRefused(
        f"{header.file} lacks {', '.join(lacking)}; it has {header.listed()}\n"
        f'name them in a map: [columns] {lacking[0]} = "a column of the file"{f" ({hints})" if hints else ""}'
    )

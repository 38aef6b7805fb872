"""A file's header and a map put together: where each of our columns comes from. Shown before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from payrec.common.errors import DataRefused
from payrec.common.text import terminal_text
from payrec.data.load import origins
from payrec.data.load.dialect import Dialect
from payrec.data.load.mapping import Mapping, Words
from payrec.data.load.origins import Absent, Header, Made
from payrec.data.load.targets import Kind, Target

Condition = tuple[int, tuple[str, ...]]  # the column at a place has one of these values


@dataclass(frozen=True)
class Carried:
    """A column made of an event log: the last value so far, within a case, of a column in rows that meet conditions."""

    place: int
    by: int
    source: int
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class LoadPlan:
    """How a file will be read. ``lines()`` is what is shown before it is done."""

    file: str
    kind: Kind
    dialect: Dialect
    made: tuple[Made, ...]
    carried: tuple[Carried, ...]
    only: tuple[Condition, ...]
    places: tuple[int, ...]  # of the file's columns that are read
    mapping: Mapping

    @property
    def used(self) -> tuple[str, ...]:
        """Names of the file's columns that are read."""
        return tuple(self.dialect.header[place] for place in self.places)

    @property
    def ignored(self) -> tuple[str, ...]:
        """Names of the file's columns that are not read."""
        return tuple(
            terminal_text(n) or "(no name)" for place, n in enumerate(self.dialect.header) if place not in self.places
        )

    def lines(self) -> tuple[str, ...]:
        """Return dialect and mapping, one line a column, as plain text."""
        width = max(len(each.column.name) for each in self.made)
        shown = [
            f"  {each.column.name:<{width}}  {each.words}" for each in self.made if not isinstance(each.origin, Absent)
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
        header.place(name, "ignore")
    carried = _carried(Header(file, dialect.header, mapping.name), mapping)
    only = _conditions(header, mapping.only, "[only]")
    made = tuple(origins.made(column, header, target, mapping) for column in target.columns)
    _check_required(made, header)
    needed = {place for each in made for place in each.places()} | {place for place, _ in only}
    for each in carried:
        needed |= {each.by, each.source, *(place for place, _ in each.conditions)}
    places = tuple(sorted(place for place in needed if place < len(dialect.header)))
    return LoadPlan(file, target.kind, dialect, made, carried, only, places, mapping)


def _carried(header: Header, mapping: Mapping) -> tuple[Carried, ...]:
    if mapping.carry is None:
        return ()
    by = header.place(mapping.carry.by, "[carry]")
    return tuple(
        Carried(place, by, header.place(source, "[carry]"), _conditions(header, where, "[carry]"))
        for place, (source, where) in enumerate(mapping.carry.columns.values(), start=len(header.names))
    )


def _conditions(header: Header, where: Words, said: str) -> tuple[Condition, ...]:
    return tuple((header.place(name, said), words) for name, words in where.items())


def _check_required(made: tuple[Made, ...], header: Header) -> None:
    lacking = [each.column.name for each in made if each.column.required and isinstance(each.origin, Absent)]
    if not lacking:
        return
    names = [name.casefold() for name in header.names if name]
    near = {name: get_close_matches(name, names, n=2, cutoff=0.5) for name in lacking}
    hints = "; ".join(
        f"{name} may be {' or '.join(map(terminal_text, found))}" for name, found in near.items() if found
    )
    msg = (
        f"{header.file} lacks {', '.join(lacking)}; it has {header.listed()}\n"
        f'name them in a map: [columns] {lacking[0]} = "a column of the file"{f" ({hints})" if hints else ""}'
    )
    raise DataRefused(msg)

"""Where a column of ours comes from: the file, a constant, or made of others by the map's [derived] rules."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NoReturn

from payrec.common.errors import DataRefused, UsageError
from payrec.common.text import terminal_text
from payrec.data.load.mapping import Mapping
from payrec.data.load.targets import Column, Target

LINE = "line"  # {line} in a template: the line of the file on which the row starts
_PLACEHOLDER = re.compile(r"\{([^{}]+?)(?::(\d{1,3}))?\}")
_SHIFT = re.compile(r"\s*(\w+)\s*([+-])\s*(.+?)(?:\s+days)?\s*")
_SCALE = re.compile(r"\s*(.+?)\s*([*/])\s*(-?\d+(?:\.\d+)?)\s*")
_FACTOR = re.compile(r"-?\d{1,5}(\.\d{1,4})?")
_DIVISORS = {"1": "1", "10": "0.1", "100": "0.01", "1000": "0.001"}


@dataclass(frozen=True)
class FromColumn:
    """The file's column at a place (from 0)."""

    place: int


@dataclass(frozen=True)
class Constant:
    """One value for every row."""

    value: str


@dataclass(frozen=True)
class Part:
    """A column in a template: its place (None: the line number), and how many of its first characters (None: all)."""

    place: int | None
    characters: int | None = None


@dataclass(frozen=True)
class Template:
    """Text put together of plain text and columns."""

    parts: tuple[str | Part, ...]


@dataclass(frozen=True)
class Shift:
    """A date of ours plus or minus days: a fixed number, or the number in the file's column at ``place``."""

    base: str
    sign: str
    days: int | None
    place: int | None


@dataclass(frozen=True)
class Scaled:
    """The number in the file's column at a place, times a factor (``0.01`` for cents)."""

    place: int
    factor: str


@dataclass(frozen=True)
class Absent:
    """Not in the file: NULL, or made by the loader (``event_id``)."""


Origin = FromColumn | Constant | Template | Shift | Scaled | Absent


@dataclass(frozen=True)
class Made:
    """A column of ours and where it comes from; ``words`` says so for people."""

    column: Column
    origin: Origin
    words: str

    def places(self) -> frozenset[int]:
        """Places of the columns that are needed for it."""
        match self.origin:
            case FromColumn(place) | Scaled(place) | Shift(place=int(place)):
                return frozenset({place})
            case Template(parts):
                return frozenset(p.place for p in parts if isinstance(p, Part) and p.place is not None)
        return frozenset()


@dataclass(frozen=True)
class Header:
    """Finds columns by name: blanks around a name and capital letters do not count.

    ``carried`` columns of the map stand after the file's own, and before them where the name is the same.
    """

    file: str
    names: tuple[str, ...]
    map_name: str
    carried: tuple[str, ...] = ()

    def find(self, name: str) -> int | None:
        """Return the place of a column, None if there is none of this name."""
        folded = name.strip().casefold()
        numbered = [*enumerate(self.carried, start=len(self.names)), *enumerate(self.names)]
        places = [place for place, each in numbered if folded and each.strip().casefold() == folded]
        return places[0] if places else None

    def place(self, name: str, where: str) -> int:
        """Return the place of a column that the map names.

        Raises
        ------
        DataRefused
            There is none; the nearest name is given.
        """
        place = self.find(name)
        if place is None:
            near = get_close_matches(name, self.names, n=1, cutoff=0.5)
            hint = f", nearest is {near[0]!r}" if near else ""
            found = f"{self.file} has no column {name!r}, named in {where} of {self.map_name}{hint}"
            msg = f"{found}\nit has {self.listed()}"
            raise DataRefused(msg)
        return place

    def name(self, place: int) -> str:
        """Return the name of the column at a place."""
        return (*self.names, *self.carried)[place]

    def listed(self, most: int = 30) -> str:
        """Return the names for a message."""
        listed = ", ".join(terminal_text(name) or "(no name)" for name in self.names[:most])
        return listed + (f" and {len(self.names) - most} more" if len(self.names) > most else "")


def made(column: Column, header: Header, target: Target, mapping: Mapping) -> Made:
    """Say where a column of ours comes from: constant, derived, named by the map, or of the same name.

    Raises
    ------
    DataRefused
        The map names a column that the file does not have.
    UsageError
        The map derives it in a way that cannot be meant.
    """
    name = column.name
    if name in mapping.constants:
        value = mapping.constants[name]
        return Made(column, Constant(value), f"always {value!r}" if value else "always empty")
    if name in mapping.derived:
        return _derived(column, header, target, mapping)
    if name in mapping.columns:
        place = header.place(mapping.columns[name], "[columns]")
        return Made(column, FromColumn(place), f"from {header.name(place)!r}")
    found = header.find(name)
    if found is None or name in {each.strip().casefold() for each in mapping.ignore}:
        return Made(column, Absent(), "not in the file")
    return Made(column, FromColumn(found), f"from {header.name(found)!r}")


def _derived(column: Column, header: Header, target: Target, mapping: Mapping) -> Made:
    rule = mapping.derived[column.name]
    if column.holds in ("day", "time"):
        bases = {each.name for each in target.columns if each.holds == column.holds} - set(mapping.derived)
        return Made(column, _shift(column, rule, header, bases), f"= {rule.removesuffix(' days')} days")
    if column.holds in ("amount", "rate"):
        return Made(column, _scaled(column, rule, header), f"= {rule}")
    return Made(column, _template(column, rule, header), f"= {rule!r}")


def _shift(column: Column, rule: str, header: Header, bases: set[str]) -> Shift:
    found = _SHIFT.fullmatch(rule)
    if not found or found[1] not in bases:
        known = ", ".join(sorted(bases))
        _refuse(column, rule, f'a date of ours ({known}) plus days, a column or a number: "{min(bases)} + days"')
    if found[3].isdigit():
        return Shift(found[1], found[2], int(found[3]), None)
    return Shift(found[1], found[2], None, header.place(found[3], f"[derived] {column.name}"))


def _scaled(column: Column, rule: str, header: Header) -> Scaled:
    found = _SCALE.fullmatch(rule)
    factor = found and (found[3] if found[2] == "*" else _DIVISORS.get(found[3]))
    if not found or not factor or not _FACTOR.fullmatch(factor):
        _refuse(column, rule, 'a column times a number, or divided by 10, 100 or 1000: "amount_cents / 100"')
    return Scaled(header.place(found[1], f"[derived] {column.name}"), factor)


def _template(column: Column, rule: str, header: Header) -> Template:
    parts: list[str | Part] = []
    end = 0
    for found in _PLACEHOLDER.finditer(rule):
        parts += [rule[end : found.start()]] if found.start() > end else []
        place = None if found[1] == LINE else header.place(found[1], f"[derived] {column.name}")
        parts.append(Part(place, int(found[2]) if found[2] else None))
        end = found.end()
    if not parts:
        _refuse(column, rule, 'text with columns in braces: "{supplier}-{line}"; a fixed text belongs in [constants]')
    return Template((*parts, *([rule[end:]] if rule[end:] else [])))


def _refuse(column: Column, rule: str, wanted: str) -> NoReturn:
    msg = f"[derived] {column.name} = {rule!r}\nexpected {wanted}"
    raise UsageError(msg)

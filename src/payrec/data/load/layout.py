"""A file's header and a map put together: where each of our columns comes from. Shown before anything is loaded."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NoReturn

from payrec.data.load.dialect import Dialect
from payrec.data.load.mapping import Mapping
from payrec.data.load.targets import Column, Kind, Target
from payrec.errors import DataRefused, UsageError

LINE = "line"  # {line} in a template: the line of the file on which the row starts
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
_SHIFT = re.compile(r"\s*(\w+)\s*([+-])\s*(.+?)(?:\s+days)?\s*")
_SCALE = re.compile(r"\s*(.+?)\s*([*/])\s*(-?\d+(?:\.\d+)?)\s*")
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
class Template:
    """Text put together: plain parts as str, columns by place, ``None`` for the line number."""

    parts: tuple[str | int | None, ...]


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


@dataclass(frozen=True)
class LoadPlan:
    """How a file will be read. ``lines()`` is what is shown before it is done."""

    file: str
    kind: Kind
    dialect: Dialect
    made: tuple[Made, ...]
    used: tuple[str, ...]
    ignored: tuple[str, ...]
    mapping: Mapping

    def lines(self) -> tuple[str, ...]:
        """Dialect and mapping, one line a column, as plain text."""
        width = max(len(each.column.name) for each in self.made)
        shown = [
            f"  {each.column.name:<{width}}  {each.words}" for each in self.made if not isinstance(each.origin, Absent)
        ]
        left_out = [f"{column} = {' or '.join(words)}" for column, words in self.mapping.only.items()]
        return (
            f"file     {self.file}: {self.dialect.words()}",
            f"mapping  {self.mapping.name}, into {self.kind}:",
            *shown,
            *(["only     rows with " + " and ".join(left_out)] if left_out else []),
            "ignored  " + (", ".join(self.ignored) or "no column"),
        )


@dataclass(frozen=True)
class _Header:
    """Finds columns by name: blanks around a name and capital letters do not count."""

    file: str
    names: tuple[str, ...]
    map_name: str

    def find(self, name: str) -> int | None:
        folded = name.strip().casefold()
        places = [place for place, each in enumerate(self.names) if each.strip().casefold() == folded and folded]
        return places[0] if places else None

    def place(self, name: str, where: str) -> int:
        place = self.find(name)
        if place is None:
            near = get_close_matches(name, self.names, n=1, cutoff=0.5)
            hint = f", nearest is {near[0]!r}" if near else ""
            found = f"{self.file} has no column {name!r}, named in {where} of {self.map_name}{hint}"
            msg = f"{found}\nit has {_listed(self.names)}"
            raise DataRefused(msg)
        return place


def lay_out(file: str, dialect: Dialect, target: Target, mapping: Mapping) -> LoadPlan:
    """Say where each column of ``target`` comes from.

    Raises
    ------
    DataRefused
        The file lacks a required column or one that the map names; the nearest candidates are named.
    UsageError
        The map derives a column in a way that cannot be meant.
    """
    header = _Header(file, dialect.header, mapping.name)
    made = tuple(_origin(column, header, target, mapping) for column in target.columns)
    down = (mapping.fill_down.by, *mapping.fill_down.columns) if mapping.fill_down else ()
    for where, names in (("ignore", mapping.ignore), ("[only]", mapping.only), ("[fill_down]", down)):
        for name in names:
            header.place(name, where)
    _check_required(made, header, mapping)
    places = used_places(made, mapping, dialect.header)
    used = tuple(dialect.header[place] for place in places)
    ignored = tuple(name or "(no name)" for place, name in enumerate(dialect.header) if place not in places)
    return LoadPlan(file, target.kind, dialect, made, used, ignored, mapping)


def used_places(made: Iterable[Made], mapping: Mapping, names: tuple[str, ...]) -> tuple[int, ...]:
    """Places of the file's columns that the load reads."""
    header = _Header("", names, mapping.name)
    places: set[int] = set()
    for each in made:
        match each.origin:
            case FromColumn(place) | Scaled(place):
                places.add(place)
            case Shift(place=int(place)):
                places.add(place)
            case Template(parts):
                places.update(part for part in parts if isinstance(part, int))
    named = [*mapping.only, *((mapping.fill_down.by, *mapping.fill_down.columns) if mapping.fill_down else ())]
    return tuple(sorted(places | {header.place(name, "[only] or [fill_down]") for name in named}))


def _origin(column: Column, header: _Header, target: Target, mapping: Mapping) -> Made:
    name = column.name
    if name in mapping.constants:
        value = mapping.constants[name]
        return Made(column, Constant(value), f"always {value!r}" if value else "always empty")
    if name in mapping.derived:
        return _derived(column, mapping.derived[name], header, target)
    if name in mapping.columns:
        place = header.place(mapping.columns[name], "[columns]")
        return Made(column, FromColumn(place), f"from {header.names[place]!r}")
    found = header.find(name)
    if found is None or name.casefold() in {each.strip().casefold() for each in mapping.ignore}:
        return Made(column, Absent(), "not in the file")
    return Made(column, FromColumn(found), f"from {header.names[found]!r}")


def _derived(column: Column, rule: str, header: _Header, target: Target) -> Made:
    where = f"[derived] {column.name}"
    if column.holds in ("day", "time"):
        return Made(
            column, _shift(column, rule, header, target), f"= {rule} days" if "days" not in rule else f"= {rule}"
        )
    if column.holds in ("amount", "rate"):
        found = _SCALE.fullmatch(rule)
        factor = found and (found[3] if found[2] == "*" else _DIVISORS.get(found[3]))
        if not found or not factor:
            _refuse(column, rule, 'a column times a number, or divided by 10, 100 or 1000: "amount_cents / 100"')
        return Made(column, Scaled(header.place(found[1], where), factor), f"= {rule}")
    parts: list[str | int | None] = []
    end = 0
    for found in _PLACEHOLDER.finditer(rule):
        parts += [rule[end : found.start()]] if found.start() > end else []
        parts.append(None if found[1] == LINE else header.place(found[1], where))
        end = found.end()
    if not parts:
        _refuse(column, rule, 'text with columns in braces: "{supplier}-{line}"; a fixed text belongs in [constants]')
    return Made(column, Template((*parts, *([rule[end:]] if rule[end:] else []))), f"= {rule!r}")


def _shift(column: Column, rule: str, header: _Header, target: Target) -> Shift:
    found = _SHIFT.fullmatch(rule)
    bases = {each.name for each in target.columns if each.holds == column.holds and each.name != column.name}
    if not found or found[1] not in bases:
        _refuse(
            column, rule, f'one of {", ".join(sorted(bases))} plus a column or number of days: "{min(bases)} + days"'
        )
    if found[3].isdigit():
        return Shift(found[1], found[2], int(found[3]), None)
    return Shift(found[1], found[2], None, header.place(found[3], f"[derived] {column.name}"))


def _refuse(column: Column, rule: str, wanted: str) -> NoReturn:
    msg = f"[derived] {column.name} = {rule!r}\nexpected {wanted}"
    raise UsageError(msg)


def _check_required(made: tuple[Made, ...], header: _Header, mapping: Mapping) -> None:
    lacking = [each.column.name for each in made if each.column.required and isinstance(each.origin, Absent)]
    if not lacking:
        return
    near = {
        name: get_close_matches(name, [n.casefold() for n in header.names if n], n=2, cutoff=0.5) for name in lacking
    }
    hints = "; ".join(f"{name} may be {' or '.join(found)}" for name, found in near.items() if found)
    msg = (
        f"{header.file} lacks {', '.join(lacking)}; it has {_listed(header.names)}\n"
        f'name them in a map: [columns] {lacking[0]} = "a column of the file"{f" ({hints})" if hints else ""}'
    )
    raise DataRefused(msg)


def _listed(names: tuple[str, ...], most: int = 30) -> str:
    shown = ", ".join(name[:40] or "(no name)" for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")

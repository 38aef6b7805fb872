"""Where a column of ours comes from: the file, a constant, or other columns by the map's [derived] rules."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NoReturn

from payrec.common.errors import DataRefused, UsageError
from payrec.common.text import terminal_text
from payrec.data.load.mapping import Mapping
from payrec.data.load.targets import Column, Target

_MINOR = " minor"
_CALCULATIONS = (
    'a column times a number, or divided by 10, 100 or 1000: "amount_cents / 100"; '
    'the minor unit of the currency: "amount_due minor"; or one column less another: "Credit - Debit"'
)
LINE = "line"  # {line} in a template: the line of the file on which the row starts
_PLACEHOLDER = re.compile(r"\{([^{}]+?)(?::(\d{1,3}))?\}")
_SHIFT = re.compile(r"\s*(\w+)\s*([+-])\s*(.+?)(?:\s+days)?\s*")
_SCALE = re.compile(r"\s*(.+?)\s*([*/])\s*(-?\d+(?:\.\d+)?)\s*")
_FACTOR = re.compile(r"-?\d{1,5}(\.\d{1,4})?")
_DIVISORS = {"1": "1", "10": "0.1", "100": "0.01", "1000": "0.001"}


@dataclass(frozen=True)
class FromColumn:
    """The file's column at a position (from 0); of several the first that is not empty."""

    positions: tuple[int, ...]


@dataclass(frozen=True)
class Constant:
    """One value for every row."""

    value: str


@dataclass(frozen=True)
class Part:
    """A column in a template: its place (None: the line number), and how many of its first characters (None: all)."""

    position: int | None
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
    position: int | None


@dataclass(frozen=True)
class Scaled:
    """The number in the file's column at a place, times a factor (``0.01`` for cents).

    ``is_divided``: by 10, 100 or 1000, as minor units are, whose number depends on the currency.
    """

    position: int
    factor: str
    is_divided: bool = False


@dataclass(frozen=True)
class Minor:
    """The number in the file's column at a position, in minor units of the row's currency as ``source`` counts them."""

    position: int
    source: str


@dataclass(frozen=True)
class Difference:
    """The number in the file's column at a position, less that at another; an empty one of the two is 0."""

    position: int
    less: int


@dataclass(frozen=True)
class Absent:
    """Not in the file: NULL, or made by the loader (``event_id``)."""


Origin = FromColumn | Constant | Template | Shift | Scaled | Minor | Difference | Absent


@dataclass(frozen=True)
class PlannedColumn:
    """A column of ours and where it comes from; ``words`` says so for people."""

    column: Column
    origin: Origin
    words: str

    def positions(self) -> frozenset[int]:
        """Places of the columns that are needed for it."""
        match self.origin:
            case FromColumn(positions):
                return frozenset(positions)
            case Scaled(position) | Minor(position) | Shift(position=int(position)):
                return frozenset({position})
            case Difference(position, less):
                return frozenset({position, less})
            case Template(parts):
                return frozenset(p.position for p in parts if isinstance(p, Part) and p.position is not None)
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
        positions = [position for position, each in numbered if folded and each.strip().casefold() == folded]
        return positions[0] if positions else None

    def position(self, name: str, where: str) -> int:
        """Return the place of a column that the map names.

        Raises
        ------
        DataRefused
            There is none; the nearest name is given.
        """
        position = self.find(name)
        if position is None:
            near = get_close_matches(name, self.names, n=1, cutoff=0.5)
            hint = f", nearest is {near[0]!r}" if near else ""
            problem = f"{self.file} has no column {name!r}, named in {where} of {self.map_name}{hint}"
            raise DataRefused(f"{problem}\nit has {self.listed()}")
        return position

    def name(self, position: int) -> str:
        """Return the name of the column at a place."""
        return (*self.names, *self.carried)[position]

    def listed(self, most: int = 30) -> str:
        """Return the names for a message."""
        listed = ", ".join(terminal_text(name) or "(no name)" for name in self.names[:most])
        return listed + (f" and {len(self.names) - most} more" if len(self.names) > most else "")


def plan_column(column: Column, header: Header, target: Target, mapping: Mapping) -> PlannedColumn:
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
        return PlannedColumn(column, Constant(value), f"always {value!r}" if value else "always empty")
    if name in mapping.derived:
        return _derived(column, header, target, mapping)
    if name in mapping.columns:
        positions = [header.position(each, "[columns]") for each in mapping.columns[name]]
        words = ", else ".join(repr(header.name(position)) for position in positions)
        return PlannedColumn(column, FromColumn(tuple(positions)), f"from {words}")
    namesake = header.find(name)
    if namesake is None or mapping.ignores(name):
        return PlannedColumn(column, Absent(), "not in the file")
    return PlannedColumn(column, FromColumn((namesake,)), f"from {header.name(namesake)!r}")


def _derived(column: Column, header: Header, target: Target, mapping: Mapping) -> PlannedColumn:
    rule = mapping.derived[column.name]
    if column.holds in ("amount", "rate"):
        return PlannedColumn(column, _calculated(column, rule, header, mapping), f"= {rule}")
    if column.holds in ("day", "time") and not _PLACEHOLDER.search(rule):
        bases = {each.name for each in target.columns if each.holds == column.holds} - set(mapping.derived)
        return PlannedColumn(column, _shift(column, rule, header, bases), f"= {rule.removesuffix(' days')} days")
    return PlannedColumn(column, _template(column, rule, header), f"= {rule!r}")


def _shift(column: Column, rule: str, header: Header, bases: set[str]) -> Shift:
    match = _SHIFT.fullmatch(rule)
    if not match or match[1] not in bases:
        known = ", ".join(sorted(bases))
        _refuse(column, rule, f'a date of ours ({known}) plus days, a column or a number: "{min(bases)} + days"')
    if match[3].isdigit():
        return Shift(match[1], match[2], int(match[3]), None)
    return Shift(match[1], match[2], None, header.position(match[3], f"[derived] {column.name}"))


def _calculated(column: Column, rule: str, header: Header, mapping: Mapping) -> Scaled | Minor | Difference:
    where = f"[derived] {column.name}"
    if rule.endswith(_MINOR):
        if not mapping.units:
            _refuse(column, rule, 'whose minor units they are in the map: units = "stripe", "adyen" or "iso"')
        return Minor(header.position(rule.removesuffix(_MINOR), where), mapping.units)
    match = _SCALE.fullmatch(rule)
    factor = match and (match[3] if match[2] == "*" else _DIVISORS.get(match[3]))
    if match and factor and _FACTOR.fullmatch(factor):
        return Scaled(header.position(match[1], where), factor, match[2] == "/")
    splits = [(rule[: minus.start()], rule[minus.end() :]) for minus in re.finditer(r"\s+[-−]\s+", rule)]
    for minuend, subtrahend in splits:  # a name may hold a minus, too
        position, less = header.find(minuend), header.find(subtrahend)
        if position is not None and less is not None:
            if column.name in mapping.extract or column.name in mapping.values:
                _refuse(column, rule, "no [extract] and no [values] for a column less another: they are for one text")
            return Difference(position, less)
    if not splits:
        _refuse(column, rule, _CALCULATIONS)
    minuend, subtrahend = splits[0]
    return Difference(header.position(minuend, where), header.position(subtrahend, where))


def _template(column: Column, rule: str, header: Header) -> Template:
    parts: list[str | Part] = []
    end = 0
    for match in _PLACEHOLDER.finditer(rule):
        parts += [rule[end : match.start()]] if match.start() > end else []
        position = None if match[1] == LINE else header.position(match[1], f"[derived] {column.name}")
        parts.append(Part(position, int(match[2]) if match[2] else None))
        end = match.end()
    if not parts:
        _refuse(column, rule, 'text with columns in braces: "{supplier}-{line}"; a fixed text belongs in [constants]')
    return Template((*parts, *([rule[end:]] if rule[end:] else [])))


def _refuse(column: Column, rule: str, wanted: str) -> NoReturn:
    raise UsageError(f"[derived] {column.name} = {rule!r}\nexpected {wanted}")

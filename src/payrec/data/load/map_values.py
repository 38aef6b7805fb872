"""The values that a map may hold, checked one by one; a wrong one is refused with the form that is expected."""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Mapping as AbstractMapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from difflib import get_close_matches
from types import MappingProxyType
from typing import NoReturn
from zoneinfo import available_timezones

from payrec.common.errors import UsageError
from payrec.data.load.minor_units import DECIMALS
from payrec.data.load.targets import TARGETS, Kind

Texts = AbstractMapping[str, str]
Words = AbstractMapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class OnePer:
    """One row per value of a column: the first or last by another column, or by their order in the file (None)."""

    per: str
    by: str | None


@dataclass(frozen=True)
class Carry:
    """Columns that an event log states once per case, carried to its later rows.

    ``columns`` has, for each new column, the file's column it is taken from, and the values that other columns must
    have in the row it is taken from (none: any row).
    """

    by: str
    columns: AbstractMapping[str, tuple[str, Words]]


def refuse(name: str, problem: str, wanted: str) -> NoReturn:
    """Refuse a map, by its name: what is wrong in it, and what was expected."""
    raise UsageError(f"{name}: {problem}\n{wanted}")


def unknown(name: str, what: str, word: str, valid: tuple[str, ...]) -> NoReturn:
    """Refuse a word that is none of the valid ones; the nearest is named."""
    near = get_close_matches(word, valid, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    refuse(name, f"{what} is unknown{hint}", "valid are: " + ", ".join(valid))


def _text(name: str, key: str, value: object) -> str:
    if not isinstance(value, str) or "\0" in value:
        refuse(name, f"{key} = {value!r}", f'expected text in quotes: {key} = "…"')
    return value


def _number_or_text(name: str, key: str, value: object) -> str:
    """Constants may be written as numbers or dates too; inside they are text like everything in a file."""
    if isinstance(value, bool):
        return str(int(value))
    return str(value) if isinstance(value, int | float | date) else _text(name, key, value)


def _words(name: str, key: str, value: object) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    return tuple(_number_or_text(name, key, word) for word in listed)


def _table(name: str, key: str, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        refuse(name, f"{key} = {value!r}", f'expected a table: [{key}] with lines such as name = "…"')
    return dict(value)


def _texts(name: str, key: str, value: object) -> Texts:
    table = _table(name, key, value)
    return MappingProxyType({k: _number_or_text(name, f"{key}.{k}", v) for k, v in table.items()})


def _values(name: str, key: str, value: object) -> AbstractMapping[str, Texts]:
    table = _table(name, key, value)
    return MappingProxyType({k: _texts(name, f"{key}.{k}", v) for k, v in table.items()})


def _lists(name: str, key: str, value: object) -> Words:
    """One text or several for each name: values of rows that are meant, or columns of which the first filled counts."""
    table = _table(name, key, value)
    expected = "a column of the file, or several" if key == "columns" else "the values of the rows that are meant"
    for column, words in table.items():
        if words == []:
            refuse(name, f"{key}.{column} = []", f"expected {expected}")
    return MappingProxyType({k: _words(name, f"{key}.{k}", v) for k, v in table.items()})


def _carry(name: str, key: str, value: object) -> Carry:
    table = _table(name, key, value)
    by = _text(name, "carry.by", table.pop("by", None))
    return Carry(by, MappingProxyType({k: _carried(name, f"carry.{k}", v) for k, v in table.items()}))


def _carried(name: str, key: str, value: object) -> tuple[str, Words]:
    if isinstance(value, str):
        return _text(name, key, value), MappingProxyType({})
    table = _table(name, key, value)
    return _text(name, f"{key}.column", table.pop("column", None)), _lists(name, key, table)


def _line(name: str, key: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        refuse(name, f"{key} = {value!r}", f"expected the number of a line, from 1: {key} = 5")
    return value


def _one_per(name: str, key: str, value: object) -> OnePer:
    table = _table(name, key, value)
    per, by = _text(name, f"{key}.per", table.pop("per", None)), table.pop("by", None)
    if table:
        unknown(name, f"the key {next(iter(table))!r} in [{key}]", next(iter(table)), ("per", "by"))
    return OnePer(per, None if by is None else _text(name, f"{key}.by", by))


def _patterns(name: str, key: str, value: object) -> Texts:
    """Regular expressions with one group each: what it matches is the value."""
    patterns = _texts(name, key, value)
    for column, pattern in patterns.items():
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            refuse(name, f"{key}.{column} = {pattern!r} is no regular expression: {error}", "see docs/loading.md")
        if groups != 1:
            wanted = r"expected one group, the value: 'code (\w+)'"
            refuse(name, f"{key}.{column} = {pattern!r} has {groups} groups in brackets", wanted)
    return patterns


def _zones(name: str, key: str, value: object) -> Texts:
    table = _table(name, key, value)
    return MappingProxyType({word: _zone(name, f"{key}.{word}", zone) for word, zone in table.items()})


def _choice(name: str, key: str, value: object) -> str:
    allowed = {"units": tuple(DECIMALS), "third_decimal": ("round",)}[key]
    if value not in allowed:
        refuse(name, f"{key} = {value!r}", f"expected one of: {', '.join(allowed)}")
    return str(value)


def _kind(name: str, key: str, value: object) -> Kind:
    for kind in TARGETS:
        if value == kind:
            return kind
    refuse(name, f"{key} = {value!r}", f"expected one of: {', '.join(TARGETS)}")


def _separator(name: str, key: str, value: object) -> str:
    mark = _text(name, key, value)
    allowed = {"decimal": (".", ","), "thousands": (".", ",", " ", "'"), "delimiter": (",", ";", "\t", "|")}[key]
    if mark not in allowed:
        refuse(name, f"{key} = {mark!r}", "expected one of: " + " ".join(repr(a) for a in allowed))
    return mark


def _zone(name: str, key: str, value: object) -> str:
    zone = _text(name, key, value)
    if zone not in available_timezones():
        near = get_close_matches(zone, available_timezones(), n=1)
        refuse(
            name, f"{key} = {zone!r} is no time zone", f"expected a name such as {near[0] if near else 'Europe/Rome'}"
        )
    return zone


def _moment(name: str, key: str, value: object) -> datetime:
    """Return the end of the observed data: a date counts to its end, a time (in UTC, or with its offset) as it is."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value) if len(value) > len("2025-01-31") else date.fromisoformat(value)
        except ValueError:
            refuse(name, f"{key} = {value!r}", f"expected a date: {key} = 2017-07-14")
    if isinstance(value, datetime):
        offset = value.utcoffset() or timedelta(0)
        return value.replace(tzinfo=None) - offset
    if not isinstance(value, date):
        refuse(name, f"{key} = {value!r}", f"expected a date: {key} = 2017-07-14")
    return datetime.combine(value, time(0)) + timedelta(days=1)


def currency(name: str, key: str, value: object) -> str:
    """Return a currency in capitals, or refuse what is none."""
    code = _text(name, key, value).strip().upper()
    if not (len(code) == len("EUR") and code.isascii() and code.isalpha()):
        refuse(name, f"{key} = {value!r}", "expected a currency of three letters, such as EUR")
    return code


READERS: dict[str, Callable[[str, str, object], object]] = {
    "kind": _kind,
    "columns": _lists,
    "constants": _texts,
    "derived": _texts,
    "values": _values,
    "only": _lists,
    "extract": _patterns,
    "formats": _texts,
    "date_format": _text,
    "decimal": _separator,
    "thousands": _separator,
    "strip": _words,
    "negative": _words,
    "units": _choice,
    "third_decimal": _choice,
    "empty": _words,
    "time_zone": _zone,
    "zone_column": _text,
    "zones": _zones,
    "ignore": _words,
    "first": _one_per,
    "last": _one_per,
    "carry": _carry,
    "delimiter": _separator,
    "header_row": _line,
    "sheet": _text,
    "array": _text,
    "encoding": _text,
    "known_at_creation": _words,
    "observed_until": _moment,
    "reporting_currency": currency,
}

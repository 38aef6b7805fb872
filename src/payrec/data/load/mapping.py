"""``map.toml``: how a file's columns become ours. ``docs/loading.md`` has every key; an unknown one is refused."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from collections.abc import Mapping as AbstractMapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn
from zoneinfo import available_timezones

from payrec.common.errors import UsageError
from payrec.data.load.targets import TARGETS, Kind

Texts = AbstractMapping[str, str]


def _nothing() -> Texts:
    return MappingProxyType({})


Words = AbstractMapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Carry:
    """Columns that an event log states once per case, carried to its later rows.

    ``columns`` has, for each new column, the file's column it is taken from, and the values that other columns must
    have in the row it is taken from (none: any row).
    """

    by: str
    columns: AbstractMapping[str, tuple[str, Words]]


@dataclass(frozen=True)
class Mapping:
    """A read map. Left side: columns of ours; right side: columns of the file, unless said otherwise."""

    kind: Kind | None = None
    columns: Texts = field(default_factory=_nothing)  # ours = the file's
    constants: Texts = field(default_factory=_nothing)  # ours = a fixed value ('' is empty)
    derived: Texts = field(default_factory=_nothing)  # ours = "{a}-{b}", "date + days column", "amount column / 100"
    values: AbstractMapping[str, Texts] = field(
        default_factory=lambda: MappingProxyType({})
    )  # ours: the file's value = ours
    only: Words = field(default_factory=lambda: MappingProxyType({}))  # the file's = values
    formats: Texts = field(default_factory=_nothing)  # ours = strptime format, 'iso', 'excel', 'epoch' or 'epoch_ms'
    date_format: str | None = None  # for every date column without its own format
    decimal: str | None = None
    thousands: str | None = None
    strip: tuple[str, ...] = ()  # text taken out of numbers
    empty: tuple[str, ...] = ()  # words that mean "no value"
    time_zone: str | None = None  # of times written without a zone
    ignore: tuple[str, ...] = ()  # columns of the file that are not read, even if named like ours
    carry: Carry | None = None  # columns stated once per case, carried to its later rows
    delimiter: str | None = None
    encoding: str | None = None
    known_at_creation: tuple[str, ...] | None = None
    observed_until: datetime | None = None
    reporting_currency: str | None = None
    name: str = "no map"  # where it was read from, for messages


def read_mapping(path: Path) -> Mapping:
    """Read a map file.

    Raises
    ------
    UsageError
        The file is missing or not TOML; a key is unknown (the valid ones are listed) or its value cannot be meant.
    """
    path = Path(path)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"cannot read the map {path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"the map {path.name} is not valid TOML: {error}\ndocs/loading.md shows every key with an example"
        raise UsageError(msg) from error
    return from_document(document, path.name)


def from_document(document: AbstractMapping[str, object], name: str) -> Mapping:
    """Check a parsed map and make a :class:`Mapping` of it; ``name`` stands in messages."""
    for key in document:
        if key not in _READERS:
            _unknown(name, f"the key {key!r}", key, tuple(_READERS))
    values: dict[str, Any] = {key: _READERS[key](name, key, value) for key, value in document.items()}
    mapping = replace(Mapping(name=name), **values)
    _check(mapping)
    return mapping


def _check(mapping: Mapping) -> None:
    """Refuse what no file could make right."""
    if mapping.kind is not None:
        _check_columns(mapping, mapping.kind)
    seen: dict[str, str] = {}
    for section in ("columns", "constants", "derived"):
        for column in getattr(mapping, section):
            if column in seen:
                _refuse(
                    mapping.name, f"{column} stands in [{seen[column]}] and in [{section}]", "give each column once"
                )
            seen[column] = section
    if mapping.reporting_currency is not None:  # also if it was not read from a map
        _currency(mapping.name, "reporting_currency", mapping.reporting_currency)
    if mapping.decimal is not None and mapping.decimal == mapping.thousands:
        _refuse(mapping.name, f"decimal and thousands are both {mapping.decimal!r}", "they must differ")


def _check_columns(mapping: Mapping, kind: Kind) -> None:
    """Refuse names on our side that the table of ``kind`` does not have."""
    ours = TARGETS[kind].names()
    for section in ("columns", "constants", "derived", "values", "formats"):
        for column in getattr(mapping, section):
            if column not in ours:
                _unknown(mapping.name, f"{column!r} in [{section}]", column, ours)
    for column in mapping.known_at_creation or ():
        if kind != "transactions" or column not in ours:
            _unknown(mapping.name, f"{column!r} in known_at_creation", column, TARGETS["transactions"].names())


def for_kind(mapping: Mapping | None, kind: Kind) -> Mapping:
    """Return the map to use for a file of ``kind``, or refuse one that was written for another.

    Raises
    ------
    UsageError
        The map says another kind, or names columns that this kind does not have.
    """
    if mapping is None:
        return Mapping(kind=kind)
    if mapping.kind not in (None, kind):
        _refuse(
            mapping.name,
            f"the map is for {mapping.kind}, the file is loaded as {kind}",
            f"payrec load {mapping.kind} …",
        )
    mapping = replace(mapping, kind=kind)
    _check(mapping)
    return mapping


def _refuse(name: str, problem: str, wanted: str) -> NoReturn:
    raise UsageError(f"{name}: {problem}\n{wanted}")


def _unknown(name: str, what: str, word: str, valid: tuple[str, ...]) -> NoReturn:
    near = get_close_matches(word, valid, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    _refuse(name, f"{what} is unknown{hint}", "valid are: " + ", ".join(valid))


def _text(name: str, key: str, value: object) -> str:
    if not isinstance(value, str) or "\0" in value:
        _refuse(name, f"{key} = {value!r}", f'expected text in quotes: {key} = "…"')
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
        _refuse(name, f"{key} = {value!r}", f'expected a table: [{key}] with lines such as name = "…"')
    return dict(value)


def _texts(name: str, key: str, value: object) -> Texts:
    table = _table(name, key, value)
    return MappingProxyType({k: _number_or_text(name, f"{key}.{k}", v) for k, v in table.items()})


def _values(name: str, key: str, value: object) -> AbstractMapping[str, Texts]:
    table = _table(name, key, value)
    return MappingProxyType({k: _texts(name, f"{key}.{k}", v) for k, v in table.items()})


def _only(name: str, key: str, value: object) -> Words:
    table = _table(name, key, value)
    for column, words in table.items():
        if words == []:
            _refuse(name, f"{key}.{column} = []", "expected the values of the rows that are meant")
    return MappingProxyType({k: _words(name, f"{key}.{k}", v) for k, v in table.items()})


def _carry(name: str, key: str, value: object) -> Carry:
    table = _table(name, key, value)
    by = _text(name, "carry.by", table.pop("by", None))
    return Carry(by, MappingProxyType({k: _carried(name, f"carry.{k}", v) for k, v in table.items()}))


def _carried(name: str, key: str, value: object) -> tuple[str, Words]:
    if isinstance(value, str):
        return _text(name, key, value), MappingProxyType({})
    table = _table(name, key, value)
    return _text(name, f"{key}.column", table.pop("column", None)), _only(name, key, table)


def _kind(name: str, key: str, value: object) -> Kind:
    for kind in TARGETS:
        if value == kind:
            return kind
    _refuse(name, f"{key} = {value!r}", f"expected one of: {', '.join(TARGETS)}")


def _separator(name: str, key: str, value: object) -> str:
    mark = _text(name, key, value)
    allowed = {"decimal": (".", ","), "thousands": (".", ",", " ", "'"), "delimiter": (",", ";", "\t", "|")}[key]
    if mark not in allowed:
        _refuse(name, f"{key} = {mark!r}", "expected one of: " + " ".join(repr(a) for a in allowed))
    return mark


def _zone(name: str, key: str, value: object) -> str:
    zone = _text(name, key, value)
    if zone not in available_timezones():
        near = get_close_matches(zone, available_timezones(), n=1)
        _refuse(
            name, f"{key} = {zone!r} is no time zone", f"expected a name such as {near[0] if near else 'Europe/Rome'}"
        )
    return zone


def _moment(name: str, key: str, value: object) -> datetime:
    """Return the end of the observed data: a date counts to its end, a time (in UTC, or with its offset) as it is."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value) if len(value) > len("2025-01-31") else date.fromisoformat(value)
        except ValueError:
            _refuse(name, f"{key} = {value!r}", f"expected a date: {key} = 2017-07-14")
    if isinstance(value, datetime):
        offset = value.utcoffset() or timedelta(0)
        return value.replace(tzinfo=None) - offset
    if not isinstance(value, date):
        _refuse(name, f"{key} = {value!r}", f"expected a date: {key} = 2017-07-14")
    return datetime.combine(value, time(0)) + timedelta(days=1)


def _currency(name: str, key: str, value: object) -> str:
    code = _text(name, key, value).strip().upper()
    if not (len(code) == len("EUR") and code.isascii() and code.isalpha()):
        _refuse(name, f"{key} = {value!r}", "expected a currency of three letters, such as EUR")
    return code


_READERS: dict[str, Callable[[str, str, object], object]] = {
    "kind": _kind,
    "columns": _texts,
    "constants": _texts,
    "derived": _texts,
    "values": _values,
    "only": _only,
    "formats": _texts,
    "date_format": _text,
    "decimal": _separator,
    "thousands": _separator,
    "strip": _words,
    "empty": _words,
    "time_zone": _zone,
    "ignore": _words,
    "carry": _carry,
    "delimiter": _separator,
    "encoding": _text,
    "known_at_creation": _words,
    "observed_until": _moment,
    "reporting_currency": _currency,
}

KEYS: tuple[str, ...] = tuple(_READERS)

"""``map.toml``: how a file's columns become ours. ``docs/loading.md`` has every key; an unknown one is refused."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping as AbstractMapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from payrec.common.errors import UsageError
from payrec.data.load.map_values import READERS, Carry, OnePer, Texts, Words, currency, refuse, unknown
from payrec.data.load.targets import TARGETS, Kind


def _nothing() -> Texts:
    return MappingProxyType({})


def _no_words() -> Words:
    return MappingProxyType({})


@dataclass(frozen=True)
class Mapping:
    """A read map. Left side: columns of ours; right side: columns of the file, unless said otherwise."""

    kind: Kind | None = None
    columns: Words = field(default_factory=_no_words)  # ours = the file's, of several the first that is not empty
    constants: Texts = field(default_factory=_nothing)  # ours = a fixed value ('' is empty)
    derived: Texts = field(default_factory=_nothing)  # ours = "{a}-{b}", "date + days column", "amount column / 100"
    values: AbstractMapping[str, Texts] = field(
        default_factory=lambda: MappingProxyType({})
    )  # ours: the file's value = ours
    only: Words = field(default_factory=_no_words)  # the file's = values
    extract: Texts = field(default_factory=_nothing)  # ours = regular expression whose one group is the value
    formats: Texts = field(default_factory=_nothing)  # ours = strptime format, 'iso', 'excel', 'epoch' or 'epoch_ms'
    date_format: str | None = None  # for every date column without its own format
    decimal: str | None = None
    thousands: str | None = None
    strip: tuple[str, ...] = ()  # text taken out of numbers
    negative: tuple[str, ...] = ()  # words that make a number negative, such as CR
    units: str | None = None  # whose minor units amounts "in minor" are
    third_decimal: str | None = None  # 'round': of currencies that have one
    empty: tuple[str, ...] = ()  # words that mean "no value"
    time_zone: str | None = None  # of times written without a zone
    zone_column: str | None = None  # the file's, with the zone of each row
    zones: Texts = field(default_factory=_nothing)  # the file's word for a zone = its name
    first: OnePer | None = None
    last: OnePer | None = None
    ignore: tuple[str, ...] = ()  # columns of the file that are not read, even if named like ours
    carry: Carry | None = None  # columns stated once per case, carried to its later rows
    delimiter: str | None = None
    sheet: str | None = None  # of a workbook
    array: str | None = None  # the list of a JSON file whose elements are the rows
    header_row: int | None = None  # the line that holds the column names, from 1
    encoding: str | None = None
    known_at_creation: tuple[str, ...] | None = None
    observed_until: datetime | None = None
    reporting_currency: str | None = None
    name: str = "no map"  # where it was read from, for messages

    def ignores(self, column: str) -> bool:
        """Whether ``ignore`` names a column of the file."""
        return column.strip().casefold() in {each.strip().casefold() for each in self.ignore}


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
        if key not in READERS:
            unknown(name, f"the key {key!r}", key, tuple(READERS))
    values: dict[str, Any] = {key: READERS[key](name, key, value) for key, value in document.items()}
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
                refuse(mapping.name, f"{column} stands in [{seen[column]}] and in [{section}]", "give each column once")
            seen[column] = section
    if mapping.first and mapping.last:
        refuse(mapping.name, "[first] and [last] are both there", "one row per key is the first or the last")
    if mapping.reporting_currency is not None:  # also if it was not read from a map
        currency(mapping.name, "reporting_currency", mapping.reporting_currency)
    if mapping.decimal is not None and mapping.decimal == mapping.thousands:
        refuse(mapping.name, f"decimal and thousands are both {mapping.decimal!r}", "they must differ")


def _check_columns(mapping: Mapping, kind: Kind) -> None:
    """Refuse names on our side that the table of ``kind`` does not have."""
    ours = TARGETS[kind].names()
    for section in ("columns", "constants", "derived", "values", "extract", "formats"):
        for column in getattr(mapping, section):
            if column not in ours:
                unknown(mapping.name, f"{column!r} in [{section}]", column, ours)
    for column in mapping.known_at_creation or ():
        if kind != "transactions" or column not in ours:
            unknown(mapping.name, f"{column!r} in known_at_creation", column, TARGETS["transactions"].names())


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
        refuse(
            mapping.name,
            f"the map is for {mapping.kind}, the file is loaded as {kind}",
            f"payrec load {mapping.kind} …",
        )
    mapping = replace(mapping, kind=kind)
    _check(mapping)
    return mapping


KEYS: tuple[str, ...] = tuple(READERS)

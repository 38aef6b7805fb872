"""JSON and JSON lines to the same rows of text that a CSV file gives: nested names are joined by points (``a.b``).

Numbers keep their digits. A list has no text: a column that holds one is refused by its name if it is read, unless the
map says that its elements are the rows (``array``). Names may differ from record to record, so the file is read twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any

from payrec.common.errors import DataRefused
from payrec.common.text import terminal_text
from payrec.data.load import encoding
from payrec.data.load.file_bytes import OpenFile
from payrec.data.load.header import MIN_NAMES, check_names, named
from payrec.data.load.records import Rows, text_rows

BATCH_ROWS = 8_192
LONGEST_EXPONENT = 40  # of numbers that are written out
_BETWEEN = re.compile(r"[\s,]*")


@dataclass
class JsonTable:
    """What a file holds: the joined names in the order in which they come, and the names of its lists of objects."""

    names: dict[str, int] = field(default_factory=dict)
    lists: dict[str, None] = field(default_factory=dict)
    records: int = 0


def table_of_records(
    file: OpenFile, named_encoding: str | None, array: str | None, wanted: frozenset[str]
) -> JsonTable:
    """Read the names of all records.

    Raises
    ------
    DataRefused
        The file is no JSON, or no records; or it is one object, and the map does not say which of its lists is meant.
    """
    table = JsonTable()
    for _, record in _records(file, named_encoding, array):
        table.records += 1
        for name, value in _flat(file, record).items():
            table.names.setdefault(name, len(table.names))
            if isinstance(value, list) and any(isinstance(each, dict) for each in value):
                table.lists[name] = None
        if len(table.names) > file.limits.columns:
            break
    check_names(tuple(table.names), file)
    if table.records == 1 and table.lists and named(table.names, wanted) < MIN_NAMES:
        lists = [terminal_text(name) for name in table.lists]
        msg = f"{file.name} holds one object with lists in it: {', '.join(lists)}"
        raise DataRefused(f'{msg}\nadd to the map which of them holds the rows: array = "{lists[0]}"')
    if not table.names:
        raise DataRefused(f"{file.name} holds no records, expected JSON objects\nnothing was loaded")
    return table


def rows(
    file: OpenFile, named_encoding: str | None, array: str | None, table: JsonTable, mapped: Collection[int]
) -> Iterator[Rows]:
    """Yield the rows; ``line`` is the line on which the record starts, or the number of the element of ``array``.

    Raises
    ------
    DataRefused
        A column that is read holds a list or an object.
    """
    file.stream.seek(0)
    file.tally.clear()  # of the first reading
    read = frozenset(name for name, position in table.names.items() if position in mapped)
    records = _records(file, named_encoding, array)
    while batch := list(islice(records, BATCH_ROWS)):
        columns: list[list[str | None]] = [[None] * len(batch) for _ in table.names]
        for at, (line, record) in enumerate(batch):
            for name, value in _flat(file, record, read, line).items():
                columns[table.names[name]][at] = _text(value)
        yield text_rows(columns, [line for line, _ in batch], file.tally)


def _records(file: OpenFile, named_encoding: str | None, array: str | None) -> Iterator[tuple[int, dict[str, Any]]]:
    documents = _documents(file, named_encoding, file.limits.gzip_free_bytes if array else file.limits.line_bytes)
    if array is None:
        yield from documents
        return
    number = 0
    for line, document in documents:
        parent, elements = _split(file, document, array, line)
        for element in elements:
            number += 1
            yield number, {**parent, array: element}


def _split(file: OpenFile, document: dict[str, Any], array: str, line: int) -> tuple[dict[str, Any], list[Any]]:
    """Return a document without one of its lists, flat, and the elements of the list."""
    parent = _flat(file, document)
    elements = parent.pop(array, None)
    if elements is None:
        file.tally.without_array += 1
        return parent, []
    if not isinstance(elements, list):
        msg = f"{file.name}, line {line}: {terminal_text(array)!r} is no list, and the map has array = {array!r}"
        raise DataRefused(f"{msg}\nnothing was loaded")
    return parent, elements


def _documents(file: OpenFile, named_encoding: str | None, longest: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line, object) of a list of objects, or of objects one after the other."""
    decoder = json.JSONDecoder(
        object_pairs_hook=_object, parse_float=_plain_number, parse_int=str, parse_constant=str, strict=False
    )
    chunks = encoding.texts(file, named_encoding)
    text = next(chunks, "")
    position = len(text) - len(text.lstrip())
    line, is_list = 1 + text.count("\n", 0, position), text[position : position + 1] == "["
    position += is_list
    while True:
        start, position = position, _BETWEEN.match(text, position).end()  # type: ignore[union-attr]
        line += text.count("\n", start, position)
        if is_list and text[position : position + 1] == "]":
            return
        document, end, problem = _decoded(decoder, text, position)
        if document is not None:
            if not isinstance(document, dict):
                msg = f"{file.name}, line {line}: found {_text(document)!r:.40}, expected an object"
                raise DataRefused(f'{msg}\nnothing was loaded; a row is an object such as {{"order_id": 1}}')
            yield line, document
            line, position = line + text.count("\n", position, end), end
            continue
        chunk = next(chunks, None) if len(text) - position <= longest else None
        if chunk is None and position == len(text) and not is_list:
            return
        if chunk is None:
            raise DataRefused(f"{file.name}, line {line}: is no JSON that can be read: {problem}\nnothing was loaded")
        text, position = text[position:] + chunk, 0


def _decoded(decoder: json.JSONDecoder, text: str, position: int) -> tuple[Any, int, str]:
    """Return the value that begins at a position (None if there is none), where it ends, and what is wrong."""
    if position == len(text):
        return None, position, "it ends within a list"
    try:
        document, end = decoder.raw_decode(text, position)
    except RecursionError:
        return None, position, "it is nested too deeply"
    except json.JSONDecodeError as error:
        return None, position, error.msg
    except _RepeatedNameError as error:
        return None, position, f"the name {terminal_text(str(error))!r} comes twice in one object"
    return "null" if document is None else document, end, ""


class _RepeatedNameError(ValueError):
    """A name that comes twice in one object: one of its values would be lost."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) < len(pairs):
        seen: set[str] = set()
        raise _RepeatedNameError(next(name for name, _ in pairs if name in seen or seen.add(name)))  # type: ignore[func-returns-value]
    return names


def _plain_number(text: str) -> str:
    """Return a number with a point as its digits, without an exponent; a whole one without its point."""
    if text.lower().rpartition("e")[1]:
        number = Decimal(text)
        text = format(number, "f") if abs(number.adjusted()) <= LONGEST_EXPONENT else text
    whole, point, digits = text.partition(".")
    return text if digits.strip("0") or not point else whole


def _flat(
    file: OpenFile, record: Mapping[str, Any], read: frozenset[str] = frozenset(), line: int = 0
) -> dict[str, Any]:
    """Join the names of nested objects; refuse a list or an object in a column that is read, and one name twice."""
    flat: dict[str, Any] = {}
    waiting = [("", record)]
    while waiting:
        prefix, names = waiting.pop()
        for key, value in names.items():
            name = prefix + key
            if value and isinstance(value, dict | list) and name in read:
                _refuse_nested(file, name, value, line)
            if value and isinstance(value, dict):
                waiting.append((f"{name}.", value))
            elif name in flat:
                msg = f"{file.name}: two names are {terminal_text(name)!r}, one of them nested"
                raise DataRefused(f"{msg}\nnothing was loaded; rename one of them")
            else:
                flat[name] = value or None if isinstance(value, dict | list) else value
    return flat


def _refuse_nested(file: OpenFile, name: str, value: Any, line: int) -> None:
    if isinstance(value, list):
        way = f'if its elements are the rows, add to the map: array = "{terminal_text(name)}"'
    else:
        way = f"its parts have names of their own, such as {terminal_text(f'{name}.{next(iter(value))}')!r}"
    what = "a list" if isinstance(value, list) else "an object"
    msg = f"{file.name}, line {line}: the column {terminal_text(name)!r} holds {what}, expected text or a number"
    raise DataRefused(f"{msg}\nnothing was loaded; {way}")


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else json.dumps(value)

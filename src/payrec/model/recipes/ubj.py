"""A strict reader of the part of UBJSON (https://ubjson.org) that XGBoost writes: lengths are checked before use.

XGBoost's own reader ends the process when a file stops in the middle, so nothing is handed to it unread.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

DEEPEST = 12
NUMBERS = {"i": ">b", "U": ">B", "I": ">h", "l": ">i", "L": ">q", "d": ">f", "D": ">d"}
ARRAYS = {"i": "i1", "U": "u1", "I": ">i2", "l": ">i4", "L": ">i8", "d": ">f4", "D": ">f8"}
CONSTANTS = {"T": True, "F": False, "Z": None}


def parse(content: bytes) -> Any:
    """Return the one value in ``content``: dicts, lists, text, numbers, and NumPy arrays for typed lists.

    Raises
    ------
    ValueError
        It stops early, goes on after the end, repeats a key, or holds anything else.
    """
    value, end = _value(content, 0, DEEPEST)
    if end != len(content):
        msg = f"{len(content) - end} bytes after the end"
        raise ValueError(msg)
    return value


def _value(content: bytes, at: int, depth: int) -> tuple[Any, int]:
    if depth == 0:
        msg = f"nested deeper than {DEEPEST}"
        raise ValueError(msg)
    marker, at = _marker(content, at)
    if marker == "{":
        return _object(content, at, depth)
    if marker == "[":
        return _array(content, at, depth)
    if marker == "S":
        return _text(content, at)
    if marker in CONSTANTS:
        return CONSTANTS[marker], at
    return _number(content, at, marker)


def _object(content: bytes, at: int, depth: int) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    while content[at : at + 1] != b"}":
        key, at = _text(content, at)
        if key in found:
            msg = f"the key {key!r} twice"
            raise ValueError(msg)
        found[key], at = _value(content, at, depth - 1)
    return found, at + 1


def _array(content: bytes, at: int, depth: int) -> tuple[Any, int]:
    kind = ""
    marker, at = _marker(content, at)
    if marker == "$":
        kind, at = _marker(content, at)
        marker, at = _marker(content, at)
    if marker != "#":
        msg = "a list without its length"
        raise ValueError(msg)
    count, at = _length(content, at)
    if kind:
        return _typed(content, at, kind, count)
    values = []
    for _ in range(count):
        value, at = _value(content, at, depth - 1)
        values.append(value)
    return values, at


def _typed(content: bytes, at: int, kind: str, count: int) -> tuple[Any, int]:
    if kind not in ARRAYS:
        msg = f"a list of the unknown type {kind!r}"
        raise ValueError(msg)
    size = count * np.dtype(ARRAYS[kind]).itemsize
    return np.frombuffer(_bytes(content, at, size), ARRAYS[kind]), at + size


def _text(content: bytes, at: int) -> tuple[str, int]:
    size, at = _length(content, at)
    return _bytes(content, at, size).decode("utf-8"), at + size


def _length(content: bytes, at: int) -> tuple[int, int]:
    marker, at = _marker(content, at)
    if marker != "L":
        msg = f"a length of type {marker!r}"
        raise ValueError(msg)
    value, at = _number(content, at, marker)
    if not 0 <= value <= len(content):
        msg = f"the length {value} in {len(content)} bytes"
        raise ValueError(msg)
    return int(value), at


def _number(content: bytes, at: int, marker: str) -> tuple[Any, int]:
    if marker not in NUMBERS:
        msg = f"the unknown marker {marker!r}"
        raise ValueError(msg)
    size = struct.calcsize(NUMBERS[marker])
    return struct.unpack(NUMBERS[marker], _bytes(content, at, size))[0], at + size


def _marker(content: bytes, at: int) -> tuple[str, int]:
    return _bytes(content, at, 1).decode("latin-1"), at + 1


def _bytes(content: bytes, at: int, size: int) -> bytes:
    found = content[at : at + size]
    if len(found) != size:
        msg = "it stops in the middle"
        raise ValueError(msg)
    return found

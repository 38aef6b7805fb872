"""Bytes taken as a list of changes: to a document of JSON, or to other bytes. Any bytes are some list of changes."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

DEEPEST = 8
STRANGE: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**63, -(2**70), 0.0, -0.0, 0.5, 1e308, 5e-324, "", "x", "\x00", "é", "0", [],
    {}, [0], [[]], [None], {"x": 1}, "1e999", "nan",
)  # fmt: skip
PIECES = (b"", b"\0", b"\xff", b'"', b"{", b"}", b"[", b"]", b",", b":", b"-", b"1e999", b"NaN", b"null", b"\xff" * 8)


def of_document(document: Any, data: bytes) -> Any:
    """Return the document with parts replaced, taken out or doubled as ``data`` says."""
    made = {"": copy.deepcopy(document)}
    told = iter(data)
    for _ in range(DEEPEST):
        if not _one(made, told):
            break
    return made[""]


def _one(made: dict[str, Any], told: Iterator[int]) -> bool:
    """Walk down to a part and change it; False if there is nothing more to do."""
    parent, key = made, ""
    depth = next(told, None)
    if depth is None:
        return False
    for _ in range(depth % DEEPEST):
        part = parent[key]
        keys = list(part) if isinstance(part, dict) else list(range(len(part))) if isinstance(part, list) else []
        if not keys:
            break
        parent, key = part, keys[_number(told) % len(keys)]
    _change(parent, key, next(told, 0) % (len(STRANGE) + 3), next(told, 0))
    return True


def _change(parent: Any, key: Any, what: int, how: int) -> None:
    if what < len(STRANGE):
        parent[key] = copy.deepcopy(STRANGE[what])
    elif what == len(STRANGE) and key != "":
        del parent[key]
    elif isinstance(parent, list):
        parent.insert(key, copy.deepcopy(parent[key]))
    elif isinstance(parent[key], float):
        parent[key] = parent[key] * (1 + how / 64) - 1


def of_bytes(content: bytes, data: bytes) -> bytes:
    """Return the bytes with pieces put in, or in the place of others, as ``data`` says."""
    made, told = bytearray(content), iter(data)
    while (kind := next(told, None)) is not None:
        at = (_number(told) << 8 | next(told, 0)) % (len(made) + 1)
        piece = PIECES[kind % len(PIECES)] if kind < 128 else bytes([next(told, 0)])
        made[at : at + (len(piece) or 1) * (kind & 1)] = piece
    return bytes(made)


def _number(told: Iterator[int]) -> int:
    return next(told, 0) << 8 | next(told, 0)

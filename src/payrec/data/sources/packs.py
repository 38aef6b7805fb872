"""Source packs: which files a source exports, their columns, what is left out, and the SQL over them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from payrec.common.errors import UsageError
from payrec.data.load import Kind

KINDS: tuple[Kind, ...] = ("transactions", "events")


@dataclass(frozen=True)
class Input:
    """A file of a source.

    ``columns`` maps names in SQL to the source's headers, newest first; ``evidence`` maps names to regular expressions
    that values of this source match; ``left_out`` maps a reason to the SQL condition of the rows that it leaves out.
    """

    name: str
    title: str
    columns: Mapping[str, tuple[str, ...]]
    required: tuple[str, ...]
    evidence: Mapping[str, str]
    left_out: Mapping[str, str]
    is_optional: bool


@dataclass(frozen=True)
class Pack:
    """A source: its files, the SQL that makes orders and events of them, and notes on what it may get wrong."""

    name: str
    title: str
    export: str  # how to get the files
    notes: tuple[str, ...]
    inputs: tuple[Input, ...]
    sql: Mapping[Kind, str]


@cache
def packs() -> tuple[Pack, ...]:
    """Return all packs in the order of their names."""
    folders = [each for each in files("payrec.data.sources").iterdir() if each.joinpath("source.toml").is_file()]
    return tuple(sorted(map(_read, folders), key=lambda pack: pack.name))


def pack_of(name: str) -> Pack:
    """Return a pack by its name, such as ``stripe-dashboard``.

    Raises
    ------
    UsageError
        There is no such source; all names are listed.
    """
    for pack in packs():
        if pack.name == name:
            return pack
    raise UsageError(
        f"found the source {name!r}, expected one of {', '.join(pack.name for pack in packs())}\n"
        "payrec sources list says what each reads; any other file is loaded with a map: payrec load transactions FILE"
    )


def _read(folder: Traversable) -> Pack:
    document = tomllib.loads(folder.joinpath("source.toml").read_text(encoding="utf-8"))
    sql = {
        kind: folder.joinpath(f"{kind}.sql").read_text(encoding="utf-8")
        for kind in KINDS
        if folder.joinpath(f"{kind}.sql").is_file()
    }
    inputs = tuple(_input(name, entry) for name, entry in document["inputs"].items())
    name = folder.name.replace("_", "-")
    return Pack(name, document["title"], document["export"], tuple(document.get("notes", ())), inputs, sql)


def _input(name: str, entry: Mapping[str, Any]) -> Input:
    columns = {
        column: (header,) if isinstance(header, str) else tuple(header) for column, header in entry["columns"].items()
    }
    return Input(
        name,
        entry["title"],
        columns,
        tuple(entry["required"]),
        entry.get("evidence", {}),
        {rule["reason"]: rule["when"] for rule in entry.get("left_out", ())},
        entry.get("optional", False),
    )

"""Source packs: which files a source exports, their columns, what is left out, and the SQL over them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from payrec.common.errors import UsageError
from payrec.data.load import Kind

KINDS: tuple[Kind, ...] = ("transactions", "events", "customers")


@dataclass(frozen=True)
class Input:
    """A file of a source, a kind of object in its JSON, or a table of its copy in a database.

    ``columns`` maps names in SQL to the source's headers, newest first; ``a.b`` is a value inside a JSON object.
    ``required``: a file has at least one of each of these names.
    ``evidence`` maps names to regular expressions that values of this source match; ``words`` maps names to all values
    that the SQL gives a meaning, in lower case: rows with another one are refused, never taken for paid or unpaid.
    ``left_out`` maps a reason to the SQL condition of the rows that it leaves out. ``object_form`` matches what names
    the kind of a JSON object (:class:`JsonForm`); ``tables`` are the names of the table in a database.
    """

    name: str
    title: str
    columns: Mapping[str, tuple[str, ...]]
    required: tuple[tuple[str, ...], ...]
    evidence: Mapping[str, str]
    words: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, str]
    is_optional: bool
    object_form: str
    tables: tuple[str, ...]


@dataclass(frozen=True)
class JsonForm:
    """Where JSON objects have their kind, and what lists and webhooks wrap them in; paths such as ``a.b``."""

    kind: str
    wrappers: tuple[str, ...]
    webhook_time: str


@dataclass(frozen=True)
class Pack:
    """A source: its files, the SQL that makes orders, events and customers of them, and notes on what it may get wrong.

    ``views`` are read by ``sql``; each reads the inputs and the views before it.
    """

    name: str
    title: str
    export: str  # how to get the files
    notes: tuple[str, ...]
    inputs: tuple[Input, ...]
    views: Mapping[str, str]
    sql: Mapping[Kind, str]
    json: JsonForm | None
    complete: bool  # all that is open is in the files
    decimal: str | None  # the mark in all amounts, if a program and no person's settings wrote them
    variant_of: str | None  # the pack that shares its SQL and has other names for the same content


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
    document = _document(folder)
    name = folder.name.replace("_", "-")
    variant_of = document.get("variant_of")
    if variant_of is not None:
        folder = files("payrec.data.sources").joinpath(variant_of.replace("-", "_"))
        document = _variant(_document(folder), document)
    texts = {
        each.name.removesuffix(".sql"): each.read_text(encoding="utf-8")
        for each in sorted(folder.iterdir(), key=lambda file: file.name)
        if each.name.endswith(".sql")
    }
    return Pack(
        name,
        document["title"],
        document["export"],
        tuple(document.get("notes", ())),
        tuple(_input(name, entry) for name, entry in document["inputs"].items()),
        {view: text for view, text in texts.items() if view not in KINDS},
        {kind: texts[kind] for kind in KINDS if kind in texts},
        _json_form(document["json"]) if "json" in document else None,
        document.get("complete", False),
        document.get("decimal"),
        variant_of,
    )


def _json_form(entry: Mapping[str, Any]) -> JsonForm:
    return JsonForm(entry["kind"], tuple(entry.get("wrappers", ())), entry.get("webhook_time", ""))


def _document(folder: Traversable) -> dict[str, Any]:
    return tomllib.loads(folder.joinpath("source.toml").read_text(encoding="utf-8"))


def _variant(shared: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return the document of a variant: its own entries, else those of the pack that it shares."""
    inputs = {}
    for name, entry in shared["inputs"].items():
        other = own.get("inputs", {}).get(name, {})
        inputs[name] = {**entry, **other, "columns": {**entry["columns"], **other.get("columns", {})}}
    return {**shared, **own, "inputs": inputs}


def _input(name: str, entry: Mapping[str, Any]) -> Input:
    words = {column: tuple(texts) for column, texts in entry.get("words", {}).items()}
    return Input(
        name,
        entry["title"],
        {column: _names(headers) for column, headers in entry["columns"].items()},
        tuple(map(_names, entry["required"])),
        {**entry.get("evidence", {}), **{column: _any_of(texts) for column, texts in words.items()}},
        words,
        {rule["reason"]: rule["when"] for rule in entry.get("left_out", ())},
        entry.get("optional", False),
        entry.get("object_form", ""),
        _names(entry.get("tables", name)),
    )


def _any_of(words: tuple[str, ...]) -> str:
    return f"(?i)^({'|'.join(map(re.escape, words))})$"


def _names(entry: str | list[str]) -> tuple[str, ...]:
    return (entry,) if isinstance(entry, str) else tuple(entry)

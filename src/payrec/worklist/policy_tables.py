"""Tables of a policy file as frozen dataclasses, with the first problem in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from payrec.common.errors import UsageError

T = TypeVar("T")


def validated(kind: type[T], table: Mapping[str, Any], source: str, section: tuple[str, ...] = ()) -> T:
    """Return a table of a policy as ``kind``, a pydantic dataclass; ``source`` and ``section`` name it in messages.

    Raises
    ------
    UsageError
        The first problem in one line: where it is, the value, what is valid.
    """
    adapter = TypeAdapter(kind)
    try:
        return adapter.validate_python(table)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    except KeyError as error:  # ZoneInfoNotFoundError
        raise UsageError(f"{source}: {error.args[0]}; expected a name such as Europe/Berlin") from None
    path = [*section, *map(str, first["loc"])]
    where = ".".join(path)
    if first["type"] == "unexpected_keyword_argument":
        above = f" in {'.'.join(path[:-1])}" if path[:-1] else ""
        valid = ", ".join(_valid_keys(adapter.json_schema(), first["loc"][:-1]))
        raise UsageError(f"{source}: unknown key {path[-1]!r}{above}; valid: {valid}")
    if first["type"] == "value_error":  # raised by a validator of this module
        problem = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{source}: " + (f"{where}: {problem}" if where else problem))
    raise UsageError(f"{source}: {where}: {first['msg']} (found {str(first['input'])[:80]!r})")


def _valid_keys(schema: dict[str, Any], path: tuple[int | str, ...]) -> dict[str, Any]:
    """Return the properties of the table at ``path`` of a JSON schema."""
    node = schema
    for step in path:
        inner = node["items"] if isinstance(step, int) else node.get("properties", {}).get(step)
        if inner is None:  # a value of a table with free keys, or the name pydantic gives to one branch of a choice
            inner = node.get("additionalProperties") or node
        refs = [branch["$ref"] for branch in (inner, *inner.get("anyOf", ())) if "$ref" in branch]
        node = schema["$defs"][refs[0].rsplit("/", 1)[1]] if refs else inner
    properties: dict[str, Any] = node.get("properties", {})
    return properties

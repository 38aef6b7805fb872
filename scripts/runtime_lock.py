"""Print the entries of locks/requirements.lock that the program needs at run time, with all hashes.

    .venv/bin/python scripts/runtime_lock.py [EXTRA …]

Follows the dependencies in pyproject.toml through the packages installed in .venv; resolves and downloads nothing.
"""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent


def needed(extras: tuple[str, ...]) -> set[str]:
    """Return the names of all packages needed at run time, with those of ``extras``."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = project["dependencies"] + [line for extra in extras for line in project["optional-dependencies"][extra]]
    extras_of: dict[str, set[str]] = {}
    waiting = [Requirement(line) for line in declared]
    while waiting:
        one = waiting.pop()
        if one.marker is not None and not one.marker.evaluate({"extra": ""}):
            continue
        name = canonicalize_name(one.name)
        if name in extras_of and one.extras <= extras_of[name]:
            continue
        extras_of.setdefault(name, set()).update(one.extras)
        waiting += _inside(name, one.extras)
    return set(extras_of)


def _inside(name: str, extras: set[str]) -> list[Requirement]:
    try:
        lines = requires(name) or []
    except PackageNotFoundError:
        return []
    kept = []
    for line in lines:
        one = Requirement(line)
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in (*extras, "")):
            one.marker = None
            kept.append(one)
    return kept


def locked(names: set[str]) -> str:
    """Return the entries of the lock for ``names``; the lines of an entry after its first are indented."""
    text = (ROOT / "locks" / "requirements.lock").read_text(encoding="utf-8")
    entries = re.split(r"^(?=\S)", text, flags=re.MULTILINE)
    return "".join(e for e in entries if (m := re.match(r"[\w.-]+", e)) and canonicalize_name(m[0]) in names)


if __name__ == "__main__":
    print(locked(needed(tuple(sys.argv[1:]))), end="")

"""Print the part of requirements.lock that the installed program needs: the dependencies, and theirs, with all hashes.

    .venv/bin/python scripts/runtime_lock.py [EXTRA …]

Walks from pyproject.toml over what is installed in .venv, so nothing is resolved anew and nobody is asked.
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
    """Names of all packages that running needs, with those of ``extras``."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    found: dict[str, set[str]] = {}
    waiting = [Requirement(line) for line in asked]
    while waiting:
        one = waiting.pop()
        if one.marker is not None and not one.marker.evaluate({"extra": ""}):
            continue
        name = canonicalize_name(one.name)
        if name in found and one.extras <= found[name]:
            continue
        found.setdefault(name, set()).update(one.extras)
        waiting += _inside(name, one.extras)
    return set(found)


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
    """Return the entries of the lock for ``names``; an entry starts at the left edge and goes on indented."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entries = re.split(r"^(?=\S)", text, flags=re.MULTILINE)
    return "".join(e for e in entries if (m := re.match(r"[\w.-]+", e)) and canonicalize_name(m[0]) in names)


if __name__ == "__main__":
    print(locked(needed(tuple(sys.argv[1:]))), end="")

"""Selects the tests of `make quick` by what they use: no list is kept, and a new test is in or out by itself.

In are the tests of the rooms of ``src/payrec`` and those at the top of ``tests``. Out are tests that

- use a fixture of a session's scope other than ``_tests_root_``: such a fixture is shared because it is expensive (a
  trained model, a demo, a server),
- run on PostgreSQL or Spark,
- stand in a module that imports one of ``SLOW_IMPORTS``: it starts a process or a browser.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROOMS = {path.name for path in (TESTS.parent / "src" / "payrec").iterdir() if path.is_dir()}
SLOW_IMPORTS = {"subprocess", "multiprocessing", "playwright", "psycopg", "nbclient", "streamlit", "postgres_server"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="only tests without a server, browser, Spark or process")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("quick"):
        chosen = [item for item in items if is_quick(item)]
        config.hook.pytest_deselected(items=[item for item in items if not is_quick(item)])
        items[:] = chosen


def is_quick(item: pytest.Item) -> bool:
    """Say whether a test needs nothing but the memory and a temporary folder of its own process."""
    folder, *_ = item.path.relative_to(TESTS).parts
    definitions = getattr(item, "_fixtureinfo").name2fixturedefs  # noqa: B009
    shared = any(one.scope == "session" and "tests" in one.baseid for all in definitions.values() for one in all)
    return folder in {*ROOMS, item.path.name} and not shared and not SLOW_IMPORTS & imports(item.path)


@cache
def imports(path: Path) -> frozenset[str]:
    """Return the top names of all modules that a file imports anywhere."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    members = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return frozenset(name.partition(".")[0] for name in plain | members)

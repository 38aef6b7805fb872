"""Selects the tests of `make quick` by what they use: no list is kept, and a new test is in or out by itself.

In are the tests of the rooms, the folders of ``tests`` that have a namesake in ``src/payrec``. Out are

- files that import one of ``SLOW_IMPORTS``: they start a process, a server or a browser, train models, or run whole
  pages of commands,
- files that call ``connect``: they open a database,
- tests with a fixture that a session or module shares: it is shared because it is expensive,
- tests with a database: one of the fixtures of ``tests/conftest.py`` that give an engine.

A parametrised test runs its first case (``CASES``), a property its first ``EXAMPLES`` examples.
"""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent
ROOMS = {path.name for path in (TESTS.parent / "src" / "payrec").iterdir() if path.is_dir()}
DATABASES = {"engine", "engine_url", "open_engine", "duckdb_url", "duckdb_memory"}
SLOW_IMPORTS = {
    *("subprocess", "multiprocessing", "playwright", "psycopg", "nbclient", "streamlit", "postgres_server"),
    *("payrec.model.recipes.training", "payrec.model.evaluate.backtest", "make_docs"),
}
CASES, EXAMPLES = 1, 3


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="only tests without a database, browser, server or process")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out folders and files before they are imported."""
    if not config.getoption("quick") or not collection_path.is_relative_to(TESTS) or collection_path == TESTS:
        return None
    room = collection_path.relative_to(TESTS).parts[0]
    slow = collection_path.suffix == ".py" and (SLOW_IMPORTS & imports(collection_path) or connects(collection_path))
    return True if room not in ROOMS or slow else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("quick"):
        return
    cases: Counter[str] = Counter()
    chosen = []
    for item in items:
        test = item.nodeid.partition("[")[0]
        if is_quick(item) and cases[test] < CASES:
            cases[test] += 1
            chosen.append(item)
            limit_examples(item)
    config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
    items[:] = chosen


def is_quick(item: pytest.Item) -> bool:
    """Say whether a test shares no fixture with others and opens no database of the shared fixtures."""
    fixtures = item._fixtureinfo.name2fixturedefs
    ours = [one for definitions in fixtures.values() for one in definitions if one.func.__module__ != "_pytest.tmpdir"]
    shared = any(one.scope in ("session", "module") for one in ours)
    return not shared and not DATABASES & set(fixtures)


def limit_examples(item: pytest.Item) -> None:
    """Let a property run with few examples, whatever its own settings say."""
    own = getattr(item.obj, "_hypothesis_internal_use_settings", None)
    if own is not None:
        function = getattr(item.obj, "__func__", item.obj)
        function._hypothesis_internal_use_settings = settings(own, max_examples=min(own.max_examples, EXAMPLES))


@cache
def connects(path: Path) -> bool:
    """Say whether a file calls ``connect``, as a function of a module or by itself."""
    calls = (node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
    return any("connect" in (getattr(call, "id", ""), getattr(call, "attr", "")) for call in calls)


@cache
def imports(path: Path) -> frozenset[str]:
    """Return the names of all modules that a file imports anywhere."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module.partition(".")[0], node.module}
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)

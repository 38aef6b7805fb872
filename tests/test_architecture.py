"""The shape of the code: small modules named after things, imports one way, no clock below the commands, no pickle."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "payrec"
MODULES = sorted(SOURCE.rglob("*.py"))
VAGUE = {"utils", "util", "base", "core", "helpers", "helper", "misc", "tools", "manager"}
MAY_READ_THE_CLOCK = {SOURCE / "cli.py"}
MAY_READ_THE_CLOCK_BELOW = (SOURCE / "cli", SOURCE / "app")
CLOCKS = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns", "time.localtime",
    "time.gmtime", "time.ctime", "Timestamp.now", "Timestamp.today", "Timestamp.utcnow", "time.strftime",
}  # fmt: skip
UNPICKLERS = {"load", "loads", "Unpickler", "read_pickle"}
PICKLES = {"pickle", "_pickle", "joblib", "dill", "cloudpickle", "marshal", "shelve"}


def name_of(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def dotted(node: ast.AST) -> str:
    """Last two names of ``a.b.c``, as they are written."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        names.append(node.id)
    return ".".join(reversed(names[:2]))


def clock_reads(module: ast.Module) -> Iterator[str]:
    """Each place that asks what time it is; also under another name (``from time import time``)."""
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and dotted(node).removeprefix("dt.") in CLOCKS:
            yield f"line {node.lineno}: {dotted(node)}"
        if isinstance(node, ast.ImportFrom):
            for name in node.names:
                if f"{node.module}.{name.name}" in CLOCKS:
                    yield f"line {node.lineno}: from {node.module} import {name.name}"


def unpicklings(module: ast.Module) -> Iterator[str]:
    """Each place that could run code out of a file: unpickling, ``eval``, ``exec``, NumPy's pickled arrays."""
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in PICKLES and node.attr in UNPICKLERS:
                yield f"line {node.lineno}: {node.value.id}.{node.attr}"
            elif node.attr == "read_pickle":
                yield f"line {node.lineno}: {node.attr}"
        if isinstance(node, ast.ImportFrom) and node.module in PICKLES:
            yield from (f"line {node.lineno}: {n.name}" for n in node.names if n.name in UNPICKLERS)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec"}:
            yield f"line {node.lineno}: {node.func.id}"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and getattr(node.value, "value", None) is True:
            yield f"line {node.value.lineno}: allow_pickle=True"


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body without its docstring."""
    first = function.body[0]
    begins = (
        function.body[1:] if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) else function.body
    )
    return begins[-1].end_lineno - begins[0].lineno + 1 if begins and begins[-1].end_lineno else 0


def depth(node: ast.AST) -> int:
    """How deep if, for, while, with, try and match stand in each other; an elif is no deeper than its if."""
    blocks = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match)
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        chained = isinstance(node, ast.If) and isinstance(child, ast.If) and child in node.orelse
        deepest = max(deepest, depth(child) + (isinstance(child, blocks) and not chained))
    return deepest


def functions(module: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_is_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_function_is_small(path: Path) -> None:
    found = [
        f"{f.name}, line {f.lineno}: {body_lines(f)} lines, {depth(f)} deep"
        for f in functions(tree(path))
        if body_lines(f) > 40 or depth(f) > 3
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_is_named_after_a_thing(path: Path) -> None:
    assert not VAGUE & set(path.relative_to(SOURCE).with_suffix("").parts)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(tree(path))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_command_line_and_the_app_read_the_clock(path: Path) -> None:
    if path in MAY_READ_THE_CLOCK or any(path.is_relative_to(folder) for folder in MAY_READ_THE_CLOCK_BELOW):
        return
    assert list(clock_reads(tree(path))) == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_is_unpickled_or_evaluated(path: Path) -> None:
    assert list(unpicklings(tree(path))) == []


def test_imports_run_one_way() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_importing_does_no_work() -> None:
    """A bare import prints nothing, and brings neither the app nor a database driver with it."""
    heavy = "{'streamlit', 'adbc_driver_postgresql', 'xgboost', 'sklearn', 'altair'}"
    script = f"import sys, payrec; found = {heavy} & set(sys.modules); sys.exit(str(found) if found else 0)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "code",
    [
        "from datetime import datetime\nx = datetime.now()",
        "import datetime as dt\nx = dt.datetime.now(dt.UTC)",
        "import datetime\nx = datetime.date.today()",
        "import time\nx = time.time()",
        "from time import time",
        "import pandas as pd\nx = pd.Timestamp.now()",
    ],
)
def test_a_read_of_the_clock_is_caught(code: str) -> None:
    assert list(clock_reads(ast.parse(code)))


def test_durations_are_free() -> None:
    assert (
        list(clock_reads(ast.parse("import time\nx = time.monotonic()\ntime.sleep(1)\ny = time.perf_counter()"))) == []
    )


@pytest.mark.parametrize(
    "code",
    [
        "import pickle\nx = pickle.load(f)",
        "import joblib\nx = joblib.load(f)",
        "from joblib import load",
        "import numpy as np\nx = np.load(f, allow_pickle=True)",
        "import pandas as pd\nx = pd.read_pickle(f)",
        "x = eval(text)",
    ],
)
def test_an_unpickling_is_caught(code: str) -> None:
    assert list(unpicklings(ast.parse(code)))


def test_writing_a_pickle_is_free() -> None:
    assert list(unpicklings(ast.parse("import joblib, json\njoblib.dump(x, f)\ny = json.load(f)"))) == []


def test_depth_counts_blocks_in_blocks() -> None:
    code = "def f():\n  if a:\n    for x in y:\n      with z:\n        pass\n  elif b:\n    pass\n  elif c:\n    pass"
    assert depth(ast.parse(code).body[0]) == 3

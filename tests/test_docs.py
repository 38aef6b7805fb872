"""The docs are checked: generated pages match the code, links lead to files, and commands that are named exist."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from payrec.cli import VERBS

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import make_docs  # noqa: E402

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("data/*.md")])


@pytest.mark.parametrize("name", make_docs.PAGES)
def test_a_reference_page_is_generated_from_the_code(name: str) -> None:
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == make_docs.PAGES[name]()


def test_every_finding_of_the_audit_is_documented() -> None:
    source = "".join((ROOT / "src/payrec/data" / name).read_text() for name in ("audit.py", "list_findings.py"))
    codes = set(re.findall(r'Finding\(\s*"(\w+)"', source))
    assert len(codes) > 15
    assert codes <= set(re.findall(r"`(\w+)`", (ROOT / "docs" / "findings.md").read_text()))


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"}
    assert {page for page in pages if f"\n{page}\n" not in index} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_command_named_exists(page: Path) -> None:
    verbs = {v.__name__ for v in VERBS} | {"models", "privacy", "app", "holdout", "effect"}
    blocks = re.findall(r"^payrec (?:--debug )?([a-z]+)", page.read_text(), re.MULTILINE)
    assert [verb for verb in blocks if verb not in verbs] == []


def test_make_targets_named_in_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`?make ([a-z]+)", (ROOT / "README.md").read_text()))
    assert named <= targets


def test_the_readme_shows_real_output() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert make_docs.EXCERPT.search(readme)
    assert make_docs.with_excerpts(readme) == readme


def test_the_commands_of_the_quick_start_run(tmp_path: Path) -> None:
    """In the order of the page; what is loaded and refused is printed as the page shows it."""
    make_docs.own_file(tmp_path)
    page = ROOT / "docs" / "quick-start.md"
    recorded = {block["command"]: block["output"] for block in make_docs.BLOCK.finditer(page.read_text())}
    printed = {
        block["command"]: block["output"] for block in make_docs.BLOCK.finditer(make_docs.with_outputs(page, tmp_path))
    }
    assert list(printed) == list(recorded)
    assert len([command for command in printed if "april.csv" not in command]) == 3
    for command, output in printed.items():
        if command.startswith("load"):
            assert output == recorded[command]
    assert len((tmp_path / "list.csv").read_text(encoding="utf-8").splitlines()) > 20


def test_every_file_that_contributing_names_exists() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:src|tests|docs|scripts|locks|benchmarks)/[\w./-]*)`", text)
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).exists()] == []
    rooms = {
        room for cell in re.findall(r"^\| (`.+?`) \|", text, re.MULTILINE) for room in re.findall(r"`(\w+)/", cell)
    }
    folders = {path.name for path in (ROOT / "src" / "payrec").iterdir() if (path / "__init__.py").exists()}
    assert rooms - {"api"} == folders - {"api"}

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
    verbs = {v.__name__ for v in VERBS} | {"models", "privacy", "app"}
    blocks = re.findall(r"^payrec (?:--debug )?([a-z]+)", page.read_text(), re.MULTILINE)
    assert [verb for verb in blocks if verb not in verbs] == []


def test_make_targets_named_in_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`?make ([a-z]+)", (ROOT / "README.md").read_text()))
    assert named <= targets


def test_the_readme_shows_real_output() -> None:
    blocks = make_docs.BLOCK.findall((ROOT / "README.md").read_text())
    assert blocks
    text = make_docs.BLOCK.search((ROOT / "README.md").read_text())
    assert text is not None
    assert "what then happened" in text[0]

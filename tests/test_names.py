"""Words: each word of the glossary is one that is used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "payrec"
WORDS = re.findall(r"^\| \*\*(.+?)\*\* \|", (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_glossary_has_about_forty_words_in_order() -> None:
    assert 35 <= len(WORDS) <= 50
    assert sorted(WORDS, key=str.lower) == WORDS


@pytest.mark.parametrize("word", WORDS)
def test_a_word_of_the_glossary_is_used(word: str) -> None:
    """In the code, or in another page of the docs."""
    pages = [path for path in (ROOT / "docs").glob("*.md") if path.name != "concepts.md"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in [*pages, *SOURCE.rglob("*.py")])
    assert re.search(rf"(\b|_){re.escape(word)}\b", text, re.IGNORECASE)

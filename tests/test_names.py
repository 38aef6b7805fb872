"""Words: what identifiers must not be called, and that each word of the glossary is one that is used."""

from __future__ import annotations

import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "payrec"
PUBLISHED = {"beside"}  # a column of published tables in databases that exist
FORBIDDEN = {"found", "told", "made", "asked", "how", "beside", "place"}
WORDS = re.findall(r"^\| \*\*(.+?)\*\* \|", (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8"), re.MULTILINE)


def identifiers(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, name) of every identifier, keyword argument and attribute of a file."""
    with path.open("rb") as file:
        yield from ((t.start[0], t.string) for t in tokenize.tokenize(file.readline) if t.type == tokenize.NAME)


def sql_names(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, name) of every word of an SQL file that is in neither a comment nor a text."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        yield from ((number, word.lower()) for word in re.findall(r"\w+", re.sub(r"--.*|'[^']*'", "", line)))


def test_no_identifier_is_a_forbidden_word() -> None:
    names = [(path, *name) for path in SOURCE.rglob("*.py") for name in identifiers(path)]
    names += [(path, *name) for path in SOURCE.rglob("*.sql") for name in sql_names(path) if name[1] not in PUBLISHED]
    assert len(names) > 50_000, "the files are read"
    offending = [f"{path.relative_to(ROOT)}:{line} {name}" for path, line, name in names if name in FORBIDDEN]
    assert offending == []


def test_no_file_of_one_room_is_named_like_one_of_another() -> None:
    """But for commands and cli, whose files are named after the commands."""
    rooms = [(path.name, path.relative_to(SOURCE).parts[0]) for path in SOURCE.rglob("*.py") if path.name[0] != "_"]
    of_name = Counter(name for name, room in set(rooms) if room not in ("commands", "cli"))
    assert sorted(name for name, rooms_of_name in of_name.items() if rooms_of_name > 1) == []


def test_the_glossary_has_about_forty_words_in_order() -> None:
    assert 35 <= len(WORDS) <= 50
    assert sorted(WORDS, key=str.lower) == WORDS


@pytest.mark.parametrize("word", WORDS)
def test_a_word_of_the_glossary_is_used(word: str) -> None:
    """In the code, or in another page of the docs."""
    pages = [path for path in (ROOT / "docs").glob("*.md") if path.name != "concepts.md"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in [*pages, *SOURCE.rglob("*.py")])
    assert re.search(rf"(\b|_){re.escape(word)}\b", text, re.IGNORECASE)

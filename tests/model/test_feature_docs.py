"""``docs/features.md`` is the table of features, word for word."""

from __future__ import annotations

from pathlib import Path

from payrec.model.features.declarations import as_markdown

DOCS = Path(__file__).parents[2] / "docs" / "features.md"


def test_the_docs_show_the_table_of_features() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert as_markdown() in text, (
        "docs/features.md is stale: put the output of "
        "python -c 'from payrec.model.features.declarations import as_markdown; print(as_markdown())' "
        "between its headings"
    )

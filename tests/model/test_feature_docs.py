"""``docs/features.md`` is the table of features, word for word."""

from __future__ import annotations

from pathlib import Path

from payrec.model.features.declarations import FEATURES

DOCS = Path(__file__).parents[2] / "docs" / "features.md"


def as_markdown() -> str:
    """Return the features as a table for ``docs/features.md``."""
    head = ["| feature | kind | unit | meaning | made from | explained under |", "|---|---|---|---|---|---|"]
    rows = [
        f"| `{f.name}` | {f.kind} | {f.unit} | {f.meaning} | {', '.join(f'`{need}`' for need in f.needs)} | {f.group} |"
        for f in FEATURES
    ]
    return "\n".join(head + rows)


def test_the_docs_show_the_table_of_features() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert as_markdown() in text, (
        "docs/features.md is stale: put the output of "
        "python -c 'from payrec.model.features.declarations import FEATURES; print(as_markdown())' "
        "between its headings"
    )

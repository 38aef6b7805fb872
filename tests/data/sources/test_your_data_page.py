"""The examples of docs/your-data.md: one for each source, with the output that the page shows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from payrec.cli import main
from payrec.data.sources.packs import packs

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts"))
import make_docs  # noqa: E402

BLOCKS = list(make_docs.BLOCK.finditer((ROOT / "docs" / "your-data.md").read_text(encoding="utf-8")))


def test_every_source_that_reads_files_has_an_example() -> None:
    assert {block["command"].split()[2] for block in BLOCKS} == {p.name for p in packs() if p.variant_of is None}


def test_the_examples_print_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_docs.source_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    for block in BLOCKS:
        with pytest.raises(SystemExit) as ended:
            main(block["command"].split())
        assert ended.value.code in (0, None), block["command"]
        assert capsys.readouterr().out == block["output"], block["command"]

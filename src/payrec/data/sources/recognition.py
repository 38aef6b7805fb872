"""Which source a file comes from: proven by its columns *and* its values, never by likeness of names alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from payrec.data.sources.export_files import columns_of, lacking, read_export
from payrec.data.sources.packs import Input, Pack, packs

SAMPLE_ROWS = 200


@dataclass(frozen=True)
class Recognition:
    """A source that a file comes from: ``confidence`` is the smallest share of values that have the source's form."""

    source: str
    title: str
    confidence: float
    reasons: tuple[str, ...]

    def command(self, file: Path) -> str:
        """Return the command that loads the file."""
        return f"payrec load source {self.source} {file}"


def recognise(path: Path, encoding: str | None = None) -> tuple[Recognition, ...]:
    """Return the sources whose required columns and forms of values a file has, the surest first; often none.

    Raises
    ------
    UsageError, DataRefused
        The file cannot be opened, or is of no kind that can be read.
    """
    inputs = [(pack, each) for pack in packs() for each in pack.inputs]
    with read_export(path, [each for _, each in inputs], encoding) as export:
        names = export.names
        candidates = [(pack, each) for pack, each in inputs if each.evidence and not lacking(each, names)]
        if not candidates:
            return ()
        sample = next(export.rows()).table.slice(0, SAMPLE_ROWS)
    recognised = []
    for pack, each in candidates:
        positions = columns_of(each, names)
        values = {name: sample[f"c{positions[name]}"].to_pylist() for name in each.evidence if name in positions}
        match = _match(pack, each, values, len(positions))
        recognised += [match] if match else []
    return tuple(sorted(recognised, key=lambda each: -each.confidence))


def _match(pack: Pack, source_input: Input, values: Mapping[str, list[Any]], known: int) -> Recognition | None:
    shares, reasons = [], [f"{known} of {len(source_input.columns)} columns by name, all required ones among them"]
    for name, pattern in source_input.evidence.items():
        filled = [text for value in values.get(name, ()) if (text := str(value or "").strip())]
        if not filled:
            return None
        matching = sum(bool(re.search(pattern, text)) for text in filled)
        shares.append(matching / len(filled))
        reasons.append(f"{matching} of {len(filled)} values of {source_input.columns[name][0]} have its form")
    confidence = min(shares)
    return Recognition(pack.name, source_input.title, confidence, tuple(reasons)) if confidence >= 0.9 else None

"""Which source a file comes from: proven by its columns *and* its values, never by likeness of names alone."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from payrec.data.sources.export_files import columns_of, lacking, read_export
from payrec.data.sources.packs import Input, Pack, packs

SAMPLE_ROWS = 200


@dataclass(frozen=True)
class Recognition:
    """A source that a file comes from: ``confidence`` is the smallest share of values that have the source's form.

    ``needed``: what the source needs besides this file.
    """

    source: str
    title: str
    confidence: float
    reasons: tuple[str, ...]
    needed: tuple[str, ...] = ()

    def command(self, file: Path, encoding: str | None = None) -> str:
        """Return the command that loads the file."""
        others = f" FILE (FILE: {' and '.join(self.needed)})" if self.needed else ""
        return f"payrec load source {self.source}{f' --encoding {encoding}' if encoding else ''} {file}{others}"


def recognise(path: Path, encoding: str | None = None) -> tuple[Recognition, ...]:
    """Return the sources whose required columns and forms of values a file has, the surest first; often none.

    Raises
    ------
    UsageError, DataRefused
        The file cannot be opened, or is of no kind that can be read.
    """
    named = [pack for pack in packs() if pack.variant_of is None]
    recognised: dict[str, Recognition] = {}
    with read_export(path, named, encoding) as file:
        candidates = [
            (pack, each, export)
            for pack in named
            for export, inputs in file.exports(pack)
            for each in inputs
            if each.evidence and not lacking(each, export.names)
        ]
        samples: dict[int, pa.Table] = {}
        for pack, each, export in candidates:
            if id(export) not in samples:
                positions = range(len(export.names))
                samples[id(export)] = next(export.rows(positions)).table.slice(0, SAMPLE_ROWS)
            match = _match(pack, each, export.names, samples[id(export)])
            if match and match.confidence > (recognised[pack.name].confidence if pack.name in recognised else 0):
                recognised[pack.name] = match
        present = {(pack.name, each.name) for pack, each, _ in candidates}
        needed = {
            pack.name: tuple(
                each.title for each in pack.inputs if not each.is_optional and (pack.name, each.name) not in present
            )
            for pack in named
        }
    matches = (replace(match, needed=needed[match.source]) for match in recognised.values())
    return tuple(sorted(matches, key=lambda each: -each.confidence))


def _match(pack: Pack, source_input: Input, names: tuple[str, ...], sample: pa.Table) -> Recognition | None:
    columns = columns_of(source_input, names)
    known = f"{len(columns)} of {len(source_input.columns)} columns by name, all required ones among them"
    shares, reasons = [], [known]
    for name, pattern in source_input.evidence.items():
        cells = [sample[f"c{position}"].to_pylist() for position in columns.get(name, ())]
        filled = [text for row in zip(*cells, strict=True) if (text := next((str(v).strip() for v in row if v), ""))]
        if not filled:
            return None
        matching = sum(bool(re.search(pattern, text)) for text in filled)
        shares.append(matching / len(filled))
        reasons.append(f"{matching} of {len(filled)} values of {source_input.columns[name][0]} have its form")
    confidence = min(shares)
    return Recognition(pack.name, source_input.title, confidence, tuple(reasons)) if confidence >= 0.9 else None

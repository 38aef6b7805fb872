"""A source's file as text: its header, its rows, and which input of a pack it is."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from payrec.common.errors import DataRefused
from payrec.data.load import Limits, encoding, parquet, records
from payrec.data.load.file_bytes import OpenFile, opened
from payrec.data.load.layout import DELIMITERS, check_names
from payrec.data.load.records import Rows
from payrec.data.sources.packs import Input, Pack

HEADER_LINES = 30  # the header is among these: reports begin with title lines


@dataclass(frozen=True)
class Export:
    """An open file: its column names, ``first_line`` on which the rows after the header start, and its bytes."""

    names: tuple[str, ...]
    first_line: int
    delimiter: str
    encoding: str | None
    file: OpenFile

    def rows(self) -> Iterator[Rows]:
        """Yield the rows as text columns ``c0``, ``c1``, … and ``line``; once."""
        if self.file.form == "parquet":
            return parquet.rows(self.file, range(len(self.names)))
        shape = records.Shape(self.delimiter, len(self.names), self.file.limits, self.file.name)
        return records.rows(encoding.blocks(self.file, self.encoding), shape, self.first_line)


@contextmanager
def read_export(path: Path, inputs: Iterable[Input], named_encoding: str | None = None) -> Iterator[Export]:
    """Open a file; its header is the line, among the first, that has most of the columns that ``inputs`` require."""
    with opened(path, Limits()) as file:
        if file.form == "parquet":
            names = parquet.header(file)
            check_names(names, file)
            yield Export(names, 1, "", None, file)
            return
        if named_encoding is None:
            encoding.refuse_other_encodings(file)
        else:
            encoding.check_encoding(named_encoding)
        text = encoding.first_lines(file, named_encoding)
        names, first_line, delimiter = _header(text, [_required(each) for each in inputs])
        check_names(names, file)
        yield Export(names, first_line, delimiter, named_encoding, file)


def _header(text: str, wanted: list[list[frozenset[str]]]) -> tuple[tuple[str, ...], int, str]:
    best: tuple[tuple[float, int], tuple[str, ...], int, str] = ((-1.0, 0), (), 1, ",")
    for delimiter in DELIMITERS:
        reader = csv.reader(io.StringIO(text, newline="\n"), delimiter=delimiter)
        for cells in _records(reader):
            names = tuple(cell.strip() for cell in cells)
            folded = {name.casefold() for name in names}
            share = max((sum(bool(folded & headers) for headers in each) / len(each) for each in wanted), default=0.0)
            if (share, len(names) if reader.line_num == 1 else 0) > best[0]:
                best = ((share, len(names)), names, reader.line_num + 1, delimiter)
    return best[1:]


def _records(reader: Iterator[list[str]]) -> Iterator[list[str]]:
    for _ in range(HEADER_LINES):
        try:
            yield next(reader)
        except (StopIteration, csv.Error):
            return


def _required(source_input: Input) -> list[frozenset[str]]:
    return [frozenset(header.casefold() for header in source_input.columns[name]) for name in source_input.required]


def columns_of(source_input: Input, names: tuple[str, ...]) -> dict[str, int]:
    """Return the position of each column of an input that the file has."""
    positions = {name.casefold(): position for position, name in reversed(list(enumerate(names)))}
    columns = {}
    for column, headers in source_input.columns.items():
        position = next((positions[each.casefold()] for each in headers if each.casefold() in positions), None)
        if position is not None:
            columns[column] = position
    return columns


def lacking(source_input: Input, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the required columns that a file does not have, by the source's newest header."""
    columns = columns_of(source_input, names)
    return tuple(source_input.columns[name][0] for name in source_input.required if name not in columns)


def input_of(pack: Pack, export: Export) -> Input:
    """Return the input of a pack that a file is: the one whose required columns it has.

    Raises
    ------
    DataRefused
        The file lacks required columns; they are named with the nearest candidates.
    """
    gaps = [(lacking(each, export.names), each) for each in pack.inputs]
    for gap, source_input in gaps:
        if not gap:
            return source_input
    gap, nearest = min(gaps, key=lambda each: len(each[0]) / len(each[1].required))
    folded = {name.casefold(): name for name in export.names if name}
    hints = [(name, get_close_matches(name.casefold(), folded, n=2, cutoff=0.5)) for name in gap]
    near = "; ".join(f"{name} may be {' or '.join(folded[each] for each in close)}" for name, close in hints if close)
    raise DataRefused(
        f"{export.file.name} lacks {', '.join(gap)}, expected {nearest.title}\n"
        f"{f'{near}; ' if near else ''}export it again: {pack.export}\n"
        f"nothing was loaded; payrec sources show {pack.name} lists all columns"
    )

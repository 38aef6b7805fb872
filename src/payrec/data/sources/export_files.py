"""A source's file as text: its header, its rows, and which input of a pack it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Protocol

import duckdb

from payrec.common.errors import DataRefused
from payrec.data.load import Limits, encoding
from payrec.data.load.file_bytes import OpenFile, opened
from payrec.data.load.parsing import scratch_database
from payrec.data.load.records import BadLine, Rows
from payrec.data.load.tables import FORMS, FileTable, Hints, table_of
from payrec.data.sources import json_objects
from payrec.data.sources.packs import Input, Pack


class Export(Protocol):
    """Rows that can be one input of a pack: the names of their columns, and the columns of some places as text."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        ...

    def rows(self, positions: Collection[int]) -> Iterator[Rows]:
        """Yield the rows: text columns ``c0``, ``c1``, … at least of these places, and ``line``; once."""
        ...


@dataclass(frozen=True)
class TableExport:
    """CSV, XLSX or Parquet as one table."""

    table: FileTable

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self.table.dialect.header

    def rows(self, positions: Collection[int]) -> Iterator[Rows]:
        """Yield the rows as text columns ``c0``, ``c1``, … and ``line``; once."""
        return self.table.rows(positions)


@dataclass(frozen=True)
class ExportFile:
    """An open file: a table, or a database of JSON objects of several kinds; ``bad``: lines that are no objects."""

    file: OpenFile
    content: TableExport | duckdb.DuckDBPyConnection
    bad: tuple[BadLine, ...] = ()

    def exports(self, pack: Pack) -> list[tuple[Export, Sequence[Input]]]:
        """Return the exports in the file, each with the inputs of the pack that it may be."""
        if isinstance(self.content, TableExport):
            return [(self.content, pack.inputs)]
        kinds = {each.object_form: each for each in pack.inputs} if pack.json else {}
        by_kind = json_objects.exports(self.content, self.file, pack.json, kinds or ("",))
        return [(export, [kinds[kind]] if kinds else pack.inputs) for kind, export in by_kind.items()]


@contextmanager
def read_export(path: Path, packs: Iterable[Pack], named_encoding: str | None = None) -> Iterator[ExportFile]:
    """Open a file; its header is the line, among the first, that has most of the columns that inputs require."""
    with opened(path, Limits(), FORMS) as file:
        if file.form != "json":
            required = [
                each.columns[name]
                for pack in packs
                for each in pack.inputs
                for names in each.required
                for name in names
            ]
            wanted = frozenset(header.casefold() for headers in required for header in headers)
            yield ExportFile(file, TableExport(table_of(file, Hints(wanted, encoding=named_encoding))))
            return
        if named_encoding is None:
            encoding.refuse_other_encodings(file)
        else:
            encoding.check_encoding(named_encoding)
        with scratch_database(None) as db:
            yield ExportFile(file, db, json_objects.stage(db, file, named_encoding))


def columns_of(source_input: Input, names: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """Return the positions of each column of an input that the file has; the first that is filled counts.

    A value inside an object goes before the object itself.
    """
    positions = {name.casefold(): position for position, name in reversed(list(enumerate(names)))}
    columns = {}
    for column, headers in source_input.columns.items():
        inner_first = sorted(headers, key=lambda header: -header.count("."))
        present = tuple(positions[each.casefold()] for each in inner_first if each.casefold() in positions)
        if present:
            columns[column] = present
    return columns


def lacking(source_input: Input, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the required columns that a file does not have, by the source's newest header."""
    columns = columns_of(source_input, names)
    return tuple(
        source_input.columns[names[0]][0] for names in source_input.required if columns.keys().isdisjoint(names)
    )


def input_of(pack: Pack, candidates: Sequence[Input], names: tuple[str, ...], file: str) -> Input:
    """Return the input of a pack that a file is: the candidate whose required columns it has.

    Raises
    ------
    DataRefused
        The file lacks required columns; they are named with the nearest candidates.
    """
    gaps = [(lacking(each, names), each) for each in candidates]
    for gap, source_input in gaps:
        if not gap:
            return source_input
    gap, nearest = min(gaps, key=lambda each: len(each[0]) / len(each[1].required))
    folded = {name.casefold(): name for name in names if name}
    hints = [(name, get_close_matches(name.casefold(), folded, n=2, cutoff=0.5)) for name in gap]
    near = "; ".join(f"{name} may be {' or '.join(folded[each] for each in close)}" for name, close in hints if close)
    raise DataRefused(
        f"{file} lacks {', '.join(gap)}, expected {nearest.title}\n"
        f"{f'{near}; ' if near else ''}export it again: {pack.export}\n"
        f"nothing was loaded; payrec sources show {pack.name} lists all columns"
    )

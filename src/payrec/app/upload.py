"""Uploaded files: bounded, stored, recognised by columns and values.

Nothing leaves the session: the files, their rejects and their list lie in a folder that is deleted with the session.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal

import pyarrow as pa
import pyarrow.parquet

from payrec.commands.sources import Recognition, recognise
from payrec.commands.sources import show as show_source
from payrec.common.errors import DataRefused, PayrecError
from payrec.data import feature_file
from payrec.data.load import file_bytes, tables, workbook
from payrec.data.load.targets import TRANSACTIONS

MAX_MB = 200
MAX_ROWS = 1_000_000
LIMITS = file_bytes.Limits(line_bytes=100_000, columns=500, plain_bytes=1_000_000_000, gzip_ratio=100)
BEYOND = "the command line has no such bound: payrec load transactions FILE, then payrec run"
REQUIRED = tuple(column.name for column in TRANSACTIONS.columns if column.required)
ENCODINGS = {"UTF-8": None, "Windows, Western Europe": "cp1252", "Windows, Central Europe": "cp1250",
             "Windows, Cyrillic": "cp1251", "ISO 8859-1": "latin-1", "UTF-16": "utf-16"}  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """How a file is read where it does not say so itself; None: as it says, else UTF-8, its first header and sheet."""

    encoding: str | None = None
    header_row: int | None = None
    sheet: str | None = None

    def document(self) -> dict[str, Any]:
        """Return it as keys of a map."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Upload:
    """Uploaded files: where the first lies, their names, its hash, its columns, its sheets, how it is read.

    ``source``: the export that all of them are, if they are recognised; only then are there several files.
    ``problem``: why the file cannot be read so; another encoding, header row or sheet may be chosen.
    """

    path: Path
    name: str
    sha256: str
    header: tuple[str, ...]
    others: tuple[Path, ...] = ()
    sheets: tuple[str, ...] = ()
    reading: Reading = Reading()
    source: Recognition | None = None
    problem: PayrecError | None = None

    @property
    def kind(self) -> Literal["source", "features", "transactions", "unknown"]:
        """What columns and values make it."""
        if self.source:
            return "source"
        if feature_file.is_feature_view(list(self.header)):
            return "features"
        return "unknown" if self.missing else "transactions"

    @property
    def may_lack_currency(self) -> bool:
        """Whether it is an export that need not state the currency of its amounts."""
        pack = show_source(self.source.source) if self.source else None
        return pack is not None and not any(("currency",) in each.required for each in pack.inputs)

    @property
    def missing(self) -> tuple[str, ...]:
        """Required columns of transactions that the file does not have by name."""
        names = {name.strip().casefold() for name in self.header}
        return tuple(name for name in REQUIRED if name not in names)


def take(data: BinaryIO, name: str, folder: Path) -> Upload:
    """Store an uploaded file in ``folder``, within bounds, and look at it.

    Raises
    ------
    DataRefused
        It is too large, has too many rows or columns, or is of no kind that can be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    safe = re.sub(r"[^\w.\- ]", "_", Path(name).name)[-80:] or "upload.csv"
    path, digest = folder / safe, hashlib.sha256()  # under its own name, which messages repeat
    with path.open("wb") as sink:
        while chunk := data.read(1 << 20):
            digest.update(chunk)
            sink.write(chunk)
    if path.stat().st_size > MAX_MB * 1024 * 1024:
        path.unlink()
        raise DataRefused(f"{safe} is larger than {MAX_MB} MB\n{BEYOND}")
    return read(Upload(path, safe, digest.hexdigest(), ()), Reading())


def take_all(files: Sequence[tuple[BinaryIO, str]], folder: Path) -> Upload:
    """Store files: one of any kind, or several of one recognised source, such as its invoices and its payments.

    Raises
    ------
    DataRefused
        As :func:`take`, or several files are not all of one source.
    """
    first, *others = (take(data, name, folder) for data, name in files)
    if not others:
        return first
    sources = {each.source.source if each.source else None for each in (first, *others)}
    if sources != {first.source.source if first.source else ""}:
        words = ", ".join(
            f"{each.name}: {each.source.title if each.source else 'unknown'}" for each in (first, *others)
        )
        raise DataRefused(
            f"found files of several kinds ({words})\nupload the files of one export together, or one file alone"
        )
    names = ", ".join(each.name for each in (first, *others))
    return replace(first, name=names, others=tuple(each.path for each in others))


def read(uploaded: Upload, reading: Reading) -> Upload:
    """Look at a stored file as it is to be read: its columns, its sheets, the source that it comes from.

    Raises
    ------
    DataRefused
        It is of no kind that can be read, damaged, or too large.
    """
    path = uploaded.path
    try:
        with file_bytes.opened(path, LIMITS, tables.FORMS) as file:
            if file.form == "parquet":
                return replace(uploaded, header=_parquet_header(file.stream, path.name))
            if file.form == "text":
                _count_lines(file.stream, path)
            sheets = tuple(workbook.sheet_names(file)) if file.form == "xlsx" else ()
        known = frozenset((*TRANSACTIONS.names(), *feature_file.SCHEMA.names, *feature_file.ALIASES))
        hints = tables.Hints(known, encoding=reading.encoding, header_row=reading.header_row, sheet=reading.sheet)
        with file_bytes.opened(path, LIMITS, tables.FORMS) as file:
            header = tables.table_of(file, hints).dialect.header
    except PayrecError as error:
        if path.is_file() and _may_be_read_otherwise(error):
            return replace(uploaded, header=(), reading=reading, source=None, problem=error)
        raise
    recognised = () if reading.header_row or reading.sheet else _recognised(path, reading.encoding)
    return replace(
        uploaded, header=header, sheets=sheets, reading=reading, source=next(iter(recognised), None), problem=None
    )


def _recognised(path: Path, encoding: str | None) -> tuple[Recognition, ...]:
    with suppress(PayrecError):  # what is no readable export of a source is still a file of columns
        return recognise(path, encoding)
    return ()


def _may_be_read_otherwise(error: PayrecError) -> bool:
    return any(word in str(error) for word in ("encoding", "header", "UTF-", "sheet", "two columns named"))


def _parquet_header(stream: BinaryIO, name: str) -> tuple[str, ...]:
    try:
        metadata = pyarrow.parquet.read_metadata(stream)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataRefused(f"{name} is a damaged Parquet file: {str(error).splitlines()[0]}") from error
    if metadata.num_rows > MAX_ROWS or metadata.num_columns > LIMITS.columns:
        raise DataRefused(
            f"{name} has {metadata.num_rows:,} rows and {metadata.num_columns:,} columns; the app takes at most "
            f"{MAX_ROWS:,} rows and {LIMITS.columns} columns\n{BEYOND}"
        )
    return tuple(metadata.schema.to_arrow_schema().names)


def _count_lines(stream: BinaryIO, path: Path) -> None:
    lines, last = 0, b""
    while chunk := stream.read(1 << 20):
        lines += chunk.count(b"\n")
        last = chunk
        if lines > MAX_ROWS + 1:
            path.unlink()
            raise DataRefused(f"{path.name} has more than {MAX_ROWS:,} lines\n{BEYOND}")
    if lines <= 1 and len(last.split()) and not last.partition(b"\n")[2].strip(b"\0\r\n "):
        raise DataRefused(
            f"{path.name} has one line, expected column names and rows below them\nexport it again with its rows"
        )

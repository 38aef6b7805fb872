"""The bytes of a file: unpacked, bounded, and of a kind that can be read; all else is refused with a guess."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from payrec.common.errors import DataRefused, UsageError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

HEAD_BYTES = 256 * 1024
Form = Literal["text", "parquet", "xlsx", "json"]
TEXT_AND_PARQUET: tuple[Form, ...] = ("text", "parquet")
SPOKEN: dict[Form, str] = {"text": "CSV", "parquet": "Parquet", "xlsx": "XLSX", "json": "JSON"}


@dataclass(frozen=True)
class Limits:
    """What a file may hold at most; over it, the file is refused early."""

    line_bytes: int = 1_000_000
    columns: int = 2_000
    plain_bytes: int = 50_000_000_000  # after unpacking
    gzip_ratio: int = 200  # unpacked bytes for each packed byte; money and dates pack 5 to 30 times
    gzip_free_bytes: int = 64_000_000  # below this much unpacked the ratio is not looked at


@dataclass
class Tally:
    """What was taken out of the text or is odd about it; filled while the blocks are read."""

    nul: int = 0
    surrogates: int = 0
    lines: int = 0
    utf8_by_another_name: bool = False
    without_array: int = 0  # JSON records that lack the list whose elements are the rows

    def clear(self) -> None:
        """Begin again, with the file."""
        for each in fields(self):
            setattr(self, each.name, each.default)


@dataclass(frozen=True)
class OpenFile:
    """A file opened for reading: its name for messages, its bytes (unpacked) and what the first of them say it is."""

    name: str
    form: Form
    is_gzip: bool
    head: bytes
    stream: BinaryIO
    limits: Limits
    tally: Tally = field(default_factory=Tally)


_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls), or one with a password"),
    (b"%PDF", "a PDF"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x1f\x8b", "a gzip archive inside a gzip archive"),
    (b"SQLite format 3", "an SQLite database"),
    (b"ARROW1", "an Arrow file"),
    (b"ORC", "an ORC file"),
    (b"Obj\x01", "an Avro file"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"{\\rtf", "a rich text document"),
)
XLSX, JSON = "an XLSX workbook", "JSON"
_MARKUP = (
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<table", "an HTML page"),
    (b"<?xml", "XML"),
)
_JSON = re.compile(rb"\s*(\[\s*[{\]]|\{\s*[\"}])")


class _Guard(io.RawIOBase):
    """Unpacked bytes, counted while they are read, so that a bomb is refused before it has gone off."""

    def __init__(self, stream: BinaryIO, packed: BinaryIO | None, name: str, limits: Limits) -> None:
        self._stream, self._packed, self._name, self._limits = stream, packed, name, limits
        self._plain = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go back to the first byte, for those that read twice."""
        if (offset, whence) != (0, io.SEEK_SET):
            raise io.UnsupportedOperation
        self._plain = 0
        return self._stream.seek(0)

    def tell(self) -> int:
        return self._plain

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        try:
            chunk = self._stream.read(len(view))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            msg = f"{self._name} is a damaged gzip file ({error})\nnothing was loaded; fetch the file again"
            raise DataRefused(msg) from error
        self._plain += len(chunk)
        self._check()
        view[: len(chunk)] = chunk
        return len(chunk)

    def _check(self) -> None:
        if self._plain > self._limits.plain_bytes:
            msg = f"{self._name} holds more than {self._limits.plain_bytes:,} bytes unpacked\nsplit the file"
            raise DataRefused(msg)
        if self._packed is None or self._plain <= self._limits.gzip_free_bytes:
            return
        if self._plain > self._limits.gzip_ratio * max(self._packed.tell(), 1):
            raise DataRefused(
                f"{self._name} unpacks to more than {self._limits.gzip_ratio} times its size: a gzip bomb?\n"
                "nothing was loaded; if the file is meant, unpack it first"
            )


@contextmanager
def opened(
    path: Path, limits: Limits, forms: Sequence[Form] = TEXT_AND_PARQUET, name: str | None = None
) -> Iterator[OpenFile]:
    """Open a file for reading, unpacked if it is gzip, and say what it is: one of ``forms``; messages call it ``name``.

    Raises
    ------
    UsageError
        There is no such file, or it may not be read.
    DataRefused
        The file is empty, or none of ``forms``, or too large, or damaged.
    """
    try:
        raw = path.open("rb")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    name = name or path.name
    with raw:
        is_gzip = raw.peek(2)[:2] == b"\x1f\x8b"
        plain: BinaryIO = gzip.GzipFile(fileobj=raw) if is_gzip else raw  # type: ignore[assignment]
        guard = io.BufferedReader(_Guard(plain, raw if is_gzip else None, name, limits), HEAD_BYTES)
        head = guard.peek(HEAD_BYTES)[:HEAD_BYTES]
        if not head.strip(b"\xef\xbb\xbf \t\r\n\0"):
            raise DataRefused(f"{name} is empty\nexpected CSV text with a header line, or Parquet")
        form, guess = _form_of(head)
        if form is None or form not in forms:
            msg = f"{name} is {guess}, not {' or '.join(SPOKEN[each] for each in forms)}"
            raise DataRefused(f"{msg}\nsave it as CSV (UTF-8) and load that")
        if form in ("text", "json"):
            yield OpenFile(name, form, is_gzip, head, guard, limits)
            return
        if is_gzip:
            raise DataRefused(f"{name} is {guess} inside gzip\nunpack it first: gunzip {name}")
        raw.seek(0)  # Parquet and XLSX are read from their end: the reader needs the file itself, and bounds it
        yield OpenFile(name, form, is_gzip, head, raw, limits)


def _form_of(head: bytes) -> tuple[Form | None, str]:
    """Return the form of a file, None if it has none that can be read, and what it is in words."""
    if head.startswith(b"PAR1"):
        return "parquet", "a Parquet file"
    guess = _guess(head)
    forms: dict[str | None, Form] = {None: "text", XLSX: "xlsx", JSON: "json"}
    return forms.get(guess), guess or "text"


def _guess(head: bytes) -> str | None:
    """Return what a file is that is neither CSV nor Parquet; None if it may be CSV."""
    if head.startswith(b"PK\x03\x04"):
        return _archive(head)
    for magic, what in _MAGIC:
        if head.startswith(magic):
            return what
    if head[8:12] == b"DUCK":
        return "a DuckDB database"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:64].lower()
    for mark, what in _MARKUP:
        if start.startswith(mark):
            return what
    if _JSON.match(start):
        return JSON
    control = bytes(c for c in range(1, 32) if c not in b"\t\n\r\f\x1b")  # NUL is left to ``encoding``
    return "a binary file" if len(head) - len(head.translate(None, control)) > len(head) / 20 else None


def _archive(head: bytes) -> str:
    if b"[Content_Types].xml" in head or b"xl/" in head:
        return XLSX
    return "an ODS workbook" if b"opendocument.spreadsheet" in head else "a ZIP archive"

r"""Files that contain a text, in any usual encoding, quoting, compression or container; and files that cannot be read.

Kinds of files are recognised by their first bytes, never by their names. Text is compared without quotes,
backslashes and escapes, so that ``a"b`` matches the CSV cell ``"a""b"`` and the JSON string ``"a\u0022b"``.
"""

from __future__ import annotations

import bz2
import gzip
import html
import io
import lzma
import os
import re
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import unquote

import duckdb
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet

from payrec.common import duck
from payrec.common.text import sql_identifier

CHUNK = 1 << 20
MOST_BYTES = 8 << 30  # of one file, unpacked; a larger one counts as unreadable
MOST_LEVELS = 4  # of archives within archives
ESCAPED_CHARACTER = 16  # bytes of the longest usual escape of one character, with room to spare
COMPRESSED = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
    b"\x28\xb5\x2f\xfd": lambda source: pa.CompressedInputStream(source, "zstd"),
}
OPAQUE = (b"%PDF", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"\xd0\xcf\x11\xe0", b"\x04\x22\x4d\x18")  # the last: LZ4
_UNREADABLE = (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, lzma.LZMAError, tarfile.TarError,
               zipfile.BadZipFile, pa.ArrowException, duckdb.Error)  # fmt: skip
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})")
_QUOTES = re.compile(r"[\"'\\\0\ufeff]")


@dataclass(frozen=True)
class FileMatches:
    """Files that contain the text, and files that cannot be searched, such as PDF files, with the reason."""

    matches: tuple[str, ...]
    unreadable: tuple[str, ...]


def search(paths: Iterable[Path], text: str) -> FileMatches:
    """Search files for ``text``, in their names and contents."""
    contains = matcher(text)
    matches, unreadable = [], []
    for path in sorted(paths):
        try:
            if _file_contains(path, contains):
                matches.append(str(path))
        except _UNREADABLE as error:
            reason = str(error).strip().splitlines()
            unreadable.append(f"{path}: {reason[0] if reason else type(error).__name__}")
    return FileMatches(tuple(matches), tuple(unreadable))


@dataclass(frozen=True)
class Matcher:
    """Whether bytes contain a text; ``tail_bytes`` is how long a piece must be kept for a match across two chunks."""

    contains: Callable[[bytes], bool]
    tail_bytes: int

    def __call__(self, content: bytes) -> bool:
        """Whether the text stands in ``content``."""
        return self.contains(content)


def matcher(text: str) -> Matcher:
    r"""Return what looks for ``text`` in bytes.

    >>> contains = matcher('a"b,é')
    >>> [contains(one) for one in (b'"a""b,\xc3\xa9"', rb'"a\"b,\u00e9"', b"a&quot;b,&eacute;")]
    [True, True, True]
    >>> contains('a"b,é'.encode("utf-16"))
    True
    >>> contains(b"a'b,e")
    False
    """
    raw = text.encode()
    if re.fullmatch(r"[A-Za-z0-9_.:@/ -]+", text):  # nothing that anybody would escape
        return Matcher(lambda content: raw in content or raw in content.replace(b"\0", b""), 4 * len(raw))
    wanted = _plain(text) or text
    codecs = ("utf-8", "cp1252", "utf-16-le", "utf-16-be", "utf-32-le")

    def contains(content: bytes) -> bool:
        if raw in content:
            return True
        has_nul = b"\0" in content
        texts = (content[odd:].decode(codec, "replace") for codec in codecs[: 5 if has_nul else 2] for odd in (0, 1)
                 if odd == 0 or codec.startswith("utf-16"))  # fmt: skip
        return any(wanted in _plain(one) for one in texts)

    return Matcher(contains, 2 * ESCAPED_CHARACTER * len(text) + 64)


def _plain(text: str) -> str:
    """Return a text without quotes, backslashes and escapes."""
    for _ in range(2):  # an escape may be escaped once more: JSON in JSON, HTML in JSON
        text = html.unescape(text) if "&" in text else text
        text = _ESCAPE.sub(lambda match: chr(int(match[1] or match[2], 16)), text) if "\\" in text else text
        text = unquote(text) if "%" in text else text
    text = _QUOTES.sub("", text)
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")  # joins escaped surrogates
    return unicodedata.normalize("NFC", text)


def _file_contains(path: Path, contains: Matcher) -> bool:
    with path.open("rb") as source:
        return contains(os.fsencode(path.name)) or _contains(source, contains, path)


def _contains(source: IO[bytes], contains: Matcher, path: Path | None, level: int = 0) -> bool:
    """Search an open file that can be sought; ``path`` None: it lies in a container."""
    head = source.read(12)
    source.seek(0)
    if level > MOST_LEVELS:
        raise ValueError(f"more than {MOST_LEVELS} levels of archives")
    if head.startswith(OPAQUE):
        raise ValueError("this kind of file cannot be searched")
    if (batches := _batches(head, source, path)) is not None:
        return any(contains(text) for batch in batches for column in batch.columns for text in _texts(column))
    if (members := _members(head, source)) is not None:
        return any([_contains_unpacked(member, contains, level) for member in members])  # all, to meet unreadable ones
    source.seek(0)
    return _contains_bytes(source, contains)


def _batches(head: bytes, source: IO[bytes], path: Path | None) -> Iterator[pa.RecordBatch] | None:
    """Return the rows of a file of tables, None if it is none."""
    if head.startswith(b"PAR1"):
        return pyarrow.parquet.ParquetFile(source).iter_batches()
    if head.startswith(b"ARROW1"):
        reader = pyarrow.ipc.open_file(cast("io.IOBase", source))
        return (reader.get_batch(at) for at in range(reader.num_record_batches))
    if head[8:12] == b"DUCK":
        if path is None:
            raise ValueError("a database in an archive cannot be searched")
        return _database_rows(path)
    return None


def _members(head: bytes, source: IO[bytes]) -> Iterator[IO[bytes]] | None:
    """Return the unpacked contents of an archive or a compressed file, None if it is none."""
    if head.startswith(b"PK\x03\x04"):
        return _zip_members(source)
    if head.startswith(tuple(COMPRESSED)):
        return _decompressed(head, source)
    return _tar_members(source) if tarfile.is_tarfile(source) else None


def _decompressed(head: bytes, source: IO[bytes]) -> Iterator[IO[bytes]]:
    opened: Any = next(read for start, read in COMPRESSED.items() if head.startswith(start))
    with opened(source) as inner:
        yield inner


def _contains_unpacked(source: IO[bytes], contains: Matcher, level: int) -> bool:
    """Search what can only be read forwards: a container in it is read into memory, anything else in chunks."""
    head = source.read(CHUNK)
    containers = (b"PAR1", b"ARROW1", b"PK\x03\x04", *COMPRESSED, *OPAQUE)
    if not head.startswith(containers) and head[257:262] != b"ustar" and head[8:12] != b"DUCK":
        return _contains_bytes(source, contains, head)
    content = head + source.read(CHUNK << 10)
    if len(content) > CHUNK << 10:
        raise ValueError("too large to unpack")
    return _contains(io.BytesIO(content), contains, None, level + 1)


def _contains_bytes(source: IO[bytes], contains: Matcher, start: bytes = b"") -> bool:
    piece, total = start or source.read(CHUNK), 0
    while piece:
        if contains(piece):
            return True
        total += len(piece)
        if total > MOST_BYTES:
            raise ValueError("too large to search")
        chunk = source.read(CHUNK)
        piece = piece[-contains.tail_bytes :] + chunk if chunk else b""
    return False


def _zip_members(source: IO[bytes]) -> Iterator[IO[bytes]]:
    with zipfile.ZipFile(source) as archive:
        for info in archive.infolist():
            yield io.BytesIO(info.filename.encode(errors="surrogateescape"))
            with archive.open(info) as member:
                yield member


def _tar_members(source: IO[bytes]) -> Iterator[IO[bytes]]:
    source.seek(0)
    with tarfile.open(fileobj=source, mode="r:") as archive:
        for info in archive:
            yield io.BytesIO(info.name.encode(errors="surrogateescape"))
            if member := archive.extractfile(info):
                yield member


def _texts(column: Any) -> Iterator[bytes]:
    """Yield the distinct texts of a column, joined by line ends."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary
    if pa.types.is_nested(column.type):
        column = pa.array([str(value) for value in column.to_pylist()])
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        yield from (value for value in column.to_pylist() if value)
    elif not pa.types.is_temporal(column.type):
        yield "\n".join(str(value) for value in column.unique().to_pylist() if value is not None).encode()


def _database_rows(path: Path) -> Iterator[pa.RecordBatch]:
    with duck.connect(str(path), {"access_mode": "read_only"}) as db:
        tables = db.execute("SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal").fetchall()
        for schema, table in tables:
            with db.cursor() as cursor:
                yield from cursor.sql(
                    f"SELECT * FROM {sql_identifier(schema)}.{sql_identifier(table)}"
                ).to_arrow_reader()

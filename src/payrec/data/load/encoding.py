"""Bytes to clean text: UTF-8, lines that end in one newline, no NUL and no lone surrogate; never a guessed encoding."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import replace

from payrec.common.errors import DataRefused, UsageError
from payrec.common.text import terminal_text
from payrec.data.load.file_bytes import HEAD_BYTES, Limits, OpenFile, Tally

BLOCK_BYTES = 4 * 1024 * 1024
SURROGATES = re.compile("[\ud800-\udfff]")
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# bytes to a character, and which of them are zero in most Latin text; the wider ones first
_WIDE = (("utf-32-le", 4, (1, 2, 3)), ("utf-32-be", 4, (0, 1, 2)), ("utf-16-le", 2, (1,)), ("utf-16-be", 2, (0,)))
_ISO_2022 = re.compile(rb"\x1b\$[@B]|\x1b\([BIJ]")  # Japanese in seven bits


def check_encoding(encoding: str) -> str:
    """Return the name of a text encoding, or refuse a word that is none.

    Raises
    ------
    UsageError
        Python knows no such text encoding.
    """
    try:
        "".encode(encoding)
        return codecs.lookup(encoding).name
    except LookupError as error:
        msg = f"found the encoding {encoding!r}, expected one such as utf-8, cp1252, latin-1, utf-16"
        raise UsageError(msg) from error


def refuse_other_encodings(file: OpenFile) -> None:
    """Refuse what its first bytes say is not UTF-8: UTF-16 and UTF-32, with or without a mark, and ISO 2022.

    Raises
    ------
    DataRefused
        Naming the encoding and the option that reads it.
    """
    for bom, encoding in _BOMS:
        if file.head.startswith(bom):
            _refuse_encoding(file, encoding)
    for encoding, width, places in _WIDE:
        sample = file.head[: len(file.head) // width * width]
        if sample and all(sample[at::width].count(0) > 0.4 * len(sample) / width for at in places):
            _refuse_encoding(file, encoding)
    if _ISO_2022.search(file.head):
        _refuse_encoding(file, "iso2022_jp")


def first_lines(file: OpenFile, encoding: str | None) -> str:
    """Return the whole lines among a file's first bytes as clean text; a cut last line is left out."""
    is_whole = len(file.head) < HEAD_BYTES
    head = replace(file, stream=io.BytesIO(file.head), tally=Tally())
    text = _one_newline(b"".join(_utf8_chunks(head, encoding, is_whole=is_whole)))
    cut = text.rfind(b"\n") + 1
    if not is_whole and not cut:
        refuse_long_line(file.name, 1, file.limits)
    return _clean(text if is_whole else text[:cut], head).decode("utf-8")


def _refuse_encoding(file: OpenFile, encoding: str) -> None:
    raise DataRefused(
        f"{file.name} is {encoding.upper()} text, expected UTF-8\nadd --encoding {encoding}, or save the file as UTF-8"
    )


def blocks(file: OpenFile, encoding: str | None) -> Iterator[bytes]:
    """Yield UTF-8 blocks of whole lines, each ending in one newline.

    Raises
    ------
    DataRefused
        The bytes are not text in the encoding, or a line is longer than the limit.
    """
    rest = b""
    for chunk in _utf8_chunks(file, encoding):
        joined = rest + chunk
        # a carriage return at the very end may be half of a line end
        held = joined[-1:] if joined.endswith(b"\r") else b""
        text = _one_newline(joined.removesuffix(held) if held else joined)
        cut = text.rfind(b"\n") + 1
        if len(text) - cut > file.limits.line_bytes:
            refuse_long_line(file.name, file.tally.lines + text.count(b"\n") + 1, file.limits)
        rest = text[cut:] + held
        if cut:
            yield _clean(text[:cut], file)
    last = _one_newline(rest)
    if last:
        yield _clean(last if last.endswith(b"\n") else last + b"\n", file)


def texts(file: OpenFile, encoding: str | None) -> Iterator[str]:
    """Yield the text in pieces that may end anywhere.

    Raises
    ------
    DataRefused
        The bytes are not text in the encoding.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("surrogatepass")
    try:
        for chunk in _utf8_chunks(file, encoding):
            yield decoder.decode(chunk)
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        msg = f"{file.name} is not UTF-8 text: byte {error.object[error.start : error.start + 1]!r}"
        raise DataRefused(f"{msg}\nadd --encoding cp1252 or another, or save the file as UTF-8") from error


def refuse_long_line(name: str, line: int, limits: Limits) -> None:
    """Refuse a line over the limit.

    Raises
    ------
    DataRefused
        Always.
    """
    raise DataRefused(f"{name}, line {line}: longer than {limits.line_bytes:,} bytes\nis this a CSV file?")


def _utf8_chunks(file: OpenFile, encoding: str | None, *, is_whole: bool = True) -> Iterator[bytes]:
    """Yield the stream as it is for UTF-8, else recoded to it; if it is not whole, its last character may be cut."""
    if encoding is None or codecs.lookup(encoding).name == "utf-8":
        first = True
        while chunk := file.stream.read(BLOCK_BYTES):
            yield chunk.removeprefix(codecs.BOM_UTF8) if first else chunk
            first = False
        return
    errors = "surrogatepass" if encoding.lower().startswith("utf") else "strict"
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    try:
        if chunk := file.stream.read(BLOCK_BYTES):
            file.tally.utf8_by_another_name = _is_utf8_beyond_ascii(chunk)
            yield decoder.decode(chunk).removeprefix("\ufeff").encode("utf-8", "surrogatepass")
        while chunk := file.stream.read(BLOCK_BYTES):
            yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
        yield decoder.decode(b"", final=is_whole).encode("utf-8", "surrogatepass")
    except UnicodeError as error:  # UTF-16 without its mark is no UnicodeDecodeError
        bad = error.object[error.start : error.start + 1] if isinstance(error, UnicodeDecodeError) else b""
        where = f"byte {bad!r} near line {file.tally.lines + 1}" if bad else "it does not begin with a byte order mark"
        msg = f"{file.name} is not {encoding} text: {where}\nname the right encoding with --encoding"
        raise DataRefused(msg) from error


def _is_utf8_beyond_ascii(chunk: bytes) -> bool:
    """Return True if bytes said to be of another encoding are UTF-8 with letters beyond ASCII (the end may be cut)."""
    try:
        return (
            not chunk.isascii() and bool(codecs.getincrementaldecoder("utf-8")().decode(chunk)) and b"\0" not in chunk
        )
    except UnicodeDecodeError:
        return False


def _one_newline(block: bytes) -> bytes:
    return block.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in block else block


def _clean(block: bytes, file: OpenFile) -> bytes:
    """Take out NUL and lone surrogates, counted; refuse bytes that are not UTF-8."""
    if b"\0" in block:
        file.tally.nul += block.count(b"\0")
        block = block.replace(b"\0", b"")
    if not block.isascii():
        block = _without_surrogates(block, file)
    file.tally.lines += block.count(b"\n")
    return block


def _without_surrogates(block: bytes, file: OpenFile) -> bytes:
    try:
        block.decode("utf-8")
        return block
    except UnicodeDecodeError as error:
        wrong = error
    try:
        text, count = SURROGATES.subn("", block.decode("utf-8", "surrogatepass"))
    except UnicodeDecodeError as error:
        line = file.tally.lines + block.count(b"\n", 0, error.start) + 1
        sample = block[max(error.start - 10, 0) : error.start + 10].decode("cp1252", "replace")
        problem = f"not UTF-8 text; read as cp1252 (Windows) it says {terminal_text(sample.strip())}"
        remedy = "if that is right add --encoding cp1252, or save the file as UTF-8"
        raise DataRefused(f"{file.name}, line {line}: {problem}\n{remedy}") from wrong
    file.tally.surrogates += count
    return text.encode("utf-8")

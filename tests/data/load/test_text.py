"""Encodings, line ends, compression and foreign files (faults 19, 20, 22, 36, 37)."""

from __future__ import annotations

import gzip
import io
import random
import zipfile
from pathlib import Path

import pytest

from payrec.common.errors import DataRefused, UsageError
from payrec.data import load
from payrec.data.load import encoding as text
from payrec.data.load import staging
from payrec.data.load.header import DELIMITERS
from tests.data.load.files import HEADER, lines, opened, order, read, written

GOOD = lines(order(1), order(2))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_fault_19_dialects(tmp_path: Path, end: str, bom: bytes, delimiter: str) -> None:
    content = GOOD.replace(",", delimiter).replace("\n", end).encode()
    found = read(written(tmp_path, bom + content))
    assert found.column("order_id") == ["o1", "o2"]
    assert DELIMITERS[delimiter] in found.report.dialect


def test_fault_19_dialect_is_reported(tmp_path: Path) -> None:
    path = written(tmp_path, gzip.compress(GOOD.replace(",", ";").replace("\n", "\r\n").encode()), "f.csv.gz")
    assert read(path).report.dialect == "CSV, semicolon, utf-8, CRLF line ends, gzip"


def test_fault_19_mixed_line_ends(tmp_path: Path) -> None:
    mixed = f"{HEADER}\r\n{order(1)}\n{order(2)}\r{order(3)}"
    found = read(written(tmp_path, mixed))
    assert found.column("order_id") == ["o1", "o2", "o3"]
    assert "mixed line ends" in found.report.dialect


@pytest.mark.parametrize("mark", [",", ";", "|", "\t"])
def test_fault_19_sep_line(tmp_path: Path, mark: str) -> None:
    found = read(written(tmp_path, f"sep={mark}\r\n" + lines(order(1), order(2, amount="x")).replace(",", mark)))
    assert found.column("order_id") == ["o1"]
    assert found.rejects[0]["line"] == 4


@pytest.mark.parametrize("encoding", [None, "utf-16", "cp1252"])
def test_blocks_do_not_depend_on_where_the_file_is_cut(monkeypatch: pytest.MonkeyPatch, encoding: str | None) -> None:
    content = lines(order(1, customer_id="é"), order(2)).replace("\n", "\r\n").encode(encoding or "utf-8")
    for size in range(1, 60):
        monkeypatch.setattr(text, "BLOCK_BYTES", size)
        blocks = text.blocks(opened(content), encoding)
        assert b"".join(blocks).decode() == lines(order(1, customer_id="é"), order(2))


def test_fault_20_cp1252_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = written(tmp_path, lines(order(1), order(2, customer_id="Müller")).encode("cp1252"))
    with pytest.raises(DataRefused, match=r"line 3: not UTF-8.*Müller") as refused:
        read(path)
    assert "--encoding cp1252" in str(refused.value)
    assert read(path, options=load.Options(encoding="cp1252")).column("customer_id") == ["c1", "Müller"]
    assert read(path, encoding="cp1252").column("customer_id") == ["c1", "Müller"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_fault_20_utf16_is_refused_with_the_way_out(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path, lines(order(1, customer_id="Zoë")).encode(encoding))
    with pytest.raises(DataRefused, match="--encoding utf-"):
        read(path)
    assert read(path, options=load.Options(encoding=encoding)).column("customer_id") == ["Zoë"]


def test_fault_20_invalid_utf8_late_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "BLOCK_BYTES", 100)
    rows = lines(*(order(n) for n in range(50))).encode()
    path = written(tmp_path, rows + order(50, customer_id="X").encode().replace(b"X", b"\xff") + b"\n")
    with pytest.raises(DataRefused, match="line 52: not UTF-8"):
        read(path)


def test_fault_20_utf8_read_as_cp1252_is_said(tmp_path: Path) -> None:
    path = written(tmp_path, lines(order(1, customer_id="Müller")))
    notes = read(path, options=load.Options(encoding="cp1252")).report.notes
    assert any("valid UTF-8" in note for note in notes)


def test_an_unknown_encoding_is_refused(tmp_path: Path) -> None:
    for word in ("klingon", "zip", "rot13"):
        with pytest.raises(UsageError, match="expected one such as utf-8"):
            read(written(tmp_path, GOOD), options=load.Options(encoding=word))


def test_bytes_that_the_asked_encoding_has_not(tmp_path: Path) -> None:
    path = written(tmp_path, lines(order(1, customer_id="X")).encode().replace(b"X", b"\x81"))
    with pytest.raises(DataRefused, match="is not cp1252 text"):
        read(path, options=load.Options(encoding="cp1252"))


def xlsx() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return out.getvalue()


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("transactions.csv", GOOD)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "guess"),
    [
        (xlsx(), "XLSX workbook"),
        (archive(), "a ZIP archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "an old Excel workbook"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF"),
        (b"<!DOCTYPE html>\n<html><body>Sign in</body></html>", "an HTML page"),
        (b"\xef\xbb\xbf  <HTML><table><tr><td>1</td></tr></table>", "an HTML page"),
        (b'<?xml version="1.0"?><rows/>', "XML"),
        (b"SQLite format 3\0" + bytes(100), "an SQLite database"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "a picture"),
        (random.Random(1).randbytes(4000).replace(b"\0", b"\1"), "a binary file"),
        (gzip.compress(gzip.compress(GOOD.encode())), "a gzip archive inside"),
    ],
)
def test_fault_22_foreign_files_are_refused_with_a_guess(tmp_path: Path, content: bytes, guess: str) -> None:
    with pytest.raises(DataRefused, match=guess):
        read(written(tmp_path, content))
    if not content.startswith(b"\x1f\x8b"):
        with pytest.raises(DataRefused, match=guess):
            read(written(tmp_path, gzip.compress(content), "f.csv.gz"))


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b"  \r\n", bytes(100)])
def test_fault_22_empty(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataRefused, match="is empty"):
        read(written(tmp_path, content))


@pytest.mark.parametrize("content", [HEADER, HEADER + "\n", HEADER + "\r\n\r\n\n"])
def test_fault_22_header_only(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataRefused, match="has a header and no rows"):
        read(written(tmp_path, content))


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.csv", tmp_path):
        with pytest.raises(UsageError, match="cannot read"):
            read(path)


def test_damaged_gzip(tmp_path: Path) -> None:
    packed = gzip.compress(lines(*(order(n) for n in range(5000))).encode())
    broken = bytearray(packed)
    broken[-6] ^= 0xFF
    for content in (packed[: len(packed) // 2], bytes(broken)):
        with pytest.raises(DataRefused, match="damaged gzip"):
            read(written(tmp_path, content, "f.csv.gz"))


def test_fault_36_nul_and_lone_surrogates_are_taken_out_and_counted(tmp_path: Path) -> None:
    content = lines(order(1, customer_id="a\0b\0"), order(2, customer_id="x\ud800y")).encode("utf-8", "surrogatepass")
    found = read(written(tmp_path, content))
    assert found.column("customer_id") == ["ab", "xy"]
    assert "2 NUL characters were taken out of the text" in found.report.notes
    assert "1 lone surrogate (half a character) was taken out of the text" in found.report.notes


def test_fault_37_gzip_bomb_is_refused_early(tmp_path: Path) -> None:
    bomb = gzip.compress(HEADER.encode() + b"\n" + b"1,1\n" * 5_000_000)
    limits = load.Limits(gzip_free_bytes=1_000_000)
    with pytest.raises(DataRefused, match="gzip bomb"):
        read(written(tmp_path, bomb, "f.csv.gz"), options=load.Options(limits=limits))


def test_fault_37_a_file_of_bad_lines_is_refused_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "BAD_LINES", 100)
    with pytest.raises(DataRefused, match="101 of the first 101 lines do not have 6 columns"):
        read(written(tmp_path, HEADER + "\n" + "1,1\n" * 101))
    assert read(written(tmp_path, lines(*["1,1"] * 101, *(order(n) for n in range(102))))).report.rejected == 101


def test_fault_37_bytes_lines_columns(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="more than 1,000 bytes"):
        read(
            written(tmp_path, gzip.compress(lines(*(order(n) for n in range(100))).encode()), "f.csv.gz"),
            options=load.Options(limits=load.Limits(plain_bytes=1_000)),
        )
    with pytest.raises(DataRefused, match="line 3: longer than 1,000,000 bytes"):
        read(written(tmp_path, lines(order(1), order(2, customer_id="x" * 1_000_001), order(3))))
    with pytest.raises(DataRefused, match="longer than 1,000,000 bytes"):
        read(written(tmp_path, b"x" * 9_000_000))
    with pytest.raises(DataRefused, match="10,000 columns, expected at most 2,000"):
        read(written(tmp_path, ",".join(f"c{n}" for n in range(10_000)) + "\n"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "shift_jis", "gb18030"])
def test_the_first_bytes_may_end_inside_a_character(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    head = "a,b\n日本,語\n日本語日本語\n".encode(encoding)
    asked = None if encoding == "utf-8" else encoding
    for size in range(12 if encoding != "utf-16" else 20, len(head) + 1):
        monkeypatch.setattr(text, "HEAD_BYTES", size)
        found = text.first_lines(opened(head[:size]), asked)
        assert "a,b\n日本,語\n日本語日本語\n".startswith(found)
        assert found.startswith("a,b\n")
        assert found.endswith("\n")

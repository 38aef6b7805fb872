"""One id in files of every encoding, quoting, compression and container."""

from __future__ import annotations

import bz2
import gzip
import html
import io
import json
import lzma
import tarfile
import zipfile
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from payrec.publish import file_search

TABLE = pa.table({"n": [1, 2], "customer_id": ["someone", ""]})


def zipped(name: str, content: bytes) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return sink.getvalue()


def tarred(content: bytes) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as archive:
        info = tarfile.TarInfo("list.csv")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return sink.getvalue()


def write_files(folder: Path, text: str) -> None:
    """Write the id into a file of each kind; the name of the file says what it is."""
    cell = '"' + text.replace('"', '""') + '"'
    csv = f"rank,customer_id\n1,{cell}\n" + "2,other\n" * 200_000
    for name in ("today.csv", "OLD.CSV", "log.1", "no_suffix", "x.unknown"):
        (folder / name).write_text(csv, encoding="utf-8")
    for codec in ("utf-16", "utf-16-be", "utf-8-sig"):
        (folder / f"{codec}.txt").write_text(csv, encoding=codec)
    (folder / "ascii.json").write_text(json.dumps({"of": [text]}))
    (folder / "nested.json").write_text(json.dumps({"policy": json.dumps({"values": [text]})}))
    (folder / "plain.json").write_text(json.dumps({"of": [text]}, ensure_ascii=False), encoding="utf-8")
    (folder / "page.html").write_text(f"<td>{html.escape(text)}</td>", encoding="utf-8")
    (folder / "page.xml").write_bytes(html.escape(text).encode("ascii", "xmlcharrefreplace"))
    late = b"x" * (file_search.CHUNK - 3) + cell.encode()  # across the border of two chunks
    (folder / "late.log").write_bytes(late)
    for suffix, pack in (("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)):
        (folder / f"list.csv.{suffix}").write_bytes(pack(csv.encode()))
    with pa.CompressedOutputStream(str(folder / "list.zst"), "zstd") as sink:
        sink.write(csv.encode())
    (folder / "list.zip").write_bytes(zipped("list.csv", csv.encode("utf-16")))
    (folder / "twice.zip").write_bytes(zipped("inner.zip", zipped("list.csv.gz", gzip.compress(csv.encode()))))
    (folder / "list.tar.gz").write_bytes(tarred(csv.encode()))
    table = pa.table({"n": [1, 2], "customer_id": [text, ""]})
    pyarrow.parquet.write_table(table, folder / "list.parquet", compression="zstd")
    pyarrow.parquet.write_table(pa.table({"c": [[text]]}), folder / "nested.parquet", compression="gzip")
    pyarrow.feather.write_feather(table, folder / "list.feather", compression="zstd")
    with duckdb.connect(str(folder / "copy.duckdb")) as db:
        db.execute("CREATE TABLE t AS SELECT ? AS c", [text])


@pytest.mark.parametrize("text", ["someone", "c-17", 'a"b,é', "o'neil\\x", "日本", "a&b<c>", "50% ü", "😀"])
def test_every_file_that_contains_an_id_is_listed(tmp_path: Path, text: str) -> None:
    write_files(tmp_path, text)
    files = set(tmp_path.iterdir())
    searched = file_search.search(files, text)
    assert (set(searched.matches), searched.unreadable) == ({str(path) for path in files}, ())
    absent = file_search.search(files, text[:-1] + "§" + text[-1:])
    assert (absent.matches, absent.unreadable) == ((), ())


def test_what_cannot_be_searched_is_named(tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(b"%PDF-1.7 ...")
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(b"other" * 1000)[:20])
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 cut")
    (tmp_path / "cut.zip").write_bytes(zipped("a", b"b")[:40])
    deep = b"other"
    for _ in range(20):
        deep = gzip.compress(deep)
    (tmp_path / "deep.gz").write_bytes(deep)
    searched = file_search.search(tmp_path.iterdir(), "someone")
    assert searched.matches == ()
    assert [Path(one.split(": ")[0]).name for one in searched.unreadable] == sorted(p.name for p in tmp_path.iterdir())


def test_a_name_of_a_file_counts(tmp_path: Path) -> None:
    (tmp_path / "letter-c-17.txt").write_text("dear customer")
    assert len(file_search.search(tmp_path.iterdir(), "c-17").matches) == 1

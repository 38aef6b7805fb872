"""Files that somebody may hand in: made, named, each with the rows in it and whether it should load or be refused.

`python -m tests.data.load.hostile FOLDER` writes them out.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import sqlite3
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from tests.data.load.files import HEADER, lines, order

Outcome = Literal["loads", "refused"]
GOOD = lines(*(order(n) for n in range(1, 31)))
MB = 1_000_000


@dataclass(frozen=True)
class Hostile:
    """A file: its bytes, the rows that a person sees in it, and what should become of it (None: either will do)."""

    name: str
    content: bytes
    rows: int | None = None
    outcome: Outcome | None = None
    encoding: str | None = None


def corpus() -> Iterator[Hostile]:
    """Yield every file that is quickly made and read; names are unique."""
    yield from _encodings()
    yield from _delimiters()
    yield from _quotes()
    yield from _shapes()
    yield from _foreign()
    yield from _packed()
    yield from _headers()
    yield from _values()
    yield from _keys()


def heavy() -> Iterator[Hostile]:
    """Yield files that would use up the machine."""
    yield Hostile("huge line.csv", f"{HEADER}\n".encode() + b"x" * (100 * MB), outcome="refused")
    yield Hostile("huge header.csv", b"x" * (20 * MB), outcome="refused")
    yield Hostile("huge quoted cell.csv", f'{HEADER}\n"'.encode() + b"ab\n" * (10 * MB), outcome="refused")
    yield Hostile("only delimiters.csv", HEADER.encode() + b"\n" + b"," * (10 * MB), outcome="refused")
    yield Hostile("only blank lines.csv", HEADER.encode() + b"\n" * (20 * MB), outcome="refused")
    yield Hostile("short lines.csv", HEADER.encode() + b"\n" + b"1\n" * (10 * MB), outcome="refused")
    yield Hostile("only quotes.csv", HEADER.encode() + b"\n" + b'"' * (10 * MB), outcome="refused")
    yield Hostile("quotes in lines.csv", HEADER.encode() + b"\n" + b'""""\n' * (2 * MB), outcome="refused")
    zeros = gzip.compress(b"0" * (16 * MB), 9, mtime=0)  # one member, 64 times
    yield Hostile("bomb of zeros.csv.gz", zeros * 64, outcome="refused")
    rows = gzip.compress(b"o,c,1,EUR,2025-01-31,\n" * 700_000, 9, mtime=0)
    yield Hostile("bomb of rows.csv.gz", gzip.compress(HEADER.encode() + b"\n", mtime=0) + rows * 8, outcome="refused")
    yield Hostile("bomb in a bomb.csv.gz", gzip.compress(zeros * 64, mtime=0), outcome="refused")
    yield Hostile("long text in parquet.parquet", parquet_file(["x" * 900_000], times=20_000), outcome="refused")
    yield Hostile("same rows in parquet.parquet", parquet_file(["x" * 100], times=2_000_000), outcome="refused")
    yield Hostile("long cells in parquet.parquet", parquet_file(["x" * 2 * MB], times=10), outcome="refused")
    columns = ",".join([HEADER, *(f"c{n}" for n in range(10_000))])
    yield Hostile(
        "ten thousand columns.csv", lines(order(1) + "," * 10_000, header=columns).encode(), outcome="refused"
    )


def _encodings() -> Iterator[Hostile]:
    named = lines(*(order(n, customer_id=f"Zoë Müller {n}") for n in range(1, 21)))
    unmarked = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-7", "cp1252", "latin-1", "cp037", "cp500")
    for name in ("utf-8", "utf-8-sig", "utf-16", "utf-32", *unmarked):
        content = named.encode(name)
        readable = name in ("utf-8", "utf-8-sig")
        if name != "utf-7":  # it cannot be told from ASCII
            yield Hostile(f"{name}.csv", content, 20 if readable else None, "loads" if readable else "refused")
        yield Hostile(f"{name} declared.csv", content, 20, "loads", name)
    japanese = lines(*(order(n, customer_id=f"日本語 {n}") for n in range(1, 21)))
    for name in ("shift_jis", "euc_jp", "gb18030", "iso2022_jp"):
        yield Hostile(f"{name}.csv", japanese.encode(name), None, "refused")
        yield Hostile(f"{name} declared.csv", japanese.encode(name), 20, "loads", name)
    broken = GOOD.encode()
    for sign in (b"\xff", b"\xc3", b"\xc0\x80", b"\xf5\x80\x80\x80", b"\xed\xa0\x80", b"\x80"):
        at = len(broken) // 2
        outcome: Outcome = "loads" if sign == b"\xed\xa0\x80" else "refused"
        yield Hostile(f"invalid {sign.hex()}.csv", broken[:at] + sign + broken[at:], None, outcome)
    yield Hostile("wrongly declared.csv", GOOD.encode(), None, "refused", "utf-16")
    yield Hostile("half a character at the end.csv", named.encode() + "é".encode()[:1], None, "refused")


def _delimiters() -> Iterator[Hostile]:
    for name, mark in (("comma", ","), ("semicolon", ";"), ("tab", "\t"), ("pipe", "|")):
        yield Hostile(f"{name}.csv", GOOD.replace(",", mark).encode(), 30, "loads")
    for name, mark in (("space", " "), ("colon", ":"), ("caret", "^"), ("unit", "\x1f"), ("nul", "\0")):
        yield Hostile(f"{name}.csv", GOOD.replace(",", mark).encode(), None, "refused")
    yield Hostile("two semicolons.csv", GOOD.replace(",", ";;").encode(), 30, "loads")
    mixed = GOOD.splitlines()
    half = [line.replace(",", ";") if at % 2 else line for at, line in enumerate(mixed)]
    yield Hostile("mixed delimiters.csv", "\n".join(half).encode(), 30, "refused")
    yield Hostile("decimal comma.csv", lines(order(1, amount='"1,50"')).encode(), 1, "loads")
    for name, end in (("crlf", "\r\n"), ("cr", "\r"), ("crcrlf", "\r\r\n"), ("lfcr", "\n\r")):
        yield Hostile(f"line ends {name}.csv", GOOD.replace("\n", end).encode(), 30, "loads")
    for name, end in (("line separator", "\u2028"), ("next line", "\x85"), ("form feed", "\f"), ("tab", "\v")):
        yield Hostile(f"line ends {name}.csv", GOOD.replace("\n", end).encode(), None, "refused")


def _quotes() -> Iterator[Hostile]:
    cells = {
        "doubled": '"a ""b"" c"', "line break": '"a\nb"', "crlf break": '"a\r\nb"', "empty": '""', "blank": '" "',
        "delimiter": '"a,b"', "only a quote": '""""', "single": "'a'", "inch": '5" tube', "backslash": '"a \\"b\\" c"',
        "after": '"a" b', "before": ' "a"', "open": '"a', "open at the end": 'a"', "three": '"""', "typographic": "“a”",
    }  # fmt: skip
    broken = {"backslash", "after", "open", "three"}  # and so one row is rejected
    for name, cell in cells.items():
        rows = [order(n) for n in range(1, 31)]
        rows[14] = order(15, customer_id=cell)
        yield Hostile(f"quote {name}.csv", lines(*rows).encode(), 30, "loads")
        outcome: Outcome = "refused" if name in broken | {"empty", "blank"} else "loads"
        yield Hostile(f"quote {name} last.csv", lines(order(1, customer_id=cell))[:-1].encode(), 1, outcome)
    yield Hostile(
        "quoted header.csv", GOOD.replace(HEADER, '"' + HEADER.replace(",", '","') + '"').encode(), 30, "loads"
    )
    yield Hostile("open quote in the header.csv", ('"' + GOOD).encode(), None, "refused")
    yield Hostile("line break in the header.csv", GOOD.replace("amount", '"amo\nunt"', 1).encode(), None, "refused")


def _shapes() -> Iterator[Hostile]:
    good = [order(n) for n in range(1, 31)]
    yield Hostile("blank lines.csv", "\n\n".join([HEADER, *good, "", ""]).encode(), 30, "loads")
    yield Hostile("blank lines first.csv", ("\n\n" + GOOD).encode(), 30, "loads")
    yield Hostile("no line end.csv", GOOD[:-1].encode(), 30, "loads")
    yield Hostile("one short row.csv", lines(*good[:20], "o99,c1", *good[20:]).encode(), 31, "loads")
    yield Hostile("one long row.csv", lines(*good[:20], order(99) + ",,,", *good[20:]).encode(), 31, "loads")
    yield Hostile("trailing delimiter.csv", lines(*(row + "," for row in good)).encode(), 30, "refused")
    yield Hostile("all rows short.csv", lines(*("1,2" for _ in good)).encode(), 30, "refused")
    yield Hostile("total line.csv", lines(*good, "Total,,315.00,EUR,,").encode(), 31, "loads")
    yield Hostile("comment lines.csv", ("# made by hand\n" + GOOD).encode(), 30, "loads")
    yield Hostile("header only.csv", (HEADER + "\n").encode(), 0, "refused")
    yield Hostile("header twice.csv", (GOOD + HEADER + "\n").encode(), 31, "loads")
    yield Hostile("empty.csv", b"", 0, "refused")
    yield Hostile("only nul.csv", bytes(1000), 0, "refused")
    yield Hostile("only line ends.csv", b"\r\n" * 1000, 0, "refused")
    yield Hostile("one byte.csv", b"x", 0, "refused")
    yield Hostile("two thousand columns.csv", _wide(1_990).encode(), 1, "loads")
    yield Hostile("too many columns.csv", _wide(1_995).encode(), 1, "refused")
    yield Hostile("long cells.csv", lines(*good, order(99, customer_id="x" * 900_000)).encode(), 31, "loads")
    yield Hostile("too long a line.csv", lines(*good, order(99, customer_id="x" * 1_100_000)).encode(), 31, "refused")


def _wide(more: int) -> str:
    return lines(order(1) + "," * more, header=",".join([HEADER, *(f"c{n}" for n in range(more))]))


def _foreign() -> Iterator[Hostile]:
    for name, content in {
        "xlsx": _zipped("xl/workbook.xml", "<workbook/>"),
        "ods": _zipped("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
        "docx": _zipped("word/document.xml", "<document/>"),
        "zip": _zipped("transactions.csv", GOOD),
        "xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000),
        "pdf": b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n",
        "html": b"<!DOCTYPE html>\n<html><body><table><tr><td>Sign in</td></tr></table></body></html>\n",
        "html of a proxy": b"\n\n<html>\n<head><title>407, please sign in</title></head></html>\n",
        "xml": b'<?xml version="1.0"?>\n<orders><order id="1"/></orders>\n',
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>\n',
        "json": json.dumps([{"order_id": "o1", "amount": 1}]).encode(),
        "json lines": b'{"order_id": "o1"}\n{"order_id": "o2"}\n',
        "yaml": b"---\norders:\n  - id: o1\n    amount: 1\n",
        "sqlite": _sqlite(),
        "parquet inside gzip": gzip.compress(parquet_file(), mtime=0),
        "parquet cut": parquet_file()[:-10],
        "parquet head": b"PAR1" + bytes(200),
        "parquet with a wrong end": parquet_file()[:-8] + b"\xff\xff\xff\x7fPAR1",
        "png": b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(500),
        "jpeg": b"\xff\xd8\xff\xe0" + random.Random(2).randbytes(500),
        "7z": b"7z\xbc\xaf\x27\x1c" + random.Random(3).randbytes(500),
        "rar": b"Rar!\x1a\x07\x00" + bytes(100),
        "bzip2": b"BZh91AY&SY" + random.Random(4).randbytes(200),
        "xz": b"\xfd7zXZ\x00" + bytes(100),
        "zstd": b"\x28\xb5\x2f\xfd" + random.Random(5).randbytes(100),
        "arrow": b"ARROW1\0\0" + bytes(100),
        "pickle": b"\x80\x04\x95" + random.Random(6).randbytes(300),
        "elf": b"\x7fELF\x02\x01\x01" + bytes(9) + random.Random(7).randbytes(500),
        "script": b"#!/bin/sh\nrm -rf /\n",
        "sql": b"DROP TABLE raw_transactions;\nINSERT INTO x VALUES (1, 2);\n",
        "prose": b"Dear Sir or Madam, please find the orders, as agreed, below.\nYours, A. Clerk\n",
        "mail": b"From: a@example.com\nTo: b@example.com\nSubject: orders\n\nattached\n",
        "random": random.Random(8).randbytes(5000),
        "random text": random.Random(9).randbytes(5000).hex().encode(),
    }.items():  # fmt: skip
        yield Hostile(f"{name}.csv", content, None, "refused")
    yield Hostile("parquet named csv.csv", parquet_file(), 2, "loads")
    yield Hostile("parquet with nul.parquet", parquet_file(["a\0b", "c"]), 2, "loads")


def _packed() -> Iterator[Hostile]:
    packed = gzip.compress(GOOD.encode(), mtime=0)
    yield Hostile("gzip.csv.gz", packed, 30, "loads")
    yield Hostile("gzip named csv.csv", packed, 30, "loads")
    yield Hostile(
        "gzip in two parts.csv.gz", gzip.compress(GOOD[:400].encode()) + gzip.compress(GOOD[400:].encode()), 30, "loads"
    )
    yield Hostile("gzip with a tail.csv.gz", packed + b"and more", None, "refused")
    yield Hostile("gzip with zeros behind.csv.gz", packed + bytes(512), 30, "loads")
    yield Hostile("gzip in gzip.csv.gz", gzip.compress(packed, mtime=0), None, "refused")
    yield Hostile("gzip of nothing.csv.gz", gzip.compress(b"", mtime=0), None, "refused")
    for cut in (2, 10, 20, len(packed) // 2, len(packed) - 4):
        yield Hostile(f"gzip cut at {cut}.csv.gz", packed[:cut], None, "refused")
    for at in (3, 30, len(packed) - 6):
        flipped = bytearray(packed)
        flipped[at] ^= 0xFF
        yield Hostile(f"gzip changed at {at}.csv.gz", bytes(flipped), None, "refused" if at > 3 else None)


def _headers() -> Iterator[Hostile]:
    row = order(1)
    for name, header, cells, outcome in (
        ("a mark in the middle", HEADER.replace("amount", "\ufeffamount"), row, "refused"),
        ("two marks", "\ufeff\ufeff" + HEADER, row, None),
        ("blanks", HEADER.replace(",", " , "), row, "loads"),
        ("tabs around", HEADER.replace(",", "\t,"), row, None),
        ("no-break blanks", HEADER.replace(",", "\u00a0,"), row, "loads"),
        ("zero width", HEADER.replace("amount", "amo\u200bunt"), row, "refused"),
        ("capitals", HEADER.upper(), row, "loads"),
        ("a name twice", HEADER + ",amount", row + ",1", "refused"),
        ("a name twice in capitals", HEADER + ",AMOUNT", row + ",1", "refused"),
        ("an unread name twice", HEADER + ",x,x", row + ",1,2", "refused"),
        ("empty names", HEADER + ",,", row + ",1,2", "loads"),
        ("only delimiters", ",,,,,", row, "refused"),
        ("numbers", "1,2,3,4,5,6", row, "refused"),
        ("no header", order(0), row, "refused"),
        ("cyrillic twin", HEADER.replace("amount", "аmount"), row, "refused"),
        ("full width", HEADER.replace("amount", "ａmount"), row, "refused"),
        ("turned", "\u202e" + HEADER, row, "refused"),
        ("ansi", HEADER + ",\x1b[2J\x1b[31mred", row + ",1", "loads"),
        ("html", HEADER + ",<script>alert(1)</script>", row + ",1", "loads"),
        ("sql", HEADER + ",\"x\"\"; DROP TABLE raw_transactions; --\"", row + ",1", "loads"),
        ("our own names", HEADER + ",line,s0,rest,ok,row_hash,c0,typed", row + ",1,2,3,4,5,6,7", "loads"),
        ("a very long name", HEADER + "," + "x" * 100_000, row + ",1", "loads"),
        ("surrogate", HEADER + ",\ud800", row + ",1", "loads"),
    ):  # fmt: skip
        rows = 1 if outcome == "loads" else None
        yield Hostile(f"header {name}.csv", lines(cells, header=header).encode("utf-8", "surrogatepass"), rows, outcome)


AMOUNTS = (
    "1e400", "1e308", "1e5", "NaN", "nan", "Infinity", "-inf", "-0", "+0", "0", "1" * 30, "-" + "9" * 16, "9" * 17,
    "0." + "3" * 40, "٣٤", "1٬234", "१२", "½", "1,2,3", "1.2.3", "1 234.50", "1_000", "0x1F", "1e", "--1", "+-1", "$5",
    "(7.00)", "5-", ".", ",", "1.", ".5", "1’234.50", "−5", "00012.30", "5 EUR", "true", "=1+1", "#REF!", "null",
)  # fmt: skip
DATES = (
    "2025-02-30", "1900-02-29", "2023-02-29", "2024-02-29", "2025-13-01", "2025-00-10", "2025-01-00", "12025-01-31",
    "0001-01-01", "9999-12-31", "-2025-01-31", "1738281600", "1738281600000", "45688", "45688.5", "20250131",
    "2025-01-31T24:00:00", "2025-01-31T23:59:60Z", "2025-01-31T10:00:00+99:00", "2025-W05-5", "2025-031", "31.01.2025",
    "1/2/3", "31 Febr 2025", "２０２５-01-31", "today", "now()", "infinity", "epoch", "2025-01-31 10:00 Europe/Rome",
    "2025-01-31\u200b", "0000-00-00", "1970-01-01", "2038-01-19", "31/12/99",
)  # fmt: skip
TEXTS = (
    "=cmd|' /C calc'!A0", "+1", "-1+1", "@SUM(A1)", "\t=1", "<img src=x onerror=alert(1)>", "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07", "\u202egnp.exe", "a\u200bb", "\u2066x\u2069", "[a](javascript:alert(1))", "{{7*7}}", "${7*7}",
    "%s%s%n", "'; DROP TABLE raw_transactions; --", "1') OR ('1'='1", "a\\", "\\N", "../../etc/passwd", "\x7f",
    "a\0b", "x" * 201, "\u00a0", "\u200b", "a" + "\u0301" * 150, "NULL", "None",
)  # fmt: skip


def _values() -> Iterator[Hostile]:
    """Strange values among good ones, in each column where they could be taken for something."""
    given = {"amount": AMOUNTS, "invoice_date": DATES, "payment_date": DATES, "customer_id": TEXTS}
    for column, values in {**given, "order_id": TEXTS, "currency": TEXTS}.items():
        rows = [order(n, **{column: '"' + value + '"'}) for n, value in enumerate(values, start=31)]
        content = lines(*(order(n) for n in range(1, 31)), *rows).encode()
        yield Hostile(f"values of {column}.csv", content, 30 + len(values), "loads")


def _keys() -> Iterator[Hostile]:
    twins = {
        "blanks": ("o1", " o1 "), "case": ("o1", "O1"), "zero width": ("o1", "o1\u200b"), "composed": ("é", "e\u0301"),
        "no-break": ("o 1", "o\u00a01"), "ligature": ("ﬁ", "fi"), "leading zeros": ("1", "01"), "float": ("1", "1.0"),
        "turkish": ("i", "İ"), "sharp s": ("ß", "ss"), "mark": ("o1", "\ufeffo1"), "nul": ("o1", "o\x001"),
    }  # fmt: skip
    for name, (one, other) in twins.items():
        same = lines(order(0, order_id=one), order(0, order_id=other))
        yield Hostile(f"keys {name} alike.csv", same.encode(), 2, "loads")
        differing = lines(order(0, order_id=one), order(0, order_id=other, amount="7.00"))
        outcome: Outcome = "refused" if name in ("blanks", "nul", "float") else "loads"
        yield Hostile(f"keys {name} differing.csv", differing.encode(), 2, outcome)
    yield Hostile("keys all empty.csv", lines(*(order(n, order_id="") for n in range(30))).encode(), 30, "refused")
    yield Hostile("keys all the same.csv", lines(*(order(1) for _ in range(30))).encode(), 30, "loads")


def noisy(content: bytes, rng: random.Random) -> bytes:
    """Return content with some bytes changed, cut out, doubled or put in."""
    out = bytearray(content)
    for _ in range(rng.randint(1, 12)):
        at = rng.randrange(len(out) + 1)
        end = min(len(out), at + rng.choice((1, 1, 1, 2, 5, 40)))
        kind = rng.randrange(4)
        if kind == 0:
            out[at:end] = rng.randbytes(end - at)
        elif kind == 1:
            del out[at:end]
        elif kind == 2:
            out[at:at] = out[at:end]
        else:
            out[at:at] = rng.choice(
                (b'"', b",", b"\n", b"\r", b";", b"\0", b"\t", b"-", b"1", b'""', b"\xc3\xa9", b"e")
            )
    return bytes(out)


def _zipped(name: str, content: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr(name, content)
    return out.getvalue()


def _sqlite() -> bytes:
    with closing(sqlite3.connect(":memory:")) as made:
        made.execute("CREATE TABLE orders (order_id TEXT)")
        return made.serialize()


def parquet_file(customers: Sequence[str] = ("c1", "c2"), times: int = 1) -> bytes:
    """Return a Parquet file of orders of these customers, each so many times; a text stands in it once."""
    number = len(customers) * times
    made = [order(n).split(",") for n in range(1, len(customers) + 1)]
    columns = {name: pa.array([row[at] for row in made]) for at, name in enumerate(HEADER.split(","))}
    whole = {name: _listed(values, number) for name, values in columns.items()}
    out = io.BytesIO()
    parquet.write_table(pa.table({**whole, "customer_id": _listed(pa.array(customers), number)}), out)
    return out.getvalue()


def _listed(values: pa.Array[Any], number: int) -> pa.DictionaryArray[Any]:
    places = pa.array(np.arange(number, dtype=np.int32) % len(values))
    return pa.DictionaryArray.from_arrays(places, values)


def write(folder: Path) -> int:
    """Write all files into a folder; return how many."""
    folder.mkdir(parents=True, exist_ok=True)
    made = [*corpus(), *heavy()]
    for one in made:
        (folder / one.name).write_bytes(one.content)
    return len(made)


if __name__ == "__main__":
    print(write(Path(sys.argv[1])), "files")
